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

// Whether a part of a vector is stored as fast as a whole one.
#define MASKED_STORES (VF == 16)

enum {
    CORRELATION_SCRATCH = 1 << 16, // floats: a quarter of a second-level cache of 1 MB
    CORRELATION_FEW_STEPS = 64,    // of a tile's sums: it takes no longer than its outputs take to come from memory
    CORRELATION_CALL = 4,          // tiles between two requests for the next band's source
};

// Outputs of a row that are still apart: pixel p holds what it adds to pixel p + k - pad of the true row, for each k
// below `taps`, a group of `channels` each. See shear.inl.
typedef struct shear {
    size_t taps, channels, w; // no taps: the outputs are y itself
    ptrdiff_t pad;
    size_t scratch; // where a band's outputs begin in the scratch
} shear;

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
    size_t gathered, rest;          // pixels in a column group, see correlation_gather; the last, smaller one's
    float *y, *z;                   // z may be null
    size_t y_image, y_row, y_pixel; // floats from one to the next, for y and z
    const float *bias;              // (groups * group_outputs) or null
    activation act;
    shear apart;
    size_t band;         // output rows at a time
    size_t ahead;        // floats from a tile's outputs to those that are fetched meanwhile
    size_t padded_w;     // pixels in a padded row
    bool in_place;       // the source needs neither padding nor picking of channels: it is not copied
    float *scratch;      // (workers, scratch_each)
    size_t scratch_each; // floats
    size_t workers;
} correlation;

static size_t filter_blocks(size_t outputs)
{
    return parts_of(outputs, TILE_COLUMNS);
}

// Few output channels leave most lanes of a vector idle. Then some neighbouring pixels of a row, whose channels lie
// side by side in memory, are taken for the channels of one wider pixel: its filter spans all their taps, with zeros
// between. Of the possible numbers of pixels, takes the one with the least work.
static ONCE_A_CALL void correlation_gather(correlation *job)
{
    job->gathered = 1;
    if (job->groups != 1 || job->y_pixel != job->group_outputs || job->kw == 0) return;
    size_t outputs = job->group_outputs, best = 1;
    double least = (double)(job->kw * parts_of(outputs, VF));
    for (size_t count = 2; count * outputs <= TILE_COLUMNS && 4 * count <= job->ow; count++) {
        size_t taps = job->kw + (count - 1) * job->stride_w;
        double work = (double)(taps * parts_of(count * outputs, VF)) / (double)count;
        if (work >= least) continue;
        least = work;
        best = count;
    }
    job->gathered = best;
    job->rest = job->ow % best;
    job->kw += (best - 1) * job->stride_w;
    job->stride_w *= best;
    job->group_outputs *= best;
    job->y_pixel *= best;
    job->ow /= best;
}

// Chooses the band: as many rows as fit the scratch, in bands of even size.
static ONCE_A_CALL void correlation_plan_bands(correlation *job)
{
    job->ahead = job->kh * job->kw * job->channels < CORRELATION_FEW_STEPS ? job->y_row : 0;
    job->padded_w = (job->ow + (job->rest > 0) - 1) * job->stride_w + job->kw;
    job->in_place = job->groups == 1 && job->pad_top == 0 && job->pad_left == 0 && job->padded_w == job->w &&
                    (job->oh - 1) * job->stride_h + job->kh <= job->h && job->kh > 0;
    size_t row = job->padded_w * job->channels;
    size_t rows = CORRELATION_SCRATCH / (row ? row : 1);
    size_t band = rows > job->kh ? (rows - job->kh) / job->stride_h + 1 : 1;
    job->band = parts_of(job->oh, parts_of(job->oh, band));
    job->scratch_each = whole_lines(((job->band - 1) * job->stride_h + job->kh) * row);
    if (job->apart.taps == 0) return;
    job->apart.scratch = job->scratch_each;
    job->scratch_each += whole_lines(job->band * job->y_row);
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
    const float *a;      // the first tap of the first pixel, in the scratch
    const float *filter; // of the same tap
    size_t kh;           // rows of taps: those beyond the source's edges are left out
    const float *bias;   // or null
    float *y, *z;
    size_t columns; // output channels
} correlation_tile;

// From a tile's sums (pixels, TILE_COLUMNS) to y, and z: any number of columns, any activation that is applied in
// registers.
static __attribute__((noinline)) void correlation_finish(const correlation *job, const correlation_tile *at,
                                                         const float *sums, size_t pixels)
{
    for (size_t v = 0; v * VF < at->columns; v++) {
        vf bias = at->bias ? tile_load(at->bias, at->columns, v) : vf_zero();
        for (size_t i = 0; i < pixels; i++) {
            vf z = vf_load(sums + i * TILE_COLUMNS + v * VF) + bias;
            if (at->z) tile_store(at->z + i * job->y_pixel, at->columns, v, z);
            tile_store(at->y + i * job->y_pixel, at->columns, v, activation_inline(job->act, z));
        }
    }
}

