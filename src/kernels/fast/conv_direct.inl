// Direct convolution, eq. 59, and its gradient to the input, eq. 69-71: the shapes and packed filters of the
// correlations that correlation.inl computes.
#include "kernels/fast/correlation.inl"

static ONCE_A_CALL correlation correlation_of_forward(const window_shape *s)
{
    correlation job = {.n = (size_t)s->n,
                       .h = (size_t)s->h,
                       .w = (size_t)s->w,
                       .groups = (size_t)s->groups,
                       .channels = (size_t)(s->c / s->groups),
                       .source_pixel = (size_t)s->c,
                       .kh = (size_t)s->kh,
                       .kw = (size_t)s->kw,
                       .stride_h = (size_t)s->stride_h,
                       .stride_w = (size_t)s->stride_w,
                       .pad_top = s->pad_top,
                       .pad_left = s->pad_left,
                       .group_outputs = (size_t)(s->oc / s->groups),
                       .oh = (size_t)s->oh,
                       .ow = (size_t)s->ow,
                       .y_image = (size_t)s->oh * (size_t)s->ow * (size_t)s->oc,
                       .y_row = (size_t)s->ow * (size_t)s->oc,
                       .y_pixel = (size_t)s->oc};
    correlation_gather(&job);
    correlation_plan_bands(&job);
    return job;
}

// The pixels of dx in rows `row`, row + s_h, ... and columns likewise receive from dz through every s-th tap:
//     dx[i] = sum over k of dz[(i + pad - k) / s] filter[k]     where s divides i + pad - k
// With i = phase + s t, r = (phase + pad) mod s, k = r + s j, and the taps taken from the last to the first.
typedef struct phase_taps {
    size_t first, count; // k = first + s j, j below count
    ptrdiff_t pad;       // of the correlation over dz
    size_t pixels;       // of dx in this phase
} phase_taps;

static ONCE_A_CALL phase_taps phase_taps_of(size_t phase, size_t size, size_t taps, size_t stride, size_t pad)
{
    phase_taps p = {.first = (phase + pad) % stride};
    p.count = p.first < taps ? (taps - p.first + stride - 1) / stride : 0;
    p.pad = (ptrdiff_t)p.count - 1 - (ptrdiff_t)((phase + pad) / stride);
    p.pixels = phase < size ? (size - phase + stride - 1) / stride : 0;
    return p;
}

static ONCE_A_CALL correlation correlation_of_backward(const window_shape *s, phase_taps rows, phase_taps columns)
{
    correlation job = {.n = (size_t)s->n,
                       .h = (size_t)s->oh,
                       .w = (size_t)s->ow,
                       .groups = (size_t)s->groups,
                       .channels = (size_t)(s->oc / s->groups),
                       .source_pixel = (size_t)s->oc,
                       .kh = columns.count ? rows.count : 0,
                       .kw = rows.count ? columns.count : 0,
                       .stride_h = 1,
                       .stride_w = 1,
                       .pad_top = rows.pad,
                       .pad_left = columns.pad,
                       .group_outputs = (size_t)(s->c / s->groups),
                       .oh = rows.pixels,
                       .ow = columns.pixels,
                       .y_image = (size_t)s->h * (size_t)s->w * (size_t)s->c,
                       .y_row = (size_t)s->stride_h * (size_t)s->w * (size_t)s->c,
                       .y_pixel = (size_t)s->stride_w * (size_t)s->c};
    correlation_gather(&job);
    correlation_plan_bands(&job);
    return job;
}

enum { SHEAR_TAP = 5 }; // a tap of one pixel in the second step, in products of vectors

// Whether the gradient to the input is faster in two steps, shear.inl: rows of kw * c outputs an output pixel against
// the correlation, with what the second step takes.
static ONCE_A_CALL bool shear_suits(const window_shape *s, const correlation *whole)
{
    size_t c = (size_t)s->c, kw = (size_t)s->kw, sums = (size_t)s->oc * (size_t)s->kh;
    if (s->stride_h != 1 || s->stride_w != 1 || s->groups != 1 || c >= VF || kw == 1) return false;
    size_t pixels = whole->ow + (whole->rest > 0);
    size_t one = pixels * whole->kw * parts_of(whole->group_outputs, VF) * sums;
    return (size_t)s->ow * parts_of(kw * c, VF) * sums + SHEAR_TAP * (size_t)s->w * kw < one;
}

// The same filter with its columns for channels: one column of kw * c channels.
static window_shape shear_shape(const window_shape *s)
{
    window_shape apart = *s;
    apart.w = s->ow;
    apart.c = s->kw * s->c;
    apart.kw = 1;
    apart.pad_left = 0;
    return apart;
}

