#!/usr/bin/env bash
# The report of a run, opened in a browser.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data
cat >net.silma <<'TEXT'
input auto
conv 4 3x3 same relu
batchnorm
maxpool 2x2
dropout 0.1
flatten
dense classes softmax
train:
batch 16
lr 1e-2
epochs 4
val_split 0.2
TEXT

# page_holds TEXT...: the report holds each of them.
page_holds() {
    local text
    for text in "$@"; do
        grep -qF -- "$text" "$page" || { echo "not in $page: $text"; return 1; }
    done
}

trained() {
    exits 0 train net.silma --data data --out run && grep -q '^report: run/report.html$' out && [[ -s run/report.html ]] &&
        exits 0 train net.silma --data data --out plain --epochs 1 --no-report && ! grep -q report out &&
        [[ ! -e plain/report.html ]]
}

# A report that cannot be written is no failure of the training.
training_survives() {
    mkdir plain/report.html
    exits 0 train --resume plain --epochs 2 && grep -q 'the run is saved, but not its report: plain/report.html' err &&
        same "$(grep -c '' plain/history.jsonl)" 2 && exits 0 train --resume plain --epochs 3 --json &&
        tail -1 out | grep -q '"report": null'
}

reported() {
    page=run/report.html
    exits 0 report run && grep -q '^report: run/report.html$' out && grep -q 'validation images are recognised' out &&
        page_holds '<title>net on data</title>' 'id="training"' 'id="confusion"' 'id="classes"' 'id="network"' \
            'id="settings"' '--optimizer' && exits 0 report run --quiet && same "$(cat out)" ''
}

calibrated() {
    page=run/report.html
    ! grep -q 'Calibrated on' run/report.html && exits 0 calibrate run/best.safetensors --error-rate 0.02 && exits 0 report run &&
        page_holds 'Calibrated on 48 images: temperature ' 'at most 2.0 % of the others are wrong'
}

# After a few steps of next to no learning nothing is praised that is chance, and the reason is named.
nothing_learnt() {
    page=early/report.html
    exits 0 train net.silma --data data --out early --epochs 2 --lr 1e-9 && grep -c '' early/history.jsonl &&
        page_holds 'That is no better than guessing' 'The validation figures say little yet: after ' \
            'consist to ' 'chosen by these same images' && ! grep -q 'can be taken at their word' "$page"
}

json() {
    exits 0 report run --json && python3 -c '
import json
report = json.load(open("out"))
assert report["report"] == "run/report.html" and report["figures"] == [] and len(report["summary"]) >= 4'
}

figures() {
    local name
    exits 0 report run --figures figures && for name in curves learning-rate speed confusion-percent network; do
        [[ -s figures/$name.svg ]] || { echo "$name.svg is missing"; return 1; }
    done && python3 -c '
import sys, xml.dom.minidom
for path in sys.argv[1:]: xml.dom.minidom.parse(path)' figures/*.svg &&
        fails 2 'exists already' report run --figures figures && exits 0 report run --figures figures --force
}

files_stay() {
    echo mine >mine.html
    fails 2 'mine.html exists already' report run --out mine.html && same "$(cat mine.html)" mine &&
        exits 0 report run --out mine.html --force && grep -q '<title>' mine.html && fails 4 'no run' report figures
}

without_data() {
    cp -r run lost && mv data gone
    page=lost/report.html
    exits 0 report lost && grep -q 'without images' err && page_holds 'id="training"' 'id="settings"' \
        'needs the images is missing'
    local status=$?
    mv gone data
    return $status
}

# ----------------------------------------------------------------------------------------------------------------------
# In a browser

# browses PAGE FIGURES [OPTION...]: Chromium has nothing to complain of and asks for nothing, at least so many figures
# are there and none of them is empty, no text of a figure is cut off or lies on another one, and the page is not wider
# than the window.
browses() {
    local file=$1 figures=$2
    shift 2
    timeout 120 python3 "$SILMA_SOURCE_DIR/tests/browse.py" "$file" --layout "$@" --eval \
        'Array.from(document.querySelectorAll("svg")).filter(s => s.children.length > 1).length' --eval \
        'document.querySelectorAll("script, iframe, link[rel=stylesheet], [onerror], [onload], [onclick]").length' \
        --eval 'Array.from(document.images).length' --eval \
        'Array.from(document.querySelectorAll("svg")).filter(s => !s.querySelector("title")).length' >seen || return 1
    cat seen
    FIGURES=$figures python3 -c '
import json, os
seen = json.load(open("seen"))
figures, active, images, unnamed = seen["results"]
assert seen["problems"] == [] and seen["requests"] == [], "problems or requests"
assert figures >= int(os.environ["FIGURES"]), "figures are missing"
assert active == 0 and images == 0, "something in the page is active"
assert unnamed == 0, "a figure has no title"
assert seen["layout"] == [], "texts are cut off or lie on each other"
assert seen["overflow"] == 0, "the page is wider than the window"'
}

