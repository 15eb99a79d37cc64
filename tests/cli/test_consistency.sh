#!/usr/bin/env bash
# The help, the man page and the completion name the same commands and options.
# shellcheck source=tests/cli/lib.sh
# shellcheck disable=SC2317 # cases are called through check
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=cli/silma.bash
. "$SILMA_SOURCE_DIR/cli/silma.bash"

help_commands() {
    "$SILMA" help | awk '/^Commands:/ { on = 1; next } on && /^$/ { exit } on { print $1 }'
}

# "--name VALUE" lines of a command's help.
help_options() {
    "$SILMA" help "$1" | sed -nE 's/^  (--[a-z-]+( "[^"]*"| [^ ]+)?)(  .*)?$/\1/p' | sort
}

# A section of the man page without its markup.
man_section() {
    awk -v title=".SS $1" '$0 == title { on = 1; next } /^\.S[SH]/ { on = 0 } on' "$SILMA_SOURCE_DIR/docs/silma.1"
}

man_options() {
    {
        man_section "$1"
        local shared
        for shared in 'Machine options' 'Picture options'; do
            if man_section "$1" | grep -qx ".B $shared"; then man_section "$shared"; fi
        done
    } | sed -nE 's/\\f[BIP]//g; s/\\-/-/g; s/\\\(dq/"/g; /^--/p' | sort
}

man_commands() {
    sed -nE 's/^\.SS ([a-z]+)$/\1/p' "$SILMA_SOURCE_DIR/docs/silma.1"
}

# complete_words WORD...: what the completion offers for the last word.
complete_words() {
    COMP_WORDS=("$SILMA" "$@")
    COMP_CWORD=$#
    _silma
    printf '%s\n' "${COMPREPLY[@]}"
}

man_agrees() {
    diff <(help_options "$1") <(man_options "$1")
}

completion_agrees() {
    diff <({ help_options "$1" | cut -d' ' -f1; echo --help; } | sort) <(complete_words "$1" -- | sort)
}

has_options() {
    [[ $(help_options train | grep -c '') -ge 20 ]]
}

commands_agree() {
    diff <(help_commands) <(man_commands) &&
        diff <({ help_commands; printf '%s\n' --help --version; } | sort) <(complete_words '' | sort)
}

values_are_completed() {
    same "$(complete_words eval m.safetensors --split v)" validation &&
        same "$(complete_words predict m.safetensors --split v)" '' &&
        same "$(complete_words train len)" lenet5
}

man_page_is_clean() {
    command -v man >/dev/null || return 0
    same "$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$SILMA_SOURCE_DIR/docs/silma.1" 2>&1 >/dev/null)" ''
}

exit_codes_are_documented() {
    local code
    for code in 0 1 2 3 4 5 130 141 143; do
        sed -n '/^.SH EXIT STATUS/,/^.SH ENV/p' "$SILMA_SOURCE_DIR/docs/silma.1" | grep -qw "$code" || { echo "$code"; return 1; }
    done
}

# What the table of docs/networks.md has in its first column, without the backslashes before bars.
documented_language() {
    sed -nE 's/^\| `([^`]+)` \|.*/\1/p' "$SILMA_SOURCE_DIR/docs/networks.md" | sed 's/\\|/|/g'
}

layers_are_documented() {
    "$SILMA" models --layers | awk '/^Layers/ { on = 1; next } /^$/ { exit } on { sub(/^ +/, ""); sub(/ \(.*/, ""); print }' |
        grep . >layers && [[ $(grep -c '' layers) -gt 20 ]] && diff layers <(documented_language | sed -n "1,$(grep -c '' layers)p")
}

# Each setting has rows of its own; where there are kinds to choose from, one for each of optimizer, schedule and loss.
settings_are_documented() {
    diff <("$SILMA" models --layers | sed '1,/^Settings/d' | awk '{ print $1 }') \
        <(documented_language | sed "1,$(grep -c '' layers)d" | cut -d' ' -f1 | uniq) || return 1
    local kind
    for kind in sgd adagrad rmsprop adam adamw constant step cosine onecycle plateau categorical_crossentropy \
        binary_crossentropy mean_squared_error; do
        documented_language | grep -qE "^(optimizer|schedule|loss) $kind\$" || { echo "no row for $kind"; return 1; }
    done
}

check 'the help of train lists its options' has_options
check 'help, man page and completion know the same commands' commands_agree
for name in $(help_commands); do
    [[ $name == help ]] && continue
    check "$name: the man page has the options of the help" man_agrees "$name"
    check "$name: the completion has the options of the help" completion_agrees "$name"
done
check 'the completion offers values' values_are_completed
check 'the man page has no warnings' man_page_is_clean
check 'the man page explains the exit codes' exit_codes_are_documented
check 'docs/networks.md has every layer as the command describes it' layers_are_documented
check 'docs/networks.md has every setting of a recipe' settings_are_documented
finish
