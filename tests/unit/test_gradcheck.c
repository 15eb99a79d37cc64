// The gradient check itself: it passes networks whose gradients are right, with every kernel table, and finds those
// that are wrong. The wrong ones come from tables in which one kernel of backward makes a small mistake.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "kernels/context.h"
#include "nn/network.h"

enum { CHECKS_MAX = 32, TABLES_MAX = 8 };

static const char TEXT[] = "input 7x7x2\n"
                           "conv 3 3x3 same tanh\n"
                           "batchnorm\n"
                           "maxpool 2x2\n"
                           "conv 4 2x2 relu\n"
                           "avgpool 2x2\n"
                           "flatten\n"
                           "dense 5 sigmoid\n"
                           "dense 3 softmax\n";

typedef struct checks {
    silma_gradient_check list[CHECKS_MAX];
    size_t count;
} checks;

static checks run_text(const kernels *k, const char *text)
{
    checks found = {0};
    silma_error error = {0};
    silma_network *network = NULL;
    if (silma_network_parse(&network, text, "test.silma", NULL, &error) != SILMA_OK) fail_msg("%s", error.message);
    silma_context context = {.k = k};
    if (silma_gradcheck(&context, network, 7, found.list, CHECKS_MAX, &found.count, &error) != SILMA_OK)
        fail_msg("%s", error.message);
    silma_network_free(network);
    return found;
}

static checks run(const kernels *k)
{
    return run_text(k, TEXT);
}

static bool passed(const checks *found, const char *name)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->list[i].name, name) == 0) return found->list[i].passed;
    }
    fail_msg("%s was not checked", name);
    return false;
}

static void right_gradients_pass(void **state)
{
    (void)state;
    static const char *const names[] = {"input",           "conv1.kernel",  "conv1.bias", "batchnorm1.gamma",
                                        "batchnorm1.beta", "conv2.kernel",  "conv2.bias", "dense1.kernel",
                                        "dense1.bias",     "dense2.kernel", "dense2.bias"};
    const kernels *tables[TABLES_MAX];
    size_t count = kernels_available(tables, TABLES_MAX);
    for (size_t t = 0; t < count; t++) {
        checks found = run(tables[t]);
        assert_int_equal(found.count, sizeof names / sizeof *names);
        for (size_t i = 0; i < found.count; i++) {
            assert_string_equal(found.list[i].name, names[i]);
            assert_true(found.list[i].checked > 0);
            if (!found.list[i].passed) fail_msg("%s: %s, %g", tables[t]->name, names[i], found.list[i].worst);
        }
    }
}

// The table that the mistakes are made with.
static const kernels *right_table(void)
{
    const kernels *table = NULL;
    assert_int_equal(kernels_find(&table, "scalar", NULL), SILMA_OK);
    return table;
}

// The last row of each filter's gradient is missing.
static void filter_row_lost(thread_pool *pool, const window_shape *s, const float *x, const float *dz, float *dfilter,
                            void *workspace)
{
    right_table()->conv_backward_filter(pool, s, x, dz, dfilter, workspace);
    size_t row = (size_t)s->kw * (size_t)(s->c / s->groups) * (size_t)s->oc;
    memset(dfilter + (size_t)(s->kh - 1) * row, 0, row * sizeof *dfilter);
}

// The first row of each image's gradient is missing, as with padding on the wrong side.
static void input_row_lost(thread_pool *pool, const window_shape *s, const float *dz, const float *filter, float *dx,
                           void *workspace)
{
    right_table()->conv_backward_input(pool, s, dz, filter, dx, workspace);
    size_t row = (size_t)s->w * (size_t)s->c;
    for (size_t i = 0; i < (size_t)s->n; i++)
        memset(dx + i * (size_t)s->h * row, 0, row * sizeof *dx);
}

static void bias_three_percent_off(thread_pool *pool, size_t rows, size_t cols, const float *dz, float *sums,
                                   void *workspace)
{
    right_table()->column_sums(pool, rows, cols, dz, sums, workspace);
    for (size_t i = 0; i < cols; i++)
        sums[i] *= 1.03f;
}

