// Convolution (sections 3.2.1, 3.4 and 3.5.1 of the thesis):
//
//     z[m,n,t] = sum over i,j,c of x[m*stride + i - pad, n*stride + j - pad, c] F[i,j,c,t] + b[t]   (eq. 59)
//     y = f(z)
//
// With groups, output channel t sees only the input channels of its own group (AlexNet's two halves).
#include "core/error.h"
#include "nn/explain.h"
#include "nn/layers/epilogue.h"
#include "nn/layers/shared.h"
#include "nn/layers/window.h"

enum { FILTERS_MAX = 1 << 16, KERNEL = 0, BIAS = 1 };

typedef struct conv_settings {
    int filters;
    int groups;
    window window;
    bool bias;
    initialiser initial;
} conv_settings;

static silma_status parse(layer *l, words *line, silma_error *error)
{
    conv_settings *conv = l->settings;
    *conv = (conv_settings){.groups = 1, .bias = true};
    silma_status status = epilogue_parse(&l->act, line, error);
    if (status == SILMA_OK) status = words_int(line, "FILTERS", 1, FILTERS_MAX, &conv->filters, error);
    if (status == SILMA_OK) status = window_parse(&conv->window, 1, line, error);
    if (status == SILMA_OK) status = words_option_int(line, "groups", 1, FILTERS_MAX, &conv->groups, error);
    if (status == SILMA_OK) status = words_option_bool(line, "bias", &conv->bias, error);
    if (status == SILMA_OK) status = kernel_initialiser_parse(&conv->initial, line, error);
    return status;
}

static silma_status add_parameters(layer *l, size_t channels, silma_error *error)
{
    const conv_settings *conv = l->settings;
    size_t area = (size_t)conv->window.kh * (size_t)conv->window.kw;
    size_t filters = (size_t)conv->filters;
    size_t dims[] = {(size_t)conv->window.kh, (size_t)conv->window.kw, channels, filters};
    silma_status status =
        layer_add_parameter(l, "kernel", true, conv->initial, area * channels, area * filters, 4, dims, error);
    if (status != SILMA_OK || !conv->bias) return status;
    return layer_add_parameter(l, "bias", true, (initialiser){.kind = INITIALISER_CONSTANT}, 0, 0, 1, &filters, error);
}

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    const conv_settings *conv = l->settings;
    if (in->c % conv->groups != 0 || conv->filters % conv->groups != 0) {
        return silma_fail(error, SILMA_BAD_FILE, "groups=%d must divide the input's %d channels and the %d filters",
                          conv->groups, in->c, conv->filters);
    }
    l->out.c = conv->filters;
    silma_status status = window_resolve(&conv->window, *in, &l->out, error);
    if (status == SILMA_OK) status = add_parameters(l, (size_t)(in->c / conv->groups), error);
    if (status != SILMA_OK) return status;

    l->contract = LAYER_KEEPS_INPUT | epilogue_contract(l->act); // eq. 67 reads x
    if (__builtin_mul_overflow((uint64_t)l->parameters[KERNEL].count, (uint64_t)batch_rows(1, l->out),
                               &l->multiply_adds)) {
        return silma_fail(error, SILMA_BAD_FILE, "the convolution is larger than can be computed");
    }
    return SILMA_OK;
}

static void add_bias(layer *l)
{
    conv_settings *conv = l->settings;
    conv->bias = true;
}

static void describe_conv(const layer *l, char *text, size_t size)
{
    const conv_settings *conv = l->settings;
    *text = '\0';
    describe(text, size, "%d ", conv->filters);
    window_describe(&conv->window, 1, text, size);
    epilogue_describe(l->act, text, size);
    if (conv->groups > 1) describe(text, size, " groups=%d", conv->groups);
    if (!conv->bias) describe(text, size, " bias=no");
    kernel_initialiser_describe(conv->initial, text, size);
}

static window_shape place(const layer *l, int n, shape in)
{
    const conv_settings *conv = l->settings;
    return window_place(&conv->window, n, in, l->out, conv->groups);
}

static void memory(const layer *l, const kernels *k, unsigned threads, int n, bool training, const shape *in,
                   layer_memory *need)
{
    window_shape s = place(l, n, *in);
    need->forward_workspace = k->conv_forward_workspace(&s, threads);
    if (!training) {
        need->packed = k->conv_pack ? k->conv_packed_bytes(&s) : 0;
        need->forward_workspace -= need->packed;
        return;
    }
    need->saved_image = epilogue_saved_image(l);
    need->backward_workspace = k->column_sums_workspace(batch_rows(n, l->out), (size_t)l->out.c, threads);
    need->backward_workspace = larger(need->backward_workspace, k->conv_backward_filter_workspace(&s, threads));
    need->backward_workspace = larger(need->backward_workspace, k->conv_backward_input_workspace(&s, threads));
}

static const float *bias_of(const layer_call *call)
{
    const conv_settings *conv = call->layer->settings;
    return conv->bias ? layer_values(call, BIAS) : NULL;
}

