#!/usr/bin/env bash
# Folders of pictures: classes, splits, files that cannot be read, the size that pictures get, and training on them.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export SILMA_CACHE=$work/cache

# pictures FOLDER CLASS COUNT SEED [HEIGHT [WIDTH]]: noisy grey pictures (PGM, as text) of which a small network tells
# the classes 0, 1 and 2 apart.
pictures() {
    mkdir -p "$1" && awk -v folder="$1" -v class="$2" -v n="$3" -v s="$4" -v h="${5:-8}" -v w="${6:-${5:-8}}" 'BEGIN {
        for (i = 0; i < n; i++) {
            file = folder "/" i ".pgm"
            print "P2", w, h, 255 >file
            for (y = 0; y < h; y++)
                for (x = 0; x < w; x++) {
                    s = (s * 16807) % 2147483647
                    bright = class == 0 ? x < w / 2 : class == 1 ? y < h / 2 : (x + y) % 2
                    print bright * 80 + int(s / 2147483647 * 176) >file
                }
            close(file)
        }
    }'
}

# three_classes FOLDER COUNT SEED
three_classes() {
    pictures "$1/left" 0 "$2" "$3" && pictures "$1/top" 1 "$2" $(($3 + 1)) && pictures "$1/both" 2 "$2" $(($3 + 2))
}

three_classes photos 40 100
printf 'input auto\nconv 4 3x3 same relu\nflatten\ndense classes softmax\n\ntrain:\nbatch 16\n' >auto.silma

# The number of images of the training (1) or test (2) part that `data info` told.
count_of() {
    sed -nE 's/^  count +([0-9,]+) of .*/\1/p' out | sed -n "${1}p"
}

classes_of() {
    sed -nE 's/^ +[0-9]+  ([^ ]+) .*/\1/p' out | tr '\n' ' '
}

info() {
    exits 0 data info photos && grep -q '^  count    120 of 8x8x1$' out && same "$(classes_of)" 'both left top ' &&
        grep -q "test images" out && grep -q "its test set is missing: expected test/" out
}

# Images that were set apart are never trained on, and are not replaced by others.
unreadable_parts() {
    three_classes blind/train 8 500 && three_classes blind/val 4 600 || return 1
    cp -r blind lame
    local file
    for file in blind/val/*/*.pgm lame/train/*/*.pgm; do echo damaged >"$file"; done
    exits 3 train tiny --data blind --epochs 1 --out blind-run &&
        grep -q 'its folder of validation images holds no picture that can be read' err &&
        exits 0 train tiny --data blind --epochs 1 --val-split 0 --out blind-run || return 1
    exits 2 train tiny --data lame --epochs 1 --out lame-run && grep -q 'no image is left to train on' err
}

split_folders() {
    three_classes parted/train 20 200 && three_classes parted/val 5 300 && three_classes parted/test 6 400 &&
        exits 0 data info parted && same "$(count_of 1) $(count_of 2)" '75 18' &&
        grep -q ' 75 of .*, 15 of them for validation$' out &&
        exits 0 train tiny --data parted --epochs 1 --out parted-run &&
        grep -q '"train_images": 60' parted-run/config.json && grep -q '"validation_images": 15' parted-run/config.json &&
        exits 0 eval parted-run/best.safetensors --json && grep -q '"count": 18' out || return 1
    exits 0 train tiny --data parted --epochs 1 --val-split 0 --out parted-run --force &&
        grep -q '"train_images": 60' parted-run/config.json && grep -q '"validation_images": 0' parted-run/config.json || return 1
    mv parted/val parted/validation && exits 0 data info parted && same "$(count_of 1)" 75 || return 1
    mkdir parted/valid && fails 3 'has valid and validation' data info parted
}

