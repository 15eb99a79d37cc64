// Sums over rows for each channel, made in a fixed order: what column_sums, prelu_backward and the batch normalisation
// have in common.
//
//   rows    cut into at most ROW_CHUNKS_MAX chunks, a chunk into blocks of ROWS_PER_BLOCK
//   columns cut into tiles of TILE
//
// One task sums one chunk of rows of one tile: each block in single precision, its result added to the task's own
// doubles in the workspace. The caller adds the chunks up in order. Everything depends on the shape only.
#ifndef SILMA_KERNELS_FAST_CHANNEL_SUMS_INL
#define SILMA_KERNELS_FAST_CHANNEL_SUMS_INL

#include "kernels/fast/chunks.inl"

enum { ROW_CHUNKS_MAX = 64, ROWS_PER_CHUNK_MIN = 256, ROWS_PER_BLOCK = 64, TILE = 512 };

typedef struct channel_split {
    size_t rows, c;
    size_t chunk_rows, chunks; // of rows
    size_t tiles;              // of columns
} channel_split;

static inline channel_split split_channels(size_t rows, size_t c)
{
    size_t least = rows_per_chunk(c) > ROWS_PER_CHUNK_MIN ? rows_per_chunk(c) : ROWS_PER_CHUNK_MIN;
    size_t even = parts_of(rows, ROW_CHUNKS_MAX); // rows of a chunk if there were ROW_CHUNKS_MAX of them
    size_t chunk_rows = parts_of(even > least ? even : least, ROWS_PER_BLOCK) * ROWS_PER_BLOCK;
    return (channel_split){rows, c, chunk_rows, parts_of(rows, chunk_rows), parts_of(c, TILE)};
}

// What one task works on.
typedef struct channel_piece {
    range rows, columns;
} channel_piece;

static inline channel_piece channel_piece_of(const channel_split *split, size_t task)
{
    return (channel_piece){chunk_range(split->rows, split->chunk_rows, task / split->tiles),
                           chunk_range(split->c, TILE, task % split->tiles)};
}

// Where a task keeps its sums of one kind, by channel: doubles (chunks, kinds, c).
static inline double *channel_partial(const channel_split *split, double *partial, size_t task, size_t kinds,
                                      size_t kind)
{
    return partial + (task / split->tiles * kinds + kind) * split->c;
}

static inline size_t channel_sums_bytes(size_t rows, size_t c, size_t kinds)
{
    return split_channels(rows, c).chunks * kinds * c * sizeof(double);
}

static inline range block_of(range rows, size_t first)
{
    return (range){first, first + smaller(ROWS_PER_BLOCK, rows.last - first)};
}

// sums[i] += values[i] for the first `lanes` lanes.
static ALWAYS_INLINE void add_lanes(double *sums, vf values, size_t lanes)
{
    float lane[VF];
    vf_store(lane, values);
    for (size_t i = 0; i < lanes; i++)
        sums[i] += (double)lane[i];
}

// One kind's sums of all chunks, in order.
static inline double joined_sum(const channel_split *split, const double *partial, size_t kinds, size_t kind,
                                size_t channel)
{
    double sum = 0.0;
    for (size_t chunk = 0; chunk < split->chunks; chunk++)
        sum += partial[(chunk * kinds + kind) * split->c + channel];
    return sum;
}

#endif
