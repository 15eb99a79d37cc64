// What moves and adds: sums of branches, concatenation, norms, and images on their way into the network.
#ifndef SILMA_KERNELS_FAST_VECTORS_INL
#define SILMA_KERNELS_FAST_VECTORS_INL

#include "kernels/fast/chunks.inl"

typedef struct add_job {
    size_t count;
    const float *a, *b;
    float *sum;
    bool stream;
} add_job;

static void add_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const add_job *job = argument;
    range r = chunk_range(job->count, CHUNK, task);
    size_t i = r.first;
    for (; i + VF <= r.last; i += VF)
        vf_store_or_stream(job->sum + i, vf_load(job->a + i) + vf_load(job->b + i), job->stream);
    end_stream(job->stream);
    size_t rest = r.last - i;
    if (rest > 0) vf_store_part(job->sum + i, vf_load_part(job->a + i, rest) + vf_load_part(job->b + i, rest), rest);
}

static void add(thread_pool *pool, size_t count, const float *a, const float *b, float *sum)
{
    add_job job = {count, a, b, sum, sum != b && may_stream(sum, a, count, VF)};
    thread_pool_run(pool, parts_of(count, CHUNK), add_task, &job);
}

typedef struct copy_job {
    size_t rows, c;
    const float *x; // the first row's first column
    size_t x_width;
    float *y;
    size_t y_width;
} copy_job;

static void copy_columns_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const copy_job *job = argument;
    range r = chunk_range(job->rows, rows_per_chunk(job->c), task);
    for (size_t row = r.first; row < r.last; row++) {
        const float *x = job->x + row * job->x_width;
        float *y = job->y + row * job->y_width;
        size_t i = 0;
        for (; i + VF <= job->c; i += VF)
            vf_store(y + i, vf_load(x + i));
        if (i < job->c) vf_store_part(y + i, vf_load_part(x + i, job->c - i), job->c - i);
    }
}

static void copy_columns(thread_pool *pool, size_t rows, size_t c, const float *x, size_t x_width, size_t x_from,
                         float *y, size_t y_width, size_t y_from)
{
    copy_job job = {rows, c, x + x_from, x_width, y + y_from, y_width};
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), copy_columns_task, &job);
}

// Sums of squares: at most SQUARE_CHUNKS_MAX chunks, added up in order. A float costs as much as SQUARED_FLOAT
// multiply-adds, see pool_for.
enum { SQUARE_CHUNKS_MAX = 256, SQUARED_FLOAT = 4 };

typedef float vhalf __attribute__((vector_size(2 * VF)));
typedef double vd __attribute__((vector_size(4 * VF)));

typedef struct squares_job {
    size_t count, chunk;
    const float *x;
    double partial[SQUARE_CHUNKS_MAX];
} squares_job;

static ALWAYS_INLINE vd squares(const float *x)
{
    vhalf half;
    memcpy(&half, x, sizeof half);
    vd wide = __builtin_convertvector(half, vd);
    return wide * wide;
}

static void sum_of_squares_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    squares_job *job = argument;
    range r = chunk_range(job->count, job->chunk, task);
    vd sum[4] = {{0}, {0}, {0}, {0}};
    size_t i = r.first;
    for (; i + 2 * VF <= r.last; i += 2 * VF) {
        UNROLL
        for (size_t v = 0; v < 4; v++)
            sum[v] += squares(job->x + i + v * (VF / 2));
    }
    vd total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    double result = 0.0;
    for (; i < r.last; i++)
        result += (double)job->x[i] * (double)job->x[i];
    for (size_t lane = 0; lane < VF / 2; lane++)
        result += total[lane];
    job->partial[task] = result;
}

static double sum_of_squares(thread_pool *pool, size_t count, const float *x)
{
    squares_job job = {.count = count, .x = x};
    job.chunk = parts_of(parts_of(count, SQUARE_CHUNKS_MAX), CHUNK) * CHUNK;
    if (job.chunk == 0) return 0.0;
    size_t chunks = parts_of(count, job.chunk);
    thread_pool_run(pool_for(pool, count * SQUARED_FLOAT), chunks, sum_of_squares_task, &job);
    double sum = 0.0;
    for (size_t i = 0; i < chunks; i++)
        sum += job.partial[i];
    return sum;
}

#endif
