// Optimisers: their settings, one step of each by hand (eq. 8, 46-56), and Keras's own steps (goldens).
#include "train/optimizer.h"

#include "kernels/kernels.h"
#include "stored_files.h"
#include "train/loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TABLES_MAX = 8, STEPS = 5 };

static void split(words *line, char *copy, size_t size, const char *text)
{
    silma_error error = {0};
    assert_true(strlen(text) < size);
    memcpy(copy, text, strlen(text) + 1);
    assert_int_equal(words_split(line, copy, "test", 0, &error), SILMA_OK);
}

static silma_status parse(optimizer *o, const char *text, silma_error *error)
{
    char copy[256];
    words line;
    split(&line, copy, sizeof copy, text);
    silma_status status = optimizer_parse(o, &line, error);
    return status == SILMA_OK ? words_finish(&line, error) : status;
}

static optimizer parsed(const char *text)
{
    optimizer o;
    silma_error error = {0};
    if (parse(&o, text, &error) != SILMA_OK) fail_msg("%s", error.message);
    return o;
}

static const kernels *reference(void)
{
    const kernels *table = NULL;
    assert_int_equal(kernels_find(&table, "reference", NULL), SILMA_OK);
    return table;
}

// ---------------------------------------------------------------------------------------------------------------------
// Settings

