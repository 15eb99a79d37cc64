// Vectors of bytes and their widening, which compilers do badly on their own (gcc 12 widens a vector of bytes lane by
// lane).
#ifndef SILMA_KERNELS_FAST_BYTES_INL
#define SILMA_KERNELS_FAST_BYTES_INL

#include "kernels/vec.h"

typedef uint8_t vbytes __attribute__((vector_size(VF)));

// The first `lanes` of VF bytes as whole numbers, the other lanes zero.
static ALWAYS_INLINE vi load_bytes(const uint8_t *from, size_t lanes)
{
    uint8_t bytes[VF] = {0};
    memcpy(bytes, from, lanes);
#if VF == 16
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)bytes));
#elif VF == 8
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
#else
    return (vi){bytes[0], bytes[1], bytes[2], bytes[3]};
#endif
}

// The first `lanes` of VF whole numbers below 256 as bytes.
static ALWAYS_INLINE void store_bytes(uint8_t *to, vi value, size_t lanes)
{
    vbytes bytes = __builtin_convertvector(value, vbytes);
    memcpy(to, &bytes, lanes);
}

#endif
