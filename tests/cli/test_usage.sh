#!/usr/bin/env bash
# The command line itself: options, suggestions, exit codes, help, and what happens to standard output.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

no_command() {
    fails 2 'no command given'
}

unknown_command() {
    fails 2 "unknown command 'trian'" trian && grep -qx "hint: did you mean 'train'?" err &&
        fails 2 "unknown command 'frobnicate'" frobnicate && grep -qx "hint: 'silma help' lists the commands" err
}

unknown_option() {
    fails 2 'train: unknown option --epcohs' train cnn --epcohs 3 && grep -qx 'hint: did you mean --epochs?' err &&
        fails 2 'unknown option --frobnicate' eval --frobnicate && grep -qF 'silma help eval' err &&
        fails 2 'unknown option -e' train cnn -e 3 && fails 2 'unknown option --verson' --verson
}

values() {
    fails 2 '--epochs needs a value' train cnn --epochs &&
        fails 2 '--epochs needs a value' train cnn --epochs --quiet &&
        fails 2 "--quiet takes no value, found 'yes'" train cnn --quiet=yes &&
        fails 2 "found '0'" summary lenet5 --batch 0 &&
        fails 2 "found '-1'" summary lenet5 --batch -1 &&
        fails 2 "found '12x'" summary lenet5 --batch=12x &&
        fails 2 "found ''" summary lenet5 --batch= &&
        fails 2 "found '99999999999999999999999'" summary lenet5 --batch 99999999999999999999999 &&
        fails 2 "--split: expected train, test or validation, found 'tset'" eval m.safetensors --split tset &&
        grep -qx "hint: did you mean 'test'?" err
}

both_spellings() {
    exits 0 summary lenet5 --batch 7 --json && cp out first && exits 0 summary lenet5 --batch=7 --json && cmp first out
}

missing_words() {
    fails 2 'a network is missing' summary && fails 2 'a model' eval && fails 2 'a model' predict &&
        fails 2 'is missing' train && fails 2 '--data is missing' train cnn && fails 2 'list, info, check, get or clean' data &&
        fails 2 "found 'lst'" data lst && fails 2 'the name of a data set is missing' data get &&
        grep -qx 'hint: silma data get NAME \[options\]' err && fails 2 'a network is missing' bench train &&
        grep -qF 'hint: silma bench train NETWORK' err &&
        fails 2 "unexpected word 'b'" models cnn b && fails 2 '--patience needs --early-stop' train cnn --patience 3
}

options_end() {
    fails 3 '--json.silma' summary -- --json.silma || fails 4 '--json.silma' summary -- --json.silma ||
        fails 2 '--json.silma' summary -- --json.silma
}

machine() {
    fails 2 'expected fast or reference' summary lenet5 --backend quick && fails 2 'sse9' summary lenet5 --isa sse9 &&
        exits 0 summary lenet5 --isa scalar --threads 3 && exits 0 summary lenet5 --backend reference &&
        SILMA_ISA=sse9 fails 2 'sse9' summary lenet5 && grep -qF 'SILMA_ISA' err &&
        fails 2 '--threads: expected a whole number from 1 to 256' summary lenet5 --threads 257
}

help() {
    local name
    exits 0 help && grep -q '^  train ' out && [[ ! -s err ]] && cp out overview && exits 0 --help && cmp overview out &&
        exits 0 -h && cmp overview out || return 1
    for name in train eval predict summary models data gradcheck trace bench; do
        exits 0 help "$name" && grep -q "^Usage: silma $name" out && [[ ! -s err ]] && cp out text &&
            exits 0 "$name" --help && cmp text out || return 1
    done
    [[ $(awk '{ if (length > most) most = length } END { print most }' text) -le 105 ]] &&
        fails 2 "unknown command 'nothing'" help nothing
}

version() {
    local expected
    expected=$(sed -nE 's/^#define SILMA_VERSION_(MAJOR|MINOR|PATCH) //p' "$SILMA_SOURCE_DIR/include/silma/silma.h" | paste -sd.)
    exits 0 --version && same "$(head -1 out)" "silma $expected" && grep -q '^instruction set: ' out &&
        grep -q '^built with: ' out
}

zoo() {
    exits 0 models && grep -q '^cnn  ' out && exits 0 models cnn && cmp out "$SILMA_SOURCE_DIR/models/cnn.silma" &&
        fails 2 "no network 'cn'" models cn && fails 2 "no network 'lenet'" models lenet &&
        grep -qx "hint: did you mean 'lenet5'?" err && exits 0 models --json && [[ $(head -c1 out) == '{' ]]
}

full_device() {
    [[ -c /dev/full ]] || return 0
    local arguments
    for arguments in models 'help train' --version 'summary cnn --input 32x32x3 --json'; do
        # shellcheck disable=SC2086
        "$SILMA" $arguments >/dev/full 2>err
        same $? 4 && grep -q 'cannot write' err || { cat err; return 1; }
    done
}

closed_output() {
    "$SILMA" models >&- 2>err
    same $? 4 && grep -q 'standard output: cannot write' err && "$SILMA" models 2>&- >out && "$SILMA" models <&- >out
}

# The reader goes before the command writes.
closed_pipe() {
    mkfifo pipe || return 1
    { "$SILMA" models >pipe 2>err; echo $? >code; } &
    exec 9<pipe 9<&-
    wait
    [[ $(cat code) -eq 141 && ! -s err ]] || { cat code err; return 1; }
}

no_colours_in_files() {
    fails 2 'unknown command' trian && ! grep -q $'\033' err
}

# on_terminal COMMAND: keeps in the file `screen` what it shows on a terminal.
on_terminal() {
    script -qc "$1" /dev/null </dev/null >screen
}

colours_on_terminals() {
    command -v script >/dev/null || return 0
    TERM=xterm on_terminal "$SILMA trian" && grep -q $'\033\[31m' screen || { cat screen; return 1; }
    TERM=xterm NO_COLOR=1 on_terminal "$SILMA trian" && ! grep -q $'\033' screen || return 1
    TERM=dumb on_terminal "$SILMA trian" && ! grep -q $'\033' screen
}

locale_does_not_matter() {
    exits 0 summary lenet5 && cp out first && LC_ALL=de_DE.UTF-8 exits 0 summary lenet5 && cmp out first
}

escapes_are_not_printed() {
    fails 2 '\x1B[31m' $'\033[31m' && ! grep -q $'\033' err && fails 2 'unknown option --\x1B[1m' train $'--\033[1m'
}

check 'no command' no_command
check 'a misspelt command' unknown_command
check 'a misspelt option' unknown_option
check 'values of options' values
check '--name value and --name=value' both_spellings
check 'missing and unexpected words' missing_words
check '-- ends the options' options_end
check 'threads, back end and instruction set' machine
check 'help' help
check 'version' version
check 'the zoo is listed and printed' zoo
check 'a full device' full_device
check 'a closed standard output' closed_output
check 'a closed pipe' closed_pipe
check 'no colours in files' no_colours_in_files
check 'colours on a terminal, and NO_COLOR' colours_on_terminals
check 'numbers do not depend on the locale' locale_does_not_matter
check 'escape sequences in arguments are not printed' escapes_are_not_printed
finish