// In registers what is usual: no z, linear or a rectifier, which cuts off at `least`.
static ALWAYS_INLINE bool correlation_is_simple(const correlation *job)
{
    return !job->z && job->act.kind != ACTIVATION_LEAKY_RELU;
}

static ALWAYS_INLINE vf correlation_least(const correlation *job)
{
    return vf_set(job->act.kind == ACTIVATION_RELU ? 0.0f : -INFINITY);
}

// Where the sums go from the registers: to y, or as they are to memory that correlation_finish reads.
typedef struct correlation_target {
    float *sums; // null: to y
    size_t pixel;
    const float *bias; // or null
    vf least;
    size_t lanes; // of a single vector
} correlation_target;

static ALWAYS_INLINE void correlation_store(const correlation_target *to, float *y, const tile *t, size_t pixels,
                                            size_t vectors, size_t lanes)
{
    UNROLL
    for (size_t v = 0; v < vectors; v++) {
        vf bias = to->bias ? load_lanes(to->bias + v * VF, lanes) : vf_zero();
        UNROLL
        for (size_t i = 0; i < pixels; i++)
            store_lanes(y + i * to->pixel + v * VF, vf_max(to->least, t->sum[i][v] + bias), lanes);
    }
}

static void correlation_next_tile(const correlation *job, correlation_tile *at, size_t pixels)
{
    at->a += pixels * job->stride_w * job->channels;
    at->y += pixels * job->y_pixel;
    if (at->z) at->z += pixels * job->y_pixel;
}

// Asks for the cache lines of y, so that the stores need not wait for them.
static ALWAYS_INLINE void correlation_fetch_outputs(const correlation *job, const float *y, size_t pixels,
                                                    size_t vectors)
{
    enum { LINE = 16 };
    y += job->ahead;
    for (size_t i = 0; i < pixels; i++, y += job->y_pixel) {
        UNROLL
        for (size_t line = 0; line < vectors * VF; line += LINE)
            __builtin_prefetch(y + line, 1);
    }
}

// `tiles` neighbours in a row; `at` moves on over them.
static ALWAYS_INLINE void correlation_compute(const correlation *job, correlation_tile *at,
                                              const correlation_target *to, size_t tiles, size_t pixels, size_t vectors)
{
    size_t line = job->padded_w * job->channels, run = job->kw * job->channels, step = job->stride_w * job->channels;
    for (; tiles > 0; tiles--) {
        const float *a = at->a, *b = at->filter;
        tile t;
        tile_clear(&t, pixels, vectors);
        correlation_fetch_outputs(job, at->y, pixels, vectors);
        for (size_t ky = 0; ky < at->kh; ky++) {
            tile_accumulate(&t, pixels, vectors, run, a, step, 1, b, TILE_COLUMNS);
            a += line;
            b += run * TILE_COLUMNS;
        }
        correlation_store(to, to->sums ? to->sums : at->y, &t, pixels, vectors,
                          MASKED_STORES && vectors == 1 ? to->lanes : VF);
        if (to->sums) correlation_finish(job, at, to->sums, pixels);
        correlation_next_tile(job, at, pixels);
    }
}

static ALWAYS_INLINE void correlation_compute_pixels(const correlation *job, correlation_tile *at,
                                                     const correlation_target *to, size_t tiles, size_t pixels,
                                                     size_t vectors)
{
    switch (pixels) {
    case 1:
        correlation_compute(job, at, to, tiles, 1, vectors);
        break;
    case 2:
        correlation_compute(job, at, to, tiles, 2, vectors);
        break;
    case 3:
        correlation_compute(job, at, to, tiles, 3, vectors);
        break;
    case 4:
        correlation_compute(job, at, to, tiles, 4, vectors);
        break;
#if TILE_ROWS > 4
    case 5:
        correlation_compute(job, at, to, tiles, 5, vectors);
        break;
    case 6:
        correlation_compute(job, at, to, tiles, 6, vectors);
        break;
#endif
#if TILE_ROWS > 6
    case 7:
        correlation_compute(job, at, to, tiles, 7, vectors);
        break;
    case 8:
        correlation_compute(job, at, to, tiles, 8, vectors);
        break;
#endif
    }
}

// `tiles` of `pixels` pixels each.
static void correlation_tiles(const correlation *job, correlation_tile *at, size_t tiles, size_t pixels)
{
    size_t vectors = parts_of(at->columns, VF);
    bool masked = MASKED_STORES && vectors == 1;
    float sums[TILE_ROWS * TILE_COLUMNS];
    correlation_target to = {sums, TILE_COLUMNS, NULL, vf_set(-INFINITY), VF};
    if (correlation_is_simple(job) && (masked || at->columns == vectors * VF))
        to = (correlation_target){NULL, job->y_pixel, at->bias, correlation_least(job), at->columns};
    if (vectors > 1)
        correlation_compute_pixels(job, at, &to, tiles, pixels, 2);
    else
        correlation_compute_pixels(job, at, &to, tiles, pixels, 1);
}

