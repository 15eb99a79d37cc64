// Everything in the kernel table but the products: every table against the reference.
#include "kernel_check.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

// Every tail of every vector, then the edges of chunks.
static const size_t LONG_COUNTS[] = {100, 255, 1000, 16383, 16384, 16385, 50001};
enum { SHORT_COUNTS = 35, COUNTS = SHORT_COUNTS + sizeof LONG_COUNTS / sizeof *LONG_COUNTS };

static size_t count_of(size_t i)
{
    return i < SHORT_COUNTS ? i + 1 : LONG_COUNTS[i - SHORT_COUNTS];
}

// Rows and channels.
typedef struct matrix_shape {
    size_t rows, c;
} matrix_shape;

static const size_t ROWS[] = {1, 2, 5, 63, 65, 300};
static const size_t CHANNELS[] = {1, 3, 5, 10, 16, 17, 33, 64, 513, 1031};
static const matrix_shape LARGE[] = {{20011, 3}, {9000, 33}, {2000, 64}, {40, 2050}};
enum {
    ROW_COUNTS = sizeof ROWS / sizeof *ROWS,
    CHANNEL_COUNTS = sizeof CHANNELS / sizeof *CHANNELS,
    MATRICES = ROW_COUNTS * CHANNEL_COUNTS + sizeof LARGE / sizeof *LARGE,
};

static matrix_shape matrix_of(size_t i)
{
    if (i >= ROW_COUNTS * CHANNEL_COUNTS) return LARGE[i - ROW_COUNTS * CHANNEL_COUNTS];
    return (matrix_shape){ROWS[i / CHANNEL_COUNTS], CHANNELS[i % CHANNEL_COUNTS]};
}

static const double ROUNDING = 3e-7; // of one or two operations

// --- activations

typedef struct activation_case {
    activation act;
    size_t count;
    bool in_place;
} activation_case;

static void call_activation_forward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const activation_case *c = t->shape;
    k->activation_forward(pool, c->act, c->count, c->in_place ? outputs[0] : t->input[0], outputs[0]);
}

// What backward does not need is null.
static void call_activation_backward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const activation_case *c = t->shape;
    bool from_output = activation_derivative_from_output(c->act.kind);
    k->activation_backward(pool, c->act, c->count, from_output ? NULL : t->input[0], from_output ? t->input[1] : NULL,
                           c->in_place ? outputs[0] : t->input[2], outputs[0]);
}

static void check_activation(const activation_case *c)
{
    const kernels *reference;
    assert_int_equal(kernels_find(&reference, "reference", NULL), SILMA_OK);
    float *z = random_floats(1, c->count, -6.0f, 6.0f);
    float *y = guarded_floats(c->count);
    reference->activation_forward(NULL, c->act, c->count, z, y);
    float *dy = random_floats(2, c->count, -2.0f, 2.0f);
    y = copied_floats(y, c->count);

    trial t = {.call = call_activation_backward, .shape = c, .input = {z, y, dy}};
    t.output[0] = (trial_output){.floats = c->count, .tolerance = 1e-6, .initial = c->in_place ? dy : NULL};
    trial_name(&t, "activation_backward %d count %zu", c->act.kind, c->count);
    check_trial(&t);

    z = random_floats(1, c->count, -6.0f, 6.0f);
    t = (trial){.call = call_activation_forward, .shape = c, .input = {z}};
    t.output[0] = (trial_output){.floats = c->count, .tolerance = 5e-7, .initial = c->in_place ? z : NULL};
    trial_name(&t, "activation_forward %d count %zu", c->act.kind, c->count);
    check_trial(&t);
}

static void activations(void **state)
{
    (void)state;
    for (int kind = ACTIVATION_LINEAR; kind < ACTIVATION_SOFTMAX; kind++) {
        for (size_t i = 0; i < COUNTS; i++)
            check_activation(&(activation_case){{(activation_kind)kind, 0.25f}, count_of(i), i % 2 == 1});
    }
}

