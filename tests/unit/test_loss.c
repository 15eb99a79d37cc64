// Losses: by hand (eq. 3-7, 26-31), against numerical derivatives, against Keras (goldens), and far out, where a
// formula that is not stable would overflow.
#include "train/loss.h"

#include "stored_files.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES_MAX = 1024 };

static silma_status parse(loss_function *l, const char *text, silma_error *error)
{
    char copy[256];
    words line;
    assert_true(strlen(text) < sizeof copy);
    memcpy(copy, text, strlen(text) + 1);
    assert_int_equal(words_split(&line, copy, "test", 0, error), SILMA_OK);
    silma_status status = loss_parse(l, &line, error);
    return status == SILMA_OK ? words_finish(&line, error) : status;
}

// A batch with room of its own.
typedef struct fixture {
    loss_batch batch;
    float logits[VALUES_MAX], probabilities[VALUES_MAX], dlogits[VALUES_MAX], targets[VALUES_MAX];
    uint32_t labels[VALUES_MAX];
} fixture;

static void prepare(fixture *f, activation_kind head, size_t n, size_t outputs)
{
    assert_true(n * outputs <= VALUES_MAX);
    f->batch = (loss_batch){.head = head,
                            .n = n,
                            .outputs = outputs,
                            .logits = f->logits,
                            .probabilities = f->probabilities,
                            .dlogits = f->dlogits};
}

// Logits spread over +-4, and labels, the same in every run.
static void fill(fixture *f)
{
    size_t classes = f->batch.outputs == 1 ? 2 : f->batch.outputs;
    for (size_t i = 0; i < f->batch.n * f->batch.outputs; i++)
        f->logits[i] = (float)((int)(i * 37 % 65) - 32) / 8.0f;
    for (size_t i = 0; i < f->batch.n; i++)
        f->labels[i] = (uint32_t)((i * i + 1) % classes);
}

// ---------------------------------------------------------------------------------------------------------------------
// Settings

static void texts_are_read_and_written(void **state)
{
    (void)state;
    const struct {
        const char *text, *described;
    } cases[] = {
        {"categorical_crossentropy", "categorical_crossentropy label_smoothing=0"},
        {"binary_crossentropy label_smoothing=0.1", "binary_crossentropy label_smoothing=0.1"},
        {"mean_squared_error", "mean_squared_error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loss_function l;
        silma_error error = {0};
        char text[LOSS_TEXT_MAX];
        assert_int_equal(parse(&l, cases[i].text, &error), SILMA_OK);
        loss_describe(&l, text);
        assert_string_equal(text, cases[i].described);
    }
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the loss is missing"},
        {"categorical_crosentropy", "did you mean 'categorical_crossentropy'?"},
        {"mean_squared_error label_smoothing=0.1", "mean_squared_error has no label_smoothing"},
        {"binary_crossentropy label_smoothing=2", "label_smoothing must be a number from 0 to 1, not '2'"},
        {"binary_crossentropy smoothing=0.1", "unexpected 'smoothing=0.1'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loss_function l;
        silma_error error = {0};
        assert_int_equal(parse(&l, cases[i].text, &error), SILMA_BAD_FILE);
        if (!strstr(error.message, cases[i].message)) fail_msg("%s", error.message);
    }
}

static void losses_are_checked_against_the_network(void **state)
{
    (void)state;
    const struct {
        loss_kind kind;
        activation_kind head;
        size_t outputs;
        int classes;
        const char *message; // null: they fit
    } cases[] = {
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 10, 10, NULL},
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 2, 2, NULL},
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 10, 3, "10 outputs, but the data has 3 classes"},
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 1, 2, "a softmax over 1 output is always 1"},
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SIGMOID, 10, 10, "which has a sigmoid"},
        {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_LINEAR, 10, 10, "which has no activation"},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 1, 2, NULL},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 1, 3, "1 outputs, but the data has 3 classes"},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 3, 3, NULL},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SOFTMAX, 3, 3, NULL},
        {LOSS_BINARY_CROSSENTROPY, ACTIVATION_LINEAR, 3, 3, "needs a sigmoid"},
        {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_LINEAR, 3, 3, NULL},
        {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_LINEAR, 1, 2, NULL},
        {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_SOFTMAX, 3, 3, NULL},
        {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_SIGMOID, 3, 3, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loss_function l = {.kind = cases[i].kind};
        silma_error error = {0};
        silma_status status = loss_check(&l, cases[i].head, cases[i].outputs, cases[i].classes, &error);
        assert_int_equal(status, cases[i].message ? SILMA_USAGE : SILMA_OK);
        if (cases[i].message && !strstr(error.message, cases[i].message)) fail_msg("%s", error.message);
    }
    assert_int_equal(loss_default(ACTIVATION_SOFTMAX, 10).kind, LOSS_CATEGORICAL_CROSSENTROPY);
    assert_int_equal(loss_default(ACTIVATION_SIGMOID, 10).kind, LOSS_BINARY_CROSSENTROPY);
    assert_int_equal(loss_default(ACTIVATION_LINEAR, 1).kind, LOSS_BINARY_CROSSENTROPY);
}

