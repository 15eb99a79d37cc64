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

check 'a run is trained' trained
check 'training ends well without a report' training_survives
check 'its report is written' reported
check 'the report as JSON' json
check 'each figure as a file' figures
check 'no file is replaced without --force' files_stay
check 'without the data set the rest is shown' without_data
finish
