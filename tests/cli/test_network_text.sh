#!/usr/bin/env bash
# Wrong .silma files: exit code 3, the file, the line, what was expected.
# shellcheck source=tests/cli/lib.sh disable=SC2317
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# rejects LINE TEXT CONTENT: the file's error must name the line and contain TEXT.
rejects() {
    local line=$1 text=$2
    printf '%b' "$3" >net.silma
    fails 3 "net.silma:$line: " summary net.silma && grep -qF -- "$text" err
}

top='input 8x8x1\n'

check 'an unknown layer' rejects 2 'conv' "${top}covn 8 3x3\n"
check 'an unknown option' rejects 2 'stride' "${top}conv 8 3x3 strid=2\n"
check 'a word too many' rejects 3 'softmax' "${top}flatten\ndense 10 sofmax\n"
check 'a number that is none' rejects 2 'many' "${top}conv many 3x3\n"
check 'a filter that is none' rejects 2 'conv' "${top}conv 8 3y3\n"
check 'a count of 0' rejects 2 'conv' "${top}conv 0 3x3\n"
check 'a count that overflows' rejects 2 'conv' "${top}conv 99999999999999999999 3x3\n"
check 'a filter larger than the image' rejects 2 '9' "${top}conv 8 9x9\n"
check 'groups that do not divide' rejects 2 'group' "${top}conv 8 3x3 groups=3\n"
check 'a name that is not there' rejects 2 'stem' "${top}add stem\n"
check 'a name twice' rejects 3 'a' "${top}conv 8 3x3 name=a\nconv 8 3x3 name=a\n"
check 'a rate beyond 1' rejects 2 'dropout' "${top}dropout 1.5\n"
check 'shapes that do not add' rejects 3 'add' "${top}conv 8 3x3 name=a\nadd a from=input\n"
check 'a line behind a lone carriage return' rejects 3 "unexpected 'dense'" "${top}flatten\ndense 4\rdense 10\n"
check 'no input' rejects 1 'input' 'conv 8 3x3\n'

# rejects_recipe TEXT LINE: a recipe is read when training starts; nothing is left behind.
rejects_recipe() {
    [[ -d data ]] || make_data data 30 6
    printf 'input auto\nflatten\ndense classes softmax\ntrain:\n%s\n' "$2" >net.silma
    fails 3 'net.silma:5: ' train net.silma --data ./data && grep -qF -- "$1" err && [[ ! -e runs/net-1 ]]
}

check 'an unknown setting' rejects_recipe epochs 'epochss 3'
check 'a setting without a value' rejects_recipe epochs 'epochs'
check 'an unknown optimiser' rejects_recipe adam 'optimizer adm'
check 'an unknown option of an optimiser' rejects_recipe momentum 'optimizer sgd momentun=0.9'
check 'a share beyond 1' rejects_recipe val_split 'val_split 1.5'

empty() {
    : >net.silma
    fails 3 'net.silma' summary net.silma
}

binary() {
    printf 'input 8x8x1\n\0\377\376\033[31m\n' >net.silma
    fails 3 'net.silma' summary net.silma && ! grep -q $'\033' err
}

folder() {
    mkdir -p folder.silma
    exits 4 summary folder.silma || exits 3 summary folder.silma
}

absent() {
    fails 4 'absent.silma' summary absent.silma
}

misspelt_zoo() {
    "$SILMA" summary lenet >out 2>err
    [[ $? -ge 2 ]] && grep -q lenet5 err || { cat err; return 1; }
}

auto_needs_a_size() {
    "$SILMA" summary cnn >out 2>err
    local status=$?
    cat err
    [[ $status -eq 2 || $status -eq 3 ]] && grep -q '^hint: --input HxWxC' err
}

long_line() {
    printf 'input 8x8x1\n%s\n' "$(printf 'a %.0s' {1..5000})" >net.silma
    fails 3 'net.silma:2: ' summary net.silma
}

comments() {
    printf '# a comment\n\ninput 8x8x1 # 64 pixels\n  flatten\r\n\tdense 4\n\n' >net.silma
    exits 0 summary net.silma && grep -qE '^Parameters +260$' out
}

check 'an empty file' empty
check 'a binary file' binary
check 'a folder' folder
check 'a file that is not there' absent
check 'a misspelt zoo name' misspelt_zoo
check 'input auto without a size' auto_needs_a_size
check 'a very long line' long_line
check 'comments, blank lines, indentation and CRLF' comments
finish
