// The kernel table: every loop over activations, parameters or gradients that is worth making fast.
//
// One table per instruction set, filled with plain C first and overwritten upward as the CPU's flags allow; the
// reference (reference.c, straight from the equations) is one of the tables. Layers call through the table and know
// nothing of instruction sets.
//
// Rules that hold for every entry:
//  - Activations are NHWC, filters HWIO, dense kernels (in, out), all contiguous single precision.
//  - Pointers from the arena and the parameter vector are aligned to 64 bytes; the fast kernels may rely on it for
//    tensor starts only. Sizes are arbitrary: tails are handled inside, and nothing is read or written beyond a tensor.
//  - Outputs must not overlap inputs unless the entry says "in place".
//  - The result is the same to the bit for any number of threads: each output element is produced by one task in a
//    fixed order, and sums over images are made over fixed chunks and joined by a fixed tree (chunks depend on shapes
//    only).
//  - No entry allocates. `workspace` has at least the bytes that the entry's *_workspace function named for the same
//    shape and pool; it is aligned to 64 bytes and holds garbage.
//  - `pool` may be null: one thread.
#ifndef SILMA_KERNELS_KERNELS_H
#define SILMA_KERNELS_KERNELS_H

#include "core/private.h"
#include "core/threads.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Sections 2.2.1 to 2.2.6 of the thesis, and those in use today.
typedef enum activation_kind {
    ACTIVATION_LINEAR = 0,
    ACTIVATION_RELU,       // eq. 13-14
    ACTIVATION_LEAKY_RELU, // eq. 15-17, slope b = parameter
    ACTIVATION_ELU,        // eq. 19-20, alpha = parameter
    ACTIVATION_SIGMOID,    // eq. 11-12
    ACTIVATION_TANH,
    ACTIVATION_GELU,    // exact: z/2 (1 + erf(z/sqrt 2))
    ACTIVATION_SILU,    // z sigmoid(z)
    ACTIVATION_SOFTMAX, // eq. 21-25, over the channels; not elementwise: never fused, see softmax_*
} activation_kind;

typedef struct activation {
    activation_kind kind;
    float parameter; // slope or alpha
} activation;

// Whether f'(z) can be computed from f(z) alone, so that z need not be kept (all but GELU and SiLU).
bool activation_derivative_from_output(activation_kind kind);

// A convolution or a pooling window. Padding at the bottom and right follows from the output's size.
typedef struct window_shape {
    int n;          // images
    int h, w, c;    // input
    int oh, ow, oc; // output; pooling: oc == c
    int kh, kw;     // filter
    int stride_h, stride_w;
    int pad_top, pad_left;
    int groups; // divides c and oc; pooling: 1
} window_shape;

// C (m, n) = op(A) op(B), or += where accumulate is set. op(A) is (m, k), op(B) is (k, n); transpose_a means that A is
// stored (k, m), transpose_b that B is stored (n, k). Where bias (n) is not null it is added, and then the activation
// applied. Where pre_activation is not null, z is stored there as well (m, n).
typedef struct matmul_task {
    size_t m, n, k;
    const float *a, *b;
    bool transpose_a, transpose_b;
    float *c;
    bool accumulate;
    const float *bias;
    activation act;
    float *pre_activation;
} matmul_task;

// Hyperparameters of one optimiser update; the rate already holds the schedule. Equations 46-56.
typedef struct update_task {
    size_t count;
    float *w;             // (count) parameters
    const float *g;       // (count) gradients
    float *slot0;         // (count) momentum, accumulator or first moment
    float *slot1;         // (count) second moment
    float gradient_scale; // clipping: g is multiplied by it first
    float rate;
    float momentum; // sgd, rmsprop
    bool nesterov;
    float rho;          // rmsprop
    float beta1, beta2; // adam
    float epsilon;
    float weight_decay; // decoupled: w -= rate * weight_decay * w, before the update (AdamW, SGD)
    uint64_t step;      // from 1
} update_task;

