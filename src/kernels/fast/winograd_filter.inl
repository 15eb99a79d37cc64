// The gradient to a 3x3 filter of stride 1 by Winograd's transforms: for each tile dg = G' [(A dz) * (B' x)] G, of
// which everything but the sum over the tiles in the middle is linear:
//
//     x  (6x6 pixels a tile) -> v (36, tiles, channels)
//     dz (4x4 pixels a tile) -> u (36, tiles, TILE_COLUMNS), for each of up to WINOGRAD_PANELS panels
//     sums (36, channels, TILE_COLUMNS) += v[i]' x u[i]       36 matrix products a block of tiles and panel
//     sums -> (3, 3, channels, TILE_COLUMNS)                  once a task and panel
//
// Chunks, partial sums and their join are those of conv_filter.inl; a task takes several panels of output channels, so
// that x is transformed less often.

enum {
    WINOGRAD_PANELS = 2,
    WINOGRAD_GRADIENT_CHANNELS = 64, // input channels of a task, at most
    WINOGRAD_GRADIENT_TILES = 32,    // of a block
    WINOGRAD_CHUNK_TILES = 64,       // at least: a chunk's sums are cleared and transformed once
};

typedef struct winograd_gradient {
    filter_gradient tasks;
    winograd source; // x
    size_t line;     // channels of the largest block, rounded up to whole vectors
    size_t sum_rows; // and to whole register tiles
    size_t v_each, u_each;
    size_t panels;       // of a task, at most
    size_t panel_groups; // tasks beside each other
    size_t scratch_each; // floats: zeros, v, and for each panel u and sums
    float *scratch;      // (threads, scratch_each)
} winograd_gradient;

static ONCE_A_CALL winograd_gradient winograd_gradient_of(const window_shape *s)
{
    winograd_gradient job = {.tasks = filter_gradient_of(s, WINOGRAD_GRADIENT_CHANNELS),
                             .source = winograd_of_forward(s)};
    size_t chunks = job.source.n * job.source.tiles_h * job.source.tiles_w / WINOGRAD_CHUNK_TILES;
    job.tasks.chunks = smaller(job.tasks.chunks, chunks ? chunks : 1);
    job.line = parts_of(job.tasks.block_channels, VF) * VF;
    job.sum_rows = parts_of(job.line, TILE_ROWS) * TILE_ROWS;
    job.panel_groups = parts_of(job.tasks.output_blocks, WINOGRAD_PANELS);
    job.panels = parts_of(job.tasks.output_blocks, job.panel_groups);
    job.v_each = whole_lines(WINOGRAD_GRADIENT_TILES * job.line + WINOGRAD_SKEW);
    job.u_each = whole_lines(WINOGRAD_GRADIENT_TILES * TILE_COLUMNS + WINOGRAD_SKEW);
    job.scratch_each =
        job.source.zeros + WINOGRAD_PRODUCTS * (job.v_each + job.panels * (job.u_each + job.sum_rows * TILE_COLUMNS));
    return job;
}

// The transform of one tile's dz, one vector of channels; pixels beyond `rows` and `columns` count as zeros.
static ALWAYS_INLINE void winograd_gradient_transform(const float *dz, size_t line, size_t pixel, size_t rows,
                                                      size_t columns, size_t lanes, float *u, size_t u_each)
{
    vf half[WINOGRAD_OUT][WINOGRAD_IN];
    UNROLL_LARGE
    for (size_t r = 0; r < WINOGRAD_OUT; r++) {
        vf in[WINOGRAD_OUT];
        UNROLL_LARGE
        for (size_t k = 0; k < WINOGRAD_OUT; k++)
            in[k] = r < rows && k < columns ? tile_load(dz + r * line + k * pixel, lanes, 0) : vf_zero();
        winograd_output_gradient(in, half[r]);
    }
    UNROLL_LARGE
    for (size_t k = 0; k < WINOGRAD_IN; k++) {
        vf in[WINOGRAD_OUT], out[WINOGRAD_IN];
        UNROLL_LARGE
        for (size_t r = 0; r < WINOGRAD_OUT; r++)
            in[r] = half[r][k];
        winograd_output_gradient(in, out);
        UNROLL_LARGE
        for (size_t r = 0; r < WINOGRAD_IN; r++)
            vf_store(u + (r * WINOGRAD_IN + k) * u_each, out[r]);
    }
}

