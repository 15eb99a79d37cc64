#!/usr/bin/env bash
# silma plot: figures that XML parsers and eyes can read; numbers of connections; nothing overwritten.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

raster=$("$SILMA" --version | grep -c 'figures as PNG yes')

well_formed() {
    python3 -c 'import sys, xml.dom.minidom
for path in sys.argv[1:]:
    figure = xml.dom.minidom.parse(path).documentElement
    assert figure.tagName == "svg" and figure.getAttribute("viewBox"), path
    assert figure.getElementsByTagName("title")[0].firstChild.data, path' "$@"
}

# The written numbers of a figure of connections, a row a line.
counts() {
    python3 -c 'import sys, xml.dom.minidom
texts = [t for t in xml.dom.minidom.parse(sys.argv[1]).getElementsByTagName("text")]
cells = [t for t in texts if t.getAttribute("text-anchor") == "middle" and t.getAttribute("class") in ("ink", "on")]
rows = {}
for t in cells: rows.setdefault(t.getAttribute("y"), []).append((float(t.getAttribute("x")), t.firstChild.data))
for y in sorted(rows, key=float): print(" ".join(text for x, text in sorted(rows[y])))' "$1"
}

activations() {
    exits 0 plot activations --out figures || return 1
    local name
    for name in sigmoid relu leaky_relu elu tanh gelu silu negative_logarithm; do
        [[ -s figures/$name.svg ]] || { echo "$name.svg is missing"; return 1; }
    done
    well_formed figures/*.svg && same "$(wc -l <out)" 8
}

same_bytes() {
    exits 0 plot activations --out again --threads 1 && diff -r figures again
}

nothing_is_overwritten() {
    mkdir one && echo mine >one/silu.svg
    fails 2 'one/silu.svg exists already' plot activations --out one && same "$(ls one)" silu.svg || return 1
    exits 0 plot activations --out one --force && well_formed one/silu.svg
}

# Figure 11 of the thesis: min(i, f) min(j, f) from the nearest corner.
figure_11() {
    exits 0 plot connections --input 12x12 --filter 5 --out eleven && well_formed eleven/connections.svg || return 1
    same "$(counts eleven/connections.svg)" "$(awk 'BEGIN { for (y = 1; y <= 12; y++) { line = ""
        for (x = 1; x <= 12; x++) { i = y < 13 - y ? y : 13 - y; j = x < 13 - x ? x : 13 - x
            line = line (x > 1 ? " " : "") (i < 5 ? i : 5) * (j < 5 ? j : 5) }
        print line } }')"
}

strides_and_padding() {
    exits 0 plot connections --input 4x6 --filter 3x2 --stride 2 --pad 1,0,0,1 --out padded || return 1
    # rows: windows start at -1 and 1 (h) and 0, 2, 4 (w), are 3 high and 2 wide
    same "$(counts padded/connections.svg)" "$(printf '1 1 1 1 1 1\n2 2 2 2 2 2\n1 1 1 1 1 1\n1 1 1 1 1 1')" &&
        exits 0 plot connections --input 5 --pad same --backend reference --out same &&
        same "$(counts same/connections.svg | head -1)" '4 6 6 6 4' &&
        exits 0 plot connections --input 512x512 --filter 7 --stride 3 --out large && well_formed large/connections.svg
}

samples() {
    make_data data
    exits 0 plot samples --data ./data --count 9 --out first && well_formed first/samples.svg &&
        same "$(grep -c '<image' first/samples.svg)" 9 &&
        exits 0 plot samples --data ./data --count 9 --out second && cmp first/samples.svg second/samples.svg &&
        exits 0 plot samples --data ./data --count 9 --seed 1 --out third && ! cmp -s first/samples.svg third/samples.svg &&
        exits 0 plot samples --data ./data --count 400 --split test --out all && same "$(grep -c '<image' all/samples.svg)" 60
}

wrong_usage() {
    fails 2 'is missing' plot && fails 2 "found 'sample'" plot sample && fails 2 '--data is missing' plot samples &&
        fails 2 "--seed is about 'silma plot samples'" plot connections --seed 1 &&
        fails 2 'does not fit' plot connections --input 2x2 --out none &&
        fails 2 'stride must be' plot connections --stride 0 --out none &&
        fails 2 'pad must be' plot connections --pad 1,2 --out none &&
        fails 2 '--input: expected' plot connections --input 12x12x3 --out none &&
        fails 2 '--filter, --stride and --pad' plot connections --filter '3 same' --out none &&
        fails 2 '--count' plot samples --data ./data --count 0 --out none && [[ ! -e none/connections.svg ]]
}

cannot_write() {
    touch file && fails 4 'cannot make the folder' plot activations --out file/in
}

png() {
    if ((raster)); then
        exits 0 plot connections --png --out raster --json &&
            same "$(cat out)" '{"figures": ["raster/connections.svg", "raster/connections.png"]}' &&
            python3 -c 'import struct, sys
head = open("raster/connections.png", "rb").read(24)
assert head[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", head[16:24])[0] > 600'
    else
        fails 2 'makes no PNG' plot connections --png --out raster && [[ ! -e raster ]]
    fi
}

check 'each activation function, well-formed' activations
check 'the same bytes again' same_bytes
check 'nothing is overwritten without --force' nothing_is_overwritten
check 'figure 11: equation 61' figure_11
check 'strides and padding' strides_and_padding
if "$SILMA" --version | grep -q 'gzip yes'; then
    check 'random images with their classes' samples
else
    skip 'random images with their classes' 'no codecs'
fi
check 'wrong usage is told' wrong_usage
check 'a folder that cannot be' cannot_write
check 'PNG files' png
finish
