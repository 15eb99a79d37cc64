# libsilma: static and shared, from one set of objects.

file(GLOB_RECURSE library_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.c)
list(FILTER library_sources EXCLUDE REGEX "/src/(codecs|report|check|bench)/")

# Each instruction set has one file that compiles the fast kernels for it; a processor gets only its own.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    list(FILTER library_sources EXCLUDE REGEX "/isa_neon\\.c$")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    list(FILTER library_sources EXCLUDE REGEX "/isa_avx[0-9a-z]*\\.c$")
else()
    list(FILTER library_sources EXCLUDE REGEX "/isa_(neon|avx[0-9a-z]*)\\.c$")
endif()

set(small $<$<CONFIG:Release>:-Os>)
# Loops that matter are unrolled where they stand; -O3 makes the kernels a quarter larger and none faster. Loops are
# aligned by themselves: aligning the functions around them too gains nothing.
set(kernel_options -O2 -fno-align-functions -fno-asynchronous-unwind-tables -fno-math-errno -fno-trapping-math -Wno-pedantic -Wno-pass-failed)
# Checks multiply the code of fully unrolled kernels: gcc takes minutes for those of undefined behaviour, clang for any.
# The kernel tests have guard pages of their own.
if(SILMA_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "Clang")
    list(APPEND kernel_options -fno-sanitize=all)
elseif(SILMA_SANITIZE)
    list(APPEND kernel_options -fno-sanitize=undefined)
endif()
set(isa_scalar_options ${kernel_options} ${small} -ffp-contract=off)
set(isa_neon_options ${kernel_options} -ffp-contract=fast)
set(isa_avx2_options ${kernel_options} -mavx2 -mfma -ffp-contract=fast)
set(isa_avx512_options ${kernel_options} -mavx512f -mavx512vl -mavx512bw -mavx512dq -mfma
                       -mprefer-vector-width=512 -ffp-contract=fast)
# Tables for unwinding are a tenth of the library; no exception passes through it.
set(no_tables $<$<CONFIG:Release>:-fno-asynchronous-unwind-tables>)
# Beside the kernels no loops take time but those of SHA-256, of resizing and of augmentation.
set(other_options ${small} ${no_tables})
# The oracle is compiled as it is written.
set(reference_options -O2 -ffp-contract=off ${no_tables})

foreach(source IN LISTS library_sources)
    get_filename_component(name ${source} NAME_WE)
    if(source MATCHES "/src/kernels/isa_")
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${${name}_options}")
    elseif(source MATCHES "/src/kernels/reference")
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${reference_options}")
    elseif(name STREQUAL "resize")
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O3>;-ffp-contract=off;${no_tables}")
    elseif(name MATCHES "^(sha256|augment_.*|moments|image_sketch)$")
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${no_tables}")
    else()
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${other_options}")
    endif()
endforeach()

# The zoo, models/*.silma, becomes part of the library.
file(GLOB zoo_models CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/models/*.silma)
set(zoo_source ${PROJECT_BINARY_DIR}/generated/zoo_models.c)
add_custom_command(
    OUTPUT ${zoo_source}
    COMMAND ${CMAKE_COMMAND} -DMODELS=${PROJECT_SOURCE_DIR}/models -DOUTPUT=${zoo_source}
            -P ${PROJECT_SOURCE_DIR}/cmake/EmbedModels.cmake
    DEPENDS ${zoo_models} ${PROJECT_SOURCE_DIR}/cmake/EmbedModels.cmake
    COMMENT "Embedding the zoo"
    VERBATIM)
set_source_files_properties(${zoo_source} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)

add_custom_target(generated_sources DEPENDS ${zoo_source})

add_library(silma_objects OBJECT ${library_sources} ${zoo_source})
# Nobody may put a function of his own in the place of one that the library calls itself.
target_compile_options(silma_objects PRIVATE -fno-semantic-interposition)
target_include_directories(silma_objects PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(silma_objects PRIVATE silma_options Threads::Threads PkgConfig::jansson)

# Two libraries `name` (shared) and `name-static` over the same objects. The shared one exports what the headers mark
# with SILMA_API, as SILMA_0, and what src/core/private.h marks, for libsilma-report of the same version alone.
set(version_script ${PROJECT_BINARY_DIR}/generated/silma.map)
configure_file(${PROJECT_SOURCE_DIR}/cmake/silma.map.in ${version_script} @ONLY)

function(silma_library name objects)
    add_library(${name} SHARED $<TARGET_OBJECTS:${objects}>)
    set_target_properties(${name} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                             LINK_DEPENDS ${version_script})
    target_link_options(${name} PRIVATE -Wl,--as-needed -Wl,-z,noseparate-code -Wl,-Bsymbolic-functions
                        -Wl,--version-script=${version_script})
    if(SILMA_PACK_RELOCATIONS) # 2 bytes instead of 24 for each pointer in a table
        target_link_options(${name} PRIVATE -Wl,-z,pack-relative-relocs)
    endif()
    if(NOT SILMA_SANITIZE) # clang's sanitizers are in the programs alone
        target_link_options(${name} PRIVATE -Wl,--no-undefined)
    endif()
    add_library(${name}-static STATIC $<TARGET_OBJECTS:${objects}>)
    set_target_properties(${name}-static PROPERTIES OUTPUT_NAME ${name})
    foreach(library ${name} ${name}-static)
        set_target_properties(${library} PROPERTIES LINKER_LANGUAGE C)
        target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                     $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
        target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:silma_options>)
    endforeach()
endfunction()

silma_library(silma silma_objects)
target_link_libraries(silma PRIVATE PkgConfig::jansson Threads::Threads m)
target_link_libraries(silma-static PRIVATE PkgConfig::jansson Threads::Threads m)
