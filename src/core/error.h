// Errors as values: a code, and a message that says where, what was expected and what was found.
#ifndef SILMA_CORE_ERROR_H
#define SILMA_CORE_ERROR_H

#include "core/private.h"
#include "silma/silma.h"

// Fills `error` (which may be null) and returns `status`, so that a function can end with
// `return silma_fail(error, SILMA_BAD_FILE, "%s: ...", path)`.
silma_status silma_fail(silma_error *error, silma_status status, const char *format, ...) SILMA_PRIVATE_API(fail)
    __attribute__((format(printf, 3, 4)));

silma_status silma_fail_memory(silma_error *error, size_t bytes) SILMA_PRIVATE_API(fail_memory);

// SILMA_IO: "<path>: <what>: <strerror(errno)>".
silma_status silma_fail_io(silma_error *error, const char *path, const char *what);

// The candidate most like `word` (edit distance at most 2 and below half the length), or null: for "did you mean".
const char *silma_closest_word(const char *word, const char *const *candidates, size_t count);

#endif
