#!/usr/bin/env bash
# silma trace: the page's numbers computed anew by tests/cli/trace_check.py, the page in a browser, what it refuses.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data

trace() {
    exits 0 trace "$@" --data data
}

numbers() {
    trace "$@" --out page.html && python3 "$SILMA_SOURCE_DIR/tests/cli/trace_check.py" page.html
}

every_optimiser() {
    local optimizer
    for optimizer in 'sgd lr=0.1' 'sgd momentum=0.9 nesterov=yes weight_decay=0.01' adagrad rmsprop adam adamw; do
        numbers tiny --index 4 --optimizer "$optimizer" || return 1
    done
    numbers tiny --index 4 --clip-norm 0.01
}

branches() {
    cat >net.silma <<'END'
input auto
conv 4 3x3 same tanh name=first
conv 4 3x3 same stride=1 groups=2 bias=no
add first
relu
avgpool 3x3 stride=2 pad=1
globalavgpool
dense classes softmax
END
    numbers net.silma --index 2
}

trained() {
    exits 0 train tiny --data data --epochs 2 --batch 16 --out run --quiet && exits 0 trace run/best.safetensors \
        --index 1 --out page.html && python3 "$SILMA_SOURCE_DIR/tests/cli/trace_check.py" page.html &&
        grep -q '(trained)' page.html
}

page_needs_nobody() {
    trace tiny --index 0 --out page.html &&
        ! grep -oE '(src|href)="?(https?:|//)' page.html && ! grep -q '@import' page.html &&
        [[ $(stat -c %s page.html) -lt 200000 ]]
}

result() {
    trace tiny --index 5 --out page.html --json && grep -q '"page": "page.html"' out &&
        [[ $(sed -nE 's/.*"gradients": ([0-9]+).*/\1/p' out) -ge 20 ]]
}

refuses() {
    fails 2 'silma trace tiny --data' trace tiny --index 0 &&
        fails 2 'expected a whole number' trace tiny --data data --index 100000 &&
        fails 2 'nothing=1' trace tiny --data data --optimizer 'sgd nothing=1' || return 1
    printf '%s\n' 'input auto' flatten 'dense 10000' 'dense classes softmax' >wide.silma
    fails 2 'MB' trace wide.silma --data data && grep -q 'hint: --large' err || return 1
    echo mine >mine.html
    fails 2 '--force' trace tiny --data data --out mine.html && same "$(cat mine.html)" mine &&
        exits 0 trace tiny --data data --out mine.html --force && exits 0 trace tiny --data data --out mine.html &&
        fails 4 nowhere trace tiny --data data --out nowhere/page.html
}

escapes() {
    printf '%s\n' 'input 8x8x1' 'flatten name=<b>' 'dense classes softmax' >'<i>.silma'
    trace './<i>.silma' --index 0 --out page.html && ! grep -q '<i>.silma' page.html && grep -q '&lt;i&gt;.silma' page.html
}

# The page as the browser leaves it; fails if it complained.
in_browser() {
    timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chrome" --enable-logging=stderr \
        --virtual-time-budget=8000 --dump-dom "$1" >dom.html 2>browser.txt
    ! grep -E 'CONSOLE|Uncaught' browser.txt && grep -q 'data-ready="yes"' dom.html
}

# Everything that a sum is worked out of agrees with the engine, in at least so many places.
sums_agree() {
    sed 's/<script.*//' dom.html | grep -o 'class="line engine">.\{99\}' >sums
    [[ $(grep -c 'class="same"' sums) -ge $1 ]] && ! grep -v 'class="same"' sums
}

# A click on the last square of the second picture, and keys on the third, beside what they work out.
clicks() {
    trace tiny --index 3 --out page.html && sed -i 's|</body>|<script>\
        const pictures = document.querySelectorAll(".maps canvas"), box = pictures[1].getBoundingClientRect();\
        const at = {clientX: box.right - 5, clientY: box.bottom - 5, bubbles: true};\
        pictures[1].dispatchEvent(new MouseEvent("mousemove", at));\
        pictures[1].dispatchEvent(new MouseEvent("click", at));\
        pictures[0].focus();\
        for (const key of ["ArrowUp", "ArrowLeft", "Enter"])\
            pictures[0].dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));\
        </script></body>|' page.html && in_browser "file://$work/page.html#layer0:63" || return 1
    grep -q 'conv1: row 8, column 8 of map 4' dom.html && grep -q 'input: row 7, column 7' dom.html
}

browser() {
    trace tiny --index 3 --out page.html && in_browser "file://$work/page.html" || return 1
    sums_agree 30 || return 1
    # A link opens the page at a neuron.
    in_browser "file://$work/page.html#layer1:5" && grep -q 'conv1: row 1, column 2 of map 2' dom.html &&
        in_browser "file://$work/page.html#back0:9" && grep -q 'input: row 2, column 2' dom.html &&
        grep -q 'relative error' dom.html || return 1
    # Every rule there is.
    cat >all.silma <<'END'
input auto
conv 4 1x1 silu name=a
conv 4 3x3 same elu name=b groups=2
add a
batchnorm
prelu
concat b
sigmoid
dropout 0.4
maxpool 3x3 same stride=2
conv 4 2x3 stride=2 pad=1,0,1,2 gelu
avgpool 2x2
flatten
dense 6 softmax
leaky_relu
dense classes softmax
END
    trace all.silma --index 1 --out page.html && in_browser "file://$work/page.html" && sums_agree 40
}

if command -v python3 >/dev/null; then
    check 'numbers of a small network' numbers tiny --index 0
    check 'every optimiser' every_optimiser
    check 'branches' branches
    check 'trained model' trained
else
    skip 'numbers' 'needs python3'
fi
check 'page needs nobody' page_needs_nobody
check 'result as JSON' result
check 'refusals' refuses
check 'names are escaped' escapes
if command -v chromium >/dev/null; then
    check 'in a browser' browser
    check 'clicks and keys' clicks
else
    skip 'in a browser' 'needs chromium'
fi
finish
