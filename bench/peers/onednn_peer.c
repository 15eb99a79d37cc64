// Times oneDNN's convolutions and inner products (C interface of version 2, Debian's libdnnl-dev) on the kernels of
// `silma bench kernels`, under the same names, and prints one JSON object.
//
//   cc -O2 onednn_peer.c -ldnnl -o onednn_peer && OMP_NUM_THREADS=2 ./onednn_peer [FILTER]
//
// Each tensor has the layout that oneDNN likes best; reordering is not timed. Any failure but "not implemented" ends
// the program with status 1.
#define _GNU_SOURCE
#include <dnnl.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if DNNL_VERSION_MAJOR != 2
#error "this program is written for oneDNN 2"
#endif

enum { BATCH = 128, TENSORS = 4, SAMPLES_LEAST = 5, SAMPLES_MOST = 1000, NAME_SIZE = 96 };
static const double SECONDS = 0.5;

typedef enum direction { FORWARD, TO_FILTERS, TO_INPUT } direction;

typedef struct bench {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    const char *filter; // null: everything
    int printed;
} bench;

static void check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success) return;
    fprintf(stderr, "onednn_peer: %s failed with status %d\n", what, (int)status);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static dnnl_memory_desc_t tensor(int rank, const dnnl_dims_t dims)
{
    dnnl_memory_desc_t desc;
    check(dnnl_memory_desc_init_by_tag(&desc, rank, dims, dnnl_f32, dnnl_format_tag_any), "a tensor");
    return desc;
}

// A tensor of a primitive: what it is called when run, and how its description is asked for.
typedef struct tensor_use {
    int argument;
    dnnl_query_t query;
    int index;
} tensor_use;

// Memory of the layout that the primitive asks for, filled with small numbers.
static dnnl_memory_t memory_for(const bench *b, const_dnnl_primitive_desc_t primitive, const tensor_use *use)
{
    const dnnl_memory_desc_t *desc = dnnl_primitive_desc_query_md(primitive, use->query, use->index);
    dnnl_memory_t memory;
    void *handle;
    check(dnnl_memory_create(&memory, desc, b->engine, DNNL_MEMORY_ALLOCATE), "memory");
    check(dnnl_memory_get_data_handle(memory, &handle), "a handle");
    float *values = handle;
    size_t count = dnnl_memory_desc_get_size(desc) / sizeof(float);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i * 2654435761u % 1024) / 1024 - 0.5f;
    return memory;
}

static double median_seconds(const bench *b, dnnl_primitive_t primitive, int tensors, const dnnl_exec_arg_t *arguments)
{
    static double samples[SAMPLES_MOST];
    int count = 0;
    double end = 0;
    for (int i = -2; i < SAMPLES_MOST && (count < SAMPLES_LEAST || now() < end); i++) {
        if (i == 0) end = now() + SECONDS;
        double begin = now();
        check(dnnl_primitive_execute(primitive, b->stream, tensors, arguments), "running");
        check(dnnl_stream_wait(b->stream), "waiting");
        if (i >= 0) samples[count++] = now() - begin;
    }
    qsort(samples, (size_t)count, sizeof *samples, ascending);
    return samples[count / 2];
}

// The tensors of each direction: input, weights, output, and the bias where there is one.
static const tensor_use uses[][TENSORS] = {
    [FORWARD] = {{DNNL_ARG_SRC, dnnl_query_src_md, 0},
                 {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0},
                 {DNNL_ARG_DST, dnnl_query_dst_md, 0},
                 {DNNL_ARG_BIAS, dnnl_query_weights_md, 1}},
    [TO_FILTERS] = {{DNNL_ARG_SRC, dnnl_query_src_md, 0},
                    {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, 0},
                    {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0},
                    {DNNL_ARG_DIFF_BIAS, dnnl_query_diff_weights_md, 1}},
    [TO_INPUT] = {{DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, 0},
                  {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0},
                  {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0}},
};

