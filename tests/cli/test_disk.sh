#!/usr/bin/env bash
# A disk that is full: the old checkpoint stays whole. A limit on the size of files plays the full disk.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data
cat >net.silma <<'TEXT'
input auto
flatten
dense 32 relu
dense classes softmax
train:
batch 16
TEXT

# limited KILOBYTES ARGUMENT...: the command, with SIGXFSZ ignored so that a write beyond the limit fails.
limited() {
    local kilobytes=$1
    shift
    (
        trap '' XFSZ
        ulimit -f "$kilobytes"
        exec "$SILMA" "$@"
    ) >out 2>err
    local status=$?
    cat out err
    return $status
}

new_run() {
    limited 4 train net.silma --data data --out new --epochs 2
    same $? 4 && grep -q '^silma: train: new' err && [[ ! -e new ]]
}

# No room for the next epoch's checkpoint: history grows beyond the limit first, or a model does.
old_run() {
    exits 0 train net.silma --data data --out old --epochs 2 || return 1
    local before
    before=$(sha old/*)
    limited 4 train --resume old --epochs 4
    same $? 4 && grep -q '^silma: train: ' err && grep -q -- '--resume old' err || return 1
    sha old/best.safetensors old/last.safetensors >after
    same "$(sha old/best.safetensors old/last.safetensors)" "$(printf '%s\n' "$before" | sed -n '1p;5p')" &&
        same "$(find old -type f | grep -c '')" 7
}

then_room_again() {
    exits 0 train --resume old --epochs 4 && exits 0 train net.silma --data data --out never --epochs 4 &&
        same "$(sha old/best.safetensors old/last.safetensors)" "$(sha never/best.safetensors never/last.safetensors)"
}

read_only() {
    [[ $(id -u) -ne 0 ]] || return 0
    mkdir locked && chmod a-w locked && fails 4 'locked' train net.silma --data data --out locked/run
}

a_file_in_the_way() {
    : >file
    fails 4 'file' train net.silma --data data --out file/run && fails 4 'file' train net.silma --data data --out file
}

check 'a new run on a full disk' new_run
check 'an old run on a full disk' old_run
check 'and then there is room' then_room_again
check 'a folder that cannot be written' read_only
check 'a file in the way' a_file_in_the_way
finish
