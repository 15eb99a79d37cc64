# shellcheck shell=bash
# Helper functions of the command's tests. A test sources this file, runs its cases through `check`, and ends with
# `finish`. Each case is a function (or command) that fails by a status other than 0; what it prints is shown then.
#
#   $SILMA             the command
#   $SILMA_SOURCE_DIR  the repository
#   $work              a fresh folder, the current one, removed at the end
set -uo pipefail
: "${SILMA:?path of the command}" "${SILMA_SOURCE_DIR:?the root of the repository}"
SILMA=$(realpath "$SILMA")
SILMA_SOURCE_DIR=$(realpath "$SILMA_SOURCE_DIR")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir home
export HOME=$work/home
# Libraries that --png loads keep their caches until the end.
export LSAN_OPTIONS=suppressions=$SILMA_SOURCE_DIR/tests/lsan-suppressions.txt:print_suppressions=0
unset SILMA_DATA SILMA_CACHE XDG_DATA_HOME XDG_CACHE_HOME NO_COLOR
failures=0

# check NAME COMMAND...: one case.
check() {
    local name=$1
    shift
    if "$@" >"$work/.case" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        sed 's/^/    /' "$work/.case"
        failures=$((failures + 1))
    fi
}

# skip NAME REASON: a case that cannot run here.
skip() {
    printf 'skipped %s: %s\n' "$1" "$2"
}

finish() {
    exit $((failures > 0))
}

# silma ARGUMENT...: the command, its output kept in the files out and err, and shown.
silma() {
    "$SILMA" "$@" >out 2>err
    local status=$?
    cat out err
    return $status
}

# exits CODE ARGUMENT...: the command must end with this code.
exits() {
    local code=$1 status
    shift
    silma "$@"
    status=$?
    [[ $status -eq $code ]] || { echo "exit code $status instead of $code: silma $*"; return 1; }
}

# fails CODE TEXT ARGUMENT...: the same, with TEXT in the messages, which are one line and possibly a hint.
fails() {
    local code=$1 text=$2
    shift 2
    exits "$code" "$@" || return 1
    grep -qF -- "$text" err || { echo "expected in the message: $text"; return 1; }
    [[ $(grep -c '' err) -le 2 ]] || { echo "more than a message and a hint"; return 1; }
    [[ $(sed -n 1p err) == silma:* ]] || { echo "the message does not begin with 'silma:'"; return 1; }
    [[ $(grep -c '' err) -eq 1 || $(sed -n 2p err) == hint:* ]] || { echo "the second line is no hint"; return 1; }
}

# as_somebody COMMAND...: with a $SILMA that may not read everything, although root runs the tests: it is nobody then.
as_somebody() {
    [[ $(id -u) -ne 0 ]] && { "$@"; return; }
    local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups) root=$SILMA status
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${nobody[*]}" "$root" >"$work/.nobody"
    chmod 755 "$work" "$work/.nobody"
    SILMA=$work/.nobody
    "$@"
    status=$?
    SILMA=$root
    return $status
}

# nobody_can_run: whether as_somebody works here.
nobody_can_run() {
    as_somebody silma --version >/dev/null 2>&1
}

# same A B: two texts must be equal.
same() {
    [[ $1 == "$2" ]] || { printf 'expected: %s\nfound:    %s\n' "$2" "$1"; return 1; }
}

# Bytes as \ooo, for printf.
big_endian() {
    printf '\\%03o\\%03o\\%03o\\%03o' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255))
}

# idx_part FOLDER PART COUNT SEED [CLASSES]: COUNT noisy images of 8x8 pixels; a small network tells the first three
# classes apart.
idx_part() {
    local folder=$1 part=$2 count=$3 seed=$4 classes=${5:-3}
    # shellcheck disable=SC2059 # the format is made of \ooo alone
    {
        printf '\0\0\010\001'
        printf "$(big_endian "$count")"
        printf "$(awk -v n="$count" -v k="$classes" 'BEGIN { for (i = 0; i < n; i++) printf "\\%03o", i % k }')"
    } >"$folder/$part-labels-idx1-ubyte"
    # shellcheck disable=SC2059
    {
        printf '\0\0\010\003'
        printf "$(big_endian "$count")$(big_endian 8)$(big_endian 8)"
        printf "$(awk -v n="$count" -v k="$classes" -v s="$seed" 'BEGIN {
            for (i = 0; i < n; i++)
                for (y = 0; y < 8; y++)
                    for (x = 0; x < 8; x++) {
                        s = (s * 16807) % 2147483647
                        bright = i % k == 0 ? x < 4 : i % k == 1 ? y < 4 : (x + y) % 2
                        printf "\\%03o", bright * 80 + int(s / 2147483647 * 176)
                    }
        }')"
    } >"$folder/$part-images-idx3-ubyte"
}

# make_data FOLDER [TRAIN [TEST]]: a data set in IDX files.
make_data() {
    mkdir -p "$1"
    idx_part "$1" train "${2:-240}" 1
    idx_part "$1" t10k "${3:-60}" 2
}

sha() {
    sha256sum "$@" | cut -d' ' -f1
}