static void call_prelu_forward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    k->prelu_forward(pool, s->rows, s->c, t->input[0], t->input[1], outputs[0]);
}

static void call_prelu_backward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    void *workspace = guarded(k->column_sums_workspace(s->rows, s->c, thread_pool_size(pool)));
    k->prelu_backward(pool, s->rows, s->c, t->input[0], t->input[1], t->input[2], outputs[0], outputs[1], workspace);
}

static void prelu(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATRICES; i++) {
        matrix_shape s = matrix_of(i);
        size_t count = s.rows * s.c;
        trial t = {.call = call_prelu_forward, .shape = &s};
        trial_name(&t, "prelu_forward %zux%zu", s.rows, s.c);
        t.input[0] = random_floats(1, count, -1.0f, 1.0f);
        t.input[1] = random_floats(2, s.c, 0.1f, 0.4f);
        t.output[0] = (trial_output){.floats = count, .tolerance = ROUNDING};
        check_trial(&t);

        t.call = call_prelu_backward;
        trial_name(&t, "prelu_backward %zux%zu", s.rows, s.c);
        t.input[0] = random_floats(1, count, -1.0f, 1.0f);
        t.input[1] = random_floats(2, s.c, 0.1f, 0.4f);
        t.input[2] = random_floats(3, count, -1.0f, 1.0f);
        t.output[1] = (trial_output){.floats = s.c, .tolerance = 1e-6 * sqrt((double)s.rows)};
        check_trial(&t);
    }
}

static void call_softmax_forward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    k->softmax_forward(pool, s->rows, s->c, t->input[0], outputs[0]);
}

static void call_softmax_in_place(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    k->softmax_forward(pool, s->rows, s->c, outputs[0], outputs[0]);
}

static void call_softmax_backward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    k->softmax_backward(pool, s->rows, s->c, t->input[0], t->input[1], outputs[0]);
}

static void softmax(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATRICES; i++) {
        matrix_shape s = matrix_of(i);
        size_t count = s.rows * s.c;
        trial t = {.call = i % 2 ? call_softmax_in_place : call_softmax_forward, .shape = &s};
        trial_name(&t, "softmax_forward %zux%zu", s.rows, s.c);
        t.input[0] = random_floats(1, count, -30.0f, 30.0f);
        t.output[0] = (trial_output){.floats = count, .tolerance = 5e-7, .initial = t.input[0]};
        check_trial(&t);

        t.call = call_softmax_backward;
        trial_name(&t, "softmax_backward %zux%zu", s.rows, s.c);
        t.input[0] = random_floats(2, count, 0.0f, 2.0f / (float)s.c);
        t.input[1] = random_floats(3, count, -1.0f, 1.0f);
        t.output[0] = (trial_output){.floats = count, .tolerance = 1e-6};
        check_trial(&t);
    }
}

// Every table, the reference too: eq. 21 and 22, and that the probabilities of a row add up to one (eq. 31).
static void softmax_is_a_distribution(void **state)
{
    (void)state;
    enum { IMAGES = 7, CLASSES = 19 };
    const kernels *tables[16];
    size_t count = kernels_available(tables, 16);
    for (size_t t = 0; t < count; t++) {
        float y[IMAGES * CLASSES];
        const float *z = random_floats(1, IMAGES * CLASSES, -20.0f, 20.0f);
        tables[t]->softmax_forward(NULL, IMAGES, CLASSES, z, y);
        for (size_t image = 0; image < IMAGES; image++, z += CLASSES) {
            double normaliser = 0, sum = 0;
            for (size_t i = 0; i < CLASSES; i++)
                normaliser += exp((double)z[i]);
            for (size_t i = 0; i < CLASSES; i++) {
                double probability = exp((double)z[i]) / normaliser;
                sum += (double)y[image * CLASSES + i];
                assert_true(fabs((double)y[image * CLASSES + i] - probability) <=
                            5e-6 * probability); // z - max z is rounded
            }
            assert_true(fabs(sum - 1) < 1e-6);
        }
        guarded_free_all();
    }
}