static void pack(const layer_call *call)
{
    window_shape s = place(call->layer, call->n, call->in[0]);
    call->k->conv_pack(call->pool, &s, layer_values(call, KERNEL), bias_of(call), call->packed);
}

static void forward(const layer_call *call)
{
    const layer *l = call->layer;
    const kernels *k = call->k;
    window_shape s = place(l, call->n, call->in[0]);
    if (call->packed)
        k->conv_forward_packed(call->pool, &s, call->x[0], call->packed, bias_of(call), epilogue_fused(l->act),
                               call->saved_image, call->y, call->workspace);
    else
        k->conv_forward(call->pool, &s, call->x[0], layer_values(call, KERNEL), bias_of(call), epilogue_fused(l->act),
                        call->saved_image, call->y, call->workspace);
    epilogue_forward(call);
}

static void backward(const layer_call *call)
{
    const layer *l = call->layer;
    const conv_settings *conv = l->settings;
    const kernels *k = call->k;
    window_shape s = place(l, call->n, call->in[0]);
    // y = f(z): the local gradient of eq. 63
    const float *dz = epilogue_backward(call);
    // z += b
    if (conv->bias) {
        k->column_sums(call->pool, batch_rows(call->n, l->out), (size_t)l->out.c, dz, layer_gradient(call, BIAS),
                       call->workspace);
    }
    // z = x * F: dF = x * dz (eq. 64-68), dx = dz * flip(F) (eq. 69-71)
    k->conv_backward_filter(call->pool, &s, call->x[0], dz, layer_gradient(call, KERNEL), call->workspace);
    if (call->dx[0] == NULL) return;
    k->conv_backward_input(call->pool, &s, dz, layer_values(call, KERNEL), call->dx[0], call->workspace);
}

static const formula FORWARD[] = {
    {"z_{m,n}^{t} = \\sum_{i=1}^{f} \\sum_{j=1}^{f} \\sum_{c=1}^{n_c} X_{m+i-1, n+j-1, c} F_{i,j,c}^{t} + b^t", "59"},
    {0},
};
// With a stride s or padding p.
static const formula FORWARD_PLACED[] = {
    {"z_{m,n}^{t} = \\sum_{i} \\sum_{j} \\sum_{c} X_{(m-1)s+i-p, (n-1)s+j-p, c} F_{i,j,c}^{t} + b^t", "59"},
    {0},
};
static const formula PARAMETERS[] = {
    {"\\frac{\\partial E}{\\partial w_{i,j,c}^{t}} = \\sum_{m=1}^{M} \\sum_{n=1}^{N} \\delta_{m,n}^{t} X_{i+m-1, "
     "j+n-1, c}",
     "67, 68"},
    {"\\frac{\\partial E}{\\partial b^t} = \\sum_{m=1}^{M} \\sum_{n=1}^{N} \\delta_{m,n}^{t}", NULL},
    {0},
};
static const formula PARAMETERS_PLACED[] = {
    {"\\frac{\\partial E}{\\partial w_{i,j,c}^{t}} = \\sum_{m} \\sum_{n} \\delta_{m,n}^{t} X_{(m-1)s+i-p, (n-1)s+j-p, "
     "c}",
     "67, 68"},
    {"\\frac{\\partial E}{\\partial b^t} = \\sum_{m} \\sum_{n} \\delta_{m,n}^{t}", NULL},
    {0},
};
static const formula INPUT[] = {
    {"\\frac{\\partial E}{\\partial X_{k,l,c}} = \\sum_{t} \\sum_{i} \\sum_{j} \\delta_{k-i+1, l-j+1}^{t} "
     "F_{i,j,c}^{t} = "
     "(\\delta * \\mathrm{flip}(F))_{k,l,c}",
     "69–71"},
    {0},
};
static const formula INPUT_PLACED[] = {
    {"\\frac{\\partial E}{\\partial X_{k,l,c}} = \\sum_{t} \\sum_{m,n} \\delta_{m,n}^{t} F_{k-(m-1)s+p, l-(n-1)s+p, "
     "c}^{t}",
     "69–71"},
    {0},
};

static void explain(const layer *l, const shape *in, explanation *e)
{
    const conv_settings *conv = l->settings;
    window_shape s = place(l, 1, *in);
    bool plain = s.stride_h == 1 && s.stride_w == 1 && s.pad_top == 0 && s.pad_left == 0 && conv->groups == 1;
    e->rule = RULE_SUM;
    e->window = s;
    e->act = l->act;
    e->forward = plain ? FORWARD : FORWARD_PLACED;
    e->parameters = plain ? PARAMETERS : PARAMETERS_PLACED;
    e->input = plain ? INPUT : INPUT_PLACED;
}

const layer_type layer_conv = {
    .name = "conv",
    .synopsis = "conv FILTERS KHxKW [same|valid] [ACTIVATION] [stride=S|SHxSW] [pad=P|PHxPW|T,L,B,R] [groups=G] "
                "[bias=no] [init=NAME]",
    .settings_size = sizeof(conv_settings),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_conv,
    .add_bias = add_bias,
    .memory = memory,
    .pack = pack,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};
