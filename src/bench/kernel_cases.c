// silma_bench_kernels: convolutions and dense layers of the networks that Silma is made for, in all directions.
#define _GNU_SOURCE
#include "bench/conv_case.h"
#include "core/error.h"

#include <math.h>
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
                                 double relative_error, silma_error *error)
{
    silma_bench_result result;
    silma_status status = bench_measure(bench->context, subject, bench->options->repeats, &result, error);
    if (status != SILMA_OK) return status;
    snprintf(result.name, sizeof result.name, "%s", name);
    result.relative_error = relative_error;
    bench->done++;
    if (bench->report(&result, bench->user)) return SILMA_OK;
    return silma_fail(error, SILMA_INTERRUPTED, "stopped after %s", name);
}

// ---------------------------------------------------------------------------------------------------------------------
// Convolutions

typedef struct conv_subject {
    const conv_case *convolution;
    conv_direction direction;
} conv_subject;

static silma_status run_conv(void *argument, silma_error *error)
{
    (void)error;
    const conv_subject *subject = argument;
    conv_case_run(subject->convolution, subject->direction);
    return SILMA_OK;
}

// As the table does it, and by direct sums where the table may have chosen another way.
static silma_status bench_conv_direction(kernel_bench *bench, conv_case *c, const conv_shape *shape,
                                         conv_direction direction, silma_error *error)
{
    const window_shape *s = &c->s;
    int inputs = s->c / s->groups; // of a filter
    conv_subject argument = {c, direction};
    bench_subject subject = {.call = run_conv,
                             .argument = &argument,
                             .flops = 2.0 * s->n * s->oh * s->ow * s->oc * s->kh * s->kw * inputs,
                             .images = BATCH};
    const kernels *table = bench->context->k;
    bool may_choose = table->direct && s->kh == 3 && s->stride_h == 1 && s->groups == 1;
    const kernels *methods[] = {table, may_choose ? table->direct : NULL};
    silma_status status = SILMA_OK;
    for (int i = 0; i < 2 && status == SILMA_OK; i++) {
        char name[CASE_NAME_SIZE];
        conv_name(name, shape, direction, i > 0 ? " direct" : "");
        if (!methods[i] || !wanted(bench, name)) continue;
        double relative_error = NAN;
        if (bench->options->errors)
            status = conv_error(methods[i], c->pool, shape, BATCH, direction, &relative_error, error);
        c->k = methods[i];
        if (status == SILMA_OK) status = measure_case(bench, name, &subject, relative_error, error);
    }
    return status;
}

static bool conv_wanted(const kernel_bench *bench, const conv_shape *shape)
{
    for (conv_direction direction = 0; direction < CONV_DIRECTIONS; direction++) {
        char name[CASE_NAME_SIZE];
        conv_name(name, shape, direction, " direct");
        if (wanted(bench, name)) return true;
    }
    return false;
}

// Forward, the gradient to the filters, which overwrites them, the gradient to the input, which overwrites that: values
// stay finite in this order.
static silma_status bench_conv(kernel_bench *bench, const conv_shape *shape, silma_error *error)
{
    if (!conv_wanted(bench, shape)) return SILMA_OK;
    conv_case c;
    silma_status status = conv_case_create(&c, bench->context->k, bench->context->pool, shape, BATCH, error);
    if (status != SILMA_OK) return status;
    c.act = (activation){ACTIVATION_RELU, 0};
    for (conv_direction direction = 0; direction < CONV_DIRECTIONS && status == SILMA_OK; direction++)
        if (direction != CONV_TO_INPUT || !shape->first)
            status = bench_conv_direction(bench, &c, shape, direction, error);
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
    float *a = case_noise(shape->m * shape->k, 0), *b = case_noise(shape->k * shape->n, 1);
    c.task.a = a;
    c.task.b = b;
    c.task.c = case_noise(shape->m * shape->n, 2);
    c.workspace = case_noise(c.k->matmul_workspace(&c.task, thread_pool_size(c.pool)) / sizeof(float) + 1, 3);
    double flops = 2.0 * (double)shape->m * (double)shape->n * (double)shape->k;
    bench_subject subject = {.call = run_matmul, .argument = &c, .flops = flops, .images = BATCH};
    silma_status status = a && b && c.task.c && c.workspace
                              ? measure_case(bench, name, &subject, NAN, error)
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
    char name[CASE_NAME_SIZE];
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
    for (size_t i = 0; i < conv_shape_count && status == SILMA_OK; i++)
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