// --- pooling

static void call_maxpool_forward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    k->maxpool_forward(pool, t->shape, t->input[0], outputs[0], outputs[1]);
}

static void call_maxpool_backward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    k->maxpool_backward(pool, t->shape, t->input[0], t->input[1], outputs[0]);
}

static void call_avgpool_forward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    k->avgpool_forward(pool, t->shape, t->input[0], outputs[0]);
}

static void call_avgpool_backward(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    k->avgpool_backward(pool, t->shape, t->input[0], outputs[0]);
}

static void name_pool(trial *t, const char *entry, const window_shape *s)
{
    trial_name(t, "%s n=%d %dx%dx%d -> %dx%d, %dx%d stride %dx%d pad %d,%d", entry, s->n, s->h, s->w, s->c, s->oh,
               s->ow, s->kh, s->kw, s->stride_h, s->stride_w, s->pad_top, s->pad_left);
}

// Whole numbers, so that many values of a window are equal; some are NaN.
static float *pool_input(size_t count)
{
    float *x = random_floats(1, count, -3.0f, 3.0f);
    for (size_t i = 0; i < count; i++)
        x[i] = i % 97 == 96 ? NAN : floorf(x[i]);
    return x;
}

static void check_pool(const window_shape *s)
{
    size_t in = (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c;
    size_t out = (size_t)s->n * (size_t)s->oh * (size_t)s->ow * (size_t)s->c;
    const kernels *reference;
    assert_int_equal(kernels_find(&reference, "reference", NULL), SILMA_OK);

    trial t = {.call = call_maxpool_forward, .shape = s, .input = {pool_input(in)}};
    name_pool(&t, "maxpool_forward", s);
    t.output[0] = (trial_output){.floats = out};
    t.output[1] = (trial_output){.bytes = out};
    check_trial(&t);
    t.input[0] = pool_input(in);
    t.output[1].bytes = 0; // inference
    check_trial(&t);

    t = (trial){.call = call_maxpool_backward, .shape = s};
    name_pool(&t, "maxpool_backward", s);
    uint8_t *chosen = guarded(out);
    reference->maxpool_forward(NULL, s, pool_input(in), guarded_floats(out), chosen);
    t.input[0] = random_floats(2, out, -1.0f, 1.0f);
    t.input[1] = chosen;
    t.output[0] = (trial_output){.floats = in, .tolerance = 1e-6};
    check_trial(&t);

    t = (trial){.call = call_avgpool_forward, .shape = s, .input = {random_floats(3, in, -1.0f, 1.0f)}};
    name_pool(&t, "avgpool_forward", s);
    t.output[0] = (trial_output){.floats = out, .tolerance = 1e-6};
    check_trial(&t);

    t = (trial){.call = call_avgpool_backward, .shape = s, .input = {random_floats(4, out, -1.0f, 1.0f)}};
    name_pool(&t, "avgpool_backward", s);
    t.output[0] = (trial_output){.floats = in, .tolerance = 1e-6};
    check_trial(&t);
}

static void pooling(void **state)
{
    (void)state;
    static const int channels[] = {1, 3, 5, 6, 16, 17, 33};
    // kernel height and width, stride, padding at the top and left, extra padding at the bottom and right
    static const int windows[][6] = {{2, 2, 2, 2, 0, 0}, {3, 3, 2, 2, 0, 0}, {3, 3, 2, 2, 1, 0}, {2, 2, 2, 2, 0, 1},
                                     {3, 2, 1, 1, 0, 0}, {3, 3, 1, 1, 1, 0}, {1, 1, 1, 1, 0, 0}, {2, 3, 3, 4, 0, 0},
                                     {7, 5, 7, 5, 0, 0}, {2, 2, 1, 3, 1, 0}};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        for (size_t j = 0; j < sizeof windows / sizeof *windows; j++) {
            const int *v = windows[j];
            window_shape s = {.n = i % 2 ? 3 : 1, .h = 7, .w = 9, .c = channels[i], .oc = channels[i], .groups = 1};
            s.kh = v[0];
            s.kw = v[1];
            s.stride_h = v[2];
            s.stride_w = v[3];
            s.pad_top = s.pad_left = v[4];
            s.oh = (s.h + 2 * v[4] + v[5] - s.kh) / s.stride_h + 1;
            s.ow = (s.w + 2 * v[4] + v[5] - s.kw) / s.stride_w + 1;
            check_pool(&s);
        }
    }
    window_shape large = {.n = 3, .h = 32, .w = 30, .c = 35, .oh = 16, .ow = 15, .oc = 35, .kh = 2, .kw = 2};
    large.stride_h = large.stride_w = 2;
    large.groups = 1;
    check_pool(&large);
    window_shape global = {.n = 3, .h = 16, .w = 15, .c = 40, .oh = 1, .ow = 1, .oc = 40, .kh = 16, .kw = 15};
    global.stride_h = global.stride_w = global.groups = 1;
    check_pool(&global);
}

