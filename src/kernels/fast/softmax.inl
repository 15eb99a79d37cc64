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

// The first `lanes` lanes.
static ALWAYS_INLINE vi lanes_below(size_t lanes)
{
    vi number;
    for (int i = 0; i < VF; i++)
        number[i] = i;
    return number < (int32_t)lanes;
}

static ALWAYS_INLINE vf zero_beyond(vi lanes, vf value)
{
    return (vf)(lanes & (vi)value);
}

// A row of at most one vector, which stays in a register. The lanes beyond it repeat the first element: no larger than
// the maximum, and not -inf, as exponentials that underflow are slow.
static ALWAYS_INLINE void softmax_short_row(size_t c, const float *z, float *y)
{
    vi lanes = lanes_below(c);
    vf row = vf_select(lanes, vf_load_part(z, c), vf_set(z[0]));
    vf e = vf_exp(row - vf_max_lane(row));
    vf_store_part(y, e / vf_sum(zero_beyond(lanes, e)), c); // eq. 21
}

static void softmax_row(size_t c, const float *z, float *y)
{
    size_t whole = c / VF * VF, rest = c % VF;
    vi lanes = lanes_below(rest);
    vf end = vf_select(lanes, vf_load_part(z + whole, rest), vf_set(z[0]));
    vf largest = end;
    for (size_t i = 0; i < whole; i += VF)
        largest = vf_max(vf_load(z + i), largest);
    float m = vf_max_lane(largest);

    end = vf_exp(end - m);
    vf sum = zero_beyond(lanes, end); // eq. 22
    for (size_t i = 0; i < whole; i += VF) {
        vf e = vf_exp(vf_load(z + i) - m);
        vf_store(y + i, e);
        sum += e;
    }
    float total = vf_sum(sum);

    for (size_t i = 0; i < whole; i += VF) // eq. 21
        vf_store(y + i, vf_load(y + i) / total);
    vf_store_part(y + whole, end / total, rest);
}

static void softmax_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const softmax_job *job = argument;
    size_t c = job->c;
    range r = chunk_range(job->rows, rows_per_chunk(c), task);
    for (size_t row = r.first; row < r.last; row++) {
        if (c <= VF)
            softmax_short_row(c, job->from + row * c, job->to + row * c);
        else
            softmax_row(c, job->from + row * c, job->to + row * c);
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
