// 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): 36 products a tile of 4x4 outputs instead of 144. Forward, and
// the gradient to the input, which is the same over dz with the filter turned and its channels exchanged.
//
// A worker takes a contiguous range of all tiles (images, rows of tiles, tiles) and goes through it in blocks that fit
// the second-level cache:
//
//     source (6x6 pixels a tile) -> v (36, tiles, channels)
//     for each block of TILE_COLUMNS output channels:
//         v[i] x filter[i] -> m (36, tiles, TILE_COLUMNS)     36 matrix products
//         m -> 4x4 outputs a tile, bias, activation
//
// The filter is transformed once a call, or once for many (conv_pack), into (blocks, 36, channels, TILE_COLUMNS). Each
// tile is computed by itself, in the same order whatever the block around it.
#include "kernels/fast/winograd_transforms.inl"

enum {
    WINOGRAD_SCRATCH = 160 * 1024, // floats of v and m
    WINOGRAD_SKEW = 16,            // floats between the products' matrices, so that they begin in different sets
};

typedef struct winograd {
    const float *source; // (n, h, w, channels)
    size_t n, h, w, channels;
    size_t line; // channels, rounded up to whole vectors
    ptrdiff_t pad_top, pad_left;
    const float *filter; // transformed
    size_t oh, ow, oc;
    float *y, *z; // (n, oh, ow, oc); z may be null
    const float *bias;
    activation act;
    size_t tiles_h, tiles_w; // of an image
    size_t block;            // tiles
    float *scratch;          // (workers, scratch_each): zeros, v, m
    size_t scratch_each, zeros, v_each, m_each;
    size_t workers;
} winograd;

static ONCE_A_CALL void winograd_plan_blocks(winograd *job)
{
    job->line = parts_of(job->channels, VF) * VF;
    job->tiles_h = parts_of(job->oh, WINOGRAD_OUT);
    job->tiles_w = parts_of(job->ow, WINOGRAD_OUT);
    size_t most = WINOGRAD_SCRATCH / WINOGRAD_PRODUCTS / (job->line + TILE_COLUMNS) / TILE_ROWS;
    job->block = (most ? most : 1) * TILE_ROWS;
    job->zeros = whole_lines(WINOGRAD_IN * job->channels);
    job->v_each = whole_lines(job->block * job->line + WINOGRAD_SKEW);
    job->m_each = whole_lines(job->block * TILE_COLUMNS + WINOGRAD_SKEW);
    job->scratch_each = job->zeros + WINOGRAD_PRODUCTS * (job->v_each + job->m_each);
}

static size_t winograd_filter_floats(const winograd *job)
{
    return filter_blocks(job->oc) * WINOGRAD_PRODUCTS * job->channels * TILE_COLUMNS;
}

// Where a tile reads: six rows of pixels, of which columns [first, last) lie in the image.
typedef struct winograd_square {
    const float *row[WINOGRAD_IN]; // the pixel in column `first`; zeros where the row lies outside the image
    size_t first, last;
} winograd_square;

static winograd_square winograd_square_at(const winograd *job, size_t index, const float *zeros)
{
    size_t image = index / (job->tiles_h * job->tiles_w), at = index % (job->tiles_h * job->tiles_w);
    ptrdiff_t top = (ptrdiff_t)(at / job->tiles_w * WINOGRAD_OUT) - job->pad_top;
    ptrdiff_t left = (ptrdiff_t)(at % job->tiles_w * WINOGRAD_OUT) - job->pad_left;
    winograd_square s = {.first = left < 0 ? (size_t)-left : 0};
    ptrdiff_t inside = (ptrdiff_t)job->w - left;
    s.last = inside < WINOGRAD_IN ? (inside > 0 ? (size_t)inside : 0) : WINOGRAD_IN;
    for (ptrdiff_t r = 0; r < WINOGRAD_IN; r++) {
        bool there = top + r >= 0 && top + r < (ptrdiff_t)job->h && s.first < s.last;
        size_t pixel = there ? (image * job->h + (size_t)(top + r)) * job->w + (size_t)(left + (ptrdiff_t)s.first) : 0;
        s.row[r] = there ? job->source + pixel * job->channels : zeros;
    }
    return s;
}

