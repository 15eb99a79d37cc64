#!/usr/bin/env bash
# The summary's numbers are the thesis's, to the digit.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# field NAME: an integer of the JSON summary in `out`, outside its layers.
field() {
    sed -E 's/"layers": .*//' out | grep -oE "\"$1\": [0-9]+" | grep -oE '[0-9]+$'
}

# totals TOTAL TRAINABLE OTHER ARGUMENT...
totals() {
    local total=$1 trainable=$2 other=$3
    shift 3
    exits 0 summary "$@" --json && same "$(field total_params)" "$total" &&
        same "$(field trainable_params)" "$trainable" && same "$(field non_trainable_params)" "$other"
}

# layers NETWORK NUMBER...: the parameters of the layers that have any.
layers() {
    local network=$1
    shift
    exits 0 summary "$network" --json || return 1
    same "$(sed 's/.*"layers"//' out | grep -oE '"trainable_params": [0-9]+' | awk '$2 > 0 { print $2 }' | xargs)" "$*"
}

text_totals() {
    exits 0 summary cnn --data cifar-10 && grep -qE '^Parameters +329,194$' out && grep -qE '^  trainable +328,810$' out &&
        grep -qE '^  not +384$' out && grep -qE '^conv1 +conv 32 3x3 same relu +32x32x32 +896 +884,736$' out &&
        grep -q '^Memory .*at batch 128: training .*MB' out
}

branches() {
    exits 0 summary resnet --input 32x32x3 && grep -qE '^add1 .*<- ' out
}

flops() {
    # conv1 24*24*8*25, dense1 1152*10 multiply-adds, two operations each
    printf 'input 28x28x1\nconv 8 5x5\nmaxpool 2x2\nflatten\ndense 10 softmax\n' >small.silma
    exits 0 summary small.silma --json && same "$(field forward_flops)" $((2 * (24 * 24 * 8 * 25 + 12 * 12 * 8 * 10)))
}

memory_grows() {
    local small large
    exits 0 summary cnn --input 28x28x1 --batch 100 --json && small=$(field train_peak_bytes) &&
        exits 0 summary cnn --input 28x28x1 --batch 1000 --json && large=$(field train_peak_bytes) &&
        same "$(field batch)" 1000 && [[ $large -gt $((8 * small)) && $(field infer_peak_bytes) -lt $large ]]
}

recipe() { # its optimiser's vectors are counted, and its mistakes found
    local adam sgd
    printf 'input 8x8x1\nflatten\ndense 1000\ndense 3 softmax\ntrain:\noptimizer %s\n' adam >adam.silma
    sed 's/adam/sgd/' adam.silma >sgd.silma
    sed 's/optimizer/optimiser/' adam.silma >wrong.silma
    exits 0 summary adam.silma --json && adam=$(field train_peak_bytes) &&
        exits 0 summary sgd.silma --json && sgd=$(field train_peak_bytes) &&
        [[ $((adam - sgd)) -ge $((2 * 4 * 68003)) && $((adam - sgd)) -lt $((2 * 4 * 69000)) ]] &&
        fails 3 "wrong.silma:6: unknown setting 'optimiser'; did you mean 'optimizer'?" summary wrong.silma
}

classes() {
    totals 61763 61763 0 ann --input 20x20x1 --classes 3 && totals 61994 61994 0 ann --input 20x20x1 &&
        totals 120452 120452 0 ann --input 28x28x1 --data-dir . --classes 292
}

inputs() {
    fails 2 'exclude each other' summary cnn --data mnist --input 28x28x1 && fails 2 "found '28x28'" summary cnn --input 28x28 &&
        fails 2 "found '0x28x1'" summary cnn --input 0x28x1 && fails 2 "found '1x2x3x4'" summary cnn --input 1x2x3x4 &&
        fails 2 "found '28x28x99999999999'" summary cnn --input 28x28x99999999999
}

unknown_data() {
    fails 4 'fashion-mnist' summary cnn --data fashion-mnits
}

check 'LeNet-5 (figure 13)' totals 61706 61706 0 lenet5
check 'LeNet-5, layer by layer' layers lenet5 156 2416 48120 10164 850
check 'AlexNet (figure 15)' totals 60965224 60965224 0 alexnet
check 'AlexNet, layer by layer' layers alexnet 34944 307456 885120 663936 442624 37752832 16781312 4097000
check 'the CIFAR-10 ANN (figure 18)' totals 404010 404010 0 ann --data cifar-10
check 'the Fashion-MNIST ANN (figure 27)' totals 111146 111146 0 ann --data fashion-mnist
check 'the CIFAR-10 CNN (figure 22)' totals 329194 328810 384 cnn --input 32x32x3
check 'the Fashion-MNIST CNN (figure 31)' totals 267178 266794 384 cnn --input 28x28x1
check 'the text has the same totals' text_totals
check 'branches are shown' branches
check 'operations are counted' flops
check 'memory grows with the batch' memory_grows
check 'the recipe counts' recipe
check 'classes: ten unless said otherwise' classes
check 'wrong sizes' inputs
check 'a misspelt data set' unknown_data
finish
