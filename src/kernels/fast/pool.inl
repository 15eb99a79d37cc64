// Pooling, section 3.5.2 of the thesis. One task produces some rows of its output: y forward, dx backward. Backward
// asks of each input pixel which windows cover it, instead of scattering from the windows: every element is written
// once, by one thread, in a fixed order, and overlapping windows need no clearing first.
#ifndef SILMA_KERNELS_FAST_POOL_INL
#define SILMA_KERNELS_FAST_POOL_INL

#include "kernels/fast/bytes.inl"
#include "kernels/fast/chunks.inl"

typedef struct pool_job {
    const window_shape *s;
    const float *from; // x forward, dy backward
    float *to;         // y forward, dx backward
    uint8_t *chosen;   // (n, oh, ow, c), written by the maximum's forward where not null
    const uint8_t *was_chosen;
    bool stream;
} pool_job;

// A stretch of integers: the window's elements that lie in the image, or the windows that cover a pixel.
typedef struct span {
    int first, last;
} span;

// The elements of window `index` that lie within 0..size; the first is 0 where there are none.
static inline span elements_inside(int index, int stride, int pad, int kernel, int size)
{
    int begin = index * stride - pad;
    span inside = {begin < 0 ? -begin : 0, size - begin < kernel ? size - begin : kernel};
    return inside.first < inside.last ? inside : (span){0, 0};
}

// Moves on to the windows, of `count`, that cover position `at`: window * stride - pad <= at < ... + kernel. `at`
// grows.
static inline void slide(span *windows, int at, int stride, int pad, int kernel, int count)
{
    while (windows->last < count && windows->last * stride - pad <= at)
        windows->last++;
    while (windows->first < windows->last && windows->first * stride - pad + kernel <= at)
        windows->first++;
}

static inline int span_length(span s)
{
    return s.last - s.first;
}

// Runs a task for every chunk of the rows of all images, `width` pixels each.
static void run_pool_rows(thread_pool *pool, int rows, int width, pool_task *function, pool_job *job)
{
    size_t all = (size_t)job->s->n * (size_t)rows, row = (size_t)width * (size_t)job->s->c;
    job->stream = may_stream(job->to, job->from, all * row, (size_t)job->s->c);
    thread_pool_run(pool, parts_of(all, rows_per_chunk(row)), function, job);
}

// The rows of a task, numbered through all images.
static inline range pool_rows(const window_shape *s, int rows, int width, size_t task)
{
    return chunk_range((size_t)s->n * (size_t)rows, rows_per_chunk((size_t)width * (size_t)s->c), task);
}

static inline size_t pixel_offset(int row, int column, int width, int c)
{
    return ((size_t)row * (size_t)width + (size_t)column) * (size_t)c;
}

// The part of a window that lies in the image.
typedef struct window {
    const float *x;                  // its first pixel
    size_t row_stride, pixel_stride; // floats
    int position, kw;                // of the first pixel in the whole window, row-major
} window;

// Fetches what the next row of windows reads below `x`. Each window touches several rows, a page apart in large images:
// too many places for the processor to foresee.
static inline void prefetch_below(const window_shape *s, const window *v)
{
    enum { LINE = 16 }; // floats
    const float *row = v->x + (size_t)s->stride_h * v->row_stride;
    for (int p = 0; p < s->stride_h; p++, row += v->row_stride) {
        for (size_t i = 0; i < (size_t)s->stride_w * v->pixel_stride; i += LINE)
            __builtin_prefetch(row + i);
    }
}

// A NaN is larger than everything, so that it is not lost.
static ALWAYS_INLINE vf larger_of(vf first, vf second)
{
    vi missing = second != second; // NOLINT(misc-redundant-expression): a NaN is
    return vf_select(missing, second, vf_max(second, first));
}

