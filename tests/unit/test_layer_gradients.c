// Each layer's gradients against central differences, without graph and plan, with every kernel table that this CPU can
// run.
//
// The contract is held to the letter. What backward does not ask for is NaN when it runs; what it asks for and does not
// read is found out as well; in-place calls must give the same bits; workspaces have the size that memory() names, so
// that the address sanitizer sees one byte too many.
#include "core/random.h"
#include "one_layer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_LENGTH = 256, INPUTS_MAX = 3, TABLES_MAX = 16, ALIGNMENT = 64 };

static const uint64_t SEED = 11;

// ---------------------------------------------------------------------------------------------------------------------
// Calls

// A layer with all that its calls need.
typedef struct rig {
    layer l;
    shape in[INPUTS_MAX];
    layer_call call;
    float *x[INPUTS_MAX];
    float *dx[INPUTS_MAX];
    const float *x_seen[INPUTS_MAX]; // what a call is given
    float *dx_seen[INPUTS_MAX];
    float *y, *dy, *r; // the loss is the sum of y * r
    size_t y_count;
    void *forward_workspace, *backward_workspace;
} rig;

// Exactly `bytes` large for the address sanitizer, at 64 bytes, full of NaN; null for none.
static void *take_bytes(size_t bytes)
{
    void *block = NULL;
    if (bytes == 0) return NULL;
    assert_int_equal(posix_memalign(&block, ALIGNMENT, bytes), 0);
    return memset(block, 0xFF, bytes);
}

static float *take_floats(size_t count)
{
    return take_bytes(count * sizeof(float));
}

static void fill_normal(float *values, size_t count, uint32_t stream, float scale)
{
    for (size_t i = 0; i < count; i++)
        values[i] = scale * random_normal(SEED, RANDOM_SAMPLE, stream, i);
}

static void fill_ones(float *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++)
        values[i] = 1.0f;
}

static size_t place_parameters(layer *l, bool trainable)
{
    size_t total = 0;
    for (int i = 0; i < l->parameter_count; i++) {
        if (l->parameters[i].trainable != trainable) continue;
        l->parameters[i].offset = total;
        total += (l->parameters[i].count + 15) / 16 * 16;
    }
    return total;
}

static size_t input_values(const rig *t, size_t i)
{
    return (size_t)t->call.n * shape_count(t->in[i]);
}

static rig *rig_create(const char *text, int n, const shape *in, size_t inputs, const kernels *k, thread_pool *pool)
{
    rig *t = calloc(1, sizeof *t);
    assert_non_null(t);
    memcpy(t->in, in, inputs * sizeof *in);
    layer_create_or_fail(&t->l, text, t->in, inputs);
    size_t weights = place_parameters(&t->l, true), statistics = place_parameters(&t->l, false);
    layer_memory need = {0};
    if (t->l.type->memory) t->l.type->memory(&t->l, k, thread_pool_size(pool), n, true, t->in, &need);
    t->forward_workspace = take_bytes(need.forward_workspace);
    t->backward_workspace = take_bytes(need.backward_workspace);
    t->call = (layer_call){.layer = &t->l,
                           .k = k,
                           .pool = pool,
                           .n = n,
                           .training = true,
                           .seed = SEED,
                           .in = t->in,
                           .x = t->x_seen,
                           .dx = t->dx_seen,
                           .weights = take_floats(weights),
                           .gradients = take_floats(weights),
                           .statistics = take_floats(statistics),
                           .batch = (size_t)n,
                           .saved = take_bytes(need.saved),
                           .saved_image = take_bytes((size_t)n * need.saved_image)};
    for (size_t i = 0; i < inputs; i++) {
        t->x[i] = take_floats(input_values(t, i));
        t->dx[i] = take_floats(input_values(t, i));
        fill_normal(t->x[i], input_values(t, i), (uint32_t)i, 1.0f);
    }
    t->y_count = (size_t)n * shape_count(t->l.out);
    t->y = take_floats(t->y_count);
    t->dy = take_floats(t->y_count);
    t->r = take_floats(t->y_count);
    fill_normal(t->r, t->y_count, 10, 1.0f);
    fill_normal(t->call.weights, weights, 11, 0.5f);
    fill_ones(t->call.statistics, statistics);
    return t;
}