static void winograd_gradient_tile(const winograd *at, const float *dz, size_t index, size_t column, size_t columns,
                                   float *u, size_t u_each)
{
    size_t image = index / (at->tiles_h * at->tiles_w), place = index % (at->tiles_h * at->tiles_w);
    size_t top = place / at->tiles_w * WINOGRAD_OUT, left = place % at->tiles_w * WINOGRAD_OUT;
    size_t high = smaller(WINOGRAD_OUT, at->oh - top), wide = smaller(WINOGRAD_OUT, at->ow - left);
    const float *from = dz + ((image * at->oh + top) * at->ow + left) * at->oc + column;
    for (size_t k = 0; k < columns; k += VF) {
        size_t lanes = smaller(VF, columns - k);
        if (high == WINOGRAD_OUT && wide == WINOGRAD_OUT && lanes == VF)
            winograd_gradient_transform(from + k, at->ow * at->oc, at->oc, WINOGRAD_OUT, WINOGRAD_OUT, VF, u + k,
                                        u_each);
        else
            winograd_gradient_transform(from + k, at->ow * at->oc, at->oc, high, wide, lanes, u + k, u_each);
    }
}

static ALWAYS_INLINE void winograd_gradient_multiply(const winograd_gradient *job, size_t rows, size_t vectors,
                                                     size_t tiles, const float *v, const float *u, float *sums,
                                                     prefetch *next_x, prefetch *next_dz)
{
    for (size_t i = 0; i < WINOGRAD_PRODUCTS; i++) {
        for (size_t row = 0; row < rows; row += TILE_ROWS) {
            prefetch_some(next_x);
            prefetch_some(next_dz);
            tile t;
            tile_clear(&t, TILE_ROWS, vectors);
            tile_accumulate(&t, TILE_ROWS, vectors, tiles, v + i * job->v_each + row, 1, job->line, u + i * job->u_each,
                            TILE_COLUMNS);
            float *to = sums + (i * job->sum_rows + row) * TILE_COLUMNS;
            UNROLL
            for (size_t r = 0; r < TILE_ROWS; r++) {
                UNROLL
                for (size_t k = 0; k < vectors; k++, to += VF)
                    vf_store(to, vf_load(to) + t.sum[r][k]);
                to += (TILE_VECTORS - vectors) * VF;
            }
        }
    }
}

// partial (3, 3, channels, TILE_COLUMNS) from the sums.
static void winograd_gradient_finish(const winograd_gradient *job, size_t channels, const float *sums, float *partial)
{
    for (size_t c = 0; c < channels; c++) {
        for (size_t v = 0; v < TILE_VECTORS; v++) {
            vf half[3][WINOGRAD_IN], dg[3];
            for (size_t k = 0; k < WINOGRAD_IN; k++) {
                vf in[WINOGRAD_IN];
                for (size_t r = 0; r < WINOGRAD_IN; r++)
                    in[r] = vf_load(sums + ((r * WINOGRAD_IN + k) * job->sum_rows + c) * TILE_COLUMNS + v * VF);
                winograd_filter_gradient(in, dg);
                for (size_t ky = 0; ky < 3; ky++)
                    half[ky][k] = dg[ky];
            }
            for (size_t ky = 0; ky < 3; ky++) {
                winograd_filter_gradient(half[ky], dg);
                for (size_t kx = 0; kx < 3; kx++)
                    vf_store(partial + ((ky * 3 + kx) * channels + c) * TILE_COLUMNS + v * VF, dg[kx]);
            }
        }
    }
}

// What one task works on: one block of input channels, some panels of output channels.
typedef struct winograd_gradient_block {
    size_t first_partial; // the number of its first panel's partial sums
    size_t panels;
    filter_gradient_slab panel[WINOGRAD_PANELS];
    float *zeros, *v;
    float *u, *sums; // (panels, ...)
} winograd_gradient_block;

static winograd_gradient_block winograd_gradient_block_of(const winograd_gradient *job, size_t task, size_t thread)
{
    size_t chunk = task / (job->tasks.input_blocks * job->panel_groups);
    size_t input = task / job->panel_groups % job->tasks.input_blocks, group = task % job->panel_groups;
    size_t first = part_start(job->tasks.output_blocks, job->panel_groups, group);
    size_t number = input * job->tasks.output_blocks + first;
    winograd_gradient_block block = {.first_partial = chunk * job->tasks.tasks + number,
                                     .panels =
                                         part_start(job->tasks.output_blocks, job->panel_groups, group + 1) - first};
    for (size_t p = 0; p < block.panels; p++)
        block.panel[p] = filter_gradient_block(&job->tasks, number + p);
    block.zeros = job->scratch + thread * job->scratch_each;
    block.v = block.zeros + job->source.zeros;
    block.u = block.v + WINOGRAD_PRODUCTS * job->v_each;
    block.sums = block.u + job->panels * WINOGRAD_PRODUCTS * job->u_each;
    memset(block.zeros, 0, job->source.zeros * sizeof(float));
    memset(block.sums, 0, job->panels * WINOGRAD_PRODUCTS * job->sum_rows * TILE_COLUMNS * sizeof(float));
    return block;
}

