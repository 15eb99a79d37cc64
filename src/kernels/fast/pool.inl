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
    uint8_t *chosen;   // (n, oh, ow, c), written by the maximum's forward where not null
    const uint8_t *was_chosen;
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

// The windows, of `count`, that cover position `at`: index * stride <= at + pad < index * stride + kernel.
static inline span windows_over(int at, int stride, int pad, int kernel, int count)
{
    int last = (at + pad) / stride + 1;
    int beyond = at + pad - kernel; // the windows that start here or before end too early
    return (span){beyond < 0 ? 0 : beyond / stride + 1, last < count ? last : count};
}

static inline int span_length(span s)
{
    return s.last > s.first ? s.last - s.first : 0;
}

// Runs a task for every chunk of `rows` rows of `width` pixels.
static void run_pool_rows(thread_pool *pool, int images, int rows, int width, pool_task *function, pool_job *job)
{
    size_t all = (size_t)images * (size_t)rows;
    size_t each = rows_per_chunk((size_t)width * (size_t)job->s->c);
    thread_pool_run(pool, parts_of(all, each), function, job);
}

// The rows of a task: numbered through all images, of `rows` each.
static inline range pool_rows(const window_shape *s, int rows, int width, size_t task)
{
    return chunk_range((size_t)s->n * (size_t)rows, rows_per_chunk((size_t)width * (size_t)s->c), task);
}

static inline size_t pixel_offset(int row, int column, int width, int c)
{
    return ((size_t)row * (size_t)width + (size_t)column) * (size_t)c;
}

// A window cut to the image: its pixels start at `x`; `position` is that of the first of them in the whole window.
typedef struct window {
    const float *x;
    size_t row_stride, pixel_stride; // floats
    int rows, columns;
    int position, kw;
} window;

static inline window window_at(const window_shape *s, const float *image, int m, int n)
{
    span rows = elements_inside(m, s->stride_h, s->pad_top, s->kh, s->h);
    span columns = elements_inside(n, s->stride_w, s->pad_left, s->kw, s->w);
    window v = {.x = image,
                .row_stride = (size_t)s->w * (size_t)s->c,
                .pixel_stride = (size_t)s->c,
                .rows = span_length(rows),
                .columns = span_length(columns),
                .position = rows.first * s->kw + columns.first,
                .kw = s->kw};
    if (v.rows == 0 || v.columns == 0) {
        v.rows = v.position = 0;
    } else {
        v.x += pixel_offset(m * s->stride_h - s->pad_top + rows.first, n * s->stride_w - s->pad_left + columns.first,
                            s->w, s->c);
    }
    return v;
}

// The maximum of `lanes` channels from `channel` on, eq. 74, and where it was. rows and columns are the window's,
// constants where the window is whole and common.
static ALWAYS_INLINE void window_maximum(const window *v, int rows, int columns, size_t channel, size_t lanes, float *y,
                                         uint8_t *chosen)
{
    vf largest = vf_set(-INFINITY);
    vi position = vi_set(v->position);
    for (int p = 0; p < rows; p++) {
        for (int q = 0; q < columns; q++) {
            const float *x = v->x + (size_t)p * v->row_stride + (size_t)q * v->pixel_stride + channel;
            vf value = load_lanes(x, lanes);
            vi take = (value > largest) | (value != value); // a NaN counts as the largest, so that it is not lost
            largest = vf_select(take, value, largest);
            position = vi_select(take, vi_set(v->position + p * v->kw + q), position);
        }
    }
    store_lanes(y + channel, largest, lanes);
    if (chosen == NULL) return;
    vbytes bytes = __builtin_convertvector(position, vbytes);
    memcpy(chosen + channel, &bytes, lanes);
}

static ALWAYS_INLINE void maxpool_pixel(const window *v, int rows, int columns, size_t c, float *y, uint8_t *chosen)
{
    size_t i = 0;
    for (; i + VF <= c; i += VF)
        window_maximum(v, rows, columns, i, VF, y, chosen);
    if (i < c) window_maximum(v, rows, columns, i, c - i, y, chosen);
}

static void maxpool_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    size_t c = (size_t)s->c;
    range r = pool_rows(s, s->oh, s->ow, task);
    size_t at = r.first * (size_t)s->ow * c;
    for (size_t row = r.first; row < r.last; row++) {
        const float *image = job->from + row / (size_t)s->oh * pixel_offset(s->h, 0, s->w, s->c);
        for (int n = 0; n < s->ow; n++, at += c) {
            window v = window_at(s, image, (int)(row % (size_t)s->oh), n);
            uint8_t *chosen = job->chosen != NULL ? job->chosen + at : NULL;
            if (v.rows == 2 && v.columns == 2)
                maxpool_pixel(&v, 2, 2, c, job->to + at, chosen);
            else
                maxpool_pixel(&v, v.rows, v.columns, c, job->to + at, chosen);
        }
    }
}

static void maxpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y, uint8_t *chosen)
{
    pool_job job = {.s = s, .from = x, .to = y, .chosen = chosen};
    run_pool_rows(pool, s->n, s->oh, s->ow, maxpool_forward_task, &job);
}

