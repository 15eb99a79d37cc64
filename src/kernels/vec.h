// A small vector API over GNU vector extensions, so that each fast kernel is written once and compiled once per
// instruction set. The including file defines VF, the number of floats in a vector: 16 with AVX-512, 8 with AVX2,
// 4 with NEON and in the scalar build.
//
// Vectors take the usual operators (+ - * / and comparisons, which give masks of type vi: all ones or all zeros).
// Sums of products go through vf_fma: fused where the instruction set has it, so that an element does not depend on
// which of two loops happened to be contracted.
#ifndef SILMA_KERNELS_VEC_H
#define SILMA_KERNELS_VEC_H

#ifndef VF
#error "define VF, the number of floats in a vector, before including kernels/vec.h"
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if VF == 16 || VF == 8
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

typedef float vf __attribute__((vector_size(4 * VF)));
typedef int32_t vi __attribute__((vector_size(4 * VF)));
typedef float vf_unaligned __attribute__((vector_size(4 * VF), aligned(4), may_alias));

#define ALWAYS_INLINE inline __attribute__((always_inline))

// Full unrolling of a loop whose count is a constant: the compiler then keeps small arrays of vectors in registers.
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

// The same where the vectors are more than the registers of the smallest ones hold: there the code of a loop is enough.
#if VF == 4 && !defined(__ARM_NEON)
#define UNROLL_LARGE
#else
#define UNROLL_LARGE UNROLL
#endif

static ALWAYS_INLINE vf vf_load(const float *from)
{
    return *(const vf_unaligned *)from;
}

static ALWAYS_INLINE void vf_store(float *to, vf value)
{
    *(vf_unaligned *)to = value;
}

static ALWAYS_INLINE vf vf_zero(void)
{
    return (vf){0};
}

static ALWAYS_INLINE vf vf_set(float value)
{
    return value - (vf){0}; // minus: keeps the sign of -0
}

static ALWAYS_INLINE vi vi_set(int32_t value)
{
    return value + (vi){0};
}

#if VF == 8
// The first `count` of eight lanes, 0 <= count <= 8.
static ALWAYS_INLINE __m256i vf_lanes(size_t count)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}
#endif

// The first `count` floats, 0 <= count <= VF, the other lanes zero; touches no memory beyond them.
static ALWAYS_INLINE vf vf_load_part(const float *from, size_t count)
{
#if VF == 16
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1u), from);
#elif VF == 8
    return (vf)_mm256_maskload_ps(from, vf_lanes(count));
#else
    vf value = {0};
    for (size_t i = 0; i < count; i++)
        value[i] = from[i];
    return value;
#endif
}

static ALWAYS_INLINE void vf_store_part(float *to, vf value, size_t count)
{
#if VF == 16
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1u), (__m512)value);
#elif VF == 8
    _mm256_maskstore_ps(to, vf_lanes(count), (__m256)value);
#else
    for (size_t i = 0; i < count; i++)
        to[i] = value[i];
#endif
}

// a * b + c
static ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c)
{
#if VF == 16
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VF == 8
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

#if VF == 16
// Lane i is a's lane i + count; the last `count` lanes are a's first.
static ALWAYS_INLINE vf vf_skip_lanes(vf a, int count)
{
    const vi lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return (vf)_mm512_permutexvar_ps((__m512i)(lane + count), (__m512)a);
}
#endif

// mask ? a : b, lane by lane; each lane of the mask is all ones or all zeros.
static ALWAYS_INLINE vf vf_select(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

static ALWAYS_INLINE vi vi_select(vi mask, vi a, vi b)
{
    return (mask & a) | (~mask & b);
}

// a > b ? a : b; a NaN in either gives b. So vf_max(zero, x) keeps a NaN of x.
static ALWAYS_INLINE vf vf_max(vf a, vf b)
{
#if VF == 16
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif VF == 8
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE__)
    return __builtin_ia32_maxps(a, b);
#else
    return vf_select(a > b, a, b);
#endif
}

// a < b ? a : b; a NaN in either gives b.
static ALWAYS_INLINE vf vf_min(vf a, vf b)
{
#if VF == 16
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif VF == 8
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE__)
    return __builtin_ia32_minps(a, b);
#else
    return vf_select(a < b, a, b);
#endif
}

static ALWAYS_INLINE vf vf_sqrt(vf a)
{
#if VF == 16
    return (vf)_mm512_sqrt_ps((__m512)a);
#elif VF == 8
    return (vf)_mm256_sqrt_ps((__m256)a);
#elif defined(__SSE__)
    return __builtin_ia32_sqrtps(a);
#elif defined(__ARM_NEON)
    return (vf)vsqrtq_f32((float32x4_t)a);
#else
    for (int i = 0; i < VF; i++)
        a[i] = sqrtf(a[i]);
    return a;
#endif
}

static ALWAYS_INLINE vf vf_abs(vf a)
{
    return (vf)((vi)a & vi_set(INT32_MAX));
}

// To the nearest float.
static ALWAYS_INLINE vf vf_from_vi(vi a)
{
    return __builtin_convertvector(a, vf);
}

// Of two rows of a square, `block` apart, exchanges the blocks of that size off the diagonal.
static ALWAYS_INLINE void vf_exchange(vf *row, vf *other, int block)
{
    vf a = *row, b = *other;
#if VF == 16
    if (block == 8) {
        *row = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        *other = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
    if (block == 4) {
        *row = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
        *other = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    }
    if (block == 2) {
        *row = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
        *other = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
    if (block == 1) {
        *row = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
        *other = __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    }
#elif VF == 8
    if (block == 4) {
        *row = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
        *other = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    }
    if (block == 2) {
        *row = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
        *other = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
    if (block == 1) {
        *row = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
        *other = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
    }
#else
    if (block == 2) {
        *row = __builtin_shufflevector(a, b, 0, 1, 4, 5);
        *other = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    }
    if (block == 1) {
        *row = __builtin_shufflevector(a, b, 0, 4, 2, 6);
        *other = __builtin_shufflevector(a, b, 1, 5, 3, 7);
    }
#endif
}

// Turns a square of VF rows: element (i, j) goes to (j, i).
static ALWAYS_INLINE void vf_transpose(vf *row)
{
    UNROLL
    for (int block = VF / 2; block > 0; block /= 2) {
        UNROLL
        for (int i = 0; i < VF; i++)
            if (!(i & block)) vf_exchange(&row[i], &row[i + block], block);
    }
}

// The sum of the lanes, in pairs: the upper half onto the lower, until one is left.
static ALWAYS_INLINE float vf_sum(vf a)
{
    float lane[VF];
    memcpy(lane, &a, sizeof lane);
    UNROLL
    for (int half = VF / 2; half > 0; half /= 2) {
        UNROLL
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    }
    return lane[0];
}

// The largest lane.
static ALWAYS_INLINE float vf_max_lane(vf a)
{
    float largest = a[0];
    for (int i = 1; i < VF; i++)
        largest = a[i] > largest ? a[i] : largest;
    return largest;
}

#endif