# A folder of classes is not one of splits because a class is called "train", nor because one is called nearly so.
classes_called_train() {
    pictures vehicles/bus 0 4 1 && pictures vehicles/train 1 4 2 && exits 0 data info vehicles &&
        same "$(classes_of)" 'bus train ' || return 1
    pictures vehicles/train/steam 1 4 3 && exits 0 data info vehicles && same "$(classes_of)" 'bus train ' &&
        same "$(count_of 1)" 12 || return 1
    three_classes weather/rain 2 1 && three_classes weather/testing 2 5 && exits 0 data info weather &&
        same "$(classes_of)" 'rain testing '
}

# A class that is missing from one of the splits keeps its place in all.
classes_are_those_of_all_splits() {
    pictures uneven/train/a 0 4 1 && pictures uneven/train/c 1 4 2 && pictures uneven/test/b 2 4 3 &&
        pictures uneven/test/c 2 4 4 && exits 0 data info uneven && same "$(classes_of)" 'a b c a b c ' &&
        grep -q "class 'b' has no pictures" err
}

empty_folders() {
    mkdir -p bare/a bare/b && fails 3 'its sub-folders hold no training pictures' data info bare || return 1
    mkdir nothing && fails 3 'expected a sub-folder of pictures a class' data info nothing || return 1
    pictures single/only 0 6 1 && exits 0 data info single && fails 2 'images of one class only' train tiny --data single --out no
}

test_set_is_missing() {
    exits 0 train tiny --data photos --epochs 1 --out missing-run || return 1
    fails 4 'its test set is missing: expected test/' eval missing-run/best.safetensors &&
        exits 0 eval missing-run/best.safetensors --split validation
}