// The transform of one vector of channels; pixel k of row r begins at row[r] + k * pixel. By pairs of columns, so that
// all stays in registers.
static __attribute__((noinline)) void winograd_square_transform(const float *const *row, size_t pixel, float *v,
                                                                size_t v_each)
{
    UNROLL_LARGE
    for (size_t pair = 0; pair < 4; pair++) {
        size_t left = pair == 0 ? 0 : 2 * pair - 1, right = pair == 3 ? 5 : 2 * pair;
        vf column[2][WINOGRAD_IN], o[WINOGRAD_IN];
        UNROLL_LARGE
        for (size_t r = 0; r < WINOGRAD_IN; r++) {
            vf d[WINOGRAD_IN];
            UNROLL_LARGE
            for (size_t k = 0; k < WINOGRAD_IN; k++)
                d[k] = vf_load(row[r] + k * pixel);
            winograd_input(d, o);
            column[0][r] = o[left];
            column[1][r] = o[right];
        }
        winograd_input(column[0], o);
        UNROLL_LARGE
        for (size_t r = 0; r < WINOGRAD_IN; r++)
            vf_store(v + (r * WINOGRAD_IN + left) * v_each, o[r]);
        if (left == right) continue;
        winograd_input(column[1], o);
        UNROLL_LARGE
        for (size_t r = 0; r < WINOGRAD_IN; r++)
            vf_store(v + (r * WINOGRAD_IN + right) * v_each, o[r]);
    }
}

// A square that reaches beyond the image or the last channel: its inside, with zeros around.
static void winograd_square_copy(const winograd_square *s, size_t pixel, size_t channel, size_t lanes, float *to)
{
    for (size_t r = 0; r < WINOGRAD_IN; r++) {
        for (size_t k = 0; k < WINOGRAD_IN; k++, to += VF) {
            bool inside = k >= s->first && k < s->last;
            vf_store(to, inside ? tile_load(s->row[r] + (k - s->first) * pixel + channel, lanes, 0) : vf_zero());
        }
    }
}

// One tile: `v` points to its row in the first of the 36 matrices.
static void winograd_transform_tile(const winograd_square *s, size_t channels, size_t pixel, float *v, size_t v_each)
{
    for (size_t channel = 0; channel < channels; channel += VF) {
        size_t lanes = smaller(VF, channels - channel);
        bool whole = s->first == 0 && s->last == WINOGRAD_IN && lanes == VF;
        float copy[WINOGRAD_IN * WINOGRAD_IN * VF];
        if (!whole) winograd_square_copy(s, pixel, channel, lanes, copy);
        const float *row[WINOGRAD_IN];
        for (size_t r = 0; r < WINOGRAD_IN; r++)
            row[r] = whole ? s->row[r] + channel : copy + r * WINOGRAD_IN * VF;
        winograd_square_transform(row, whole ? pixel : VF, v + channel, v_each);
    }
}

// m[i] = v[i] x filter[i] for all tiles of the block (rounded up to whole register tiles), one block of outputs.
static ALWAYS_INLINE void winograd_multiply(const winograd *job, const float *v, const float *filter, float *m,
                                            size_t tiles, size_t vectors, prefetch *source, prefetch *target)
{
    for (size_t i = 0; i < WINOGRAD_PRODUCTS; i++) {
        for (size_t row = 0; row < tiles; row += TILE_ROWS) {
            prefetch_some(source);
            prefetch_some(target);
            tile t;
            tile_clear(&t, TILE_ROWS, vectors);
            tile_accumulate(&t, TILE_ROWS, vectors, job->channels, v + i * job->v_each + row * job->line, job->line, 1,
                            filter, TILE_COLUMNS);
            float *to = m + i * job->m_each + row * TILE_COLUMNS;
            UNROLL
            for (size_t r = 0; r < TILE_ROWS; r++) {
                UNROLL
                for (size_t k = 0; k < vectors; k++)
                    vf_store(to + r * TILE_COLUMNS + k * VF, t.sum[r][k]);
            }
        }
        filter += job->channels * TILE_COLUMNS;
    }
}

// The 4x4 outputs of one tile, one vector of channels; `m` points to it in the first of the 36 matrices.
static ALWAYS_INLINE void winograd_output_tile(const winograd *job, const float *m, size_t index, size_t column,
                                               size_t lanes)
{
    vf half[WINOGRAD_OUT][WINOGRAD_IN];
    UNROLL_LARGE
    for (size_t k = 0; k < WINOGRAD_IN; k++) {
        vf in[WINOGRAD_IN], out[WINOGRAD_OUT];
        UNROLL_LARGE
        for (size_t r = 0; r < WINOGRAD_IN; r++)
            in[r] = vf_load(m + (r * WINOGRAD_IN + k) * job->m_each);
        winograd_output(in, out);
        UNROLL_LARGE
        for (size_t r = 0; r < WINOGRAD_OUT; r++)
            half[r][k] = out[r];
    }
    size_t image = index / (job->tiles_h * job->tiles_w), at = index % (job->tiles_h * job->tiles_w);
    size_t top = at / job->tiles_w * WINOGRAD_OUT, left = at % job->tiles_w * WINOGRAD_OUT;
    size_t rows = smaller(WINOGRAD_OUT, job->oh - top), columns = smaller(WINOGRAD_OUT, job->ow - left);
    vf bias = !job->bias ? vf_zero() : vf_load_part(job->bias + column, lanes);
    size_t offset = ((image * job->oh + top) * job->ow + left) * job->oc + column;
    UNROLL_LARGE
    for (size_t r = 0; r < WINOGRAD_OUT; r++) {
        if (r >= rows) break;
        vf out[WINOGRAD_OUT];
        winograd_output(half[r], out);
        UNROLL_LARGE
        for (size_t k = 0; k < WINOGRAD_OUT; k++) {
            if (k >= columns) break;
            vf z = out[k] + bias;
            size_t to = offset + (r * job->ow + k) * job->oc;
            if (job->z) tile_store(job->z + to, lanes, 0, z);
            tile_store(job->y + to, lanes, 0, activation_inline(job->act, z));
        }
    }
}

