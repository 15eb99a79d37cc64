#!/usr/bin/env bash
# silma data: list, info, get; data sets that are absent or damaged.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data
real=/usr/share/datasets/fashion-mnist

lists() {
    local name
    exits 0 data list || return 1
    for name in fashion-mnist mnist cifar-10 cifar-100; do
        grep -q "^$name " out || { echo "no $name"; return 1; }
    done
    grep -q 'silma data get cifar-10$' out && exits 0 data list --json && [[ $(head -c1 out) == '{' ]] &&
        grep -q '"results": \[{"name": ' out && grep -q '"train_folder": null' out
}

# A data set by name is found in --data-dir, in $SILMA_DATA, and in the XDG folder, in this order.
searched_in_order() {
    mkdir -p by-option by-variable home/.local/share/silma && cp -r data by-option/mnist && cp -r data by-variable/mnist &&
        cp -r data home/.local/share/silma/mnist || return 1
    local folder
    exits 0 data info mnist && grep -q "folder *$work/home/.local/share/silma/mnist$" out &&
        SILMA_DATA=$work/by-variable exits 0 data info mnist && grep -q 'by-variable/mnist$' out &&
        SILMA_DATA=$work/by-variable exits 0 data info mnist --data-dir by-option && grep -q 'by-option/mnist$' out
    folder=$?
    rm -rf home/.local
    return $folder
}

info() {
    exits 0 data info data && grep -qE '^  count +240 of 8x8x1$' out && grep -qE '^  sha256 +[0-9a-f]{64}$' out &&
        same "$(grep -cE '^ +[012]  [012] +80$' out)" 3 && exits 0 data info data --json &&
        grep -q '"train": {.*"count": 240, "image_shape": \[8, 8, 1\], .*"test": {.*"count": 60, ' out
}

half() {
    mkdir half && cp data/train-* half && exits 0 data info half && grep -q '^test images$' out && grep -q 'missing: ' out &&
        exits 0 data info half --json && grep -q '"test": null' out && exits 0 train tiny --data half --out half-run --epochs 1 &&
        fails 4 'test set is missing' eval half-run/best.safetensors
}

absent() {
    fails 4 'did you mean' data info fashion-mnits && fails 4 'nowhere' data info ./nowhere &&
        fails 4 'silma data get cifar-10' train ann --data cifar-10 && mkdir empty && fails 3 'empty' data info empty
}

# Each part of a file that lies: cut short, too long, a wrong magic number, sizes that overflow, labels beyond.
damaged() {
    local images=train-images-idx3-ubyte labels=train-labels-idx1-ubyte cut
    for cut in 0 1 3 4 15 16 17 5000; do
        rm -rf bad && cp -r data bad && head -c "$cut" "data/$images" >"bad/$images" && fails 3 "$images" data info bad || return 1
        rm -rf bad && cp -r data bad && head -c $((cut > 240 ? 240 : cut)) "data/$labels" >"bad/$labels" && fails 3 "$labels" data info bad || return 1
    done
    rm -rf bad && cp -r data bad && printf x >>"bad/$images" && fails 3 "$images" data info bad || return 1
    local place
    for place in 0 1 2 3 4 7 8 11 12 15; do
        rm -rf bad && cp -r data bad
        printf '\377' | dd of="bad/$images" bs=1 seek="$place" conv=notrunc 2>/dev/null
        fails 3 'bad/' data info bad || return 1
    done
}

damaged_gzip() {
    command -v gzip >/dev/null || return 0
    local images=train-images-idx3-ubyte.gz size cut
    rm -rf zipped && cp -r data zipped && gzip -n zipped/* && exits 0 data info zipped || return 1
    same "$(grep sha256 out)" "$("$SILMA" data info data | grep sha256)" || return 1
    size=$(wc -c <"zipped/$images")
    cp "zipped/$images" whole.gz
    for cut in 0 1 9 10 20 $((size / 2)) $((size - 8)) $((size - 1)); do
        head -c "$cut" whole.gz >"zipped/$images"
        fails 3 "$images" data info zipped || return 1
    done
    { head -c $((size - 6)) whole.gz; printf 'xxxxxx'; } >"zipped/$images" # a wrong check sum
    fails 3 "$images" data info zipped
}

get_is_checked() {
    fails 2 'no data set named' data get fashion-mnits && grep -qx "hint: did you mean 'fashion-mnist'?" err
}

# serve FOLDER: an HTTP server on a free port of this machine; sets `port` and `server`.
serve() {
    python3 -u -m http.server --bind 127.0.0.1 --directory "$1" 0 >server.log 2>&1 &
    server=$!
    local i
    for ((i = 0; i < 250; i++)); do
        port=$(grep -oE 'port [0-9]+' server.log | cut -d' ' -f2)
        [[ -n $port ]] && return
        sleep 0.02
    done
    return 1
}

gets() {
    exits 0 data get fashion-mnist --base-url "http://127.0.0.1:$port" --data-dir got && grep -q 'got/fashion-mnist$' out &&
        same "$(cd got && ls -A)" fashion-mnist && exits 0 data info fashion-mnist --data-dir got &&
        grep -q 'got/fashion-mnist$' out && fails 2 'is there already' data get fashion-mnist --data-dir got
}

gets_nothing_wrong() {
    fails 4 '404' data get mnist --quiet --base-url "http://127.0.0.1:$port/nowhere" --data-dir none && [[ ! -e none/mnist ]] || return 1
    # the files of another data set under the same names
    fails 3 'sha256' data get mnist --quiet --base-url "http://127.0.0.1:$port" --data-dir wrong && [[ ! -e wrong/mnist ]]
}

no_server() {
    kill $server
    wait $server
    fails 4 '127.0.0.1' data get mnist --quiet --base-url "http://127.0.0.1:$port" --data-dir none
} 2>/dev/null

check 'data list' lists
check 'where data sets are looked for' searched_in_order
check 'data info' info
check 'training images without test images' half
check 'absent data sets' absent
check 'damaged IDX files' damaged
check 'damaged gzip files' damaged_gzip
check 'data get of an unknown name' get_is_checked
if ! "$SILMA" --version | grep -q 'download yes'; then
    skip 'data get' 'built without libcurl'
elif ! command -v python3 >/dev/null || ! [[ -d $real ]]; then
    skip 'data get' "needs python3 and $real"
elif ! serve "$real"; then
    skip 'data get' 'no server on 127.0.0.1'
else
    check 'data get' gets
    check 'data get keeps nothing that is wrong' gets_nothing_wrong
    check 'data get without a server' no_server
fi
finish