in_a_browser() {
    browses run/report.html 70 && browses run/report.html 70 --width 390 --dark &&
        browses run/report.html 70 --width 320 --pdf run.pdf && [[ $(wc -c <run.pdf) -gt 20000 ]]
}

# Counts or per cent: one matrix is seen at a time.
matrix_can_be_switched() {
    local seen
    seen='Array.from(document.querySelectorAll(".either svg")).map(s => s.getClientRects().length > 0).join()'
    python3 "$SILMA_SOURCE_DIR/tests/browse.py" run/report.html --eval "$seen" | grep -qF '"true,false"' &&
        python3 "$SILMA_SOURCE_DIR/tests/browse.py" run/report.html --click '.pick-b' --eval "$seen" |
        grep -qF '"false,true"'
}

# What is printed is on white paper, the three curves side by side, and no figure is wider than the page.
printed() {
    local curves
    curves='(([a, b, c]) => a.top === b.top && b.top === c.top && c.right <= innerWidth)(
        Array.from(document.querySelectorAll(".three svg"), s => s.getBoundingClientRect()))'
    python3 "$SILMA_SOURCE_DIR/tests/browse.py" run/report.html --width 718 --dark --print --eval "$curves" --eval \
        'getComputedStyle(document.body).backgroundColor' | tee seen | grep -qF '[true, "rgb(255, 255, 255)"]' ||
        { cat seen; return 1; }
}

# Each stop of the Tab key has a name, and shows where it is.
keyboard() {
    local named ring
    named='Array.from(document.querySelectorAll("a[href], summary, input, [tabindex]")).filter(e => !(e.textContent.trim() ||
        e.ariaLabel || e.labels?.[0]?.textContent.trim())).length'
    ring='(e => { e.focus({focusVisible: true}); return getComputedStyle(e).outlineStyle })(document.querySelector("QUERY"))'
    python3 "$SILMA_SOURCE_DIR/tests/browse.py" run/report.html --eval "$named" --eval "${ring/QUERY/nav a}" \
        --eval "${ring/QUERY/summary}" --eval "${ring/QUERY/input}" --eval "${ring/QUERY/.either .scroll}" | tee seen |
        grep -qF '[0, "solid", "solid", "solid", "solid"]' || { cat seen; return 1; }
}

# A folder of pictures whose names are hostile or long.
hostile_names() {
    python3 -c '
import os, random
names = ["<img src=x onerror=alert(1)>", "a\"b'"'"'c&amp;d\u202etxt.exe", "long " * 40]
for label, name in enumerate(names):
    os.makedirs(f"pictures/{name}")
    for i in range(12):
        random.seed(label * 100 + i)
        pixels = bytes(min(255, random.randrange(60) + 80 * ((x + label * y) % 3)) for y in range(8) for x in range(24))
        open(f"pictures/{name}/<b>{i}.ppm", "wb").write(b"P6 8 8 255\n" + pixels)'
    page=hostile/report.html
    cp net.silma 'net<b>&.silma'
    exits 0 train 'net<b>&.silma' --data pictures --out hostile --epochs 2 &&
        page_holds '&lt;img src=x onerror=alert(1)&gt;' 'net&lt;b&gt;&amp; on ' && ! grep -q '<img\|<b>\|onerror=a[^l]' "$page" &&
        browses "$page" 40 --width 390
}

# However long the names are, each caption says what was predicted, how surely, and what it is, and no name is a column
# of its own.
captions_are_whole() {
    local whole
    whole='Array.from(document.querySelectorAll("figcaption.right, figcaption.wrong")).every(c => / [0-9]+.% \(.+\)/.test(
        c.firstChild.textContent + (c.children[0]?.textContent ?? "")) && c.getClientRects()[0].height < 160)'
    python3 "$SILMA_SOURCE_DIR/tests/browse.py" hostile/report.html --eval "$whole" | tee seen | grep -qF '[true]' ||
        { cat seen; return 1; }
}