// The maximum of `lanes` channels of rows x columns pixels, eq. 74, and (`where`) its position. Of equal values the
// first counts.
static ALWAYS_INLINE void window_maximum(const window *v, int rows, int columns, size_t channel, size_t lanes,
                                         bool where, float *y, uint8_t *chosen)
{
    const float *row = v->x + channel;
    vf largest = rows > 0 && columns > 0 ? load_lanes(row, lanes) : vf_set(-INFINITY);
    vi position = vi_set(v->position);
    for (int p = 0; p < rows; p++, row += v->row_stride) {
        const float *x = row;
        for (int q = 0; q < columns; q++, x += v->pixel_stride) {
            if (p == 0 && q == 0) continue;
            vf value = load_lanes(x, lanes);
            if (!where) {
                largest = larger_of(largest, value);
                continue;
            }
            vi take = (value > largest) | (value != value); // NOLINT(misc-redundant-expression): a NaN is
            largest = vf_select(take, value, largest);
            position = vi_select(take, vi_set(v->position + p * v->kw + q), position);
        }
    }
    store_lanes(y + channel, largest, lanes);
    if (chosen != NULL) store_bytes(chosen + channel, position, lanes);
}

// rows and columns are constants for the common sizes: the loops over the window unroll.
static ALWAYS_INLINE void maxpool_pixel(const window *v, int rows, int columns, size_t c, bool where, float *y,
                                        uint8_t *chosen)
{
    size_t i = 0;
    for (; i + VF <= c; i += VF)
        window_maximum(v, rows, columns, i, VF, where, y, chosen);
    if (i < c) window_maximum(v, rows, columns, i, c - i, where, y, chosen);
}

enum { ROW_FETCHED = 512 }; // floats: shorter rows lie close together, and come by themselves

// Windows of 2x2 that lie in the image, the usual ones: `v` is the first of a row.
static ALWAYS_INLINE void maxpool_squares(const window_shape *s, window v, bool fetch, float *y, uint8_t *chosen)
{
    size_t c = (size_t)s->c, next = (size_t)s->stride_w * c;
    for (int n = 0; n < s->ow; n++, y += c, v.x += next) {
        if (fetch) prefetch_below(s, &v);
        maxpool_pixel(&v, 2, 2, c, chosen != NULL, y, chosen);
        if (chosen != NULL) chosen += c;
    }
}

#if VF == 16
// The same for so few channels that both pixels of a row fit a vector: first the larger of the rows, then of the
// pixels. Of +0 and -0, which are equal, another one may count than above.
static void maxpool_narrow_squares(const window_shape *s, window v, float *y)
{
    size_t c = (size_t)s->c, next = (size_t)s->stride_w * c;
    for (int n = 0; n < s->ow; n++, y += c, v.x += next) {
        vf rows = larger_of(vf_load_part(v.x, 2 * c), vf_load_part(v.x + v.row_stride, 2 * c));
        vf_store_part(y, larger_of(rows, vf_skip_lanes(rows, (int)c)), c);
    }
}
#endif

// Row m of the output of one image.
static void maxpool_row(const window_shape *s, const float *image, int m, float *y, uint8_t *chosen)
{
    size_t c = (size_t)s->c;
    span rows = elements_inside(m, s->stride_h, s->pad_top, s->kh, s->h);
    const float *first_row = image + pixel_offset(m * s->stride_h - s->pad_top + rows.first, 0, s->w, s->c);
    int height = span_length(rows);
    if (height == 2 && s->kh == 2 && s->kw == 2 && s->pad_left == 0 && (s->ow - 1) * s->stride_w + 2 <= s->w) {
        window v = {.x = first_row, .row_stride = (size_t)s->w * c, .pixel_stride = c, .kw = 2};
        bool fetch = m + 1 < s->oh && v.row_stride >= ROW_FETCHED;
#if VF == 16
        if (chosen == NULL && 2 * c <= VF && !fetch) {
            maxpool_narrow_squares(s, v, y);
            return;
        }
#endif
        if (chosen == NULL) // then positions are not computed
            maxpool_squares(s, v, fetch, y, NULL);
        else
            maxpool_squares(s, v, fetch, y, chosen);
        return;
    }
    for (int n = 0; n < s->ow; n++, y += c) {
        span columns = elements_inside(n, s->stride_w, s->pad_left, s->kw, s->w);
        int width = height > 0 ? span_length(columns) : 0, first = n * s->stride_w - s->pad_left + columns.first;
        window v = {.x = width > 0 ? first_row + (size_t)first * c : image,
                    .row_stride = (size_t)s->w * c,
                    .pixel_stride = c,
                    .position = rows.first * s->kw + columns.first,
                    .kw = s->kw};
        if (m + 1 < s->oh) prefetch_below(s, &v);
        if (height == 3 && width == 3)
            maxpool_pixel(&v, 3, 3, c, true, y, chosen);
        else
            maxpool_pixel(&v, height, width, c, true, y, chosen);
        if (chosen != NULL) chosen += c;
    }
}

