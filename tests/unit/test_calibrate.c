// Calibration: the temperature is where the loss is least, the threshold the smallest that keeps its promise, and both
// are part of the model from then on.
#define _GNU_SOURCE
#include "core/random.h"
#include "nn/model.h"
#include "trained.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { IMAGES = 600, SIDE = 5, CLASSES = 3, IMAGE = SIDE * SIDE };

static const char SOFTMAX[] = "input auto\nflatten\ndense 30 relu\ndense classes softmax\ntrain:\nepochs 12\nbatch 16\n"
                              "lr 1e-2\nval_split 0.5\n";
static const char SIGMOID[] = "input auto\nflatten\ndense 20 relu\ndense classes sigmoid\ntrain:\nepochs 12\nbatch 16\n"
                              "lr 1e-2\nval_split 0.5\n";
static const char LINEAR[] =
    "input auto\nflatten\ndense classes\ntrain:\nepochs 1\nbatch 16\nloss mean_squared_error\n";
static const char BINARY[] =
    "input auto\nflatten\ndense 20 relu\ndense 1 sigmoid\ntrain:\nepochs 12\nbatch 16\nlr 1e-2\n";

static const char BY_HEART[] =
    "input auto\nflatten\ndense 60 relu\ndense classes softmax\ntrain:\nepochs 60\nbatch 16\n"
    "lr 1e-2\nval_split 0.5\n";

static scratch space;
static silma_dataset *dataset, *two_classes;
static silma_context *context;

// Classes that noise hides in part: a network that learns the training images by heart is too sure of the others.
static silma_dataset *make_dataset(uint32_t classes)
{
    static uint8_t pixels[IMAGES * IMAGE];
    static uint32_t labels[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++) {
        labels[i] = i % classes;
        for (uint32_t p = 0; p < IMAGE; p++) {
            uint32_t noise = (uint32_t)random_below(2, RANDOM_SAMPLE, i, p, 216);
            pixels[i * IMAGE + p] = (uint8_t)(noise + (p % classes == labels[i] ? 40 : 0));
        }
    }
    silma_images images = {pixels, labels, IMAGES, SIDE, SIDE, 1, NULL, (int)classes};
    silma_dataset *made = NULL;
    return silma_dataset_from_memory(&made, "hidden", &images, NULL) == SILMA_OK ? made : NULL;
}

static int set_up(void **state)
{
    (void)state;
    space = scratch_make();
    dataset = make_dataset(CLASSES);
    two_classes = make_dataset(2);
    silma_context_options options = {.threads = 2};
    return !dataset || !two_classes || silma_context_create(&context, &options, NULL) != SILMA_OK;
}

static int tear_down(void **state)
{
    (void)state;
    silma_dataset_free(dataset);
    silma_dataset_free(two_classes);
    silma_context_free(context);
    scratch_remove(&space);
    return 0;
}

static silma_model *train(const char *text, const silma_dataset *data, const char *name)
{
    return train_model(context, text, data, &space, name, "last.safetensors");
}

static double loss_of(silma_model *model, const silma_dataset *data)
{
    silma_evaluation evaluation;
    assert_int_equal(silma_evaluate(model, context, data, NULL, 0, &evaluation, NULL), SILMA_OK);
    double loss = evaluation.loss;
    silma_evaluation_free(&evaluation);
    return loss;
}

// Right and known images by the public functions, whatever the threshold.
static void count_known(silma_model *model, const silma_dataset *data, size_t *known, size_t *right)
{
    static float rows[IMAGES * CLASSES];
    static uint32_t indices[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++)
        indices[i] = i;
    assert_int_equal(silma_model_predict_dataset(model, context, data, indices, IMAGES, rows, NULL), SILMA_OK);
    *known = *right = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        int class = silma_model_choose(model, rows + i * (size_t)silma_model_class_count(model));
        *known += class >= 0;
        *right += class >= 0 && (uint32_t) class == silma_dataset_images(data)->labels[i];
    }
}

static void check_temperature(silma_model *model, const silma_dataset *data, const silma_calibration_report *report)
{
    assert_float_equal(loss_of(model, data), report->loss_after, 1e-6);
    assert_true(report->loss_after <= report->loss_before);
    double best = model->calibration.temperature;
    model->calibration.temperature = best * 1.05;
    assert_true(loss_of(model, data) > report->loss_after);
    model->calibration.temperature = best / 1.05;
    assert_true(loss_of(model, data) > report->loss_after);
    model->calibration.temperature = best;
}

// No smaller threshold keeps the promise: tried at the probability of each image.
static void check_threshold(silma_model *model, const silma_dataset *data, const silma_calibration_report *report)
{
    size_t known, right;
    count_known(model, data, &known, &right);
    assert_int_equal(known, report->known);
    assert_int_equal(right, report->known_right);
    double rate = report->calibration.error_rate, threshold = model->calibration.threshold;
    assert_true((double)(known - right) <= rate * (double)known);
    for (int i = 0; threshold - 0.002 * i > 0.3; i++) {
        model->calibration.threshold = threshold - 0.002 * i;
        size_t more, more_right;
        count_known(model, data, &more, &more_right);
        assert_true(more == known || (double)(more - more_right) > rate * (double)more);
    }
    model->calibration.threshold = threshold;
}

static void check_calibration(const char *text, const silma_dataset *data, const char *name)
{
    silma_model *model = train(text, data, name);
    double before = loss_of(model, data);
    silma_calibration_report report;
    assert_int_equal(silma_model_calibrate(model, context, data, NULL, 0, 0.05, &report, NULL), SILMA_OK);
    assert_int_equal(report.count, IMAGES);
    assert_float_equal(report.loss_before, before, 1e-6);
    assert_true(report.calibration.threshold > 0 && report.known > 0 && report.known < IMAGES);
    check_temperature(model, data, &report);
    check_threshold(model, data, &report);
    silma_model_free(model);
}

