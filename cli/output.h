// Standard output: results go there, as text or as JSON, and a failed write is an error.
#ifndef SILMA_CLI_OUTPUT_H
#define SILMA_CLI_OUTPUT_H

#include "problem.h"

#include <jansson.h>

enum { EXIT_BROKEN_PIPE = 141 }; // the reader of standard output has gone: as if SIGPIPE had ended the command

// Called first: standard descriptors that the caller closed are opened so that no data file takes their numbers, and
// SIGPIPE becomes a write error.
void output_prepare(void);

// True once the reader of standard output has gone.
bool output_is_broken(void);

// Flushes and closes standard output. SILMA_IO if anything could not be written.
silma_status output_close(problem *why);

// Prints `root` as one line and releases it; null is out of memory, as json_pack returns it.
silma_status output_json(json_t *root, problem *why);

// null for NaN and infinities, which JSON does not know.
json_t *output_number(double value);
// A string; where some bytes are not UTF-8, they and control characters become \xHH. JSON's null for a null pointer.
json_t *output_string(const char *text);
json_t *output_integer(uint64_t value);
// Add `value` to an array or an object. Where that fails this is released and becomes null, which takes no more, and
// which json_pack and output_json pass on.
void output_append(json_t **array, json_t *value);
void output_set(json_t **object, const char *name, json_t *value);

#endif