typedef struct kernels {
    const char *name;             // "avx512", "avx2", "neon", "scalar", "reference"
    const struct kernels *direct; // the same with direct convolutions only (no Winograd); null where there is none

    // Dense layers (eq. 32-37, 39-44) and 1x1 work.
    size_t (*matmul_workspace)(const matmul_task *task, unsigned threads);
    void (*matmul)(thread_pool *pool, const matmul_task *task, void *workspace);

    // Convolution, eq. 59; x (n, h, w, c), filter (kh, kw, c/groups, oc), y (n, oh, ow, oc).
    size_t (*conv_forward_workspace)(const window_shape *s, unsigned threads);
    // y = f(x * filter + bias); bias may be null; z (as y) is stored where not null.
    void (*conv_forward)(thread_pool *pool, const window_shape *s, const float *x, const float *filter,
                         const float *bias, activation act, float *z, float *y, void *workspace);
    // The same to the bit in two steps, for filters that stay: what conv_forward makes of them before it looks at x,
    // into `packed` (conv_packed_bytes, aligned to 64 bytes, whatever s->n), and the rest, whose workspace is smaller
    // by these bytes. Null in a table that packs nothing.
    size_t (*conv_packed_bytes)(const window_shape *s);
    void (*conv_pack)(thread_pool *pool, const window_shape *s, const float *filter, const float *bias, void *packed);
    void (*conv_forward_packed)(thread_pool *pool, const window_shape *s, const float *x, const void *packed,
                                const float *bias, activation act, float *z, float *y, void *workspace);
    // eq. 69-71: dx = dz * flip(filter), overwritten.
    size_t (*conv_backward_input_workspace)(const window_shape *s, unsigned threads);
    void (*conv_backward_input)(thread_pool *pool, const window_shape *s, const float *dz, const float *filter,
                                float *dx, void *workspace);
    // eq. 64-68: dfilter = x * dz, overwritten.
    size_t (*conv_backward_filter_workspace)(const window_shape *s, unsigned threads);
    void (*conv_backward_filter)(thread_pool *pool, const window_shape *s, const float *x, const float *dz,
                                 float *dfilter, void *workspace);

    // Sum over rows: dbias (cols) = sum over rows of dz (rows, cols), overwritten.
    size_t (*column_sums_workspace)(size_t rows, size_t cols, unsigned threads);
    void (*column_sums)(thread_pool *pool, size_t rows, size_t cols, const float *dz, float *sums, void *workspace);

    // Elementwise activations (not softmax). y may be x. z or y may be null in backward where the derivative does not
    // need it; dz may be dy.
    void (*activation_forward)(thread_pool *pool, activation act, size_t count, const float *z, float *y);
    void (*activation_backward)(thread_pool *pool, activation act, size_t count, const float *z, const float *y,
                                const float *dy, float *dz);
    // PReLU, eq. 18: slope (c). dslope needs a workspace as column_sums(rows, c).
    void (*prelu_forward)(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope, float *y);
    void (*prelu_backward)(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope,
                           const float *dy, float *dz, float *dslope, void *workspace);
    // Softmax over the last axis, eq. 21, shifted by the row's maximum; y may be z. Backward: eq. 25; dz may be dy.
    void (*softmax_forward)(thread_pool *pool, size_t rows, size_t c, const float *z, float *y);
    void (*softmax_backward)(thread_pool *pool, size_t rows, size_t c, const float *y, const float *dy, float *dz);

    // Pooling, eq. 72-79. Max: `chosen` (n, oh, ow, c) keeps the position in the window, row-major, kh*kw <= 256;
    // null at inference. Of equal values the first counts. Average: over the pixels that lie in the image.
    void (*maxpool_forward)(thread_pool *pool, const window_shape *s, const float *x, float *y, uint8_t *chosen);
    void (*maxpool_backward)(thread_pool *pool, const window_shape *s, const float *dy, const uint8_t *chosen,
                             float *dx);
    void (*avgpool_forward)(thread_pool *pool, const window_shape *s, const float *x, float *y);
    void (*avgpool_backward)(thread_pool *pool, const window_shape *s, const float *dy, float *dx);

    // Batch normalisation, eq. 57-58, over rows = n*h*w. batchnorm_workspace is for the two that sum.
    size_t (*batchnorm_workspace)(size_t rows, size_t c, unsigned threads);
    // mean (c), variance (c): population statistics of x (rows, c), computed stably.
    void (*batchnorm_statistics)(thread_pool *pool, size_t rows, size_t c, const float *x, float *mean, float *variance,
                                 void *workspace);
    // y = x * scale + shift per channel; y may be x.
    void (*channel_affine)(thread_pool *pool, size_t rows, size_t c, const float *x, const float *scale,
                           const float *shift, float *y);
    // dgamma, dbeta (c): the sums that need the whole batch; inv_std = 1/sqrt(variance + epsilon).
    void (*batchnorm_gradients)(thread_pool *pool, size_t rows, size_t c, const float *x, const float *mean,
                                const float *inv_std, const float *dy, float *dgamma, float *dbeta, void *workspace);
    // dx (rows, c) of some of the batch's rows, of which there are batch_rows. dx may be dy. Workspace: 3 c floats.
    void (*batchnorm_backward_input)(thread_pool *pool, size_t rows, size_t c, size_t batch_rows, const float *x,
                                     const float *mean, const float *inv_std, const float *gamma, const float *dgamma,
                                     const float *dbeta, const float *dy, float *dx, void *workspace);

    // Dropout: element i is kept where 16 random bits reach `threshold` = round(rate * 65536), and then multiplied by
    // `scale` = 65536 / (65536 - threshold). Its bits, with e = first + i: half-word e % 8 of random_bits(seed,
    // RANDOM_DROPOUT, lane, step, e / 8), half-word h being bits 16*(h%2).. of word h/2. `first` is a multiple of 8.
    // Forward and backward are the same function; y may be x.
    void (*dropout)(thread_pool *pool, size_t count, uint64_t first, uint64_t seed, uint32_t lane, uint32_t step,
                    uint32_t threshold, float scale, const float *x, float *y);

    // Plain vectors. In place where a pointer is given twice.
    void (*add)(thread_pool *pool, size_t count, const float *a, const float *b, float *sum);
    // y[r][to..to+c) = x[r][from..from+c): rows of different widths, for concat and its gradient.
    void (*copy_columns)(thread_pool *pool, size_t rows, size_t c, const float *x, size_t x_width, size_t x_from,
                         float *y, size_t y_width, size_t y_from);
    // Sum of squares over fixed chunks, in double precision; also reports NaN and infinity by its result.
    double (*sum_of_squares)(thread_pool *pool, size_t count, const float *x);
    // x = pixel * scale[channel] + shift[channel], images indices[0..n) of pixels (*, per_image).
    void (*gather_images)(thread_pool *pool, size_t n, const uint32_t *indices, const uint8_t *pixels, size_t per_image,
                          size_t c, const float *scale, const float *shift, float *x);

    // Optimisers, one pass over the parameter vector.
    void (*update_sgd)(thread_pool *pool, const update_task *task);     // Keras: v = mu v - lr g
    void (*update_adagrad)(thread_pool *pool, const update_task *task); // eq. 47-49
    void (*update_rmsprop)(thread_pool *pool, const update_task *task); // eq. 50-51
    void (*update_adam)(thread_pool *pool, const update_task *task);    // eq. 52-56, correction folded as Keras does
} kernels;

// The tables that this build has and this CPU can run, best first; the last two are "scalar" and "reference".
size_t kernels_available(const kernels **tables, size_t capacity);

// By name; null: the best. SILMA_USAGE with the list of names where there is none.
silma_status kernels_find(const kernels **table, const char *name, silma_error *error) SILMA_PRIVATE_API(kernels_find);

#endif
