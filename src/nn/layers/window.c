#include "nn/layers/window.h"

#include "core/error.h"
#include "nn/layers/shared.h"

#include <stdio.h>
#include <string.h>

enum { WINDOW_MAX = 1024, PADS = 4 };

// pad=P, pad=PHxPW or pad=T,L,B,R.
static silma_status parse_pad(window *w, const char *text, const words *line, silma_error *error)
{
    w->padding = PADDING_EXPLICIT;
    if (strchr(text, ',') == NULL) {
        silma_status status = words_pair(line, "pad", text, 0, WINDOW_MAX, &w->top, &w->left, error);
        w->bottom = w->top;
        w->right = w->left;
        return status;
    }
    long long sides[PADS];
    const char *rest = text;
    for (int i = 0; i < PADS; i++) {
        char number[8];
        size_t length = strcspn(rest, ",");
        snprintf(number, sizeof number, "%.*s", length < sizeof number ? (int)length : 0, rest);
        bool last = rest[length] == '\0';
        if (last != (i == PADS - 1) || !parse_long(number, 0, WINDOW_MAX, &sides[i])) {
            return words_fail(line, error, "pad must be P, PHxPW or TOP,LEFT,BOTTOM,RIGHT, each from 0 to %d, not '%s'",
                              WINDOW_MAX, text);
        }
        rest += length + 1; // beyond the end after the last one, and then not read
    }
    w->top = (int)sides[0];
    w->left = (int)sides[1];
    w->bottom = (int)sides[2];
    w->right = (int)sides[3];
    return SILMA_OK;
}

silma_status window_parse(window *w, int stride, words *line, silma_error *error)
{
    bool same = words_flag(line, "same");
    bool valid = words_flag(line, "valid");
    const char *pad = words_option(line, "pad");
    const char *strides = words_option(line, "stride");
    const char *size = words_next(line);
    if (size == NULL) return words_fail(line, error, "the window's size KHxKW is missing");
    silma_status status = words_pair(line, "the window", size, 1, WINDOW_MAX, &w->kh, &w->kw, error);
    if (status != SILMA_OK) return status;

    w->stride_h = stride > 0 ? stride : w->kh;
    w->stride_w = stride > 0 ? stride : w->kw;
    if (strides != NULL) {
        status = words_pair(line, "stride", strides, 1, WINDOW_MAX, &w->stride_h, &w->stride_w, error);
        if (status != SILMA_OK) return status;
    }
    if (same + valid + (pad != NULL) > 1) {
        return words_fail(line, error, "only one of same, valid and pad= can hold");
    }
    w->padding = same ? PADDING_SAME : PADDING_VALID;
    return pad == NULL ? SILMA_OK : parse_pad(w, pad, line, error);
}

void window_describe(const window *w, int stride, char *text, size_t size)
{
    describe(text, size, "%dx%d", w->kh, w->kw);
    if (w->padding == PADDING_SAME) describe(text, size, " same");
    bool usual =
        stride > 0 ? w->stride_h == stride && w->stride_w == stride : w->stride_h == w->kh && w->stride_w == w->kw;
    if (!usual && w->stride_h == w->stride_w) describe(text, size, " stride=%d", w->stride_h);
    if (!usual && w->stride_h != w->stride_w) describe(text, size, " stride=%dx%d", w->stride_h, w->stride_w);
    if (w->padding != PADDING_EXPLICIT) return;
    if (w->top != w->bottom || w->left != w->right) {
        describe(text, size, " pad=%d,%d,%d,%d", w->top, w->left, w->bottom, w->right);
    } else if (w->top != w->left) {
        describe(text, size, " pad=%dx%d", w->top, w->left);
    } else {
        describe(text, size, " pad=%d", w->top);
    }
}

// Keras's rule: ceil(x/s) outputs; the odd pixel of padding goes to the bottom and right.
static int same_output(int x, int stride)
{
    return (x - 1) / stride + 1;
}

static int same_pad_before(int x, int k, int stride)
{
    int total = (same_output(x, stride) - 1) * stride + k - x;
    return total > 0 ? total / 2 : 0;
}

silma_status window_resolve(const window *w, shape in, shape *out, silma_error *error)
{
    if (in.flat) {
        return silma_fail(error, SILMA_BAD_FILE,
                          "it needs an image (height, width, channels), but its input is a vector of %d values", in.c);
    }
    out->flat = false;
    if (w->padding == PADDING_SAME) {
        out->h = same_output(in.h, w->stride_h);
        out->w = same_output(in.w, w->stride_w);
        return SILMA_OK;
    }
    int h = in.h + w->top + w->bottom;
    int width = in.w + w->left + w->right;
    if (h < w->kh || width < w->kw) {
        return silma_fail(error, SILMA_BAD_FILE,
                          "a window of %dx%d does not fit into its input of %dx%d%s; take a smaller one, or same",
                          w->kh, w->kw, h, width, w->padding == PADDING_EXPLICIT ? ", padding included" : "");
    }
    out->h = (h - w->kh) / w->stride_h + 1;
    out->w = (width - w->kw) / w->stride_w + 1;
    return SILMA_OK;
}

window_shape window_place(const window *w, int n, shape in, shape out, int groups)
{
    bool same = w->padding == PADDING_SAME;
    return (window_shape){
        .n = n,
        .h = in.h,
        .w = in.w,
        .c = in.c,
        .oh = out.h,
        .ow = out.w,
        .oc = out.c,
        .kh = w->kh,
        .kw = w->kw,
        .stride_h = w->stride_h,
        .stride_w = w->stride_w,
        .pad_top = same ? same_pad_before(in.h, w->kh, w->stride_h) : w->top,
        .pad_left = same ? same_pad_before(in.w, w->kw, w->stride_w) : w->left,
        .groups = groups,
    };
}
