// Several layers' outputs side by side, along the channels.
#include "core/error.h"
#include "nn/explain.h"
#include "nn/layers/shared.h"

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    l->out = in[0];
    l->contract = 0;
    for (size_t i = 1; i < l->input_count; i++) {
        if (in[i].h != in[0].h || in[i].w != in[0].w || in[i].flat != in[0].flat) {
            return silma_fail(error, SILMA_BAD_FILE,
                              "what it joins must agree in height and width, but it is given %dx%dx%d and %dx%dx%d",
                              in[0].h, in[0].w, in[0].c, in[i].h, in[i].w, in[i].c);
        }
        if (__builtin_add_overflow(l->out.c, in[i].c, &l->out.c)) {
            return silma_fail(error, SILMA_BAD_FILE, "together its inputs have more channels than can be counted");
        }
    }
    return SILMA_OK;
}

static void forward(const layer_call *call)
{
    const layer *l = call->layer;
    size_t rows = batch_rows(call->n, l->out);
    size_t width = (size_t)l->out.c;
    size_t at = 0;
    for (size_t i = 0; i < l->input_count; i++) {
        size_t c = (size_t)call->in[i].c;
        call->k->copy_columns(call->pool, rows, c, call->x[i], c, 0, call->y, width, at);
        at += c;
    }
}

static void backward(const layer_call *call)
{
    const layer *l = call->layer;
    size_t rows = batch_rows(call->n, l->out);
    size_t width = (size_t)l->out.c;
    size_t at = 0;
    for (size_t i = 0; i < l->input_count; i++) {
        // y[.., at .. at+c) = x[i]
        size_t c = (size_t)call->in[i].c;
        float *dx = call->dx[i];
        if (dx != NULL) call->k->copy_columns(call->pool, rows, c, call->dy, width, at, dx, c, 0);
        at += c;
    }
}

static void explain(const layer *l, const shape *in, explanation *e)
{
    (void)l;
    (void)in;
    e->rule = RULE_COPY;
    e->note = "The inputs lie side by side, along the channels: nothing is computed.";
}

const layer_type layer_concat = {
    .name = "concat",
    .synopsis = "concat NAME... (one name: the layer before and NAME; several: exactly these)",
    .joins = true,
    .parse = parse_nothing, // the graph builder has taken the names
    .resolve = resolve,
    .describe = describe_nothing,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};
