#!/usr/bin/env bash
# docs/mathematics.md has a row for each of the thesis's equations 1 to 79, and every file, function and test that it
# names exists: check_mathematics.sh prints "ok" or "not ok" for each part.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
document=docs/mathematics.md
failures=0

rows=$(sed -n 's/^| *\([0-9][0-9]*\) |.*/\1/p' "$document")
if [[ $rows == "$(seq 79)" ]]; then
    echo "ok every equation has a row"
else
    echo "not ok every equation has a row, in order"
    failures=1
fi

# Each cell is a list of `file`: `name`, `name`; ...
missing=$(sed -n '/^| *[0-9]/p' "$document" | grep -oE '`[^`]+`' | tr -d '`' | while read -r word; do
    if [[ $word == */* ]]; then
        file=$word
        [[ -f $file ]] || echo "no file $file"
    else
        grep -qw -- "$word" "$file" || echo "no $word in $file"
    fi
done | sort -u)
if [[ -z $missing ]]; then
    echo "ok every file, function and test exists"
else
    echo "not ok every file, function and test exists"
    printf '%s\n' "$missing"
    failures=1
fi
exit $failures
