// The gradient of a convolution to its filter, eq. 64-68:
//
//     dfilter[ky][kx][i][o] = sum over images and output pixels of x[y s_h + ky - pad][x s_w + kx - pad][i] dz[y][x][o]
//
// The images are shared out into fixed chunks, the filter into blocks of input channels by TILE_COLUMNS output
// channels; a task is one block over one chunk. It goes through its chunk in slabs (some images, or a band of rows of
// one), copies the slab's x with its padding and its dz, the block's channels only, into scratch space, and adds to its
// partial sums (kh, kw * channels, TILE_COLUMNS). In the copy, the taps of one filter row are kw * channels neighbours:
// a tile is TILE_ROWS of them by two vectors of output channels, summed over the slab's pixels in registers. In the end
// the chunks' partial sums are joined in order. Chunks and slabs depend on the shape alone.

enum {
    GRADIENT_CHANNELS = 32,       // input channels of a block, at most
    GRADIENT_SCRATCH = 72 * 1024, // floats: in the second-level cache
    GRADIENT_FEW_TAPS = 64,       // so few rows of sums cost little: slabs for the first-level cache
    GRADIENT_SMALL_SCRATCH = 6 * 1024,
    GRADIENT_CHUNKS = 16,           // at most
    GRADIENT_PARTIALS = 1024 * 1024 // floats, at least one chunk's
};

typedef struct filter_gradient {
    const window_shape *shape;
    const float *x, *dz;
    float *dfilter;
    size_t group_inputs, group_outputs;
    size_t input_blocks, output_blocks; // of one group
    size_t block_channels;              // of the largest block
    size_t tasks;                       // of one chunk
    size_t chunks;
    size_t padded_w;
    size_t slab_images, slab_rows;  // one of them is 1, or the slab is a whole image
    float *partials;                // (chunks, tasks, kh, kw * block_channels, TILE_COLUMNS)
    size_t partial_each;            // floats of one task
    float *scratch;                 // (threads, scratch_each)
    size_t scratch_each, scratch_x; // floats; those of x
} filter_gradient;

static ONCE_A_CALL filter_gradient filter_gradient_of(const window_shape *s, size_t most_channels)
{
    filter_gradient job = {.shape = s,
                           .group_inputs = (size_t)(s->c / s->groups),
                           .group_outputs = (size_t)(s->oc / s->groups),
                           .padded_w = (size_t)((s->ow - 1) * s->stride_w + s->kw)};
    job.input_blocks = parts_of(job.group_inputs, most_channels);
    job.output_blocks = parts_of(job.group_outputs, TILE_COLUMNS);
    job.block_channels = parts_of(job.group_inputs, job.input_blocks);
    job.tasks = (size_t)s->groups * job.input_blocks * job.output_blocks;
    job.partial_each = (size_t)s->kh * (size_t)s->kw * job.block_channels * TILE_COLUMNS;

    size_t chunks = GRADIENT_PARTIALS / (job.tasks * job.partial_each);
    chunks = chunks < 1 ? 1 : smaller(chunks, GRADIENT_CHUNKS);
    job.chunks = smaller(chunks, (size_t)s->n);

    size_t line = job.padded_w * job.block_channels, oh = (size_t)s->oh;
    bool few = (size_t)s->kh * (size_t)s->kw * job.block_channels <= GRADIENT_FEW_TAPS;
    size_t budget = few ? GRADIENT_SMALL_SCRATCH : GRADIENT_SCRATCH;
    size_t halo = s->kh > s->stride_h ? (size_t)(s->kh - s->stride_h) : 0;
    size_t each_row = (size_t)s->stride_h * line + (size_t)s->ow * TILE_COLUMNS;
    size_t image = halo * line + oh * each_row;
    job.slab_images = image < budget ? budget / image : 1;
    size_t rows = budget > halo * line + each_row ? (budget - halo * line) / each_row : 1;
    job.slab_rows = parts_of(oh, parts_of(oh, smaller(rows, oh)));
    job.scratch_x = whole_lines(job.slab_images * ((job.slab_rows - 1) * (size_t)s->stride_h + (size_t)s->kh) * line);
    job.scratch_each = job.scratch_x + whole_lines(job.slab_images * job.slab_rows * (size_t)s->ow * TILE_COLUMNS);
    return job;
}

