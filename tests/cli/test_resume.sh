#!/usr/bin/env bash
# The same bits, whatever happens: any number of threads, Ctrl-C, SIGTERM, SIGKILL at random moments.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data
cat >net.silma <<'TEXT'
input auto
conv 4 3x3 same relu
batchnorm
maxpool 2x2
dropout 0.25
flatten
dense classes softmax
train:
batch 16
lr 3e-3
schedule cosine warmup=1
augment light rotate=5 cutout=2 mixup=0.2
normalize meanstd
tta flip
epochs 12
early_stop val_loss patience=9
TEXT

# sums FOLDER: the check sums of both models.
sums() {
    sha "$1/best.safetensors" "$1/last.safetensors"
}

# train_quietly ARGUMENT...
train_quietly() {
    "$SILMA" train --quiet "$@" >>log 2>&1
}

uninterrupted() {
    train_quietly net.silma --data data --out whole || { cat log; return 1; }
    whole=$(sums whole)
    [[ -n $whole ]]
}

threads() {
    train_quietly net.silma --data data --out "threads-$1" --threads "$1" && same "$(sums "threads-$1")" "$whole"
}

other_seed() {
    train_quietly net.silma --data data --out seed --seed 1 && [[ $(sums seed) != "$whole" ]]
}

# wait_for_epochs FOLDER COUNT: until the history of the run has so many epochs.
wait_for_epochs() {
    local i
    for ((i = 0; i < 600; i++)); do
        [[ $(grep -c '' "$1/history.jsonl" 2>/dev/null) -ge $2 ]] && return
        sleep 0.02
    done
    echo "no $2 epochs in $1"
    return 1
}

# stopped SIGNAL CODE: stops a run that would go on for long, and continues it to the same end as an uninterrupted one.
stopped() {
    local folder=stopped-$1 code
    "$SILMA" train net.silma --data data --out "$folder" --early-stop off --epochs 100000 >out 2>err &
    wait_for_epochs "$folder" 3 || { kill -9 $!; return 1; }
    kill -"$1" $!
    wait $!
    code=$?
    same "$code" "$2" && grep -q "everything is saved in $folder" err &&
        grep -qx "hint: continue with: silma train --resume $folder" err || { cat err; return 1; }
}

# The step in which the signal comes is any; a run of one epoch with as many steps as possible stops within it.
stopped_within_an_epoch() {
    make_data many 2400 6
    train_quietly net.silma --data many --batch 4 --epochs 2 --out one || return 1
    "$SILMA" train net.silma --data many --batch 4 --epochs 2 --out two --quiet >out 2>err &
    local process=$!
    while [[ ! -s two/config.json ]] && kill -0 $process; do sleep 0.005; done
    kill -INT $process
    wait $process
    [[ $? -eq 130 ]] || { echo 'it had ended already'; cat err; return 1; }
    train_quietly --resume two && same "$(sums two)" "$(sums one)"
}

# refuses_busy ARGUMENT...
refuses_busy() {
    timeout 20 "$SILMA" train --quiet "$@" >out 2>err
    same $? 4 && grep -q 'busy: is in use by another training' err
}

# Two trainings in one folder would mix their files.
one_at_a_time() {
    "$SILMA" train net.silma --data data --out busy --early-stop off --epochs 100000 --quiet >>log 2>&1 &
    local process=$! refused=0
    wait_for_epochs busy 2 || { kill -9 $process; return 1; }
    refuses_busy --resume busy && refuses_busy net.silma --data data --out busy --force && refused=1
    kill -9 $process
    wait $process 2>>log
    [[ $refused -eq 1 && ! -e $(echo busy/replaced-*) ]] &&
        train_quietly --resume busy --epochs "$(($(grep -c '' busy/history.jsonl) + 1))" || { cat log; return 1; }
}

continues() {
    # as many epochs as have been trained: nothing is left to do, and the files stay
    local before
    before=$(sums stopped-INT)
    exits 0 train --resume stopped-INT --epochs "$(grep -c '' stopped-INT/history.jsonl)" && same "$(sums stopped-INT)" "$before" || return 1
    grep -q '^nothing was left to train' out || { cat out; return 1; }
    fails 2 'batch' train --resume stopped-INT --batch 3 && fails 2 'unexpected word' train net.silma --resume stopped-INT &&
        fails 2 '--out' train --resume stopped-INT --out elsewhere && fails 4 'no run' train --resume nowhere &&
        fails 2 'other data' train --resume stopped-INT --data other
}

# A run with more epochs goes on where the shorter one has stopped.
more_epochs() {
    local constant=(--schedule constant --early-stop off)
    train_quietly net.silma --data data --out short "${constant[@]}" --epochs 4 && train_quietly --resume short --epochs 7 &&
        train_quietly net.silma --data data --out long "${constant[@]}" --epochs 7 && same "$(sums short)" "$(sums long)" &&
        same "$(grep -c '' short/history.csv)" 8
}

