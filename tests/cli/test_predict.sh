#!/usr/bin/env bash
# Predicting pictures in files, folders and standard input.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_data data
cat >net.silma <<'TEXT'
input auto
conv 4 3x3 same relu
flatten
dense classes softmax
train:
batch 16
lr 1e-2
epochs 8
val_split 0.2
TEXT
"$SILMA" train net.silma --data data --out run --quiet >/dev/null || exit 1
model=run/best.safetensors

# pgm IMAGE: an image of the test part as a PGM file.
pgm() {
    printf 'P5\n# a comment\n8 8\n255\n'
    tail -c +$((17 + 64 * $1)) data/t10k-images-idx3-ubyte | head -c 64
}

probabilities() {
    grep -oE '"probability": [0-9.e-]+' "$1"
}

mkdir -p photos/b/deep photos/a
pgm 7 >seven.pgm
for i in 0 1 2; do pgm $i >photos/a/$i.pgm; done
pgm 10 >photos/a/10.pgm
pgm 3 >photos/b/deep/3.pgm
pgm 4 >photos/4.jpg # what it is does not depend on its name

# A picture of the model's size gets the same probabilities as in the data set.
predicts_files() {
    exits 0 predict $model seven.pgm --json && cp out file.json && exits 0 predict $model --index 7 --json &&
        same "$(probabilities file.json)" "$(probabilities out)" && grep -q '"file": "seven.pgm"' file.json &&
        fails 2 'is a file' predict $model seven.pgm --index 3 && fails 2 'is a file' predict $model photos --data data
}

