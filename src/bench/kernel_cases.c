// silma_bench_kernels: convolutions and dense layers of the networks that Silma is made for, in all directions.
#define _GNU_SOURCE
#include "bench/measure.h"
#include "core/error.h"
#include "nn/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 128 };

// What all cases share.
typedef struct kernel_bench {
    silma_context *context;
    const silma_bench_options *options;
    silma_bench_fn *report;
    void *user;
    size_t done;
} kernel_bench;

static bool wanted(const kernel_bench *bench, const char *name)
{
    return !bench->options->filter || strstr(name, bench->options->filter);
}

static silma_status measure_case(kernel_bench *bench, const char *name, const bench_subject *subject,
                                 silma_error *error)
{
    silma_bench_result result;
    silma_status status = bench_measure(bench->context, subject, bench->options->repeats, &result, error);
    if (status != SILMA_OK) return status;
    snprintf(result.name, sizeof result.name, "%s", name);
    bench->done++;
    if (bench->report(&result, bench->user)) return SILMA_OK;
    return silma_fail(error, SILMA_INTERRUPTED, "stopped after %s", name);
}

// Values between -1/2 and 1/2, all of them normal numbers or zero.
static float *random_floats(size_t count)
{
    size_t bytes = (count * sizeof(float) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    float *values = aligned_alloc(ARENA_ALIGNMENT, bytes);
    uint32_t state = 1;
    for (size_t i = 0; values && i < count; i++) {
        state = state * 1664525u + 1013904223u; // Numerical Recipes' generator: any noise will do
        values[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
    }
    return values;
}

// ---------------------------------------------------------------------------------------------------------------------
// Convolutions

typedef struct conv_shape {
    int c, oc, side, filter, stride, pad, groups;
    bool first; // the first layer of a network: nobody asks for the gradient of its input
} conv_shape;

static const conv_shape conv_shapes[] = {
    {32, 32, 32, 3, 1, 1, 1, false},   {32, 64, 16, 3, 1, 1, 1, false},  {64, 64, 16, 3, 1, 1, 1, false},
    {128, 128, 16, 3, 1, 1, 1, false}, {256, 256, 8, 3, 1, 1, 1, false}, {3, 32, 32, 3, 1, 1, 1, true},
    {1, 32, 28, 3, 1, 1, 1, true},     {3, 96, 224, 11, 4, 2, 1, true}, // AlexNet's first layer
    {96, 256, 27, 5, 1, 2, 2, false},                                   // and its second
};

typedef struct conv_case {
    const kernels *k;
    thread_pool *pool;
    window_shape s;
    float *x, *filter, *bias, *y;
    void *workspace;
} conv_case;

static silma_status conv_forward(void *argument, silma_error *error)
{
    (void)error;
    conv_case *c = argument;
    c->k->conv_forward(c->pool, &c->s, c->x, c->filter, c->bias, (activation){ACTIVATION_RELU, 0}, NULL, c->y,
                       c->workspace);
    return SILMA_OK;
}

static silma_status conv_gradient_to_input(void *argument, silma_error *error)
{
    (void)error;
    conv_case *c = argument;
    c->k->conv_backward_input(c->pool, &c->s, c->y, c->filter, c->x, c->workspace);
    return SILMA_OK;
}

static silma_status conv_gradient_to_filters(void *argument, silma_error *error)
{
    (void)error;
    conv_case *c = argument;
    c->k->conv_backward_filter(c->pool, &c->s, c->x, c->y, c->filter, c->workspace);
    return SILMA_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t conv_workspace(const kernels *k, const window_shape *s, unsigned threads)
{
    size_t bytes = k->conv_forward_workspace(s, threads);
    bytes = larger(bytes, k->conv_backward_input_workspace(s, threads));
    return larger(bytes, k->conv_backward_filter_workspace(s, threads));
}

static bool conv_case_create(conv_case *c, const silma_context *context, const conv_shape *shape)
{
    int out = (shape->side + 2 * shape->pad - shape->filter) / shape->stride + 1;
    *c = (conv_case){.k = context->k, .pool = context->pool};
    c->s = (window_shape){.n = BATCH,
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
    size_t n = BATCH, side = (size_t)shape->side, taps = (size_t)(shape->filter * shape->filter), outs = (size_t)out;
    unsigned threads = thread_pool_size(c->pool);
    size_t workspace = conv_workspace(c->k, &c->s, threads);
    if (c->k->direct) workspace = larger(workspace, conv_workspace(c->k->direct, &c->s, threads));
    c->x = random_floats(n * side * side * (size_t)shape->c);
    c->filter = random_floats(taps * (size_t)(shape->c / shape->groups) * (size_t)shape->oc);
    c->bias = random_floats((size_t)shape->oc);
    c->y = random_floats(n * outs * outs * (size_t)shape->oc);
    c->workspace = random_floats(workspace / sizeof(float) + 1);
    return c->x && c->filter && c->bias && c->y && c->workspace;
}

static void conv_case_free(conv_case *c)
{
    free(c->x);
    free(c->filter);
    free(c->bias);
    free(c->y);
    free(c->workspace);
}

typedef struct conv_direction {
    const char *name;
    bench_call *call;
    bool backward_input;
} conv_direction;

// The last one overwrites x, and the second the filters: values stay finite in this order.
static const conv_direction conv_directions[] = {
    {"forward", conv_forward, false},
    {"gradient to filters", conv_gradient_to_filters, false},
    {"gradient to input", conv_gradient_to_input, true},
};
enum { CONV_DIRECTIONS = sizeof conv_directions / sizeof *conv_directions };

enum { NAME_SIZE = sizeof((silma_bench_result *)0)->name };

// "conv3x3 64->64@16 forward", "conv5x5 96->256@27 groups 2 gradient to input"; `method` may be "".
static void conv_name(char name[NAME_SIZE], const conv_shape *shape, const char *direction, const char *method)
{
    char stride[24] = "", groups[24] = "";
    if (shape->stride > 1) snprintf(stride, sizeof stride, " stride %d", shape->stride);
    if (shape->groups > 1) snprintf(groups, sizeof groups, " groups %d", shape->groups);
    snprintf(name, NAME_SIZE, "conv%dx%d %d->%d@%d%s%s %s%s", shape->filter, shape->filter, shape->c, shape->oc,
             shape->side, stride, groups, direction, method);
}

// As the table does it, and by direct sums where the table may have chosen another way.
static silma_status bench_conv_direction(kernel_bench *bench, conv_case *c, const conv_shape *shape,
                                         const conv_direction *direction, silma_error *error)
{
    const window_shape *s = &c->s;
    double flops = 2.0 * s->n * s->oh * s->ow * s->oc * s->kh * s->kw * (s->c / s->groups);
    bench_subject subject = {.call = direction->call, .argument = c, .flops = flops, .images = BATCH};
    const kernels *table = bench->context->k;
    bool may_choose = table->direct && s->kh == 3 && s->stride_h == 1 && s->groups == 1;
    const kernels *methods[] = {table, may_choose ? table->direct : NULL};
    silma_status status = SILMA_OK;
    for (int i = 0; i < 2 && status == SILMA_OK; i++) {
        char name[NAME_SIZE];
        conv_name(name, shape, direction->name, i > 0 ? " direct" : "");
        if (!methods[i] || !wanted(bench, name)) continue;
        c->k = methods[i];
        status = measure_case(bench, name, &subject, error);
    }
    return status;
}

static bool conv_wanted(const kernel_bench *bench, const conv_shape *shape)
{
    for (size_t i = 0; i < CONV_DIRECTIONS; i++) {
        char name[NAME_SIZE];
        conv_name(name, shape, conv_directions[i].name, " direct");
        if (wanted(bench, name)) return true;
    }
    return false;
}

static silma_status bench_conv(kernel_bench *bench, const conv_shape *shape, silma_error *error)
{
    if (!conv_wanted(bench, shape)) return SILMA_OK;
    conv_case c;
    silma_status status =
        conv_case_create(&c, bench->context, shape) ? SILMA_OK : silma_fail_memory(error, sizeof(float) * BATCH);
    for (size_t i = 0; i < CONV_DIRECTIONS && status == SILMA_OK; i++)
        if (!conv_directions[i].backward_input || !shape->first)
            status = bench_conv_direction(bench, &c, shape, &conv_directions[i], error);
    conv_case_free(&c);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Dense layers

typedef struct dense_shape {
    size_t in, out;
} dense_shape;

static const dense_shape dense_shapes[] = {{3072, 128}, {4096, 64}, {9216, 4096}};

typedef struct matmul_case {
    const kernels *k;
    thread_pool *pool;
    matmul_task task;
    void *workspace;
} matmul_case;

static silma_status run_matmul(void *argument, silma_error *error)
{
    (void)error;
    matmul_case *c = argument;
    c->k->matmul(c->pool, &c->task, c->workspace);
    return SILMA_OK;
}

static silma_status bench_matmul(kernel_bench *bench, const char *name, const matmul_task *shape, silma_error *error)
{
    if (!wanted(bench, name)) return SILMA_OK;
    matmul_case c = {.k = bench->context->k, .pool = bench->context->pool, .task = *shape};
    float *a = random_floats(shape->m * shape->k), *b = random_floats(shape->k * shape->n);
    c.task.a = a;
    c.task.b = b;
    c.task.c = random_floats(shape->m * shape->n);
    c.workspace = random_floats(c.k->matmul_workspace(&c.task, thread_pool_size(c.pool)) / sizeof(float) + 1);
    double flops = 2.0 * (double)shape->m * (double)shape->n * (double)shape->k;
    bench_subject subject = {.call = run_matmul, .argument = &c, .flops = flops, .images = BATCH};
    silma_status status = a && b && c.task.c && c.workspace
                              ? measure_case(bench, name, &subject, error)
                              : silma_fail_memory(error, shape->m * shape->n * sizeof(float));
    free(a);
    free(b);
    free(c.task.c);
    free(c.workspace);
    return status;
}

static silma_status bench_dense(kernel_bench *bench, const dense_shape *shape, silma_error *error)
{
    size_t in = shape->in, out = shape->out;
    const matmul_task forward = {.m = BATCH, .n = out, .k = in};                         // z = x w
    const matmul_task to_input = {.m = BATCH, .n = in, .k = out, .transpose_b = true};   // dx = dz w^T
    const matmul_task to_weights = {.m = in, .n = out, .k = BATCH, .transpose_a = true}; // dw = x^T dz
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "dense %zu->%zu forward", in, out);
    silma_status status = bench_matmul(bench, name, &forward, error);
    snprintf(name, sizeof name, "dense %zu->%zu gradient to weights", in, out);
    if (status == SILMA_OK) status = bench_matmul(bench, name, &to_weights, error);
    snprintf(name, sizeof name, "dense %zu->%zu gradient to input", in, out);
    if (status == SILMA_OK) status = bench_matmul(bench, name, &to_input, error);
    return status;
}

silma_status silma_bench_kernels(silma_context *context, const silma_bench_options *options, silma_bench_fn *report,
                                 void *user, silma_error *error)
{
    const silma_bench_options defaults = {0};
    kernel_bench bench = {.context = context, .options = options ? options : &defaults, .report = report, .user = user};
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < sizeof conv_shapes / sizeof *conv_shapes && status == SILMA_OK; i++)
        status = bench_conv(&bench, &conv_shapes[i], error);
    for (size_t i = 0; i < sizeof dense_shapes / sizeof *dense_shapes && status == SILMA_OK; i++)
        status = bench_dense(&bench, &dense_shapes[i], error);
    if (status == SILMA_OK && bench.done == 0)
        return silma_fail(error, SILMA_USAGE,
                          "no kernel's name contains '%s'; names are such as 'conv3x3 64->64@16 "
                          "forward' and 'dense 3072->128 gradient to weights'",
                          bench.options->filter);
    return status;
}
