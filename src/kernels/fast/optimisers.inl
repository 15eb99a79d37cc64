// The optimisers, sections 2.6 to 2.6.3 of the thesis in Keras's form: one pass over the parameter vector.
// reference_optimiser.c says what the slots hold and how Keras's forms and the thesis's relate.
#ifndef SILMA_KERNELS_FAST_OPTIMISERS_INL
#define SILMA_KERNELS_FAST_OPTIMISERS_INL

#include "kernels/fast/chunks.inl"

typedef struct update_job {
    const update_task *task;
    float rate;  // Adam's is corrected
    float decay; // rate * weight_decay
} update_job;

static inline update_job update_job_of(const update_task *task)
{
    return (update_job){task, task->rate, task->rate * task->weight_decay};
}

static ALWAYS_INLINE vf scaled_gradient(const update_job *job, size_t i, size_t lanes)
{
    return load_lanes(job->task->g + i, lanes) * job->task->gradient_scale;
}

// w - rate * weight_decay * w
static ALWAYS_INLINE vf decayed_weight(const update_job *job, size_t i, size_t lanes)
{
    vf w = load_lanes(job->task->w + i, lanes);
    return vf_fma(vf_set(-job->decay), w, w);
}

// eq. 46, and with momentum: v = mu v - eta g, w = w + v; Nesterov: w = w + mu v - eta g.
static ALWAYS_INLINE void update_sgd_lanes(const update_job *job, size_t i, size_t lanes)
{
    const update_task *task = job->task;
    vf step = -job->rate * scaled_gradient(job, i, lanes);
    if (task->momentum != 0.0f) {
        vf mu = vf_set(task->momentum);
        vf v = vf_fma(mu, load_lanes(task->slot0 + i, lanes), step);
        store_lanes(task->slot0 + i, v, lanes);
        step = task->nesterov ? vf_fma(mu, v, step) : v;
    }
    store_lanes(task->w + i, decayed_weight(job, i, lanes) + step, lanes);
}

static void update_sgd_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const update_job *job = argument;
    range r = chunk_range(job->task->count, CHUNK, task);
    size_t i = r.first;
    for (; i + VF <= r.last; i += VF)
        update_sgd_lanes(job, i, VF);
    if (i < r.last) update_sgd_lanes(job, i, r.last - i);
}

static void update_sgd(thread_pool *pool, const update_task *task)
{
    update_job job = update_job_of(task);
    thread_pool_run(pool, parts_of(task->count, CHUNK), update_sgd_task, &job);
}

// eq. 47 and 49: G = G + g^2, w = w - eta g / sqrt(G + epsilon).
static ALWAYS_INLINE void update_adagrad_lanes(const update_job *job, size_t i, size_t lanes)
{
    const update_task *task = job->task;
    vf g = scaled_gradient(job, i, lanes);
    vf sum = vf_fma(g, g, load_lanes(task->slot0 + i, lanes));
    store_lanes(task->slot0 + i, sum, lanes);
    vf step = job->rate * g / vf_sqrt(sum + task->epsilon);
    store_lanes(task->w + i, decayed_weight(job, i, lanes) - step, lanes);
}

static void update_adagrad_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const update_job *job = argument;
    range r = chunk_range(job->task->count, CHUNK, task);
    size_t i = r.first;
    for (; i + VF <= r.last; i += VF)
        update_adagrad_lanes(job, i, VF);
    if (i < r.last) update_adagrad_lanes(job, i, r.last - i);
}

static void update_adagrad(thread_pool *pool, const update_task *task)
{
    update_job job = update_job_of(task);
    thread_pool_run(pool, parts_of(task->count, CHUNK), update_adagrad_task, &job);
}

// The running average rho A + (1 - rho) x, written so that it costs one product.
static ALWAYS_INLINE vf running_average(float rho, vf average, vf x)
{
    return vf_fma(vf_set(1.0f - rho), x - average, average);
}

// eq. 50-51: A = rho A + (1 - rho) g^2, w = w - eta g / sqrt(A + epsilon); momentum gathers the steps.
static ALWAYS_INLINE void update_rmsprop_lanes(const update_job *job, size_t i, size_t lanes)
{
    const update_task *task = job->task;
    vf g = scaled_gradient(job, i, lanes);
    vf average = running_average(task->rho, load_lanes(task->slot0 + i, lanes), g * g);
    store_lanes(task->slot0 + i, average, lanes);
    vf step = job->rate * g / vf_sqrt(average + task->epsilon);
    if (task->momentum != 0.0f) {
        step = vf_fma(vf_set(task->momentum), load_lanes(task->slot1 + i, lanes), step);
        store_lanes(task->slot1 + i, step, lanes);
    }
    store_lanes(task->w + i, decayed_weight(job, i, lanes) - step, lanes);
}

static void update_rmsprop_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const update_job *job = argument;
    range r = chunk_range(job->task->count, CHUNK, task);
    size_t i = r.first;
    for (; i + VF <= r.last; i += VF)
        update_rmsprop_lanes(job, i, VF);
    if (i < r.last) update_rmsprop_lanes(job, i, r.last - i);
}

static void update_rmsprop(thread_pool *pool, const update_task *task)
{
    update_job job = update_job_of(task);
    thread_pool_run(pool, parts_of(task->count, CHUNK), update_rmsprop_task, &job);
}

// eq. 52: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2; then w = w - eta' m / (sqrt(v) + epsilon) with
// the corrections of eq. 53-55 in eta'. eq. 56 adds epsilon to the corrected root, Keras to the root as it is.
static ALWAYS_INLINE void update_adam_lanes(const update_job *job, size_t i, size_t lanes)
{
    const update_task *task = job->task;
    vf g = scaled_gradient(job, i, lanes);
    vf m = running_average(task->beta1, load_lanes(task->slot0 + i, lanes), g);
    vf v = running_average(task->beta2, load_lanes(task->slot1 + i, lanes), g * g);
    store_lanes(task->slot0 + i, m, lanes);
    store_lanes(task->slot1 + i, v, lanes);
    vf step = job->rate * m / (vf_sqrt(v) + task->epsilon);
    store_lanes(task->w + i, decayed_weight(job, i, lanes) - step, lanes);
}

static void update_adam_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const update_job *job = argument;
    range r = chunk_range(job->task->count, CHUNK, task);
    size_t i = r.first;
    for (; i + VF <= r.last; i += VF)
        update_adam_lanes(job, i, VF);
    if (i < r.last) update_adam_lanes(job, i, r.last - i);
}

static void update_adam(thread_pool *pool, const update_task *task)
{
    double t = (double)task->step;
    double correction = sqrt(1.0 - pow((double)task->beta2, t)) / (1.0 - pow((double)task->beta1, t));
    update_job job = update_job_of(task);
    job.rate = (float)((double)task->rate * correction);
    thread_pool_run(pool, parts_of(task->count, CHUNK), update_adam_task, &job);
}

#endif