# One bad file among many is named and left out; many are counted; --strict refuses.
bad_files() {
    cp -r photos bad && echo 'no picture' >bad/left/a.jpg && : >bad/top/empty.png && exits 0 data info bad &&
        same "$(count_of 1)" 120 && grep -q 'left/a.jpg: is no picture' err && grep -q 'top/empty.png: the file is empty' err &&
        same "$(grep -c '^notice:' err)" 2 || return 1
    fails 3 'left/a.jpg: is no picture' data info bad --strict &&
        fails 3 'left/a.jpg: is no picture' train tiny --data bad --strict --out no || return 1
    local i
    for i in 1 2 3 4 5 6 7; do echo 'no picture' >"bad/both/$i.jpg"; done
    exits 0 data info bad && grep -q '6 more files were left out' err && [[ $(grep -c '^notice:' err) -le 4 ]] || return 1
    for i in bad/*/*; do echo 'no picture' >"$i"; done
    exits 3 data info bad && grep -q 'none of its .* files is a picture' err
}

# Whatever the name says.
contents_decide() {
    cp -r photos renamed && mv renamed/left/0.pgm renamed/left/0.jpg && mv renamed/left/1.pgm renamed/left/noextension &&
        exits 0 data info renamed && same "$(count_of 1)" 120 && [[ ! -s err ]]
}

hidden_files_are_ignored() {
    cp -r photos hidden && echo x >hidden/left/Thumbs.db && echo x >hidden/left/.DS_Store && mkdir hidden/.git &&
        echo x >hidden/README.txt && exits 0 data info hidden && same "$(count_of 1)" 120 && [[ ! -s err ]]
}

deeper_folders_belong_to_the_class() {
    mkdir deep && cp -r photos/* deep && mkdir -p deep/left/more/still && mv deep/left/1*.pgm deep/left/more/still/ &&
        exits 0 data info deep && same "$(count_of 1)" 120 && [[ ! -s err ]]
}

# Nothing is read twice, waited for, or walked for ever.
odd_entries() {
    cp -r photos odd && ln -s . odd/left/self && ln -s .. odd/left/up && ln -s round odd/left/round && ln -s nowhere odd/left/lost &&
        ln -s ../top odd/both/other && mkfifo odd/left/pipe && ln -s /dev/zero odd/top/zero && timeout 20 "$SILMA" data info odd >out 2>err || return 1
    cat out err
    same "$(count_of 1)" 120 && grep -q 'left/pipe: is neither a file nor a folder' err &&
        grep -q 'left/lost: No such file' err && grep -q '4 more files or folders were left out' err || return 1
    fails 3 'both/other: is a folder that is read already' data info odd --strict
}

links_to_pictures() {
    mkdir -p linked && ln -s ../photos/left linked/left && cp -r photos/top linked/top && ln -s ../../photos/both/0.pgm linked/top/x.pgm &&
        exits 0 data info linked && same "$(count_of 1)" 81 && [[ ! -s err ]]
}

unreadable() {
    cp -r photos closed && chmod 0 closed/left/3.pgm closed/top && exits 0 data info closed
    local status=$?
    cp err told && [[ $status -eq 0 ]] && same "$(count_of 1)" 79 && exits 3 data info closed --strict
    status=$?
    chmod 700 closed/left/3.pgm closed/top
    [[ $status -eq 0 ]] && grep -q 'left/3.pgm: .*Permission denied: left out' told &&
        grep -q 'closed/top: Permission denied: left out' told && grep -q 'closed/top: Permission denied' err
}

names_that_are_not_utf8() {
    cp -r photos names && mv names/left $'names/caf\351' && mv names/top/0.pgm $'names/top/\377\033[31m.pgm' && exits 0 data info names &&
        same "$(classes_of)" 'both caf\xe9 top ' && same "$(count_of 1)" 120 && exits 0 data info names --json &&
        exits 0 train tiny --data names --epochs 1 --out names-run && exits 0 eval names-run/best.safetensors --split validation
}

# The pictures' own size if all have it, otherwise 64x64; a network that names its size decides; --size decides more.
sizes() {
    cp -r photos mixed && pictures mixed/left 0 2 7 12 9 && exits 0 data info mixed && grep -q ' of 64x64x1$' out &&
        grep -q 'differ in size, so all are resized to 64x64' err || return 1
    exits 0 data info mixed --size 10x6 --resize fit --background ff0080 --color rgb && grep -q ' of 10x6x3$' out && [[ ! -s err ]] || return 1
    exits 0 train lenet5 --data mixed --epochs 1 --out lenet-run && grep -q '"height": 32' lenet-run/config.json || return 1
    mkdir large && pictures large/a 0 2 1 300 && pictures large/b 1 2 2 300 && exits 0 data info large && grep -q ' of 64x64x1$' out &&
        grep -q 'pictures are large' err || return 1
    fails 2 "expected a side or HEIGHTxWIDTH such as 64 or 48x64, found '0'" data info photos --size 0 &&
        fails 2 '--background' data info photos --background red && fails 2 '--resize' data info photos --resize zoom &&
        fails 2 '--color' data info photos --color blue
}

colours() {
    cp -r photos tinted && printf 'P3 8 8 255\n%s\n' "$(printf '200 10 10 %.0s' {1..64})" >tinted/top/zz.ppm &&
        exits 0 data info tinted && grep -q ' of 8x8x3$' out && exits 0 data info tinted --color grey && grep -q ' of 8x8x1$' out
}

options_are_for_pictures() {
    make_data idx 60 30 && fails 2 '--size is for folders of pictures' data info idx --size 16 &&
        fails 2 '--strict is for folders of pictures' train tiny --data idx --strict --out no
}

balance() {
    cp -r photos heavy && pictures heavy/left 0 400 9 && exits 0 train tiny --data heavy --epochs 1 --out heavy-run &&
        same "$(grep -c 'out of balance' err)" 1 && grep -q "'left' has 320 images, 'both' only 32; consider --class-weights" err &&
        exits 0 train tiny --data heavy --epochs 1 --out heavy-run --force --class-weights balanced && ! grep notice err
}

# The same bits with one thread and two; a run continues, and is measured, without its options being given again.
same_bits() {
    local options=(--data mixed --size 12x10 --resize crop --background 102030 --epochs 3)
    exits 0 train auto.silma "${options[@]}" --threads 1 --out one && exits 0 train auto.silma "${options[@]}" --threads 2 --out two &&
        same "$(sha one/last.safetensors one/best.safetensors)" "$(sha two/last.safetensors two/best.safetensors)" || return 1
    exits 0 train auto.silma "${options[@]}" --epochs 2 --out three && exits 0 train --resume three --epochs 3 --threads 2 || return 1
    same "$(sha three/best.safetensors)" "$(sha one/best.safetensors)" && fails 2 '--resume excludes --size' train --resume three --size 8 &&
        exits 0 eval three/best.safetensors --split validation && exits 0 eval three/best.safetensors --split train --data photos || return 1
    rm mixed/left/0.pgm && fails 2 'was trained on other data' train --resume three --epochs 4
}

# What is nearly the same lies on one side of the split: each picture is there three times.
duplicates_stay_together() {
    mkdir twice && cp -r photos/* twice && local file class
    for file in photos/*/*.pgm; do
        class=$(basename "$(dirname "$file")")
        cp "$file" "twice/$class/again-${file##*/}"
        awk 'NR > 1 && $1 < 250 && $1 > 1 { $1 = $1 + (NR % 3) - 1 } 1' "$file" >"twice/$class/later-${file##*/}"
    done
    exits 0 train tiny --data twice --epochs 1 --val-split 0.25 --out twice-run || return 1
    # Images are numbered by class and name: 0.pgm, 1.pgm, 10.pgm, ..., again-0.pgm, ..., later-0.pgm, ...
    awk -v k=40 'BEGIN { RS = "[^0-9a-z]+" } /train|validation/ { part = $0 } /^[0-9]+$/ {
        picture = int($0 / (3 * k)) * k + $0 % k
        if (picture in side && side[picture] != part) wrong++
        side[picture] = part
        count[part]++
    } END { print wrong + 0, count["train"], count["validation"] }' twice-run/split.json >counts
    same "$(cat counts)" '0 270 90'
}

