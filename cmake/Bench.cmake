# bench/*.c: programs that time parts of the library from the inside.

file(GLOB bench_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.c)
foreach(source IN LISTS bench_sources)
    get_filename_component(program ${source} NAME_WE)
    add_executable(${program} ${source})
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${program} PRIVATE silma_options silma-static PkgConfig::jansson Threads::Threads m)
endforeach()