static void rig_free(rig *t)
{
    for (size_t i = 0; i < t->l.input_count; i++) {
        free(t->x[i]);
        free(t->dx[i]);
    }
    free(t->y);
    free(t->dy);
    free(t->r);
    free(t->call.weights);
    free(t->call.gradients);
    free(t->call.statistics);
    free(t->call.saved);
    free(t->call.saved_image);
    free(t->forward_workspace);
    free(t->backward_workspace);
    free(t->l.settings);
    free(t);
}

static void run_forward(rig *t)
{
    if (t->call.training && t->l.type->gather_forward) t->l.type->gather_forward(&t->call);
    t->l.type->forward(&t->call);
}

static void rig_forward(rig *t)
{
    for (size_t i = 0; i < t->l.input_count; i++)
        t->x_seen[i] = t->x[i];
    t->call.y = t->y;
    t->call.workspace = t->forward_workspace;
    run_forward(t);
}

static double rig_loss(rig *t)
{
    double loss = 0;
    rig_forward(t);
    for (size_t i = 0; i < t->y_count; i++)
        loss += (double)t->y[i] * (double)t->r[i];
    return loss;
}

// Backward with the pointers that are set in dx_seen; x and y as the contract asks for, or as `see` says.
static void rig_backward(rig *t, unsigned see)
{
    float *nan[INPUTS_MAX] = {NULL};
    float *no_y = take_floats(t->y_count);
    for (size_t i = 0; i < t->l.input_count; i++) {
        nan[i] = take_floats(input_values(t, i));
        t->x_seen[i] = see & LAYER_KEEPS_INPUT ? t->x[i] : nan[i];
    }
    t->call.y = see & LAYER_KEEPS_OUTPUT ? t->y : no_y;
    t->call.dy = t->dy;
    t->call.workspace = t->backward_workspace;
    memcpy(t->dy, t->r, t->y_count * sizeof *t->dy);
    if (t->l.type->gather_backward) t->l.type->gather_backward(&t->call);
    t->l.type->backward(&t->call);
    for (size_t i = 0; i < t->l.input_count; i++)
        free(nan[i]);
    free(no_y);
}

// ---------------------------------------------------------------------------------------------------------------------
// Gradients against central differences

enum { POINTS = 24 };

static double central_difference(rig *t, float *value, float step)
{
    float centre = *value;
    float above = centre + step, below = centre - step;
    *value = above;
    double loss_above = rig_loss(t);
    *value = below;
    double loss_below = rig_loss(t);
    *value = centre;
    return (loss_above - loss_below) / ((double)above - (double)below);
}

// Compares some derivatives of one tensor. Where two steps disagree there is a corner in between (of ReLU, of a
// maximum), and neither difference is the derivative: few points may be left out for that.
static void check_tensor(rig *t, const char *text, const char *name, float *values, const float *gradient, size_t count)
{
    static const float STEP = 0x1p-9f;
    size_t points = count < POINTS ? count : POINTS;
    size_t corners = 0;
    double scale = 0.1;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs((double)gradient[i]));
    for (size_t j = 0; j < points; j++) {
        size_t i = points == count ? j : (size_t)random_below(SEED, RANDOM_SAMPLE, 20, j, count);
        double coarse = central_difference(t, &values[i], STEP);
        double fine = central_difference(t, &values[i], STEP / 4);
        if (fabs(coarse - fine) > 2e-3 * scale) {
            corners++;
        } else if (!(fabs(coarse - (double)gradient[i]) <= 1e-3 * scale)) {
            fail_msg("%s, %s: the derivative of %s[%zu] is %g, but the difference says %g", t->call.k->name, text, name,
                     i, (double)gradient[i], coarse);
        }
    }
    if (4 * corners > points) fail_msg("%s: %zu of %zu points of %s are at corners", text, corners, points, name);
}

