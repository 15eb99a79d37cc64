// Sums over rows for each channel, made in a fixed order: what column_sums, prelu_backward and batch normalisation have
// in common.
//
//   rows     cut into at most ROW_CHUNKS_MAX chunks, a chunk into blocks of ROWS_PER_BLOCK
//   columns  cut into tiles of TILE
//
// One task sums one chunk of rows of one tile: each block in single precision, in an array of the task's own that stays
// in the first-level cache; the block's result is added to doubles in the workspace. The caller adds up the chunks in
// their order. Everything depends on the shape only.
#ifndef SILMA_KERNELS_FAST_CHANNEL_SUMS_INL
#define SILMA_KERNELS_FAST_CHANNEL_SUMS_INL

#include "kernels/fast/chunks.inl"

enum { ROW_CHUNKS_MAX = 64, ROWS_PER_CHUNK_MIN = 256, ROWS_PER_BLOCK = 64, TILE = 512 };

// Narrow rows are taken several at a time, as each addition to the same sum waits for the one before; wide rows one by
// one, as the processor fetches ahead best along one row.
enum { NARROW = 128 };

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

static inline size_t channel_sums_bytes(size_t rows, size_t c, size_t kinds)
{
    return split_channels(rows, c).chunks * kinds * c * sizeof(double);
}

// What one task works on. The sums of `kinds` kinds lie in the workspace as doubles (chunks, kinds, c).
typedef struct channel_piece {
    range rows;
    size_t column, columns;
    double *partial; // of the first kind, from `column` on; the next kind lies c further
} channel_piece;

static inline channel_piece channel_piece_of(const channel_split *split, size_t task, double *partial, size_t kinds)
{
    size_t chunk = task / split->tiles;
    range columns = chunk_range(split->c, TILE, task % split->tiles);
    channel_piece piece = {.rows = chunk_range(split->rows, split->chunk_rows, chunk)};
    piece.column = columns.first;
    piece.columns = columns.last - columns.first;
    piece.partial = partial + chunk * kinds * split->c + columns.first;
    return piece;
}

static inline size_t block_rows(const channel_piece *piece, size_t row)
{
    return smaller(ROWS_PER_BLOCK, piece->rows.last - row);
}

// sums[i] += block[i], then block[i] = 0.
static inline void add_block(size_t columns, float *block, double *sums)
{
    for (size_t i = 0; i < columns; i++)
        sums[i] += (double)block[i];
    memset(block, 0, columns * sizeof *block);
}

// One kind's sums of all chunks, in their order.
static inline double joined_sum(const channel_split *split, const double *partial, size_t kinds, size_t kind,
                                size_t channel)
{
    double sum = 0.0;
    for (size_t chunk = 0; chunk < split->chunks; chunk++)
        sum += partial[(chunk * kinds + kind) * split->c + channel];
    return sum;
}

// block[i] += the sum of four rows, and of one, for `lanes` columns at x; `block` has room for whole vectors.
static ALWAYS_INLINE void add_four_rows(const float *x, size_t stride, size_t lanes, float *block)
{
    vf first = load_lanes(x, lanes) + load_lanes(x + stride, lanes);
    vf second = load_lanes(x + 2 * stride, lanes) + load_lanes(x + 3 * stride, lanes);
    vf_store(block, vf_load(block) + (first + second));
}

static ALWAYS_INLINE void add_row(const float *x, size_t lanes, float *block)
{
    vf_store(block, vf_load(block) + load_lanes(x, lanes));
}

// block[i] += the sum of `rows` rows of x.
static void add_rows(const float *x, size_t stride, size_t rows, size_t columns, float *block)
{
    size_t row = 0;
    for (; columns <= NARROW && row + 4 <= rows; row += 4, x += 4 * stride) {
        size_t i = 0;
        for (; i + VF <= columns; i += VF)
            add_four_rows(x + i, stride, VF, block + i);
        if (i < columns) add_four_rows(x + i, stride, columns - i, block + i);
    }
    for (; row < rows; row++, x += stride) {
        size_t i = 0;
        for (; i + VF <= columns; i += VF)
            add_row(x + i, VF, block + i);
        if (i < columns) add_row(x + i, columns - i, block + i);
    }
}

#endif
