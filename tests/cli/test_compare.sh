#!/usr/bin/env bash
# silma compare: runs side by side; the paired test against a count of the models' own predictions.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_data data
cat >net.silma <<'TEXT'
input auto
flatten
dense 8 relu
dense classes softmax
train:
optimizer adam
epochs 3
val_split 0.5
batch 32
TEXT
hostile='<script>alert(1)<b>'

runs_are_trained() {
    exits 0 train net.silma --data ./data --seed 1 --out one && exits 0 train net.silma --data ./data --seed 2 --out two &&
        exits 0 train net.silma --data ./data --seed 1 --lr 1e-2 --out "$hostile" &&
        exits 0 train net.silma --data ./data --val-split 0 --out none
}

compared() {
    exits 0 compare one two "$hostile" && grep -q '^page: compare.html$' out &&
        grep -q '2 runs of net on data differ by their seed only' out &&
        grep -q '2 of 3 pairs could not be tested' out || return 1
    grep -qF '&lt;script&gt;alert(1)&lt;b&gt;' compare.html && ! grep -q '<script' compare.html &&
        fails 2 'compare.html exists already' compare one two && exits 0 compare one two --force
}

# right RUN: "INDEX" of each validation image that the run's model gets right, by silma predict.
right() {
    "$SILMA" predict "$1/best.safetensors" --data ./data --split train --json \
        --index "$(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))["validation"], sep=",")' "$1/split.json")" |
        python3 -c 'import json, sys
for r in json.load(sys.stdin)["results"]:
    if r["correct"]: print(r["index"])'
}

paired_test() {
    exits 0 compare one "$hostile" --json --out json.html || return 1
    right one | sort >a && right "$hostile" | sort >b && python3 -c '
import json
from math import comb
a, b = (set(open(name).read().split()) for name in "ab")
first, second = len(a - b), len(b - a)
pair = json.load(open("out"))["pairs"][0]
assert pair["problem"] is None and pair["images"] == 120, pair
assert (pair["only_first"], pair["only_second"]) == (first, second) and first + second > 0, (pair, first, second)
n = first + second
p = min(1, 2 * sum(comb(n, k) for k in range(min(first, second) + 1)) / 2 ** n)
assert abs(pair["p"] - p) < 1e-8 and abs(pair["p_adjusted"] - p) < 1e-8, (pair, p)
assert abs(pair["difference"] - (first - second) / 120) < 1e-8'
}

json() {
    exits 0 compare one two none --json --out seeds.html --figures figures && python3 -c '
import json, xml.dom.minidom
found = json.load(open("out"))
runs, groups, pairs = found["runs"], found["groups"], found["pairs"]
assert [r["group"] for r in runs] == [0, 0, 1] and [g["runs"] for g in groups] == [2, 1]
mean = (runs[0]["accuracy"] + runs[1]["accuracy"]) / 2
assert abs(groups[0]["accuracy"]["mean"] - mean) < 1e-8 and groups[1]["accuracy"]["interval"] == [None, None]
assert runs[2]["accuracy"] is None and "no images for validation" in runs[2]["problem"]
assert [p["p"] for p in pairs] == [None] * 3 and "validation images differ" in pairs[0]["problem"]
assert len(found["figures"]) == 8
for path in found["figures"]: xml.dom.minidom.parse(path)'
}

same_accuracy_as_eval() {
    local evaluated
    evaluated=$("$SILMA" eval one/best.safetensors --split validation --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["accuracy"])')
    exits 0 compare one two --json --out eval.html &&
        python3 -c 'import json, sys; assert abs(json.load(open("out"))["runs"][0]["accuracy"] - float(sys.argv[1])) < 1e-8' "$evaluated"
}

without_data() {
    mv data gone
    exits 0 compare one "$hostile" --out lost.html --json && python3 -c '
import json
found = json.load(open("out"))
assert found["runs"][0]["accuracy"] is not None and found["runs"][0]["problem"]
assert found["pairs"][0]["problem"]'
    local status=$?
    mv gone data
    return $status
}

wrong_usage() {
    fails 2 'is missing' compare one && fails 4 'no run in this folder' compare one data &&
        fails 2 '--png needs --figures' compare one two --png --out x.html && [[ ! -e x.html ]] &&
        fails 2 'one/: is named twice' compare one two one/ --out x.html && fails 2 'is empty' compare one two --out ''
}

# The same run again tells nothing about the spread over seeds.
repeated_seeds() {
    exits 0 train net.silma --data ./data --seed 1 --out again && exits 0 compare one again two --out again.html &&
        grep -q '2 runs of net on data differ by their seed only' out && ! grep -q '3 runs of net' out
}

browsed() {
    python3 "$SILMA_SOURCE_DIR/tests/browse.py" seeds.html --layout --width 390 >found && python3 -c '
import json
found = json.load(open("found"))
assert found["problems"] == [] and found["requests"] == [] and found["overflow"] <= 0, found
assert found["layout"] == [], found["layout"]'
}

check 'runs are trained' runs_are_trained
check 'runs side by side' compared
check 'the paired test counts what the models predict' paired_test
check 'means over seeds; a run without validation images' json
check 'the accuracy is that of eval' same_accuracy_as_eval
check 'without the data set the histories are compared' without_data
check 'wrong usage is told' wrong_usage
check 'one seed twice is no replicate' repeated_seeds
if [[ -n ${CHROMIUM-} ]] || command -v chromium google-chrome >/dev/null; then
    check 'the page in a browser' browsed
else
    skip 'the page in a browser' 'no Chromium'
fi
finish
