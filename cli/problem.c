#include "problem.h"

#include "terminal.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

silma_status problem_set(problem *why, silma_status status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(why->error.message, sizeof why->error.message, format, values);
    va_end(values);
    why->error.status = status;
    return status;
}

silma_status problem_set_memory(problem *why)
{
    return problem_set(why, SILMA_FAILURE, "out of memory");
}

void problem_hint(problem *why, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(why->hint, sizeof why->hint, format, values);
    va_end(values);
}

void problem_print(const problem *why, const char *cmd)
{
    terminal screen = terminal_of(stderr);
    char message[sizeof why->error.message], hint[sizeof why->hint];
    text_printable(message, sizeof message, why->error.message);
    text_printable(hint, sizeof hint, why->hint);

    fprintf(stderr, "%ssilma:%s ", terminal_style(&screen, STYLE_ERROR), terminal_style(&screen, STYLE_PLAIN));
    if (cmd) fprintf(stderr, "%s: ", cmd);
    fprintf(stderr, "%s\n", message[0] ? message : "failed without a message");
    if (hint[0])
        fprintf(stderr, "%shint:%s %s\n", terminal_style(&screen, STYLE_BOLD), terminal_style(&screen, STYLE_PLAIN),
                hint);
}