static void defaults_are_those_of_keras(void **state)
{
    (void)state;
    const struct {
        const char *text, *described;
    } cases[] = {
        {"sgd", "sgd lr=0.01 momentum=0 weight_decay=0 nesterov=no"},
        {"sgd nesterov=yes momentum=0.9", "sgd lr=0.01 momentum=0.9 weight_decay=0 nesterov=yes"},
        {"adagrad", "adagrad lr=0.001 epsilon=1e-07 initial_accumulator=0.1 weight_decay=0"},
        {"rmsprop", "rmsprop lr=0.001 momentum=0 rho=0.9 epsilon=1e-07 weight_decay=0"},
        {"adam", "adam lr=0.001 beta1=0.9 beta2=0.999 epsilon=1e-07 weight_decay=0"},
        {"adamw lr=3e-4", "adamw lr=0.0003 beta1=0.9 beta2=0.999 epsilon=1e-07 weight_decay=0.004"},
        {"adam beta2=0.123456789012345 lr=2",
         "adam lr=2 beta1=0.9 beta2=0.123456789012345 epsilon=1e-07 weight_decay=0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[OPTIMIZER_TEXT_MAX], again[OPTIMIZER_TEXT_MAX];
        optimizer o = parsed(cases[i].text);
        optimizer_describe(&o, text);
        assert_string_equal(text, cases[i].described);
        o = parsed(text);
        optimizer_describe(&o, again);
        assert_string_equal(again, text);
    }
}

static void rate_is_known_to_be_given_or_not(void **state)
{
    (void)state;
    assert_false(parsed("adam").rate_given);
    assert_true(parsed("adam lr=0.001").rate_given);
    assert_true(parsed("sgd lr=0").rate_given);
    assert_true(parsed("sgd lr=0").rate == 0);
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the optimizer is missing"},
        {"adm", "unknown optimizer 'adm'; did you mean 'adam'?"},
        {"sgd beta1=0.9", "sgd has no beta1"},
        {"adam nesterov=yes", "adam has no nesterov"},
        {"sgd nesterov=yes", "nesterov=yes needs a momentum"},
        {"adam lr=-1", "lr must be a number from 0 up, not '-1'"},
        {"adam lr=nan", "lr must be a number"},
        {"adam lr=1e60", "lr must be a number"},
        {"adam beta1=1", "beta1 must be a number from 0 to 0.999999, not '1'"},
        {"adam epsilom=1", "unexpected 'epsilom=1'; did you mean 'epsilon'?"},
        {"adam fast", "unexpected 'fast'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        optimizer o;
        silma_error error = {0};
        assert_int_equal(parse(&o, cases[i].text, &error), SILMA_BAD_FILE);
        if (!strstr(error.message, cases[i].message)) fail_msg("%s", error.message);
        assert_non_null(strstr(error.message, "expected: optimizer sgd|adagrad|"));
    }
}

static void slots_are_counted_and_filled(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int slots;
        float first;
    } cases[] = {
        {"sgd", 0, 7},     {"sgd momentum=0.5", 1, 0},     {"adagrad initial_accumulator=0.5", 1, 0.5f},
        {"rmsprop", 1, 0}, {"rmsprop momentum=0.5", 2, 0}, {"adam", 2, 0},
        {"adamw", 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        optimizer o = parsed(cases[i].text);
        float slots[2][3] = {{7, 7, 7}, {7, 7, 7}};
        assert_int_equal(optimizer_slots(&o), cases[i].slots);
        optimizer_prepare_slots(&o, 3, cases[i].slots > 0 ? slots[0] : NULL, cases[i].slots > 1 ? slots[1] : NULL);
        for (size_t j = 0; j < 3; j++) {
            assert_true(slots[0][j] == cases[i].first);
            assert_true(slots[1][j] == (cases[i].slots > 1 ? 0.0f : 7.0f));
        }
    }
}

static void clipping_scales_to_the_norm(void **state)
{
    (void)state;
    assert_true(gradient_clip_scale(10, 0) == 1.0f);
    assert_true(gradient_clip_scale(0.5, 1) == 1.0f);
    assert_true(gradient_clip_scale(1, 1) == 1.0f);
    assert_true(gradient_clip_scale(4, 1) == 0.25f);
    assert_true(gradient_clip_scale(0, 1) == 1.0f);
    assert_true(gradient_clip_scale((double)NAN, 1) == 1.0f);
    assert_true(gradient_clip_scale((double)INFINITY, 1) == 0.0f);
}

// ---------------------------------------------------------------------------------------------------------------------
// By hand

// The perceptron of section 2.1.2 with x = (1, 2), y = 1, w = (0.5, -0.25), so that z = 0 and a = 0.5. By eq. 8 with
// eta = 0.1: dw = 0.1 (1 - 0.5) x = (0.05, 0.1).
static void perceptron_moves_by_eq_8(void **state)
{
    (void)state;
    const float x[2] = {1, 2};
    const uint32_t y = 1;
    float w[2] = {0.5f, -0.25f};
    float z = w[0] * x[0] + w[1] * x[1];
    float a, dz;
    loss_function logistic = {.kind = LOSS_BINARY_CROSSENTROPY};
    loss_batch batch = {
        .head = ACTIVATION_SIGMOID, .n = 1, .outputs = 1, .logits = &z, .probabilities = &a, .dlogits = &dz};
    double cost = loss_compute(&logistic, &batch, &y, NULL);
    assert_true(fabs(cost - log(2)) < 1e-15); // eq. 3
    assert_true(a == 0.5f);                   // eq. 5
    assert_true(dz == a - 1);                 // eq. 6-7: (a - y)/(a (1 - a)) * a (1 - a)

    optimizer o = parsed("sgd lr=0.1");
    float g[2] = {dz * x[0], dz * x[1]};
    optimizer_update(&o, reference(), NULL, 2, w, g, NULL, NULL, 1, o.rate, 1);
    assert_float_equal(w[0], 0.55f, 1e-7f);
    assert_float_equal(w[1], -0.15f, 1e-7f);
}

// Two steps from w = 1 with gradients 0.5 and -1, worked out with the equations that each line names.
static void steps_follow_the_equations(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double after[2];
    } cases[] = {
        // eq. 46: 1 - 0.1 * 0.5; then + 0.1
        {"sgd lr=0.1", {0.95, 1.05}},
        // v = -0.05, then 0.9 * -0.05 + 0.1
        {"sgd lr=0.1 momentum=0.9", {0.95, 0.95 + 0.055}},
        // eq. 47, 49: G = 0.1 + 0.25, then + 1
        {"adagrad lr=0.1 epsilon=0",
         {1 - 0.05 / 0.5916079783099616, 1 - 0.05 / 0.5916079783099616 + 0.1 / 1.161895003862225}},
        // eq. 50, 51: A = 0.1 * 0.25, then 0.9 * 0.025 + 0.1
        {"rmsprop lr=0.1 epsilon=0", {1 - 0.05 / 0.15811388300841897, 1 - 0.05 / 0.15811388300841897 + 0.1 / 0.35}},
        // eq. 52-56: the first step is eta g/|g|; then m = 0.9 * 0.05 - 0.1 = -0.055, v = 0.999 * 0.00025 + 0.001 =
        // 0.00124975; over 1 - 0.81 and 1 - 0.998001: mhat = -0.28947368, vhat = 0.62518759
        {"adam lr=0.1 epsilon=0", {0.9, 0.9 + 0.1 * 0.2894736842 / 0.7906880486}},
    };
    const float gradients[2] = {0.5f, -1.0f};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        optimizer o = parsed(cases[i].text);
        float w = 1, slot0 = 0, slot1 = 0;
        optimizer_prepare_slots(&o, 1, &slot0, &slot1);
        for (size_t step = 0; step < 2; step++) {
            optimizer_update(&o, reference(), NULL, 1, &w, &gradients[step], &slot0, &slot1, 1, o.rate, step + 1);
            if (fabs((double)w - cases[i].after[step]) > 1e-5)
                fail_msg("%s: step %zu: %.9g instead of %.9g", cases[i].text, step + 1, (double)w,
                         cases[i].after[step]);
        }
    }
}