static void check_gradients(rig *t, const char *text)
{
    for (size_t i = 0; i < t->l.input_count; i++)
        t->dx_seen[i] = t->dx[i];
    rig_forward(t);
    rig_backward(t, t->l.contract);
    for (size_t i = 0; i < t->l.input_count; i++)
        check_tensor(t, text, "x", t->x[i], t->dx[i], input_values(t, i));
    for (int i = 0; i < t->l.parameter_count; i++) {
        const parameter *p = &t->l.parameters[i];
        if (!p->trainable) continue;
        check_tensor(t, text, p->name, t->call.weights + p->offset, t->call.gradients + p->offset, p->count);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The contract

static float *copy_of(const float *values, size_t count)
{
    float *copy = take_floats(count);
    if (count > 0) memcpy(copy, values, count * sizeof *copy);
    return copy;
}

// Everything that backward writes, in one vector, so that two calls can be compared.
static float *all_gradients(const rig *t, bool with_dx, size_t *count)
{
    *count = 0;
    for (size_t i = 0; with_dx && i < t->l.input_count; i++)
        *count += input_values(t, i);
    size_t weights = count_parameters(&t->l, true);
    float *all = take_floats(*count + weights), *to = all;
    for (size_t i = 0; with_dx && i < t->l.input_count; i++) {
        memcpy(to, t->dx_seen[i], input_values(t, i) * sizeof *to);
        to += input_values(t, i);
    }
    for (int i = 0; i < t->l.parameter_count; i++) {
        const parameter *p = &t->l.parameters[i];
        if (!p->trainable) continue;
        memcpy(to, t->call.gradients + p->offset, p->count * sizeof *to);
        to += p->count;
    }
    *count += weights;
    return all;
}

static bool same_gradients(rig *t, unsigned see, bool with_dx, const float *expected, size_t expected_count)
{
    size_t count;
    rig_backward(t, see);
    float *found = all_gradients(t, with_dx, &count);
    bool same = count == expected_count && (count == 0 || memcmp(found, expected, count * sizeof *found) == 0);
    free(found);
    return same;
}

static void check_kept(rig *t, const char *text)
{
    size_t count;
    for (size_t i = 0; i < t->l.input_count; i++)
        t->dx_seen[i] = t->dx[i];
    rig_forward(t);
    rig_backward(t, t->l.contract);
    float *expected = all_gradients(t, true, &count);
    static const unsigned KEPT[] = {LAYER_KEEPS_INPUT, LAYER_KEEPS_OUTPUT};
    for (int i = 0; i < 2; i++) {
        if (!(t->l.contract & KEPT[i])) continue;
        if (same_gradients(t, t->l.contract & ~KEPT[i], true, expected, count))
            fail_msg("%s: asks for its %s, but does not read it", text, i == 0 ? "input" : "output");
    }
    if (t->l.contract & LAYER_GRADIENT_IN_PLACE) {
        t->dx_seen[0] = t->dy;
        if (!same_gradients(t, t->l.contract, true, expected, count))
            fail_msg("%s: another gradient when it is written over dy", text);
        t->dx_seen[0] = t->dx[0];
    }
    free(expected);
}

// Where nobody needs the input's gradient, the parameters' gradients are the same.
static void check_unwanted(rig *t, const char *text)
{
    size_t count;
    rig_backward(t, t->l.contract);
    float *expected = all_gradients(t, false, &count);
    for (size_t i = 0; i < t->l.input_count; i++)
        t->dx_seen[i] = NULL;
    if (!same_gradients(t, t->l.contract, false, expected, count))
        fail_msg("%s: other gradients where dx is not wanted", text);
    free(expected);
}

static void check_in_place(rig *t, const char *text)
{
    if (!(t->l.contract & LAYER_IN_PLACE)) return;
    for (int training = 1; training >= 0; training--) {
        t->call.training = training;
        // In training a layer that keeps its input is never called in place.
        if (training && t->l.contract & LAYER_KEEPS_INPUT) continue;
        rig_forward(t);
        float *x = copy_of(t->x[0], input_values(t, 0));
        t->x_seen[0] = x;
        t->call.y = x;
        run_forward(t);
        if (memcmp(x, t->y, t->y_count * sizeof *x) != 0) fail_msg("%s: another output in place", text);
        free(x);
    }
    t->call.training = true;
}

static void check_layer(const char *text, int n, const shape *in, size_t inputs, const kernels *k, thread_pool *pool)
{
    rig *t = rig_create(text, n, in, inputs, k, pool);
    check_gradients(t, text);
    check_kept(t, text);
    check_unwanted(t, text);
    check_in_place(t, text);
    rig_free(t);
}

// ---------------------------------------------------------------------------------------------------------------------
// Which layers are run

static const char *const ACTIVATIONS[] = {
    "linear", "relu", "leaky_relu slope=0.1", "elu alpha=0.7", "sigmoid", "tanh", "gelu", "silu", "softmax"};
enum { ACTIVATION_COUNT = sizeof ACTIVATIONS / sizeof *ACTIVATIONS };

static thread_pool *new_pool(void)
{
    thread_pool *pool;
    silma_error error = {0};
    assert_int_equal(thread_pool_create(&pool, 2, &error), SILMA_OK);
    return pool;
}

static void check_one(const char *text, int n, shape in, const kernels *k, thread_pool *pool)
{
    check_layer(text, n, &in, 1, k, pool);
}

static void conv_gradients(void **state)
{
    static const char *const WINDOWS[] = {
        "3x3",
        "3x3 same",
        "2x3 same",
        "3x3 stride=2",
        "3x3 same stride=2",
        "4x3 same stride=2x3",
        "3x3 pad=1",
        "3x2 pad=2,0,1,1",
        "3x3 groups=2",
        "3x3 same stride=2 groups=4",
        "1x1",
        "1x1 stride=2",
        "1x1 pad=1",
        "5x6",
        "7x7 same bias=no",
    };
    thread_pool *pool = new_pool();
    char text[TEXT_LENGTH];
    for (size_t i = 0; i < sizeof WINDOWS / sizeof *WINDOWS; i++) {
        snprintf(text, sizeof text, "conv 8 %s", WINDOWS[i]);
        check_one(text, 2, (shape){5, 6, 4, false}, *state, pool);
    }
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        snprintf(text, sizeof text, "conv 5 3x3 same stride=2 %s", ACTIVATIONS[i]);
        check_one(text, 3, (shape){4, 5, 3, false}, *state, pool);
        snprintf(text, sizeof text, "conv 6 2x2 groups=3 pad=1,0,0,1 bias=no %s", ACTIVATIONS[i]);
        check_one(text, 1, (shape){4, 3, 3, false}, *state, pool);
    }
    thread_pool_free(pool);
}

static void dense_gradients(void **state)
{
    thread_pool *pool = new_pool();
    char text[TEXT_LENGTH];
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        snprintf(text, sizeof text, "dense 7 %s", ACTIVATIONS[i]);
        check_one(text, 3, (shape){1, 1, 5, true}, *state, pool);
        snprintf(text, sizeof text, "dense 17 bias=no %s", ACTIVATIONS[i]);
        check_one(text, 1, (shape){1, 1, 33, false}, *state, pool);
    }
    thread_pool_free(pool);
}

