#!/usr/bin/env bash
# Installs a build into a fresh folder and uses nothing but the installed copy: builds and runs the programs in
# examples/ by pkg-config and by CMake, and looks at what the libraries need and export.
#
#   test_install.sh BUILD_DIR       prints "ok NAME" or "not ok NAME" for each case
set -uo pipefail
build=$(cd "${1:?usage: test_install.sh BUILD_DIR}" && pwd)
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
failures=0

# check NAME COMMAND...: one case; what the command prints is shown only if it fails.
check() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        sed 's/^/  /' "$work/log"
        failures=$((failures + 1))
    fi
}

installs() {
    cmake --install "$build" --prefix "$work/first" && mv "$work/first" "$prefix" # an installed tree may be moved
    local file
    for file in include/silma/silma.h bin/silma share/man/man1/silma.1 share/bash-completion/completions/silma \
        share/silma/models/cnn.silma share/doc/silma/LICENSE share/doc/silma/README.md share/doc/silma/docs/augmentation.md \
        share/doc/silma/docs/images/report.png share/doc/silma/examples/train.c; do
        [[ -s $prefix/$file ]] || { echo "missing: $file"; return 1; }
    done
    libdir=$(dirname "$(find "$prefix" -name libsilma.so)")
    [[ -f $libdir/libsilma.a && -L $libdir/libsilma.so.0 ]]
}

# needed LIBRARY: the libraries that it names.
needed() {
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'
}

# The library needs libc, libm, threads (part of libc by now) and jansson; so do all that these load.
needs_little() {
    local few='(libc|libm|libpthread|libjansson)\.so\.[0-9]+'
    needed "$libdir/libsilma.so"
    ldd "$libdir/libsilma.so"
    [[ $(needed "$libdir/libsilma.so" | grep -c libjansson) -eq 1 ]] &&
        ! needed "$libdir/libsilma.so" | grep -vxE "$few|ld-linux.*" &&
        ! ldd "$libdir/libsilma.so" | awk '{ print $1 }' | grep -vE "^$few$|^linux-vdso|/ld-linux"
}

# Pages and figures need the library itself, and nothing more than it does.
report_needs_little() {
    needed "$libdir/libsilma-report.so"
    ! needed "$libdir/libsilma-report.so" | grep -vxE '(libsilma|libc|libm|libjansson)\.so\.[0-9]+|ld-linux.*'
}

# Without symbols and debugging information, with every instruction set: 500 KB.
is_small() {
    local most=512000 size
    strip -o "$work/stripped.so" "$libdir/libsilma.so"
    size=$(stat -c %s "$work/stripped.so")
    echo "libsilma.so has $size bytes without its symbols, expected at most $most"
    ((size <= most))
}

# symbols LIBRARY: name and version of what it exports, without the versions' own names.
symbols() {
    nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }'
}

# Public symbols have the version of the interface; those that libsilma lends to libsilma-report have one of this very
# version, under names that no program has by chance.
exports_only_its_own() {
    local library version
    version=$(pkg-config --modversion "$libdir/pkgconfig/silma.pc")
    for library in "$libdir"/libsilma*.so; do
        symbols "$library" | grep -vE "^silma_[a-z0-9_]+@@(SILMA_${version%%.*}|SILMA_PRIVATE_$version)$" && return 1
        symbols "$library" | grep -E '^silma_private_.*@@SILMA_[0-9]+$|@@SILMA_PRIVATE_' |
            grep -vE '^silma_private_.*@@SILMA_PRIVATE_' && return 1
        [[ $(symbols "$library" | wc -l) -gt 0 ]] || return 1
    done
}

# Every function that a header declares is exported.
exports_all_of_the_headers() {
    local library
    sed -n 's/^SILMA_API .*[ *]\(silma_[a-z0-9_]*\)(.*/\1/p' "$prefix"/include/silma/*.h | sort >"$work/declared"
    for library in "$libdir"/libsilma*.so; do symbols "$library"; done | grep -v '@@SILMA_PRIVATE_' |
        sed 's/@@.*//' | sort >"$work/exported"
    [[ -s $work/declared ]] && diff "$work/declared" "$work/exported"
}