static void decay_and_scale_and_schedule_reach_the_kernel(void **state)
{
    (void)state;
    optimizer o = parsed("sgd lr=0.1 weight_decay=0.5");
    float w = 2, g = 4;
    // rate 0.2 from the schedule: w - 0.2 * 0.5 * w - 0.2 * (0.25 * 4)
    optimizer_update(&o, reference(), NULL, 1, &w, &g, NULL, NULL, 0.25f, 0.2, 1);
    assert_float_equal(w, 1.6f, 1e-6f);
}

// ---------------------------------------------------------------------------------------------------------------------
// Keras

static const float *tensor(const safetensors *file, const char *name, size_t *count)
{
    const safetensor *found = safetensors_find(file, name);
    assert_non_null(found);
    assert_string_equal(found->dtype, "F32");
    *count = found->bytes / sizeof(float);
    return found->data;
}

static double norm(const float *g, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)g[i] * (double)g[i];
    return sqrt(sum);
}

// The text of a golden is an optimiser's and, on some, clip_norm=.
static optimizer golden_optimizer(const safetensors *file, double *clip_norm)
{
    char copy[256];
    words line;
    optimizer o;
    silma_error error = {0};
    *clip_norm = 0;
    split(&line, copy, sizeof copy, safetensors_metadata(file, "optimizer"));
    const char *clip = words_option(&line, "clip_norm");
    if (clip) assert_true(parse_double(clip, clip_norm));
    if (optimizer_parse(&o, &line, &error) != SILMA_OK) fail_msg("%s", error.message);
    assert_int_equal(words_finish(&line, &error), SILMA_OK);
    return o;
}

// 1e-5 of the way that a step goes, or a few roundings of the weight itself.
static void compare(const char *path, const char *table, size_t step, size_t count, const float *w, const float *keras,
                    const float *start)
{
    for (size_t i = 0; i < count; i++) {
        double allowed = 1e-5 * fabs((double)keras[i] - (double)start[i]) + 3e-7 * fmax(fabs((double)keras[i]), 0.1);
        if (fabs((double)w[i] - (double)keras[i]) > allowed)
            fail_msg("%s, %s, step %zu, weight %zu: %.9g, Keras %.9g", path, table, step, i, (double)w[i],
                     (double)keras[i]);
    }
}

static void follow_keras_with(const char *path, const safetensors *file, const kernels *k)
{
    double clip_norm;
    optimizer o = golden_optimizer(file, &clip_norm);
    size_t count;
    const float *start = tensor(file, "w0", &count);
    float *memory = aligned_alloc(64, 3 * 64 * sizeof(float));
    assert_non_null(memory);
    assert_true(count <= 64);
    float *w = memory, *slot0 = memory + 64, *slot1 = memory + 128;
    memcpy(w, start, count * sizeof *w);
    optimizer_prepare_slots(&o, count, slot0, slot1);
    for (size_t step = 0; step < STEPS; step++) {
        char name[8];
        size_t same;
        float aligned_gradient[64] __attribute__((aligned(64)));
        snprintf(name, sizeof name, "g%zu", step);
        const float *g = tensor(file, name, &same);
        assert_int_equal(same, count);
        memcpy(aligned_gradient, g, count * sizeof *g);
        optimizer_update(&o, k, NULL, count, w, aligned_gradient, slot0, slot1,
                         gradient_clip_scale(norm(g, count), clip_norm), o.rate, step + 1);
        snprintf(name, sizeof name, "w%zu", step + 1);
        compare(path, k->name, step + 1, count, w, tensor(file, name, &same), start);
    }
    free(memory);
}

static void follow_keras(const char *path, const safetensors *file, void *user)
{
    (void)user;
    const kernels *tables[TABLES_MAX];
    size_t table_count = kernels_available(tables, TABLES_MAX);
    for (size_t i = 0; i < table_count; i++)
        follow_keras_with(path, file, tables[i]);
}

static void steps_are_those_of_keras(void **state)
{
    (void)state;
    assert_true(goldens_each("optimizer-", follow_keras, NULL) >= 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_keras), cmocka_unit_test(rate_is_known_to_be_given_or_not),
        cmocka_unit_test(mistakes_are_explained),      cmocka_unit_test(slots_are_counted_and_filled),
        cmocka_unit_test(clipping_scales_to_the_norm), cmocka_unit_test(perceptron_moves_by_eq_8),
        cmocka_unit_test(steps_follow_the_equations),  cmocka_unit_test(decay_and_scale_and_schedule_reach_the_kernel),
        cmocka_unit_test(steps_are_those_of_keras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
