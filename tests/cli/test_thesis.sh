#!/usr/bin/env bash
# The thesis's experiments on a small data set of the same name; the page, opened in a browser.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Ten classes of 8x8 pixels in place of Fashion-MNIST. CIFAR-10 is absent, unless the machine has it in a system folder.
mkdir -p data/fashion-mnist
idx_part data/fashion-mnist train 400 1 10

# quick FOLDER ARGUMENT...
quick() {
    local folder=$1
    shift
    exits 0 thesis --quick --data-dir data --out "$folder" "$@"
}

# holds PAGE TEXT...: the page holds each of them.
holds() {
    local page=$1 text
    shift
    for text in "$@"; do
        grep -qF -- "$text" "$page" || { echo "not in $page: $text"; return 1; }
    done
}

has_cifar() {
    compgen -G '/usr/share/datasets/cifar-10*' >/dev/null
}

makes_the_page() {
    quick whole || return 1
    grep -q '^page: whole/thesis.html$' out && grep -q '^fashion-cnn *10 epochs in ' out && [[ -s whole/fashion-ann/config.json ]] &&
        holds whole/thesis.html 'shortened runs' 'id="fashion-ann"' 'id="runs"' &&
        [[ $(wc -c <whole/thesis.html) -lt 3000000 ]]
}

every_figure() {
    local figure
    for figure in 3 4 5 6 7 11 {13..35}; do
        same "$(grep -c "id=\"figure-$figure\"" whole/thesis.html)" 1 || { echo "figure $figure"; return 1; }
    done
    same "$(grep -c 'id="figure-' whole/thesis.html)" 29
}

tables_agree() {
    holds whole/thesis.html '74 of 74 agree' '60,965,224' '61,706' '404,010' '329,194' '111,146' '267,178' &&
        ! grep -q 'agree.*differs' whole/thesis.html && holds whole/thesis.html '144 agree'
}

cifar_is_missing() {
    if has_cifar; then return; fi
    grep -q '^cifar-ann is left out: ' err && grep -q '^cifar-cnn *no run$' out &&
        holds whole/thesis.html 'silma data get cifar-10' 'CIFAR-10 with the convolutional network is missing' &&
        fails 4 'cifar-10' thesis --quick --data-dir data --out cifar --only cifar-ann && [[ ! -e cifar/thesis.html ]]
}

reuses_finished_runs() {
    local before
    before=$(sha whole/fashion-*/last.safetensors)
    quick whole && grep -q '^fashion-ann: is finished already$' err && same "$(sha whole/fashion-*/last.safetensors)" "$before"
}

only_one() {
    quick only --only fashion-ann --quiet && same "$(cat err)" '' && [[ ! -e only/fashion-cnn ]] &&
        same "$(sha only/fashion-ann/last.safetensors)" "$(sha whole/fashion-ann/last.safetensors)" &&
        holds only/thesis.html 'id="figure-3"' 'id="figure-30"' && ! grep -q 'id="figure-3[1-4]"' only/thesis.html &&
        ! grep -q 'id="figure-17"' only/thesis.html && fails 2 "expected cifar-ann" thesis --only cifar
}

# Stopped in the second experiment, and taken up again: to the same bits.
goes_on() {
    local code i
    "$SILMA" thesis --quick --data-dir data --out stopped >out 2>err &
    for ((i = 0; i < 3000; i++)); do
        [[ $(grep -c '' stopped/fashion-cnn/history.jsonl 2>/dev/null) -ge 2 ]] && break
        sleep 0.01
    done
    kill -INT $!
    wait $!
    code=$?
    same "$code" 130 && [[ ! -e stopped/thesis.html ]] && grep -q 'everything is saved in stopped' err &&
        grep -qx 'hint: continue with: silma thesis --quick --out stopped --data-dir data' err || { cat err; return 1; }
    quick stopped && same "$(sha stopped/fashion-*/last.safetensors)" "$(sha whole/fashion-*/last.safetensors)"
}

other_settings() {
    fails 2 'holds a run of other settings: epochs is 20, not 300' thesis --data-dir data --out whole --only fashion-ann &&
        fails 2 'seed is 0, not 1' thesis --quick --data-dir data --out whole --only fashion-ann --seed 1 &&
        quick forced --only fashion-ann --seed 1 && quick forced --only fashion-ann --force &&
        same "$(sha forced/fashion-ann/last.safetensors)" "$(sha whole/fashion-ann/last.safetensors)"
}