headers_compile_alone() {
    local header
    for header in "$prefix"/include/silma/*.h; do
        printf '#include <silma/%s>\n' "$(basename "$header")" >"$work/header.c"
        gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -I "$prefix/include" -fsyntax-only "$work/header.c" || return 1
        command -v g++ >/dev/null || continue
        g++ -x c++ -Wall -Wextra -Wpedantic -Werror -I "$prefix/include" -fsyntax-only "$work/header.c" || return 1
    done
}

# A libsilma of another version lends other private functions: libsilma-report must not load with it. The same length,
# so that only the names of the version differ.
report_refuses_another_version() {
    local version other=$work/other-version
    version=$(pkg-config --modversion "$libdir/pkgconfig/silma.pc")
    mkdir "$other" &&
        sed "s/SILMA_PRIVATE_${version//./\\.}/SILMA_PRIVATE_${version//[0-9]/9}/g" "$libdir/libsilma.so.0" \
            >"$other/libsilma.so.0" || return 1
    LD_LIBRARY_PATH=$other:$libdir "$work/by-make/train" "$work/other-run" || return 1 # needs what is public alone
    LD_LIBRARY_PATH=$other:$libdir "$work/by-make/write_report" "$work/other-run" 2>"$work/refused" && return 1
    cat "$work/refused"
    grep -q "SILMA_PRIVATE_$version" "$work/refused"
}

builds_with_pkg_config() {
    cp -r "$source/examples" "$work/by-make" &&
        PKG_CONFIG_PATH=$libdir/pkgconfig make -C "$work/by-make" CFLAGS='-O1 -Wall -Wextra -Werror'
}

builds_static_with_pkg_config() {
    local -x PKG_CONFIG_PATH=$libdir/pkgconfig
    # shellcheck disable=SC2046
    gcc -O1 $(pkg-config --cflags silma) -o "$work/train-static" "$source/examples/train.c" \
        "$libdir/libsilma.a" $(pkg-config --static --libs-only-l --libs-only-other silma | sed 's/-lsilma//')
}

# The static libsilma-codecs with all that it needs: decodes a picture.
decodes_with_static_codecs() {
    local -x PKG_CONFIG_PATH=$libdir/pkgconfig
    cat >"$work/decode.c" <<'END'
#include <silma/codecs.h>
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    static uint8_t bytes[1 << 16];
    silma_picture picture = {0};
    size_t size = fread(bytes, 1, sizeof(bytes), stdin);
    silma_status status = silma_codecs_default()->decode_picture("stdin", bytes, size, 0, SILMA_MOST_PIXELS, &picture, NULL);
    if (status == SILMA_OK) printf("%dx%dx%d\n", picture.height, picture.width, picture.channels);
    free(picture.pixels);
    return (int)status;
}
END
    # shellcheck disable=SC2046
    gcc -O1 $(pkg-config --cflags silma-codecs) -o "$work/decode" "$work/decode.c" "$libdir/libsilma-codecs.a" \
        "$libdir/libsilma.a" \
        $(pkg-config --static --libs-only-l --libs-only-other silma-codecs | sed 's/-lsilma-codecs//; s/-lsilma//') &&
        [[ $("$work/decode" <"$source/tests/data/pictures/rgb.jpg") == 7x11x3 ]] &&
        [[ $("$work/decode" <"$source/tests/data/pictures/palette4-transparent.png") == 7x11x4 ]]
}

builds_with_cmake() {
    cmake -G Ninja -S "$source/examples" -B "$work/by-cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release &&
        cmake --build "$work/by-cmake"
}

# says TEXT COMMAND...: the command succeeds and prints TEXT.
says() {
    local text=$1 output
    shift
    output=$("$@") || return 1
    printf '%s\n' "$output"
    [[ $output == *"$text"* ]]
}

# use FOLDER [SUFFIX]: trains, classifies and describes with the programs built in it.
use() {
    local programs=$1 suffix=${2-}
    local run=$programs/run$suffix
    "$programs/train$suffix" "$run" &&
        if [[ -f $build/libsilma-codecs.a ]]; then
            says 'bar.pgm: horizontal' "$programs/classify$suffix" "$run/best.safetensors" "$run/bar.pgm" &&
                "$programs/draw_shapes$suffix" "$run/shapes" 2 &&
                says '"count": 12' "$prefix/bin/silma" data info "$run/shapes" --json
        fi &&
        says passed "$programs/custom_network$suffix" &&
        if [[ -f $build/libsilma-report.a ]]; then
            says 'report.html' "$programs/write_report$suffix" "$run" && grep -q '</html>' "$run/report.html" &&
                grep -q '<svg' "$run/curves.svg"
        fi
}

use_with_shared_library() {
    local -x LD_LIBRARY_PATH=$libdir
    use "$@"
}

command_is_installed() {
    says "silma $(pkg-config --modversion "$libdir/pkgconfig/silma.pc")" "$prefix/bin/silma" --version &&
        says cnn "$prefix/bin/silma" models
}

check "installs everything" installs
check "libsilma.so needs only libc, libm and jansson" needs_little
if grep -q '^CMAKE_BUILD_TYPE:STRING=Release$' "$build/CMakeCache.txt"; then
    check "libsilma.so has at most 500 KB without its symbols" is_small
fi
if [[ -f $build/libsilma-report.a ]]; then
    check "libsilma-report.so needs only libsilma, libc, libm and jansson" report_needs_little
fi
check "the shared libraries export silma_ symbols only" exports_only_its_own
check "the shared libraries export every function of the headers" exports_all_of_the_headers
check "each header compiles alone" headers_compile_alone
check "examples build with pkg-config" builds_with_pkg_config
check "an example builds with pkg-config and the static library" builds_static_with_pkg_config
if [[ -f $build/libsilma-codecs.a ]]; then
    check "pictures are decoded with pkg-config and the static libraries" decodes_with_static_codecs
fi
check "examples build with CMake" builds_with_cmake
check "examples run (pkg-config)" use_with_shared_library "$work/by-make"
if [[ -f $build/libsilma-report.a ]]; then
    check "libsilma-report.so loads with the libsilma of its version alone" report_refuses_another_version
fi
check "examples run (CMake, shared)" use "$work/by-cmake"
check "examples run (CMake, static)" use "$work/by-cmake" -static
check "the installed command runs" command_is_installed
((failures == 0))
