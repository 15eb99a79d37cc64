// PReLU (section 2.2.4 of the thesis): leaky ReLU whose slope is learnt, one for each channel:
//
//     y = max(0, x) + slope min(0, x),    dy/dslope = 0 if x > 0, otherwise x    (eq. 18)
#include "nn/explain.h"
#include "nn/layers/shared.h"

enum { SLOPE = 0 };

typedef struct prelu_settings {
    float slope; // at the start
} prelu_settings;

static const float DEFAULT_SLOPE = 0.25f;

static silma_status parse(layer *l, words *line, silma_error *error)
{
    prelu_settings *prelu = l->settings;
    prelu->slope = DEFAULT_SLOPE;
    return words_option_float(line, "slope", -1e6, 1e6, &prelu->slope, error);
}

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    const prelu_settings *prelu = l->settings;
    size_t c = (size_t)in->c;
    l->out = *in;
    l->contract = LAYER_KEEPS_INPUT; // a slope may become negative: y does not tell the sign of x
    initialiser initial = {.kind = INITIALISER_CONSTANT, .value = prelu->slope};
    return layer_add_parameter(l, "slope", true, initial, 0, 0, 1, &c, error);
}

static void describe_prelu(const layer *l, char *text, size_t size)
{
    const prelu_settings *prelu = l->settings;
    *text = '\0';
    if (prelu->slope != DEFAULT_SLOPE) describe_float(text, size, "slope", prelu->slope);
}

static void memory(const layer *l, const kernels *k, unsigned threads, int n, bool training, const shape *in,
                   layer_memory *need)
{
    (void)l;
    if (training) need->backward_workspace = k->column_sums_workspace(batch_rows(n, *in), (size_t)in->c, threads);
}

static void forward(const layer_call *call)
{
    const shape *in = &call->in[0];
    call->k->prelu_forward(call->pool, batch_rows(call->n, *in), (size_t)in->c, call->x[0], layer_values(call, SLOPE),
                           call->y);
}

static void backward(const layer_call *call)
{
    const shape *in = &call->in[0];
    float *dx = call->dx[0] != NULL ? call->dx[0] : call->dy; // wanted by nobody: dy is free to be used up
    // y = max(0, x) + slope min(0, x)
    call->k->prelu_backward(call->pool, batch_rows(call->n, *in), (size_t)in->c, call->x[0], layer_values(call, SLOPE),
                            call->dy, dx, layer_gradient(call, SLOPE), call->workspace);
}

static const formula FORWARD[] = {{"y = \\max(0, x) + b \\min(0, x)", "15, 16"}, {0}};
static const formula PARAMETERS[] = {
    {"\\frac{\\partial E}{\\partial b} = \\sum_{m,n} \\frac{\\partial E}{\\partial y_{m,n}} \\min(0, x_{m,n})", "18"},
    {0}};
static const formula INPUT[] = {
    {"\\frac{\\partial E}{\\partial x} = \\frac{\\partial E}{\\partial y} \\cases{1 & x > 0 \\\\ b & x < 0}", "17"},
    {0}};

static void explain(const layer *l, const shape *in, explanation *e)
{
    (void)l;
    (void)in;
    e->rule = RULE_SLOPE;
    e->forward = FORWARD;
    e->parameters = PARAMETERS;
    e->input = INPUT;
}

const layer_type layer_prelu = {
    .name = "prelu",
    .synopsis = "prelu [slope=0.25]",
    .settings_size = sizeof(prelu_settings),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_prelu,
    .memory = memory,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};