static void maxpool_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    range r = pool_rows(s, s->oh, s->ow, task);
    for (size_t row = r.first; row < r.last; row++) {
        size_t at = row * pixel_offset(1, 0, s->ow, s->c);
        maxpool_row(s, job->from + row / (size_t)s->oh * pixel_offset(s->h, 0, s->w, s->c), (int)(row % (size_t)s->oh),
                    job->to + at, job->chosen != NULL ? job->chosen + at : NULL);
    }
}

static void maxpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y, uint8_t *chosen)
{
    pool_job job = {.s = s, .from = x, .to = y, .chosen = chosen};
    run_pool_rows(pool, s->oh, s->ow, maxpool_forward_task, &job);
}

// An input pixel and the rows x columns windows that cover it.
typedef struct pixel {
    size_t first;                       // of the windows: its place in dy and chosen
    size_t row_stride, pixel_stride;    // from window to window, floats
    int position, row_step, pixel_step; // the pixel's position in the first window; how it falls from window to window
} pixel;

// eq. 75-76 for `lanes` channels: the sum over the windows that chose this pixel.
static ALWAYS_INLINE void chosen_gradient(const pool_job *job, const pixel *at, int rows, int columns, size_t channel,
                                          size_t lanes, float *dx)
{
    vf sum = vf_zero();
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            size_t from = at->first + (size_t)i * at->row_stride + (size_t)j * at->pixel_stride + channel;
            vi here = load_bytes(job->was_chosen + from, lanes) ==
                      vi_set(at->position - i * at->row_step - j * at->pixel_step);
            sum += (vf)(here & (vi)load_lanes(job->from + from, lanes));
        }
    }
    if (lanes == VF)
        vf_store_or_stream(dx + channel, sum, job->stream);
    else
        vf_store_part(dx + channel, sum, lanes);
}

static ALWAYS_INLINE void maxpool_backward_pixel(const pool_job *job, const pixel *at, int rows, int columns, size_t c,
                                                 float *dx)
{
    size_t i = 0;
    for (; i + VF <= c; i += VF)
        chosen_gradient(job, at, rows, columns, i, VF, dx);
    if (i < c) chosen_gradient(job, at, rows, columns, i, c - i, dx);
}

// Of windows of 2x2 that lie side by side, each pixel has one: those of row k are two of its window's four. `first` is
// the window's place in dy, `position` that of the left pixel in the window.
static ALWAYS_INLINE void square_gradient(const pool_job *job, size_t first, int position, size_t lanes, float *dx)
{
    vf dy = load_lanes(job->from + first, lanes);
    vi chosen = load_bytes(job->was_chosen + first, lanes);
    UNROLL
    for (int q = 0; q < 2; q++, dx += job->s->c) {
        vf gradient = (vf)((chosen == vi_set(position + q)) & (vi)dy);
        if (lanes == VF)
            vf_store_or_stream(dx, gradient, job->stream);
        else
            vf_store_part(dx, gradient, lanes);
    }
}

