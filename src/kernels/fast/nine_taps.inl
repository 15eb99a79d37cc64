// A first layer of 3x3 filters on grey images: nine taps, whose sums are so short that to start and end a tile takes as
// long as they do. With 32 registers the nine rows of a filter's block, of two vectors each, stay in registers while
// the row's pixels go by; for the gradient to the filter, their sums do.

#if VF == 16 || defined(__ARM_NEON)
#define NINE_TAPS 1
#else
#define NINE_TAPS 0
#endif
enum { NINE_TAPS_VECTORS = 9 * TILE_VECTORS };

static ALWAYS_INLINE void nine_taps_load(const float *from, vf *vectors)
{
    UNROLL
    for (size_t i = 0; i < NINE_TAPS_VECTORS; i++)
        vectors[i] = vf_load(from + i * VF);
}

static bool nine_taps_suit(const correlation *job, const correlation_tile *at)
{
    return NINE_TAPS && at->kh == 3 && job->kh == 3 && job->kw == 3 && job->channels == 1 &&
           at->columns == TILE_COLUMNS && correlation_is_simple(job);
}

// One row of outputs, one block of channels.
static void nine_taps_row(const correlation *job, const correlation_tile *at)
{
    vf filter[NINE_TAPS_VECTORS], bias[TILE_VECTORS], least = correlation_least(job);
    nine_taps_load(at->filter, filter);
    UNROLL
    for (size_t v = 0; v < TILE_VECTORS; v++)
        bias[v] = at->bias ? vf_load(at->bias + v * VF) : vf_zero();
    const float *top = at->a, *middle = top + job->padded_w, *bottom = middle + job->padded_w;
    size_t ow = job->ow, step = job->stride_w, y_pixel = job->y_pixel, ahead = job->ahead;
    float *y = at->y;
    for (size_t x = 0; x < ow; x++, y += y_pixel, top += step, middle += step, bottom += step) {
        vf sum[TILE_VECTORS] = {0};
        UNROLL
        for (size_t k = 0; k < 9; k++) {
            const float *row = k < 3 ? top : k < 6 ? middle : bottom;
            vf left = vf_set(row[k % 3]);
            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                sum[v] = vf_fma(left, filter[k * TILE_VECTORS + v], sum[v]);
        }
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++) {
            __builtin_prefetch(y + ahead + v * VF, 1);
            vf_store(y + v * VF, vf_max(least, sum[v] + bias[v]));
        }
    }
}

// sum[k] += x[k] dz over a row of `ow` pixels; `x` is the first pixel's first tap.
static ALWAYS_INLINE void nine_taps_add_row(const float *x, size_t padded_w, size_t step, const float *dz, size_t ow,
                                            vf *sum)
{
    const float *top = x, *middle = top + padded_w, *bottom = middle + padded_w;
    for (size_t i = 0; i < ow; i++, dz += TILE_COLUMNS, top += step, middle += step, bottom += step) {
        UNROLL
        for (size_t k = 0; k < 9; k++) {
            const float *row = k < 3 ? top : k < 6 ? middle : bottom;
            vf left = vf_set(row[k % 3]);
            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                sum[k * TILE_VECTORS + v] = vf_fma(left, vf_load(dz + v * VF), sum[k * TILE_VECTORS + v]);
        }
    }
}