// The rows, of all images' rows, that tiles [first, end) begin in; `height` rows an image.
typedef struct winograd_rows {
    size_t first, count;
} winograd_rows;

static size_t winograd_row_of(const winograd *job, size_t height, size_t index)
{
    size_t per_image = job->tiles_h * job->tiles_w;
    size_t row = index / per_image * height + index % per_image / job->tiles_w * WINOGRAD_OUT;
    return smaller(row, job->n * height);
}

static winograd_rows winograd_rows_of(const winograd *job, size_t height, size_t first, size_t end)
{
    winograd_rows rows = {.first = winograd_row_of(job, height, first)};
    rows.count = winograd_row_of(job, height, end) - rows.first;
    return rows;
}

static void winograd_block(const winograd *job, size_t first, size_t tiles, float *scratch)
{
    float *zeros = scratch, *v = zeros + job->zeros, *m = v + WINOGRAD_PRODUCTS * job->v_each;
    for (size_t i = 0; i < tiles; i++) {
        winograd_square s = winograd_square_at(job, first + i, zeros);
        winograd_transform_tile(&s, job->channels, job->channels, v + i * job->line, job->v_each);
    }
    size_t blocks = filter_blocks(job->oc), calls = WINOGRAD_PRODUCTS * parts_of(tiles, TILE_ROWS);
    size_t ahead = smaller(first + 2 * tiles, job->n * job->tiles_h * job->tiles_w);
    winograd_rows read = winograd_rows_of(job, job->h, first + tiles, ahead);
    winograd_rows written = winograd_rows_of(job, job->oh, first, first + tiles);
    size_t line = job->w * job->channels;
    prefetch source = prefetch_rows(job->source + read.first * line, read.count, line, line, calls * blocks);
    for (size_t b = 0; b < blocks; b++) {
        size_t column = b * TILE_COLUMNS, columns = smaller(TILE_COLUMNS, job->oc - column);
        const float *filter = job->filter + b * WINOGRAD_PRODUCTS * job->channels * TILE_COLUMNS;
        prefetch target = prefetch_rows(job->y + written.first * job->ow * job->oc + column, written.count * job->ow,
                                        job->oc, columns, calls);
        if (columns > VF)
            winograd_multiply(job, v, filter, m, tiles, 2, &source, &target);
        else
            winograd_multiply(job, v, filter, m, tiles, 1, &source, &target);
        for (size_t i = 0; i < tiles; i++) {
            for (size_t k = 0; k < columns; k += VF)
                winograd_output_tile(job, m + i * TILE_COLUMNS + k, first + i, column + k, smaller(VF, columns - k));
        }
    }
}

static void winograd_work(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const winograd *job = argument;
    size_t total = job->n * job->tiles_h * job->tiles_w;
    size_t first = part_start(total, job->workers, task), end = part_start(total, job->workers, task + 1);
    float *scratch = job->scratch + task * job->scratch_each;
    memset(scratch, 0, job->zeros * sizeof *scratch);
    while (first < end) {
        size_t tiles = smaller(job->block, end - first);
        winograd_block(job, first, tiles, scratch);
        first += tiles;
    }
}

// Transforms one block of output channels of a filter (3, 3, c, oc), or of the turned one (backward).
typedef struct winograd_filter_job {
    const float *filter;
    float *to;
    size_t channels, outputs; // of the correlation: exchanged for backward
    bool backward;
} winograd_filter_job;