static void pool_gradients(void **state)
{
    static const char *const WINDOWS[] = {
        "2x2", "3x3 stride=2", "2x3 same", "3x3 same stride=1", "3x2 pad=1", "3x3 stride=2x1 pad=2,0,1,1", "5x6", "1x1",
    };
    thread_pool *pool = new_pool();
    char text[TEXT_LENGTH];
    for (size_t i = 0; i < sizeof WINDOWS / sizeof *WINDOWS; i++) {
        snprintf(text, sizeof text, "maxpool %s", WINDOWS[i]);
        check_one(text, 2, (shape){5, 6, 3, false}, *state, pool);
        snprintf(text, sizeof text, "avgpool %s", WINDOWS[i]);
        check_one(text, 2, (shape){5, 6, 3, false}, *state, pool);
    }
    check_one("globalavgpool", 2, (shape){5, 6, 17, false}, *state, pool);
    check_one("globalavgpool", 1, (shape){1, 1, 3, false}, *state, pool);
    thread_pool_free(pool);
}

static void elementwise_gradients(void **state)
{
    static const shape IMAGE = {3, 4, 5, false}, VECTOR = {1, 1, 19, true};
    thread_pool *pool = new_pool();
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        if (strcmp(ACTIVATIONS[i], "linear") == 0) continue; // the same bytes: never called
        check_one(ACTIVATIONS[i], 2, IMAGE, *state, pool);
        check_one(ACTIVATIONS[i], 3, VECTOR, *state, pool);
    }
    check_one("prelu", 2, IMAGE, *state, pool);
    check_one("prelu slope=-0.5", 3, VECTOR, *state, pool);
    check_one("dropout 0.3", 2, IMAGE, *state, pool);
    check_one("dropout 0", 2, IMAGE, *state, pool);
    check_one("batchnorm", 2, IMAGE, *state, pool);
    check_one("batchnorm epsilon=0.1", 7, VECTOR, *state, pool);
    thread_pool_free(pool);
}

