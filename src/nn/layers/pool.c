// Pooling (section 3.5.2 of the thesis, eq. 72-79): maxpool and avgpool with any window, stride and padding, and
// globalavgpool, whose window is the image.
#include "nn/explain.h"
#include "nn/layers/shared.h"
#include "nn/layers/window.h"

#include <stdint.h>

enum { CHOSEN_MAX = UINT8_MAX + 1 }; // positions in a window that the kernels' `chosen` can tell apart

static silma_status parse(layer *l, words *line, silma_error *error)
{
    const window *w = l->settings;
    silma_status status = window_parse(l->settings, 0, line, error);
    if (status != SILMA_OK) return status;
    // A window that lay in the padding alone would have no maximum and no average.
    bool inside = w->top < w->kh && w->bottom < w->kh && w->left < w->kw && w->right < w->kw;
    if (inside) return SILMA_OK;
    return words_fail(line, error, "pad must be smaller than the window of %dx%d", w->kh, w->kw);
}

static silma_status parse_max(layer *l, words *line, silma_error *error)
{
    const window *w = l->settings;
    silma_status status = parse(l, line, error);
    if (status == SILMA_OK && w->kh * w->kw > CHOSEN_MAX) {
        return words_fail(line, error, "a window of %dx%d has more than %d positions", w->kh, w->kw, CHOSEN_MAX);
    }
    return status;
}

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    l->contract = 0;
    l->out.c = in->c;
    return window_resolve(l->settings, *in, &l->out, error);
}

static void describe_pool(const layer *l, char *text, size_t size)
{
    *text = '\0';
    window_describe(l->settings, 0, text, size);
}

static window_shape place(const layer_call *call)
{
    return window_place(call->layer->settings, call->n, call->in[0], call->layer->out, 1);
}

// Backward needs neither x nor y, but where each maximum was.
static void memory_max(const layer *l, const kernels *k, unsigned threads, int n, bool training, const shape *in,
                       layer_memory *need)
{
    (void)k;
    (void)threads;
    (void)n;
    (void)in;
    if (training) need->saved_image = shape_count(l->out) * sizeof(uint8_t);
}

static void forward_max(const layer_call *call)
{
    window_shape s = place(call);
    call->k->maxpool_forward(call->pool, &s, call->x[0], call->y, call->saved_image); // eq. 74
}

static void backward_max(const layer_call *call)
{
    window_shape s = place(call);
    if (call->dx[0] == NULL) return;
    call->k->maxpool_backward(call->pool, &s, call->dy, call->saved_image, call->dx[0]); // eq. 75-76
}

static void forward_average(const layer_call *call)
{
    window_shape s = place(call);
    call->k->avgpool_forward(call->pool, &s, call->x[0], call->y); // eq. 77
}

static void backward_average(const layer_call *call)
{
    window_shape s = place(call);
    if (call->dx[0] == NULL) return;
    call->k->avgpool_backward(call->pool, &s, call->dy, call->dx[0]); // eq. 78-79
}

static const formula MAXIMUM[] = {{"z_{m,n}^{t} = \\max_{p,q} X_{ms-s+p, ns-s+q}^{t}", "74"}, {0}};
static const formula MAXIMUM_INPUT[] = {
    {"\\frac{\\partial E}{\\partial X_{j,k}^{t}} = \\cases{\\delta_{m,n}^{t} & X_{j,k}^{t} \\mathrm{ is the greatest} "
     "\\\\ 0 & "
     "\\mathrm{otherwise}}",
     "75, 76"},
    {0},
};

static void explain_max(const layer *l, const shape *in, explanation *e)
{
    e->rule = RULE_MAXIMUM;
    e->window = window_place(l->settings, 1, *in, l->out, 1);
    e->forward = MAXIMUM;
    e->input = MAXIMUM_INPUT;
}

static const formula MEAN[] = {
    {"z_{m,n}^{t} = \\frac{1}{f^2} \\sum_{p=1}^{f} \\sum_{q=1}^{f} X_{ms-s+p, ns-s+q}^{t}", "77"}, {0}};
static const formula MEAN_INPUT[] = {
    {"\\frac{\\partial E}{\\partial X_{j,k}^{t}} = \\sum \\delta_{m,n}^{t} \\frac{1}{f^2}", "78, 79"}, {0}};

static void explain_average(const layer *l, const shape *in, explanation *e)
{
    e->rule = RULE_MEAN;
    e->window = window_place(l->settings, 1, *in, l->out, 1);
    e->forward = MEAN;
    e->input = MEAN_INPUT;
}

static silma_status resolve_global(layer *l, const shape *in, silma_error *error)
{
    window *w = l->settings;
    *w = (window){.kh = in->h, .kw = in->w, .stride_h = 1, .stride_w = 1};
    silma_status status = resolve(l, in, error);
    l->out.flat = true;
    return status;
}

const layer_type layer_maxpool = {
    .name = "maxpool",
    .synopsis = "maxpool KHxKW [same|valid] [stride=S|SHxSW] [pad=P|PHxPW|T,L,B,R]",
    .settings_size = sizeof(window),
    .parse = parse_max,
    .resolve = resolve,
    .describe = describe_pool,
    .memory = memory_max,
    .forward = forward_max,
    .backward = backward_max,
    .explain = explain_max,
};

const layer_type layer_avgpool = {
    .name = "avgpool",
    .synopsis = "avgpool KHxKW [same|valid] [stride=S|SHxSW] [pad=P|PHxPW|T,L,B,R]",
    .settings_size = sizeof(window),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_pool,
    .forward = forward_average,
    .backward = backward_average,
    .explain = explain_average,
};

const layer_type layer_globalavgpool = {
    .name = "globalavgpool",
    .synopsis = "globalavgpool",
    .settings_size = sizeof(window),
    .parse = parse_nothing,
    .resolve = resolve_global,
    .describe = describe_nothing,
    .forward = forward_average,
    .backward = backward_average,
    .explain = explain_average,
};
