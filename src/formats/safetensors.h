// safetensors files: a JSON header, then tensors without holes. Opened files are mapped, checked once, and then only
// pointed into.
#ifndef SILMA_FORMATS_SAFETENSORS_H
#define SILMA_FORMATS_SAFETENSORS_H

#include "core/private.h"
#include "silma/silma.h"

#include <jansson.h>

enum {
    SAFETENSORS_MAX_RANK = 8,
    SAFETENSORS_MAX_TENSORS = 65536,
    SAFETENSORS_MAX_HEADER = 1 << 20, // bytes
};

typedef struct safetensor {
    const char *name;  // UTF-8
    const char *dtype; // "F32", "I64", ...
    int rank;
    uint64_t shape[SAFETENSORS_MAX_RANK]; // the product of the dimensions times the dtype's size is `bytes`
    const void *data;                     // row-major, little-endian, aligned for the dtype and no further
    size_t bytes;
} safetensor;

// ---------------------------------------------------------------------------------------------------------------------
// Reading

typedef struct safetensors safetensors;

// SILMA_IO if the file cannot be read, SILMA_BAD_FILE if anything in it breaks the format's rules. Close with
// safetensors_close. Everything that is returned below stays valid until then.
silma_status safetensors_open(safetensors **file, const char *path, silma_error *error)
    SILMA_PRIVATE_API(safetensors_open);
// The same over bytes that the caller keeps, aligned to 8; `origin` is what messages call them.
silma_status safetensors_read(safetensors **file, const uint8_t *bytes, size_t size, const char *origin,
                              silma_error *error);
void safetensors_close(safetensors *file) SILMA_PRIVATE_API(safetensors_close); // null is allowed

size_t safetensors_count(const safetensors *file);
const safetensor *safetensors_at(const safetensors *file, size_t index);       // in the order of the data
const safetensor *safetensors_find(const safetensors *file, const char *name); // null if absent
const char *safetensors_metadata(const safetensors *file, const char *key)
    SILMA_PRIVATE_API(safetensors_metadata); // null if absent
// The metadata's JSON, which the caller owns; null if absent, if it is no JSON array or object, or if memory is short.
json_t *safetensors_json(const safetensors *file, const char *key);

// ---------------------------------------------------------------------------------------------------------------------
// Writing: the same contents give the same bytes, in whatever order they were added

typedef struct safetensors_writer safetensors_writer;

silma_status safetensors_writer_create(safetensors_writer **writer, silma_error *error);
// Strings are copied. A key or name that is already there is SILMA_USAGE.
silma_status safetensors_writer_metadata(safetensors_writer *writer, const char *key, const char *value,
                                         silma_error *error);
// Stores `value` as JSON text, its numbers with `digits` significant digits. Takes over `value`, which may be null
// where memory was short.
silma_status safetensors_writer_json(safetensors_writer *writer, const char *key, json_t *value, size_t digits,
                                     silma_error *error);
// `data` is borrowed until the commit.
silma_status safetensors_writer_tensor(safetensors_writer *writer, const char *name, const char *dtype, int rank,
                                       const uint64_t *shape, const void *data, silma_error *error);
// Writes the file whole or leaves the old one. The writer stays as it is.
silma_status safetensors_writer_commit(safetensors_writer *writer, const char *path, silma_error *error);
void safetensors_writer_free(safetensors_writer *writer); // null is allowed

#endif
