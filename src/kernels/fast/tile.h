// The register tile under every product: TILE_ROWS x TILE_VECTORS vectors of sums, to which each step adds the outer
// product of one column of A (rows broadcast one by one) and one row of B (vectors).
//
// Rows and vectors reach the inlined functions as constants, so that loops unroll fully and the sums stay in
// registers. An element's sum runs over the steps in order, whatever the tile around it: its bits do not depend on
// how rows and columns were shared out.
#ifndef SILMA_KERNELS_FAST_TILE_H
#define SILMA_KERNELS_FAST_TILE_H

#include "kernels/kernels.h"
#include "kernels/vec.h"

// 16 sums, 2 vectors of B and a broadcast fit 32 registers; 12 sums fit 16, and 8 where products need registers too.
#if VF == 16 || defined(__ARM_NEON)
#define TILE_ROWS 8
#elif VF == 8
#define TILE_ROWS 6
#else
#define TILE_ROWS 4
#endif
enum { TILE_VECTORS = 2, TILE_COLUMNS = TILE_VECTORS * VF };

// A function that runs once a call of a kernel, not once a tile: its code is to be small.
#define ONCE_A_CALL __attribute__((cold, noinline))

typedef struct tile {
    vf sum[TILE_ROWS][TILE_VECTORS];
} tile;

// Element (i, q) of A is a[i * a_row + q * a_step]; row q of B starts at b + q * b_step.
static ALWAYS_INLINE void tile_clear(tile *t, size_t rows, size_t vectors)
{
    UNROLL
    for (size_t i = 0; i < rows; i++) {
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            t->sum[i][v] = vf_zero();
    }
}

static ALWAYS_INLINE void tile_accumulate(tile *t, size_t rows, size_t vectors, size_t steps, const float *a,
                                          size_t a_row, size_t a_step, const float *b, size_t b_step)
{
    for (size_t q = 0; q < steps; q++) {
        vf right[TILE_VECTORS];
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            right[v] = vf_load(b + v * VF);
        UNROLL
        for (size_t i = 0; i < rows; i++) {
            vf left = vf_set(a[i * a_row]);
            UNROLL
            for (size_t v = 0; v < vectors; v++)
                t->sum[i][v] = vf_fma(left, right[v], t->sum[i][v]);
        }
        a += a_step;
        b += b_step;
    }
}

// From registers to memory.
static ALWAYS_INLINE void tile_copy(const tile *from, tile *to, size_t rows, size_t vectors)
{
    UNROLL
    for (size_t i = 0; i < rows; i++) {
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            to->sum[i][v] = from->sum[i][v];
    }
}

// The first `columns` of a tile's row in memory; whole vectors where columns == vectors * VF.
static ALWAYS_INLINE size_t lanes_of(size_t columns, size_t v)
{
    if (columns <= v * VF) return 0;
    return columns - v * VF < VF ? columns - v * VF : VF;
}

static ALWAYS_INLINE vf tile_load(const float *from, size_t columns, size_t v)
{
    size_t lanes = lanes_of(columns, v);
    return lanes == VF ? vf_load(from + v * VF) : vf_load_part(from + v * VF, lanes);
}

static ALWAYS_INLINE void tile_store(float *to, size_t columns, size_t v, vf value)
{
    size_t lanes = lanes_of(columns, v);
    if (lanes == VF)
        vf_store(to + v * VF, value);
    else
        vf_store_part(to + v * VF, value, lanes);
}

// The activations that cost an instruction or two are applied to a tile in registers; the others by one more pass
// over the finished rows while they are in the cache (activation_forward).
static ALWAYS_INLINE bool activation_is_inline(activation_kind kind)
{
    return kind == ACTIVATION_LINEAR || kind == ACTIVATION_RELU || kind == ACTIVATION_LEAKY_RELU;
}

static ALWAYS_INLINE vf activation_inline(activation act, vf z)
{
    if (act.kind == ACTIVATION_RELU) return vf_max(vf_zero(), z);
    if (act.kind == ACTIVATION_LEAKY_RELU) return vf_select(z > vf_zero(), z, z * vf_set(act.parameter));
    return z;
}

// Splits `count` into the fewest parts of at most `most`, as even as possible: the start of part i of `parts`.
static inline size_t parts_of(size_t count, size_t most)
{
    return (count + most - 1) / most;
}

static inline size_t part_start(size_t count, size_t parts, size_t i)
{
    return count * i / parts;
}

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Work of fewer multiply-adds than this takes some ten microseconds at most, no longer than it takes to wake another
// thread and to wait for it: such work stays with the caller. A float that is packed or joined counts as PACKED_FLOAT.
enum { LEAST_SHARED_WORK = 32 * 1024 * VF, PACKED_FLOAT = 32 };

static inline thread_pool *pool_for(thread_pool *pool, size_t multiply_adds)
{
    return multiply_adds < LEAST_SHARED_WORK ? NULL : pool;
}

// Floats, rounded up to whole cache lines, so that each piece of a workspace is aligned to 64 bytes.
static inline size_t whole_lines(size_t floats)
{
    return (floats + 15) & ~(size_t)15;
}

// Asks for the memory of the next piece of work, a few lines at a time while the present piece is computed, so that
// copying it finds it in the second-level cache. A rectangle of `rows` rows.
typedef struct prefetch {
    const char *row;
    size_t rows, stride, bytes; // stride and bytes of a row
    size_t at;                  // in the row
    size_t each;                // lines a call
} prefetch;

// To be used up by `calls` calls of prefetch_some.
static inline prefetch prefetch_rows(const float *from, size_t rows, size_t stride, size_t count, size_t calls)
{
    if (stride == count && rows > 0) { // without gaps
        count *= rows;
        rows = 1;
    }
    prefetch p = {(const char *)from, rows, stride * sizeof(float), count * sizeof(float), 0, 0};
    if (count == 0) p.rows = 0;
    p.each = parts_of(p.rows * (parts_of(p.bytes, 64) + 1), calls ? calls : 1);
    return p;
}

static ALWAYS_INLINE void prefetch_some(prefetch *p)
{
    for (size_t i = 0; i < p->each && p->rows > 0; i++) {
        __builtin_prefetch(p->row + p->at, 0, 2);
        p->at += 64;
        if (p->at < p->bytes + ((uintptr_t)p->row & 63)) continue; // a row that begins inside a line may touch one more
        p->at = 0;
        p->row += p->stride;
        p->rows--;
    }
}

#endif