static void bias_shifted(thread_pool *pool, size_t rows, size_t cols, const float *dz, float *sums, void *workspace)
{
    right_table()->column_sums(pool, rows, cols, dz, sums, workspace);
    for (size_t i = 0; i < cols; i++)
        sums[i] += 0.001f;
}

static void maximum_taken_for_the_first(thread_pool *pool, const window_shape *s, const float *dy,
                                        const uint8_t *chosen, float *dx)
{
    static const uint8_t first[4096];
    (void)chosen;
    assert_true((size_t)s->n * (size_t)s->oh * (size_t)s->ow * (size_t)s->c <= sizeof first);
    right_table()->maxpool_backward(pool, s, dy, first, dx);
}

static void wrong_filter_gradients_are_found(void **state)
{
    (void)state;
    kernels wrong = *right_table();
    wrong.direct = NULL;
    wrong.conv_backward_filter = filter_row_lost;
    checks found = run(&wrong);
    assert_false(passed(&found, "conv1.kernel"));
    assert_false(passed(&found, "conv2.kernel"));
    assert_true(passed(&found, "input"));
    assert_true(passed(&found, "dense1.kernel"));
}

// Batch normalisation takes the mean away, and with it a bias before it: all that is left of either side is rounding.
static void a_bias_without_effect_passes(void **state)
{
    (void)state;
    static const char text[] = "input 8x8x3\nconv 4 3x3 same\nbatchnorm\nrelu\nflatten\ndense 3 softmax\n";
    const kernels *tables[TABLES_MAX];
    size_t count = kernels_available(tables, TABLES_MAX);
    for (size_t t = 0; t < count; t++) {
        checks found = run_text(tables[t], text);
        for (size_t i = 0; i < found.count; i++)
            if (!found.list[i].passed) fail_msg("%s: %s, %g", tables[t]->name, found.list[i].name, found.list[i].worst);
    }
    kernels wrong = *right_table();
    wrong.column_sums = bias_shifted;
    checks found = run_text(&wrong, text);
    assert_false(passed(&found, "conv1.bias"));
    assert_true(passed(&found, "conv1.kernel"));
}

static void wrong_input_gradients_are_found(void **state)
{
    (void)state;
    kernels wrong = *right_table();
    wrong.direct = NULL;
    wrong.conv_backward_input = input_row_lost;
    checks found = run(&wrong);
    assert_false(passed(&found, "input"));
    assert_false(passed(&found, "conv1.kernel"));
    assert_true(passed(&found, "conv2.kernel"));
}

static void a_bias_three_percent_off_is_found(void **state)
{
    (void)state;
    kernels wrong = *right_table();
    wrong.direct = NULL;
    wrong.column_sums = bias_three_percent_off;
    checks found = run(&wrong);
    assert_false(passed(&found, "dense1.bias"));
    assert_false(passed(&found, "conv2.bias"));
    assert_true(passed(&found, "dense1.kernel"));
}

static void wrong_maxima_are_found(void **state)
{
    (void)state;
    kernels wrong = *right_table();
    wrong.direct = NULL;
    wrong.maxpool_backward = maximum_taken_for_the_first;
    checks found = run(&wrong);
    assert_false(passed(&found, "conv1.kernel"));
    assert_false(passed(&found, "batchnorm1.gamma"));
    assert_true(passed(&found, "conv2.kernel"));
}

static void too_little_room_is_an_error(void **state)
{
    (void)state;
    silma_error error = {0};
    silma_network *network = NULL;
    assert_int_equal(silma_network_parse(&network, TEXT, "test.silma", NULL, &error), SILMA_OK);
    silma_context context = {.k = right_table()};
    silma_gradient_check list[2];
    size_t count = 0;
    assert_int_equal(silma_gradcheck(&context, network, 0, list, 2, &count, &error), SILMA_USAGE);
    assert_string_equal(error.message, "the network has more than 2 tensors to check");
    silma_network_free(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_gradients_pass),
        cmocka_unit_test(wrong_filter_gradients_are_found),
        cmocka_unit_test(a_bias_without_effect_passes),
        cmocka_unit_test(wrong_input_gradients_are_found),
        cmocka_unit_test(a_bias_three_percent_off_is_found),
        cmocka_unit_test(wrong_maxima_are_found),
        cmocka_unit_test(too_little_room_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
