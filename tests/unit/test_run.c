// Training runs through the public interface: the same bits for any number of threads and across stops, what a run
// folder holds, and how a run ends.
#define _GNU_SOURCE
#include "core/file.h"
#include "core/random.h"
#include "scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 90, SIDE = 9, CLASSES = 3, STEPS_PER_EPOCH = 5 };

static const char NETWORK[] =
    "input auto\nconv 6 3x3 same relu\nbatchnorm\nmaxpool 2x2\ndropout 0.25\nconv 5 3x3 gelu\n"
    "flatten\ndense 7 tanh\ndropout 0.5\ndense classes softmax\n"
    "train:\nepochs 3\nbatch 16\noptimizer adam\nseed 5\n";

static scratch space;
static silma_dataset *dataset;

static int set_up(void **state)
{
    (void)state;
    space = scratch_make();
    static uint8_t pixels[IMAGES * SIDE * SIDE];
    static uint32_t labels[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++) {
        labels[i] = i % CLASSES;
        for (uint32_t p = 0; p < SIDE * SIDE; p++) {
            uint8_t noise = (uint8_t)random_below(1, RANDOM_SAMPLE, i, p, 100);
            pixels[i * SIDE * SIDE + p] = (uint8_t)(noise + (p / SIDE % CLASSES == labels[i] ? 120 : 0));
        }
    }
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = IMAGES,
                           .height = SIDE,
                           .width = SIDE,
                           .channels = 1,
                           .class_count = CLASSES};
    return silma_dataset_from_memory(&dataset, "stripes", &images, NULL) == SILMA_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    silma_dataset_free(dataset);
    scratch_remove(&space);
    return 0;
}

static silma_context *make_context(unsigned threads)
{
    silma_context *context = NULL;
    silma_context_options options = {.threads = threads};
    assert_int_equal(silma_context_create(&context, &options, NULL), SILMA_OK);
    return context;
}

static silma_network *make_network(const char *text)
{
    silma_input input = {.height = SIDE, .width = SIDE, .channels = 1, .class_count = CLASSES};
    silma_network *network = NULL;
    silma_error error = {0};
    if (silma_network_parse(&network, text, "test.silma", &input, &error) != SILMA_OK) fail_msg("%s", error.message);
    return network;
}

static silma_settings *make_settings(const char *name, const char *value)
{
    silma_settings *settings = NULL;
    assert_int_equal(silma_settings_create(&settings, NULL), SILMA_OK);
    assert_int_equal(silma_settings_set(settings, name, value, NULL), SILMA_OK);
    return settings;
}

// Stops after `left` reports; counts the epochs it was told of.
typedef struct stopper {
    int left;
    int epochs;
    silma_epoch last;
} stopper;

static bool watch(const silma_progress *progress, void *user)
{
    stopper *s = user;
    if (progress->finished) {
        s->epochs++;
        s->last = *progress->finished;
    }
    return s->left-- != 1;
}

static silma_status train_new(const char *path, unsigned threads, const char *text, const silma_settings *settings,
                              stopper *s, silma_error *error)
{
    silma_context *context = make_context(threads);
    silma_network *network = make_network(text);
    silma_run *run = NULL;
    silma_status status = silma_run_create(&run, context, network, dataset, settings, path, error);
    silma_network_free(network);
    if (status == SILMA_OK) status = silma_run_train(run, watch, s, error);
    silma_run_free(run);
    silma_context_free(context);
    return status;
}

static silma_status train_on(const char *path, unsigned threads, stopper *s, silma_error *error)
{
    silma_context *context = make_context(threads);
    silma_run *run = NULL;
    silma_status status = silma_run_resume(&run, context, dataset, NULL, path, error);
    if (status == SILMA_OK) status = silma_run_train(run, watch, s, error);
    silma_run_free(run);
    silma_context_free(context);
    return status;
}