static void joining_gradients(void **state)
{
    static const shape ALIKE[] = {{3, 4, 5, false}, {3, 4, 5, false}, {3, 4, 5, false}};
    static const shape CHANNELS[] = {{3, 4, 1, false}, {3, 4, 6, false}, {3, 4, 17, false}};
    static const shape VECTORS[] = {{1, 1, 3, true}, {1, 1, 9, true}};
    thread_pool *pool = new_pool();
    check_layer("add", 2, ALIKE, 2, *state, pool);
    check_layer("add", 3, ALIKE, 3, *state, pool);
    check_layer("concat", 2, CHANNELS, 2, *state, pool);
    check_layer("concat", 3, CHANNELS, 3, *state, pool);
    check_layer("concat", 1, VECTORS, 2, *state, pool);
    thread_pool_free(pool);
}

static void dropout_keeps_the_scale_and_draws_anew(void **state)
{
    thread_pool *pool = new_pool();
    const shape in = {10, 10, 100, false};
    rig *t = rig_create("dropout 0.25", 1, &in, 1, *state, pool);
    for (size_t i = 0; i < t->y_count; i++)
        t->x[0][i] = 1.0f;
    size_t dropped = 0, differs = 0;
    rig_forward(t);
    float *first = copy_of(t->y, t->y_count);
    t->call.step = 1;
    rig_forward(t);
    for (size_t i = 0; i < t->y_count; i++) {
        assert_true(first[i] == 0.0f || fabsf(first[i] - 1.0f / 0.75f) < 1e-6f);
        dropped += first[i] == 0.0f;
        differs += first[i] != t->y[i];
    }
    assert_in_range(dropped, 2300, 2700); // of 10,000: four deviations
    assert_in_range(differs, 3500, 4000); // 2 * 0.25 * 0.75
    t->call.training = false;
    rig_forward(t);
    assert_memory_equal(t->y, t->x[0], t->y_count * sizeof *t->y);
    free(first);
    rig_free(t);
    thread_pool_free(pool);
}

// ---------------------------------------------------------------------------------------------------------------------

// All of these run once for each kernel table.
static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(conv_gradients),    cmocka_unit_test(dense_gradients),
    cmocka_unit_test(pool_gradients),    cmocka_unit_test(elementwise_gradients),
    cmocka_unit_test(joining_gradients), cmocka_unit_test(dropout_keeps_the_scale_and_draws_anew),
};
enum { TEST_COUNT = sizeof TESTS / sizeof *TESTS };

int main(void)
{
    static const kernels *tables[TABLES_MAX];
    static char names[TABLES_MAX][TEST_COUNT][TEXT_LENGTH];
    struct CMUnitTest tests[TABLES_MAX * TEST_COUNT];
    size_t count = kernels_available(tables, TABLES_MAX);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < TEST_COUNT; j++) {
            snprintf(names[i][j], TEXT_LENGTH, "%s.%s", tables[i]->name, TESTS[j].name);
            tests[i * TEST_COUNT + j] = (struct CMUnitTest){
                .name = names[i][j], .test_func = TESTS[j].test_func, .initial_state = (void *)tables[i]};
        }
    }
    return _cmocka_run_group_tests("layer gradients", tests, count * TEST_COUNT, NULL, NULL);
}
