// What a subcommand reports when it fails: the error, and possibly one hint on what to do next.
#ifndef SILMA_CLI_PROBLEM_H
#define SILMA_CLI_PROBLEM_H

#include <silma/silma.h>

typedef struct problem {
    silma_error error;
    char hint[512]; // empty: none
} problem;

// Fills the message and returns `status`, so that a function can end with `return problem_set(...)`.
silma_status problem_set(problem *why, silma_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
silma_status problem_set_memory(problem *why);
void problem_hint(problem *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

// "silma: train: <message>", then the hint on a line of its own, on stderr. `command` may be null.
void problem_print(const problem *why, const char *cmd);

#endif