static bool is_same_file(const char *one, const char *other)
{
    char *first, *second;
    size_t first_count, second_count;
    assert_int_equal(file_read(one, 1 << 24, &first, &first_count, NULL), SILMA_OK);
    assert_int_equal(file_read(other, 1 << 24, &second, &second_count, NULL), SILMA_OK);
    bool same = first_count == second_count && memcmp(first, second, first_count) == 0;
    free(first);
    free(second);
    return same;
}

// `name` in the folders of two runs.
static bool is_same_in(const char *one, const char *other, const char *name)
{
    char *first = path_join(one, name), *second = path_join(other, name);
    bool same = is_same_file(first, second);
    free(first);
    free(second);
    return same;
}

static void assert_same_run(const char *one, const char *other)
{
    assert_true(is_same_in(one, other, "best.safetensors"));
    assert_true(is_same_in(one, other, "last.safetensors"));
    assert_true(is_same_in(one, other, "split.json"));
}

static void same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    char *first = scratch_path(&space, "threads-1");
    stopper s = {0};
    assert_int_equal(train_new(first, 1, NETWORK, NULL, &s, NULL), SILMA_OK);
    assert_int_equal(s.epochs, 3);
    for (unsigned threads = 2; threads <= 4; threads++) {
        char name[32];
        snprintf(name, sizeof name, "threads-%u", threads);
        char *path = scratch_path(&space, name);
        s = (stopper){0};
        assert_int_equal(train_new(path, threads, NETWORK, NULL, &s, NULL), SILMA_OK);
        assert_same_run(first, path);
        free(path);
    }
    free(first);
}

static void another_seed_gives_other_bits(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "seed");
    char *first = scratch_path(&space, "threads-1");
    silma_settings *settings = make_settings("seed", "6");
    stopper s = {0};
    assert_int_equal(train_new(path, 1, NETWORK, settings, &s, NULL), SILMA_OK);
    silma_settings_free(settings);
    assert_false(is_same_in(first, path, "last.safetensors"));
    free(first);
    free(path);
}

// Stopped after every possible step and between epochs, and continued with another number of threads.
static void stopped_and_resumed_runs_give_the_same_bits(void **state)
{
    (void)state;
    char *whole = scratch_path(&space, "threads-1");
    for (int reports = 1; reports <= 3 * (STEPS_PER_EPOCH + 1); reports++) {
        char name[32];
        snprintf(name, sizeof name, "stopped-%d", reports);
        char *path = scratch_path(&space, name);
        stopper s = {.left = reports};
        silma_error error = {0};
        assert_int_equal(train_new(path, 2, NETWORK, NULL, &s, &error), SILMA_INTERRUPTED);
        s = (stopper){.left = 4};
        silma_status status = train_on(path, 1, &s, &error);
        s = (stopper){0};
        if (status == SILMA_INTERRUPTED) status = train_on(path, 3, &s, &error);
        if (status != SILMA_OK) fail_msg("%s", error.message);
        assert_same_run(whole, path);
        free(path);
    }
    free(whole);
}

// The same with every augmentation, the balanced sampler and normalisation.
static void augmented_runs_give_the_same_bits(void **state)
{
    (void)state;
    silma_settings *settings = make_settings("augment", "strong vflip erase=0.3 mixup=0.4 cutmix=1");
    assert_int_equal(silma_settings_set(settings, "sampler", "balanced", NULL), SILMA_OK);
    assert_int_equal(silma_settings_set(settings, "normalize", "meanstd", NULL), SILMA_OK);
    assert_int_equal(silma_settings_set(settings, "class_weights", "1,2,0", NULL), SILMA_OK);
    char *whole = scratch_path(&space, "augmented-1");
    stopper s = {0};
    assert_int_equal(train_new(whole, 1, NETWORK, settings, &s, NULL), SILMA_OK);
    for (unsigned threads = 2; threads <= 4; threads++) {
        char name[32];
        snprintf(name, sizeof name, "augmented-%u", threads);
        char *path = scratch_path(&space, name);
        s = (stopper){.left = (int)(3 * threads + 1)};
        assert_int_equal(train_new(path, threads, NETWORK, settings, &s, NULL), SILMA_INTERRUPTED);
        s = (stopper){0};
        assert_int_equal(train_on(path, 5 - threads, &s, NULL), SILMA_OK);
        assert_same_run(whole, path);
        free(path);
    }
    silma_settings_free(settings);
    free(whole);
}