packs() {
    find "$SILMA_CACHE" -name '*.pack' -type f | wc -l
}

# Opens photos, of which the cache must hold one pack or none; it is whole afterwards, and the images the same.
sum_of_photos() {
    "$SILMA" data info photos --json 2>err | sed -nE 's/.*"sha256": "([0-9a-f]+)".*/\1/p'
}

# A pack is made once, found again by eval and resume, made anew when a file has changed, and cleaned away.
cache() {
    rm -rf "$SILMA_CACHE"
    local sum pack
    sum=$(sum_of_photos) && same "$(packs)" 1 && pack=$(find "$SILMA_CACHE" -name '*.pack' -type f) &&
        same "$(stat -c %a "$SILMA_CACHE")" 700 && same "$(stat -c %a "$pack")" 600 || return 1
    touch -d '2001-01-01' "$pack"
    same "$(sum_of_photos)" "$sum" && exits 0 train tiny --data photos --epochs 1 --out cache-run &&
        exits 0 eval cache-run/best.safetensors --split validation && exits 0 train --resume cache-run --epochs 2 &&
        same "$(packs)" 1 && same "$(stat -c %Y "$pack")" "$(date -d '2001-01-01' +%s)" || return 1
    touch photos/left/0.pgm && same "$(sum_of_photos)" "$sum" && same "$(packs)" 1 &&
        [[ $(stat -c %Y "$pack") -gt $(date -d '2002-01-01' +%s) ]] || return 1
    exits 0 data info photos --size 6 && same "$(packs)" 2 || return 1
    echo mine >"$SILMA_CACHE/notes.txt" && echo mine >"$SILMA_CACHE/0123.pack" && mkdir "$SILMA_CACHE/ffffffffffffffffffffffffffffffff.pack" &&
        exits 0 data clean && same "$(grep -c "^deleted .*of $work/photos" out)" 2 && exits 0 data clean --json && grep -q '"results": \[\]' out &&
        same "$(find "$SILMA_CACHE" -mindepth 1 | wc -l)" 3
}