// ---------------------------------------------------------------------------------------------------------------------
// By hand

// eq. 3 and 28: a single sigmoid output; eq. 6-7: the gradient by z is a - y.
static void binary_by_hand(void **state)
{
    (void)state;
    fixture f;
    loss_function l = {.kind = LOSS_BINARY_CROSSENTROPY};
    prepare(&f, ACTIVATION_SIGMOID, 2, 1);
    f.logits[0] = f.logits[1] = (float)log(3); // a = 3/4
    f.labels[0] = 1;
    f.labels[1] = 0;
    double sum = loss_compute(&l, &f.batch, f.labels, NULL);
    assert_true(fabs(sum - (-log(0.75) - log(0.25))) < 1e-6);
    assert_float_equal(f.probabilities[0], 0.75f, 1e-6f);
    assert_float_equal(f.dlogits[0], (0.75f - 1) / 2, 1e-6f); // the mean over 2 images
    assert_float_equal(f.dlogits[1], (0.75f - 0) / 2, 1e-6f);
}

// eq. 30 and 38 for r = (1/7, 2/7, 4/7); dE/dz = r - y.
static void categorical_by_hand(void **state)
{
    (void)state;
    fixture f;
    loss_function l = {.kind = LOSS_CATEGORICAL_CROSSENTROPY};
    prepare(&f, ACTIVATION_SOFTMAX, 1, 3);
    f.logits[0] = 0;
    f.logits[1] = (float)log(2);
    f.logits[2] = (float)log(4);
    f.labels[0] = 1;
    double sum = loss_compute(&l, &f.batch, f.labels, NULL);
    assert_true(fabs(sum + log(2.0 / 7)) < 1e-6);
    assert_float_equal(f.dlogits[0], 1.0f / 7, 1e-6f);
    assert_float_equal(f.dlogits[1], 2.0f / 7 - 1, 1e-6f);
    assert_float_equal(f.dlogits[2], 4.0f / 7, 1e-6f);

    l.label_smoothing = 0.3; // y = (0.1, 0.8, 0.1)
    sum = loss_compute(&l, &f.batch, f.labels, NULL);
    assert_true(fabs(sum + 0.1 * log(1.0 / 7) + 0.8 * log(2.0 / 7) + 0.1 * log(4.0 / 7)) < 1e-6);
    assert_float_equal(f.dlogits[1], 2.0f / 7 - 0.8f, 1e-6f);
}

// eq. 26 has half the sum, Keras the mean: for 4 outputs the mean is 2/4 of it. eq. 27: dE/dr = r - y, times 2/4.
static void squared_error_by_hand(void **state)
{
    (void)state;
    fixture f;
    loss_function l = {.kind = LOSS_MEAN_SQUARED_ERROR};
    prepare(&f, ACTIVATION_LINEAR, 1, 4);
    const float r[4] = {1, -2, 0.5f, 3};
    const float y[4] = {0, 0, 1, 0};
    double half_sum = 0;
    for (size_t i = 0; i < 4; i++)
        half_sum += 0.5 * (double)((y[i] - r[i]) * (y[i] - r[i]));
    memcpy(f.logits, r, sizeof r);
    f.labels[0] = 2;
    assert_true(fabs(loss_compute(&l, &f.batch, f.labels, NULL) - half_sum * 2 / 4) < 1e-12);
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(f.dlogits[i], (r[i] - y[i]) * 2 / 4, 1e-6f);
}