// One task's block and the slab it is at.
typedef struct filter_gradient_slab {
    size_t group, first_channel, channels, first_output, columns, vectors;
    size_t image, images, row, rows;
    float *x;        // (images, (rows - 1) * stride_h + kh, padded_w, channels)
    const float *dz; // (images, rows, ow, vectors * VF)
} filter_gradient_slab;

static void filter_gradient_copy_x(const filter_gradient *job, const filter_gradient_slab *slab)
{
    const window_shape *s = job->shape;
    correlation padding = {.source = job->x + slab->first_channel,
                           .h = (size_t)s->h,
                           .w = (size_t)s->w,
                           .channels = slab->channels,
                           .source_pixel = (size_t)s->c,
                           .kh = (size_t)s->kh,
                           .stride_h = (size_t)s->stride_h,
                           .pad_top = s->pad_top,
                           .pad_left = s->pad_left,
                           .padded_w = job->padded_w};
    size_t each = ((slab->rows - 1) * (size_t)s->stride_h + (size_t)s->kh) * job->padded_w * slab->channels;
    for (size_t i = 0; i < slab->images; i++)
        correlation_pad(&padding, slab->image + i, 0, slab->row, slab->rows, slab->x + i * each);
}

// dz as the tiles read it: in place where it has just so many channels.
static const float *filter_gradient_copy_dz(const filter_gradient *job, const filter_gradient_slab *slab, float *to)
{
    const window_shape *s = job->shape;
    size_t ow = (size_t)s->ow, oc = (size_t)s->oc, pixels = slab->images * slab->rows * ow;
    const float *from = job->dz + (slab->image * (size_t)s->oh + slab->row) * ow * oc + slab->first_output;
    if (oc == slab->vectors * VF && slab->columns == oc) return from;
    bool whole = slab->columns == TILE_COLUMNS;
    float *at = to;
    // The rows of several images follow each other: then they are whole images.
    for (size_t p = 0; p < pixels; p++, from += oc) {
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS && whole; v++, at += VF)
            vf_store(at, vf_load(from + v * VF));
        for (size_t v = 0; v < slab->vectors && !whole; v++, at += VF)
            vf_store(at, tile_load(from, slab->columns, v));
    }
    return to;
}

// partial[0 .. rows) += sum over the slab's pixels; `x` points to the first of the tile's taps.
static ALWAYS_INLINE void filter_gradient_compute(const filter_gradient *job, const filter_gradient_slab *slab,
                                                  const float *x, float *partial, size_t rows, size_t vectors)
{
    const window_shape *s = job->shape;
    size_t ow = (size_t)s->ow, line = job->padded_w * slab->channels;
    size_t image = ((slab->rows - 1) * (size_t)s->stride_h + (size_t)s->kh) * line;
    const float *dz = slab->dz;
    tile t;
    tile_clear(&t, rows, vectors);
    for (size_t i = 0; i < slab->images; i++) {
        for (size_t y = 0; y < slab->rows; y++) {
            tile_accumulate(&t, rows, vectors, ow, x + i * image + y * (size_t)s->stride_h * line, 1,
                            (size_t)s->stride_w * slab->channels, dz, vectors * VF);
            dz += ow * vectors * VF;
        }
    }
    UNROLL
    for (size_t i = 0; i < rows; i++) {
        UNROLL
        for (size_t v = 0; v < vectors; v++) {
            float *to = partial + i * TILE_COLUMNS + v * VF;
            vf_store(to, vf_load(to) + t.sum[i][v]);
        }
    }
}

