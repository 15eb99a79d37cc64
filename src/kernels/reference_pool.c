// Pooling, section 3.5.2 of the thesis, with padding and strides.
//
// A window at output (m, n) covers the input rows m * stride_h - pad_top + p, p < kh, and columns likewise; what lies
// outside the image does not take part.
#include "kernels/reference.h"

#include <math.h>

static size_t input_index(const window_shape *s, int image, int row, int column, int channel)
{
    return (((size_t)image * (size_t)s->h + (size_t)row) * (size_t)s->w + (size_t)column) * (size_t)s->c +
           (size_t)channel;
}

// The output pixel (m, n) of one image and channel, and its place in y, dy and chosen (n, oh, ow, c).
typedef struct place {
    int image, m, n, channel;
    size_t at;
} place;

// Whether element (p, q) of the window lies in the image, and where.
static bool window_element(const window_shape *s, const place *here, int p, int q, size_t *at)
{
    int row = here->m * s->stride_h - s->pad_top + p;
    int column = here->n * s->stride_w - s->pad_left + q;
    if (row < 0 || row >= s->h || column < 0 || column >= s->w) return false;
    *at = input_index(s, here->image, row, column, here->channel);
    return true;
}

// Steps through all output places in their order in memory; start with at = SIZE_MAX.
static bool next_place(const window_shape *s, place *here)
{
    here->at++;
    size_t c = (size_t)s->c, ow = (size_t)s->ow, oh = (size_t)s->oh;
    here->channel = (int)(here->at % c);
    here->n = (int)(here->at / c % ow);
    here->m = (int)(here->at / (c * ow) % oh);
    here->image = (int)(here->at / (c * ow * oh));
    return here->image < s->n;
}

static void clear_input(const window_shape *s, float *dx)
{
    size_t count = (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c;
    for (size_t i = 0; i < count; i++)
        dx[i] = 0.0f;
}

// eq. 74. Of equal values the first counts; a NaN is larger than everything, so that it is not lost.
void reference_maxpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y, uint8_t *chosen)
{
    (void)pool;
    for (place here = {.at = SIZE_MAX}; next_place(s, &here);) {
        float largest = -INFINITY;
        int position = 0;
        bool empty = true;
        for (int p = 0; p < s->kh; p++) {
            for (int q = 0; q < s->kw; q++) {
                size_t at;
                if (!window_element(s, &here, p, q, &at)) continue;
                if (empty || x[at] > largest || isnan(x[at])) {
                    largest = x[at];
                    position = p * s->kw + q;
                    empty = false;
                }
            }
        }
        y[here.at] = largest;
        if (chosen != NULL) chosen[here.at] = (uint8_t)position;
    }
}

// eq. 75-76: the gradient goes to the pixel that was the largest. Windows that overlap add up.
void reference_maxpool_backward(thread_pool *pool, const window_shape *s, const float *dy, const uint8_t *chosen,
                                float *dx)
{
    (void)pool;
    clear_input(s, dx);
    for (place here = {.at = SIZE_MAX}; next_place(s, &here);) {
        size_t at;
        int position = chosen[here.at];
        if (window_element(s, &here, position / s->kw, position % s->kw, &at)) dx[at] += dy[here.at];
    }
}

static int pixels_in_window(const window_shape *s, const place *here)
{
    int count = 0;
    for (int p = 0; p < s->kh; p++) {
        for (int q = 0; q < s->kw; q++) {
            size_t at;
            if (window_element(s, here, p, q, &at)) count++;
        }
    }
    return count;
}

// eq. 77, over the pixels that lie in the image.
void reference_avgpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y)
{
    (void)pool;
    for (place here = {.at = SIZE_MAX}; next_place(s, &here);) {
        double sum = 0.0;
        for (int p = 0; p < s->kh; p++) {
            for (int q = 0; q < s->kw; q++) {
                size_t at;
                if (window_element(s, &here, p, q, &at)) sum += x[at];
            }
        }
        int count = pixels_in_window(s, &here);
        y[here.at] = count > 0 ? (float)(sum / count) : 0.0f;
    }
}

// eq. 78-79: each pixel of the window gets an equal share.
void reference_avgpool_backward(thread_pool *pool, const window_shape *s, const float *dy, float *dx)
{
    (void)pool;
    clear_input(s, dx);
    for (place here = {.at = SIZE_MAX}; next_place(s, &here);) {
        int count = pixels_in_window(s, &here);
        for (int p = 0; p < s->kh; p++) {
            for (int q = 0; q < s->kw; q++) {
                size_t at;
                if (window_element(s, &here, p, q, &at)) dx[at] += (float)((double)dy[here.at] / count);
            }
        }
    }
}
