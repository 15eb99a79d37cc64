#!/usr/bin/env bash
# Training, evaluating and predicting from end to end, on a small synthetic data set.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data
cat >net.silma <<'TEXT'
input auto
conv 4 3x3 same relu
maxpool 2x2
dropout 0.1
flatten
dense classes softmax
train:
batch 16
lr 1e-2
epochs 3
val_split 0.2
TEXT

trains() {
    exits 0 train net.silma --data data && grep -q '^run folder: runs/net-1$' out &&
        grep -q '^  silma eval runs/net-1/best.safetensors$' out && grep -q 'best: epoch' out &&
        same "$(grep -c '^epoch ' err)" 3 && ! grep -q $'[\r\033]' err
}

run_folder() {
    same "$(cd runs/net-1 && echo *)" 'best.safetensors config.json history.csv history.jsonl last.safetensors report.html split.json' &&
        same "$(grep -c '' runs/net-1/history.csv)" 4 && same "$(grep -c '' runs/net-1/history.jsonl)" 3 &&
        same "$(head -1 runs/net-1/history.csv | cut -d, -f1-3)" 'epoch,loss,accuracy' &&
        grep -q '"batch": 16' runs/net-1/config.json && grep -q '"epochs": 3' runs/net-1/config.json
}

settings_are_echoed() {
    grep -qE '^  batch +16$' err && grep -qE '^  lr +0.01$' err && grep -qE '^  optimizer +adam ' err &&
        grep -q '192 images of 8x8x1 in 3 classes, and 48 for validation' err
}

next_number() {
    exits 0 train net.silma --data data --epochs 1 && grep -q '^run folder: runs/net-2$' out && mkdir runs/net-7 &&
        exits 0 train net.silma --data data --epochs 1 && grep -q '^run folder: runs/net-8$' out
}

flags_override() {
    exits 0 train net.silma --data data --out flags --epochs=2 --batch 32 --optimizer 'sgd momentum=0.9' --lr 0.05 \
        --schedule 'cosine min=0' --loss 'categorical_crossentropy label_smoothing=0.1' --early-stop val_loss \
        --patience 4 --best val_loss --val-split 0.25 --seed 7 --clip-norm 1 --class-weights balanced --threads 2 \
        --augment 'flip,crop=1' --sampler balanced --normalize meanstd --tta flip --no-winograd || return 1
    local text
    for text in '"epochs": 2' '"batch": 32' '"optimizer": "sgd ' 'momentum=0.9' '"schedule": "cosine' \
        'label_smoothing=0.1' '"early_stop": "val_loss patience=4' '"best": "val_loss"' '"val_split": 0.25' '"seed": 7' \
        '"clip_norm": 1' '"class_weights": "balanced"' '"augment": "flip crop=1"' '"sampler": "balanced"' \
        '"normalize": "meanstd"' '"tta": "flip"'; do
        grep -qF -- "$text" flags/config.json || { echo "missing in config.json: $text"; cat flags/config.json; return 1; }
    done
}

# What train tells at its end is what eval finds, with a report or without; one look is what validation has.
looks_are_measured_at_the_end() {
    local report accuracy
    for report in '' --no-report; do
        exits 0 train net.silma --data data --out looks --epochs 2 --tta shift --force --json $report || return 1
        accuracy=$(tail -1 out | sed -nE 's/.*"tta_accuracy": ([0-9.]+).*/\1/p')
        [[ $accuracy ]] && exits 0 eval looks/best.safetensors --split validation --json &&
            same "$(sed -nE 's/.*"accuracy": ([0-9.]+), "accuracy_interval.*/\1/p' out)" "$accuracy" || return 1
    done
    exits 0 train --resume looks --no-report && grep -q "^best model on the validation images, with tta shift: accuracy ${accuracy:0:5}" out &&
        exits 0 train net.silma --data data --out looks --epochs 1 --force --json && tail -1 out | grep -q '"tta_accuracy": null'
}

wrong_settings() {
    fails 2 'adam' train net.silma --data data --out wrong --optimizer adm && fails 2 'epochs' train net.silma --data data --out wrong --epochs x &&
        fails 2 '--val-split: val_split must be' train net.silma --data data --out wrong --val-split 2 &&
        fails 2 "--augment: unknown augmentation 'flp'; did you mean 'flip'?" train net.silma --data data --out wrong --augment flp,crop=1 &&
        fails 2 'nothing' train net.silma --data data --out wrong --best nothing && [[ ! -e wrong ]]
}