// --- normalisation

static void call_column_sums(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    void *workspace = guarded(k->column_sums_workspace(s->rows, s->c, thread_pool_size(pool)));
    k->column_sums(pool, s->rows, s->c, t->input[0], outputs[0], workspace);
}

static void call_statistics(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    void *workspace = guarded(k->batchnorm_workspace(s->rows, s->c, thread_pool_size(pool)));
    k->batchnorm_statistics(pool, s->rows, s->c, t->input[0], outputs[0], outputs[1], workspace);
}

static void call_channel_affine(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    k->channel_affine(pool, s->rows, s->c, outputs[0], t->input[0], t->input[1], outputs[0]);
}

// x, mean, inv_std, dy
static void call_batchnorm_gradients(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    void *workspace = guarded(k->batchnorm_workspace(s->rows, s->c, thread_pool_size(pool)));
    k->batchnorm_gradients(pool, s->rows, s->c, t->input[0], t->input[1], t->input[2], t->input[3], outputs[0],
                           outputs[1], workspace);
}

// x, mean, inv_std, gamma, dgamma, dbeta; dx is dy. These rows are a third of the batch.
static void call_batchnorm_backward_input(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const matrix_shape *s = t->shape;
    void *workspace = guarded(3 * s->c * sizeof(float));
    k->batchnorm_backward_input(pool, s->rows, s->c, 3 * s->rows, t->input[0], t->input[1], t->input[2], t->input[3],
                                t->input[4], t->input[5], outputs[0], outputs[0], workspace);
}

static void check_batchnorm_backward(const matrix_shape *s)
{
    size_t count = s->rows * s->c;
    trial t = {.call = call_batchnorm_gradients, .shape = s};
    trial_name(&t, "batchnorm_gradients %zux%zu", s->rows, s->c);
    t.input[0] = random_floats(1, count, -1.0f, 3.0f);
    t.input[1] = random_floats(2, s->c, 0.9f, 1.1f);
    t.input[2] = random_floats(3, s->c, 0.8f, 1.2f);
    t.input[3] = random_floats(4, count, -1.0f, 1.0f);
    t.output[0] = t.output[1] = (trial_output){.floats = s->c, .tolerance = 1e-6 * sqrt((double)s->rows)};
    check_trial(&t);

    float sums = 0.5f * sqrtf((float)s->rows);
    t = (trial){.call = call_batchnorm_backward_input, .shape = s};
    trial_name(&t, "batchnorm_backward_input %zux%zu", s->rows, s->c);
    t.input[0] = random_floats(1, count, -1.0f, 3.0f);
    t.input[1] = random_floats(2, s->c, 0.9f, 1.1f);
    t.input[2] = random_floats(3, s->c, 0.8f, 1.2f);
    t.input[3] = random_floats(5, s->c, 0.5f, 1.5f);
    t.input[4] = random_floats(6, s->c, -sums, sums);
    t.input[5] = random_floats(7, s->c, -sums, sums);
    t.output[0] = (trial_output){.floats = count, .tolerance = 2e-6, .initial = random_floats(8, count, -1.0f, 1.0f)};
    check_trial(&t);
}

