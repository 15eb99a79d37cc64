// Fully connected layer (sections 2.4 and 2.6 of the thesis). An image is a row of x, so the thesis's W is transposed:
//
//     z = x W + b    (eq. 32; eq. 1 for one perceptron)
//     y = f(z)       (eq. 33)
#include "core/error.h"
#include "nn/explain.h"
#include "nn/layers/epilogue.h"
#include "nn/layers/shared.h"

enum { UNITS_MAX = 1 << 24, KERNEL = 0, BIAS = 1 };

typedef struct dense_settings {
    int units;
    bool bias;
    initialiser initial;
} dense_settings;

static silma_status parse(layer *l, words *line, silma_error *error)
{
    dense_settings *dense = l->settings;
    *dense = (dense_settings){.bias = true};
    silma_status status = epilogue_parse(&l->act, line, error);
    if (status == SILMA_OK) status = words_int(line, "UNITS", 1, UNITS_MAX, &dense->units, error);
    if (status == SILMA_OK) status = words_option_bool(line, "bias", &dense->bias, error);
    if (status == SILMA_OK) status = kernel_initialiser_parse(&dense->initial, line, error);
    return status;
}

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    const dense_settings *dense = l->settings;
    if (in->h > 1 || in->w > 1) {
        return silma_fail(error, SILMA_BAD_FILE, "its input is an image of %dx%dx%d; put a line `flatten` before it",
                          in->h, in->w, in->c);
    }
    l->out = (shape){.h = 1, .w = 1, .c = dense->units, .flat = true};
    size_t fan_in = (size_t)in->c;
    size_t units = (size_t)dense->units;
    size_t dims[] = {fan_in, units};
    silma_status status = layer_add_parameter(l, "kernel", true, dense->initial, fan_in, units, 2, dims, error);
    if (status == SILMA_OK && dense->bias) {
        status =
            layer_add_parameter(l, "bias", true, (initialiser){.kind = INITIALISER_CONSTANT}, 0, 0, 1, &units, error);
    }
    // eq. 44 reads x. A product of many rows is faster than several of few.
    l->contract = LAYER_WHOLE_BATCH | LAYER_KEEPS_INPUT | epilogue_contract(l->act);
    l->multiply_adds = (uint64_t)fan_in * units;
    return status;
}

static void add_bias(layer *l)
{
    dense_settings *dense = l->settings;
    dense->bias = true;
}

static void describe_dense(const layer *l, char *text, size_t size)
{
    const dense_settings *dense = l->settings;
    *text = '\0';
    describe(text, size, "%d", dense->units);
    epilogue_describe(l->act, text, size);
    if (!dense->bias) describe(text, size, " bias=no");
    kernel_initialiser_describe(dense->initial, text, size);
}

// The three products, as sizes only; forward and backward add the pointers.
typedef struct products {
    matmul_task z, dw, dx;
} products;

static products products_of(const layer *l, int n, shape in)
{
    size_t images = (size_t)n;
    size_t inputs = (size_t)in.c;
    size_t units = (size_t)l->out.c;
    return (products){
        .z = {.m = images, .n = units, .k = inputs, .act = epilogue_fused(l->act)}, // z = x W
        .dw = {.m = inputs, .n = units, .k = images, .transpose_a = true},          // dW = x^T dz
        .dx = {.m = images, .n = inputs, .k = units, .transpose_b = true},          // dx = dz W^T
    };
}

static void memory(const layer *l, const kernels *k, unsigned threads, int n, bool training, const shape *in,
                   layer_memory *need)
{
    products tasks = products_of(l, n, *in);
    need->forward_workspace = k->matmul_workspace(&tasks.z, threads);
    if (!training) return;
    need->saved_image = epilogue_saved_image(l);
    need->backward_workspace = k->column_sums_workspace((size_t)n, (size_t)l->out.c, threads);
    need->backward_workspace = larger(need->backward_workspace, k->matmul_workspace(&tasks.dw, threads));
    need->backward_workspace = larger(need->backward_workspace, k->matmul_workspace(&tasks.dx, threads));
}

static void forward(const layer_call *call)
{
    const dense_settings *dense = call->layer->settings;
    matmul_task task = products_of(call->layer, call->n, call->in[0]).z;
    task.a = call->x[0];
    task.b = layer_values(call, KERNEL);
    task.bias = dense->bias ? layer_values(call, BIAS) : NULL;
    task.c = call->y;
    task.pre_activation = call->saved_image;
    call->k->matmul(call->pool, &task, call->workspace);
    epilogue_forward(call);
}

static void backward(const layer_call *call)
{
    const layer *l = call->layer;
    const dense_settings *dense = l->settings;
    const kernels *k = call->k;
    products tasks = products_of(l, call->n, call->in[0]);
    // y = f(z): the local gradient of eq. 40 and 43
    const float *dz = epilogue_backward(call);
    // z += b
    if (dense->bias) {
        k->column_sums(call->pool, (size_t)call->n, (size_t)l->out.c, dz, layer_gradient(call, BIAS), call->workspace);
    }
    // z = x W: dW = x^T dz (eq. 41, 44)
    tasks.dw.a = call->x[0];
    tasks.dw.b = dz;
    tasks.dw.c = layer_gradient(call, KERNEL);
    k->matmul(call->pool, &tasks.dw, call->workspace);
    if (call->dx[0] == NULL) return;
    // dx = dz W^T (eq. 42)
    tasks.dx.a = dz;
    tasks.dx.b = layer_values(call, KERNEL);
    tasks.dx.c = call->dx[0];
    k->matmul(call->pool, &tasks.dx, call->workspace);
}

static const formula FORWARD[] = {{"z_j = \\sum_{i} w_{j,i} x_i + b_j", "1, 9, 36"}, {0}};
static const formula PARAMETERS[] = {
    {"\\frac{\\partial E}{\\partial w_{j,i}} = \\frac{\\partial E}{\\partial z_j} \\frac{\\partial z_j}{\\partial "
     "w_{j,i}} = "
     "\\delta_j x_i",
     "39, 44"},
    {"\\frac{\\partial E}{\\partial b_j} = \\delta_j", NULL},
    {0},
};
static const formula INPUT[] = {{"\\frac{\\partial E}{\\partial x_i} = \\sum_{j} w_{j,i} \\delta_j", "42"}, {0}};

static void explain(const layer *l, const shape *in, explanation *e)
{
    e->rule = RULE_SUM;
    e->window = (window_shape){.n = 1, .h = 1, .w = 1, .c = in->c, .oh = 1, .ow = 1, .oc = l->out.c};
    e->window.kh = e->window.kw = e->window.stride_h = e->window.stride_w = e->window.groups = 1;
    e->act = l->act;
    e->forward = FORWARD;
    e->parameters = PARAMETERS;
    e->input = INPUT;
}

const layer_type layer_dense = {
    .name = "dense",
    .synopsis = "dense UNITS|classes [ACTIVATION] [bias=no] [init=NAME]",
    .settings_size = sizeof(dense_settings),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_dense,
    .add_bias = add_bias,
    .memory = memory,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};
