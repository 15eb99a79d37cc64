// Elementwise activations, sections 2.2.1 to 2.2.5 of the thesis; reference_activation.c has them one by one.
//
// `kind` is a constant wherever these functions are called, so that each loop holds one activation only.
#ifndef SILMA_KERNELS_FAST_ACTIVATIONS_INL
#define SILMA_KERNELS_FAST_ACTIVATIONS_INL

#include "kernels/fast/chunks.inl"
#include "kernels/fast/math.inl"

static const float SQRT_HALF = 0.70710678f;
static const float INV_SQRT_2_PI = 0.39894228f;

// P(z), the standard normal distribution function.
static ALWAYS_INLINE vf normal_probability(vf z)
{
    return vf_fma(vf_erf(z * SQRT_HALF), vf_set(0.5f), vf_set(0.5f));
}

// f(z).
static ALWAYS_INLINE vf activation_value(activation_kind kind, vf parameter, vf z)
{
    switch (kind) {
    case ACTIVATION_RELU: // the order of the arguments keeps a NaN
        return vf_max(vf_zero(), z);
    case ACTIVATION_LEAKY_RELU:
        return vf_select(z > 0.0f, z, parameter * z);
    case ACTIVATION_ELU: // the other side is cut off so that e^z stays finite
        return vf_select(z > 0.0f, z, parameter * vf_expm1(vf_min(vf_zero(), z)));
    case ACTIVATION_SIGMOID:
        return vf_sigmoid(z);
    case ACTIVATION_TANH:
        return vf_tanh(z);
    case ACTIVATION_GELU:
        return z * normal_probability(z);
    case ACTIVATION_SILU:
        return z * vf_sigmoid(z);
    case ACTIVATION_LINEAR:
    case ACTIVATION_SOFTMAX:
        break;
    }
    return z;
}

// f'(z) dy; `from` is z for GELU and SiLU, y for the others.
static ALWAYS_INLINE vf activation_gradient(activation_kind kind, vf parameter, vf from, vf dy)
{
    switch (kind) {
    case ACTIVATION_RELU:
        return vf_select(from > 0.0f, dy, vf_zero());
    case ACTIVATION_LEAKY_RELU:
        return vf_select(from > 0.0f, dy, parameter * dy);
    case ACTIVATION_ELU:
        return vf_select(from > 0.0f, dy, (from + parameter) * dy);
    case ACTIVATION_SIGMOID:
        return from * (1.0f - from) * dy;
    case ACTIVATION_TANH: // (1 - y)(1 + y) loses nothing where y is close to 1
        return (1.0f - from) * (1.0f + from) * dy;
    case ACTIVATION_GELU: {
        vf density = INV_SQRT_2_PI * vf_exp(-0.5f * from * from);
        return vf_fma(from, density, normal_probability(from)) * dy;
    }
    case ACTIVATION_SILU: {
        vf s = vf_sigmoid(from);
        return s * vf_fma(from, 1.0f - s, vf_set(1.0f)) * dy;
    }
    case ACTIVATION_LINEAR:
    case ACTIVATION_SOFTMAX:
        break;
    }
    return dy;
}

typedef struct activation_job {
    activation act;
    size_t count;
    const float *from; // z; in backward what the derivative is computed from
    const float *dy;
    float *to;
    bool stream;
} activation_job;

// Whole vectors alone: the code of each activation is there once.
static ALWAYS_INLINE void activation_forward_loop(activation_kind kind, const activation_job *job)
{
    vf parameter = vf_set(job->act.parameter);
    for (size_t i = 0; i < job->count; i += VF)
        vf_store_or_stream(job->to + i, activation_value(kind, parameter, vf_load(job->from + i)), job->stream);
    end_stream(job->stream);
}

static void activation_forward_vectors(const activation_job *job)
{
    switch (job->act.kind) {
    case ACTIVATION_RELU:
        activation_forward_loop(ACTIVATION_RELU, job);
        return;
    case ACTIVATION_LEAKY_RELU:
        activation_forward_loop(ACTIVATION_LEAKY_RELU, job);
        return;
    case ACTIVATION_ELU:
        activation_forward_loop(ACTIVATION_ELU, job);
        return;
    case ACTIVATION_SIGMOID:
        activation_forward_loop(ACTIVATION_SIGMOID, job);
        return;
    case ACTIVATION_TANH:
        activation_forward_loop(ACTIVATION_TANH, job);
        return;
    case ACTIVATION_GELU:
        activation_forward_loop(ACTIVATION_GELU, job);
        return;
    case ACTIVATION_SILU:
        activation_forward_loop(ACTIVATION_SILU, job);
        return;
    case ACTIVATION_LINEAR:
    case ACTIVATION_SOFTMAX:
        activation_forward_loop(ACTIVATION_LINEAR, job);
        return;
    }
}