nothing_is_overwritten() {
    local before
    before=$(sha runs/net-1/*)
    fails 2 'holds a run already' train net.silma --data data --out runs/net-1 && grep -q -- '--resume runs/net-1' err &&
        same "$(sha runs/net-1/*)" "$before" && mkdir mine && echo precious >mine/best.safetensors &&
        fails 2 'holds a file best.safetensors' train net.silma --data data --out mine && same "$(cat mine/*)" precious
}

force_replaces() {
    echo note >mine/note.txt
    exits 0 train net.silma --data data --epochs 1 --out mine --force && [[ -s mine/best.safetensors ]] &&
        same "$(cat mine/note.txt)" note && same "$(find mine | grep -c replaced)" 0
}

# Where the new run cannot start, the old one is as it was.
force_loses_nothing() {
    local before
    before=$(sha mine/*)
    fails 2 'adam' train net.silma --data data --out mine --force --optimizer adm && same "$(sha mine/*)" "$before" &&
        printf 'input 7x7x1\nflatten\ndense 3 softmax\n' >seven.silma &&
        fails 2 '7x7x1' train seven.silma --data data --out mine --force && same "$(sha mine/*)" "$before" &&
        same "$(find mine | grep -c replaced)" 0
}

imbalance() {
    make_data unequal 240
    # shellcheck disable=SC2059
    {
        printf '\0\0\010\001'
        printf "$(big_endian 240)"
        printf "$(awk 'BEGIN { for (i = 0; i < 240; i++) printf "\\%03o", i % 24 == 1 ? 1 : i % 24 == 2 ? 2 : 0 }')"
    } >unequal/train-labels-idx1-ubyte
    exits 0 train net.silma --data unequal --epochs 1 --out unequal-1 &&
        grep -q '^notice: classes out of balance: class 0 has 176 images, class 1 only 8; consider' err &&
        exits 0 train net.silma --data unequal --epochs 1 --out unequal-2 --sampler balanced && ! grep -q notice err &&
        exits 0 train net.silma --data data --epochs 1 --out unequal-3 && ! grep -q notice err
}

# What is stored of the images' mean and deviation is what `eval` uses: the same accuracy as validation had.
normalisation() {
    exits 0 train net.silma --data data --epochs 2 --out normal --normalize meanstd --augment standard || return 1
    local trained
    trained=$(sed -n 2p normal/history.jsonl | grep -oE '"val_accuracy": [0-9.]+' | cut -d' ' -f2)
    exits 0 eval normal/last.safetensors --split validation --json &&
        awk -v a="$trained" -v b="$(grep -oE '"accuracy": [0-9.]+' out | cut -d' ' -f2)" 'BEGIN { exit !(a - b < 1e-6 && b - a < 1e-6) }' &&
        grep -qa 'shift..:\[0[.]0,*' runs/net-1/last.safetensors && ! grep -qa 'shift..:\[0[.]0' normal/last.safetensors
}

quiet() {
    exits 0 train net.silma --data data --epochs 1 --out quiet --quiet && [[ ! -s err ]] && grep -q '^run folder: quiet$' out
}

json_lines() {
    exits 0 train net.silma --data data --epochs 2 --out json --json --quiet && [[ ! -s err ]] &&
        same "$(grep -c '^{"event": "epoch", "epoch": [12], "loss": [0-9.]*, ' out)" 2 &&
        same "$(tail -1 out | grep -o '^{"event": "done", "run": "json", "epochs": 2')" \
            '{"event": "done", "run": "json", "epochs": 2' || return 1
    # the same numbers as in history.jsonl
    same "$(sed -n '1s/"event": "epoch", //p' out | sed -E 's/([0-9])\.0([,}])/\1\2/g')" "$(sed -n 1p json/history.jsonl)"
}

no_validation() {
    exits 0 train net.silma --data data --epochs 1 --out all --val-split 0 && ! grep -q 'val loss' err &&
        fails 2 'no images for validation' eval all/best.safetensors --split validation
}

progress_bar() {
    command -v script >/dev/null || return 0
    TERM=xterm NO_COLOR=1 LC_ALL=C.UTF-8 script -qc "$SILMA train net.silma --data data --epochs 1 --out bar" /dev/null \
        </dev/null >screen
    grep -q 'img/s.*left.*data' screen && grep -q $'\r' screen && grep -q '━\|─' screen && grep -q '^epoch 1/1 ' <(tr '\r' '\n' <screen | sed $'s/\033\\[K//')
}

evaluates() {
    exits 0 eval runs/net-1/best.safetensors --data data --split test && grep -qE '^loss +[0-9.]+$' out &&
        grep -qE '^accuracy +[0-9.]+ %  \(95 % interval: [0-9.]+ % to [0-9.]+ %\)$' out && grep -q '^top-5 ' out &&
        grep -q '^true positives' out && same "$(grep -c 'Confusion matrix' out)" 2 && [[ ! -s err ]]
}

# The synthetic classes are easy: a network that trains gets them.
learns() {
    exits 0 train net.silma --data data --epochs 20 --out learnt && exits 0 eval learnt/best.safetensors --json || return 1
    local accuracy
    accuracy=$(grep -oE '"accuracy": [0-9.]+' out | cut -d' ' -f2)
    awk -v a="$accuracy" 'BEGIN { exit !(a > 0.95) }' || { echo "accuracy $accuracy"; return 1; }
}

evaluates_json() {
    exits 0 eval runs/net-1/best.safetensors --json && [[ $(grep -c '' out) -eq 1 ]] || return 1
    local name
    for name in accuracy loss top5 true_positives accuracy_interval per_class confusion count model data split; do
        grep -q "\"$name\": " out || { echo "no $name"; return 1; }
    done
    grep -q '"count": 60,' out && same "$(grep -o '"support": 20' out | grep -c '')" 3
}

# Counts of the confusion matrix in the text add up to the images.
confusion_adds_up() {
    exits 0 eval runs/net-1/best.safetensors --split train &&
        same "$(awk '/^Confusion.*images/ { getline; for (i = 0; i < 3; i++) { getline; for (k = NF - 2; k <= NF; k++) sum += $k } } END { print sum }' out)" 240
}

validation_split() {
    exits 0 eval runs/net-1/best.safetensors --split validation --json && grep -q '"count": 48,' out || return 1
    # the recorded best epoch's validation accuracy
    local best
    best=$(grep '"best": true' runs/net-1/history.jsonl | tail -1 | grep -oE '"val_accuracy": [0-9.]+' | cut -d' ' -f2)
    same "$(grep -oE '"accuracy": [0-9.]+' out | cut -d' ' -f2)" "$best"
}

validation_needs_the_run() {
    mkdir alone && cp runs/net-1/best.safetensors alone && fails 2 '--data is missing' eval alone/best.safetensors &&
        fails 4 'no split.json' eval alone/best.safetensors --data data --split validation
}

damaged_split() {
    mkdir damaged && cp runs/net-1/* damaged || return 1
    local content
    for content in '' '{' '[]' '{"train": [], "validation": 3}' '{"train": [], "validation": [240]}' \
        '{"train": [], "validation": [-1]}' '{"train": [], "validation": ["0"]}' '{"train": [], "validation": [1e300]}'; do
        echo "$content" >damaged/split.json
        fails 3 'split.json' eval damaged/best.safetensors --split validation || return 1
    done
}

predicts() {
    exits 0 predict learnt/best.safetensors --index 0-2,7 && grep -qE '^data test 7: 1, right$' out &&
        same "$(grep -c '^data test' out)" 4 && same "$(grep -cE '^  [012] +[0-9.]+ %$' out)" 12 &&
        grep -q '^[0-4] of 4 right$' out && exits 0 predict learnt/best.safetensors && same "$(grep -c '^data test' out)" 9 &&
        exits 0 predict learnt/best.safetensors --index 3 --top 1 --split train && same "$(grep -c '' out)" 2
}

predicts_json() {
    exits 0 predict learnt/best.safetensors --index 7 --json --top 2 &&
        grep -q '"results": \[{"class": 1, "name": "1", "probability": 0.[0-9]*, "top": \[{"class": 1, ' out &&
        grep -q '"unknown": false, "index": 7, "true_class": 1, "true_name": "1", "correct": true' out
}

wrong_indices() {
    local list
    for list in '' 60 0-60 5-3 a 1, ,1 -1 1--2 0x1 99999999999999999999; do
        fails 2 '--index' predict learnt/best.safetensors --index="$list" || return 1
    done
}

damaged_models() {
    local size bytes
    size=$(wc -c <learnt/best.safetensors)
    for bytes in 0 1 7 8 9 100 $((size / 2)) $((size - 1)); do
        head -c "$bytes" learnt/best.safetensors >cut.safetensors
        fails 3 cut.safetensors predict cut.safetensors --data data || return 1
        fails 3 cut.safetensors eval cut.safetensors --data data || return 1
    done
    fails 4 absent eval absent.safetensors --data data && fails 3 net.silma eval net.silma --data data
}

# Images are set into the middle of a larger network's input; a smaller one refuses them.
other_size() {
    printf 'input 9x9x1\nflatten\ndense 3 softmax\n' >nine.silma
    printf 'input 7x7x1\nflatten\ndense 3 softmax\n' >seven.silma
    printf 'input 64\ndense 3 softmax\n' >flat.silma
    local network
    for network in nine flat; do
        exits 0 train "$network.silma" --data data --epochs 1 --out "$network" &&
            exits 0 eval "$network/best.safetensors" && exits 0 predict "$network/best.safetensors" || return 1
    done
    exits 0 train nine.silma --data data --epochs 1 --out told && grep -q '^note: .* 8x8 is set into .* 9x9' err &&
        exits 0 train --resume told --epochs 2 && grep -q '^note: .* 8x8 is set into .* 9x9' err &&
        exits 0 train flat.silma --data data --epochs 1 --out untold && ! grep -q '^note' err || return 1
    fails 2 '7x7x1' train seven.silma --data data --out small && fails 2 '8x8x1' train seven.silma --data data --out small &&
        [[ ! -e small ]]
}

# A matrix of many classes would be too wide: its rows become lists.
many_classes() {
    mkdir many && idx_part many train 300 1 30 && idx_part many t10k 90 2 30 || return 1
    exits 0 train net.silma --data many --epochs 1 --out many-run && exits 0 eval many-run/best.safetensors &&
        grep -q '^Confusion matrix as lists' out && same "$(grep -cE '^[0-9]+ +3 +[0-3] \([0-9.]+ %\) ' out)" 30 &&
        [[ $(awk '{ if (length > most) most = length } END { print most }' out) -le 160 ]] &&
        exits 0 eval many-run/best.safetensors --json && same "$(grep -o '"support": 3,' out | grep -c '')" 30
}

diverges() {
    exits 5 train net.silma --data data --out diverged --optimizer sgd --lr 1e30 && grep -qE 'step [0-9]+' err &&
        grep -q 'diverged/\|in diverged' err
}

# epoch_of FILE: completed epochs of a checkpoint.
epoch_of() {
    tr -d '\\\0' <"$1" | grep -ao '"position":"{"epoch":[0-9]*' | grep -o '[0-9]*$'
}

# The weights that an epoch's last step has broken do not become the checkpoint.
diverges_at_the_end() {
    fails 5 'training diverged in epoch 1: after step 1 the kernel of conv1 is no finite number' train net.silma --data data \
        --quiet --epochs 1 --batch 512 --optimizer 'sgd lr=3e38 weight_decay=100' --out broken && [[ ! -e broken/best.safetensors ]] &&
        same "$(epoch_of broken/last.safetensors)" 0 || return 1
    fails 5 'after step 1 the loss of the validation images is no finite number' train --quiet net.silma --data data --epochs 1 --batch 512 \
        --optimizer 'sgd lr=3e38' --out too-large || return 1
    # what the epochs before have left stays
    printf '%s\n' 'input auto' flatten 'dense classes' >linear.silma
    exits 5 train linear.silma --data data --quiet --epochs 9 --batch 512 --loss mean_squared_error \
        --optimizer 'sgd lr=1e6' --out later && same "$(grep -c '' later/history.jsonl)" "$(epoch_of later/last.safetensors)" &&
        [[ $(grep -c '' later/history.jsonl) -gt 0 ]] && exits 0 eval later/last.safetensors --split validation
}

# `eval` uses the loss that the model was trained with, as its summary says, and knows what the raw outputs are.
evaluates_with_its_own_loss() {
    printf 'input auto\nflatten\ndense classes tanh\n' >raw.silma
    local net loss expected
    for net in 'raw.silma --loss mean_squared_error' 'net.silma --loss mean_squared_error' \
        'net.silma --loss categorical_crossentropy\ label_smoothing=0.5'; do
        rm -rf own-loss
        eval "exits 0 train $net --data data --epochs 1 --val-split 0.2 --out own-loss" || return 1
        exits 0 eval own-loss/best.safetensors --split validation --json || return 1
        loss=$(sed -E 's/.*"loss": ([0-9.e+-]+).*/\1/' out)
        expected=$(sed -E 's/.*"val_loss": ([0-9.e+-]+).*/\1/' own-loss/history.jsonl)
        awk -v a="$loss" -v b="$expected" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < (1e-5 * b) ^ 2) }' ||
            { echo "eval's loss is $loss, the history's $expected: $net"; return 1; }
    done
}