static void run(bench *b, const char *name, direction d, dnnl_primitive_desc_t desc)
{
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[TENSORS];
    int count = d == TO_INPUT ? TENSORS - 1 : TENSORS;
    check(dnnl_primitive_create(&primitive, desc), "a primitive");
    for (int i = 0; i < count; i++)
        arguments[i] = (dnnl_exec_arg_t){uses[d][i].argument, memory_for(b, desc, &uses[d][i])};
    printf("%s{\"name\": \"%s\", \"seconds\": %.9g}", b->printed++ > 0 ? ", " : "", name,
           median_seconds(b, primitive, count, arguments));
    fflush(stdout);
    for (int i = 0; i < count; i++)
        dnnl_memory_destroy(arguments[i].memory);
    dnnl_primitive_destroy(primitive);
}

// `hint` (the forward primitive) is null for forward itself.
static dnnl_primitive_desc_t describe(const bench *b, const void *operation, dnnl_primitive_desc_t hint, bool relu)
{
    dnnl_primitive_desc_t desc;
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t after;
    check(dnnl_primitive_attr_create(&attributes), "attributes");
    check(dnnl_post_ops_create(&after), "post operations");
    if (relu) check(dnnl_post_ops_append_eltwise(after, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f), "a rectifier");
    check(dnnl_primitive_attr_set_post_ops(attributes, after), "attributes");
    dnnl_status_t status = dnnl_primitive_desc_create(&desc, operation, attributes, b->engine, hint);
    dnnl_post_ops_destroy(after);
    dnnl_primitive_attr_destroy(attributes);
    if (status == dnnl_unimplemented) return NULL;
    check(status, "a primitive's description");
    return desc;
}

static bool wanted(const bench *b, const char *name)
{
    return !b->filter || strstr(name, b->filter);
}

// ---------------------------------------------------------------------------------------------------------------------
// Convolutions

typedef struct conv_shape {
    int c, oc, side, filter, stride, pad, groups;
    bool first; // nobody asks for the gradient of its input
} conv_shape;

static const conv_shape convs[] = {
    {32, 32, 32, 3, 1, 1, 1, false},   {32, 64, 16, 3, 1, 1, 1, false},  {64, 64, 16, 3, 1, 1, 1, false},
    {128, 128, 16, 3, 1, 1, 1, false}, {256, 256, 8, 3, 1, 1, 1, false}, {3, 32, 32, 3, 1, 1, 1, true},
    {1, 32, 28, 3, 1, 1, 1, true},     {3, 96, 224, 11, 4, 2, 1, true},  {96, 256, 27, 5, 1, 2, 2, false},
};

static const char *const conv_directions[] = {"forward", "gradient to filters", "gradient to input"};

static dnnl_status_t init_conv(dnnl_convolution_desc_t *operation, const conv_shape *s, direction d,
                               dnnl_alg_kind_t method)
{
    int out = (s->side + 2 * s->pad - s->filter) / s->stride + 1;
    dnnl_memory_desc_t x = tensor(4, (dnnl_dims_t){BATCH, s->c, s->side, s->side});
    dnnl_memory_desc_t y = tensor(4, (dnnl_dims_t){BATCH, s->oc, out, out});
    dnnl_memory_desc_t bias = tensor(1, (dnnl_dims_t){s->oc});
    dnnl_memory_desc_t filter =
        s->groups == 1 ? tensor(4, (dnnl_dims_t){s->oc, s->c, s->filter, s->filter})
                       : tensor(5, (dnnl_dims_t){s->groups, s->oc / s->groups, s->c / s->groups, s->filter, s->filter});
    dnnl_dims_t stride = {s->stride, s->stride}, pad = {s->pad, s->pad};
    // What is left over at the right and the bottom is cut off.
    int covered = (out - 1) * s->stride + s->filter - s->side - s->pad;
    dnnl_dims_t pad_end = {covered, covered};
    if (d == FORWARD)
        return dnnl_convolution_forward_desc_init(operation, dnnl_forward_training, method, &x, &filter, &bias, &y,
                                                  stride, pad, pad_end);
    if (d == TO_FILTERS)
        return dnnl_convolution_backward_weights_desc_init(operation, method, &x, &filter, &bias, &y, stride, pad,
                                                           pad_end);
    return dnnl_convolution_backward_data_desc_init(operation, method, &x, &filter, &y, stride, pad, pad_end);
}