takes_runs() {
    mkdir runs && cp -r whole/fashion-ann runs/fashion-ann-seed3 && cp -r whole/fashion-cnn runs/
    exits 0 thesis --runs runs --data-dir data --out taken --seed 3 && grep -q '^fashion-ann *20 epochs' out &&
        grep -q '^fashion-cnn *10 epochs' out && same "$(ls taken)" thesis.html &&
        holds taken/thesis.html 'id="fashion-cnn"' 'shortened runs' '<td>20</td>' && fails 2 'excludes' thesis --runs runs --quick &&
        fails 4 'no run of an experiment' thesis --runs data --data-dir data && fails 4 'no run cifar-cnn-seed0' thesis --runs runs --only cifar-cnn --data-dir data
}

# The images of a run are gone: its curves are shown, and what needs images says why it is not there.
without_images() {
    mkdir none
    exits 0 thesis --runs runs --seed 3 --out lost --data-dir none || return 1
    holds lost/thesis.html 'id="figure-28"' 'Not made'
}

json() {
    exits 0 thesis --quick --data-dir data --out whole --json --quiet && python3 -c '
import json
result = json.load(open("out"))
assert result["page"] == "whole/thesis.html"
names = [part["experiment"] for part in result["results"]]
assert names == ["cifar-ann", "cifar-cnn", "fashion-ann", "fashion-cnn"]
assert result["results"][2]["epochs"] == 20 and result["results"][2]["best_value"] > 0.2
assert result["results"][2]["problem"] is None and result["results"][2]["run"] == "whole/fashion-ann"'
}

# Names of folders and classes are text, whatever they look like.
names_are_escaped() {
    local evil='<script>alert(1)<b>' class file
    mkdir -p "$evil" pictures
    for class in "$evil" b c d e f g h i j; do
        mkdir "pictures/$class"
        for file in 1 2 3 4 5 6; do
            { printf 'P5\n8 8\n255\n'; head -c 64 /dev/urandom; } >"pictures/$class/$file.pgm"
        done
    done
    exits 0 train ann --data pictures --epochs 2 --out "$evil/fashion-ann" --quiet &&
        exits 0 thesis --runs "$evil" --out escaped --data-dir data || return 1
    holds escaped/thesis.html '&lt;script&gt;alert(1)&lt;b&gt;' && ! grep -q '<script' escaped/thesis.html
}

other_files_stay() {
    mkdir -p mine/fashion-ann && echo mine >mine/fashion-ann/notes.txt && echo mine >mine/notes.txt
    quick mine --only fashion-ann && same "$(cat mine/notes.txt mine/fashion-ann/notes.txt)" $'mine\nmine'
}

in_a_browser() {
    local width
    for width in 1280 390; do
        python3 "$SILMA_SOURCE_DIR/tests/browse.py" whole/thesis.html --layout --width "$width" \
            --eval 'document.querySelectorAll("svg").length' \
            --eval '[...document.querySelectorAll("nav a")].every(a => document.getElementById(a.hash.slice(1)))' \
            >browsed.json && python3 -c '
import json
page = json.load(open("browsed.json"))
assert not page["problems"] and not page["requests"] and page["overflow"] <= 0, page
assert page["results"][0] >= 20 and page["results"][1] is True, page' || return 1
    done
}

check 'the page' makes_the_page
check 'every figure has its place' every_figure
check 'the tables agree with the thesis' tables_agree
check 'without CIFAR-10 the rest is made' cifar_is_missing
check 'finished runs are used again' reuses_finished_runs
check '--only' only_one
check 'an interrupted thesis goes on to the same bits' goes_on
check 'runs of other settings are refused' other_settings
check '--runs' takes_runs
check 'runs without their images' without_images
check '--json' json
check 'names are escaped' names_are_escaped
check 'other files stay' other_files_stay
if command -v chromium >/dev/null; then
    check 'the page in a browser' in_a_browser
else
    skip 'the page in a browser' 'no Chromium'
fi
finish
