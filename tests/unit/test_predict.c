// From a picture to probabilities: the same through a data set, through pixels, through a picture and through a file;
// what a model's file tells about pictures, and what becomes of files that cannot be read.
#define _GNU_SOURCE
#include "core/file.h"
#include "core/random.h"
#include "trained.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { IMAGES = 300, HEIGHT = 6, WIDTH = 9, CLASSES = 3, IMAGE = HEIGHT * WIDTH };

static const char PADDED[] = "input 10x12x1\nconv 4 3x3 relu\nflatten\ndense classes softmax\ntrain:\nepochs 1\n"
                             "batch 32\nval_split 0.2\n";
static const char MIRRORED[] = "input 10x11x1\nconv 4 3x3 relu\nflatten\ndense classes softmax\ntrain:\nepochs 1\n"
                               "batch 32\nval_split 0.2\ntta flip\n";
static const char SHIFTED[] = "input 6x9x1\nconv 4 3x3 relu\nflatten\ndense classes softmax\ntrain:\nepochs 1\n"
                              "batch 32\nval_split 0.2\ntta shift\n";
static const char VECTOR[] = "input 54\ndense classes softmax\ntrain:\nepochs 1\nbatch 32\n";
static const char COLOURS[] = "input auto\nflatten\ndense classes softmax\ntrain:\nepochs 1\nbatch 32\n";

static scratch space;
static uint8_t pixels[IMAGES * IMAGE];
static silma_dataset *dataset;
static silma_context *context;