static ONCE_A_CALL correlation correlation_apart(const window_shape *s, phase_taps rows)
{
    correlation job = {.n = (size_t)s->n,
                       .h = (size_t)s->oh,
                       .w = (size_t)s->ow,
                       .groups = 1,
                       .channels = (size_t)s->oc,
                       .source_pixel = (size_t)s->oc,
                       .kh = rows.count,
                       .kw = 1,
                       .stride_h = 1,
                       .stride_w = 1,
                       .pad_top = rows.pad,
                       .group_outputs = parts_of((size_t)s->kw * (size_t)s->c, VF) * VF, // zeros beyond the last
                       .oh = rows.pixels,
                       .ow = (size_t)s->ow,
                       .gathered = 1,
                       .apart = {(size_t)s->kw, (size_t)s->c, (size_t)s->w, s->pad_left, 0}};
    job.y_pixel = job.group_outputs;
    job.y_row = job.ow * job.y_pixel;
    correlation_plan_bands(&job);
    return job;
}

// Packing a filter (kh, kw, c / groups, oc): one task a block.
typedef struct filter_packing {
    const window_shape *shape;
    const float *filter;
    phase_taps rows, columns; // backward only
    float *packed;
} filter_packing;

static void filter_pack_forward(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const filter_packing *job = argument;
    const window_shape *s = job->shape;
    size_t outputs = (size_t)(s->oc / s->groups), blocks = filter_blocks(outputs);
    size_t rows = (size_t)s->kh * (size_t)s->kw * (size_t)(s->c / s->groups);
    size_t group = task / blocks, first = task % blocks * TILE_COLUMNS;
    size_t columns = smaller(TILE_COLUMNS, outputs - first);
    const float *from = job->filter + group * outputs + first;
    float *to = job->packed + task * rows * TILE_COLUMNS;
    for (size_t r = 0; r < rows; r++) {
        for (size_t v = 0; v < TILE_VECTORS; v++)
            vf_store(to + r * TILE_COLUMNS + v * VF, tile_load(from + r * (size_t)s->oc, columns, v));
    }
}

// packed[j_y][j_x][o][i] = filter[last tap - ...][i][o]
static void filter_pack_backward(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const filter_packing *job = argument;
    const window_shape *s = job->shape;
    size_t inputs = (size_t)(s->c / s->groups), outputs = (size_t)(s->oc / s->groups);
    size_t blocks = filter_blocks(inputs), group = task / blocks, first = task % blocks * TILE_COLUMNS;
    size_t columns = smaller(TILE_COLUMNS, inputs - first), oc = (size_t)s->oc;
    float *to = job->packed + task * job->rows.count * job->columns.count * outputs * TILE_COLUMNS;
    for (size_t jy = job->rows.count; jy-- > 0;) {
        size_t ky = job->rows.first + jy * (size_t)s->stride_h;
        for (size_t jx = job->columns.count; jx-- > 0; to += outputs * TILE_COLUMNS) {
            size_t kx = job->columns.first + jx * (size_t)s->stride_w;
            const float *from = job->filter + ((ky * (size_t)s->kw + kx) * inputs + first) * oc + group * outputs;
            for (size_t o = 0; o < outputs; o++) {
                for (size_t i = 0; i < TILE_COLUMNS; i++)
                    to[o * TILE_COLUMNS + i] = i < columns ? from[i * oc + o] : 0.0f;
            }
        }
    }
}

// The packed filter of wider pixels, correlation_gather, from that of single ones; the bias beside itself.
static ONCE_A_CALL void filter_widen(const correlation *job, const float *bias, const float *packed, float *wide,
                                     float *wide_bias)
{
    size_t count = job->gathered, outputs = job->group_outputs / count, stride = job->stride_w / count;
    size_t taps = job->kw - (count - 1) * stride, c = job->channels;
    memset(wide, 0, job->kh * job->kw * c * TILE_COLUMNS * sizeof *wide);
    for (size_t g = 0; g < count; g++) {
        for (size_t o = 0; o < outputs; o++)
            wide_bias[g * outputs + o] = bias ? bias[o] : 0.0f;
        for (size_t ky = 0; ky < job->kh; ky++) {
            const float *from = packed + ky * taps * c * TILE_COLUMNS;
            float *to = wide + (ky * job->kw + g * stride) * c * TILE_COLUMNS + g * outputs;
            for (size_t row = 0; row < taps * c; row++)
                memcpy(to + row * TILE_COLUMNS, from + row * TILE_COLUMNS, outputs * sizeof *to);
        }
    }
}

// What is packed: the filter; where pixels are gathered, the filter before widening, and the bias.
typedef struct direct_packed {
    size_t filter, narrow, bias; // floats
} direct_packed;

static direct_packed direct_packed_of(const correlation *job)
{
    direct_packed size = {.filter = whole_lines(job->groups * filter_blocks(job->group_outputs) * job->kh * job->kw *
                                                job->channels * TILE_COLUMNS)};
    if (job->gathered > 1) {
        size.narrow = size.filter;
        size.bias = whole_lines(TILE_COLUMNS);
    }
    return size;
}

static size_t direct_packed_floats(const correlation *job)
{
    direct_packed size = direct_packed_of(job);
    return size.filter + size.narrow + size.bias;
}

// The workspace: what is packed; the workers' scratch.
static size_t direct_workspace_floats(const correlation *job, unsigned threads)
{
    return direct_packed_floats(job) + threads * job->scratch_each;
}