# More epochs do not help a run that early stopping has ended: the message says what does.
after_early_stopping() {
    train_quietly net.silma --data data --out early --epochs 20 --lr 1e-9 --schedule constant --early-stop accuracy --patience 1 &&
        grep -q 'since its accuracy no longer improved' early/report.html && exits 0 train --resume early --epochs 30 &&
        grep -q '^nothing was left to train: the run has stopped early (--early-stop off trains on)$' out &&
        exits 0 train --resume early --early-stop off --epochs 21 && ! grep -q 'nothing was left' out &&
        same "$(grep -c '' early/history.jsonl)" 21
}

resumed_elsewhere() {
    cp -r stopped-INT moved && rm -rf stopped-INT && exits 0 train --resume moved --epochs $(($(grep -c '' moved/history.jsonl) + 1))
}

# A run goes on with the kernels that it began with; with others it says that the bits will not be the same.
kernels_are_kept() {
    local flags constant=(--schedule constant --early-stop off)
    for flags in '--isa scalar --no-winograd' '--backend reference'; do
        rm -rf half full
        # shellcheck disable=SC2086
        train_quietly net.silma --data data --epochs 2 --out full "${constant[@]}" $flags &&
            train_quietly net.silma --data data --epochs 1 --out half "${constant[@]}" $flags && exits 0 train --resume half --epochs 2 &&
            ! grep -q '^notice:' err && same "$(sums half)" "$(sums full)" || return 1
    done
    train_quietly net.silma --data data --epochs 1 --out other --isa scalar --force &&
        exits 0 train --resume other --epochs 2 --backend reference &&
        grep -q 'notice: the run was trained with the kernels scalar' err
}

fewer_epochs() {
    train_quietly net.silma --data data --epochs 2 --out two-epochs && cp two-epochs/config.json before || return 1
    fails 2 'epochs 1: the run in two-epochs has 2 already' train --resume two-epochs --epochs 1 &&
        cmp before two-epochs/config.json
}

# Kills runs at random moments until there were 20 kills, resuming each time, and compares each run that came to its end.
killed() {
    local kills=0 run=0 ended=0 process begin end
    begin=$(date +%s%N)
    train_quietly net.silma --data data --out timed || return 1
    end=$(date +%s%N)
    local most=$(((end - begin) / 1000000)) # milliseconds that a run takes
    while ((kills < 20)); do
        local folder=killed-$run
        if [[ -f $folder/config.json ]]; then
            "$SILMA" train --quiet --resume "$folder" >>log 2>&1 &
        else # killed before there was a run to resume
            "$SILMA" train --quiet net.silma --data data --out "$folder" --force >>log 2>&1 &
        fi
        process=$!
        sleep "$(awk -v r="$RANDOM" -v most="$most" 'BEGIN { printf "%.3f", r / 32768 * most / 1000 }')"
        if kill -9 $process 2>>log; then kills=$((kills + 1)); fi
        if wait $process 2>>log; then
            same "$(sums "$folder")" "$whole" || return 1
            ended=$((ended + 1))
            run=$((run + 1))
        fi
    done
    [[ -f killed-$run/config.json ]] || return 0
    train_quietly --resume "killed-$run" && same "$(sums "killed-$run")" "$whole"
    echo "$kills kills, $((ended + 1)) runs"
}

# Names of files that are no text: a newline, and a byte that is no UTF-8. The second cannot be told in config.json.
names_that_are_no_text() {
    local network=$'new\nline.silma' images=$'b\xfccher'
    cp net.silma "$network" && cp -r data "$images" || return 1
    train_quietly "$network" --data "./$images" --out odd --epochs 1 &&
        grep -qF '"model": "new\\x0aline"' odd/config.json && grep -qF '"folder": null' odd/config.json &&
        fails 4 'no data set or folder named "b\xfccher"' train --resume odd --epochs 12 &&
        train_quietly --resume odd --epochs 12 --data "./$images" || { cat log; return 1; }
}

check 'an uninterrupted run' uninterrupted
for count in 1 2 3 4; do check "$count threads" threads $count; done
check 'another seed gives another model' other_seed
check 'SIGINT' stopped INT 130
check 'SIGTERM' stopped TERM 143
check 'one training at a time' one_at_a_time
check 'stopped within an epoch' stopped_within_an_epoch
make_data other 60 6
check 'what resuming accepts' continues
check 'more epochs' more_epochs
check 'a run that stopped early' after_early_stopping
check 'a run folder may be moved' resumed_elsewhere
check 'kernels are kept' kernels_are_kept
check 'names that are no text' names_that_are_no_text
check 'fewer epochs than there are' fewer_epochs
check '20 kills at random moments' killed
finish