# Class names with a slash come from a data set's own list.
a_class_named_script() {
    mkdir -p batches && python3 -c '
import random
random.seed(1)
for name, count in [(f"data_batch_{i}.bin", 20) for i in range(1, 6)] + [("test_batch.bin", 10)]:
    with open("batches/" + name, "wb") as file:
        for i in range(count):
            file.write(bytes([i % 10]) + random.randbytes(3072))
names = ["<script>alert(1)</script>"] + [f"class {i}" for i in range(1, 10)]
open("batches/batches.meta.txt", "w").write("\n".join(names) + "\n")'
    page=script/report.html
    exits 0 train net.silma --data batches --out script --epochs 1 || return 1
    ! grep -qi '<script' "$page" && browses "$page" 40
}

many_classes() {
    mkdir -p hundred && idx_part hundred train 600 3 100
    page=hundred/report.html
    exits 0 train net.silma --data hundred --out hundred/run --epochs 1 && browses hundred/run/report.html 60 &&
        browses hundred/run/report.html 60 --width 390
}

two_classes_one_output() {
    mkdir -p two && idx_part two train 100 4 2
    page=two/run/report.html
    exits 0 train perceptron --data two --out two/run --epochs 3 && page_holds 'id="filters"' 'id="attention"' &&
        browses "$page" 40
}

no_validation() {
    page=none/report.html
    exits 0 train net.silma --data data --out none --val-split 0 --epochs 2 &&
        page_holds 'training images are recognised' 'kept no images for validation' && browses "$page" 40
}

# Stopped in its first epoch: settings and network are shown, and nothing fails.
interrupted() {
    mkdir started && cp run/config.json run/split.json started && exits 0 report started &&
        grep -q 'No epoch is finished yet' out && browses started/report.html 2 &&
        cp run/last.safetensors run/history.jsonl started && sed -i 's/"epochs": 4/"epochs": 9/' started/config.json &&
        exits 0 report started && grep -q '4 of 9 epochs are done' out && browses started/report.html 40
}

large_images() {
    python3 -c '
import os, random
for label in range(2):
    os.makedirs(f"large/{label}")
    for i in range(10):
        random.seed(label * 100 + i)
        open(f"large/{label}/{i}.ppm", "wb").write(b"P6 300 200 255\n" + random.randbytes(300 * 200 * 3))'
    printf 'input auto\nconv 2 5x5 stride=4 relu\nglobalavgpool\ndense classes softmax\ntrain:\nepochs 1\nbatch 4\nval_split 0.3\n' >wide.silma
    exits 0 train wide.silma --data large --size 200x300 --out large/run && browses large/run/report.html 40 &&
        [[ $(wc -c <large/run/report.html) -lt 3000000 ]]
}

# The command in the report trains the same model, to the bit.
repeats() {
    local command
    command=$(python3 -c '
import html, re
page = open("run/report.html").read()
print(html.unescape(re.search(r"<pre><code>(silma train.*?)</code>", page, re.S).group(1)))')
    echo "$command"
    eval "${command/#silma/\"\$SILMA\"} --out again --quiet" && same "$(sha again/best.safetensors)" "$(sha run/best.safetensors)"
}

check 'a run is trained' trained
check 'training ends well without a report' training_survives
check 'its report is written' reported
check 'what calibration chose' calibrated
check 'nothing learnt is called so' nothing_learnt
check 'the report as JSON' json
check 'each figure as a file' figures
check 'no file is replaced without --force' files_stay
check 'without the data set the rest is shown' without_data
check 'the command in it trains the same model' repeats
if command -v chromium >/dev/null; then
    check 'the page in a browser: wide, narrow, dark, printed' in_a_browser
    check 'counts and per cent can be switched' matrix_can_be_switched
    check 'the page on paper' printed
    check 'the keyboard reaches everything, and is seen' keyboard
    check 'hostile and long names are text' hostile_names
    check 'captions are whole whatever the names' captions_are_whole
    check 'a class named <script> is text' a_class_named_script
    check 'a hundred classes' many_classes
    check 'two classes and one output' two_classes_one_output
    check 'no validation images' no_validation
    check 'an interrupted run' interrupted
    check 'large images' large_images
else
    skip 'the page in a browser' 'no chromium'
fi
finish
