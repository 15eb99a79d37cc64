// How the memory-bound kernels share their work: chunks whose size depends on shapes only, so that the result is the
// same to the bit for any number of threads. A chunk is also the least that is worth a thread: work of one chunk (some
// microseconds) never leaves the caller.
#ifndef SILMA_KERNELS_FAST_CHUNKS_INL
#define SILMA_KERNELS_FAST_CHUNKS_INL

#include "kernels/fast/tile.h" // smaller, parts_of

enum { CHUNK = 16384 }; // elements; a multiple of every vector's width, and of dropout's group

typedef struct range {
    size_t first, last;
} range;

static inline range chunk_range(size_t count, size_t chunk, size_t index)
{
    size_t first = index * chunk;
    return (range){first, first + smaller(chunk, count - first)};
}

// How many rows of `width` elements make a chunk.
static inline size_t rows_per_chunk(size_t width)
{
    return width < CHUNK ? CHUNK / width : 1;
}

// Whole vectors where `lanes` is the constant VF, otherwise the first lanes of one.
static ALWAYS_INLINE vf load_lanes(const float *from, size_t lanes)
{
    return lanes == VF ? vf_load(from) : vf_load_part(from, lanes);
}

static ALWAYS_INLINE void store_lanes(float *to, vf value, size_t lanes)
{
    if (lanes == VF)
        vf_store(to, value);
    else
        vf_store_part(to, value, lanes);
}

// Outputs of at least this many floats are larger than the caches: stored past them (vf_stream), they need not be read
// first, which saves a third of the traffic, and do not drive out what is still wanted.
enum { STREAM_COUNT = 6000000 };

// Whether an output may be streamed: whole vectors at aligned places, and not in place, where it is in the cache.
static inline bool may_stream(const float *to, const float *from, size_t count, size_t row)
{
    return count >= STREAM_COUNT && to != from && row % VF == 0 && (uintptr_t)to % (VF * sizeof(float)) == 0;
}

static ALWAYS_INLINE void vf_store_or_stream(float *to, vf value, bool stream)
{
    if (!stream) {
        vf_store(to, value);
        return;
    }
#if VF == 16
    _mm512_stream_ps(to, (__m512)value);
#elif VF == 8
    _mm256_stream_ps(to, (__m256)value);
#else
    vf_store(to, value);
#endif
}

// After the last streamed store of a task, so that other threads see them.
static ALWAYS_INLINE void end_stream(bool stream)
{
#if VF == 16 || VF == 8
    if (stream) _mm_sfence();
#else
    (void)stream;
#endif
}

#endif
