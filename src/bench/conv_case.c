#include "bench/conv_case.h"

#include "core/error.h"
#include "kernels/reference.h"
#include "nn/arena.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const conv_shape conv_shapes[] = {
    {32, 32, 32, 3, 1, 1, 1, false},   {32, 64, 16, 3, 1, 1, 1, false},  {64, 64, 16, 3, 1, 1, 1, false},
    {128, 128, 16, 3, 1, 1, 1, false}, {256, 256, 8, 3, 1, 1, 1, false}, {3, 32, 32, 3, 1, 1, 1, true},
    {1, 32, 28, 3, 1, 1, 1, true},     {3, 96, 224, 11, 4, 2, 1, true}, // AlexNet's first layer
    {96, 256, 27, 5, 1, 2, 2, false},                                   // and its second
};
const size_t conv_shape_count = sizeof conv_shapes / sizeof *conv_shapes;

void conv_name(char name[CASE_NAME_SIZE], const conv_shape *shape, conv_direction direction, const char *method)
{
    static const char *const directions[CONV_DIRECTIONS] = {"forward", "gradient to filters", "gradient to input"};
    char stride[24] = "", groups[24] = "";
    if (shape->stride > 1) snprintf(stride, sizeof stride, " stride %d", shape->stride);
    if (shape->groups > 1) snprintf(groups, sizeof groups, " groups %d", shape->groups);
    snprintf(name, CASE_NAME_SIZE, "conv%dx%d %d->%d@%d%s%s %s%s", shape->filter, shape->filter, shape->c, shape->oc,
             shape->side, stride, groups, directions[direction], method);
}

float *case_noise(size_t count, uint32_t seed)
{
    size_t bytes = (count * sizeof(float) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    float *values = arena_allocate(bytes);
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; values && i < count; i++) {
        state = state * 1664525u + 1013904223u; // Numerical Recipes' generator: any noise will do
        values[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
    }
    return values;
}

// ---------------------------------------------------------------------------------------------------------------------

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t workspace_bytes(const kernels *k, const window_shape *s, unsigned threads)
{
    size_t bytes = k->conv_forward_workspace(s, threads);
    bytes = larger(bytes, k->conv_backward_input_workspace(s, threads));
    return larger(bytes, k->conv_backward_filter_workspace(s, threads));
}

static size_t product(int a, int b, int c, int d)
{
    return (size_t)a * (size_t)b * (size_t)c * (size_t)d;
}

// x, filter and y, of the direction that gives them.
static size_t result_count(const window_shape *s, conv_direction direction)
{
    if (direction == CONV_FORWARD) return product(s->n, s->oh, s->ow, s->oc);
    if (direction == CONV_TO_INPUT) return product(s->n, s->h, s->w, s->c);
    return product(s->kh, s->kw, s->c / s->groups, s->oc);
}

silma_status conv_case_create(conv_case *c, const kernels *k, thread_pool *pool, const conv_shape *shape, int images,
                              silma_error *error)
{
    int out = (shape->side + 2 * shape->pad - shape->filter) / shape->stride + 1;
    *c = (conv_case){.k = k, .pool = pool};
    c->s = (window_shape){.n = images,
                          .h = shape->side,
                          .w = shape->side,
                          .c = shape->c,
                          .oh = out,
                          .ow = out,
                          .oc = shape->oc,
                          .kh = shape->filter,
                          .kw = shape->filter,
                          .stride_h = shape->stride,
                          .stride_w = shape->stride,
                          .pad_top = shape->pad,
                          .pad_left = shape->pad,
                          .groups = shape->groups};
    size_t workspace = workspace_bytes(k, &c->s, thread_pool_size(pool));
    if (k->direct) workspace = larger(workspace, workspace_bytes(k->direct, &c->s, thread_pool_size(pool)));
    c->x = case_noise(result_count(&c->s, CONV_TO_INPUT), 0);
    c->filter = case_noise(result_count(&c->s, CONV_TO_FILTERS), 1);
    c->bias = case_noise((size_t)shape->oc, 2);
    c->y = case_noise(result_count(&c->s, CONV_FORWARD), 3);
    c->workspace = case_noise(workspace / sizeof(float) + 1, 4);
    if (c->x && c->filter && c->bias && c->y && c->workspace) return SILMA_OK;
    conv_case_free(c);
    return silma_fail_memory(error, result_count(&c->s, CONV_FORWARD) * sizeof(float));
}

void conv_case_free(conv_case *c)
{
    free(c->x);
    free(c->filter);
    free(c->bias);
    free(c->y);
    free(c->workspace);
    c->x = c->filter = c->bias = c->y = c->workspace = NULL;
}

void conv_case_run(const conv_case *c, conv_direction direction)
{
    if (direction == CONV_FORWARD)
        c->k->conv_forward(c->pool, &c->s, c->x, c->filter, c->bias, c->act, NULL, c->y, c->workspace);
    else if (direction == CONV_TO_FILTERS)
        c->k->conv_backward_filter(c->pool, &c->s, c->x, c->y, c->filter, c->workspace);
    else
        c->k->conv_backward_input(c->pool, &c->s, c->y, c->filter, c->x, c->workspace);
}

// ---------------------------------------------------------------------------------------------------------------------
// Errors

// The sum in double precision of element `at` of a result; none of them reads the tensor that it is compared with.
static double exact_value(const conv_case *c, conv_direction direction, size_t at)
{
    const window_shape *s = &c->s;
    size_t channels = (size_t)(direction == CONV_TO_INPUT ? s->c : s->oc);
    size_t columns = (size_t)(direction == CONV_FORWARD ? s->ow : direction == CONV_TO_INPUT ? s->w : s->c / s->groups);
    size_t rows = (size_t)(direction == CONV_FORWARD ? s->oh : direction == CONV_TO_INPUT ? s->h : s->kw);
    int channel = (int)(at % channels), column = (int)(at / channels % columns);
    int row = (int)(at / channels / columns % rows), first = (int)(at / channels / columns / rows);
    if (direction == CONV_FORWARD)
        return reference_conv_output(s, c->x, c->filter, first, row, column, channel) + (double)c->bias[channel];
    if (direction == CONV_TO_INPUT)
        return reference_conv_input_gradient(s, c->y, c->filter, first, row, column, channel);
    return reference_conv_filter_gradient(s, c->x, c->y, first, row, column, channel);
}

static double compare(const conv_case *c, conv_direction direction, const float *result)
{
    enum { SAMPLES = 512 };
    size_t count = result_count(&c->s, direction), step = count > SAMPLES ? count / SAMPLES : 1;
    double difference = 0, norm = 0;
    for (size_t i = 0; i * step < count; i++) {
        size_t at = i * step + i % step; // steps of whole pixels would meet the same channel each time
        if (at >= count) break;
        double exact = exact_value(c, direction, at), apart = (double)result[at] - exact;
        difference += apart * apart;
        norm += exact * exact;
    }
    return sqrt(difference / norm);
}

silma_status conv_error(const kernels *k, thread_pool *pool, const conv_shape *shape, int images,
                        conv_direction direction, double *relative_error, silma_error *error)
{
    conv_case c;
    silma_status status = conv_case_create(&c, k, pool, shape, images, error);
    if (status != SILMA_OK) return status;
    conv_case_run(&c, direction);
    const float *results[CONV_DIRECTIONS] = {c.y, c.filter, c.x};
    *relative_error = compare(&c, direction, results[direction]);
    conv_case_free(&c);
    return SILMA_OK;
}
