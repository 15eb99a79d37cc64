#!/usr/bin/env bash
# The real Fashion-MNIST, from Debian's package: an epoch of a small network, evaluated and predicted.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if ! "$SILMA" data info fashion-mnist >/dev/null 2>&1; then
    skip 'Fashion-MNIST' 'dataset-fashion-mnist is not installed'
    finish
fi
printf 'input auto\nflatten\ndense 16 relu\ndense classes softmax\n' >small.silma

trains() {
    exits 0 train small.silma --data fashion-mnist --epochs 1 --batch 128 --val-split 0.2 --out run &&
        grep -q '48,000 images of 28x28x1 in 10 classes, and 12,000 for validation' err
}

# accuracy ARGUMENT...: at least 75 % after an epoch
accuracy() {
    exits 0 eval run/best.safetensors "$@" --json || return 1
    grep -oE '"accuracy": [0-9.]+' out | awk '{ exit !($2 > 0.75) }'
}

names() {
    exits 0 eval run/best.safetensors && grep -qE '^Ankle boot +1,000 ' out && grep -qE '^ +9 Ankle boot ' out &&
        exits 0 predict run/best.safetensors --index 0 && grep -qE '^fashion-mnist test 0: (Ankle boot, right|.*it is Ankle boot)$' out
}

check 'train' trains
check 'eval --split test' accuracy --split test
check 'eval --split validation' accuracy --split validation
check 'class names' names
finish
