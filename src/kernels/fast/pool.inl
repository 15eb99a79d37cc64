// Pooling, section 3.5.2 of the thesis. One task produces some rows of its output: y forward, dx backward. Backward
// asks of each input pixel which windows cover it, instead of scattering from the windows: every element is written
// once, by one thread, in a fixed order, and overlapping windows need no clearing first.
#ifndef SILMA_KERNELS_FAST_POOL_INL
#define SILMA_KERNELS_FAST_POOL_INL

#include "kernels/fast/chunks.inl"

typedef uint8_t vbytes __attribute__((vector_size(VF)));

typedef struct pool_job {
    const window_shape *s;
    const float *from; // x forward, dy backward
    float *to;         // y forward, dx backward
    uint8_t *chosen;   // written by the maximum's forward where not null
    const uint8_t *chosen_before;
} pool_job;

// A stretch of integers: the window's elements that lie in the image, or the windows that cover a pixel.
typedef struct span {
    int first, last;
} span;

// The elements of window `index` that lie within 0..size.
static inline span elements_inside(int index, int stride, int pad, int kernel, int size)
{
    int begin = index * stride - pad;
    int last = size - begin < kernel ? size - begin : kernel;
    return (span){begin < 0 ? -begin : 0, last};
}

// The windows, of `count`, that cover position `at`.
static inline span windows_over(int at, int stride, int pad, int kernel, int count)
{
    int end = (at + pad) / stride + 1;
    int before = at + pad - kernel; // the last position that lies beyond the window's reach
    return (span){before < 0 ? 0 : before / stride + 1, end < count ? end : count};
}

static inline size_t rows_per_task(size_t row_elements)
{
    return rows_per_chunk(row_elements);
}

// One pixel of the output, for `lanes` channels from x's on; rows and columns are the window's elements inside.
static ALWAYS_INLINE void maxpool_pixel(const window_shape *s, const float *x, span rows, span columns, size_t lanes,
                                        float *y, uint8_t *chosen)
{
    size_t c = (size_t)s->c, w = (size_t)s->w;
    vf largest = vf_set(-INFINITY);
    vi position = vi_set(rows.first * s->kw + columns.first);
    for (int p = rows.first; p < rows.last; p++) {
        for (int q = columns.first; q < columns.last; q++) {
            const float *at = x + ((size_t)p * w + (size_t)q) * c;
            vf value = lanes == VF ? vf_load(at) : vf_load_part(at, lanes);
            vi take = (value > largest) | (value != value); // a NaN counts as the largest
            largest = vf_select(take, value, largest);
            position = vi_select(take, vi_set(p * s->kw + q), position);
        }
    }
    vbytes bytes = __builtin_convertvector(position, vbytes);
    if (lanes == VF) {
        vf_store(y, largest);
        if (chosen != NULL) memcpy(chosen, &bytes, VF);
    } else {
        vf_store_part(y, largest, lanes);
        if (chosen != NULL) memcpy(chosen, &bytes, lanes);
    }
}
