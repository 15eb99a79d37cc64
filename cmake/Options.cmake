# What every file of the project is compiled with: the target silma_options, linked privately by all others.

add_library(silma_options INTERFACE)
target_compile_options(silma_options INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Werror=implicit-function-declaration
    # Sums mean what they say: only the files of an instruction set may fuse a multiplication and an addition.
    -ffp-contract=off)

if(SILMA_WERROR)
    target_compile_options(silma_options INTERFACE -Werror)
endif()
if(SILMA_SANITIZE)
    target_compile_options(silma_options INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(silma_options INTERFACE -fsanitize=address,undefined)
endif()
if(SILMA_FUZZ)
    target_compile_options(silma_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SILMA_COVERAGE)
    target_compile_options(silma_options INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(silma_options INTERFACE --coverage)
endif()
