// The sum of several layers' outputs: where a residual branch joins.
#include "core/error.h"
#include "nn/explain.h"
#include "nn/layers/shared.h"

#include <string.h>

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    l->out = in[0];
    l->contract = LAYER_IN_PLACE | LAYER_GRADIENT_IN_PLACE;
    for (size_t i = 1; i < l->input_count; i++) {
        if (in[i].h == in[0].h && in[i].w == in[0].w && in[i].c == in[0].c && in[i].flat == in[0].flat) continue;
        return silma_fail(error, SILMA_BAD_FILE,
                          "what it adds must have one shape, but it is given %dx%dx%d and %dx%dx%d", in[0].h, in[0].w,
                          in[0].c, in[i].h, in[i].w, in[i].c);
    }
    return SILMA_OK;
}

static void forward(const layer_call *call)
{
    size_t count = (size_t)call->n * shape_count(call->layer->out);
    const float *sum = call->x[0];
    for (size_t i = 1; i < call->layer->input_count; i++) {
        call->k->add(call->pool, count, sum, call->x[i], call->y);
        sum = call->y;
    }
}

static void backward(const layer_call *call)
{
    // y = x0 + x1 + ...
    size_t count = (size_t)call->n * shape_count(call->layer->out);
    for (size_t i = 0; i < call->layer->input_count; i++) {
        float *dx = call->dx[i];
        if (dx != NULL && dx != call->dy) memcpy(dx, call->dy, count * sizeof *dx);
    }
}

static const formula FORWARD[] = {{"y = x_1 + x_2 + \\dots", NULL}, {0}};
static const formula INPUT[] = {{"\\frac{\\partial E}{\\partial x_k} = \\frac{\\partial E}{\\partial y}", NULL}, {0}};

static void explain(const layer *l, const shape *in, explanation *e)
{
    (void)l;
    (void)in;
    e->rule = RULE_ADD;
    e->forward = FORWARD;
    e->input = INPUT;
}

const layer_type layer_add = {
    .name = "add",
    .synopsis = "add NAME... (one name: the layer before and NAME; several: exactly these)",
    .joins = true,
    .parse = parse_nothing, // the graph builder has taken the names
    .resolve = resolve,
    .describe = describe_nothing,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};