static void maxpool_backward_squares(const pool_job *job, size_t image, int k, float *dx)
{
    const window_shape *s = job->s;
    size_t c = (size_t)s->c, first = image + pixel_offset(k / 2, 0, s->ow, s->c);
    int position = k % 2 * 2;
    for (int n = 0; n < s->ow; n++, first += c, dx += 2 * c) {
        size_t i = 0;
        for (; i + VF <= c; i += VF)
            square_gradient(job, first + i, position, VF, dx + i);
        if (i < c) square_gradient(job, first + i, position, c - i, dx + i);
    }
    memset(dx, 0, (size_t)(s->w - 2 * s->ow) * c * sizeof *dx);
}

static bool squares_side_by_side(const window_shape *s)
{
    return s->kh == 2 && s->kw == 2 && s->stride_h == 2 && s->stride_w == 2 && s->pad_top == 0 && s->pad_left == 0 &&
           2 * s->ow <= s->w;
}

// Row k of dx; `image` is the place of its image in dy.
static void maxpool_backward_row(const pool_job *job, size_t image, int k, float *dx)
{
    const window_shape *s = job->s;
    size_t c = (size_t)s->c;
    span m = {0, 0}, n = {0, 0};
    if (k < 2 * s->oh && squares_side_by_side(s)) {
        maxpool_backward_squares(job, image, k, dx);
        return;
    }
    slide(&m, k, s->stride_h, s->pad_top, s->kh, s->oh);
    int rows = span_length(m), row_position = (k + s->pad_top - m.first * s->stride_h) * s->kw;
    for (int l = 0; l < s->w; l++, dx += c) {
        slide(&n, l, s->stride_w, s->pad_left, s->kw, s->ow);
        pixel at = {.first = image + pixel_offset(m.first, n.first, s->ow, s->c),
                    .row_stride = pixel_offset(1, 0, s->ow, s->c),
                    .pixel_stride = c,
                    .position = row_position + l + s->pad_left - n.first * s->stride_w,
                    .row_step = s->stride_h * s->kw,
                    .pixel_step = s->stride_w};
        maxpool_backward_pixel(job, &at, rows, span_length(n), c, dx);
    }
}

static void maxpool_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    range r = pool_rows(s, s->h, s->w, task);
    for (size_t row = r.first; row < r.last; row++)
        maxpool_backward_row(job, row / (size_t)s->h * pixel_offset(s->oh, 0, s->ow, s->c), (int)(row % (size_t)s->h),
                             job->to + row * pixel_offset(1, 0, s->w, s->c));
    end_stream(job->stream);
}

static void maxpool_backward(thread_pool *pool, const window_shape *s, const float *dy, const uint8_t *chosen,
                             float *dx)
{
    pool_job job = {.s = s, .from = dy, .to = dx, .was_chosen = chosen};
    run_pool_rows(pool, s->h, s->w, maxpool_backward_task, &job);
}

// eq. 77 for `lanes` channels, over the rows x columns pixels inside the image.
static ALWAYS_INLINE void window_average(const window *v, int rows, int columns, size_t channel, size_t lanes, float *y)
{
    vf sum = vf_zero();
    const float *row = v->x + channel;
    for (int p = 0; p < rows; p++, row += v->row_stride) {
        vf row_sum = vf_zero();
        const float *x = row;
        for (int q = 0; q < columns; q++, x += v->pixel_stride)
            row_sum += load_lanes(x, lanes);
        sum += row_sum;
    }
    int count = rows * columns;
    store_lanes(y + channel, sum / (float)(count > 0 ? count : 1), lanes);
}

