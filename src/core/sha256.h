// SHA-256 (FIPS 180-4), for telling data sets and files apart and for checking downloads.
#ifndef SILMA_CORE_SHA256_H
#define SILMA_CORE_SHA256_H

#include "core/private.h"
#include "silma/silma.h"

#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX_SIZE = 65 }; // 64 lower-case hexadecimal digits and the final zero

typedef struct sha256 {
    uint32_t state[8];
    uint64_t count;    // bytes so far
    uint8_t block[64]; // the count % 64 bytes that wait for a full block
} sha256;

void sha256_start(sha256 *sum);
void sha256_add(sha256 *sum, const void *bytes, size_t count);
// Writes the sum of all that was added; `sum` must be started again before it is used again.
void sha256_finish(sha256 *sum, char hex[SHA256_HEX_SIZE]);

// The sum of these bytes, or of a whole file.
void sha256_of(const void *bytes, size_t count, char hex[SHA256_HEX_SIZE]);
silma_status sha256_file(const char *path, char hex[SHA256_HEX_SIZE], silma_error *error)
    SILMA_PRIVATE_API(sha256_file);

#endif
