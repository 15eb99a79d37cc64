#!/usr/bin/env bash
# silma data check: each kind of finding in a set that has it, none in a clean one.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export SILMA_CACHE=$work/cache

# noise FILE SEED [SIDE]: a grey picture (PGM, as text) of large random squares.
noise() {
    mkdir -p "$(dirname "$1")" && awk -v s="$2" -v side="${3:-16}" 'BEGIN {
        print "P2", side, side, 255
        s = (s * 7919 + 13) % 2147483647
        for (i = 0; i < 16; i++) { s = (s * 16807) % 2147483647; cell[i] = int(s / 2147483647 * 256) }
        for (y = 0; y < side; y++)
            for (x = 0; x < side; x++) print cell[int(4 * y / side) * 4 + int(4 * x / side)]
    }' >"$1"
}

# clean_set FOLDER SEED COUNT: two classes of COUNT different pictures each.
clean_set() {
    local i
    for ((i = 0; i < $3; i++)); do
        noise "$1/cat/$i.pgm" $(($2 + i)) && noise "$1/dog/$i.pgm" $(($2 + 500 + i))
    done
}

# counts_are "leak=1 duplicate=2": these findings and no others, in the last --json.
counts_are() {
    local found
    found=$(grep -o '"counts": *{[^}]*}' out | grep -oE '"[a-z_]+": *[1-9][0-9]*' | tr -d '" ' | tr ':\n' '= ' | sed 's/ $//')
    same "$found" "$1"
}

clean_set clean/train 1 25
clean_set clean/test 2001 5
cp -r clean bad

nothing() {
    exits 0 data check clean --strict && grep -q '^nothing was found$' out && grep -q '^60 images: train 50, test 10$' out && [[ -s check.html ]] &&
        grep -q 'Nothing was found' check.html && fails 2 'check.html exists already' data check clean &&
        exits 0 data check clean --json && counts_are ''
}

leak() {
    cp bad/train/cat/3.pgm bad/test/cat/again.pgm && exits 0 data check bad --json && counts_are 'leak=1' &&
        grep -q '"errors": 1' out && fails 3 '1 error was found' data check bad --strict --force && rm bad/test/cat/again.pgm
}

contradiction() {
    cp bad/train/cat/3.pgm bad/train/dog/again.pgm && exits 0 data check bad --json && counts_are 'contradiction=1' &&
        exits 3 data check bad --strict --json && rm bad/train/dog/again.pgm
}

duplicate() { # the same brightened a little counts too, and is told apart
    cp bad/train/cat/3.pgm bad/train/cat/again.pgm &&
        awk 'NR > 1 { $1 = $1 < 250 ? $1 + 3 : $1 } { print }' bad/train/cat/4.pgm >bad/train/cat/brighter.pgm &&
        exits 0 data check bad --json --strict && counts_are 'duplicate=2' && [[ $(grep -o '"exact": *true' out | wc -l) -eq 1 ]] &&
        rm bad/train/cat/again.pgm bad/train/cat/brighter.pgm
}

one_colour() {
    awk 'BEGIN { print "P2 16 16 255"; for (i = 0; i < 256; i++) print 77 }' >bad/train/cat/plain.pgm &&
        exits 0 data check bad --json && counts_are 'one_colour=1' && grep -q '"file": *"train/cat/plain.pgm"' out &&
        rm bad/train/cat/plain.pgm
}

unreadable() {
    printf 'P2 16 16 255\n1 2 3' >bad/train/dog/cut.pgm && : >bad/train/dog/empty.png && mkfifo bad/train/dog/pipe &&
        exits 0 data check bad --json && counts_are 'unreadable=3' && grep -q 'cut.pgm' out && grep -q 'empty.png' out &&
        grep -q 'pipe' out && rm bad/train/dog/cut.pgm bad/train/dog/empty.png bad/train/dog/pipe
}

# All that was passed over is named, however much it is.
passed_over() {
    local i
    for i in 1 2 3 4 5; do mkfifo "bad/train/dog/pipe$i" && ln -s nowhere "bad/train/cat/lost$i"; done
    exits 0 data check bad --json && counts_are 'unreadable=10' && same "$(grep -oE 'pipe[1-5]: is neither|lost[1-5]: No such' out | wc -l)" 10 &&
        rm bad/train/dog/pipe? bad/train/cat/lost?
}

one_class() {
    mkdir -p single/none && cp -r clean/train/cat single && exits 0 data check single --json && counts_are 'small_class=1 one_class=1' &&
        exits 0 data check single --force && grep -q '^error: only class cat has training images: there is nothing to tell apart$' out &&
        grep -q '^there is no test set to compare with$' out && grep -q 'One class only' check.html &&
        exits 3 data check single --force --strict && grep -q '2 errors were found' err
}

classes() {
    local i
    for i in 1 2 3; do noise "bad/train/<b>rare/$i.pgm" $((900 + i)); done
    for ((i = 0; i < 10; i++)); do noise bad/train/cat/more$i.pgm $((1500 + i)); done
    exits 0 data check bad --json && counts_are 'small_class=1 imbalance=1' &&
        exits 0 data check bad --force && grep -q 'class cat is 12 times as large as class <b>rare' out &&
        grep -q '&lt;b&gt;rare' check.html && ! grep -q '<b>rare' check.html && rm -r "bad/train/<b>rare" bad/train/cat/more*
}

sizes() {
    noise bad/train/cat/large.pgm 4000 24 && exits 0 data check bad --force && grep -q '^60 files of 16x16, grey$' out &&
        grep -q '^1 file of 24x24, grey$' out && rm bad/train/cat/large.pgm
}

labels() { # a model that knows the classes by heart doubts the one label that is wrong
    local i
    rm -rf two && for ((i = 0; i < 30; i++)); do
        awk -v s=$i 'BEGIN { print "P2 8 8 255"; for (i = 0; i < 64; i++) print i % 8 < 4 ? 200 + (s * 7 + i * 3) % 50 : (s * 5 + i * 11) % 60 }' >"$work/l"
        awk -v s=$i 'BEGIN { print "P2 8 8 255"; for (i = 0; i < 64; i++) print i % 8 < 4 ? (s * 5 + i * 11) % 60 : 200 + (s * 7 + i * 3) % 50 }' >"$work/r"
        mkdir -p two/left two/right && cp "$work/l" two/left/$i.pgm && cp "$work/r" two/right/$i.pgm
    done
    printf 'input auto\nflatten\ndense classes softmax\n\ntrain:\nbatch 8\nlr 1e-2\n' >flat.silma
    exits 0 train flat.silma --data two --epochs 40 --out two-run --no-report && mv two/left/5.pgm two/right/wrong.pgm &&
        exits 0 data check two --model two-run/best.safetensors --json &&
        grep -o '"doubted_label": *[0-9]*' out | grep -q ' *1$' && grep -q '"file": *"right/wrong.pgm"' out
}

usage() {
    fails 2 'is missing' data check && fails 4 'nowhere' data check ./nowhere --force && mkdir -p empty &&
        fails 3 'empty' data check ./empty --json
}

check 'a clean set' nothing
check 'a picture in two splits' leak
check 'a picture in two classes' contradiction
check 'a picture twice' duplicate
check 'a picture of one colour' one_colour
check 'files that cannot be read' unreadable
check 'everything that was passed over' passed_over
check 'one class only' one_class
check 'small classes, and names that are no HTML' classes
check 'sizes' sizes
check 'labels that a model doubts' labels
check 'wrong usage' usage
finish
