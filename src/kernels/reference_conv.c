// Convolution, sections 3.4 and 3.5.1 of the thesis, with padding, strides and groups.
//
// Output channel t of group g sees the input channels of its group only: with cg = c / groups and og = oc / groups,
// output channel t belongs to group t / og, whose first input channel is (t / og) * cg. Filter element
// (i, j, c', t) is the weight between input channel (t / og) * cg + c' and output channel t.
#include "kernels/reference.h"

size_t reference_conv_workspace(const window_shape *s, unsigned threads)
{
    (void)s;
    (void)threads;
    return 0;
}

// Indices into x (n, h, w, c), y or dz (n, oh, ow, oc), and filter (kh, kw, c/groups, oc).
static size_t input_index(const window_shape *s, int image, int row, int column, int channel)
{
    return (((size_t)image * (size_t)s->h + (size_t)row) * (size_t)s->w + (size_t)column) * (size_t)s->c +
           (size_t)channel;
}

static size_t output_index(const window_shape *s, int image, int m, int n, int t)
{
    return (((size_t)image * (size_t)s->oh + (size_t)m) * (size_t)s->ow + (size_t)n) * (size_t)s->oc + (size_t)t;
}

static size_t filter_index(const window_shape *s, int i, int j, int channel, int t)
{
    int cg = s->c / s->groups;
    return (((size_t)i * (size_t)s->kw + (size_t)j) * (size_t)cg + (size_t)channel) * (size_t)s->oc + (size_t)t;
}

static bool in_image(const window_shape *s, int row, int column)
{
    return row >= 0 && row < s->h && column >= 0 && column < s->w;
}

// eq. 59: z[m,n,t] = sum over i, j, c of X[m+i-1, n+j-1, c] F[i,j,c,t]. The thesis counts from 1, this from 0; the
// stride multiplies m and n, the padding shifts the window, and what lies outside the image is zero.
double reference_conv_output(const window_shape *s, const float *x, const float *filter, int image, int m, int n, int t)
{
    int cg = s->c / s->groups;
    int first_channel = t / (s->oc / s->groups) * cg;
    double sum = 0.0;
    for (int i = 0; i < s->kh; i++) {
        for (int j = 0; j < s->kw; j++) {
            int row = m * s->stride_h + i - s->pad_top;
            int column = n * s->stride_w + j - s->pad_left;
            if (!in_image(s, row, column)) continue;
            for (int c = 0; c < cg; c++) {
                sum += (double)x[input_index(s, image, row, column, first_channel + c)] *
                       filter[filter_index(s, i, j, c, t)];
            }
        }
    }
    return sum;
}

void reference_conv_forward(thread_pool *pool, const window_shape *s, const float *x, const float *filter,
                            const float *bias, activation act, float *z, float *y, void *workspace)
{
    (void)pool;
    (void)workspace;
    for (int image = 0; image < s->n; image++) {
        for (int m = 0; m < s->oh; m++) {
            for (int n = 0; n < s->ow; n++) {
                for (int t = 0; t < s->oc; t++) {
                    double sum = reference_conv_output(s, x, filter, image, m, n, t) + (bias != NULL ? bias[t] : 0.0);
                    size_t at = output_index(s, image, m, n, t);
                    float rounded = (float)sum;
                    if (z != NULL) z[at] = rounded;
                    y[at] = (float)reference_activation(act, rounded);
                }
            }
        }
    }
}

// eq. 69-70: the sum over all windows that contain input pixel (k, l), read from the input's side. Filter element
// (i, j) met the pixel in output row m with m * stride + i - pad = k, so m exists where k + pad - i is a multiple of
// the stride within the output. With stride 1 this is eq. 71, dz convolved with the flipped filter.
double reference_conv_input_gradient(const window_shape *s, const float *dz, const float *filter, int image, int k,
                                     int l, int channel)
{
    int cg = s->c / s->groups;
    int og = s->oc / s->groups;
    int group = channel / cg;
    double sum = 0.0;
    for (int i = 0; i < s->kh; i++) {
        for (int j = 0; j < s->kw; j++) {
            int row = k + s->pad_top - i;
            int column = l + s->pad_left - j;
            if (row < 0 || column < 0 || row % s->stride_h != 0 || column % s->stride_w != 0) continue;
            int m = row / s->stride_h;
            int n = column / s->stride_w;
            if (m >= s->oh || n >= s->ow) continue;
            for (int t = group * og; t < (group + 1) * og; t++) {
                sum += (double)dz[output_index(s, image, m, n, t)] *
                       filter[filter_index(s, i, j, channel - group * cg, t)];
            }
        }
    }
    return sum;
}

void reference_conv_backward_input(thread_pool *pool, const window_shape *s, const float *dz, const float *filter,
                                   float *dx, void *workspace)
{
    (void)pool;
    (void)workspace;
    for (int image = 0; image < s->n; image++) {
        for (int k = 0; k < s->h; k++) {
            for (int l = 0; l < s->w; l++) {
                for (int c = 0; c < s->c; c++) {
                    dx[input_index(s, image, k, l, c)] =
                        (float)reference_conv_input_gradient(s, dz, filter, image, k, l, c);
                }
            }
        }
    }
}

// eq. 64-67: dF[i,j,c,t] = sum over m, n of dz[m,n,t] X[m+i-1, n+j-1, c], over all images: eq. 68, X convolved with dz.
double reference_conv_filter_gradient(const window_shape *s, const float *x, const float *dz, int i, int j, int channel,
                                      int t)
{
    int input = t / (s->oc / s->groups) * (s->c / s->groups) + channel;
    double sum = 0.0;
    for (int image = 0; image < s->n; image++) {
        for (int m = 0; m < s->oh; m++) {
            for (int n = 0; n < s->ow; n++) {
                int row = m * s->stride_h + i - s->pad_top;
                int column = n * s->stride_w + j - s->pad_left;
                if (!in_image(s, row, column)) continue;
                sum += (double)dz[output_index(s, image, m, n, t)] * x[input_index(s, image, row, column, input)];
            }
        }
    }
    return sum;
}

void reference_conv_backward_filter(thread_pool *pool, const window_shape *s, const float *x, const float *dz,
                                    float *dfilter, void *workspace)
{
    (void)pool;
    (void)workspace;
    int cg = s->c / s->groups;
    for (int i = 0; i < s->kh; i++) {
        for (int j = 0; j < s->kw; j++) {
            for (int c = 0; c < cg; c++) {
                for (int t = 0; t < s->oc; t++) {
                    dfilter[filter_index(s, i, j, c, t)] = (float)reference_conv_filter_gradient(s, x, dz, i, j, c, t);
                }
            }
        }
    }
}