// eq. 75-76 for `lanes` channels at `channel` of the input pixel (k, l): the sum over the windows (m, n) that cover
// it and chose it.
static ALWAYS_INLINE void chosen_gradient(const pool_job *job, size_t image, int k, int l, span m, span n,
                                          size_t channel, size_t lanes, float *dx)
{
    const window_shape *s = job->s;
    vf sum = vf_zero();
    for (int i = m.first; i < m.last; i++) {
        for (int j = n.first; j < n.last; j++) {
            int position = (k + s->pad_top - i * s->stride_h) * s->kw + l + s->pad_left - j * s->stride_w;
            size_t at = image + pixel_offset(i, j, s->ow, s->c) + channel;
            vbytes bytes = {0};
            memcpy(&bytes, job->was_chosen + at, lanes);
            vi here = __builtin_convertvector(bytes, vi) == position;
            sum += (vf)(here & (vi)load_lanes(job->from + at, lanes));
        }
    }
    store_lanes(dx + channel, sum, lanes);
}

static void maxpool_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    size_t c = (size_t)s->c;
    range r = pool_rows(s, s->h, s->w, task);
    float *dx = job->to + r.first * (size_t)s->w * c;
    for (size_t row = r.first; row < r.last; row++) {
        size_t image = row / (size_t)s->h * pixel_offset(s->oh, 0, s->ow, s->c);
        int k = (int)(row % (size_t)s->h);
        span m = windows_over(k, s->stride_h, s->pad_top, s->kh, s->oh);
        for (int l = 0; l < s->w; l++, dx += c) {
            span n = windows_over(l, s->stride_w, s->pad_left, s->kw, s->ow);
            size_t i = 0;
            for (; i + VF <= c; i += VF)
                chosen_gradient(job, image, k, l, m, n, i, VF, dx);
            if (i < c) chosen_gradient(job, image, k, l, m, n, i, c - i, dx);
        }
    }
}

static void maxpool_backward(thread_pool *pool, const window_shape *s, const float *dy, const uint8_t *chosen,
                             float *dx)
{
    pool_job job = {.s = s, .from = dy, .to = dx, .was_chosen = chosen};
    run_pool_rows(pool, s->n, s->h, s->w, maxpool_backward_task, &job);
}

// eq. 77 for `lanes` channels, over the pixels inside the image.
static ALWAYS_INLINE void window_average(const window *v, size_t channel, size_t lanes, float *y)
{
    vf sum = vf_zero();
    for (int p = 0; p < v->rows; p++) {
        const float *x = v->x + (size_t)p * v->row_stride + channel;
        vf row = vf_zero();
        for (int q = 0; q < v->columns; q++)
            row += load_lanes(x + (size_t)q * v->pixel_stride, lanes);
        sum += row;
    }
    int count = v->rows * v->columns;
    store_lanes(y + channel, sum / (float)(count > 0 ? count : 1), lanes);
}

static void avgpool_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    size_t c = (size_t)s->c;
    range r = pool_rows(s, s->oh, s->ow, task);
    float *y = job->to + r.first * (size_t)s->ow * c;
    for (size_t row = r.first; row < r.last; row++) {
        const float *image = job->from + row / (size_t)s->oh * pixel_offset(s->h, 0, s->w, s->c);
        for (int n = 0; n < s->ow; n++, y += c) {
            window v = window_at(s, image, (int)(row % (size_t)s->oh), n);
            size_t i = 0;
            for (; i + VF <= c; i += VF)
                window_average(&v, i, VF, y);
            if (i < c) window_average(&v, i, c - i, y);
        }
    }
}

static void avgpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y)
{
    pool_job job = {.s = s, .from = x, .to = y};
    run_pool_rows(pool, s->n, s->oh, s->ow, avgpool_forward_task, &job);
}

// eq. 78-79 for `lanes` channels of an input pixel: its share of each window (m, n) that covers it.
static ALWAYS_INLINE void shared_gradient(const pool_job *job, size_t image, span m, span n, size_t channel,
                                          size_t lanes, float *dx)
{
    const window_shape *s = job->s;
    vf sum = vf_zero();
    for (int i = m.first; i < m.last; i++) {
        int rows = span_length(elements_inside(i, s->stride_h, s->pad_top, s->kh, s->h));
        for (int j = n.first; j < n.last; j++) {
            int columns = span_length(elements_inside(j, s->stride_w, s->pad_left, s->kw, s->w));
            const float *dy = job->from + image + pixel_offset(i, j, s->ow, s->c) + channel;
            sum += load_lanes(dy, lanes) * (1.0f / (float)(rows * columns));
        }
    }
    store_lanes(dx + channel, sum, lanes);
}

static void avgpool_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    size_t c = (size_t)s->c;
    range r = pool_rows(s, s->h, s->w, task);
    float *dx = job->to + r.first * (size_t)s->w * c;
    for (size_t row = r.first; row < r.last; row++) {
        size_t image = row / (size_t)s->h * pixel_offset(s->oh, 0, s->ow, s->c);
        span m = windows_over((int)(row % (size_t)s->h), s->stride_h, s->pad_top, s->kh, s->oh);
        for (int l = 0; l < s->w; l++, dx += c) {
            span n = windows_over(l, s->stride_w, s->pad_left, s->kw, s->ow);
            size_t i = 0;
            for (; i + VF <= c; i += VF)
                shared_gradient(job, image, m, n, i, VF, dx);
            if (i < c) shared_gradient(job, image, m, n, i, c - i, dx);
        }
    }
}

static void avgpool_backward(thread_pool *pool, const window_shape *s, const float *dy, float *dx)
{
    pool_job job = {.s = s, .from = dy, .to = dx};
    run_pool_rows(pool, s->n, s->h, s->w, avgpool_backward_task, &job);
}

#endif
