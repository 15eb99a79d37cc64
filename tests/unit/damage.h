// Damage done to bytes in every possible place.
#ifndef SILMA_TESTS_DAMAGE_H
#define SILMA_TESTS_DAMAGE_H

#include "scratch.h"

// Reads damaged bytes with a reader under test, which releases all that it made.
typedef silma_status damaged_reader(const uint8_t *bytes, size_t count, void *user, silma_error *error);

// Reads the bytes: must be SILMA_BAD_FILE with `place` in its message, and allocate no more than a bounded multiple of
// the size.
void expect_refused(const uint8_t *bytes, size_t count, const char *place, damaged_reader *reader, void *user);
// Reads bytes[0, n) for all n < count: each must be refused as above. `step` > 1 skips lengths.
void expect_truncations_fail(const uint8_t *bytes, size_t count, size_t step, const char *place, damaged_reader *reader,
                             void *user);
// Flips each bit of bytes[begin, end) in turn: each reading must be good or SILMA_BAD_FILE as above. Returns how many
// were SILMA_BAD_FILE.
size_t expect_flips_are_survived(const uint8_t *bytes, size_t count, size_t begin, size_t end, const char *place,
                                 damaged_reader *reader, void *user);

// Lets files of this process grow to `bytes` and no further (as on a full disk), until it is called with SIZE_MAX.
void limit_file_size(size_t bytes);

#endif
