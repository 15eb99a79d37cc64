// Softmax over the last axis, section 2.2.6 of the thesis.
#ifndef SILMA_KERNELS_FAST_SOFTMAX_INL
#define SILMA_KERNELS_FAST_SOFTMAX_INL

#include "kernels/fast/chunks.inl"
#include "kernels/fast/math.inl"

typedef struct softmax_job {
    size_t rows, c;
    const float *from; // z, or y in backward
    const float *dy;
    float *to;
} softmax_job;

static float row_maximum(size_t c, const float *z)
{
    vf largest = vf_set(z[0]);
    size_t i = 0;
    for (; i + VF <= c; i += VF)
        largest = vf_max(vf_load(z + i), largest);
    float result = vf_max_lane(largest);
    for (; i < c; i++)
        result = z[i] > result ? z[i] : result;
    return result;
}

// y = e^(z - m); returns the sum, eq. 22.
static float row_exponentials(size_t c, const float *z, float m, float *y)
{
    vf sum = vf_zero();
    size_t i = 0;
    for (; i + VF <= c; i += VF) {
        vf e = vf_exp(vf_load(z + i) - m);
        vf_store(y + i, e);
        sum += e;
    }
    if (i == c) return vf_sum(sum);
    vf e = vf_exp(vf_load_part(z + i, c - i) - m);
    vf_store_part(y + i, e, c - i);
    return vf_sum(sum + vf_load_part(y + i, c - i)); // without the lanes beyond the row
}

static void row_divide(size_t c, float *y, float by)
{
    size_t i = 0;
    for (; i + VF <= c; i += VF)
        vf_store(y + i, vf_load(y + i) / by);
    if (i < c) vf_store_part(y + i, vf_load_part(y + i, c - i) / by, c - i);
}

static void softmax_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const softmax_job *job = argument;
    range r = chunk_range(job->rows, rows_per_chunk(job->c), task);
    for (size_t row = r.first; row < r.last; row++) {
        const float *z = job->from + row * job->c;
        float *y = job->to + row * job->c;
        float m = row_maximum(job->c, z);
        row_divide(job->c, y, row_exponentials(job->c, z, m, y)); // eq. 21
    }
}

static void softmax_forward(thread_pool *pool, size_t rows, size_t c, const float *z, float *y)
{
    softmax_job job = {.rows = rows, .c = c, .from = z, .to = y};
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), softmax_forward_task, &job);
}

static float row_dot(size_t c, const float *a, const float *b)
{
    vf sum = vf_zero();
    size_t i = 0;
    for (; i + VF <= c; i += VF)
        sum = vf_fma(vf_load(a + i), vf_load(b + i), sum);
    if (i < c) sum = vf_fma(vf_load_part(a + i, c - i), vf_load_part(b + i, c - i), sum);
    return vf_sum(sum);
}

// eq. 25: dz_i = y_i (dy_i - sum over j of y_j dy_j)
static void softmax_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const softmax_job *job = argument;
    size_t c = job->c;
    range r = chunk_range(job->rows, rows_per_chunk(c), task);
    for (size_t row = r.first; row < r.last; row++) {
        const float *y = job->from + row * c, *dy = job->dy + row * c;
        float *dz = job->to + row * c;
        float sum = row_dot(c, y, dy);
        size_t i = 0;
        for (; i + VF <= c; i += VF)
            vf_store(dz + i, vf_load(y + i) * (vf_load(dy + i) - sum));
        if (i == c) continue;
        vf tail = vf_load_part(y + i, c - i) * (vf_load_part(dy + i, c - i) - sum);
        vf_store_part(dz + i, tail, c - i);
    }
}

static void softmax_backward(thread_pool *pool, size_t rows, size_t c, const float *y, const float *dy, float *dz)
{
    softmax_job job = {.rows = rows, .c = c, .from = y, .dy = dy, .to = dz};
    thread_pool_run(pool, parts_of(rows, rows_per_chunk(c)), softmax_backward_task, &job);
}

#endif
