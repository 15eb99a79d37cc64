// The products: convolutions and matrix products of every table against the reference.
#include "kernel_check.h"

#include <math.h>

static size_t product(int a, int b, int c, int d)
{
    return (size_t)a * (size_t)b * (size_t)c * (size_t)d;
}

static size_t input_count(const window_shape *s)
{
    return product(s->n, s->h, s->w, s->c);
}

static size_t output_count(const window_shape *s)
{
    return product(s->n, s->oh, s->ow, s->oc);
}

static size_t filter_count(const window_shape *s)
{
    return product(s->kh, s->kw, s->c / s->groups, s->oc);
}

// Sums of `terms` products of numbers below 1. Winograd's are the least exact: a few times 1e-6 in the 2-norm.
static double sum_tolerance(size_t terms)
{
    return 1e-5 * sqrt((double)terms);
}

static void name_conv(trial *t, const char *entry, const window_shape *s)
{
    trial_name(t, "%s n=%d %dx%dx%d -> %dx%dx%d, %dx%d stride %dx%d pad %d,%d groups %d", entry, s->n, s->h, s->w, s->c,
               s->oh, s->ow, s->oc, s->kh, s->kw, s->stride_h, s->stride_w, s->pad_top, s->pad_left, s->groups);
}

typedef struct forward_case {
    window_shape s;
    activation act;
    bool bias, keeps_z;
} forward_case;

static void call_conv_forward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const forward_case *c = t->shape;
    void *workspace = guarded(k->conv_forward_workspace(&c->s, thread_pool_size(pool)));
    k->conv_forward(pool, &c->s, t->input[0], t->input[1], c->bias ? t->input[2] : NULL, c->act, outputs[1], outputs[0],
                    workspace);
}

// The same in two steps; what is packed does not depend on the number of images.
static void call_conv_forward_packed(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const forward_case *c = t->shape;
    if (!k->conv_pack) {
        call_conv_forward(k, pool, t, outputs);
        return;
    }
    window_shape one = c->s;
    one.n = 1;
    size_t bytes = k->conv_packed_bytes(&one);
    void *packed = guarded(bytes);
    void *workspace = guarded(k->conv_forward_workspace(&c->s, thread_pool_size(pool)) - bytes);
    const float *bias = c->bias ? t->input[2] : NULL;
    k->conv_pack(pool, &one, t->input[1], bias, packed);
    k->conv_forward_packed(pool, &c->s, t->input[0], packed, bias, c->act, outputs[1], outputs[0], workspace);
}

static void check_conv_forward(const forward_case *c, bool packed)
{
    const window_shape *s = &c->s;
    trial t = {.call = packed ? call_conv_forward_packed : call_conv_forward, .shape = c, .products = true};
    double tolerance = sum_tolerance(filter_count(s) / (size_t)s->oc);
    name_conv(&t, packed ? "conv_forward_packed" : "conv_forward", s);
    t.input[0] = random_floats(1, input_count(s), -1.0f, 1.0f);
    t.input[1] = random_floats(2, filter_count(s), -1.0f, 1.0f);
    t.input[2] = random_floats(3, (size_t)s->oc, -1.0f, 1.0f);
    t.output[0] = (trial_output){.floats = output_count(s), .tolerance = tolerance};
    if (c->keeps_z) t.output[1] = t.output[0];
    check_trial(&t);
}

static void call_conv_backward_input(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const window_shape *s = t->shape;
    void *workspace = guarded(k->conv_backward_input_workspace(s, thread_pool_size(pool)));
    k->conv_backward_input(pool, s, t->input[0], t->input[1], outputs[0], workspace);
}

static void call_conv_backward_filter(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const window_shape *s = t->shape;
    void *workspace = guarded(k->conv_backward_filter_workspace(s, thread_pool_size(pool)));
    k->conv_backward_filter(pool, s, t->input[0], t->input[1], outputs[0], workspace);
}

static void check_conv_backward(const window_shape *s)
{
    trial t = {.call = call_conv_backward_input, .shape = s, .products = true};
    name_conv(&t, "conv_backward_input", s);
    t.input[0] = random_floats(4, output_count(s), -1.0f, 1.0f);
    t.input[1] = random_floats(5, filter_count(s), -1.0f, 1.0f);
    t.output[0] = (trial_output){.floats = input_count(s),
                                 .tolerance = sum_tolerance(product(s->kh, s->kw, s->oc / s->groups, 1))};
    check_trial(&t);

    t.call = call_conv_backward_filter;
    name_conv(&t, "conv_backward_filter", s);
    t.input[0] = random_floats(6, input_count(s), -1.0f, 1.0f);
    t.input[1] = random_floats(7, output_count(s), -1.0f, 1.0f);
    t.output[0] = (trial_output){.floats = filter_count(s), .tolerance = sum_tolerance(product(s->n, s->oh, s->ow, 1))};
    check_trial(&t);
}