static int set_up(void **state)
{
    (void)state;
    space = scratch_make();
    static uint32_t labels[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++) {
        labels[i] = i % CLASSES;
        for (uint32_t p = 0; p < IMAGE; p++)
            pixels[i * IMAGE + p] = (uint8_t)random_below(1, RANDOM_SAMPLE, i, p, 256);
    }
    silma_images images = {pixels, labels, IMAGES, HEIGHT, WIDTH, 1, NULL, CLASSES};
    silma_context_options options = {.threads = 3};
    return silma_dataset_from_memory(&dataset, "noise", &images, NULL) ||
           silma_context_create(&context, &options, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    silma_dataset_free(dataset);
    silma_context_free(context);
    scratch_remove(&space);
    return 0;
}

// The best model of a run of one epoch.
static silma_model *train(const char *text, const silma_dataset *data, const char *name)
{
    return train_model(context, text, data, &space, name, "best.safetensors");
}

// A "picture file" of these tests: 'P', height, width, channels, pixels.
static silma_status decode(const char *path, const uint8_t *bytes, size_t size, int least_side, uint64_t most_pixels,
                           silma_picture *picture, silma_error *error)
{
    (void)least_side;
    (void)most_pixels;
    enum { HEADER = 4 };
    if (size < HEADER || bytes[0] != 'P' || size != HEADER + (size_t)bytes[1] * bytes[2] * bytes[3]) {
        snprintf(error->message, sizeof error->message, "%s: no picture", path);
        return error->status = SILMA_BAD_FILE;
    }
    *picture = (silma_picture){bytes[1], bytes[2], bytes[3], malloc(size)};
    assert_non_null(picture->pixels);
    memcpy(picture->pixels, bytes + HEADER, size - HEADER);
    return SILMA_OK;
}

static const silma_codecs CODECS = {.decode_picture = decode};

static char *write_picture(const char *name, int height, int width, int channels, const uint8_t *from)
{
    char *path = scratch_path(&space, name);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    const uint8_t header[] = {'P', (uint8_t)height, (uint8_t)width, (uint8_t)channels};
    fwrite(header, 1, sizeof header, stream);
    fwrite(from, 1, (size_t)height * (size_t)width * (size_t)channels, stream);
    assert_int_equal(fclose(stream), 0);
    return path;
}

// ---------------------------------------------------------------------------------------------------------------------

// As validation and `silma eval` see the images, and as an application sees pictures and files.
static void sees_the_same_in_a_data_set_a_picture_and_a_file(silma_model *model)
{
    static float expected[IMAGES * CLASSES], found[IMAGES * CLASSES];
    static uint32_t indices[IMAGES];
    static silma_picture pictures[IMAGES];
    static silma_error errors[IMAGES];
    static silma_picture_file files[IMAGES];
    char *paths[IMAGES], name[32];
    for (uint32_t i = 0; i < IMAGES; i++) {
        indices[i] = i;
        pictures[i] = (silma_picture){HEIGHT, WIDTH, 1, pixels + i * IMAGE};
        snprintf(name, sizeof name, "%u.picture", i);
        paths[i] = write_picture(name, HEIGHT, WIDTH, 1, pixels + i * IMAGE);
        files[i] = (silma_picture_file){.path = paths[i]};
    }
    assert_int_equal(silma_model_predict_dataset(model, context, dataset, indices, IMAGES, expected, NULL), SILMA_OK);
    assert_int_equal(silma_model_predict_pictures(model, context, pictures, IMAGES, found, NULL), SILMA_OK);
    assert_memory_equal(found, expected, sizeof expected);
    memset(found, 0, sizeof found);
    assert_int_equal(silma_model_predict_files(model, context, &CODECS, files, IMAGES, found, errors, NULL), SILMA_OK);
    assert_memory_equal(found, expected, sizeof expected);
    for (uint32_t i = 0; i < IMAGES; i++) {
        assert_int_equal(errors[i].status, SILMA_OK);
        free(paths[i]);
    }
}

static void same_where_images_are_padded(void **state)
{
    (void)state;
    silma_model *model = train(PADDED, dataset, "padded");
    silma_preparation p;
    silma_model_preparation(model, &p);
    assert_int_equal(p.height, HEIGHT);
    assert_int_equal(p.width, WIDTH);
    assert_int_equal(p.channels, 1);
    sees_the_same_in_a_data_set_a_picture_and_a_file(model);
    silma_model_free(model);
}

static void same_where_images_are_vectors(void **state)
{
    (void)state;
    silma_model *model = train(VECTOR, dataset, "vector");
    sees_the_same_in_a_data_set_a_picture_and_a_file(model);
    silma_model_free(model);
}

// Pictures of another size and in colours, through the preparation that the model tells.
static void prepares_pictures_of_any_size(void **state)
{
    (void)state;
    enum { BIG_HEIGHT = 23, BIG_WIDTH = 31 };
    silma_model *model = train(COLOURS, dataset, "colours");
    silma_preparation p;
    silma_model_preparation(model, &p);
    silma_picture picture = {BIG_HEIGHT, BIG_WIDTH, 3, pixels};
    uint8_t prepared[IMAGE];
    float expected[CLASSES], found[CLASSES];
    assert_int_equal(silma_picture_prepare(&picture, &p, prepared, NULL), SILMA_OK);
    assert_int_equal(silma_model_predict(model, context, prepared, 1, expected, NULL), SILMA_OK);
    assert_int_equal(silma_model_predict_pictures(model, context, &picture, 1, found, NULL), SILMA_OK);
    assert_memory_equal(found, expected, sizeof expected);
    picture.channels = 7;
    silma_error error = {0};
    assert_int_equal(silma_model_predict_pictures(model, context, &picture, 1, found, &error), SILMA_BAD_FILE);
    assert_non_null(strstr(error.message, "23x31x7"));
    silma_model_free(model);
}

static void bad_files_do_not_disturb_the_others(void **state)
{
    (void)state;
    silma_model *model = train(COLOURS, dataset, "bad-files");
    char *good = write_picture("good", HEIGHT, WIDTH, 1, pixels);
    char *broken = scratch_path(&space, "broken"), *empty = scratch_path(&space, "empty"),
         *fifo = scratch_path(&space, "fifo");
    fclose(fopen(empty, "wb"));
    FILE *stream = fopen(broken, "wb");
    fputs("P no", stream);
    fclose(stream);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const silma_picture_file files[] = {
        {.path = broken},       {.path = good},  {.path = fifo}, {.path = "/nowhere/at-all"},
        {.path = space.folder}, {.path = empty}, {.path = good}, {"in memory", (const uint8_t *)"P", 1}};
    enum { COUNT = sizeof files / sizeof *files };
    static const silma_status STATUSES[COUNT] = {SILMA_BAD_FILE, SILMA_OK,       SILMA_BAD_FILE, SILMA_IO,
                                                 SILMA_BAD_FILE, SILMA_BAD_FILE, SILMA_OK,       SILMA_BAD_FILE};
    silma_error errors[COUNT];
    float found[COUNT * CLASSES], expected[CLASSES];
    assert_int_equal(silma_model_predict(model, context, pixels, 1, expected, NULL), SILMA_OK);
    assert_int_equal(silma_model_predict_files(model, context, &CODECS, files, COUNT, found, errors, NULL), SILMA_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(errors[i].status, STATUSES[i]);
        if (STATUSES[i] == SILMA_OK)
            assert_memory_equal(found + i * CLASSES, expected, sizeof expected);
        else
            assert_non_null(strstr(errors[i].message, files[i].path));
        for (int c = 0; c < CLASSES && STATUSES[i] != SILMA_OK; c++)
            assert_true(isnan(found[i * CLASSES + c]));
    }
    assert_int_equal(silma_model_predict_files(model, context, NULL, files, 1, found, errors, NULL), SILMA_USAGE);
    free(good);
    free(broken);
    free(empty);
    free(fifo);
    silma_model_free(model);
}

// ---------------------------------------------------------------------------------------------------------------------
// The model's file

// Copies a model's file with `old` in its header replaced by `new`, padded with spaces; both are JSON inside a JSON
// string. Returns what loading it gives.
static silma_status load_changed(const char *name, const char *old, const char *new, silma_model **model)
{
    char *path = scratch_path(&space, name), *changed = scratch_path(&space, "changed.safetensors"), *bytes;
    size_t count;
    assert_int_equal(file_read(path, 1 << 20, &bytes, &count, NULL), SILMA_OK);
    char *place = memmem(bytes, count, old, strlen(old));
    if (!place) fail_msg("'%s' is not in the model's file", old);
    assert_true(strlen(new) <= strlen(old));
    for (size_t i = 0, length = strlen(new); place && old[i]; i++)
        place[i] = i < length ? new[i] : ' ';
    FILE *stream = fopen(changed, "wb");
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    fclose(stream);
    silma_status status = silma_model_load(model, changed, NULL);
    free(path);
    free(changed);
    free(bytes);
    return status;
}

static void reads_files_from_before_there_was_a_preparation(void **state)
{
    (void)state;
    silma_model_free(train(PADDED, dataset, "old"));
    silma_model *model = NULL;
    assert_int_equal(load_changed("old/best.safetensors", "\\\"picture\\\":{", "\\\"xxxxxxx\\\":{", &model), SILMA_OK);
    silma_preparation p;
    silma_model_preparation(model, &p);
    assert_int_equal(p.height, 10);
    assert_int_equal(p.width, 12);
    assert_int_equal(p.channels, 1);
    assert_int_equal(p.resize, SILMA_RESIZE_STRETCH);
    silma_model_free(model);
}

static void refuses_damaged_preparations(void **state)
{
    (void)state;
    static const char *const CHANGES[][2] = {
        {"\\\"picture\\\":{\\\"height\\\":6", "\\\"picture\\\":{\\\"height\\\":0"},
        {"\\\"picture\\\":{\\\"height\\\":6", "\\\"picture\\\":{\\\"heights\\\":"},
        {"\\\"picture\\\":{\\\"height\\\":6,\\\"width\\\":9", "\\\"picture\\\":{\\\"height\\\":6,\\\"width\\\":-"},
        {"\\\"picture\\\":{\\\"height\\\":6,\\\"width\\\":9", "\\\"picture\\\":{\\\"height\\\":99,\\\"width\\\":"},
        {"\\\"width\\\":9,\\\"channels\\\":1", "\\\"width\\\":9,\\\"channels\\\":3"},
        {"\\\"stretch\\\"", "\\\"strech\\\""},
        {"\\\"stretch\\\"", "2"},
        {"[0,0,0]", "[0,0]"},
        {"\\\"stretch\\\",\\\"background\\\":[0,0,0]", "\\\"fit\\\",\\\"background\\\":[0,0,-1]"},
        {"\\\"stretch\\\",\\\"background\\\":[0,0,0]", "\\\"fit\\\",\\\"background\\\":[0,256,0]"},
    };
    silma_model_free(train(PADDED, dataset, "damaged"));
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        silma_model *model = NULL;
        if (load_changed("damaged/best.safetensors", CHANGES[i][0], CHANGES[i][1], &model) != SILMA_BAD_FILE)
            fail_msg("%s was read", CHANGES[i][1]);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Test-time augmentation

// One way to look at an image: moved down and right by `shift`, reflected at the sides, then mirrored.
typedef struct way {
    int shift;
    bool mirror;
} way;

static uint8_t pixel_seen(const uint8_t *image, way w, int y, int x)
{
    if (w.mirror) x = WIDTH - 1 - x;
    int row = y - w.shift, column = x - w.shift;
    row = row < 0 ? -row : row < HEIGHT ? row : 2 * HEIGHT - 2 - row;
    column = column < 0 ? -column : column < WIDTH ? column : 2 * WIDTH - 2 - column;
    return image[row * WIDTH + column];
}

static void predict_all(silma_model *model, way w, float *probabilities)
{
    static uint8_t seen[IMAGES * IMAGE];
    static silma_picture pictures[IMAGES];
    for (size_t i = 0; i < IMAGES; i++) {
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                seen[i * IMAGE + (size_t)(y * WIDTH + x)] = pixel_seen(pixels + i * IMAGE, w, y, x);
        pictures[i] = (silma_picture){HEIGHT, WIDTH, 1, seen + i * IMAGE};
    }
    assert_int_equal(silma_model_predict_pictures(model, context, pictures, IMAGES, probabilities, NULL), SILMA_OK);
}

enum { PROBABILITIES = IMAGES * CLASSES };

// The mean of logits is the geometric mean of probabilities, but for their sum.
static void expect_means(silma_model *single, size_t count, const way *ways, const float *found)
{
    static float one[PROBABILITIES];
    static double logs[PROBABILITIES];
    memset(logs, 0, sizeof logs);
    for (size_t i = 0; i < count; i++) {
        predict_all(single, ways[i], one);
        for (size_t k = 0; k < PROBABILITIES; k++)
            logs[k] += log((double)one[k]) / (double)count;
    }
    for (size_t i = 0; i < PROBABILITIES; i += CLASSES) {
        double sum = 0;
        for (size_t c = 0; c < CLASSES; c++)
            sum += exp(logs[i + c]);
        for (size_t c = 0; c < CLASSES; c++)
            assert_true(fabs(exp(logs[i + c]) / sum - (double)found[i + c]) < 1e-6);
    }
}

// `tta` as the model's file has it: without it the same weights look at each image once.
static void expect_looks(const char *text, const char *name, const char *tta, size_t count, const way *ways)
{
    static float found[PROBABILITIES], once[PROBABILITIES];
    char path[128];
    snprintf(path, sizeof path, "%s/best.safetensors", name);
    silma_model *model = train(text, dataset, name), *single = NULL;
    sees_the_same_in_a_data_set_a_picture_and_a_file(model);
    predict_all(model, (way){0, false}, found);
    assert_int_equal(load_changed(path, tta, "\\\"xxx\\\":0", &single), SILMA_OK);
    predict_all(single, (way){0, false}, once);
    assert_memory_not_equal(once, found, sizeof once);
    expect_means(single, count, ways, found);
    silma_model_free(model);
    silma_model_free(single);
}

static void the_mean_of_an_image_and_its_mirror_image_counts(void **state)
{
    (void)state;
    static const way WAYS[] = {{0, false}, {0, true}};
    expect_looks(MIRRORED, "mirrored", "\\\"tta\\\":\\\"flip\\\"", 2, WAYS);
}

static void the_mean_of_four_looks_counts(void **state)
{
    (void)state;
    static const way WAYS[] = {{1, false}, {1, true}, {-1, false}, {-1, true}};
    expect_looks(SHIFTED, "shifted", "\\\"tta\\\":\\\"shift\\\"", 4, WAYS);
}

static void files_that_call_it_mirror_mean_flip(void **state)
{
    (void)state;
    static float flip[PROBABILITIES], mirror[PROBABILITIES];
    silma_model *model = train(MIRRORED, dataset, "renamed"), *old = NULL;
    assert_int_equal(load_changed("renamed/best.safetensors", "\\\"tta\\\":\\\"flip\\\"", "\\\"mirror\\\":true", &old),
                     SILMA_OK);
    predict_all(model, (way){0, false}, flip);
    predict_all(old, (way){0, false}, mirror);
    assert_memory_equal(flip, mirror, sizeof flip);
    silma_model_free(model);
    silma_model_free(old);
}

static void validation_looks_once(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "shifted");
    silma_run *run = NULL;
    silma_model *model = NULL;
    silma_partition parts;
    silma_evaluation evaluation;
    size_t epochs;
    assert_int_equal(silma_run_resume(&run, context, dataset, NULL, path, NULL), SILMA_OK);
    free(path);
    const silma_epoch *history = silma_run_history(run, &epochs);
    assert_int_equal(load_changed("shifted/best.safetensors", "\\\"tta\\\":\\\"shift\\\"", "\\\"xxx\\\":0", &model),
                     SILMA_OK);
    assert_int_equal(silma_dataset_partition(dataset, 0.2, 0, &parts, NULL), SILMA_OK);
    assert_int_equal(
        silma_evaluate(model, context, dataset, parts.validation, parts.validation_count, &evaluation, NULL), SILMA_OK);
    assert_int_equal(epochs, 1);
    if (!(fabs(history[0].val_accuracy - evaluation.accuracy) < 1e-6))
        fail_msg("validation saw %.9g right, evaluation %.9g", history[0].val_accuracy, evaluation.accuracy);
    assert_true(fabs(history[0].val_loss - evaluation.loss) < 1e-6);
    silma_evaluation_free(&evaluation);
    silma_partition_free(&parts);
    silma_model_free(model);
    silma_run_free(run);
}

static void vectors_are_looked_at_once(void **state)
{
    (void)state;
    silma_input input = {HEIGHT, WIDTH, 1, CLASSES};
    silma_network *network = NULL;
    silma_run *run = NULL;
    silma_settings *settings = NULL;
    silma_error error = {0};
    char *folder = scratch_path(&space, "never");
    assert_int_equal(silma_settings_create(&settings, NULL), SILMA_OK);
    assert_int_equal(silma_settings_set(settings, "tta", "flip", NULL), SILMA_OK);
    assert_int_equal(silma_network_parse(&network, VECTOR, "test.silma", &input, NULL), SILMA_OK);
    assert_int_equal(silma_run_create(&run, context, network, dataset, settings, folder, &error), SILMA_USAGE);
    free(folder);
    assert_string_equal(error.message, "tta flip looks at images in several ways, but the network reads a vector");
    silma_network_free(network);
    silma_settings_free(settings);
    silma_model_free(train(VECTOR, dataset, "flat"));
    silma_model *model = NULL;
    static const char *const CHANGES[][3] = {
        {"flat", "\\\"picture\\\":{\\\"height\\\":6,", "\\\"mirror\\\":true,\\\"x\\\":{"},
        {"flat", "\\\"picture\\\":{\\\"height\\\":6,", "\\\"tta\\\":\\\"flip\\\",\\\"x\\\":{"},
        {"mirrored", "\\\"tta\\\":\\\"flip\\\"", "\\\"mirror\\\":1"},
        {"mirrored", "\\\"tta\\\":\\\"flip\\\"", "\\\"tta\\\":\\\"flop\\\""},
        {"mirrored", "\\\"tta\\\":\\\"flip\\\"", "\\\"tta\\\":2"},
    };
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s/best.safetensors", CHANGES[i][0]);
        if (load_changed(file, CHANGES[i][1], CHANGES[i][2], &model) != SILMA_BAD_FILE)
            fail_msg("%s was read", CHANGES[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_where_images_are_padded),
        cmocka_unit_test(same_where_images_are_vectors),
        cmocka_unit_test(prepares_pictures_of_any_size),
        cmocka_unit_test(bad_files_do_not_disturb_the_others),
        cmocka_unit_test(reads_files_from_before_there_was_a_preparation),
        cmocka_unit_test(refuses_damaged_preparations),
        cmocka_unit_test(the_mean_of_an_image_and_its_mirror_image_counts),
        cmocka_unit_test(the_mean_of_four_looks_counts),
        cmocka_unit_test(files_that_call_it_mirror_mean_flip),
        cmocka_unit_test(validation_looks_once),
        cmocka_unit_test(vectors_are_looked_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