static void softmax_is_calibrated(void **state)
{
    (void)state;
    check_calibration(SOFTMAX, dataset, "softmax");
}

static void sigmoids_are_calibrated(void **state)
{
    (void)state;
    check_calibration(SIGMOID, dataset, "sigmoid");
}

static void a_single_sigmoid_is_calibrated(void **state)
{
    (void)state;
    check_calibration(BINARY, two_classes, "binary");
}

// Too sure on images that it was not trained on: warmer, and nearer to the truth.
static void an_overconfident_model_is_cooled_down(void **state)
{
    (void)state;
    silma_model *model = train(BY_HEART, dataset, "overconfident");
    silma_partition parts;
    assert_int_equal(silma_dataset_partition(dataset, 0.5, 0, &parts, NULL), SILMA_OK);
    silma_calibration_report report;
    assert_int_equal(
        silma_model_calibrate(model, context, dataset, parts.validation, parts.validation_count, 0.1, &report, NULL),
        SILMA_OK);
    assert_true(report.calibration.temperature > 1.2);
    assert_true(report.loss_after < report.loss_before - 0.02);
    assert_true(report.calibration_error_after < report.calibration_error_before);
    silma_partition_free(&parts);
    silma_model_free(model);
}

static void a_file_keeps_it(void **state)
{
    (void)state;
    silma_model *model = train(SOFTMAX, dataset, "kept"), *loaded = NULL;
    silma_calibration_report report, again;
    assert_int_equal(silma_model_calibrate(model, context, dataset, NULL, 0, 0.05, &report, NULL), SILMA_OK);
    char *path = scratch_path(&space, "calibrated.safetensors");
    assert_int_equal(silma_model_save(model, path, NULL), SILMA_OK);
    assert_int_equal(silma_model_load(&loaded, path, NULL), SILMA_OK);
    silma_calibration stored;
    silma_model_calibration(loaded, &stored);
    assert_float_equal(stored.temperature, report.calibration.temperature, 1e-8);
    assert_float_equal(stored.threshold, report.calibration.threshold, 0);
    assert_int_equal(stored.count, IMAGES);
    size_t known, right;
    count_known(loaded, dataset, &known, &right);
    assert_int_equal(known, report.known);
    assert_int_equal(right, report.known_right);
    // A second calibration starts from the model as it was trained.
    assert_int_equal(silma_model_calibrate(loaded, context, dataset, NULL, 0, 0.05, &again, NULL), SILMA_OK);
    assert_float_equal(again.loss_before, report.loss_before, 0);
    assert_float_equal(again.calibration.temperature, report.calibration.temperature, 0);
    free(path);
    silma_model_free(model);
    silma_model_free(loaded);
}

static void refuses_what_makes_no_sense(void **state)
{
    (void)state;
    silma_calibration_report report;
    silma_model *linear = train(LINEAR, dataset, "linear"), *model = train(SOFTMAX, dataset, "sense");
    const uint32_t beyond[] = {IMAGES};
    assert_int_equal(silma_model_calibrate(linear, context, dataset, NULL, 0, 0.05, &report, NULL), SILMA_USAGE);
    assert_int_equal(silma_model_calibrate(model, context, dataset, NULL, 0, -0.1, &report, NULL), SILMA_USAGE);
    assert_int_equal(silma_model_calibrate(model, context, dataset, NULL, 0, NAN, &report, NULL), SILMA_USAGE);
    assert_int_equal(silma_model_calibrate(model, context, dataset, beyond, 0, 0.1, &report, NULL), SILMA_USAGE);
    assert_int_equal(silma_model_calibrate(model, context, dataset, beyond, 1, 0.1, &report, NULL), SILMA_USAGE);
    assert_int_equal(silma_model_calibrate(model, context, two_classes, NULL, 0, 0.1, &report, NULL), SILMA_USAGE);
    assert_float_equal(model->calibration.temperature, 1, 0);
    assert_int_equal(silma_model_calibrate(model, context, dataset, NULL, 0, 1, &report, NULL), SILMA_OK);
    assert_float_equal(report.calibration.threshold, 0, 0);
    assert_int_equal(report.known, IMAGES);
    silma_model_free(linear);
    silma_model_free(model);
}

static void refuses_damaged_calibrations(void **state)
{
    (void)state;
    static const silma_calibration DAMAGED[] = {{0, 0.5, 0.1, 9}, {21, 0.5, 0.1, 9}, {1, -0.5, 0.1, 9},
                                                {1, 1.5, 0.1, 9}, {1, 0.5, 1.1, 9},  {1, 0.5, -1, 9}};
    silma_model *model = train(SOFTMAX, dataset, "damaged");
    char *path = scratch_path(&space, "damaged.safetensors");
    for (size_t i = 0; i < sizeof DAMAGED / sizeof *DAMAGED; i++) {
        silma_model *loaded = NULL;
        model->calibration = DAMAGED[i];
        assert_int_equal(silma_model_save(model, path, NULL), SILMA_OK);
        assert_int_equal(silma_model_load(&loaded, path, NULL), SILMA_BAD_FILE);
    }
    free(path);
    silma_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_is_calibrated),
        cmocka_unit_test(sigmoids_are_calibrated),
        cmocka_unit_test(a_single_sigmoid_is_calibrated),
        cmocka_unit_test(an_overconfident_model_is_cooled_down),
        cmocka_unit_test(a_file_keeps_it),
        cmocka_unit_test(refuses_what_makes_no_sense),
        cmocka_unit_test(refuses_damaged_calibrations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