// Fills oh and ow for `extra` pixels of padding at the bottom and right beyond those at the top and left.
static window_shape with_output(window_shape s, int extra)
{
    s.oh = (s.h + 2 * s.pad_top + extra - s.kh) / s.stride_h + 1;
    s.ow = (s.w + 2 * s.pad_left + extra - s.kw) / s.stride_w + 1;
    return s;
}

static void check_conv(window_shape s, int extra)
{
    s = with_output(s, extra);
    if (s.groups == 0) s.groups = 1;
    assert_true(s.oh > 0 && s.ow > 0);
    check_conv_forward(&(forward_case){s, {ACTIVATION_LINEAR, 0.0f}, false, false}, false);
    check_conv_forward(&(forward_case){s, {ACTIVATION_RELU, 0.0f}, true, true}, false);
    check_conv_forward(&(forward_case){s, {ACTIVATION_RELU, 0.0f}, true, false}, true);
    check_conv_backward(&s);
}

static const int CHANNELS[] = {1, 3, 5, 16, 17, 33};
enum { CHANNEL_COUNTS = sizeof CHANNELS / sizeof *CHANNELS };

static void conv_channels(void **state)
{
    (void)state;
    for (int i = 0; i < CHANNEL_COUNTS; i++) {
        for (int j = 0; j < CHANNEL_COUNTS; j++) {
            window_shape s = {.n = i % 2 ? 3 : 1, .h = 7, .w = 9, .c = CHANNELS[i], .oc = CHANNELS[j]};
            s.kh = s.kw = 3;
            s.stride_h = s.stride_w = s.pad_top = s.pad_left = 1;
            check_conv(s, 0);
        }
    }
}

static void conv_windows(void **state)
{
    (void)state;
    static const int kernel[][2] = {{1, 1}, {3, 3}, {5, 5}, {1, 3}, {2, 2}, {4, 3}, {7, 7}};
    static const int stride[][2] = {{1, 1}, {2, 2}, {1, 3}, {4, 4}};
    for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++) {
        for (size_t j = 0; j < sizeof stride / sizeof *stride; j++) {
            for (int pad = 0; pad < 3; pad++) {
                window_shape s = {.n = 1 + 2 * (pad % 2), .h = 11, .w = 8, .c = 5, .oc = 17};
                s.kh = kernel[i][0];
                s.kw = kernel[i][1];
                s.stride_h = stride[j][0];
                s.stride_w = stride[j][1];
                s.pad_top = pad < s.kh ? pad : s.kh - 1;
                s.pad_left = pad < s.kw ? pad : s.kw - 1;
                check_conv(s, 0);
                if (s.kh > 1 && s.kw > 1) check_conv(s, 1); // an odd pixel at the bottom and right: SAME of even sizes
            }
        }
    }
}

static void conv_groups(void **state)
{
    (void)state;
    static const int split[][3] = {{2, 2, 2}, {6, 4, 2}, {32, 48, 2}, {10, 25, 5}, {16, 16, 16}, {17, 34, 17}};
    for (size_t i = 0; i < sizeof split / sizeof *split; i++) {
        window_shape s = {.n = 3, .h = 8, .w = 7, .c = split[i][0], .oc = split[i][1], .groups = split[i][2]};
        s.kh = s.kw = 3;
        s.stride_h = s.stride_w = i % 2 ? 2 : 1;
        s.pad_top = s.pad_left = 1;
        check_conv(s, 0);
    }
}

// Larger images and more channels, where blocks, bands and Winograd's tiles meet their edges.
static void conv_blocks(void **state)
{
    (void)state;
    static const int sizes[][4] = {{32, 32, 3, 32},  {28, 28, 1, 32}, {16, 16, 32, 64}, {13, 14, 64, 64},
                                   {15, 17, 48, 40}, {4, 4, 80, 96},  {33, 31, 16, 16}, {3, 2, 64, 32}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        window_shape s = {.n = 3, .h = sizes[i][0], .w = sizes[i][1], .c = sizes[i][2], .oc = sizes[i][3]};
        s.kh = s.kw = 3;
        s.stride_h = s.stride_w = s.pad_top = s.pad_left = 1;
        check_conv(s, 0);
    }
    window_shape alexnet = {.n = 1, .h = 59, .w = 63, .c = 3, .oc = 24, .kh = 11, .kw = 11};
    alexnet.stride_h = alexnet.stride_w = 4;
    alexnet.pad_top = alexnet.pad_left = 2;
    check_conv(alexnet, 0);
}

