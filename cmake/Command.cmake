# The command silma. It links the static libraries, so that one file can be copied anywhere.

# What is made of libsilma-report; without it, no_report.c stands in and says so.
set(report_commands "report|report_page|compare|plot|thesis|thesis_runs|trace|figure_files|raster|data_check|bench")

file(GLOB command_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
if(command_sources)
    if(TARGET silma-report-static)
        list(FILTER command_sources EXCLUDE REGEX "/no_report\\.c$")
    else()
        list(FILTER command_sources EXCLUDE REGEX "/(${report_commands})\\.c$")
    endif()
    add_executable(silma_command ${command_sources})
    set_target_properties(silma_command PROPERTIES OUTPUT_NAME silma)
    target_include_directories(silma_command PRIVATE ${PROJECT_SOURCE_DIR}/cli)
    # Downloading is the one part that uses what the library does not publish: errors, whole files, SHA-256.
    set_source_files_properties(${PROJECT_SOURCE_DIR}/cli/download.c ${PROJECT_SOURCE_DIR}/cli/fetch.c
                                ${PROJECT_SOURCE_DIR}/cli/unpack.c
                                PROPERTIES INCLUDE_DIRECTORIES ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(silma_command PRIVATE silma_options silma-static PkgConfig::jansson Threads::Threads m)
    if(TARGET silma-codecs-static)
        target_link_libraries(silma_command PRIVATE silma-codecs-static)
        target_compile_definitions(silma_command PRIVATE SILMA_HAVE_CODECS)
    endif()
    if(TARGET silma-report-static)
        target_link_libraries(silma_command PRIVATE silma-report-static)
        target_compile_definitions(silma_command PRIVATE SILMA_HAVE_REPORT)
    endif()
    if(SILMA_FETCH)
        target_link_libraries(silma_command PRIVATE PkgConfig::libcurl PkgConfig::libarchive)
        target_compile_definitions(silma_command PRIVATE SILMA_HAVE_CURL)
    endif()
    if(SILMA_RASTER AND TARGET silma-report-static)
        # Loaded when it is needed: its thirty libraries would add half to the time that the command takes to start, and
        # a machine without them could not run it.
        target_include_directories(silma_command SYSTEM PRIVATE ${librsvg_INCLUDE_DIRS} ${cairo_INCLUDE_DIRS})
        target_link_libraries(silma_command PRIVATE ${CMAKE_DL_LIBS})
        target_compile_definitions(silma_command PRIVATE SILMA_HAVE_RASTER)
    endif()
endif()
