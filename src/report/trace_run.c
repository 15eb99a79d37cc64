#include "report/trace_run.h"

#include "core/checked.h"
#include "core/error.h"
#include "nn/arena.h"

#include <stdlib.h>
#include <string.h>

static void *take(size_t bytes)
{
    size_t aligned;
    if (!checked_align(bytes + 1, ARENA_ALIGNMENT, &aligned)) return NULL;
    void *memory = aligned_alloc(ARENA_ALIGNMENT, aligned);
    if (memory) memset(memory, 0, aligned);
    return memory;
}

float *trace_floats(size_t count)
{
    size_t bytes;
    return checked_mul(count, sizeof(float), &bytes) ? take(bytes) : NULL;
}

static bool same_bytes(const layer *l)
{
    return (l->contract & LAYER_SAME_BYTES) != 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// One call of one layer

typedef struct call_memory {
    layer_call call;
    layer_memory need;
    shape *in;
    const float **x;
    float **dx;
} call_memory;

static void release_call(call_memory *m)
{
    for (size_t i = 0; m->dx && i < m->call.layer->input_count; i++)
        free(m->dx[i]);
    free(m->in);
    free(m->x);
    free(m->dx);
    free(m->call.workspace);
    *m = (call_memory){0};
}

static silma_status prepare_call(trace_run *run, size_t i, call_memory *m, silma_error *error)
{
    const layer *l = &run->g->layers[i];
    size_t inputs = l->input_count;
    *m = (call_memory){.call.layer = l};
    m->in = calloc(inputs + 1, sizeof *m->in);
    m->x = calloc(inputs + 1, sizeof *m->x);
    m->dx = calloc(inputs + 1, sizeof *m->dx);
    if (!m->in || !m->x || !m->dx) return silma_fail_memory(error, inputs * sizeof *m->in);
    for (size_t input = 0; input < inputs; input++) {
        m->in[input] = run->g->layers[l->inputs[input]].out;
        m->x[input] = run->layers[l->inputs[input]].y;
    }
    if (l->type->memory) l->type->memory(l, run->k, thread_pool_size(run->pool), 1, true, m->in, &m->need);
    const traced_layer *t = &run->layers[i];
    m->call = (layer_call){
        .layer = l,
        .k = run->k,
        .pool = run->pool,
        .n = 1,
        .batch = 1,
        .training = true,
        .seed = run->seed,
        .lane = (uint32_t)i,
        .in = m->in,
        .x = m->x,
        .y = t->y,
        .dx = m->dx,
        .dy = t->used,
        .weights = (float *)run->weights, // a call does not write them
        .gradients = run->gradients,
        .statistics = run->statistics,
        .saved = t->saved,
        .saved_image = t->saved_image,
    };
    return SILMA_OK;
}

static silma_status take_workspace(call_memory *m, size_t bytes, silma_error *error)
{
    m->call.workspace = take(bytes);
    return m->call.workspace ? SILMA_OK : silma_fail_memory(error, bytes);
}

static silma_status forward(call_memory *m, silma_error *error)
{
    const layer *l = m->call.layer;
    if (same_bytes(l)) {
        memcpy(m->call.y, m->x[0], shape_count(l->out) * sizeof(float));
        return SILMA_OK;
    }
    silma_status status = take_workspace(m, m->need.forward_workspace, error);
    if (status != SILMA_OK) return status;
    if (l->type->gather_forward) l->type->gather_forward(&m->call);
    l->type->forward(&m->call);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The whole network

static bool take_layer(trace_run *run, size_t i, const layer_memory *need)
{
    traced_layer *t = &run->layers[i];
    size_t count = shape_count(run->g->layers[i].out);
    t->y = trace_floats(count);
    t->dy = trace_floats(count);
    t->used = trace_floats(count);
    t->saved = take(need->saved);
    t->saved_image = need->saved_image > 0 ? take(need->saved_image) : NULL;
    return t->y && t->dy && t->used && t->saved && (t->saved_image || need->saved_image == 0);
}

static silma_status create_layer(trace_run *run, size_t i, silma_error *error)
{
    call_memory m;
    silma_status status = prepare_call(run, i, &m, error);
    if (status == SILMA_OK && !take_layer(run, i, &m.need))
        status = silma_fail_memory(error, 3 * shape_count(run->g->layers[i].out) * sizeof(float));
    release_call(&m);
    return status;
}

silma_status trace_run_create(trace_run *run, const graph *g, const kernels *k, thread_pool *pool, const float *weights,
                              const float *statistics, uint64_t seed, silma_error *error)
{
    *run = (trace_run){.g = g, .k = k, .pool = pool, .seed = seed, .count = g->output_layer + 1, .weights = weights};
    run->layers = calloc(run->count, sizeof *run->layers);
    if (!run->layers) return silma_fail_memory(error, run->count * sizeof *run->layers);
    run->gradients = trace_floats(g->weight_count);
    run->statistics = trace_floats(g->statistic_count);
    if (!run->gradients || !run->statistics)
        return silma_fail_memory(error, (g->weight_count + g->statistic_count) * sizeof(float));
    memcpy(run->statistics, statistics, g->statistic_count * sizeof *statistics);
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < run->count && status == SILMA_OK; i++)
        status = create_layer(run, i, error);
    return status;
}

void trace_run_free(trace_run *run)
{
    for (size_t i = 0; run->layers && i < run->count; i++) {
        traced_layer *t = &run->layers[i];
        free(t->y);
        free(t->dy);
        free(t->used);
        free(t->saved);
        free(t->saved_image);
    }
    free(run->layers);
    free(run->gradients);
    free(run->statistics);
    *run = (trace_run){0};
}

float *trace_run_input(trace_run *run)
{
    return run->layers[0].y;
}

float *trace_run_output_gradient(trace_run *run)
{
    return run->layers[run->count - 1].dy;
}

silma_status trace_run_forward(trace_run *run, silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 1; i < run->count && status == SILMA_OK; i++) {
        call_memory m;
        status = prepare_call(run, i, &m, error);
        if (status == SILMA_OK) status = forward(&m, error);
        release_call(&m);
    }
    return status;
}