# The validation images, which training saw through the data set, give the accuracy that training measured.
agrees_with_validation() {
    mkdir validation
    local index label right=0 count=0
    for index in $(grep -o '"validation": *\[[^]]*\]' run/split.json | grep -oE '[0-9]+'); do
        { printf 'P5 8 8 255\n'; tail -c +$((17 + 64 * index)) data/train-images-idx3-ubyte | head -c 64; } >"validation/$index.pgm"
    done
    exits 0 predict $model validation --csv --top 1 || return 1
    while IFS=, read -r file _ class _; do
        index=${file//[^0-9]/}
        label=$((index % 3))
        count=$((count + 1))
        [[ $class -eq $label ]] && right=$((right + 1))
    done < <(tail -n +2 out)
    same $count 48 && exits 0 eval $model --split validation --json &&
        same "$(awk "BEGIN { printf \"%.6f\", $right / $count }")" \
            "$(grep -oE '"accuracy": [0-9.]+' out | awk '{ printf "%.6f", $2 }')"
}

folders_in_order() {
    exits 0 predict $model photos seven.pgm --json && same "$(sed -E 's/.*"file": "([^"]*)".*/\1/' out | tr '\n' ' ')" \
        'photos/4.jpg photos/a/0.pgm photos/a/1.pgm photos/a/10.pgm photos/a/2.pgm photos/b/deep/3.pgm seven.pgm ' &&
        [[ ! -s err ]] && exits 0 predict $model photos --top 2 && same "$(grep -c '^photos/' out)" 6 &&
        same "$(grep -cE '^  [012] +[0-9.]+ %$' out)" 12
}

standard_input() {
    "$SILMA" predict $model - --json <seven.pgm >piped.json && exits 0 predict $model seven.pgm --json &&
        same "$(probabilities piped.json)" "$(probabilities out)" && grep -q '"file": "standard input"' piped.json || return 1
    pgm 7 | "$SILMA" predict $model - photos | grep -c '' >count && same "$(cat count)" 28 || return 1
    fails 3 'standard input' predict $model - </dev/null && fails 3 'standard input' predict $model - <photos &&
        fails 3 'standard input' predict $model - <&-
}

as_csv() {
    exits 0 predict $model photos --csv --top 2 &&
        same "$(head -1 out)" 'file,unknown,class,name,probability,class_2,name_2,probability_2' && same "$(grep -c '' out)" 7 &&
        grep -qE '^photos/4.jpg,false,1,1,0\.[0-9]+,[02],[02],[0-9.e-]+$' out && exits 0 predict $model --index 7 --csv --top 1 &&
        same "$(head -1 out)" 'index,true_class,true_name,unknown,class,name,probability' && grep -qE '^7,1,1,false,1,1,[0-9.]+$' out &&
        fails 2 exclude predict $model photos --csv --json
}

any_size() {
    { printf 'P6\n24 16\n255\n'; head -c $((24 * 16 * 3)) <(yes 'some colours'); } >colour.ppm
    exits 0 predict $model colour.ppm --top 1 && same "$(head -1 out | cut -d: -f1)" colour.ppm
}

# One that is wrong is the command's message; of several, each is named, and they are counted.
wrong_pictures() {
    head -c 50 seven.pgm >short.pgm
    printf 'P5\n99999999999 8\n255\n' >huge.pgm
    printf 'not a picture' >text.jpg
    : >empty.pgm
    mkfifo fifo.pgm
    local file
    for file in short.pgm huge.pgm text.jpg empty.pgm fifo.pgm absent.pgm /dev/null; do
        fails 3 "predict: $file: " predict $model "$file" && same "$(grep -c '' err)" 1 && [[ ! -s out ]] || return 1
    done
    exits 3 predict $model short.pgm seven.pgm huge.pgm text.jpg empty.pgm fifo.pgm absent.pgm photos --top 1 || return 1
    for file in short.pgm huge.pgm text.jpg empty.pgm fifo.pgm absent.pgm; do
        grep -q "^silma: predict: $file: " err || { echo "$file is not named"; return 1; }
    done
    same "$(grep -c '' err)" 7 && same "$(tail -1 err)" 'silma: predict: 6 of 13 could not be read' &&
        same "$(grep -c : out)" 7
}

# The limit holds before memory is taken, and may be set.
limit_of_pixels() {
    local -x SILMA_MAX_PIXELS=63
    fails 3 'seven.pgm: 8x8 pixels are more than the limit of 63: make the picture smaller' predict $model seven.pgm || return 1
    SILMA_MAX_PIXELS=64 && exits 0 predict $model seven.pgm || return 1
    SILMA_MAX_PIXELS='' && exits 0 predict $model seven.pgm || return 1
    printf 'P5\n10000 10000\n255\n' >large.pgm
    fails 3 '10000x10000 pixels are more than the limit of 89478485' predict $model large.pgm || return 1
    SILMA_MAX_PIXELS=100000000 && fails 3 'expected 100000000 bytes of pixels, found 0' predict $model large.pgm || return 1
    for SILMA_MAX_PIXELS in x 0 -1 99999999999999999999; do
        fails 2 "\$SILMA_MAX_PIXELS: expected a number of pixels, found '$SILMA_MAX_PIXELS'" predict $model seven.pgm || return 1
    done
}

wrong_as_json() {
    exits 3 predict $model short.pgm seven.pgm --json && same "$(grep -c '' out)" 2 &&
        grep -qE '^\{"file": "short.pgm", "error": "short.pgm: .*"\}$' out && exits 3 predict $model short.pgm --csv &&
        same "$(grep -c '' out)" 1
}

folders_without_pictures() {
    mkdir -p none hidden/sub
    touch hidden/.DS_Store hidden/sub/Thumbs.db
    fails 3 'none: the folder holds no pictures' predict $model none &&
        fails 3 'hidden/sub: the folder holds no pictures' predict $model hidden &&
        exits 3 predict $model none photos --json && same "$(grep -c '"top"' out)" 6
}

unreadable() {
    mkdir locked && pgm 1 >locked/1.pgm && pgm 2 >secret.pgm && chmod 0 locked secret.pgm
    exits 3 predict $model locked secret.pgm seven.pgm --top 1
    local status=$?
    chmod 700 locked secret.pgm
    [[ $status -eq 0 ]] && grep -q 'locked: the folder cannot be read: ' err && grep -q 'secret.pgm: ' err && same "$(grep -c : out)" 1
}

# Links to folders are followed, each once; one that leads nowhere is a file that cannot be read.
links() {
    mkdir -p linked/sub && pgm 1 >linked/1.pgm && pgm 2 >linked/sub/2.pgm &&
        ln -s .. linked/sub/loop && ln -s sub linked/again && ln -s "$PWD/photos" linked/photos && ln -s 1.pgm linked/9.pgm
    exits 0 predict $model linked --top 1 && same "$(grep -c : out)" 9 && ln -s self linked/self && ln -s nowhere linked/x.pgm &&
        exits 3 predict $model linked --top 1 && grep -q 'linked/self: ' err && grep -q 'linked/x.pgm: ' err && same "$(grep -c : out)" 9
}

strange_names() {
    mkdir strange && pgm 1 >"strange/$(printf 'a\377b').pgm" && pgm 2 >"strange/$(printf 'line\nbreak').pgm" && pgm 3 >'strange/c,"d.pgm'
    exits 0 predict $model strange --top 1 && grep -qF 'strange/a\xFFb.pgm: ' out && grep -qF 'strange/line\x0Abreak.pgm: ' out &&
        exits 0 predict $model strange --json && same "$(grep -c '' out)" 3 && grep -qF '"file": "strange/a\\xFFb.pgm"' out &&
        exits 0 predict $model strange --csv && grep -qF '"strange/c,""d.pgm",' out && same "$(grep -c '' out)" 4 &&
        exits 0 predict $model -- strange/c*
}

# More than a batch; the number of threads changes nothing.
many_files() {
    mkdir many
    local i
    for i in $(seq 100 700); do ln photos/a/$((i % 3)).pgm "many/$i.pgm"; done
    : >many/333.pgm.broken
    exits 3 predict $model many --csv --threads 1 && cp out one.csv && exits 3 predict $model many --csv --threads 3 &&
        cmp out one.csv && same "$(grep -c '' out)" 602 && cut -d, -f1 out | tail -n +2 | sort -c &&
        grep -q '1 of 602 could not be read' err
}

closed_pipe() {
    { "$SILMA" predict $model many --csv 2>err; echo $? >code; } | head -1 >first
    same "$(cat code)" 141 && same "$(grep -vc 'many/333' err)" 0
}

# picture CLASS SEED HEIGHT WIDTH: a noisy one, in colours.
picture() {
    awk -v class="$1" -v s="$2" -v h="$3" -v w="$4" 'BEGIN {
        print "P3", w, h, 255
        for (y = 0; y < h; y++)
            for (x = 0; x < w; x++)
                for (c = 0; c < 3; c++) {
                    s = (s * 16807) % 2147483647
                    bright = class == 0 ? x < w / 2 : class == 1 ? y < h / 2 : (x + y) % 2
                    print bright * (60 + 20 * c) + int(s / 2147483647 * 136)
                }
    }'
}

# Pictures of many sizes, colours and formats: their probabilities are the same from files as through the data set, and
# give the loss that training itself computed on its validation images, or eval where the model looks more than once.
# sees_what_training_saw OPTION...
sees_what_training_saw() {
    local class i pictures=$SILMA_SOURCE_DIR/tests/data/pictures
    for class in 0 1 2; do
        mkdir -p "mixed/$class"
        for i in $(seq 10 29); do picture $class $((100 * class + i)) $((5 + i)) $((40 - i)) >"mixed/$class/$i.ppm"; done
    done
    cp "$pictures"/{large,grey,cmyk,orientation6}.jpg "$pictures"/{rgb8,rgba8,palette4-transparent,grey-alpha8}.png mixed/0 || return 1
    export SILMA_CACHE=$work/cache
    exits 0 train net.silma --data mixed --size 12 --resize fit --background c81e5a --out mixed-run --epochs 3 --force "$@" || return 1
    local count
    count=$(find mixed -type f | grep -c '')
    exits 0 predict mixed-run/last.safetensors --data mixed --split train --index 0-$((count - 1)) --json --top 1 &&
        probabilities out >from-data && exits 0 predict mixed-run/last.safetensors mixed --csv --top 3 &&
        same "$(grep -c '' out)" $((count + 1)) && cp out files.csv &&
        exits 0 predict mixed-run/last.safetensors mixed --json --top 1 && probabilities out >from-files &&
        same "$(grep -c '' from-data)" $((2 * count)) && diff from-data from-files || return 1
    local said found
    said=$(tail -1 mixed-run/history.csv | cut -d, -f5)
    if [[ $* == *--tta* ]]; then
        exits 0 eval mixed-run/last.safetensors --data mixed --split validation --json || return 1
        said=$(sed -nE 's/.*"loss": ([0-9.]+), "accuracy".*/\1/p' out)
    fi
    found=$(awk -F, '
        FNR == NR { if (FNR > 1) { split($1, part, "/"); for (k = 3; k < NF; k += 3) if ($(k + 1) == part[2]) p[FNR - 2] = $(k + 2) } next }
        { sum -= log(p[$1]); n++ }
        END { printf "%.5f", sum / n }' files.csv \
        <(tr -d ' \n' <mixed-run/split.json | grep -o '"validation":\[[^]]*\]' | grep -oE '[0-9]+'))
    awk "BEGIN { exit !(($said - $found) ^ 2 < 1e-8) }" || { echo "told: $said, files: $found"; return 1; }
}

check 'a file gets the probabilities of its image in the data set' predicts_files
check 'files give the accuracy that training validated' agrees_with_validation
check 'pictures are seen as training saw them' sees_what_training_saw
check 'pictures are seen as training saw them, normalised, with their mirror images' sees_what_training_saw \
    --normalize meanstd --tta flip --color grey
check 'folders, in the order of names' folders_in_order
check 'standard input' standard_input
check '--csv' as_csv
check 'pictures of any size and colour' any_size
check 'wrong pictures are named' wrong_pictures
check 'a limit of pixels' limit_of_pixels
check 'wrong pictures in JSON and CSV' wrong_as_json
check 'folders without pictures' folders_without_pictures
if nobody_can_run; then
    check 'unreadable files and folders' as_somebody unreadable
else
    skip 'unreadable files and folders' 'root reads everything, and nobody may not run the command'
fi
check 'links that loop' links
check 'names that are not UTF-8' strange_names
check 'many files' many_files
check 'a closed pipe' closed_pipe
finish