static ONCE_A_CALL void direct_pack(thread_pool *pool, const correlation *job, filter_packing *packing, pool_task *pack,
                                    const float *bias, float *packed)
{
    direct_packed size = direct_packed_of(job);
    float *narrow = packed + size.filter;
    packing->packed = size.narrow ? narrow : packed;
    thread_pool_run(pool_for(pool, size.filter * PACKED_FLOAT), job->groups * filter_blocks(job->group_outputs), pack,
                    packing);
    if (job->gathered > 1) filter_widen(job, bias, narrow, packed, narrow + size.narrow);
}

static ONCE_A_CALL void direct_run(thread_pool *pool, correlation *job, const float *packed, float *scratch)
{
    direct_packed size = direct_packed_of(job);
    job->filter = packed;
    if (job->gathered > 1) job->bias = packed + size.filter + size.narrow;
    job->scratch = scratch;
    correlation_run(pool, job);
}

static size_t direct_forward_workspace(const window_shape *s, unsigned threads)
{
    correlation job = correlation_of_forward(s);
    return direct_workspace_floats(&job, threads) * sizeof(float);
}

static size_t direct_packed_bytes(const window_shape *s)
{
    correlation job = correlation_of_forward(s);
    return direct_packed_floats(&job) * sizeof(float);
}

static void direct_pack_forward(thread_pool *pool, const window_shape *s, const float *filter, const float *bias,
                                void *packed)
{
    correlation job = correlation_of_forward(s);
    filter_packing packing = {.shape = s, .filter = filter};
    direct_pack(pool, &job, &packing, filter_pack_forward, bias, packed);
}

static ONCE_A_CALL void direct_forward_packed(thread_pool *pool, const window_shape *s, const float *x,
                                              const void *packed, const float *bias, activation act, float *z, float *y,
                                              void *workspace)
{
    correlation job = correlation_of_forward(s);
    job.source = x;
    job.bias = bias;
    job.act = act;
    job.z = z;
    job.y = y;
    direct_run(pool, &job, packed, workspace);
}

static ONCE_A_CALL void direct_forward(thread_pool *pool, const window_shape *s, const float *x, const float *filter,
                                       const float *bias, activation act, float *z, float *y, void *workspace)
{
    direct_pack_forward(pool, s, filter, bias, workspace);
    direct_forward_packed(pool, s, x, workspace, bias, act, z, y, (char *)workspace + direct_packed_bytes(s));
}

// One phase of the gradient to the input: `shape` is that of the filter that is packed.
static ONCE_A_CALL correlation correlation_of_phase(const window_shape *s, phase_taps rows, phase_taps *columns,
                                                    window_shape *shape)
{
    correlation whole = correlation_of_backward(s, rows, *columns);
    *shape = *s;
    if (!shear_suits(s, &whole)) return whole;
    *shape = shear_shape(s);
    *columns = phase_taps_of(0, (size_t)shape->w, 1, 1, 0);
    return correlation_apart(s, rows);
}

static ONCE_A_CALL size_t direct_backward_input_workspace(const window_shape *s, unsigned threads)
{
    size_t most = 0;
    for (size_t py = 0; py < (size_t)s->stride_h; py++) {
        phase_taps rows = phase_taps_of(py, (size_t)s->h, (size_t)s->kh, (size_t)s->stride_h, (size_t)s->pad_top);
        for (size_t px = 0; px < (size_t)s->stride_w; px++) {
            phase_taps columns =
                phase_taps_of(px, (size_t)s->w, (size_t)s->kw, (size_t)s->stride_w, (size_t)s->pad_left);
            if (rows.pixels == 0 || columns.pixels == 0) continue;
            window_shape shape;
            correlation job = correlation_of_phase(s, rows, &columns, &shape);
            size_t floats = direct_workspace_floats(&job, threads);
            most = floats > most ? floats : most;
        }
    }
    return most * sizeof(float);
}

static ONCE_A_CALL void direct_backward_input(thread_pool *pool, const window_shape *s, const float *dz,
                                              const float *filter, float *dx, void *workspace)
{
    for (size_t py = 0; py < (size_t)s->stride_h; py++) {
        phase_taps rows = phase_taps_of(py, (size_t)s->h, (size_t)s->kh, (size_t)s->stride_h, (size_t)s->pad_top);
        for (size_t px = 0; px < (size_t)s->stride_w; px++) {
            phase_taps columns =
                phase_taps_of(px, (size_t)s->w, (size_t)s->kw, (size_t)s->stride_w, (size_t)s->pad_left);
            if (rows.pixels == 0 || columns.pixels == 0) continue;
            window_shape shape;
            correlation job = correlation_of_phase(s, rows, &columns, &shape);
            filter_packing packing = {.shape = &shape, .filter = filter, .rows = rows, .columns = columns};
            job.source = dz;
            job.y = dx + (py * (size_t)s->w + px) * (size_t)s->c;
            direct_pack(pool, &job, &packing, filter_pack_backward, NULL, workspace);
            direct_run(pool, &job, workspace, (float *)workspace + direct_packed_floats(&job));
        }
    }
}