# Damage is seen, and what was in the way is replaced.
damaged_cache() {
    rm -rf "$SILMA_CACHE"
    local sum pack size place
    sum=$(sum_of_photos) && pack=$(find "$SILMA_CACHE" -name '*.pack' -type f) && size=$(stat -c %s "$pack") || return 1
    cp "$pack" whole.pack
    for place in 0 9 20 40 60 100 200 1000 1300 4096 9000 $((size - 900)) $((size - 1)); do
        cp whole.pack "$pack" && printf '\377' | dd of="$pack" bs=1 seek="$place" conv=notrunc 2>dd.log
        same "$(sum_of_photos)" "$sum" && cmp "$pack" whole.pack || return 1
    done
    for place in 0 1 100 4095 4096 5000 $((size - 1)); do
        head -c "$place" whole.pack >"$pack" && same "$(sum_of_photos)" "$sum" && cmp "$pack" whole.pack || return 1
    done
    printf x >>"$pack" && same "$(sum_of_photos)" "$sum" && cmp "$pack" whole.pack || return 1
    # What a killed process left behind is overwritten.
    rm "$pack" && echo leftover >"$pack.tmp" && same "$(sum_of_photos)" "$sum" && cmp "$pack" whole.pack
}

# A cache that cannot be written costs a notice.
no_cache() {
    local sum
    rm -rf "$SILMA_CACHE" && sum=$(sum_of_photos) || return 1
    echo file >no-folder && same "$(SILMA_CACHE=$work/no-folder sum_of_photos)" "$sum" &&
        grep -q 'no-folder/.*: the images are kept in memory, and decoded again the next time' err || return 1
    same "$(SILMA_CACHE='' XDG_CACHE_HOME='' HOME='' sum_of_photos)" "$sum" && grep -q 'set one of SILMA_CACHE' err || return 1
    same "$(SILMA_CACHE='' XDG_CACHE_HOME=$work/xdg sum_of_photos)" "$sum" && [[ -n $(ls xdg/silma/*.pack) ]] || return 1
    same "$(SILMA_CACHE='' sum_of_photos)" "$sum" && [[ -n $(ls home/.cache/silma/*.pack) ]] || return 1
    # The disk is full: every file that is written ends at 2 kB.
    same "$(trap '' XFSZ; ulimit -f 2; SILMA_CACHE=$work/full-cache sum_of_photos)" "$sum" &&
        same "$(find full-cache -type f | wc -l)" 0
}

# A set that is larger than the memory that the command may take is read from the cache while it trains: the same bits.
larger_than_memory() {
    printf 'input auto\navgpool 64x64\nflatten\ndense classes softmax\n\ntrain:\nbatch 2\n' >coarse.silma
    local options=(--data photos --size 512 --color rgb --epochs 1 --threads 1) # 94 MB
    exits 0 train coarse.silma "${options[@]}" --out roomy-run || return 1
    (ulimit -d 60000 && exits 0 train coarse.silma "${options[@]}" --out narrow-run) &&
        same "$(sha narrow-run/last.safetensors)" "$(sha roomy-run/last.safetensors)" && ! grep -q notice err
}

# Two processes that need the same pack at once.
cache_is_shared() {
    rm -rf "$SILMA_CACHE"
    local sum i
    for i in 1 2 3 4; do "$SILMA" data info photos --json >"shared-$i" 2>/dev/null & done
    wait
    sum=$(sha shared-1)
    for i in 2 3 4; do same "$(sha "shared-$i")" "$sum" || return 1; done
    same "$(packs)" 1 && same "$(find "$SILMA_CACHE" -name '*.tmp' | wc -l)" 0
}

# A file that could not be read is told each time, and read when it has become readable.
bad_files_and_cache() {
    rm -rf "$SILMA_CACHE" sick && cp -r photos sick && echo 'no picture' >sick/left/a.jpg && exits 0 data info sick &&
        cp err first && exits 0 data info sick && diff first err && fails 3 'left/a.jpg: is no picture' data info sick --strict || return 1
    cp sick/left/0.pgm sick/left/a.jpg && exits 0 data info sick --strict && same "$(count_of 1)" 121
}

# Killed while it trains, a run on pictures goes on to the same bits.
killed() {
    exits 0 train auto.silma --data mixed --size 12 --epochs 60 --out whole-run || return 1
    "$SILMA" train auto.silma --data mixed --size 12 --epochs 60 --out killed-run --quiet >killed-out 2>&1 &
    local process=$!
    while [[ ! -s killed-run/history.csv || $(grep -c '' killed-run/history.csv) -lt 4 ]] && kill -0 "$process" 2>/dev/null; do sleep 0.02; done
    kill -9 "$process"
    wait "$process" 2>/dev/null
    exits 0 train --resume killed-run && same "$(sha killed-run/last.safetensors)" "$(sha whole-run/last.safetensors)"
}

# A model is measured on folders that lack some of its classes, each label meaning what the model's does.
fewer_classes() {
    three_classes whole 12 900 && exits 0 train auto.silma --data whole --epochs 30 --lr 1e-2 --out fewer-run || return 1
    mkdir part && cp -r whole/left whole/top part && exits 0 eval fewer-run/best.safetensors --data part --split train --json &&
        grep -q '"count": 24' out && grep -q '"name": "both", "support": 0' out && grep -q '"name": "top", "support": 12' out &&
        grep -qE '"accuracy": (1|0\.9)' out || return 1
    cp -r whole/left part/right && fails 2 "its sub-folder 'right' is none of the model's 3 classes" eval fewer-run/best.safetensors --data part --split train
}

one_class_has_pictures() {
    mkdir -p lonely/empty && cp -r photos/left lonely && exits 2 train auto.silma --data lonely --out no &&
        grep -q 'images of one class only' err
}

check 'the classes are the sub-folders' info
check 'train/, val/ and test/' split_folders
check 'a val/ or train/ without readable pictures' unreadable_parts
check 'a class may be called train' classes_called_train
check 'the classes are those of all splits' classes_are_those_of_all_splits
check 'folders without pictures, and one class only' empty_folders
check 'without test/ there is no test set' test_set_is_missing
check 'files that cannot be read' bad_files
check 'the contents decide what a file is' contents_decide
check 'hidden files and leftovers are ignored' hidden_files_are_ignored
check 'deeper folders belong to the class' deeper_folders_belong_to_the_class
check 'links that loop, pipes, devices' odd_entries
check 'links to pictures' links_to_pictures
if nobody_can_run; then
    check 'unreadable files and folders' as_somebody unreadable
else
    skip 'unreadable files and folders' 'root reads everything, and nobody may not run the command'
fi
check 'names that are not UTF-8' names_that_are_not_utf8
check 'sizes' sizes
check 'colours' colours
check 'options for pictures are refused elsewhere' options_are_for_pictures
check 'classes out of balance' balance
check 'the same bits with any number of threads, and continued' same_bits
check 'a model on fewer classes' fewer_classes
check 'one class only has pictures' one_class_has_pictures
check 'near-duplicates stay together' duplicates_stay_together
check 'the cache: made once, found again, made anew, cleaned' cache
check 'a damaged cache' damaged_cache
check 'a cache that cannot be written' no_cache
if (ulimit -d 60000 && silma --version >/dev/null 2>&1); then
    check 'a set larger than memory' larger_than_memory
else
    skip 'a set larger than memory' 'this build cannot run in so little memory' # AddressSanitizer
fi
check 'processes share the cache' cache_is_shared
check 'bad files and the cache' bad_files_and_cache
check 'killed and continued' killed
finish