# Only a calibrated model may find that it does not know; the outputs of this one lie from -1 to 1.
uncalibrated_models_always_choose() {
    exits 0 train raw.silma --data data --epochs 1 --loss mean_squared_error --optimizer 'sgd lr=1e-9' --out raw-run &&
        exits 0 predict raw-run/best.safetensors --data data --split train --index 0-99 && grep -q -- ' -[0-9.]* %' out &&
        ! grep -q unknown out
}

# A model says how it was trained.
models_hold_a_summary() {
    exits 0 train net.silma --data data --epochs 2 --out spoken || return 1
    head -c 6000 spoken/best.safetensors | tr -d '\\\0' >header
    grep -qF '"summary":"{"silma":"' header && grep -qF '"network":"net","data":{"name":"data","sha256":"' header &&
        grep -qF '"train_images":192,"validation_images":48}' header && grep -qF '"loss":"categorical_crossentropy' header &&
        grep -qE '"epoch":\{"epoch":[12],"loss":' header
}

# split.json's numbers are those of the data that the run was trained on.
validation_of_other_data() {
    exits 0 train net.silma --data data --epochs 1 --out of-data && make_data other 77 || return 1
    fails 2 'is no longer the data it was trained on' eval of-data/best.safetensors --split validation --data other &&
        fails 2 'is no longer the data it was trained on' calibrate of-data/best.safetensors --data other
}

