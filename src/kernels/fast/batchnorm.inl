// Batch normalisation, section 3.2.3 of the thesis.
//
// Statistics: a block of rows (which stays in the first-level cache) gives a mean, then the deviations around it; the
// blocks' means and sums of squared deviations are joined in double precision by Chan's formula. So nothing cancels,
// however far the mean lies from zero, and x is read from memory once.
#ifndef SILMA_KERNELS_FAST_BATCHNORM_INL
#define SILMA_KERNELS_FAST_BATCHNORM_INL

#include "kernels/fast/channels.inl"

// What is kept of each channel for a chunk of rows: doubles (chunks, 2, c).
enum { MEAN = 0, SQUARES = 1, SUM_DY = 0, SUM_DY_CENTRED = 1, KINDS = 2 };

static size_t batchnorm_workspace(size_t rows, size_t c, unsigned threads)
{
    (void)threads;
    return channel_sums_bytes(rows, c, KINDS) + 3 * c * sizeof(float); // backward: three constants for each channel
}

typedef struct statistics_job {
    channel_split split;
    const float *x;
    double *partial; // (chunks, MEAN and SQUARES, c)
} statistics_job;

// Joins the mean and the squared deviations of `more` rows to those of `rows` rows.
static inline void join_statistics(double rows, double *mean, double *squares, double more, double more_mean,
                                   double more_squares)
{
    double share = more / (rows + more);
    double apart = more_mean - *mean;
    *mean += apart * share;
    *squares += more_squares + apart * apart * rows * share;
}

// The statistics of `lanes` channels of a block, joined to those of the `before` rows that came first.
static ALWAYS_INLINE void statistics_block(const float *x, size_t stride, size_t rows, size_t lanes, size_t before,
                                           double *mean, double *squares)
{
    vf centre = rows_sum(x, stride, rows, lanes) * (1.0f / (float)rows);
    vf deviation[2] = {vf_zero(), vf_zero()}, square[2] = {vf_zero(), vf_zero()};
    for (size_t row = 0; row < rows; row++, x += stride) {
        vf d = (load_lanes(x, lanes)) - centre;
        deviation[row % 2] += d;
        square[row % 2] = vf_fma(d, d, square[row % 2]);
    }
    // What rounding left of the deviations' sum belongs to the mean.
    float centres[VF], deviations[VF], sums[VF];
    vf_store(centres, centre);
    vf_store(deviations, deviation[0] + deviation[1]);
    vf_store(sums, square[0] + square[1]);
    double n = (double)rows;
    for (size_t i = 0; i < lanes; i++) {
        double left = (double)deviations[i] / n;
        join_statistics((double)before, &mean[i], &squares[i], n, (double)centres[i] + left,
                        (double)sums[i] - left * left * n);
    }
}

static void statistics_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const statistics_job *job = argument;
    size_t c = job->split.c;
    channel_piece piece = channel_piece_of(&job->split, task);
    double *mean = channel_partial(&job->split, job->partial, task, KINDS, MEAN);
    double *squares = channel_partial(&job->split, job->partial, task, KINDS, SQUARES);
    for (size_t i = piece.columns.first; i < piece.columns.last; i++)
        mean[i] = squares[i] = 0.0;
    for (size_t row = piece.rows.first; row < piece.rows.last; row += ROWS_PER_BLOCK) {
        range block = block_of(piece.rows, row);
        size_t rows = block.last - block.first, before = block.first - piece.rows.first;
        const float *x = job->x + block.first * c;
        size_t i = piece.columns.first;
        for (; i + VF <= piece.columns.last; i += VF)
            statistics_block(x + i, c, rows, VF, before, mean + i, squares + i);
        size_t rest = piece.columns.last - i;
        if (rest > 0) statistics_block(x + i, c, rows, rest, before, mean + i, squares + i);
    }
}

static void batchnorm_statistics(thread_pool *pool, size_t rows, size_t c, const float *x, float *mean, float *variance,
                                 void *workspace)
{
    statistics_job job = {.split = split_channels(rows, c), .x = x, .partial = workspace};
    thread_pool_run(pool, job.split.chunks * job.split.tiles, statistics_task, &job);
    for (size_t i = 0; i < c; i++) {
        double total_mean = 0.0, total_squares = 0.0;
        for (size_t chunk = 0; chunk < job.split.chunks; chunk++) {
            range r = chunk_range(rows, job.split.chunk_rows, chunk);
            const double *partial = job.partial + chunk * KINDS * c + i;
            join_statistics((double)r.first, &total_mean, &total_squares, (double)(r.last - r.first), partial[MEAN * c],
                            partial[SQUARES * c]);
        }
        mean[i] = (float)total_mean;
        variance[i] = (float)(total_squares / (double)rows);
    }
}

