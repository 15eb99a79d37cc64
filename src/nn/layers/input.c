// The images. Its shape is filled by the graph builder, from the text or from the data.
#include "nn/layers/shared.h"

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    (void)l;
    (void)in;
    (void)error;
    return SILMA_OK;
}

static void describe_input(const layer *l, char *text, size_t size)
{
    *text = '\0';
    if (l->out.flat) {
        describe(text, size, "%d", l->out.c);
    } else {
        describe(text, size, "%dx%dx%d", l->out.h, l->out.w, l->out.c);
    }
}

const layer_type layer_input = {
    .name = "input",
    .synopsis = "input HxWxC | input N | input auto",
    .parse = parse_nothing,
    .resolve = resolve,
    .describe = describe_input,
};
