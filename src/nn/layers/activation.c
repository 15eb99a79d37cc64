// The activations of section 2.2 of the thesis as layers of their own: y = f(x).
#include "nn/explain.h"
#include "nn/layers/epilogue.h"
#include "nn/layers/shared.h"

static silma_status parse(layer *l, words *line, silma_error *error)
{
    activation *act = l->settings;
    if (!activation_find(l->type->name, &act->kind)) { // a type is called like its activation
        return words_fail(line, error, "'%s' is no activation", l->type->name);
    }
    return activation_parse_parameter(act, line, error);
}

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    (void)error;
    const activation *act = l->settings;
    bool from_output = activation_derivative_from_output(act->kind);
    l->out = *in;
    if (act->kind == ACTIVATION_LINEAR) {
        l->contract = LAYER_SAME_BYTES;
    } else {
        l->contract = LAYER_IN_PLACE | LAYER_GRADIENT_IN_PLACE | (from_output ? LAYER_KEEPS_OUTPUT : LAYER_KEEPS_INPUT);
    }
    return SILMA_OK;
}

static void describe_activation(const layer *l, char *text, size_t size)
{
    const activation *act = l->settings;
    *text = '\0';
    activation_describe_parameter(*act, text, size);
}

static void forward(const layer_call *call)
{
    const activation *act = call->layer->settings;
    size_t count = (size_t)call->n * shape_count(call->layer->out);
    call->k->activation_forward(call->pool, *act, count, call->x[0], call->y);
}

static void backward(const layer_call *call)
{
    const activation *act = call->layer->settings;
    size_t count = (size_t)call->n * shape_count(call->layer->out);
    if (call->dx[0] == NULL) return;
    // y = f(x): dx = dy f'(x), from y or from x as the contract says
    call->k->activation_backward(call->pool, *act, count, call->x[0], call->y, call->dy, call->dx[0]);
}

static const formula FORWARD[] = {{"y = f(x)", "10"}, {0}};
static const formula INPUT[] = {{"\\frac{\\partial E}{\\partial x} = \\frac{\\partial E}{\\partial y} f'(x)", "43"},
                                {0}};

static void explain(const layer *l, const shape *in, explanation *e)
{
    (void)in;
    const activation *act = l->settings;
    e->rule = RULE_FUNCTION;
    e->act = *act;
    e->forward = FORWARD;
    e->input = INPUT;
}

// Softmax is not elementwise: each pixel's channels form a distribution (eq. 21-25).
static void forward_softmax(const layer_call *call)
{
    const shape *out = &call->layer->out;
    call->k->softmax_forward(call->pool, batch_rows(call->n, *out), (size_t)out->c, call->x[0], call->y);
}

static void backward_softmax(const layer_call *call)
{
    const shape *out = &call->layer->out;
    if (call->dx[0] == NULL) return;
    call->k->softmax_backward(call->pool, batch_rows(call->n, *out), (size_t)out->c, call->y, call->dy, call->dx[0]);
}

const layer_type layer_linear = {
    .name = "linear",
    .synopsis = "linear",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_relu = {
    .name = "relu",
    .synopsis = "relu",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_leaky_relu = {
    .name = "leaky_relu",
    .synopsis = "leaky_relu [slope=0.01]",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_elu = {
    .name = "elu",
    .synopsis = "elu [alpha=1]",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_sigmoid = {
    .name = "sigmoid",
    .synopsis = "sigmoid",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_tanh = {
    .name = "tanh",
    .synopsis = "tanh",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_gelu = {
    .name = "gelu",
    .synopsis = "gelu",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_silu = {
    .name = "silu",
    .synopsis = "silu",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};

const layer_type layer_softmax = {
    .name = "softmax",
    .synopsis = "softmax",
    .settings_size = sizeof(activation),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_activation,
    .forward = forward_softmax,
    .backward = backward_softmax,
    .explain = explain,
};
