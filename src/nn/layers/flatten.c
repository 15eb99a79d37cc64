// An image as a vector. The bytes stay where they are: only the shape changes.
#include "nn/explain.h"
#include "nn/layers/shared.h"

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    (void)error;
    l->out = (shape){.h = 1, .w = 1, .c = (int)shape_count(*in), .flat = true};
    l->contract = LAYER_SAME_BYTES;
    return SILMA_OK;
}

static void explain(const layer *l, const shape *in, explanation *e)
{
    (void)l;
    (void)in;
    e->rule = RULE_COPY;
    e->note = "The image becomes a vector, row by row, each pixel's channels together: nothing is computed.";
}

const layer_type layer_flatten = {
    .name = "flatten",
    .synopsis = "flatten",
    .parse = parse_nothing,
    .resolve = resolve,
    .describe = describe_nothing,
    .explain = explain,
};