#include "kernels/fast/nine_taps.inl"

// How an output row is cut into tiles: as even as can be, the larger ones first.
typedef struct row_tiles {
    size_t pixels, large, small; // of a large one, how many of them, and of those with a pixel less
} row_tiles;

static row_tiles row_tiles_of(size_t ow)
{
    size_t tiles = parts_of(ow, TILE_ROWS);
    if (tiles == 0) return (row_tiles){0};
    size_t small = tiles * parts_of(ow, tiles) - ow;
    return (row_tiles){parts_of(ow, tiles), tiles - small, small};
}

// One row of outputs, one block of channels.
static void correlation_row(const correlation *job, correlation_tile at, row_tiles tiles, prefetch *next)
{
    bool nine = nine_taps_suit(job, &at);
    for (size_t left = tiles.large + tiles.small, count; left > 0; left -= count) {
        bool large = left > tiles.small;
        count = smaller(CORRELATION_CALL, large ? left - tiles.small : left);
        prefetch_some(next);
        if (nine) {
            nine_taps_row(job, &at);
            break;
        }
        correlation_tiles(job, &at, count, large ? tiles.pixels : tiles.pixels - 1);
    }
    if (job->rest > 0 && !nine) {
        at.columns = job->rest * (job->group_outputs / job->gathered);
        correlation_tiles(job, &at, 1, 1);
    }
}

// The rows of the source that the band after this one reads, all groups' channels.
static prefetch correlation_next_band(const correlation *job, size_t image, size_t first, size_t rows)
{
    size_t calls =
        rows * job->groups * filter_blocks(job->group_outputs) * parts_of(job->ow, TILE_ROWS * CORRELATION_CALL);
    size_t line = job->w * job->source_pixel, total = job->n * job->h;
    size_t from = smaller(image * job->h + (first + rows) * job->stride_h, total);
    size_t count = smaller(rows * job->stride_h, total - from);
    return prefetch_rows(job->source + from * line, count, line, line, calls);
}

// The taps of an output row that fall on rows of the source.
typedef struct tap_rows {
    size_t first, count;
} tap_rows;

static tap_rows correlation_tap_rows(const correlation *job, size_t row)
{
    ptrdiff_t top = (ptrdiff_t)(row * job->stride_h) - job->pad_top, h = (ptrdiff_t)job->h;
    ptrdiff_t first = top < 0 ? -top : 0, end = h - top < (ptrdiff_t)job->kh ? h - top : (ptrdiff_t)job->kh;
    if (first >= end) return (tap_rows){0, 0};
    return (tap_rows){(size_t)first, (size_t)(end - first)};
}

#include "kernels/fast/shear.inl"

static void correlation_band(const correlation *job, size_t image, size_t first, size_t rows, float *padded)
{
    size_t blocks = filter_blocks(job->group_outputs);
    size_t block_floats = job->kh * job->kw * job->channels * TILE_COLUMNS;
    row_tiles tiles = row_tiles_of(job->ow);
    prefetch next = correlation_next_band(job, image, first, rows);
    const float *source = padded;
    size_t offset = image * job->y_image + first * job->y_row;
    float *y = job->apart.taps > 0 ? padded + job->apart.scratch : job->y + offset;
    float *z = job->z ? job->z + offset : NULL;
    for (size_t g = 0; g < job->groups; g++) {
        if (job->in_place)
            source = job->source + (image * job->h + first * job->stride_h) * job->w * job->channels;
        else
            correlation_pad(job, image, g, first, rows, padded);
        for (size_t b = 0; b < blocks; b++) {
            size_t column = g * job->group_outputs + b * TILE_COLUMNS;
            correlation_tile at = {.bias = job->bias ? job->bias + column : NULL,
                                   .columns = smaller(TILE_COLUMNS, job->group_outputs - b * TILE_COLUMNS)};
            const float *filter = job->filter + (g * blocks + b) * block_floats;
            for (size_t r = 0; r < rows; r++) {
                tap_rows taps = correlation_tap_rows(job, first + r);
                at.kh = taps.count;
                at.filter = filter + taps.first * job->kw * job->channels * TILE_COLUMNS;
                at.a = source + (r * job->stride_h + taps.first) * job->padded_w * job->channels;
                at.y = y + r * job->y_row + column;
                at.z = z ? z + r * job->y_row + column : NULL;
                correlation_row(job, at, tiles, &next);
            }
        }
    }
    if (job->apart.taps > 0)
        shear_rows(job, y, rows, job->y + (image * job->oh + first) * job->apart.w * job->apart.channels);
    // y lies without gaps where there is an activation.
    if (!activation_is_inline(job->act.kind)) activation_forward(NULL, job->act, rows * job->y_row, y, y);
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
    size_t outputs = job->n * job->oh * job->ow * job->groups * job->group_outputs;
    pool = pool_for(pool, outputs * (job->kh * job->kw * job->channels + 1));
    job->workers = thread_pool_size(pool);
    thread_pool_run(pool, job->workers, correlation_work, job);
}
