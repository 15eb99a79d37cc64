// A window that slides over an image: what conv, maxpool and avgpool have in common.
#ifndef SILMA_NN_LAYERS_WINDOW_H
#define SILMA_NN_LAYERS_WINDOW_H

#include "core/private.h"
#include "nn/layer.h"

typedef enum padding_kind {
    PADDING_VALID = 0, // none: the window stays inside the image
    PADDING_SAME,      // as much as makes the output ceil(input / stride) large
    PADDING_EXPLICIT,  // as given by pad=
} padding_kind;

typedef struct window {
    int kh, kw;
    int stride_h, stride_w;
    padding_kind padding;
    int top, left, bottom, right; // PADDING_EXPLICIT only
} window;

// Takes KHxKW, same or valid, stride= and pad=. The stride is `stride` where it is not given, or the window if 0.
silma_status window_parse(window *w, int stride, words *line, silma_error *error) SILMA_PRIVATE_API(window_parse);
// "3x3 same stride=2x2"; what equals the default is left out.
void window_describe(const window *w, int stride, char *text, size_t size);

// The output's height and width; its channels are left alone.
silma_status window_resolve(const window *w, shape in, shape *out, silma_error *error)
    SILMA_PRIVATE_API(window_resolve);
// As the kernels want it.
window_shape window_place(const window *w, int n, shape in, shape out, int groups) SILMA_PRIVATE_API(window_place);

#endif
