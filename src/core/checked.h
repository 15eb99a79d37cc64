// Sizes in checked arithmetic: every size that comes from a file or a user goes through these.
#ifndef SILMA_CORE_CHECKED_H
#define SILMA_CORE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Each returns false where the result does not fit; *result is then unspecified.
static inline bool checked_add(size_t a, size_t b, size_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

static inline bool checked_mul(size_t a, size_t b, size_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

// Rounds up to a multiple of `alignment`, a power of two.
static inline bool checked_align(size_t size, size_t alignment, size_t *result)
{
    if (!checked_add(size, alignment - 1, result)) return false;
    *result &= ~(alignment - 1);
    return true;
}

#endif