// forward (eq. 57-58): xhat = (x - mean) inv_std, y = gamma xhat + beta.
//
// dbeta = sum of dy and dgamma = sum of dy xhat, over m rows;
// dx = gamma inv_std (dy - dbeta/m - xhat dgamma/m), as mean and inv_std depend on x as well.
typedef struct batchnorm_backward_job {
    channel_split split;
    const float *x, *mean, *dy;
    double *partial;    // (chunks, SUM_DY and SUM_DY_CENTRED, c)
    const float *scale; // (c) gamma inv_std
    const float *slope; // (c) dx = scale dy + slope (x - mean) + offset
    const float *offset;
    float *dx;
} batchnorm_backward_job;

// sums[0..lanes) += sum of dy; centred[0..lanes) += sum of dy (x - mean).
static ALWAYS_INLINE void gradient_sums_block(const batchnorm_backward_job *job, range rows, size_t column,
                                              size_t lanes, double *sums, double *centred)
{
    vf mean = vf_load_part(job->mean + column, lanes);
    vf sum[2] = {vf_zero(), vf_zero()}, product[2] = {vf_zero(), vf_zero()};
    for (size_t row = rows.first; row < rows.last; row++) {
        size_t at = row * job->split.c + column;
        vf x = load_lanes(job->x + at, lanes);
        vf dy = load_lanes(job->dy + at, lanes);
        sum[row % 2] += dy;
        product[row % 2] = vf_fma(dy, x - mean, product[row % 2]);
    }
    add_lanes(sums + column, sum[0] + sum[1], lanes);
    add_lanes(centred + column, product[0] + product[1], lanes);
}

static void gradient_sums_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const batchnorm_backward_job *job = argument;
    channel_piece piece = channel_piece_of(&job->split, task);
    double *sums = channel_partial(&job->split, job->partial, task, KINDS, SUM_DY);
    double *centred = channel_partial(&job->split, job->partial, task, KINDS, SUM_DY_CENTRED);
    for (size_t i = piece.columns.first; i < piece.columns.last; i++)
        sums[i] = centred[i] = 0.0;
    for (size_t row = piece.rows.first; row < piece.rows.last; row += ROWS_PER_BLOCK) {
        range block = block_of(piece.rows, row);
        size_t i = piece.columns.first;
        for (; i + VF <= piece.columns.last; i += VF)
            gradient_sums_block(job, block, i, VF, sums, centred);
        size_t rest = piece.columns.last - i;
        if (rest > 0) gradient_sums_block(job, block, i, rest, sums, centred);
    }
}

static ALWAYS_INLINE vf input_gradient(const batchnorm_backward_job *job, size_t channel, size_t lanes, vf x, vf dy)
{
    vf scale = vf_load_part(job->scale + channel, lanes), slope = vf_load_part(job->slope + channel, lanes);
    vf mean = vf_load_part(job->mean + channel, lanes), offset = vf_load_part(job->offset + channel, lanes);
    return vf_fma(scale, dy, vf_fma(slope, x - mean, offset));
}

static void input_gradient_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const batchnorm_backward_job *job = argument;
    size_t c = job->split.c;
    range r = chunk_range(job->split.rows, rows_per_chunk(c), task);
    for (size_t row = r.first; row < r.last; row++) {
        const float *x = job->x + row * c, *dy = job->dy + row * c;
        float *dx = job->dx + row * c;
        size_t i = 0;
        for (; i + VF <= c; i += VF)
            vf_store(dx + i, input_gradient(job, i, VF, vf_load(x + i), vf_load(dy + i)));
        if (i == c) continue;
        vf tail = input_gradient(job, i, c - i, vf_load_part(x + i, c - i), vf_load_part(dy + i, c - i));
        vf_store_part(dx + i, tail, c - i);
    }
}

static void batchnorm_backward(thread_pool *pool, size_t rows, size_t c, const float *x, const float *mean,
                               const float *inv_std, const float *gamma, const float *dy, float *dgamma, float *dbeta,
                               float *dx, void *workspace)
{
    channel_split split = split_channels(rows, c);
    double *partial = workspace;
    float *scale = (float *)(partial + split.chunks * KINDS * c); // the constants lie behind the sums
    batchnorm_backward_job job = {.split = split, .x = x, .mean = mean, .dy = dy, .partial = partial, .dx = dx};
    thread_pool_run(pool, split.chunks * split.tiles, gradient_sums_task, &job);
    float *slope = scale + c, *offset = slope + c;
    for (size_t i = 0; i < c; i++) {
        double sum = joined_sum(&split, partial, KINDS, SUM_DY, i);
        double centred = joined_sum(&split, partial, KINDS, SUM_DY_CENTRED, i);
        double per_row = (double)gamma[i] * (double)inv_std[i] / (double)rows;
        dbeta[i] = (float)sum;
        dgamma[i] = (float)(centred * (double)inv_std[i]);
        scale[i] = gamma[i] * inv_std[i];
        slope[i] = (float)(-per_row * centred * (double)inv_std[i] * (double)inv_std[i]);
        offset[i] = (float)(-per_row * sum);
    }
    if (dx == NULL) return;
    job.scale = scale;
    job.slope = slope;
    job.offset = offset;
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), input_gradient_task, &job);
}

#endif
