// Batch normalisation, section 3.2.3 of the thesis.
//
// Statistics in one pass: the rows of a block are taken as deviations from the mean of the rows before them (the first
// block's own mean, to begin with), and the blocks are joined in double precision by Chan's formula. What may cancel in
// a block, its rows times the square of its mean's distance from that centre, adds up to at most twice the sum of
// squared deviations itself: the result is as exact as two passes, however far the mean lies from zero.
#ifndef SILMA_KERNELS_FAST_BATCHNORM_INL
#define SILMA_KERNELS_FAST_BATCHNORM_INL

#include "kernels/fast/channels.inl"

// What is kept of each channel for a chunk of rows: doubles (chunks, 2, c).
enum { MEAN = 0, SQUARES = 1, SUM_DY = 0, SUM_DY_CENTRED = 1, KINDS = 2 };

static size_t batchnorm_workspace(size_t rows, size_t c, unsigned threads)
{
    (void)threads;
    return channel_sums_bytes(rows, c, KINDS);
}

typedef struct statistics_job {
    channel_split split;
    const float *x;
    double *partial; // (chunks, MEAN and SQUARES, c)
} statistics_job;

// Joins the mean and the squared deviations of `more` rows to those of the `rows` rows before.
static inline void join_statistics(double rows, double *mean, double *squares, double more, double more_mean,
                                   double more_squares)
{
    double share = more / (rows + more);
    double apart = more_mean - *mean;
    *mean += apart * share;
    *squares += more_squares + apart * apart * rows * share;
}

// The sums over a block of the deviations from `centre`, and of their squares.
typedef struct block_statistics {
    float centre[TILE], deviation[TILE], square[TILE];
} block_statistics;

static ALWAYS_INLINE void add_two_deviations(const float *x, size_t stride, size_t lanes, size_t i,
                                             block_statistics *block)
{
    vf centre = vf_load(block->centre + i);
    vf first = load_lanes(x + i, lanes) - centre, second = load_lanes(x + stride + i, lanes) - centre;
    vf_store(block->deviation + i, vf_load(block->deviation + i) + (first + second));
    vf_store(block->square + i, vf_load(block->square + i) + vf_fma(first, first, second * second));
}

static ALWAYS_INLINE void add_deviation(const float *x, size_t lanes, size_t i, block_statistics *block)
{
    vf d = load_lanes(x + i, lanes) - vf_load(block->centre + i);
    vf_store(block->deviation + i, vf_load(block->deviation + i) + d);
    vf_store(block->square + i, vf_fma(d, d, vf_load(block->square + i)));
}

static void sum_block(const float *x, size_t stride, size_t rows, size_t columns, block_statistics *block)
{
    memset(block->deviation, 0, columns * sizeof(float));
    memset(block->square, 0, columns * sizeof(float));
    size_t row = 0;
    for (; columns <= NARROW && row + 2 <= rows; row += 2, x += 2 * stride) {
        size_t i = 0;
        for (; i + VF <= columns; i += VF)
            add_two_deviations(x, stride, VF, i, block);
        if (i < columns) add_two_deviations(x, stride, columns - i, i, block);
    }
    for (; row < rows; row++, x += stride) {
        size_t i = 0;
        for (; i + VF <= columns; i += VF)
            add_deviation(x, VF, i, block);
        if (i < columns) add_deviation(x, columns - i, i, block);
    }
}

// Joins a block of `rows` rows to the statistics of the `before` rows that came first; the mean so far becomes the
// centre of the next block.
static void join_block(block_statistics *block, size_t rows, size_t before, size_t columns, double *mean,
                       double *squares)
{
    double n = (double)rows;
    double inverse = 1.0 / n;
    for (size_t i = 0; i < columns; i++) {
        double off = (double)block->deviation[i] * inverse; // of the block's mean from the centre
        join_statistics((double)before, &mean[i], &squares[i], n, (double)block->centre[i] + off,
                        (double)block->square[i] - off * off * n);
        block->centre[i] = (float)mean[i];
    }
}