static void normalisation(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATRICES; i++) {
        matrix_shape s = matrix_of(i);
        size_t count = s.rows * s.c;
        trial t = {.call = call_column_sums, .shape = &s, .input = {random_floats(1, count, -1.0f, 1.0f)}};
        trial_name(&t, "column_sums %zux%zu", s.rows, s.c);
        t.output[0] = (trial_output){.floats = s.c, .tolerance = 1e-6 * sqrt((double)s.rows)};
        check_trial(&t);

        t = (trial){.call = call_statistics, .shape = &s, .input = {random_floats(2, count, -1.0f, 2.0f)}};
        trial_name(&t, "batchnorm_statistics %zux%zu", s.rows, s.c);
        t.output[0] = t.output[1] = (trial_output){.floats = s.c, .tolerance = ROUNDING};
        check_trial(&t);

        t = (trial){.call = call_channel_affine, .shape = &s};
        trial_name(&t, "channel_affine %zux%zu", s.rows, s.c);
        t.input[0] = random_floats(3, s.c, -2.0f, 2.0f);
        t.input[1] = random_floats(4, s.c, -2.0f, 2.0f);
        t.output[0] = (trial_output){.floats = count, .tolerance = ROUNDING};
        t.output[0].initial = random_floats(5, count, -1.0f, 1.0f);
        check_trial(&t);
        check_batchnorm_backward(&s);
    }
}

// A mean of 1000 standard deviations, and one that wanders: sums of squares would lose everything. `relative` is of the
// variance itself.
static void statistics_far_from_zero(void **state)
{
    (void)state;
    const kernels *tables[16], *reference;
    size_t count = fast_tables(tables, 16, false);
    assert_int_equal(kernels_find(&reference, "reference", NULL), SILMA_OK);
    enum { N = 30000, C = 19 };
    float *x = random_floats(1, (size_t)N * C, -1.0f, 1.0f);
    for (size_t i = 0; i < (size_t)N * C; i++) {
        size_t row = i / C;
        x[i] = i % 2 ? 500.0f + x[i] : x[i] + (float)row * 0.01f;
    }
    float expected_mean[C], expected_variance[C], mean[C], variance[C];
    reference->batchnorm_statistics(NULL, N, C, x, expected_mean, expected_variance, NULL);
    for (size_t i = 0; i < count; i++) {
        void *workspace = guarded(tables[i]->batchnorm_workspace(N, C, 1));
        tables[i]->batchnorm_statistics(NULL, N, C, x, mean, variance, workspace);
        for (int j = 0; j < C; j++) {
            assert_true(fabsf(mean[j] - expected_mean[j]) <= 1e-6f * fabsf(expected_mean[j]));
            assert_true(fabsf(variance[j] - expected_variance[j]) <= 1e-6f * expected_variance[j]);
        }
    }
    guarded_free_all();
}

typedef struct dropout_case {
    size_t count;
    uint64_t first, seed;
    uint32_t lane, step, threshold;
    bool in_place;
} dropout_case;

static void call_dropout(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const dropout_case *c = t->shape;
    float scale = 65536.0f / (65536.0f - (float)c->threshold);
    k->dropout(pool, c->count, c->first, c->seed, c->lane, c->step, c->threshold, scale,
               c->in_place ? outputs[0] : t->input[0], outputs[0]);
}

