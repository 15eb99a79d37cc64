#!/usr/bin/env bash
# Calibrating a model, and what it says from then on.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data
cat >net.silma <<'TEXT'
input auto
flatten
dense classes softmax
train:
batch 16
epochs 5
lr 3e-3
val_split 0.5
TEXT
"$SILMA" train net.silma --data data --out run --quiet >/dev/null || exit 1

# field NAME: a number of the JSON object in the file out.
field() {
    grep -oE "\"$1\": [0-9.e-]+" out | head -1 | cut -d' ' -f2
}

calibrates() {
    exits 0 calibrate run/best.safetensors --error-rate 0.02 && grep -q '^unknown below ' out && grep -q '^loss ' out &&
        grep -q '^expected calibration error' out && grep -q '^model: run/calibrated.safetensors$' out &&
        [[ -s run/calibrated.safetensors ]]
}

# Evaluating the calibrated model gives the loss that calibrating promised, and the same accuracy.
eval_agrees() {
    exits 0 calibrate run/best.safetensors --json --force --error-rate 0.02 || return 1
    local loss_before loss_after accuracy
    loss_before=$(field loss_before) loss_after=$(field loss_after) accuracy=$(field accuracy)
    awk "BEGIN { exit !($loss_after <= $loss_before) }" && exits 0 eval run/best.safetensors --split validation --json &&
        awk "BEGIN { exit !(($(field loss) - $loss_before) ^ 2 < 1e-10) }" && same "$(field accuracy)" "$accuracy" &&
        exits 0 eval run/calibrated.safetensors --split validation --json &&
        awk "BEGIN { exit !(($(field loss) - $loss_after) ^ 2 < 1e-10) }" && same "$(field accuracy)" "$accuracy" &&
        exits 0 eval run/calibrated.safetensors && grep -qE '^calibrated +temperature [0-9.]+; unknown below ' out
}

# The promise holds on the images that it was made on: as many are known, and as many of them right.
says_unknown() {
    exits 0 calibrate run/best.safetensors --split test --json --out test.safetensors --error-rate 0.05 || return 1
    local known right threshold
    known=$(field known) right=$(field known_right) threshold=$(field threshold)
    awk "BEGIN { exit !($known < 60 && $known - $right <= 0.05 * $known) }" &&
        exits 0 predict test.safetensors --data data --index 0-59 --json &&
        same "$(grep -o '"unknown": false' out | grep -c '')" "$known" &&
        exits 0 predict test.safetensors --data data --index 0-59 &&
        grep -q "^$right of 60 right, $((60 - known)) unknown$" out && grep -qE '^data test [0-9]+: unknown, it is [012]$' out &&
        exits 0 predict test.safetensors --data data --index 0-59 --csv --top 1 &&
        awk -F, -v t="$threshold" 'NR > 1 && ($7 < t) != ($4 == "true") { exit 1 }' out
}

unknown_files() {
    { printf 'P5\n8 8\n255\n'; head -c 64 /dev/zero; } >black.pgm
    exits 0 calibrate run/best.safetensors --out strict.safetensors --error-rate 0 && exits 0 predict strict.safetensors black.pgm &&
        grep -q '^black.pgm: unknown$' out && exits 0 predict strict.safetensors black.pgm --json && grep -q '"unknown": true' out
}

nothing_is_overwritten() {
    local before
    before=$(sha run/calibrated.safetensors run/best.safetensors run/last.safetensors)
    fails 2 'run/calibrated.safetensors: is there already' calibrate run/best.safetensors &&
        fails 2 'run/best.safetensors: is there already' calibrate run/best.safetensors --out run/best.safetensors &&
        fails 2 'runs are continued' calibrate run/last.safetensors --out run/last.safetensors --force &&
        same "$(sha run/calibrated.safetensors run/best.safetensors run/last.safetensors)" "$before" &&
        fails 4 'nowhere' calibrate run/best.safetensors --out nowhere/model.safetensors
}

# In place, twice: the second starts from the model as it was trained, and the same file comes out.
in_place() {
    cp run/best.safetensors run/mine.safetensors && exits 0 calibrate run/mine.safetensors --out run/mine.safetensors --force || return 1
    local first
    first=$(sha run/mine.safetensors)
    [[ $first != "$(sha run/best.safetensors)" ]] && exits 0 calibrate run/mine.safetensors --out run/mine.safetensors --force &&
        same "$(sha run/mine.safetensors)" "$first"
}

# The temperature of a model does not go on into its run.
resumes_uncalibrated() {
    cp -r run again && exits 0 calibrate run/last.safetensors --out calibrated.safetensors &&
        exits 0 train --resume run --epochs 6 && exits 0 train --resume again --epochs 6 &&
        same "$(sha run/best.safetensors)" "$(sha again/best.safetensors)"
}

wrong_requests() {
    local rate
    for rate in -0.1 1.5 x '' nan; do
        fails 2 '--error-rate' calibrate run/best.safetensors --out new.safetensors --error-rate="$rate" || return 1
    done
    cp run/best.safetensors alone.safetensors
    fails 4 'no split.json' calibrate alone.safetensors --data data --out new.safetensors &&
        fails 2 '--data is missing' calibrate alone.safetensors --out new.safetensors && [[ ! -e new.safetensors ]]
}

check 'calibrate' calibrates
check 'eval agrees with calibrate' eval_agrees
check 'predict says unknown' says_unknown
check 'predict says unknown of files' unknown_files
check 'nothing is overwritten' nothing_is_overwritten
check 'in place' in_place
check 'a run is not calibrated' resumes_uncalibrated
check 'wrong requests' wrong_requests
finish