static void statistics_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const statistics_job *job = argument;
    size_t c = job->split.c;
    channel_piece piece = channel_piece_of(&job->split, task, job->partial, KINDS);
    double *mean = piece.partial + MEAN * c, *squares = piece.partial + SQUARES * c;
    memset(mean, 0, piece.columns * sizeof *mean);
    memset(squares, 0, piece.columns * sizeof *squares);
    const float *x = job->x + piece.rows.first * c + piece.column;
    block_statistics block = {0};
    size_t first_rows = block_rows(&piece, piece.rows.first);
    add_rows(x, c, first_rows, piece.columns, block.centre);
    for (size_t i = 0; i < piece.columns; i++)
        block.centre[i] *= 1.0f / (float)first_rows;
    for (size_t row = piece.rows.first; row < piece.rows.last; row += ROWS_PER_BLOCK, x += ROWS_PER_BLOCK * c) {
        size_t rows = block_rows(&piece, row);
        sum_block(x, c, rows, piece.columns, &block);
        join_block(&block, rows, row - piece.rows.first, piece.columns, mean, squares);
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
    bool stream;
} batchnorm_backward_job;

// The sums over a block.
typedef struct block_gradients {
    float sum[TILE], centred[TILE];
} block_gradients;

static ALWAYS_INLINE void add_gradient(const batchnorm_backward_job *job, size_t at, size_t channel, size_t lanes,
                                       float *sum, float *centred)
{
    vf x = load_lanes(job->x + at, lanes), dy = load_lanes(job->dy + at, lanes);
    vf deviation = x - load_lanes(job->mean + channel, lanes);
    vf_store(sum, vf_load(sum) + dy);
    vf_store(centred, vf_fma(dy, deviation, vf_load(centred)));
}

static void gradient_sums_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const batchnorm_backward_job *job = argument;
    size_t c = job->split.c;
    channel_piece piece = channel_piece_of(&job->split, task, job->partial, KINDS);
    double *sums = piece.partial + SUM_DY * c, *centred = piece.partial + SUM_DY_CENTRED * c;
    memset(sums, 0, piece.columns * sizeof *sums);
    memset(centred, 0, piece.columns * sizeof *centred);
    block_gradients block = {0};
    for (size_t first = piece.rows.first; first < piece.rows.last; first += ROWS_PER_BLOCK) {
        for (size_t row = first; row < first + block_rows(&piece, first); row++) {
            size_t at = row * c + piece.column, channel = piece.column, i = 0;
            for (; i + VF <= piece.columns; i += VF)
                add_gradient(job, at + i, channel + i, VF, block.sum + i, block.centred + i);
            size_t rest = piece.columns - i;
            if (rest > 0) add_gradient(job, at + i, channel + i, rest, block.sum + i, block.centred + i);
        }
        add_block(piece.columns, block.sum, sums);
        add_block(piece.columns, block.centred, centred);
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
            vf_store_or_stream(dx + i, input_gradient(job, i, VF, vf_load(x + i), vf_load(dy + i)), job->stream);
        if (i == c) continue;
        vf tail = input_gradient(job, i, c - i, vf_load_part(x + i, c - i), vf_load_part(dy + i, c - i));
        vf_store_part(dx + i, tail, c - i);
    }
    end_stream(job->stream);
}

static void batchnorm_gradients(thread_pool *pool, size_t rows, size_t c, const float *x, const float *mean,
                                const float *inv_std, const float *dy, float *dgamma, float *dbeta, void *workspace)
{
    channel_split split = split_channels(rows, c);
    batchnorm_backward_job job = {.split = split, .x = x, .mean = mean, .dy = dy, .partial = workspace};
    thread_pool_run(pool, split.chunks * split.tiles, gradient_sums_task, &job);
    for (size_t i = 0; i < c; i++) {
        dbeta[i] = (float)joined_sum(&split, job.partial, KINDS, SUM_DY, i);
        dgamma[i] = (float)(joined_sum(&split, job.partial, KINDS, SUM_DY_CENTRED, i) * (double)inv_std[i]);
    }
}

static void batchnorm_backward_input(thread_pool *pool, size_t rows, size_t c, size_t batch_rows, const float *x,
                                     const float *mean, const float *inv_std, const float *gamma, const float *dgamma,
                                     const float *dbeta, const float *dy, float *dx, void *workspace)
{
    float *scale = workspace, *slope = scale + c, *offset = slope + c;
    for (size_t i = 0; i < c; i++) {
        double per_row = (double)gamma[i] * (double)inv_std[i] / (double)batch_rows;
        scale[i] = gamma[i] * inv_std[i];
        slope[i] = (float)(-per_row * (double)dgamma[i] * (double)inv_std[i]);
        offset[i] = (float)(-per_row * (double)dbeta[i]);
    }
    batchnorm_backward_job job = {
        .split = split_channels(rows, c),
        .x = x,
        .mean = mean,
        .dy = dy,
        .scale = scale,
        .slope = slope,
        .offset = offset,
        .dx = dx,
        .stream = may_stream(dx, dy, rows * c, c),
    };
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), input_gradient_task, &job);
}

#endif