static void dropout(void **state)
{
    (void)state;
    static const uint32_t thresholds[] = {0, 1, 16384, 32768, 65535};
    for (size_t i = 0; i < COUNTS; i++) {
        dropout_case c = {.count = count_of(i), .seed = 0x123456789ABCDEFu * (i + 1), .lane = (uint32_t)i * 77777u};
        c.step = (uint32_t)(i * i * 1000003u);
        c.threshold = thresholds[i % 5];
        c.first = 8 * (uint64_t)(i * i);
        c.in_place = i % 2;
        trial t = {.call = call_dropout, .shape = &c, .input = {random_floats(1, c.count, -1.0f, 1.0f)}};
        trial_name(&t, "dropout count %zu", c.count);
        t.output[0] = (trial_output){.floats = c.count, .initial = t.input[0]}; // the same bits
        check_trial(&t);
    }
}

// --- vectors

static void call_add(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    k->add(pool, *(const size_t *)t->shape, t->input[0], outputs[0], outputs[0]);
}

static void call_sum_of_squares(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    double sum = k->sum_of_squares(pool, *(const size_t *)t->shape, t->input[0]);
    int exponent;
    double mantissa = frexp(sum, &exponent);
    float high = (float)mantissa;
    float parts[3] = {(float)exponent, high, (float)((mantissa - (double)high) * 0x1p24)}; // the whole double
    memcpy(outputs[0], parts, sizeof parts);
}

static void vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNTS; i++) {
        size_t count = count_of(i);
        trial t = {.call = call_add, .shape = &count, .input = {random_floats(1, count, -1.0f, 1.0f)}};
        trial_name(&t, "add count %zu", count);
        t.output[0] = (trial_output){.floats = count, .initial = random_floats(2, count, -1.0f, 1.0f)};
        check_trial(&t);

        t = (trial){.call = call_sum_of_squares, .shape = &count, .input = {random_floats(3, count, -1e30f, 1.0f)}};
        trial_name(&t, "sum_of_squares count %zu", count);
        t.output[0] = (trial_output){.floats = 3, .tolerance = 1e-6};
        if (i % 2) t.input[0] = random_floats(3, count, -1.0f, 1.0f);
        check_trial(&t);
    }
}

static void sum_of_squares_tells_non_finite(void **state)
{
    (void)state;
    const kernels *tables[16];
    size_t tables_count = fast_tables(tables, 16, false);
    for (size_t i = 0; i < tables_count; i++) {
        assert_true(tables[i]->sum_of_squares(NULL, 0, NULL) == 0.0);
        for (size_t count = 1; count < 40; count++) {
            float *x = random_floats(1, count, -1.0f, 1.0f);
            x[count / 2] = NAN;
            assert_true(isnan(tables[i]->sum_of_squares(NULL, count, x)));
            x[count / 2] = -INFINITY;
            assert_true(isinf(tables[i]->sum_of_squares(NULL, count, x)));
            x[count / 2] = 3e38f; // its square fits a double
            assert_true(isfinite(tables[i]->sum_of_squares(NULL, count, x)));
        }
        guarded_free_all();
    }
}

typedef struct copy_case {
    size_t rows, c, x_width, x_from, y_width, y_from;
} copy_case;

static void call_copy_columns(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const copy_case *c = t->shape;
    k->copy_columns(pool, c->rows, c->c, t->input[0], c->x_width, c->x_from, outputs[0], c->y_width, c->y_from);
}