static void avgpool_row(const window_shape *s, const float *image, int m, float *y)
{
    size_t c = (size_t)s->c;
    span rows = elements_inside(m, s->stride_h, s->pad_top, s->kh, s->h);
    const float *first_row = image + pixel_offset(m * s->stride_h - s->pad_top + rows.first, 0, s->w, s->c);
    int height = span_length(rows);
    for (int n = 0; n < s->ow; n++, y += c) {
        span columns = elements_inside(n, s->stride_w, s->pad_left, s->kw, s->w);
        int width = height > 0 ? span_length(columns) : 0, first = n * s->stride_w - s->pad_left + columns.first;
        window v = {
            .x = width > 0 ? first_row + (size_t)first * c : image, .row_stride = (size_t)s->w * c, .pixel_stride = c};
        size_t i = 0;
        for (; i + VF <= c; i += VF)
            window_average(&v, height, width, i, VF, y);
        if (i < c) window_average(&v, height, width, i, c - i, y);
    }
}

static void avgpool_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    range r = pool_rows(s, s->oh, s->ow, task);
    for (size_t row = r.first; row < r.last; row++)
        avgpool_row(s, job->from + row / (size_t)s->oh * pixel_offset(s->h, 0, s->w, s->c), (int)(row % (size_t)s->oh),
                    job->to + row * pixel_offset(1, 0, s->ow, s->c));
}

static void avgpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y)
{
    pool_job job = {.s = s, .from = x, .to = y};
    run_pool_rows(pool, s->oh, s->ow, avgpool_forward_task, &job);
}

// Of window (m, n): 1 over the number of its pixels in the image.
static inline float window_share(const window_shape *s, int m, int n)
{
    int rows = span_length(elements_inside(m, s->stride_h, s->pad_top, s->kh, s->h));
    int columns = span_length(elements_inside(n, s->stride_w, s->pad_left, s->kw, s->w));
    return 1.0f / (float)(rows * columns);
}

// eq. 78-79 for `lanes` channels of an input pixel: its share of each window (m, n) that covers it. `share` is that of
// the first window; the others have their own.
static ALWAYS_INLINE void shared_gradient(const pool_job *job, size_t image, span m, span n, float share,
                                          size_t channel, size_t lanes, float *dx)
{
    const window_shape *s = job->s;
    vf sum = vf_zero();
    for (int i = m.first; i < m.last; i++) {
        for (int j = n.first; j < n.last; j++) {
            const float *dy = job->from + image + pixel_offset(i, j, s->ow, s->c) + channel;
            bool first = i == m.first && j == n.first;
            sum += load_lanes(dy, lanes) * (first ? share : window_share(s, i, j));
        }
    }
    if (lanes == VF)
        vf_store_or_stream(dx + channel, sum, job->stream);
    else
        vf_store_part(dx + channel, sum, lanes);
}

static void avgpool_backward_row(const pool_job *job, size_t image, int k, float *dx)
{
    const window_shape *s = job->s;
    size_t c = (size_t)s->c;
    span m = {0, 0}, n = {0, 0};
    slide(&m, k, s->stride_h, s->pad_top, s->kh, s->oh);
    for (int l = 0; l < s->w; l++, dx += c) {
        slide(&n, l, s->stride_w, s->pad_left, s->kw, s->ow);
        float share = window_share(s, m.first, n.first);
        size_t i = 0;
        for (; i + VF <= c; i += VF)
            shared_gradient(job, image, m, n, share, i, VF, dx);
        if (i < c) shared_gradient(job, image, m, n, share, i, c - i, dx);
    }
}

static void avgpool_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const pool_job *job = argument;
    const window_shape *s = job->s;
    range r = pool_rows(s, s->h, s->w, task);
    for (size_t row = r.first; row < r.last; row++)
        avgpool_backward_row(job, row / (size_t)s->h * pixel_offset(s->oh, 0, s->ow, s->c), (int)(row % (size_t)s->h),
                             job->to + row * pixel_offset(1, 0, s->w, s->c));
    end_stream(job->stream);
}

static void avgpool_backward(thread_pool *pool, const window_shape *s, const float *dy, float *dx)
{
    pool_job job = {.s = s, .from = dy, .to = dx};
    run_pool_rows(pool, s->h, s->w, avgpool_backward_task, &job);
}

#endif