static ALWAYS_INLINE void filter_gradient_compute_rows(const filter_gradient *job, const filter_gradient_slab *slab,
                                                       const float *x, float *partial, size_t rows, size_t vectors)
{
    switch (rows) {
    case 1:
        filter_gradient_compute(job, slab, x, partial, 1, vectors);
        break;
    case 2:
        filter_gradient_compute(job, slab, x, partial, 2, vectors);
        break;
    case 3:
        filter_gradient_compute(job, slab, x, partial, 3, vectors);
        break;
    case 4:
        filter_gradient_compute(job, slab, x, partial, 4, vectors);
        break;
#if TILE_ROWS > 4
    case 5:
        filter_gradient_compute(job, slab, x, partial, 5, vectors);
        break;
    case 6:
        filter_gradient_compute(job, slab, x, partial, 6, vectors);
        break;
#endif
#if TILE_ROWS > 6
    case 7:
        filter_gradient_compute(job, slab, x, partial, 7, vectors);
        break;
    case 8:
        filter_gradient_compute(job, slab, x, partial, 8, vectors);
        break;
#endif
    }
}

// Of the slab that follows this one: the block's channels of x and of dz.
static prefetch filter_gradient_next_x(const filter_gradient *job, const filter_gradient_slab *slab, size_t calls)
{
    const window_shape *s = job->shape;
    size_t stride = (size_t)s->stride_h, row = slab->image * (size_t)s->h + (slab->row + slab->rows) * stride;
    if (slab->images > 1) row = (slab->image + slab->images) * (size_t)s->h;
    size_t total = (size_t)s->n * (size_t)s->h, from = smaller(row, total);
    size_t pixels = smaller(slab->images * slab->rows * stride, total - from) * (size_t)s->w;
    return prefetch_rows(job->x + from * (size_t)s->w * (size_t)s->c + slab->first_channel, pixels, (size_t)s->c,
                         slab->channels, calls);
}

static prefetch filter_gradient_next_dz(const filter_gradient *job, const filter_gradient_slab *slab, size_t calls)
{
    const window_shape *s = job->shape;
    size_t ow = (size_t)s->ow, count = slab->images * slab->rows;
    size_t total = (size_t)s->n * (size_t)s->oh, from = smaller(slab->image * (size_t)s->oh + slab->row + count, total);
    return prefetch_rows(job->dz + from * ow * (size_t)s->oc + slab->first_output, smaller(count, total - from) * ow,
                         (size_t)s->oc, slab->columns, calls);
}

// The nine taps of a single channel, nine_taps.inl: all sums at once, so that dz is read once.
static void filter_gradient_add_nine_taps(const filter_gradient *job, const filter_gradient_slab *slab, float *partial)
{
    size_t ow = (size_t)job->shape->ow, stride_w = (size_t)job->shape->stride_w,
           stride_h = (size_t)job->shape->stride_h;
    size_t image = ((slab->rows - 1) * stride_h + 3) * job->padded_w;
    const float *dz = slab->dz;
    vf sum[NINE_TAPS_VECTORS];
    nine_taps_load(partial, sum);
    for (size_t i = 0; i < slab->images; i++) {
        for (size_t row = 0; row < slab->rows; row++, dz += ow * TILE_COLUMNS)
            nine_taps_add_row(slab->x + i * image + row * stride_h * job->padded_w, job->padded_w, stride_w, dz, ow,
                              sum);
    }
    UNROLL
    for (size_t i = 0; i < NINE_TAPS_VECTORS; i++)
        vf_store(partial + i * VF, sum[i]);
}

