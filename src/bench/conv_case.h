// The convolutions that are timed: their shapes, their tensors, filled with noise, and their three directions.
#ifndef SILMA_BENCH_CONV_CASE_H
#define SILMA_BENCH_CONV_CASE_H

#include "bench/measure.h"

enum { CASE_NAME_SIZE = sizeof((silma_bench_result *)0)->name };

// Square in every respect.
typedef struct conv_shape {
    int c, oc, side, filter, stride, pad, groups;
    bool first; // the first layer of a network: nobody asks for the gradient to its input
} conv_shape;

extern const conv_shape conv_shapes[];
extern const size_t conv_shape_count;

typedef enum conv_direction { CONV_FORWARD, CONV_TO_FILTERS, CONV_TO_INPUT, CONV_DIRECTIONS } conv_direction;

// "conv3x3 64->64@16 forward", "conv5x5 96->256@27 groups 2 gradient to input"; `method` may be "".
void conv_name(char name[CASE_NAME_SIZE], const conv_shape *shape, conv_direction direction, const char *method);

typedef struct conv_case {
    const kernels *k; // the table that it was made with, or that one's `direct`
    thread_pool *pool;
    window_shape s;
    activation act;
    float *x, *filter, *bias, *y; // the gradients take y for dz
    void *workspace;
} conv_case;

silma_status conv_case_create(conv_case *c, const kernels *k, thread_pool *pool, const conv_shape *shape, int images,
                              silma_error *error);
void conv_case_free(conv_case *c);

// Forward overwrites y, the gradients the filters and x.
void conv_case_run(const conv_case *c, conv_direction direction);

// The relative error of a direction of some images of noise: the 2-norm of its difference to sums in double precision,
// divided by the 2-norm of these, over up to 512 elements of the result that are spread over it.
silma_status conv_error(const kernels *k, thread_pool *pool, const conv_shape *shape, int images,
                        conv_direction direction, double *relative_error, silma_error *error);

// Values between -1/2 and 1/2, all of them normal numbers or zero, others for another `seed`. Null: no memory.
float *case_noise(size_t count, uint32_t seed);

#endif