static void copied_columns(void **state)
{
    (void)state;
    static const copy_case cases[] = {{1, 1, 1, 0, 1, 0},
                                      {3, 5, 8, 3, 7, 2},
                                      {1000, 17, 33, 16, 20, 0},
                                      {5000, 33, 33, 0, 64, 31},
                                      {7, 2000, 2000, 0, 2001, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const copy_case *c = &cases[i];
        trial t = {.call = call_copy_columns, .shape = c};
        trial_name(&t, "copy_columns %zux%zu", c->rows, c->c);
        t.input[0] = random_floats(1, c->rows * c->x_width, -1.0f, 1.0f);
        t.output[0] = (trial_output){.floats = c->rows * c->y_width};
        t.output[0].initial = random_floats(2, c->rows * c->y_width, -1.0f, 1.0f); // what lies between stays
        check_trial(&t);
    }
}

typedef struct gather_case {
    size_t n, per_image, c;
} gather_case;

static void call_gather_images(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const gather_case *c = t->shape;
    k->gather_images(pool, c->n, t->input[0], t->input[1], c->per_image, c->c, t->input[2], t->input[3], outputs[0]);
}

static void gathered_images(void **state)
{
    (void)state;
    static const gather_case cases[] = {{1, 1, 1},      {3, 3, 3},     {5, 27, 3},    {7, 784, 1},
                                        {60, 3072, 3},  {2, 60000, 3}, {3, 100, 4},   {3, 85, 17},
                                        {2, 1290, 129}, {9, 50, 2},    {4, 2310, 770}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const gather_case *c = &cases[i];
        enum { STORED = 11 };
        uint8_t *pixels = guarded(STORED * c->per_image);
        uint32_t *indices = guarded(c->n * sizeof *indices);
        for (size_t j = 0; j < STORED * c->per_image; j++)
            pixels[j] = (uint8_t)random_below(1, RANDOM_SAMPLE, 0, j, 256);
        for (size_t j = 0; j < c->n; j++)
            indices[j] = (uint32_t)random_below(2, RANDOM_SAMPLE, 0, j, STORED);
        indices[c->n - 1] = STORED - 1; // up to the last byte
        trial t = {.call = call_gather_images, .shape = c, .input = {indices, pixels}};
        trial_name(&t, "gather_images %zu of %zu bytes, %zu channels", c->n, c->per_image, c->c);
        t.input[2] = random_floats(3, c->c, 0.001f, 0.01f);
        t.input[3] = random_floats(4, c->c, -1.0f, 1.0f);
        t.output[0] = (trial_output){.floats = c->n * c->per_image, .tolerance = ROUNDING};
        check_trial(&t);
    }
}

// --- optimisers

typedef struct update_case {
    update_task task; // without pointers
    enum { SGD, ADAGRAD, RMSPROP, ADAM } optimiser;
} update_case;

static void call_update(const kernels *k, thread_pool *pool, const trial *t, void *const *outputs)
{
    const update_case *c = t->shape;
    update_task task = c->task;
    task.g = t->input[0];
    task.w = outputs[0];
    task.slot0 = outputs[1];
    task.slot1 = outputs[2];
    if (c->optimiser == SGD) k->update_sgd(pool, &task);
    if (c->optimiser == ADAGRAD) k->update_adagrad(pool, &task);
    if (c->optimiser == RMSPROP) k->update_rmsprop(pool, &task);
    if (c->optimiser == ADAM) k->update_adam(pool, &task);
}

static void check_update(const update_case *c, int slots)
{
    size_t count = c->task.count;
    trial t = {.call = call_update, .shape = c, .input = {random_floats(1, count, -1.0f, 1.0f)}};
    trial_name(&t, "optimiser %d count %zu", c->optimiser, count);
    t.output[0] = (trial_output){.floats = count, .tolerance = ROUNDING};
    t.output[0].initial = random_floats(2, count, -1.0f, 1.0f);
    for (int i = 1; i <= slots; i++) {
        t.output[i] = t.output[0];
        t.output[i].initial = random_floats((uint64_t)i + 2, count, 0.01f, 1.0f);
    }
    check_trial(&t);
}

static void optimisers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNTS; i++) {
        update_task task = {.count = count_of(i), .gradient_scale = 0.7f, .rate = 0.01f, .rho = 0.9f, .epsilon = 1e-7f};
        task.beta1 = 0.9f;
        task.beta2 = 0.999f;
        task.weight_decay = i % 2 ? 0.004f : 0.0f;
        task.step = 1 + i * i;
        check_update(&(update_case){task, SGD}, 0);
        check_update(&(update_case){task, ADAGRAD}, 1);
        check_update(&(update_case){task, RMSPROP}, 1);
        check_update(&(update_case){task, ADAM}, 2);
        task.momentum = 0.9f;
        check_update(&(update_case){task, SGD}, 1);
        check_update(&(update_case){task, RMSPROP}, 2);
        task.nesterov = true;
        check_update(&(update_case){task, SGD}, 1);
    }
}