static void class_weights_multiply_and_n_divides(void **state)
{
    (void)state;
    fixture f;
    loss_function l = {.kind = LOSS_CATEGORICAL_CROSSENTROPY};
    const float weights[3] = {2, 0, 0.5f};
    prepare(&f, ACTIVATION_SOFTMAX, 3, 3);
    memset(f.logits, 0, sizeof f.logits);
    f.labels[0] = 0;
    f.labels[1] = 1;
    f.labels[2] = 2;
    assert_true(fabs(loss_compute(&l, &f.batch, f.labels, weights) - 2.5 * log(3)) < 1e-12);
    assert_float_equal(f.dlogits[0], 2 * (1.0f / 3 - 1) / 3, 1e-6f);
    assert_true(f.dlogits[3] == 0 && f.dlogits[4] == 0);
    assert_float_equal(f.dlogits[8], 0.5f * (1.0f / 3 - 1) / 3, 1e-6f);
}

// ---------------------------------------------------------------------------------------------------------------------
// Numerical derivatives

typedef struct combination {
    loss_kind kind;
    activation_kind head;
    size_t outputs;
    double smoothing;
} combination;

static const combination COMBINATIONS[] = {
    {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 10, 0},
    {LOSS_CATEGORICAL_CROSSENTROPY, ACTIVATION_SOFTMAX, 7, 0.2},
    {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 1, 0},
    {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 1, 0.1},
    {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SIGMOID, 5, 0.1},
    {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SOFTMAX, 5, 0},
    {LOSS_BINARY_CROSSENTROPY, ACTIVATION_SOFTMAX, 2, 0.1},
    {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_LINEAR, 4, 0},
    {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_LINEAR, 1, 0},
    {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_SIGMOID, 4, 0},
    {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_SIGMOID, 1, 0},
    {LOSS_MEAN_SQUARED_ERROR, ACTIVATION_SOFTMAX, 6, 0},
};
enum { COMBINATION_COUNT = sizeof COMBINATIONS / sizeof COMBINATIONS[0] };

// (E(z + h) - E(z - h)) / 2h of the mean over the images.
static double numerical_derivative(const loss_function *l, fixture *f, const float *weights, size_t i)
{
    const float h = 0x1p-9f; // logits are multiples of 1/8: z + h is exact
    float kept = f->logits[i];
    f->logits[i] = kept + h;
    double above = loss_compute(l, &f->batch, f->labels, weights);
    f->logits[i] = kept - h;
    double below = loss_compute(l, &f->batch, f->labels, weights);
    f->logits[i] = kept;
    return (above - below) / (2 * (double)h) / (double)f->batch.n;
}

static void gradients_equal_numerical_derivatives(void **state)
{
    (void)state;
    const float weights[10] = {1, 2, 0.5f, 3, 1, 0.25f, 1, 1, 2, 1};
    for (size_t c = 0; c < COMBINATION_COUNT; c++) {
        fixture f;
        loss_function l = {.kind = COMBINATIONS[c].kind, .label_smoothing = COMBINATIONS[c].smoothing};
        prepare(&f, COMBINATIONS[c].head, 11, COMBINATIONS[c].outputs);
        fill(&f);
        float gradient[VALUES_MAX];
        loss_compute(&l, &f.batch, f.labels, weights);
        memcpy(gradient, f.dlogits, sizeof gradient);
        f.batch.dlogits = NULL; // not wanted from here on
        for (size_t i = 0; i < f.batch.n * f.batch.outputs; i++) {
            double expected = numerical_derivative(&l, &f, weights, i);
            if (fabs((double)gradient[i] - expected) > 3e-6) // the squared error's predictions are rounded to floats
                fail_msg("combination %zu, logit %zu: %.9g, numerically %.9g", c, i, (double)gradient[i], expected);
        }
    }
}

