// Dropout, section 3.2.4 of the thesis: the bits of core/random.c (Philox4x32-10) for several blocks at once, and the
// multiplication by them in the same pass.
#ifndef SILMA_KERNELS_FAST_DROPOUT_INL
#define SILMA_KERNELS_FAST_DROPOUT_INL

#include "core/random.h"
#include "kernels/fast/chunks.inl"

// One block of random bits to a 64-bit lane, as a 32-bit product takes 64 bits. GROUP: the elements of one vector.
enum { BLOCKS = VF / 2, ELEMENTS_PER_BLOCK = 8, GROUP = BLOCKS * ELEMENTS_PER_BLOCK };
_Static_assert(CHUNK % GROUP == 0, "a chunk starts with a whole group");

typedef uint64_t vq __attribute__((vector_size(4 * VF)));
typedef uint16_t vwords __attribute__((vector_size(2 * VF)));

// The product of each lane's low half with `factor`.
static ALWAYS_INLINE vq multiply_low_halves(vq a, uint32_t factor)
{
#if VF == 16
    return (vq)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(factor));
#elif VF == 8
    return (vq)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(factor));
#elif defined(__ARM_NEON)
    return (vq)vmull_u32(vmovn_u64((uint64x2_t)a), vdup_n_u32(factor));
#else
    return (a & 0xFFFFFFFFu) * factor;
#endif
}

typedef struct dropout_job {
    size_t count;
    uint64_t first;
    uint64_t seed;
    uint32_t lane, step, threshold;
    float scale;
    const float *x;
    float *y;
    bool stream;
} dropout_job;

// The bits of the blocks from `index` on, in the order of the elements. random_bits in
// core/random.c is this function for one block; here the upper halves of the lanes hold rubbish until the end.
static ALWAYS_INLINE void random_group(const dropout_job *job, uint64_t index, uint64_t bits[2 * BLOCKS])
{
    enum { ROUNDS = 10 };
    vq c0;
    for (size_t i = 0; i < BLOCKS; i++)
        c0[i] = index + i;
    vq c1 = (vq){0} + (index >> 32);
    vq c2 = (vq){0} + job->step;
    vq c3 = (vq){0} + ((uint32_t)RANDOM_DROPOUT << 24 | (job->lane & 0xFFFFFFu));
    uint32_t k0 = (uint32_t)job->seed, k1 = (uint32_t)(job->seed >> 32);
    UNROLL
    for (int round = 0; round < ROUNDS; round++) {
        vq p0 = multiply_low_halves(c0, 0xD2511F53u);
        vq p1 = multiply_low_halves(c2, 0xCD9E8D57u);
        c0 = (p1 >> 32) ^ c1 ^ k0;
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ k1;
        c3 = p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    vq low = (c0 & 0xFFFFFFFFu) | c1 << 32;
    vq high = (c2 & 0xFFFFFFFFu) | c3 << 32;
    UNROLL
    for (size_t i = 0; i < BLOCKS; i++) {
        bits[2 * i] = low[i];
        bits[2 * i + 1] = high[i];
    }
}

// x * scale where the bits reach the threshold, otherwise 0.
static ALWAYS_INLINE vf keep(const dropout_job *job, const uint16_t *bits, vf x)
{
    vwords words;
    memcpy(&words, bits, sizeof words);
    vi kept = __builtin_convertvector(words, vi) >= (int32_t)job->threshold;
    return (vf)(kept & (vi)(x * job->scale));
}

static void dropout_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const dropout_job *job = argument;
    range r = chunk_range(job->count, CHUNK, task);
    for (size_t first = r.first; first < r.last; first += GROUP) {
        uint64_t bits[2 * BLOCKS];
        random_group(job, (job->first + first) / ELEMENTS_PER_BLOCK, bits);
        uint16_t words[GROUP];
        memcpy(words, bits, sizeof words); // element i has bits 16 (i % 4).. of number i / 4: little-endian
        size_t elements = smaller(GROUP, r.last - first), i = 0;
        const float *x = job->x + first;
        float *y = job->y + first;
        for (; i + VF <= elements; i += VF)
            vf_store_or_stream(y + i, keep(job, words + i, vf_load(x + i)), job->stream);
        if (i < elements) vf_store_part(y + i, keep(job, words + i, vf_load_part(x + i, elements - i)), elements - i);
    }
    end_stream(job->stream);
}

static void dropout(thread_pool *pool, size_t count, uint64_t first, uint64_t seed, uint32_t lane, uint32_t step,
                    uint32_t threshold, float scale, const float *x, float *y)
{
    dropout_job job = {count, first, seed, lane, step, threshold, scale, x, y, may_stream(y, x, count, VF)};
    thread_pool_run(pool, parts_of(count, CHUNK), dropout_task, &job);
}

#endif