// Outputs so large that they are stored past the caches; see fast/chunks.inl.
static void large_outputs(void **state)
{
    (void)state;
    enum { IMAGES = 31, SIDE = 64, C = 48, PIXELS = IMAGES * SIDE * SIDE, COUNT = PIXELS * C };
    activation_case relu = {{ACTIVATION_RELU, 0.0f}, COUNT + 3, false};
    trial t = {.call = call_activation_forward, .shape = &relu, .name = "activation_forward, large"};
    t.input[0] = random_floats(1, COUNT + 3, -1.0f, 1.0f);
    t.output[0] = (trial_output){.floats = COUNT + 3};
    check_trial(&t);

    matrix_shape s = {PIXELS, C};
    t = (trial){.call = call_prelu_forward, .shape = &s, .name = "prelu_forward, large"};
    t.input[0] = random_floats(1, COUNT, -1.0f, 1.0f);
    t.input[1] = random_floats(2, C, 0.1f, 0.4f);
    t.output[0] = (trial_output){.floats = COUNT, .tolerance = ROUNDING};
    check_trial(&t);

    window_shape v = {.n = IMAGES, .h = SIDE, .w = SIDE, .c = C, .oh = SIDE / 2, .ow = SIDE / 2, .oc = C, .groups = 1};
    v.kh = v.kw = v.stride_h = v.stride_w = 2;
    t = (trial){.call = call_avgpool_backward, .shape = &v, .name = "avgpool_backward, large"};
    t.input[0] = random_floats(1, COUNT / 4, -1.0f, 1.0f);
    t.output[0] = (trial_output){.floats = COUNT, .tolerance = ROUNDING};
    check_trial(&t);
}

// --- the choice of a table

static void tables_are_found(void **state)
{
    (void)state;
    const kernels *tables[16], *found;
    size_t count = kernels_available(tables, 16);
    assert_true(count >= 2);
    assert_string_equal(tables[count - 2]->name, "scalar");
    assert_string_equal(tables[count - 1]->name, "reference");
    assert_int_equal(kernels_available(NULL, 0), count);
    assert_int_equal(kernels_find(&found, NULL, NULL), SILMA_OK);
    assert_ptr_equal(found, tables[0]);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(kernels_find(&found, tables[i]->name, NULL), SILMA_OK);
        assert_ptr_equal(found, tables[i]);
    }
    silma_error error;
    assert_int_equal(kernels_find(&found, "sse9", &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "sse9"));
    assert_non_null(strstr(error.message, "scalar, reference"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_found),
        cmocka_unit_test(activations),
        cmocka_unit_test(prelu),
        cmocka_unit_test(softmax),
        cmocka_unit_test(softmax_is_a_distribution),
        cmocka_unit_test(pooling),
        cmocka_unit_test(normalisation),
        cmocka_unit_test(dropout),
        cmocka_unit_test(statistics_far_from_zero),
        cmocka_unit_test(vectors),
        cmocka_unit_test(sum_of_squares_tells_non_finite),
        cmocka_unit_test(copied_columns),
        cmocka_unit_test(gathered_images),
        cmocka_unit_test(optimisers),
        cmocka_unit_test(large_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
