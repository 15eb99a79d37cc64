// The reference kernels: the thesis's equations as plain loops, sums in double precision, one thread.
//
// They are the oracle that every fast kernel is tested against, and a back end that a student can step through
// (`--backend reference`). Nothing here is made fast; each function is the equation it names and nothing else. The pool
// is ignored, no workspace is needed, and the contracts are those of kernels.h. Compiled without contraction
// (-ffp-contract=off), so that a product and a sum round as they are written.
#ifndef SILMA_KERNELS_REFERENCE_H
#define SILMA_KERNELS_REFERENCE_H

#include "core/private.h"
#include "kernels/kernels.h"

// reference_activation.c: section 2.2.
double reference_activation(activation act, double z);
void reference_activation_forward(thread_pool *pool, activation act, size_t count, const float *z, float *y);
void reference_activation_backward(thread_pool *pool, activation act, size_t count, const float *z, const float *y,
                                   const float *dy, float *dz);
void reference_prelu_forward(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope, float *y);
void reference_prelu_backward(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope,
                              const float *dy, float *dz, float *dslope, void *workspace);
void reference_softmax_forward(thread_pool *pool, size_t rows, size_t c, const float *z, float *y);
void reference_softmax_backward(thread_pool *pool, size_t rows, size_t c, const float *y, const float *dy, float *dz);

// reference_dense.c: sections 2.4 and 2.6.
size_t reference_matmul_workspace(const matmul_task *task, unsigned threads);
void reference_matmul(thread_pool *pool, const matmul_task *task, void *workspace);
size_t reference_column_sums_workspace(size_t rows, size_t cols, unsigned threads);
void reference_column_sums(thread_pool *pool, size_t rows, size_t cols, const float *dz, float *sums, void *workspace);

// reference_conv.c: sections 3.4 and 3.5.1. The first three are one element of what the next three fill, before it is
// rounded to single precision: of z without its bias, of dx, and of dfilter (`channel` counts in the filter).
double reference_conv_output(const window_shape *s, const float *x, const float *filter, int image, int m, int n, int t)
    SILMA_PRIVATE_API(reference_conv_output);
double reference_conv_input_gradient(const window_shape *s, const float *dz, const float *filter, int image, int k,
                                     int l, int channel) SILMA_PRIVATE_API(reference_conv_input_gradient);
double reference_conv_filter_gradient(const window_shape *s, const float *x, const float *dz, int i, int j, int channel,
                                      int t) SILMA_PRIVATE_API(reference_conv_filter_gradient);
size_t reference_conv_workspace(const window_shape *s, unsigned threads);
void reference_conv_forward(thread_pool *pool, const window_shape *s, const float *x, const float *filter,
                            const float *bias, activation act, float *z, float *y, void *workspace);
void reference_conv_backward_input(thread_pool *pool, const window_shape *s, const float *dz, const float *filter,
                                   float *dx, void *workspace);
void reference_conv_backward_filter(thread_pool *pool, const window_shape *s, const float *x, const float *dz,
                                    float *dfilter, void *workspace);

// reference_pool.c: section 3.5.2.
void reference_maxpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y, uint8_t *chosen);
void reference_maxpool_backward(thread_pool *pool, const window_shape *s, const float *dy, const uint8_t *chosen,
                                float *dx);
void reference_avgpool_forward(thread_pool *pool, const window_shape *s, const float *x, float *y);
void reference_avgpool_backward(thread_pool *pool, const window_shape *s, const float *dy, float *dx);

// reference_normalisation.c: sections 3.2.3 and 3.2.4.
size_t reference_batchnorm_workspace(size_t rows, size_t c, unsigned threads);
void reference_batchnorm_statistics(thread_pool *pool, size_t rows, size_t c, const float *x, float *mean,
                                    float *variance, void *workspace);
void reference_channel_affine(thread_pool *pool, size_t rows, size_t c, const float *x, const float *scale,
                              const float *shift, float *y);
void reference_batchnorm_gradients(thread_pool *pool, size_t rows, size_t c, const float *x, const float *mean,
                                   const float *inv_std, const float *dy, float *dgamma, float *dbeta, void *workspace);
void reference_batchnorm_backward_input(thread_pool *pool, size_t rows, size_t c, size_t batch_rows, const float *x,
                                        const float *mean, const float *inv_std, const float *gamma,
                                        const float *dgamma, const float *dbeta, const float *dy, float *dx,
                                        void *workspace);
void reference_dropout(thread_pool *pool, size_t count, uint64_t first, uint64_t seed, uint32_t lane, uint32_t step,
                       uint32_t threshold, float scale, const float *x, float *y);

// reference_vector.c: what moves and adds.
void reference_add(thread_pool *pool, size_t count, const float *a, const float *b, float *sum);
void reference_copy_columns(thread_pool *pool, size_t rows, size_t c, const float *x, size_t x_width, size_t x_from,
                            float *y, size_t y_width, size_t y_from);
double reference_sum_of_squares(thread_pool *pool, size_t count, const float *x);
void reference_gather_images(thread_pool *pool, size_t n, const uint32_t *indices, const uint8_t *pixels,
                             size_t per_image, size_t c, const float *scale, const float *shift, float *x);

// reference_optimiser.c: sections 2.6.1 to 2.6.3.
void reference_update_sgd(thread_pool *pool, const update_task *task);
void reference_update_adagrad(thread_pool *pool, const update_task *task);
void reference_update_rmsprop(thread_pool *pool, const update_task *task);
void reference_update_adam(thread_pool *pool, const update_task *task);

#endif