static dnnl_primitive_desc_t describe_conv(const bench *b, const conv_shape *s, direction d, dnnl_alg_kind_t method)
{
    dnnl_convolution_desc_t operation, forward;
    if (init_conv(&operation, s, d, method) != dnnl_success) return NULL;
    if (d == FORWARD) return describe(b, &operation, NULL, true);
    check(init_conv(&forward, s, FORWARD, method), "a convolution");
    dnnl_primitive_desc_t hint = describe(b, &forward, NULL, false);
    dnnl_primitive_desc_t desc = hint ? describe(b, &operation, hint, false) : NULL;
    dnnl_primitive_desc_destroy(hint);
    return desc;
}

static void bench_conv(bench *b, const conv_shape *s, direction d, dnnl_alg_kind_t method, const char *suffix)
{
    char stride[24] = "", groups[24] = "", name[NAME_SIZE];
    if (s->stride > 1) snprintf(stride, sizeof stride, " stride %d", s->stride);
    if (s->groups > 1) snprintf(groups, sizeof groups, " groups %d", s->groups);
    snprintf(name, sizeof name, "conv%dx%d %d->%d@%d%s%s %s%s", s->filter, s->filter, s->c, s->oc, s->side, stride,
             groups, conv_directions[d], suffix);
    if (!wanted(b, name)) return;
    dnnl_primitive_desc_t desc = describe_conv(b, s, d, method);
    if (!desc) return;
    run(b, name, d, desc);
    dnnl_primitive_desc_destroy(desc);
}

// ---------------------------------------------------------------------------------------------------------------------
// Dense layers

static const int dense[][2] = {{3072, 128}, {4096, 64}, {9216, 4096}};
static const char *const dense_directions[] = {"forward", "gradient to weights", "gradient to input"};

static void init_dense(dnnl_inner_product_desc_t *operation, int in, int out, direction d)
{
    dnnl_memory_desc_t x = tensor(2, (dnnl_dims_t){BATCH, in}), y = tensor(2, (dnnl_dims_t){BATCH, out});
    dnnl_memory_desc_t w = tensor(2, (dnnl_dims_t){out, in}), bias = tensor(1, (dnnl_dims_t){out});
    dnnl_status_t status;
    if (d == FORWARD)
        status = dnnl_inner_product_forward_desc_init(operation, dnnl_forward_training, &x, &w, &bias, &y);
    else if (d == TO_FILTERS)
        status = dnnl_inner_product_backward_weights_desc_init(operation, &x, &w, &bias, &y);
    else
        status = dnnl_inner_product_backward_data_desc_init(operation, &x, &w, &y);
    check(status, "an inner product");
}

static void bench_dense(bench *b, int in, int out, direction d)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "dense %d->%d %s", in, out, dense_directions[d]);
    if (!wanted(b, name)) return;
    dnnl_inner_product_desc_t operation, forward;
    init_dense(&operation, in, out, d);
    init_dense(&forward, in, out, FORWARD);
    dnnl_primitive_desc_t hint = d == FORWARD ? NULL : describe(b, &forward, NULL, false);
    dnnl_primitive_desc_t desc = describe(b, &operation, hint, false);
    if (desc) run(b, name, d, desc);
    dnnl_primitive_desc_destroy(desc);
    dnnl_primitive_desc_destroy(hint);
}

int main(int argc, char **argv)
{
    bench b = {.filter = argc > 1 ? argv[1] : NULL};
    check(dnnl_engine_create(&b.engine, dnnl_cpu, 0), "the engine");
    check(dnnl_stream_create(&b.stream, b.engine, dnnl_stream_default_flags), "the stream");
    const dnnl_version_t *version = dnnl_version();
    printf("{\"version\": \"oneDNN %d.%d.%d\", \"results\": [", version->major, version->minor, version->patch);
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        for (direction d = FORWARD; d <= TO_INPUT; d++) {
            if (d == TO_INPUT && convs[i].first) continue;
            bench_conv(&b, &convs[i], d, dnnl_convolution_direct, "");
            bench_conv(&b, &convs[i], d, dnnl_convolution_winograd, " winograd");
        }
    }
    for (size_t i = 0; i < sizeof dense / sizeof *dense; i++)
        for (direction d = FORWARD; d <= TO_INPUT; d++)
            bench_dense(&b, dense[i][0], dense[i][1], d);
    printf("]}\n");
    dnnl_stream_destroy(b.stream);
    dnnl_engine_destroy(b.engine);
    return 0;
}
