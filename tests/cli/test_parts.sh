#!/usr/bin/env bash
# A build without libsilma-report says so wherever it would be needed, and does all else.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

refuses() {
    local name
    for name in report compare plot thesis trace bench; do
        fails 2 libsilma-report "$name" --any-option word || return 1
        exits 0 "$name" --help && grep -q libsilma-report out || return 1
        exits 0 help "$name" && exits 0 help && grep -q "^  $name .*not in this build" out || return 1
    done
    make_data set && fails 2 libsilma-report data check set
}

trains_without_a_page() {
    printf 'input auto\nflatten\ndense classes softmax\n' >net.silma
    make_data other && exits 0 train net.silma --data other --epochs 1 --out run --quiet &&
        [[ -s run/best.safetensors && ! -e run/report.html ]] && ! grep -q report out err
}

if "$SILMA" --version | grep -q 'pages no'; then
    check 'what needs libsilma-report says so' refuses
    check 'training without a page' trains_without_a_page
else
    skip 'a build without libsilma-report' 'this one has it'
fi
finish