static void filter_gradient_add_slab(const filter_gradient *job, const filter_gradient_slab *slab, float *partial)
{
    const window_shape *s = job->shape;
    if (NINE_TAPS && s->kh == 3 && s->kw == 3 && slab->channels == 1 && slab->vectors > 1) {
        filter_gradient_add_nine_taps(job, slab, partial);
        return;
    }
    size_t taps = (size_t)s->kw * slab->channels, tiles = parts_of(taps, TILE_ROWS);
    prefetch next_x = filter_gradient_next_x(job, slab, tiles * (size_t)s->kh);
    prefetch next_dz = filter_gradient_next_dz(job, slab, tiles * (size_t)s->kh);
    for (size_t ky = 0; ky < (size_t)job->shape->kh; ky++) {
        const float *x = slab->x + ky * job->padded_w * slab->channels;
        for (size_t i = 0; i < tiles; i++) {
            size_t first = part_start(taps, tiles, i), rows = part_start(taps, tiles, i + 1) - first;
            float *to = partial + (ky * taps + first) * TILE_COLUMNS;
            prefetch_some(&next_x);
            prefetch_some(&next_dz);
            if (slab->vectors > 1)
                filter_gradient_compute_rows(job, slab, x + first, to, rows, 2);
            else
                filter_gradient_compute_rows(job, slab, x + first, to, rows, 1);
        }
    }
}

static filter_gradient_slab filter_gradient_block(const filter_gradient *job, size_t block)
{
    filter_gradient_slab slab = {.group = block / (job->input_blocks * job->output_blocks)};
    size_t input = block / job->output_blocks % job->input_blocks, output = block % job->output_blocks;
    size_t first = part_start(job->group_inputs, job->input_blocks, input);
    slab.channels = part_start(job->group_inputs, job->input_blocks, input + 1) - first;
    slab.first_channel = slab.group * job->group_inputs + first;
    slab.first_output = slab.group * job->group_outputs + output * TILE_COLUMNS;
    slab.columns = smaller(TILE_COLUMNS, job->group_outputs - output * TILE_COLUMNS);
    slab.vectors = parts_of(slab.columns, VF);
    return slab;
}

static void filter_gradient_work(void *argument, size_t task, unsigned thread)
{
    const filter_gradient *job = argument;
    filter_gradient_slab slab = filter_gradient_block(job, task % job->tasks);
    float *partial = job->partials + task * job->partial_each;
    memset(partial, 0, job->partial_each * sizeof *partial);
    slab.x = job->scratch + thread * job->scratch_each;

    size_t chunk = task / job->tasks, n = (size_t)job->shape->n, oh = (size_t)job->shape->oh;
    size_t end = part_start(n, job->chunks, chunk + 1);
    for (slab.image = part_start(n, job->chunks, chunk); slab.image < end; slab.image += slab.images) {
        slab.images = smaller(job->slab_images, end - slab.image);
        for (slab.row = 0; slab.row < oh; slab.row += slab.rows) {
            slab.rows = smaller(job->slab_rows, oh - slab.row);
            filter_gradient_copy_x(job, &slab);
            slab.dz = filter_gradient_copy_dz(job, &slab, slab.x + job->scratch_x);
            filter_gradient_add_slab(job, &slab, partial);
        }
    }
}

// Joins the chunks of one block, in order, into the filter (kh, kw, c / groups, oc).
static void filter_gradient_join(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const filter_gradient *job = argument;
    filter_gradient_slab block = filter_gradient_block(job, task);
    const float *partial = job->partials + task * job->partial_each;
    size_t taps = (size_t)job->shape->kh * (size_t)job->shape->kw;
    size_t first_input = block.first_channel - block.group * job->group_inputs;
    for (size_t k = 0; k < taps; k++) {
        for (size_t i = 0; i < block.channels; i++) {
            const float *from = partial + (k * block.channels + i) * TILE_COLUMNS;
            float *to =
                job->dfilter + (k * job->group_inputs + first_input + i) * (size_t)job->shape->oc + block.first_output;
            for (size_t v = 0; v * VF < block.columns; v++) {
                vf sum = vf_load(from + v * VF);
                for (size_t chunk = 1; chunk < job->chunks; chunk++)
                    sum += vf_load(from + chunk * job->tasks * job->partial_each + v * VF);
                tile_store(to, block.columns, v, sum);
            }
        }
    }
}

static size_t filter_gradient_partials(const filter_gradient *job)
{
    return whole_lines(job->chunks * job->tasks * job->partial_each);
}