// Few channels: pixels that are taken together, columns of the filter that are summed apart, filters kept in registers.
static void conv_few_channels(void **state)
{
    (void)state;
    // h, w, c, oc, kernel, stride, pad
    static const int few[][7] = {{32, 32, 1, 6, 5, 1, 0},  {14, 14, 6, 16, 5, 1, 0}, {13, 16, 1, 32, 3, 2, 1},
                                 {12, 32, 3, 4, 5, 2, 2},  {9, 26, 2, 5, 3, 1, 0},   {11, 12, 6, 16, 5, 1, 4},
                                 {10, 11, 1, 64, 3, 1, 1}, {8, 17, 1, 32, 3, 1, 0},  {7, 34, 1, 3, 4, 1, 3}};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        window_shape s = {.n = 3, .h = few[i][0], .w = few[i][1], .c = few[i][2], .oc = few[i][3]};
        s.kh = s.kw = few[i][4];
        s.stride_h = s.stride_w = few[i][5];
        s.pad_top = s.pad_left = few[i][6];
        check_conv(s, 0);
    }
}

static void conv_activations(void **state)
{
    (void)state;
    window_shape s = {.n = 1, .h = 6, .w = 7, .c = 3, .oc = 19, .kh = 3, .kw = 3, .groups = 1};
    s.stride_h = s.stride_w = s.pad_top = s.pad_left = 1;
    s = with_output(s, 0);
    for (int kind = ACTIVATION_LINEAR; kind < ACTIVATION_SOFTMAX; kind++) {
        check_conv_forward(&(forward_case){s, {(activation_kind)kind, 0.3f}, true, true}, false);
        check_conv_forward(&(forward_case){s, {(activation_kind)kind, 0.3f}, false, false}, false);
    }
}

typedef struct matmul_case {
    matmul_task task; // without pointers
    bool bias, keeps_z;
} matmul_case;

static void call_matmul(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matmul_case *c = t->shape;
    matmul_task task = c->task;
    task.a = t->input[0];
    task.b = t->input[1];
    task.bias = c->bias ? t->input[2] : NULL;
    task.c = outputs[0];
    task.pre_activation = outputs[1];
    void *workspace = guarded(k->matmul_workspace(&task, thread_pool_size(pool)));
    k->matmul(pool, &task, workspace);
}

static void check_matmul(const matmul_case *c)
{
    const matmul_task *task = &c->task;
    trial t = {.call = call_matmul, .shape = c};
    trial_name(&t, "matmul %zux%zux%zu%s%s%s", task->m, task->n, task->k, task->transpose_a ? " A^T" : "",
               task->transpose_b ? " B^T" : "", task->accumulate ? " accumulate" : "");
    t.input[0] = random_floats(1, task->m * task->k, -1.0f, 1.0f);
    t.input[1] = random_floats(2, task->k * task->n, -1.0f, 1.0f);
    t.input[2] = random_floats(3, task->n, -1.0f, 1.0f);
    t.output[0] = (trial_output){.floats = task->m * task->n, .tolerance = sum_tolerance(task->k)};
    if (c->keeps_z) t.output[1] = t.output[0];
    if (task->accumulate) t.output[0].initial = random_floats(4, task->m * task->n, -1.0f, 1.0f);
    check_trial(&t);
}

static void matmul_shapes(void **state)
{
    (void)state;
    static const size_t shape[][3] = {{1, 1, 1},     {1, 10, 64},  {3, 5, 7},     {16, 16, 16},
                                      {17, 33, 31},  {2, 100, 1},  {33, 17, 5},   {65, 3, 129},
                                      {128, 10, 84}, {7, 257, 40}, {500, 10, 64}, {1, 300, 784}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        for (int variant = 0; variant < 8; variant++) {
            matmul_case c = {.task = {.m = shape[i][0], .n = shape[i][1], .k = shape[i][2]}};
            c.task.transpose_a = variant & 1;
            c.task.transpose_b = variant & 2;
            c.task.accumulate = variant & 4;
            check_matmul(&c);
        }
        matmul_case dense = {{.m = shape[i][0], .n = shape[i][1], .k = shape[i][2]}, true, true};
        for (int kind = ACTIVATION_LINEAR; kind < ACTIVATION_SOFTMAX; kind++) {
            dense.task.act = (activation){(activation_kind)kind, 0.2f};
            check_matmul(&dense);
        }
    }
}

static void matmul_blocks(void **state)
{
    (void)state;
    static const size_t shape[][3] = {{128, 128, 700}, {300, 270, 300}, {130, 1100, 70}, {64, 64, 3100}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        for (int variant = 0; variant < 4; variant++) {
            matmul_case c = {.task = {.m = shape[i][0], .n = shape[i][1], .k = shape[i][2]}};
            c.task.transpose_a = variant & 1;
            c.task.transpose_b = variant & 2;
            c.task.accumulate = i % 2 == 1;
            check_matmul(&c);
        }
        matmul_case dense = {{.m = shape[i][0], .n = shape[i][1], .k = shape[i][2]}, true, i % 2 == 1};
        dense.task.act.kind = ACTIVATION_RELU;
        check_matmul(&dense);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_channels), cmocka_unit_test(conv_windows),      cmocka_unit_test(conv_groups),
        cmocka_unit_test(conv_blocks),   cmocka_unit_test(conv_few_channels), cmocka_unit_test(conv_activations),
        cmocka_unit_test(matmul_shapes), cmocka_unit_test(matmul_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