// loss_compute and loss_compute_targets are the same computation.
static void labels_equal_one_hot_targets(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMBINATION_COUNT; c++) {
        fixture f;
        loss_function l = {.kind = COMBINATIONS[c].kind, .label_smoothing = COMBINATIONS[c].smoothing};
        prepare(&f, COMBINATIONS[c].head, 11, COMBINATIONS[c].outputs);
        fill(&f);
        size_t outputs = f.batch.outputs;
        for (size_t i = 0; i < f.batch.n * outputs; i++)
            f.targets[i] = outputs == 1 ? (float)f.labels[i] : (float)(f.labels[i / outputs] == i % outputs);
        float gradient[VALUES_MAX];
        double sum = loss_compute(&l, &f.batch, f.labels, NULL);
        memcpy(gradient, f.dlogits, f.batch.n * outputs * sizeof(float));
        assert_true(loss_compute_targets(&l, &f.batch, f.targets, NULL) == sum);
        assert_memory_equal(gradient, f.dlogits, f.batch.n * outputs * sizeof(float));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Far out

static void large_logits_stay_exact(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMBINATION_COUNT; c++) {
        fixture f;
        loss_function l = {.kind = COMBINATIONS[c].kind};
        size_t outputs = COMBINATIONS[c].outputs;
        bool softmax = COMBINATIONS[c].head == ACTIVATION_SOFTMAX;
        prepare(&f, COMBINATIONS[c].head, 2, outputs);
        for (size_t i = 0; i < 2 * outputs; i++)
            f.logits[i] = i % outputs == 0 ? 10000.0f : -10000.0f;
        f.labels[0] = outputs == 1; // predicted with certainty
        f.labels[1] = outputs > 1;  // the opposite
        double sum = loss_compute(&l, &f.batch, f.labels, NULL);
        assert_true(isfinite(sum) && sum > 0);
        if (l.kind == LOSS_CATEGORICAL_CROSSENTROPY) assert_true(sum == 20000);
        if (l.kind == LOSS_BINARY_CROSSENTROPY && !softmax)
            assert_true(fabs(sum - (outputs > 1 ? 20000.0 : 10000.0) / (double)outputs) < 1e-9);
        for (size_t i = 0; i < outputs; i++) { // of the certain image
            assert_true(f.probabilities[i] == (COMBINATIONS[c].head == ACTIVATION_LINEAR ? f.logits[i] : i == 0));
            if (COMBINATIONS[c].head != ACTIVATION_LINEAR) assert_true(f.dlogits[i] == 0);
        }
        if (l.kind == LOSS_CATEGORICAL_CROSSENTROPY) {
            assert_true(f.dlogits[outputs] == 0.5f);
            assert_true(f.dlogits[outputs + 1] == -0.5f);
        }
    }
}

// The gradient of a nearly certain image is not lost in 1 - p: for a gap of 30 it is e^-30.
static void small_gradients_are_not_cancelled(void **state)
{
    (void)state;
    fixture f;
    loss_function l = {.kind = LOSS_CATEGORICAL_CROSSENTROPY};
    prepare(&f, ACTIVATION_SOFTMAX, 1, 2);
    f.logits[0] = 30;
    f.logits[1] = 0;
    f.labels[0] = 0;
    double sum = loss_compute(&l, &f.batch, f.labels, NULL);
    assert_true(fabs(sum / exp(-30) - 1) < 1e-6);
    assert_true(fabs((double)f.dlogits[1] / exp(-30) - 1) < 1e-6);
    assert_true(fabs((double)f.dlogits[0] / -exp(-30) - 1) < 1e-2);
}

