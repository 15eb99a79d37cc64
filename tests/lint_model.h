// What clang's analyser must know to follow an error: functions that make one return its status, never SILMA_OK. It
// cannot see that for itself, because it looks into one file at a time. Included by tests/lint.sh before each file.
#ifndef SILMA_TESTS_LINT_MODEL_H
#define SILMA_TESTS_LINT_MODEL_H

#include "../src/core/error.h"
#include "../src/nn/words.h"

#define silma_fail(error, status, ...) ((void)(silma_fail)(error, status, __VA_ARGS__), (status))
#define silma_fail_memory(error, bytes) ((void)(silma_fail_memory)(error, bytes), SILMA_FAILURE)
#define silma_fail_io(error, path, what) ((void)(silma_fail_io)(error, path, what), SILMA_IO)
#define words_fail(...) ((void)(words_fail)(__VA_ARGS__), SILMA_BAD_FILE)

#endif
