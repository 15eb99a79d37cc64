// Dropout, section 3.2.4 of the thesis: the bits of core/random.c (Philox4x32-10) for several blocks at once, and the
// multiplication by them in the same pass.
#ifndef SILMA_KERNELS_FAST_DROPOUT_INL
#define SILMA_KERNELS_FAST_DROPOUT_INL

#include "core/random.h"
#include "kernels/fast/bytes.inl"
#include "kernels/fast/chunks.inl"

// One block of random bits to a 64-bit lane, as a 32-bit product takes 64 bits. GROUP: the elements of one vector.
enum { BLOCKS = VF / 2, ELEMENTS_PER_BLOCK = 8, GROUP = BLOCKS * ELEMENTS_PER_BLOCK };
_Static_assert(CHUNK % GROUP == 0, "a chunk starts with a whole group");

typedef uint64_t vq __attribute__((vector_size(4 * VF)));
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

enum { PHILOX_ROUNDS = 10 };

typedef struct dropout_job {
    size_t count;
    uint64_t first;
    vq key0[PHILOX_ROUNDS], key1[PHILOX_ROUNDS]; // of each round
    vq lanes, step, purpose;                     // 0, 1, 2, ...; the last two words of the counter
    int32_t threshold;
    float scale;
    const float *x;
    float *y;
    bool stream;
} dropout_job;

// The bits of the blocks from `index` on, in the order of the elements. random_bits in
// core/random.c is this function for one block; here the upper halves of the lanes hold rubbish until the end.
static ALWAYS_INLINE void random_group(const dropout_job *job, uint64_t index, uint64_t bits[2 * BLOCKS])
{
    vq c0 = job->lanes + index, c1 = c0 >> 32, c2 = job->step, c3 = job->purpose;
    UNROLL
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        vq p0 = multiply_low_halves(c0, 0xD2511F53u);
        vq p1 = multiply_low_halves(c2, 0xCD9E8D57u);
        c0 = (p1 >> 32) ^ c1 ^ job->key0[round];
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ job->key1[round];
        c3 = p0;
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
static ALWAYS_INLINE vf keep(const uint16_t *bits, vi threshold, vf scaled_x)
{
    return (vf)((load_words(bits) >= threshold) & (vi)scaled_x);
}

static void dropout_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const dropout_job *job = argument;
    range r = chunk_range(job->count, CHUNK, task);
    vi threshold = vi_set(job->threshold);
    vf scale = vf_set(job->scale);
    bool stream = job->stream;
    for (size_t first = r.first; first < r.last; first += GROUP) {
        uint64_t bits[2 * BLOCKS];
        uint16_t words[GROUP];
        random_group(job, (job->first + first) / ELEMENTS_PER_BLOCK, bits);
        memcpy(words, bits, sizeof words); // element i has bits 16 (i % 4).. of number i / 4: little-endian
        size_t elements = smaller(GROUP, r.last - first), i = 0;
        const float *x = job->x + first;
        float *y = job->y + first;
        for (; i + VF <= elements; i += VF)
            vf_store_or_stream(y + i, keep(words + i, threshold, vf_load(x + i) * scale), stream);
        size_t rest = elements - i;
        if (rest > 0) vf_store_part(y + i, keep(words + i, threshold, vf_load_part(x + i, rest) * scale), rest);
    }
    end_stream(stream);
}

static void dropout(thread_pool *pool, size_t count, uint64_t first, uint64_t seed, uint32_t lane, uint32_t step,
                    uint32_t threshold, float scale, const float *x, float *y)
{
    dropout_job job = {.count = count, .first = first, .threshold = (int32_t)threshold, .scale = scale, .x = x, .y = y};
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        job.key0[round] = (vq){0} + key0;
        job.key1[round] = (vq){0} + key1;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    for (size_t i = 0; i < BLOCKS; i++)
        job.lanes[i] = i;
    job.step = (vq){0} + step;
    job.purpose = (vq){0} + ((uint32_t)RANDOM_DROPOUT << 24 | (lane & 0xFFFFFFu));
    job.stream = may_stream(y, x, count, VF);
    thread_pool_run(pool, parts_of(count, CHUNK), dropout_task, &job);
}

#endif