// The whole vectors of a range, and what is left of it as one more, its other lanes zero.
static void activation_forward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    activation_job job = *(const activation_job *)argument;
    range r = chunk_range(job.count, CHUNK, task);
    size_t rest = (r.last - r.first) % VF;
    job.from += r.first;
    job.to += r.first;
    job.count = r.last - r.first - rest;
    activation_forward_vectors(&job);
    if (rest == 0) return;
    float z[VF], y[VF];
    float *to = job.to + job.count;
    vf_store(z, vf_load_part(job.from + job.count, rest));
    job = (activation_job){.act = job.act, .count = VF, .from = z, .to = y};
    activation_forward_vectors(&job);
    vf_store_part(to, vf_load(y), rest);
}

static void activation_forward(thread_pool *pool, activation act, size_t count, const float *z, float *y)
{
    activation_job job = {.act = act, .count = count, .from = z, .to = y};
    job.stream = may_stream(y, z, count, VF);
    thread_pool_run(pool, parts_of(count, CHUNK), activation_forward_task, &job);
}

static ALWAYS_INLINE void activation_backward_loop(activation_kind kind, const activation_job *job)
{
    vf parameter = vf_set(job->act.parameter);
    for (size_t i = 0; i < job->count; i += VF) {
        vf from = vf_load(job->from + i), dy = vf_load(job->dy + i);
        vf_store_or_stream(job->to + i, activation_gradient(kind, parameter, from, dy), job->stream);
    }
    end_stream(job->stream);
}

static void activation_backward_vectors(const activation_job *job)
{
    switch (job->act.kind) {
    case ACTIVATION_RELU:
        activation_backward_loop(ACTIVATION_RELU, job);
        return;
    case ACTIVATION_LEAKY_RELU:
        activation_backward_loop(ACTIVATION_LEAKY_RELU, job);
        return;
    case ACTIVATION_ELU:
        activation_backward_loop(ACTIVATION_ELU, job);
        return;
    case ACTIVATION_SIGMOID:
        activation_backward_loop(ACTIVATION_SIGMOID, job);
        return;
    case ACTIVATION_TANH:
        activation_backward_loop(ACTIVATION_TANH, job);
        return;
    case ACTIVATION_GELU:
        activation_backward_loop(ACTIVATION_GELU, job);
        return;
    case ACTIVATION_SILU:
        activation_backward_loop(ACTIVATION_SILU, job);
        return;
    case ACTIVATION_LINEAR:
    case ACTIVATION_SOFTMAX:
        activation_backward_loop(ACTIVATION_LINEAR, job);
        return;
    }
}

static void activation_backward_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    activation_job job = *(const activation_job *)argument;
    range r = chunk_range(job.count, CHUNK, task);
    size_t rest = (r.last - r.first) % VF;
    job.from += r.first;
    job.dy += r.first;
    job.to += r.first;
    job.count = r.last - r.first - rest;
    activation_backward_vectors(&job);
    if (rest == 0) return;
    float from[VF], dy[VF], dz[VF];
    float *to = job.to + job.count;
    vf_store(from, vf_load_part(job.from + job.count, rest));
    vf_store(dy, vf_load_part(job.dy + job.count, rest));
    job = (activation_job){.act = job.act, .count = VF, .from = from, .dy = dy, .to = dz};
    activation_backward_vectors(&job);
    vf_store_part(to, vf_load(dz), rest);
}

static void activation_backward(thread_pool *pool, activation act, size_t count, const float *z, const float *y,
                                const float *dy, float *dz)
{
    const float *from = activation_derivative_from_output(act.kind) ? y : z;
    if (act.kind == ACTIVATION_LINEAR) from = dy; // reads neither z nor y, which may both be null
    activation_job job = {.act = act, .count = count, .from = from, .dy = dy, .to = dz};
    job.stream = may_stream(dz, dy, count, VF);
    thread_pool_run(pool, parts_of(count, CHUNK), activation_backward_task, &job);
}

#endif
