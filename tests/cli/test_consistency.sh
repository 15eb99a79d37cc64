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
finish
