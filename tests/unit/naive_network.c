#include "naive_network.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { INPUTS_MAX = 64, ALIGNMENT = 64, GARBAGE = 0xFF }; // floats of these bytes are NaNs

// Exactly `bytes`, so that a sanitizer sees whoever goes beyond.
static void *take_memory(size_t bytes)
{
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, ALIGNMENT, bytes + 1), 0);
    memset(memory, GARBAGE, bytes);
    return memory;
}

static size_t tensor_bytes(const naive_network *net, shape s)
{
    return net->step.n * shape_count(s) * sizeof(float);
}

static bool has(const layer *l, layer_contract contract)
{
    return (l->contract & contract) != 0;
}

static bool needs_gradient(const naive_network *net, size_t i)
{
    const layer *l = &net->g->layers[i];
    bool needed = i == 0;
    for (int p = 0; p < l->parameter_count; p++)
        needed = needed || l->parameters[p].trainable;
    for (size_t input = 0; input < l->input_count; input++)
        needed = needed || net->layers[l->inputs[input]].needs_gradient;
    return needed;
}

// What a layer's functions are called with.
typedef struct call_memory {
    shape in[INPUTS_MAX];
    const float *x[INPUTS_MAX];
    float *dx[INPUTS_MAX];
    layer_memory need;
    layer_call call;
} call_memory;

static void prepare_call(naive_network *net, size_t i, call_memory *m)
{
    const layer *l = &net->g->layers[i];
    *m = (call_memory){0};
    assert_true(l->input_count <= INPUTS_MAX);
    for (size_t input = 0; input < l->input_count; input++) {
        m->in[input] = net->g->layers[l->inputs[input]].out;
        m->x[input] = net->layers[l->inputs[input]].y;
    }
    if (l->type->memory)
        l->type->memory(l, net->k, thread_pool_size(net->pool), (int)net->step.n, net->trains, m->in, &m->need);
    m->call = (layer_call){
        .layer = l,
        .k = net->k,
        .pool = net->pool,
        .n = (int)net->step.n,
        .batch = net->step.n,
        .training = net->step.training,
        .seed = net->step.seed,
        .step = net->step.step,
        .lane = (uint32_t)i,
        .in = m->in,
        .x = m->x,
        .y = net->layers[i].y,
        .dx = m->dx,
        .weights = net->step.weights,
        .gradients = net->step.gradients,
        .statistics = net->step.statistics,
        .saved = net->layers[i].saved,
        .saved_image = net->layers[i].saved_image,
    };
}

// A plan calls layers with fewer images than it asked memory for.
static void check_memory_grows(const naive_network *net, const call_memory *m)
{
    const layer *l = m->call.layer;
    for (int n = 1; l->type->memory && n < m->call.n; n++) {
        layer_memory less = {0};
        l->type->memory(l, net->k, thread_pool_size(net->pool), n, net->trains, m->in, &less);
        assert_true(less.forward_workspace <= m->need.forward_workspace);
        assert_true(less.backward_workspace <= m->need.backward_workspace);
        assert_true(less.saved <= m->need.saved);
        assert_int_equal(less.saved_image, m->need.saved_image);
    }
}

void naive_create(naive_network *net, const graph *g, const kernels *k, thread_pool *pool, const plan_step *step,
                  bool trains)
{
    *net = (naive_network){.g = g, .k = k, .pool = pool, .step = *step, .trains = trains};
    net->count = g->output_layer + 1;
    net->layers = calloc(net->count, sizeof *net->layers);
    assert_non_null(net->layers);
    for (size_t i = 0; i < net->count; i++) {
        naive_layer *nl = &net->layers[i];
        nl->y = take_memory(tensor_bytes(net, g->layers[i].out));
        nl->dy = take_memory(tensor_bytes(net, g->layers[i].out));
        nl->needs_gradient = needs_gradient(net, i);
        call_memory m;
        prepare_call(net, i, &m);
        check_memory_grows(net, &m);
        if (m.need.saved > 0) nl->saved = take_memory(m.need.saved);
        if (m.need.saved_image > 0) nl->saved_image = take_memory(m.need.saved_image * step->n);
    }
}

void naive_free(naive_network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        free(net->layers[i].y);
        free(net->layers[i].dy);
        free(net->layers[i].saved);
        free(net->layers[i].saved_image);
    }
    free(net->layers);
}

float *naive_input(naive_network *net)
{
    return net->layers[0].y;
}

float *naive_output(naive_network *net)
{
    return net->layers[net->count - 1].y;
}

float *naive_output_gradient(naive_network *net)
{
    return net->layers[net->count - 1].dy;
}

float *naive_input_gradient(naive_network *net)
{
    return net->layers[0].dy;
}

static void forward_layer(naive_network *net, size_t i)
{
    call_memory m;
    prepare_call(net, i, &m);
    const layer *l = m.call.layer;
    if (has(l, LAYER_SAME_BYTES)) {
        memcpy(m.call.y, m.x[0], tensor_bytes(net, l->out));
        return;
    }
    m.call.workspace = take_memory(m.need.forward_workspace + m.need.packed); // it packs for itself
    if (m.call.training && l->type->gather_forward) l->type->gather_forward(&m.call);
    l->type->forward(&m.call);
    free(m.call.workspace);
}

void naive_forward(naive_network *net)
{
    for (size_t i = 1; i < net->count; i++)
        forward_layer(net, i);
}

// Backward sees what the layer's contract asks for, and nothing else.
static void run_backward(call_memory *m)
{
    const layer *l = m->call.layer;
    for (size_t input = 0; input < l->input_count; input++)
        if (!has(l, LAYER_KEEPS_INPUT)) m->x[input] = NULL;
    if (!has(l, LAYER_KEEPS_OUTPUT)) m->call.y = NULL;
    m->call.workspace = take_memory(m->need.backward_workspace);
    if (l->type->gather_backward) l->type->gather_backward(&m->call);
    l->type->backward(&m->call);
    free(m->call.workspace);
}

// What layer i gives to one of its inputs is the first part of that input's gradient, or added to it.
static void give_part(naive_network *net, size_t source, float *part, bool *begun)
{
    naive_layer *nl = &net->layers[source];
    size_t count = tensor_bytes(net, net->g->layers[source].out) / sizeof(float);
    for (size_t e = 0; e < count; e++)
        nl->dy[e] = begun[source] ? nl->dy[e] + part[e] : part[e];
    begun[source] = true;
    free(part);
}

static void backward_layer(naive_network *net, size_t i, bool *begun)
{
    if (!net->layers[i].needs_gradient) return;
    call_memory m;
    prepare_call(net, i, &m);
    const layer *l = m.call.layer;
    for (size_t input = 0; input < l->input_count; input++)
        if (net->layers[l->inputs[input]].needs_gradient) m.dx[input] = take_memory(tensor_bytes(net, m.in[input]));
    m.call.dy = net->layers[i].dy;
    if (!has(l, LAYER_SAME_BYTES))
        run_backward(&m);
    else if (m.dx[0])
        memcpy(m.dx[0], m.call.dy, tensor_bytes(net, l->out));
    for (size_t input = 0; input < l->input_count; input++)
        if (m.dx[input]) give_part(net, l->inputs[input], m.dx[input], begun);
}

void naive_backward(naive_network *net)
{
    bool *begun = calloc(net->count, sizeof *begun);
    assert_non_null(begun);
    for (size_t i = net->count; i-- > 1;)
        backward_layer(net, i, begun);
    free(begun);
}
