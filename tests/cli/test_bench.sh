#!/usr/bin/env bash
# silma bench: what it prints, in text and JSON, and what it refuses.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# field NAME: the first number of that name in the JSON in `out`.
field() {
    grep -oE "\"$1\": [0-9.e+-]+" out | head -n 1 | sed 's/.*: //'
}

# rows: names and figures of the table in `out`.
rows() {
    grep -E '^\| (conv|dense|train|infer)' out
}

kernels_table() {
    exits 0 bench kernels --filter '4096->64' --repeats 1 &&
        same "$(rows | cut -d'|' -f2 | sed 's/^ *//; s/ *$//')" \
            "$(printf 'dense 4096->64 %s\n' forward 'gradient to weights' 'gradient to input')" &&
        # a table: every row has as many columns as the heading
        same "$(grep '^|' out | tr -cd '|\n' | sort -u | grep -c '')" 1 &&
        # of peak = GFLOP/s : FMA peak
        rows | awk -F'|' '{ d = $8 / $9 - $10; if (d * d > 0.01 + ($10 / 20) ^ 2) { print; exit 1 } }'
}

directions() {
    exits 0 bench kernels --filter 'conv3x3 1->32@28' --repeats 1 --json &&
        grep -q '"conv3x3 1->32@28 forward"' out && grep -q '"conv3x3 1->32@28 gradient to filters"' out &&
        ! grep -q 'gradient to input' out
}

direct_sums() {
    exits 0 bench kernels --filter '64->64@16 forward' --repeats 1 --json &&
        grep -q '"conv3x3 64->64@16 forward"' out && grep -q '"conv3x3 64->64@16 forward direct"' out &&
        exits 0 bench kernels --filter '64->64@16 forward' --repeats 1 --no-winograd --json &&
        grep -q '"conv3x3 64->64@16 forward"' out && ! grep -q 'direct"' out
}

# How far from sums in double precision: a column of its own, and nothing where it was not asked for.
errors() {
    exits 0 bench kernels --filter '64->64@16 forward' --repeats 1 --error &&
        same "$(grep '^|' out | tr -cd '|\n' | sort -u | grep -c '')" 1 &&
        rows | awk -F'|' '{ if (!($11 > 1e-8 && $11 < 1e-5)) { print; exit 1 } } END { exit NR != 2 }' &&
        exits 0 bench kernels --filter '64->64@16 forward' --repeats 1 --error --json &&
        same "$(grep -oE '"relative_error": [0-9.]+e-0?[67]' out | grep -c '')" 2 &&
        exits 0 bench kernels --filter '4096->64 forward' --repeats 1 --json && grep -q '"relative_error": null' out
}

sweeps() {
    exits 0 bench kernels --filter '4096->64 forward' --repeats 1 --threads 1,2 --isa scalar --json &&
        same "$(grep -oE '"isa": "scalar", "threads": [0-9]+, "images"' out | grep -oE '[0-9]+' | xargs)" '1 2' &&
        same "$(grep -o '"cpu"' out | grep -c '')" 1 && [[ -n $(field peak_gflops) ]]
}

training() {
    exits 0 bench train ann --input 8x8x1 --classes 3 --batch 16 --steps 2 --json &&
        grep -q '"name": "train ann 8x8x1 batch 16"' out && same "$(field images)" 16 && same "$(field repeats)" 2 &&
        awk -v rate="$(field images_per_second)" -v time="$(field seconds_median)" \
            'BEGIN { exit !(rate > 0 && rate * time > 15.99 && rate * time < 16.01) }' &&
        [[ $(field peak_memory_bytes) -gt 1000000 ]]
}

# multiply-adds of this network: 64*5 + 5*3; a step is three forward passes of two operations each
training_flops() {
    printf 'input 8x8x1\nflatten\ndense 5 relu\ndense 3 softmax\n' >small.silma
    exits 0 bench train small.silma --batch 10 --steps 1 --json &&
        awk -v speed="$(field gflops)" -v time="$(field seconds_median)" \
            'BEGIN { flops = speed * time * 1e9; exit !(flops > 20099 && flops < 20101) }'
}

training_on_images() {
    make_data images 60 10 &&
        exits 0 bench train ann --data images --batch 20 --steps 1 --json && grep -q 'train ann 8x8x1 batch 20' out &&
        exits 0 bench train ann --data images --batch 20 --steps 1 --augment standard,mixup=1 &&
        fails 2 "did you mean 'flip'?" bench train ann --data images --augment flop &&
        fails 2 'has only 60 to train on' bench train ann --data images --batch 61
}

# Of 1,000 classes there are fewer images than one each.
more_classes_than_images() {
    printf 'input 8x8x1\nflatten\ndense 1000 softmax\ntrain:\nval_split 0.1\n' >many.silma
    exits 0 bench train many.silma --batch 8 --steps 1 && grep -q 'train many 8x8x1 batch 8' out
}

leaves_nothing() {
    exits 0 bench train ann --input 8x8x1 --batch 4 --steps 1 && [[ ! -e runs ]]
}

inference() {
    exits 0 bench infer lenet5 --batch 1 --steps 1 --threads 1 --json && grep -q '"infer lenet5 ' out &&
        exits 0 bench infer cnn --data cifar-10 --batch 300 --steps 1 --json && grep -q 'infer cnn 32x32x3 batch 300' out
}

refusals() {
    fails 2 'what to measure is missing' bench && fails 2 "found 'everything'" bench everything &&
        fails 2 'a network is missing' bench train && fails 2 "unexpected word 'cnn'" bench kernels cnn &&
        fails 2 '--batch does not go with' bench kernels --batch 3 &&
        fails 2 '--filter does not go with' bench train cnn --filter x &&
        fails 2 '--error does not go with' bench infer cnn --error &&
        fails 2 '--augment does not go with' bench infer cnn --augment flip &&
        fails 2 "no kernel's name contains 'pool'" bench kernels --filter pool &&
        fails 2 "--threads: expected" bench kernels --threads 1,none && fails 2 '--threads: expected' bench kernels --threads 1, &&
        fails 2 "instruction set 'sse'" bench kernels --isa sse --filter '4096->64 forward' &&
        fails 2 'exclude each other' bench train cnn --data mnist --input 28x28x1 &&
        fails 2 'input auto' bench train cnn
}

check 'a table of kernels' kernels_table
check 'a first layer has no gradient to its input' directions
check 'direct sums beside the chosen way' direct_sums
check 'how exact convolutions are' errors
check 'a run for each number of threads' sweeps
check 'training steps' training
check 'operations of a training step' training_flops
check 'training on images' training_on_images
check 'more classes than images' more_classes_than_images
check 'training leaves no run behind' leaves_nothing
check 'inference' inference
check 'what is refused' refusals
finish
