// The command line of one subcommand. Each subcommand declares its options in tables; parsing, help text and
// suggestions follow from them, and tests/cli/test_consistency.sh holds the man page and the completion to them.
#ifndef SILMA_CLI_OPTIONS_H
#define SILMA_CLI_OPTIONS_H

#include "problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct option {
    const char *name;  // without the dashes; null ends a table
    const char *value; // what the help calls its value; null: a flag
    const char *help;
} option;

typedef struct option_group {
    const char *title;
    const option *options;
} option_group;

enum { OPTION_GROUPS_MAX = 5, OPTIONS_MAX = 64 };

typedef struct arguments arguments;

typedef struct command {
    const char *name;
    const char *synopsis;                              // what follows the name; alternatives on lines of their own
    const char *summary;                               // for the list of commands
    const char *details;                               // paragraphs for the help
    const option_group *groups[OPTION_GROUPS_MAX + 1]; // ended by null
    silma_status (*run)(const arguments *args, problem *why);
    bool left_out; // of this build: `run` says so, whatever the arguments are
} command;

struct arguments {
    const command *command;
    const char *values[OPTIONS_MAX]; // in the order of the tables; null where absent, "" for a flag
    const char *const *words;        // the positional words
    size_t word_count;
    bool help; // --help was given; the rest may be incomplete
};

// Reads the words after the subcommand; `argv` is reordered, and `arguments` points into it.
silma_status arguments_parse(arguments *args, const command *cmd, int argc, char **argv, problem *why);

// Whether the command declares such an option; only then it may be asked for.
bool option_declared(const arguments *args, const char *name);
// The value of an option that the command declares, or null if it was not given.
const char *option_text(const arguments *args, const char *name);
bool option_given(const arguments *args, const char *name);
// The same with a type: *value stays as it is where the option is absent; SILMA_USAGE for a bad value.
silma_status option_count(const arguments *args, const char *name, uint64_t least, uint64_t most, uint64_t *value,
                          problem *why);
// One of `count` words; *index is which.
silma_status option_choice(const arguments *args, const char *name, const char *const *choices, size_t count,
                           size_t *index, problem *why);

// A whole text that is a decimal number without sign between `least` and `most`.
bool parse_count(const char *text, uint64_t least, uint64_t most, uint64_t *value);

// SILMA_USAGE unless the number of positional words lies between the two; `what` names the first that is missing.
silma_status arguments_expect_words(const arguments *args, size_t least, size_t most, const char *what, problem *why);

void command_print_help(const command *cmd, FILE *stream);

#endif
