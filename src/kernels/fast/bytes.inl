// Vectors of bytes and half-words and their widening, which compilers do badly on their own (gcc 12 widens a vector of
// bytes lane by lane).
#ifndef SILMA_KERNELS_FAST_BYTES_INL
#define SILMA_KERNELS_FAST_BYTES_INL

#include "kernels/vec.h"

// The first `lanes` of VF bytes as whole numbers, the other lanes zero.
static ALWAYS_INLINE vi load_bytes(const uint8_t *from, size_t lanes)
{
#if VF == 16
    return (vi)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8((__mmask16)((1u << lanes) - 1u), from));
#else
    uint8_t bytes[VF] = {0};
    if (lanes == VF)
        memcpy(bytes, from, VF);
    else
        for (size_t i = 0; i < lanes; i++)
            bytes[i] = from[i];
#if VF == 8
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
#else
    return (vi){bytes[0], bytes[1], bytes[2], bytes[3]};
#endif
#endif
}

// VF half-words as whole numbers.
static ALWAYS_INLINE vi load_words(const uint16_t *from)
{
#if VF == 16
    return (vi)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
#elif VF == 8
    return (vi)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
#else
    return (vi){from[0], from[1], from[2], from[3]};
#endif
}

// The first `lanes` of VF whole numbers below 256 as bytes.
static ALWAYS_INLINE void store_bytes(uint8_t *to, vi value, size_t lanes)
{
#if VF == 16
    _mm_mask_storeu_epi8(to, (__mmask16)((1u << lanes) - 1u), _mm512_cvtepi32_epi8((__m512i)value));
#else
    typedef uint8_t vbytes __attribute__((vector_size(VF)));
    vbytes bytes = __builtin_convertvector(value, vbytes);
    if (lanes == VF)
        memcpy(to, &bytes, VF);
    else
        for (size_t i = 0; i < lanes; i++)
            to[i] = bytes[i];
#endif
}

#endif
