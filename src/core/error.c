#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

silma_status silma_fail(silma_error *error, silma_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    // The arguments may point into error->message itself: a caller may wrap a message in its own.
    char message[sizeof error->message];
    if (vsnprintf(message, sizeof message, format, arguments) < 0) message[0] = '\0';
    va_end(arguments);
    error->status = status;
    memcpy(error->message, message, sizeof message);
    return status;
}

silma_status silma_fail_memory(silma_error *error, size_t bytes)
{
    return silma_fail(error, SILMA_FAILURE, "out of memory: %zu bytes were needed", bytes);
}

silma_status silma_fail_io(silma_error *error, const char *path, const char *what)
{
    return silma_fail(error, SILMA_IO, "%s: %s: %s", path, what, strerror(errno));
}

enum { WORD_MAX = 63 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

// Levenshtein's distance, row by row.
static size_t edit_distance(const char *a, const char *b)
{
    size_t columns = strlen(b);
    if (strlen(a) > WORD_MAX || columns > WORD_MAX) return WORD_MAX;
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            size_t above = row[j + 1];
            row[j + 1] = smallest(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[columns];
}

const char *silma_closest_word(const char *word, const char *const *candidates, size_t count)
{
    const char *closest = NULL;
    size_t least = 3;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        if (distance < least && 2 * distance < strlen(word) + 1) {
            least = distance;
            closest = candidates[i];
        }
    }
    return closest;
}
