#!/usr/bin/env bash
# silma gradcheck: the networks of the zoo pass, on the fast kernels and on the reference; mistakes are told.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# tensors NETWORK COUNT ARGUMENT...: all of them pass.
tensors() {
    local count=$1
    shift
    exits 0 gradcheck "$@" && same "$(grep -c ' passed$' out)" "$count" && ! grep -q FAILED out
}

json() {
    exits 0 gradcheck perceptron --input 2x2x1 --classes 2 --json &&
        grep -qE '^\{"passed": true, "results": \[\{"name": "input", "checked": 12, "worst": [0-9.e-]+, "passed": true\}' out &&
        same "$(grep -oE '"name": "[^"]+"' out | cut -d'"' -f4 | xargs)" "input dense1.kernel dense1.bias"
}

branches() {
    cat >branch.silma <<'END'
input 6x6x2
conv 4 3x3 same elu name=stem
conv 4 3x3 same
add stem
prelu
concat stem prelu1
globalavgpool
dense 3 softmax
END
    tensors 8 branch.silma
}

repeats() {
    exits 0 gradcheck tiny --seed 3 --json && cp out first && exits 0 gradcheck tiny --seed 3 --threads 3 --json &&
        cmp first out && exits 0 gradcheck tiny --seed 4 --json && ! cmp -s first out
}

wrong_line() {
    printf 'input 8x8x1\ndens 3 softmax\n' >wrong.silma
    fails 3 'wrong.silma:2: ' gradcheck wrong.silma
}

check "tiny: all tensors pass" tensors 11 tiny
check "tiny on the reference" tensors 11 tiny --backend reference
check "a network with branches" branches
check "one JSON object" json
check "the same figures for a seed, whatever the threads" repeats
check "a network that is not there" fails 2 'no-such-network' gradcheck no-such-network
check "a wrong line is told with its place" wrong_line
check "a network that needs a size says so" fails 2 "--input HxWxC" gradcheck cnn
finish
