# The command silma. It links the static libraries, so that one file can be copied anywhere.

file(GLOB command_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
if(command_sources)
    add_executable(silma_command ${command_sources})
    set_target_properties(silma_command PROPERTIES OUTPUT_NAME silma)
    target_include_directories(silma_command PRIVATE ${PROJECT_SOURCE_DIR}/cli)
    target_link_libraries(silma_command PRIVATE silma_options silma-static PkgConfig::jansson Threads::Threads m)
    if(TARGET silma-codecs-static)
        target_link_libraries(silma_command PRIVATE silma-codecs-static)
        target_compile_definitions(silma_command PRIVATE SILMA_HAVE_CODECS)
    endif()
    if(SILMA_FETCH)
        target_link_libraries(silma_command PRIVATE PkgConfig::libcurl PkgConfig::libarchive)
        target_compile_definitions(silma_command PRIVATE SILMA_HAVE_CURL)
    endif()
    if(SILMA_RASTER)
        # Loaded when it is needed: its thirty libraries would add half to the time that the command takes to start, and
        # a machine without them could not run it.
        target_include_directories(silma_command SYSTEM PRIVATE ${librsvg_INCLUDE_DIRS} ${cairo_INCLUDE_DIRS})
        target_link_libraries(silma_command PRIVATE ${CMAKE_DL_LIBS})
        target_compile_definitions(silma_command PRIVATE SILMA_HAVE_RASTER)
    endif()
endif()
