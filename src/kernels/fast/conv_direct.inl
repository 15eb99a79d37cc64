// Direct convolution, eq. 59 and 69-71, as one computation: a correlation of a padded source with packed filters.
//
//   forward           source x, the filter as it is
//   gradient to x     source dz, the filter turned by half a turn, its input and output channels exchanged. A stride s
//                     makes s_h * s_w such correlations, each with every s-th tap, for every s-th pixel of dx.
//
// Each worker takes a contiguous range of all output rows and goes through it in bands. It copies the band's source,
// one group's channels, with its padding into scratch space that fits the second-level cache: the inner loop then has
// no borders, and the taps of one filter row are one contiguous run of kw * channels floats. Filters are packed into
// blocks of TILE_COLUMNS output channels, (groups, blocks, kh, kw * channels, TILE_COLUMNS), so that they are read
// straight through.

enum { CORRELATION_SCRATCH = 1 << 16 }; // floats: a quarter of a second-level cache of 1 MB

typedef struct correlation {
    const float *source;            // (n, h, w, groups * channels)
    size_t n, h, w;                 //
    size_t groups, channels;        // source channels of one group
    size_t source_pixel;            // source channels of all groups
    size_t kh, kw;                  // taps; no taps at all give zeros
    size_t stride_h, stride_w;      //
    ptrdiff_t pad_top, pad_left;    // negative: the source is cropped
    const float *filter;            // packed
    size_t group_outputs;           // output channels of one group
    size_t oh, ow;                  // output pixels to compute
    float *y, *z;                   // z may be null
    size_t y_image, y_row, y_pixel; // floats from one to the next, for y and z
    const float *bias;              // (groups * group_outputs) or null
    activation act;
    size_t band;         // output rows at a time
    size_t padded_w;     // pixels in a padded row
    float *scratch;      // (workers, scratch_each)
    size_t scratch_each; // floats
    size_t workers;
} correlation;

static size_t filter_blocks(size_t outputs)
{
    return parts_of(outputs, TILE_COLUMNS);
}

static size_t packed_filter_floats(size_t groups, size_t outputs, size_t kh, size_t kw, size_t channels)
{
    return groups * filter_blocks(outputs) * kh * kw * channels * TILE_COLUMNS;
}

// Chooses the band: as many rows as fit the scratch, in bands of even size.
static void correlation_plan_bands(correlation *job)
{
    job->padded_w = (job->ow - 1) * job->stride_w + job->kw;
    size_t row = job->padded_w * job->channels;
    size_t rows = CORRELATION_SCRATCH / (row ? row : 1);
    size_t band = rows > job->kh ? (rows - job->kh) / job->stride_h + 1 : 1;
    job->band = parts_of(job->oh, parts_of(job->oh, band));
    job->scratch_each = whole_lines(((job->band - 1) * job->stride_h + job->kh) * row);
}

// One row of the source with its padding, a group's channels only, to `to` (padded_w, channels).
static void correlation_pad_row(const correlation *job, const float *from, float *to)
{
    size_t c = job->channels, all = job->source_pixel;
    size_t left = job->pad_left > 0 ? smaller((size_t)job->pad_left, job->padded_w) : 0;
    size_t skipped = job->pad_left < 0 ? (size_t)-job->pad_left : 0;
    size_t copied = job->w > skipped ? smaller(job->w - skipped, job->padded_w - left) : 0;
    size_t right = job->padded_w - left - copied;
    memset(to, 0, left * c * sizeof *to);
    to += left * c;
    from += skipped * all;
    if (all == c) {
        memcpy(to, from, copied * c * sizeof *to);
    } else {
        for (size_t x = 0; x < copied; x++)
            memcpy(to + x * c, from + x * all, c * sizeof *to);
    }
    memset(to + copied * c, 0, right * c * sizeof *to);
}

// The source rows of `rows` output rows from `first` on, padded.
static void correlation_pad(const correlation *job, size_t image, size_t group, size_t first, size_t rows, float *to)
{
    const float *from = job->source + image * job->h * job->w * job->source_pixel + group * job->channels;
    size_t line = job->padded_w * job->channels;
    ptrdiff_t top = (ptrdiff_t)(first * job->stride_h) - job->pad_top;
    size_t count = (rows - 1) * job->stride_h + job->kh;
    for (size_t r = 0; r < count; r++) {
        ptrdiff_t row = top + (ptrdiff_t)r;
        if (row < 0 || row >= (ptrdiff_t)job->h)
            memset(to + r * line, 0, line * sizeof *to);
        else
            correlation_pad_row(job, from + (size_t)row * job->w * job->source_pixel, to + r * line);
    }
}

