#!/usr/bin/env bash
# clang-format, clang-tidy and cppcheck over the whole tree; prints nothing and exits 0 if all are content.
# The compile commands are those of clang, which clang-tidy understands without exceptions.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
build=build/lint
status=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a command; what it prints is shown only if it fails.
quietly() {
    "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    printf '%s: failed\n' "$1" >&2
    status=1
}

mapfile -t files < <(find include src cli tests examples bench fuzz tools -name '*.[ch]' 2>/dev/null | sort)
quietly clang-format --dry-run -Werror "${files[@]}"

quietly cmake --preset release-clang -B "$build"
quietly cmake --build "$build" -t generated_sources
[[ -f $build/compile_commands.json ]] || exit 1
# The compilation database also names the unit tests; the files of another processor and the examples are not in it.
mapfile -t compiled < <(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" |
    grep -v "/$build/" | sort -u)
# tidy OPTION...: every file of stdin. One file a process: given several, the analyser of clang 14 takes each va_list
# for uninitialised.
tidy() {
    xargs -d '\n' -n 1 -P "$(nproc)" clang-tidy --quiet -p "$build" "$@"
}
defines_errors='/(core/error|nn/words)\.c$' # these define what lint_model.h tells about
quietly tidy < <(printf '%s\n' "${compiled[@]}" | grep -E "$defines_errors")
quietly tidy --extra-arg=-D_GNU_SOURCE= --extra-arg=-include --extra-arg="$PWD/tests/lint_model.h" \
    --extra-arg=-I"$PWD/src" \
    < <(printf '%s\n' "${compiled[@]}" | grep -vE "$defines_errors")
quietly cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$(nproc)" \
    --enable=warning,performance,portability --suppressions-list=tests/cppcheck-suppressions.txt \
    -I include -I src -D__GNUC__ -D__x86_64__ '-Djson_object_foreach(object,key,value)=for(;;)' \
    src cli examples
exit $status
