#include "output.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void output_prepare(void)
{
    // Opened the wrong way round, so that using them still fails.
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int descriptor = 0; descriptor < 3; descriptor++)
        if (fcntl(descriptor, F_GETFD) == -1 && errno == EBADF && open("/dev/null", modes[descriptor]) == -1)
            _Exit(SILMA_IO);
    signal(SIGPIPE, SIG_IGN);
}

// Asked of the descriptor: stdio forgets why a write failed.
bool output_is_broken(void)
{
    struct pollfd descriptor = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&descriptor, 1, 0) == 1 && (descriptor.revents & POLLERR);
}

silma_status output_close(problem *why)
{
    bool failed_before = ferror(stdout) != 0;
    errno = 0;
    bool failed_now = fclose(stdout) != 0;
    if (!failed_before && !failed_now) return SILMA_OK;
    const char *reason = errno ? strerror(errno) : "an earlier write failed";
    return problem_set(why, SILMA_IO, "standard output: cannot write: %s", reason);
}

silma_status output_json(json_t *root, problem *why)
{
    if (!root) return problem_set_memory(why);
    char *line = json_dumps(root, JSON_REAL_PRECISION(9));
    json_decref(root);
    if (!line) return problem_set_memory(why);
    puts(line);
    free(line);
    return SILMA_OK;
}

json_t *output_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *output_integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *output_string(const char *text)
{
    if (!text) return json_null();
    json_t *string = json_string(text);
    if (string) return string;

    size_t capacity = TEXT_ESCAPED * strlen(text) + 1;
    char *printable = malloc(capacity);
    if (!printable) return NULL;
    text_printable(printable, capacity, text);
    string = json_string(printable);
    free(printable);
    return string;
}

// `failed` as jansson's functions return it.
static void give_up(json_t **value, int failed)
{
    if (!failed) return;
    json_decref(*value);
    *value = NULL;
}

void output_append(json_t **array, json_t *value)
{
    give_up(array, json_array_append_new(*array, value));
}

void output_set(json_t **object, const char *name, json_t *value)
{
    give_up(object, json_object_set_new(*object, name, value));
}