// Training watches the loss for NaN and infinity.
static void nan_is_not_swallowed(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMBINATION_COUNT; c++) {
        for (size_t place = 0; place < COMBINATIONS[c].outputs; place++) {
            fixture f;
            loss_function l = {.kind = COMBINATIONS[c].kind, .label_smoothing = COMBINATIONS[c].smoothing};
            prepare(&f, COMBINATIONS[c].head, 1, COMBINATIONS[c].outputs);
            fill(&f);
            f.logits[place] = NAN;
            assert_true(isnan(loss_compute(&l, &f.batch, f.labels, NULL)));
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Keras

static const safetensor *tensor(const safetensors *file, const char *name)
{
    const safetensor *found = safetensors_find(file, name);
    if (found) assert_string_equal(found->dtype, "F32");
    return found;
}

static activation_kind golden_head(const safetensors *file)
{
    const char *head = safetensors_metadata(file, "head");
    if (strcmp(head, "softmax") == 0) return ACTIVATION_SOFTMAX;
    if (strcmp(head, "sigmoid") == 0) return ACTIVATION_SIGMOID;
    assert_string_equal(head, "linear");
    return ACTIVATION_LINEAR;
}

// The weight of an image is its class's.
static void weigh_images(const fixture *f, const safetensor *class_weights, float *weights)
{
    size_t outputs = f->batch.outputs;
    for (size_t i = 0; i < f->batch.n; i++) {
        weights[i] = 1;
        for (size_t c = 0; class_weights && c < outputs; c++)
            if (f->targets[i * outputs + c] == 1) weights[i] = ((const float *)class_weights->data)[c];
    }
}

// A value of Keras is single precision, and after a softmax or sigmoid that rounded to 0 or 1 no better than that:
// 1e-5 of the largest gradient of the tensor.
static void compare_with_keras(const char *path, const safetensors *file, void *user)
{
    (void)user;
    char text[128];
    fixture f;
    loss_function l;
    silma_error error = {0};
    snprintf(text, sizeof text, "%s label_smoothing=%s", safetensors_metadata(file, "loss"),
             safetensors_metadata(file, "label_smoothing"));
    assert_int_equal(parse(&l, text, &error), SILMA_OK);
    const safetensor *logits = tensor(file, "logits");
    prepare(&f, golden_head(file), logits->shape[0], logits->shape[1]);
    memcpy(f.logits, logits->data, logits->bytes);
    memcpy(f.targets, tensor(file, "labels")->data, logits->bytes);

    float weights[VALUES_MAX];
    weigh_images(&f, tensor(file, "class_weights"), weights);
    double mean = loss_compute_targets(&l, &f.batch, f.targets, weights) / (double)f.batch.n;
    double keras = (double)*(const float *)tensor(file, "loss")->data;
    if (fabs(mean - keras) > 1e-5 * fabs(keras)) fail_msg("%s: loss %.9g, Keras %.9g", path, mean, keras);

    const float *gradient = tensor(file, "dlogits")->data;
    double largest = 0;
    for (size_t i = 0; i < f.batch.n * f.batch.outputs; i++)
        largest = fmax(largest, fabs((double)gradient[i]));
    for (size_t i = 0; i < f.batch.n * f.batch.outputs; i++)
        if (fabs((double)f.dlogits[i] - (double)gradient[i]) > 1e-5 * largest)
            fail_msg("%s: gradient %zu: %.9g, Keras %.9g", path, i, (double)f.dlogits[i], (double)gradient[i]);
}

static void losses_are_those_of_keras(void **state)
{
    (void)state;
    assert_true(goldens_each("loss-", compare_with_keras, NULL) >= 23);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_and_written),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(losses_are_checked_against_the_network),
        cmocka_unit_test(binary_by_hand),
        cmocka_unit_test(categorical_by_hand),
        cmocka_unit_test(squared_error_by_hand),
        cmocka_unit_test(class_weights_multiply_and_n_divides),
        cmocka_unit_test(gradients_equal_numerical_derivatives),
        cmocka_unit_test(labels_equal_one_hot_targets),
        cmocka_unit_test(large_logits_stay_exact),
        cmocka_unit_test(small_gradients_are_not_cancelled),
        cmocka_unit_test(nan_is_not_swallowed),
        cmocka_unit_test(losses_are_those_of_keras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
