// How the memory-bound kernels share their work: chunks whose size depends on shapes only, so that the result is the
// same to the bit for any number of threads. A chunk is also the least that is worth a thread: work of one chunk (some
// microseconds) never leaves the caller.
#ifndef SILMA_KERNELS_FAST_CHUNKS_INL
#define SILMA_KERNELS_FAST_CHUNKS_INL

#include "kernels/vec.h"

#include "core/threads.h"

enum { CHUNK = 16384 }; // elements; a multiple of every vector's width, and of dropout's group

typedef struct range {
    size_t first, last;
} range;

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t chunks_of(size_t count, size_t chunk)
{
    return count / chunk + (count % chunk != 0);
}

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

#endif