// One tile of the output: `pixels` neighbours in a row by up to TILE_COLUMNS channels.
typedef struct correlation_tile {
    const float *a; // the first tap of the first pixel, in the scratch
    const float *filter;
    const float *bias; // or null
    float *y, *z;
    size_t columns; // output channels
} correlation_tile;

static ALWAYS_INLINE void correlation_compute(const correlation *job, const correlation_tile *at, size_t pixels,
                                              size_t vectors)
{
    size_t line = job->padded_w * job->channels, run = job->kw * job->channels;
    const float *a = at->a, *b = at->filter;
    tile t;
    tile_clear(&t, pixels, vectors);
    for (size_t ky = 0; ky < job->kh; ky++) {
        tile_accumulate(&t, pixels, vectors, run, a, job->stride_w * job->channels, 1, b, TILE_COLUMNS);
        a += line;
        b += run * TILE_COLUMNS;
    }
    UNROLL
    for (size_t v = 0; v < vectors; v++) {
        vf bias = at->bias ? tile_load(at->bias, at->columns, v) : vf_zero();
        UNROLL
        for (size_t i = 0; i < pixels; i++) {
            vf z = t.sum[i][v] + bias;
            if (at->z) tile_store(at->z + i * job->y_pixel, at->columns, v, z);
            tile_store(at->y + i * job->y_pixel, at->columns, v, activation_inline(job->act, z));
        }
    }
}

static ALWAYS_INLINE void correlation_compute_pixels(const correlation *job, const correlation_tile *at, size_t pixels,
                                                     size_t vectors)
{
    switch (pixels) {
    case 1:
        correlation_compute(job, at, 1, vectors);
        break;
    case 2:
        correlation_compute(job, at, 2, vectors);
        break;
    case 3:
        correlation_compute(job, at, 3, vectors);
        break;
    case 4:
        correlation_compute(job, at, 4, vectors);
        break;
    case 5:
        correlation_compute(job, at, 5, vectors);
        break;
    case 6:
        correlation_compute(job, at, 6, vectors);
        break;
#if VF == 16 || defined(__ARM_NEON)
    case 7:
        correlation_compute(job, at, 7, vectors);
        break;
    case 8:
        correlation_compute(job, at, 8, vectors);
        break;
#endif
    }
}

// One row of outputs, one block of channels.
static void correlation_row(const correlation *job, correlation_tile at)
{
    size_t tiles = parts_of(job->ow, TILE_ROWS);
    const float *a = at.a;
    float *y = at.y, *z = at.z;
    for (size_t i = 0; i < tiles; i++) {
        size_t x = part_start(job->ow, tiles, i), pixels = part_start(job->ow, tiles, i + 1) - x;
        at.a = a + x * job->stride_w * job->channels;
        at.y = y + x * job->y_pixel;
        at.z = z ? z + x * job->y_pixel : NULL;
        if (at.columns > VF)
            correlation_compute_pixels(job, &at, pixels, 2);
        else
            correlation_compute_pixels(job, &at, pixels, 1);
    }
}

static void correlation_band(const correlation *job, size_t image, size_t first, size_t rows, float *padded)
{
    size_t blocks = filter_blocks(job->group_outputs);
    size_t block_floats = job->kh * job->kw * job->channels * TILE_COLUMNS;
    for (size_t g = 0; g < job->groups; g++) {
        correlation_pad(job, image, g, first, rows, padded);
        for (size_t b = 0; b < blocks; b++) {
            size_t column = g * job->group_outputs + b * TILE_COLUMNS;
            correlation_tile at = {.filter = job->filter + (g * blocks + b) * block_floats,
                                   .bias = job->bias ? job->bias + column : NULL,
                                   .columns = smaller(TILE_COLUMNS, job->group_outputs - b * TILE_COLUMNS)};
            for (size_t r = 0; r < rows; r++) {
                size_t offset = image * job->y_image + (first + r) * job->y_row + column;
                at.a = padded + r * job->stride_h * job->padded_w * job->channels;
                at.y = job->y + offset;
                at.z = job->z ? job->z + offset : NULL;
                correlation_row(job, at);
            }
        }
    }
    if (!activation_is_inline(job->act.kind)) { // then y lies without gaps
        float *y = job->y + image * job->y_image + first * job->y_row;
        activation_forward(NULL, job->act, rows * job->y_row, y, y);
    }
}