static void winograd_gradient_add(const winograd_gradient *job, const winograd_gradient_block *block, size_t first,
                                  size_t tiles)
{
    const filter_gradient_slab *panel = block->panel;
    for (size_t i = 0; i < tiles; i++) {
        winograd_square s = winograd_square_at(&job->source, first + i, block->zeros);
        for (size_t r = 0; r < WINOGRAD_IN; r++)
            s.row[r] += panel->first_channel;
        winograd_transform_tile(&s, panel->channels, job->source.channels, block->v + i * job->line, job->v_each);
        for (size_t p = 0; p < block->panels; p++)
            winograd_gradient_tile(&job->source, job->tasks.dz, first + i, panel[p].first_output, panel[p].columns,
                                   block->u + p * WINOGRAD_PRODUCTS * job->u_each + i * TILE_COLUMNS, job->u_each);
    }
    size_t calls = block->panels * WINOGRAD_PRODUCTS * parts_of(panel->channels, TILE_ROWS);
    const winograd *at = &job->source;
    size_t ahead = smaller(first + 2 * tiles, at->n * at->tiles_h * at->tiles_w);
    size_t outputs = panel[block->panels - 1].first_output + panel[block->panels - 1].columns - panel->first_output;
    winograd_rows x = winograd_rows_of(at, at->h, first + tiles, ahead);
    winograd_rows dz = winograd_rows_of(at, at->oh, first + tiles, ahead);
    prefetch next_x = prefetch_rows(at->source + x.first * at->w * at->channels + panel->first_channel, x.count * at->w,
                                    at->channels, panel->channels, calls);
    prefetch next_dz = prefetch_rows(job->tasks.dz + dz.first * at->ow * at->oc + panel->first_output,
                                     dz.count * at->ow, at->oc, outputs, calls);
    for (size_t p = 0; p < block->panels; p++) {
        const float *u = block->u + p * WINOGRAD_PRODUCTS * job->u_each;
        float *sums = block->sums + p * WINOGRAD_PRODUCTS * job->sum_rows * TILE_COLUMNS;
        if (panel[p].columns > VF)
            winograd_gradient_multiply(job, panel->channels, 2, tiles, block->v, u, sums, &next_x, &next_dz);
        else
            winograd_gradient_multiply(job, panel->channels, 1, tiles, block->v, u, sums, &next_x, &next_dz);
    }
}

static void winograd_gradient_work(void *argument, size_t task, unsigned thread)
{
    const winograd_gradient *job = argument;
    winograd_gradient_block block = winograd_gradient_block_of(job, task, thread);
    size_t chunk = task / (job->tasks.input_blocks * job->panel_groups);
    size_t per_image = job->source.tiles_h * job->source.tiles_w;
    size_t first = part_start(job->source.n, job->tasks.chunks, chunk) * per_image;
    size_t end = part_start(job->source.n, job->tasks.chunks, chunk + 1) * per_image;
    while (first < end) {
        size_t tiles = smaller(WINOGRAD_GRADIENT_TILES, end - first);
        winograd_gradient_add(job, &block, first, tiles);
        first += tiles;
    }
    for (size_t p = 0; p < block.panels; p++)
        winograd_gradient_finish(job, block.panel->channels,
                                 block.sums + p * WINOGRAD_PRODUCTS * job->sum_rows * TILE_COLUMNS,
                                 job->tasks.partials + (block.first_partial + p) * job->tasks.partial_each);
}

static size_t winograd_backward_filter_workspace(const window_shape *s, unsigned threads)
{
    winograd_gradient job = winograd_gradient_of(s);
    return (filter_gradient_partials(&job.tasks) + threads * job.scratch_each) * sizeof(float);
}

static ONCE_A_CALL void winograd_backward_filter(thread_pool *pool, const window_shape *s, const float *x,
                                                 const float *dz, float *dfilter, void *workspace)
{
    winograd_gradient job = winograd_gradient_of(s);
    job.source.source = x;
    job.tasks.dz = dz;
    job.tasks.dfilter = dfilter;
    job.tasks.partials = workspace;
    job.scratch = job.tasks.partials + filter_gradient_partials(&job.tasks);
    thread_pool_run(pool_for(pool, filter_gradient_products(s)),
                    job.tasks.chunks * job.tasks.input_blocks * job.panel_groups, winograd_gradient_work, &job);
    thread_pool_run(pool_for(pool, filter_gradient_partials(&job.tasks) * PACKED_FLOAT), job.tasks.tasks,
                    filter_gradient_join, &job.tasks);
}