static void history_has_a_line_an_epoch(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "stopped-7");
    char *history = path_join(path, "history.csv");
    char *text;
    size_t count;
    assert_int_equal(file_read(history, 1 << 16, &text, &count, NULL), SILMA_OK);
    int lines = 0;
    for (size_t i = 0; i < count; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 4);
    free(text);
    free(history);
    free(path);
}

// Each of the three public readers, on a run of three epochs.
static void a_folder_tells_of_its_run(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "stopped-7");
    char *config = NULL;
    assert_int_equal(silma_run_read_config(path, &config, NULL), SILMA_OK);
    assert_non_null(strstr(config, "\"settings\""));
    free(config);

    silma_epoch *epochs = NULL;
    size_t count = 0;
    assert_int_equal(silma_run_read_history(path, &epochs, &count, NULL), SILMA_OK);
    assert_int_equal(count, 3);
    assert_int_equal(epochs[2].epoch, 3);
    free(epochs);

    silma_partition parts = {0};
    size_t images = silma_dataset_images(dataset)->count;
    assert_int_equal(silma_run_read_partition(path, images, &parts, NULL), SILMA_OK);
    assert_true(parts.train_count > 0);
    assert_int_equal(parts.train_count + parts.validation_count, images);
    silma_partition_free(&parts);
    silma_error error = {0};
    assert_int_equal(silma_run_read_partition(path, images / 2, &parts, &error), SILMA_BAD_FILE);
    free(path);
}

static void a_damaged_folder_is_an_error(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "damaged");
    assert_int_equal(folder_make(path, 0777, NULL), SILMA_OK);
    char *config = NULL;
    silma_error error = {0};
    assert_int_equal(silma_run_read_config(path, &config, &error), SILMA_IO);
    silma_epoch *epochs = NULL;
    size_t count = 1;
    assert_int_equal(silma_run_read_history(path, &epochs, &count, NULL), SILMA_OK); // it has none
    assert_int_equal(count, 0);
    assert_null(epochs);

    char *file = path_join(path, "config.json");
    file_writer *writer = NULL;
    assert_int_equal(file_writer_open(&writer, file, NULL), SILMA_OK);
    file_writer_write(writer, "[1]", 3);
    assert_int_equal(file_writer_commit(writer, NULL), SILMA_OK);
    assert_int_equal(silma_run_read_config(path, &config, &error), SILMA_BAD_FILE);
    assert_non_null(strstr(error.message, "expected a JSON object"));
    assert_null(config);
    free(file);
    free(path);
}

static void divergence_names_the_layer(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "diverged");
    silma_settings *settings = make_settings("optimizer", "sgd lr=1e30");
    stopper s = {0};
    silma_error error = {0};
    assert_int_equal(train_new(path, 2, NETWORK, settings, &s, &error), SILMA_DIVERGED);
    silma_settings_free(settings);
    assert_non_null(strstr(error.message, "in epoch 1, step "));
    assert_non_null(strstr(error.message, " of layer "));
    free(path);
}

static void runs_are_not_overwritten_nor_mixed_up(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "threads-1");
    stopper s = {0};
    silma_error error = {0};
    assert_int_equal(train_new(path, 1, NETWORK, NULL, &s, &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "holds a run already"));

    silma_dataset *kept = dataset;
    silma_images images = *silma_dataset_images(kept);
    images.count -= CLASSES;
    assert_int_equal(silma_dataset_from_memory(&dataset, "fewer", &images, NULL), SILMA_OK);
    assert_int_equal(train_on(path, 1, &s, &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "was trained on other data"));
    silma_dataset_free(dataset);
    dataset = kept;
    free(path);
}