static void winograd_filter_work(void *argument, size_t block, unsigned thread)
{
    (void)thread;
    const winograd_filter_job *job = argument;
    size_t plane = job->channels * job->outputs, first = block * TILE_COLUMNS;
    float *to = job->to + block * WINOGRAD_PRODUCTS * job->channels * TILE_COLUMNS;
    for (size_t c = 0; c < job->channels; c++) {
        for (size_t v = 0; v < TILE_VECTORS; v++) {
            size_t output = first + v * VF, lanes = lanes_of(job->outputs - first, v);
            vf half[3][WINOGRAD_IN], o[WINOGRAD_IN];
            for (size_t kx = 0; kx < 3; kx++) {
                vf g[3];
                for (size_t ky = 0; ky < 3; ky++) {
                    float lane[VF] = {0};
                    const float *turned = job->filter + (8 - 3 * ky - kx) * plane + c;
                    for (size_t i = 0; job->backward && i < lanes; i++)
                        lane[i] = turned[(output + i) * job->channels];
                    g[ky] = job->backward ? vf_load(lane)
                                          : vf_load_part(job->filter + (3 * ky + kx) * plane + c * job->outputs +
                                                             (lanes ? output : 0),
                                                         lanes);
                }
                winograd_filter(g, half[kx]);
            }
            for (size_t r = 0; r < WINOGRAD_IN; r++) {
                vf g[3] = {half[0][r], half[1][r], half[2][r]};
                winograd_filter(g, o);
                for (size_t k = 0; k < WINOGRAD_IN; k++)
                    vf_store(to + ((r * WINOGRAD_IN + k) * job->channels + c) * TILE_COLUMNS + v * VF, o[k]);
            }
        }
    }
}

static ONCE_A_CALL winograd winograd_of_forward(const window_shape *s)
{
    winograd job = {.n = (size_t)s->n,
                    .h = (size_t)s->h,
                    .w = (size_t)s->w,
                    .channels = (size_t)s->c,
                    .pad_top = s->pad_top,
                    .pad_left = s->pad_left,
                    .oh = (size_t)s->oh,
                    .ow = (size_t)s->ow,
                    .oc = (size_t)s->oc};
    winograd_plan_blocks(&job);
    return job;
}

static ONCE_A_CALL winograd winograd_of_backward(const window_shape *s)
{
    winograd job = {.n = (size_t)s->n,
                    .h = (size_t)s->oh,
                    .w = (size_t)s->ow,
                    .channels = (size_t)s->oc,
                    .pad_top = 2 - s->pad_top,
                    .pad_left = 2 - s->pad_left,
                    .oh = (size_t)s->h,
                    .ow = (size_t)s->w,
                    .oc = (size_t)s->c};
    winograd_plan_blocks(&job);
    return job;
}

static size_t winograd_workspace(const winograd *job, unsigned threads)
{
    return (winograd_filter_floats(job) + threads * job->scratch_each) * sizeof(float);
}

static ONCE_A_CALL void winograd_pack(thread_pool *pool, const winograd *job, const float *filter, bool backward,
                                      float *packed)
{
    winograd_filter_job transform = {
        .filter = filter, .to = packed, .channels = job->channels, .outputs = job->oc, .backward = backward};
    thread_pool_run(pool_for(pool, winograd_filter_floats(job) * PACKED_FLOAT), filter_blocks(job->oc),
                    winograd_filter_work, &transform);
}

static ONCE_A_CALL void winograd_run(thread_pool *pool, winograd *job, const float *packed, float *scratch)
{
    job->filter = packed;
    job->scratch = scratch;
    pool = pool_for(pool, job->n * job->tiles_h * job->tiles_w * WINOGRAD_PRODUCTS * job->channels * job->oc);
    job->workers = thread_pool_size(pool);
    thread_pool_run(pool, job->workers, winograd_work, job);
}

// 3x3, stride 1, enough channels to fill vectors, and an image that is not mostly rounding up to whole tiles.
static bool winograd_suits(const window_shape *s)
{
    return s->kh == 3 && s->kw == 3 && s->stride_h == 1 && s->stride_w == 1 && s->groups == 1 && s->c >= 16 &&
           s->oc >= 16 && s->oh >= 4 && s->ow >= 4 && s->pad_top <= 2 && s->pad_left <= 2;
}

static ONCE_A_CALL void winograd_forward_packed(thread_pool *pool, const window_shape *s, const float *x,
                                                const void *packed, const float *bias, activation act, float *z,
                                                float *y, void *workspace)
{
    winograd job = winograd_of_forward(s);
    job.source = x;
    job.bias = bias;
    job.act = act;
    job.z = z;
    job.y = y;
    winograd_run(pool, &job, packed, workspace);
    if (!activation_is_inline(act.kind)) activation_forward(pool, act, job.n * job.oh * job.ow * job.oc, y, y);
}

static ONCE_A_CALL void winograd_backward_input(thread_pool *pool, const window_shape *s, const float *dz,
                                                const float *filter, float *dx, void *workspace)
{
    winograd job = winograd_of_backward(s);
    job.source = dz;
    job.y = dx;
    winograd_pack(pool, &job, filter, true, workspace);
    winograd_run(pool, &job, workspace, (float *)workspace + winograd_filter_floats(&job));
}
