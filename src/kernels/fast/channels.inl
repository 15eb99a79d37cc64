// Kernels that treat rows of channels: bias gradients, the affine map of batch normalisation, PReLU.
#ifndef SILMA_KERNELS_FAST_CHANNELS_INL
#define SILMA_KERNELS_FAST_CHANNELS_INL

#include "kernels/fast/channel_sums.inl"

typedef struct column_sums_job {
    channel_split split;
    const float *dz;
    double *partial; // (chunks, 1, c)
} column_sums_job;

// The first `lanes` lanes of the sum of `rows` rows at x; stride floats from row to row.
static ALWAYS_INLINE vf rows_sum(const float *x, size_t stride, size_t rows, size_t lanes)
{
    vf sum[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    size_t row = 0;
    for (; row + 4 <= rows; row += 4, x += 4 * stride) {
        UNROLL
        for (size_t i = 0; i < 4; i++)
            sum[i] += load_lanes(x + i * stride, lanes);
    }
    for (; row < rows; row++, x += stride)
        sum[0] += load_lanes(x, lanes);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void column_sums_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const column_sums_job *job = argument;
    size_t c = job->split.c;
    channel_piece piece = channel_piece_of(&job->split, task);
    double *sums = channel_partial(&job->split, job->partial, task, 1, 0);
    for (size_t i = piece.columns.first; i < piece.columns.last; i++)
        sums[i] = 0.0;
    for (size_t row = piece.rows.first; row < piece.rows.last; row += ROWS_PER_BLOCK) {
        range block = block_of(piece.rows, row);
        size_t rows = block.last - block.first;
        const float *dz = job->dz + block.first * c;
        size_t i = piece.columns.first;
        for (; i + VF <= piece.columns.last; i += VF)
            add_lanes(sums + i, rows_sum(dz + i, c, rows, VF), VF);
        size_t rest = piece.columns.last - i;
        if (rest > 0) add_lanes(sums + i, rows_sum(dz + i, c, rows, rest), rest);
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
            vf_store(y + i, vf_fma(vf_load(x + i), vf_load(job->scale + i), vf_load(job->shift + i)));
        if (i == c) continue;
        size_t rest = c - i;
        vf scale = vf_load_part(job->scale + i, rest), shift = vf_load_part(job->shift + i, rest);
        vf_store_part(y + i, vf_fma(vf_load_part(x + i, rest), scale, shift), rest);
    }
}

static void channel_affine(thread_pool *pool, size_t rows, size_t c, const float *x, const float *scale,
                           const float *shift, float *y)
{
    channel_map_job job = {.rows = rows, .c = c, .x = x, .scale = scale, .shift = shift, .y = y};
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
            vf_store(y + i, prelu_value(vf_load(z + i), vf_load(job->scale + i)));
        if (i == c) continue;
        vf tail = prelu_value(vf_load_part(z + i, c - i), vf_load_part(job->scale + i, c - i));
        vf_store_part(y + i, tail, c - i);
    }
}

static void prelu_forward(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope, float *y)
{
    channel_map_job job = {.rows = rows, .c = c, .x = z, .scale = slope, .y = y};
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), prelu_forward_task, &job);
}

typedef struct prelu_backward_job {
    channel_split split;
    const float *z, *slope, *dy;
    float *dz;
    double *partial; // (chunks, 1, c): eq. 18
} prelu_backward_job;

// Writes dz for one block of rows and `lanes` channels from `column` on; returns their share of dslope.
static ALWAYS_INLINE vf prelu_block(const prelu_backward_job *job, range rows, size_t column, size_t lanes)
{
    vf slope = vf_load_part(job->slope + column, lanes);
    vf sum = vf_zero();
    for (size_t row = rows.first; row < rows.last; row++) {
        size_t at = row * job->split.c + column;
        vf z = load_lanes(job->z + at, lanes);
        vf dy = load_lanes(job->dy + at, lanes);
        // forward: y = z > 0 ? z : slope * z
        vi positive = z > 0.0f;
        vf dz = vf_select(positive, dy, slope * dy);
        sum += vf_select(positive, vf_zero(), z * dy);
        store_lanes(job->dz + at, dz, lanes);
    }
    return sum;
}

static void prelu_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const prelu_backward_job *job = argument;
    channel_piece piece = channel_piece_of(&job->split, task);
    double *sums = channel_partial(&job->split, job->partial, task, 1, 0);
    for (size_t i = piece.columns.first; i < piece.columns.last; i++)
        sums[i] = 0.0;
    for (size_t row = piece.rows.first; row < piece.rows.last; row += ROWS_PER_BLOCK) {
        range block = block_of(piece.rows, row);
        size_t i = piece.columns.first;
        for (; i + VF <= piece.columns.last; i += VF)
            add_lanes(sums + i, prelu_block(job, block, i, VF), VF);
        size_t rest = piece.columns.last - i;
        if (rest > 0) add_lanes(sums + i, prelu_block(job, block, i, rest), rest);
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