static void expect_predictions(silma_model *model, silma_context *context, double accuracy)
{
    const silma_images *images = silma_dataset_images(dataset);
    float probabilities[IMAGES * CLASSES];
    assert_int_equal(silma_model_predict(model, context, images->pixels, IMAGES, probabilities, NULL), SILMA_OK);
    size_t right = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        const float *p = probabilities + i * CLASSES;
        assert_float_equal(p[0] + p[1] + p[2], 1.0, 1e-5);
        right += p[images->labels[i]] >= fmaxf(p[0], fmaxf(p[1], p[2]));
    }
    assert_float_equal((double)right / IMAGES, accuracy, 1e-12);
}

static void a_trained_model_predicts_and_evaluates(void **state)
{
    (void)state;
    silma_context *context = make_context(2);
    silma_network *network =
        make_network("input auto\nflatten\ndense 16 relu\ndense classes softmax\ntrain:\nepochs 30\nbatch 8\n");
    char *path = scratch_path(&space, "learns");
    silma_run *run = NULL;
    assert_int_equal(silma_run_create(&run, context, network, dataset, NULL, path, NULL), SILMA_OK);
    stopper s = {0};
    assert_int_equal(silma_run_train(run, watch, &s, NULL), SILMA_OK);
    assert_true(s.last.val_accuracy > 0.9);
    silma_run_free(run);
    silma_network_free(network);

    char *file = path_join(path, "best.safetensors");
    silma_model *model = NULL;
    assert_int_equal(silma_model_load(&model, file, NULL), SILMA_OK);
    silma_evaluation evaluation;
    assert_int_equal(silma_evaluate(model, context, dataset, NULL, 0, &evaluation, NULL), SILMA_OK);
    assert_int_equal(evaluation.count, IMAGES);
    assert_true(evaluation.accuracy > 0.9);
    assert_true(evaluation.accuracy_low < evaluation.accuracy && evaluation.accuracy < evaluation.accuracy_high);

    expect_predictions(model, context, evaluation.accuracy);
    silma_evaluation_free(&evaluation);

    char *copy = scratch_path(&space, "copy.safetensors");
    assert_int_equal(silma_model_save(model, copy, NULL), SILMA_OK);
    assert_true(is_same_file(file, copy));
    free(copy);
    silma_model_free(model);
    free(file);
    free(path);
    silma_context_free(context);
}

static void smaller_images_are_set_into_black(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "padded");
    stopper s = {0};
    silma_error error = {0};
    const char *larger = "input 12x12x1\nflatten\ndense classes softmax\ntrain:\nepochs 1\n";
    if (train_new(path, 1, larger, NULL, &s, &error) != SILMA_OK) fail_msg("%s", error.message);
    char *other = scratch_path(&space, "too-small");
    const char *smaller = "input 8x9x1\nflatten\ndense classes softmax\ntrain:\nepochs 1\n";
    assert_int_equal(train_new(other, 1, smaller, NULL, &s, &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "the network takes images of 8x9x1, but those of stripes are 9x9x1"));
    free(path);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_for_any_number_of_threads),
        cmocka_unit_test(another_seed_gives_other_bits),
        cmocka_unit_test(stopped_and_resumed_runs_give_the_same_bits),
        cmocka_unit_test(augmented_runs_give_the_same_bits),
        cmocka_unit_test(history_has_a_line_an_epoch),
        cmocka_unit_test(a_folder_tells_of_its_run),
        cmocka_unit_test(a_damaged_folder_is_an_error),
        cmocka_unit_test(divergence_names_the_layer),
        cmocka_unit_test(runs_are_not_overwritten_nor_mixed_up),
        cmocka_unit_test(a_trained_model_predicts_and_evaluates),
        cmocka_unit_test(smaller_images_are_set_into_black),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