options_that_do_not_go_together() {
    fails 2 '--force needs --out' train net.silma --data data --force &&
        fails 2 '--optimizer and --lr both give a learning rate' train net.silma --data data --lr 1 --optimizer 'adam lr=2' &&
        fails 2 "--data-dir: 'nowhere' is no folder" train net.silma --data mnist --data-dir nowhere &&
        fails 2 "'silma data list' has no option --model" data list --model x &&
        fails 2 "'silma data get' has no option --json" data get mnist --json
}

closed_pipe_saves() {
    { "$SILMA" train net.silma --data data --out piped --epochs 50 --json --quiet 2>err; echo $? >code; } | head -1 >first
    same "$(cat code)" 141 && [[ ! -s err ]] && grep -q '"epoch": 1,' first && exits 0 train --resume piped --epochs 50 &&
        same "$(grep -c '' piped/history.jsonl)" 50
}

check 'train' trains
check 'the run folder' run_folder
check 'the settings are echoed' settings_are_echoed
check 'the next free number' next_number
check 'flags override the recipe' flags_override
check 'all looks are measured at the end' looks_are_measured_at_the_end
check 'wrong settings' wrong_settings
check 'nothing is overwritten without --force' nothing_is_overwritten
check '--force replaces the run and nothing else' force_replaces
check '--force loses nothing when it fails' force_loses_nothing
check 'a notice when classes are out of balance' imbalance
check 'normalisation is part of the model' normalisation
check '--quiet' quiet
check '--json prints a line an epoch' json_lines
check 'no validation images' no_validation
check 'a progress bar on a terminal' progress_bar
check 'eval' evaluates
check 'the network learns' learns
check 'eval --json' evaluates_json
check 'the confusion matrix adds up' confusion_adds_up
check 'eval --split validation' validation_split
check 'validation images are known only beside their run' validation_needs_the_run
check 'a damaged split.json' damaged_split
check 'predict' predicts
check 'predict --json' predicts_json
check 'wrong indices' wrong_indices
check 'damaged models' damaged_models
check 'images of another size' other_size
check 'many classes' many_classes
check 'divergence' diverges
check 'divergence at the end of an epoch' diverges_at_the_end
check 'eval with the loss that was trained' evaluates_with_its_own_loss
check 'a model that is not calibrated always chooses' uncalibrated_models_always_choose
check 'models hold a summary' models_hold_a_summary
check 'validation images of other data' validation_of_other_data
check 'options that do not go together' options_that_do_not_go_together
check 'a closed pipe saves' closed_pipe_saves
finish