static size_t filter_gradient_products(const window_shape *s)
{
    size_t outputs = (size_t)s->n * (size_t)s->oh * (size_t)s->ow * (size_t)s->oc;
    return outputs * (size_t)s->kh * (size_t)s->kw * (size_t)(s->c / s->groups);
}

// Few output channels leave most lanes of a vector idle. As in correlation_gather, some neighbouring pixels of dz are
// then taken for the channels of one wider pixel, with a wider filter:
//
//     dfilter[ky][kx][i][o] = sum over the pixels g of one wider pixel of wide[ky][kx + g s_w][i][g oc + o]
static ONCE_A_CALL window_shape filter_gradient_gather(const window_shape *s)
{
    int most = s->groups == 1 ? TILE_COLUMNS / s->oc : 1, best = 1;
    double least = (double)s->kw * (double)parts_of((size_t)s->oc, VF);
    for (int count = 2; count <= most && 4 * count <= s->ow; count++) {
        if (s->ow % count != 0) continue;
        double taps = (double)(s->kw + (count - 1) * s->stride_w);
        double work = taps * (double)parts_of((size_t)count * (size_t)s->oc, VF) / (double)count;
        if (work >= least) continue;
        least = work;
        best = count;
    }
    window_shape wide = *s;
    wide.ow /= best;
    wide.oc *= best;
    wide.kw += (best - 1) * s->stride_w;
    wide.stride_w *= best;
    return wide;
}

// The wide filter's floats; 0 where it is the filter itself.
static size_t filter_gradient_wide_floats(const window_shape *s, const window_shape *wide)
{
    if (wide->oc == s->oc) return 0;
    return whole_lines((size_t)wide->kh * (size_t)wide->kw * (size_t)wide->c * (size_t)wide->oc);
}

static ONCE_A_CALL void filter_gradient_narrow(const window_shape *s, const window_shape *wide, const float *from,
                                               float *dfilter)
{
    size_t c = (size_t)s->c, oc = (size_t)s->oc, kw = (size_t)s->kw, wide_kw = (size_t)wide->kw;
    size_t next = (size_t)s->stride_w * c * (size_t)wide->oc + oc; // from one pixel of a wider one to the next
    for (size_t ky = 0; ky < (size_t)s->kh; ky++) {
        for (size_t row = 0; row < kw * c; row++) {
            const float *first = from + (ky * wide_kw * c + row) * (size_t)wide->oc;
            for (size_t o = 0; o < oc; o++, dfilter++) {
                *dfilter = first[o];
                for (size_t g = 1; g < (size_t)(wide->oc / s->oc); g++)
                    *dfilter += first[g * next + o];
            }
        }
    }
}

static ONCE_A_CALL size_t direct_backward_filter_workspace(const window_shape *s, unsigned threads)
{
    window_shape wide = filter_gradient_gather(s);
    filter_gradient job = filter_gradient_of(&wide, GRADIENT_CHANNELS);
    return (filter_gradient_wide_floats(s, &wide) + filter_gradient_partials(&job) + threads * job.scratch_each) *
           sizeof(float);
}

static ONCE_A_CALL void direct_backward_filter(thread_pool *pool, const window_shape *s, const float *x,
                                               const float *dz, float *dfilter, void *workspace)
{
    window_shape wide = filter_gradient_gather(s);
    size_t wide_floats = filter_gradient_wide_floats(s, &wide);
    float *wide_filter = workspace;
    filter_gradient job = filter_gradient_of(&wide, GRADIENT_CHANNELS);
    job.x = x;
    job.dz = dz;
    job.dfilter = wide_floats > 0 ? wide_filter : dfilter;
    job.partials = wide_filter + wide_floats;
    job.scratch = job.partials + filter_gradient_partials(&job);
    thread_pool_run(pool_for(pool, filter_gradient_products(s)), job.chunks * job.tasks, filter_gradient_work, &job);
    thread_pool_run(pool_for(pool, filter_gradient_partials(&job) * PACKED_FLOAT), job.tasks, filter_gradient_join,
                    &job);
    if (wide_floats > 0) filter_gradient_narrow(s, &wide, wide_filter, dfilter);
}