static void correlation_work(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const correlation *job = argument;
    size_t row = part_start(job->n * job->oh, job->workers, task);
    size_t end = part_start(job->n * job->oh, job->workers, task + 1);
    float *padded = job->scratch + task * job->scratch_each;
    while (row < end) {
        size_t image = row / job->oh, first = row % job->oh;
        size_t rows = smaller(smaller(job->band, job->oh - first), end - row);
        correlation_band(job, image, first, rows, padded);
        row += rows;
    }
}

static void correlation_run(thread_pool *pool, correlation *job)
{
    job->workers = thread_pool_size(pool);
    thread_pool_run(pool, job->workers, correlation_work, job);
}

static correlation correlation_of_forward(const window_shape *s)
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

static phase_taps phase_taps_of(size_t phase, size_t size, size_t taps, size_t stride, size_t pad)
{
    phase_taps p = {.first = (phase + pad) % stride};
    p.count = p.first < taps ? (taps - p.first + stride - 1) / stride : 0;
    p.pad = (ptrdiff_t)p.count - 1 - (ptrdiff_t)((phase + pad) / stride);
    p.pixels = phase < size ? (size - phase + stride - 1) / stride : 0;
    return p;
}

static correlation correlation_of_backward(const window_shape *s, phase_taps rows, phase_taps columns)
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

static size_t direct_forward_workspace(const window_shape *s, unsigned threads)
{
    correlation job = correlation_of_forward(s);
    size_t packed = packed_filter_floats(job.groups, job.group_outputs, job.kh, job.kw, job.channels);
    return (whole_lines(packed) + threads * job.scratch_each) * sizeof(float);
}

static void direct_forward(thread_pool *pool, const window_shape *s, const float *x, const float *filter,
                           const float *bias, activation act, float *z, float *y, void *workspace)
{
    correlation job = correlation_of_forward(s);
    filter_packing packing = {.shape = s, .filter = filter, .packed = workspace};
    thread_pool_run(pool, job.groups * filter_blocks(job.group_outputs), filter_pack_forward, &packing);
    job.source = x;
    job.filter = packing.packed;
    job.bias = bias;
    job.act = act;
    job.z = z;
    job.y = y;
    job.scratch =
        packing.packed + whole_lines(packed_filter_floats(job.groups, job.group_outputs, job.kh, job.kw, job.channels));
    correlation_run(pool, &job);
}

static size_t direct_backward_input_workspace(const window_shape *s, unsigned threads)
{
    size_t most = 0;
    for (size_t py = 0; py < (size_t)s->stride_h; py++) {
        phase_taps rows = phase_taps_of(py, (size_t)s->h, (size_t)s->kh, (size_t)s->stride_h, (size_t)s->pad_top);
        for (size_t px = 0; px < (size_t)s->stride_w; px++) {
            phase_taps columns =
                phase_taps_of(px, (size_t)s->w, (size_t)s->kw, (size_t)s->stride_w, (size_t)s->pad_left);
            if (rows.pixels == 0 || columns.pixels == 0) continue;
            correlation job = correlation_of_backward(s, rows, columns);
            size_t packed = packed_filter_floats(job.groups, job.group_outputs, job.kh, job.kw, job.channels);
            size_t floats = whole_lines(packed) + threads * job.scratch_each;
            most = floats > most ? floats : most;
        }
    }
    return most * sizeof(float);
}

static void direct_backward_input(thread_pool *pool, const window_shape *s, const float *dz, const float *filter,
                                  float *dx, void *workspace)
{
    for (size_t py = 0; py < (size_t)s->stride_h; py++) {
        phase_taps rows = phase_taps_of(py, (size_t)s->h, (size_t)s->kh, (size_t)s->stride_h, (size_t)s->pad_top);
        for (size_t px = 0; px < (size_t)s->stride_w; px++) {
            phase_taps columns =
                phase_taps_of(px, (size_t)s->w, (size_t)s->kw, (size_t)s->stride_w, (size_t)s->pad_left);
            if (rows.pixels == 0 || columns.pixels == 0) continue;
            correlation job = correlation_of_backward(s, rows, columns);
            filter_packing packing = {
                .shape = s, .filter = filter, .rows = rows, .columns = columns, .packed = workspace};
            thread_pool_run(pool, job.groups * filter_blocks(job.group_outputs), filter_pack_backward, &packing);
            job.source = dz;
            job.filter = packing.packed;
            job.y = dx + (py * (size_t)s->w + px) * (size_t)s->c;
            job.scratch = packing.packed + whole_lines(packed_filter_floats(job.groups, job.group_outputs, job.kh,
                                                                            job.kw, job.channels));
            correlation_run(pool, &job);
        }
    }
}
