// Dropout (section 3.2.4 of the thesis): in training each value is dropped with the given ratio, and the others are
// divided by the keeping ratio, so that sums stay on the same scale; at inference it does nothing.
#include "nn/explain.h"
#include "nn/layers/shared.h"

#include <string.h>

enum { STEPS = 1 << 16 }; // the kernel compares 16 random bits

typedef struct dropout_settings {
    float rate;
} dropout_settings;

static silma_status parse(layer *l, words *line, silma_error *error)
{
    dropout_settings *dropout = l->settings;
    return words_float(line, "RATE", 0.0, 0.999, &dropout->rate, error);
}

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    (void)error;
    l->out = *in;
    l->contract = LAYER_IN_PLACE | LAYER_GRADIENT_IN_PLACE;
    return SILMA_OK;
}

static void describe_dropout(const layer *l, char *text, size_t size)
{
    const dropout_settings *dropout = l->settings;
    *text = '\0';
    describe_number(text, size, dropout->rate);
}

// y = x * mask / keeping ratio, and dx = dy * mask / keeping ratio: the mask is a function of seed, lane and step.
static void drop(const layer_call *call, const float *from, float *to)
{
    const dropout_settings *dropout = call->layer->settings;
    size_t count = (size_t)call->n * shape_count(call->layer->out);
    uint32_t threshold = call->training ? (uint32_t)(dropout->rate * STEPS + 0.5f) : 0;
    if (threshold > 0) {
        float scale = (float)STEPS / (float)(STEPS - threshold);
        uint64_t first = call->first_image * shape_count(call->layer->out);
        call->k->dropout(call->pool, count, first, call->seed, call->lane, call->step, threshold, scale, from, to);
    } else if (to != from) {
        memcpy(to, from, count * sizeof *to);
    }
}

static void forward(const layer_call *call)
{
    drop(call, call->x[0], call->y);
}

static void backward(const layer_call *call)
{
    if (call->dx[0] != NULL) drop(call, call->dy, call->dx[0]);
}

static const formula FORWARD[] = {
    {"y = \\cases{\\frac{x}{1 - p} & \\mathrm{kept} \\\\ 0 & \\mathrm{dropped}}", "section 3.2.4"}, {0}};
static const formula INPUT[] = {
    {"\\frac{\\partial E}{\\partial x} = \\cases{\\frac{1}{1 - p} \\frac{\\partial E}{\\partial y} & \\mathrm{kept} "
     "\\\\ 0 & "
     "\\mathrm{dropped}}",
     NULL},
    {0},
};

static void explain(const layer *l, const shape *in, explanation *e)
{
    (void)l;
    (void)in;
    e->rule = RULE_SCALE;
    e->forward = FORWARD;
    e->input = INPUT;
    e->note = "As in training: what is dropped is drawn at random. Predictions keep everything.";
}

const layer_type layer_dropout = {
    .name = "dropout",
    .synopsis = "dropout RATE",
    .settings_size = sizeof(dropout_settings),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_dropout,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};
