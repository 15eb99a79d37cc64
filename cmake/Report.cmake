# libsilma-report: pages and figures, the check of data, benchmarks; beside the library that they tell about.

set(report_patterns ${PROJECT_SOURCE_DIR}/src/report/*.c ${PROJECT_SOURCE_DIR}/src/check/*.c
                    ${PROJECT_SOURCE_DIR}/src/bench/*.c)
file(GLOB report_sources CONFIGURE_DEPENDS ${report_patterns})
set_source_files_properties(${report_sources} PROPERTIES COMPILE_OPTIONS "${other_options}")

# The style and the script of `silma trace`'s page become part of it.
set(trace_files ${PROJECT_SOURCE_DIR}/src/report/trace.css ${PROJECT_SOURCE_DIR}/src/report/trace.js)
set(trace_source ${PROJECT_BINARY_DIR}/generated/trace_files.c)
list(JOIN trace_files "," trace_files_joined)
add_custom_command(
    OUTPUT ${trace_source}
    COMMAND ${CMAKE_COMMAND} -DFILES=${trace_files_joined} -DHEADER=report/trace.h -DOUTPUT=${trace_source}
            -P ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
    DEPENDS ${trace_files} ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
    COMMENT "Embedding the page of silma trace"
    VERBATIM)
set_source_files_properties(${trace_source} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
add_custom_target(generated_report_sources DEPENDS ${trace_source})
add_dependencies(generated_sources generated_report_sources)

add_library(silma_report_objects OBJECT ${report_sources} ${trace_source})
target_include_directories(silma_report_objects PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(silma_report_objects PRIVATE silma_options Threads::Threads PkgConfig::jansson)

silma_library(silma-report silma_report_objects)
target_link_libraries(silma-report PUBLIC silma PRIVATE PkgConfig::jansson m)
target_link_libraries(silma-report-static PUBLIC silma-static PRIVATE PkgConfig::jansson m)