silma_status trace_run_layer(trace_run *run, size_t i, const float *const *x, float *y, silma_error *error)
{
    call_memory m;
    silma_status status = prepare_call(run, i, &m, error);
    for (size_t input = 0; status == SILMA_OK && input < m.call.layer->input_count; input++)
        m.x[input] = x[input];
    m.call.y = y;
    if (status == SILMA_OK) status = forward(&m, error);
    release_call(&m);
    return status;
}

// The gradient of a layer that several read is the sum of what each gives.
static void give_part(traced_layer *t, const float *part, size_t count)
{
    for (size_t e = 0; e < count; e++)
        t->dy[e] = t->has_gradient ? t->dy[e] + part[e] : part[e];
    t->has_gradient = true;
}

static silma_status backward(call_memory *m, silma_error *error)
{
    const layer *l = m->call.layer;
    for (size_t input = 0; input < l->input_count; input++) {
        m->dx[input] = trace_floats(shape_count(m->in[input]));
        if (!m->dx[input]) return silma_fail_memory(error, shape_count(m->in[input]) * sizeof(float));
    }
    if (same_bytes(l)) {
        memcpy(m->dx[0], m->call.dy, shape_count(l->out) * sizeof(float));
        return SILMA_OK;
    }
    silma_status status = take_workspace(m, m->need.backward_workspace, error);
    if (status != SILMA_OK) return status;
    if (l->type->gather_backward) l->type->gather_backward(&m->call);
    l->type->backward(&m->call);
    return SILMA_OK;
}

static silma_status backward_layer(trace_run *run, size_t i, silma_error *error)
{
    const layer *l = &run->g->layers[i];
    memcpy(run->layers[i].used, run->layers[i].dy, shape_count(l->out) * sizeof(float));
    call_memory m;
    silma_status status = prepare_call(run, i, &m, error);
    if (status == SILMA_OK) status = backward(&m, error);
    for (size_t input = 0; status == SILMA_OK && input < l->input_count; input++)
        give_part(&run->layers[l->inputs[input]], m.dx[input], shape_count(m.in[input]));
    release_call(&m);
    return status;
}

silma_status trace_run_backward(trace_run *run, silma_error *error)
{
    for (size_t i = 0; i + 1 < run->count; i++)
        run->layers[i].has_gradient = false;
    run->layers[run->count - 1].has_gradient = true;
    silma_status status = SILMA_OK;
    for (size_t i = run->count - 1; i > 0 && status == SILMA_OK; i--)
        if (run->layers[i].has_gradient) status = backward_layer(run, i, error);
    return status;
}
