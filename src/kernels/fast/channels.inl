// Kernels that treat rows of channels: bias gradients, the affine map of batch normalisation, PReLU.
#ifndef SILMA_KERNELS_FAST_CHANNELS_INL
#define SILMA_KERNELS_FAST_CHANNELS_INL

#include "kernels/fast/channel_sums.inl"

typedef struct column_sums_job {
    channel_split split;
    const float *dz;
    double *partial; // (chunks, 1, c)
} column_sums_job;

static void column_sums_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const column_sums_job *job = argument;
    size_t c = job->split.c;
    channel_piece piece = channel_piece_of(&job->split, task, job->partial, 1);
    float block[TILE] = {0};
    memset(piece.partial, 0, piece.columns * sizeof *piece.partial);
    for (size_t row = piece.rows.first; row < piece.rows.last; row += ROWS_PER_BLOCK) {
        add_rows(job->dz + row * c + piece.column, c, block_rows(&piece, row), piece.columns, block);
        add_block(piece.columns, block, piece.partial);
    }
}

static size_t column_sums_workspace(size_t rows, size_t cols, unsigned threads)
{
    (void)threads;
    return channel_sums_bytes(rows, cols, 1);
}

static void column_sums(thread_pool *pool, size_t rows, size_t cols, const float *dz, float *sums, void *workspace)
{
    column_sums_job job = {.split = split_channels(rows, cols), .dz = dz, .partial = workspace};
    thread_pool_run(pool, job.split.chunks * job.split.tiles, column_sums_task, &job);
    for (size_t i = 0; i < cols; i++)
        sums[i] = (float)joined_sum(&job.split, job.partial, 1, 0, i);
}

typedef struct channel_map_job {
    size_t rows, c;
    const float *x;
    const float *scale, *shift; // (c); PReLU: the slope and null
    float *y;
    bool stream;
} channel_map_job;

static void channel_affine_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const channel_map_job *job = argument;
    size_t c = job->c;
    range r = chunk_range(job->rows, rows_per_chunk(c), task);
    for (size_t row = r.first; row < r.last; row++) {
        const float *x = job->x + row * c;
        float *y = job->y + row * c;
        size_t i = 0;
        for (; i + VF <= c; i += VF)
            vf_store_or_stream(y + i, vf_fma(vf_load(x + i), vf_load(job->scale + i), vf_load(job->shift + i)),
                               job->stream);
        if (i == c) continue;
        size_t rest = c - i;
        vf scale = vf_load_part(job->scale + i, rest), shift = vf_load_part(job->shift + i, rest);
        vf_store_part(y + i, vf_fma(vf_load_part(x + i, rest), scale, shift), rest);
    }
    end_stream(job->stream);
}

static void channel_affine(thread_pool *pool, size_t rows, size_t c, const float *x, const float *scale,
                           const float *shift, float *y)
{
    channel_map_job job = {.rows = rows, .c = c, .x = x, .scale = scale, .shift = shift, .y = y};
    job.stream = may_stream(y, x, rows * c, c);
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), channel_affine_task, &job);
}

static ALWAYS_INLINE vf prelu_value(vf z, vf slope)
{
    return vf_select(z > 0.0f, z, slope * z);
}

static void prelu_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const channel_map_job *job = argument;
    size_t c = job->c;
    range r = chunk_range(job->rows, rows_per_chunk(c), task);
    for (size_t row = r.first; row < r.last; row++) {
        const float *z = job->x + row * c;
        float *y = job->y + row * c;
        size_t i = 0;
        for (; i + VF <= c; i += VF)
            vf_store_or_stream(y + i, prelu_value(vf_load(z + i), vf_load(job->scale + i)), job->stream);
        if (i == c) continue;
        vf tail = prelu_value(vf_load_part(z + i, c - i), vf_load_part(job->scale + i, c - i));
        vf_store_part(y + i, tail, c - i);
    }
    end_stream(job->stream);
}

static void prelu_forward(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope, float *y)
{
    channel_map_job job = {.rows = rows, .c = c, .x = z, .scale = slope, .y = y};
    job.stream = may_stream(y, z, rows * c, c);
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), prelu_forward_task, &job);
}

typedef struct prelu_backward_job {
    channel_split split;
    const float *z, *slope, *dy;
    float *dz;
    double *partial; // (chunks, 1, c): eq. 18
} prelu_backward_job;

// One row of dz at `at` for `lanes` channels, and its share of dslope.
static ALWAYS_INLINE void prelu_gradient(const prelu_backward_job *job, size_t at, size_t channel, size_t lanes,
                                         float *block)
{
    vf z = load_lanes(job->z + at, lanes), dy = load_lanes(job->dy + at, lanes);
    vf slope = load_lanes(job->slope + channel, lanes);
    // forward: y = z > 0 ? z : slope * z
    vi positive = z > 0.0f;
    store_lanes(job->dz + at, vf_select(positive, dy, slope * dy), lanes);
    vf_store(block, vf_load(block) + vf_select(positive, vf_zero(), z * dy));
}

static void prelu_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const prelu_backward_job *job = argument;
    channel_piece piece = channel_piece_of(&job->split, task, job->partial, 1);
    float block[TILE] = {0};
    memset(piece.partial, 0, piece.columns * sizeof *piece.partial);
    for (size_t first = piece.rows.first; first < piece.rows.last; first += ROWS_PER_BLOCK) {
        for (size_t row = first; row < first + block_rows(&piece, first); row++) {
            size_t at = row * job->split.c + piece.column, i = 0;
            for (; i + VF <= piece.columns; i += VF)
                prelu_gradient(job, at + i, piece.column + i, VF, block + i);
            if (i < piece.columns) prelu_gradient(job, at + i, piece.column + i, piece.columns - i, block + i);
        }
        add_block(piece.columns, block, piece.partial);
    }
}

static void prelu_backward(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope,
                           const float *dy, float *dz, float *dslope, void *workspace)
{
    prelu_backward_job job = {split_channels(rows, c), z, slope, dy, dz, workspace};
    thread_pool_run(pool, job.split.chunks * job.split.tiles, prelu_backward_task, &job);
    for (size_t i = 0; i < c; i++)
        dslope[i] = (float)joined_sum(&job.split, job.partial, 1, 0, i);
}

#endif
