// Data sets: where they are found, what they hold, how they are split, and what damage is told.
#define _GNU_SOURCE
#include "core/sha256.h"
#include "damage.h"
#include "data/cifar.h"
#include "data/data_file.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "data/split_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, RECORD = 1 + 3 * PLANE, RECORD_100 = 2 + 3 * PLANE };

// ---------------------------------------------------------------------------------------------------------------------
// Small data sets on disk

// Images of 2x3; pixel p of image i is 10 i + p.
static const uint8_t IDX_IMAGES[] = {0, 0, 8, 3, 0, 0, 0, 2, 0,  0,  0,  2,  0,  0,
                                     0, 3, 0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15};
static const uint8_t IDX_LABELS[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 1};
static const uint8_t IDX_TEST_LABELS[] = {0, 0, 8, 1, 0, 0, 0, 2, 6, 0};

static void make_folder(const scratch *space, const char *name)
{
    char *path = scratch_path(space, name);
    assert_int_equal(mkdir(path, 0755), 0);
    free(path);
}

static void write_in(const scratch *space, const char *folder, const char *name, const void *bytes, size_t count)
{
    char path[256];
    assert_in_range(snprintf(path, sizeof(path), "%s/%s", folder, name), 1, sizeof(path) - 1);
    scratch_write(space, path, bytes, count);
}

static void write_idx_set(const scratch *space, const char *folder)
{
    write_in(space, folder, "train-images-idx3-ubyte", IDX_IMAGES, sizeof(IDX_IMAGES));
    write_in(space, folder, "train-labels-idx1-ubyte", IDX_LABELS, sizeof(IDX_LABELS));
}

// Red is the column, green the row, blue the image's number.
static void fill_record(uint8_t *planes, size_t number)
{
    for (size_t i = 0; i < PLANE; i++) {
        planes[i] = (uint8_t)(i % SIDE);
        planes[PLANE + i] = (uint8_t)(i / SIDE);
        planes[2 * PLANE + i] = (uint8_t)number;
    }
}

static void write_cifar10_file(const scratch *space, const char *folder, const char *name, size_t first, size_t count)
{
    uint8_t *bytes = malloc(count * RECORD);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[i * RECORD] = (uint8_t)((first + i) % 10);
        fill_record(bytes + i * RECORD + 1, first + i);
    }
    write_in(space, folder, name, bytes, count * RECORD);
    free(bytes);
}

static void write_cifar10_train(const scratch *space, const char *folder)
{
    for (size_t i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof(name), "data_batch_%zu.bin", i + 1);
        write_cifar10_file(space, folder, name, 3 * i, 3);
    }
}

static silma_status open_in(silma_dataset **dataset, const scratch *space, const char *name, silma_split split,
                            silma_error *error)
{
    char *path = scratch_path(space, name);
    silma_status status = silma_dataset_open(dataset, path, split, NULL, error);
    free(path);
    return status;
}

static void expect_failure(const scratch *space, const char *folder, silma_split split, silma_status expected,
                           const char *message)
{
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    silma_status status = open_in(&dataset, space, folder, split, &error);
    if (status != expected || !strstr(error.message, message))
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)status, error.message, (int)expected, message);
}

// ---------------------------------------------------------------------------------------------------------------------
// IDX

static void reads_idx_files(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_folder(&space, "shapes");
    write_idx_set(&space, "shapes");
    silma_dataset *dataset = NULL;
    assert_int_equal(open_in(&dataset, &space, "shapes", SILMA_SPLIT_TRAIN, NULL), SILMA_OK);
    const silma_images *images = silma_dataset_images(dataset);
    assert_int_equal(images->count, 2);
    assert_int_equal(images->height, 2);
    assert_int_equal(images->width, 3);
    assert_int_equal(images->channels, 1);
    assert_int_equal(images->class_count, 4);
    assert_null(images->class_names);
    assert_memory_equal(images->pixels, IDX_IMAGES + 16, 12);
    assert_int_equal(images->labels[0], 3);
    assert_int_equal(images->labels[1], 1);
    assert_string_equal(silma_dataset_name(dataset), "shapes");
    assert_true(strstr(silma_dataset_folder(dataset), "/shapes") != NULL);
    silma_dataset_free(dataset);
    scratch_remove(&space);
}

static void both_splits_of_unknown_data_have_the_same_classes(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_folder(&space, "shapes");
    write_idx_set(&space, "shapes");
    write_in(&space, "shapes", "t10k-images.idx3-ubyte", IDX_IMAGES, sizeof(IDX_IMAGES));
    write_in(&space, "shapes", "t10k-labels-idx1-ubyte", IDX_TEST_LABELS, sizeof(IDX_TEST_LABELS));
    for (int split = 0; split < 2; split++) {
        silma_dataset *dataset = NULL;
        assert_int_equal(open_in(&dataset, &space, "shapes", (silma_split)split, NULL), SILMA_OK);
        assert_int_equal(silma_dataset_images(dataset)->class_count, 7);
        silma_dataset_free(dataset);
    }
    scratch_remove(&space);
}

static void a_folder_with_a_known_name_has_known_classes(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_folder(&space, "fashion-mnist");
    write_idx_set(&space, "fashion-mnist");
    silma_dataset *dataset = NULL;
    assert_int_equal(open_in(&dataset, &space, "fashion-mnist/", SILMA_SPLIT_TRAIN, NULL), SILMA_OK);
    assert_int_equal(silma_dataset_images(dataset)->class_count, 10);
    assert_string_equal(silma_dataset_images(dataset)->class_names[9], "Ankle boot");
    silma_dataset_free(dataset);
    const uint8_t bad_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 10};
    write_in(&space, "fashion-mnist", "train-labels-idx1-ubyte", bad_labels, sizeof(bad_labels));
    expect_failure(&space, "fashion-mnist", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE,
                   "train-labels-idx1-ubyte: byte 9: label 10; expected one below 10");
    scratch_remove(&space);
}

typedef struct bad_idx {
    size_t place; // of the byte to change
    uint8_t value;
    const char *message;
} bad_idx;

static void says_what_is_wrong_with_an_idx_file(void **state)
{
    (void)state;
    static const bad_idx CASES[] = {
        {0, 1, "train-images-idx3-ubyte: byte 0: an IDX file begins with two zero bytes, not 01 00"},
        {2, 9, "train-images-idx3-ubyte: byte 2: type 09; expected 08, unsigned bytes"},
        {3, 4, "train-images-idx3-ubyte: byte 3: 4 dimensions; expected 3"},
        {7, 3, "train-images-idx3-ubyte: byte 4: its header makes 34 bytes, but it has 28"},
        {4, 255, "bytes, but it has 28"},
        {11, 0, "its header makes 16 bytes, but it has 28"},
    };
    scratch space = scratch_make();
    make_folder(&space, "shapes");
    write_idx_set(&space, "shapes");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        uint8_t bytes[sizeof(IDX_IMAGES)];
        memcpy(bytes, IDX_IMAGES, sizeof(bytes));
        bytes[CASES[i].place] = CASES[i].value;
        write_in(&space, "shapes", "train-images-idx3-ubyte", bytes, sizeof(bytes));
        expect_failure(&space, "shapes", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, CASES[i].message);
    }
    const uint8_t huge[16] = {0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    write_in(&space, "shapes", "train-images-idx3-ubyte", huge, sizeof(huge));
    expect_failure(&space, "shapes", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "sizes larger than any memory");
    const uint8_t none[16] = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3};
    const uint8_t no_labels[8] = {0, 0, 8, 1};
    write_in(&space, "shapes", "train-images-idx3-ubyte", none, sizeof(none));
    expect_failure(&space, "shapes", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "2 labels, but there are 0 images");
    write_in(&space, "shapes", "train-labels-idx1-ubyte", no_labels, sizeof(no_labels));
    expect_failure(&space, "shapes", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "holds no images");
    scratch_remove(&space);
}

typedef struct idx_damage {
    bool images; // which of the two files is damaged
} idx_damage;

static silma_status read_idx_bytes(const uint8_t *bytes, size_t count, void *user, silma_error *error)
{
    const idx_damage *damage = user;
    data_file images, labels;
    silma_status status = SILMA_OK;
    assert_int_equal(data_file_over(&images, damage->images ? "damaged" : "whole", damage->images ? bytes : IDX_IMAGES,
                                    damage->images ? count : sizeof(IDX_IMAGES), NULL, NULL),
                     SILMA_OK);
    assert_int_equal(data_file_over(&labels, damage->images ? "whole" : "damaged", damage->images ? IDX_LABELS : bytes,
                                    damage->images ? sizeof(IDX_LABELS) : count, NULL, NULL),
                     SILMA_OK);
    silma_dataset *dataset;
    assert_int_equal(dataset_create(&dataset, "damaged", NULL, NULL), SILMA_OK);
    status = idx_load(dataset, &images, &labels, 4, error);
    silma_dataset_free(dataset);
    return status;
}

static void survives_damaged_idx_files(void **state)
{
    (void)state;
    idx_damage images = {.images = true}, labels = {.images = false};
    size_t count = sizeof(IDX_IMAGES);
    expect_truncations_fail(IDX_IMAGES, count, 1, "damaged", read_idx_bytes, &images);
    // Height and width may be exchanged by no single bit: every flip in the header is found.
    assert_int_equal(expect_flips_are_survived(IDX_IMAGES, count, 0, 16, "damaged", read_idx_bytes, &images), 8 * 16);
    assert_int_equal(expect_flips_are_survived(IDX_IMAGES, count, 16, count, "damaged", read_idx_bytes, &images), 0);
    count = sizeof(IDX_LABELS);
    expect_truncations_fail(IDX_LABELS, count, 1, "damaged", read_idx_bytes, &labels);
    assert_int_equal(expect_flips_are_survived(IDX_LABELS, count, 0, 8, "damaged", read_idx_bytes, &labels), 8 * 8);
    assert_int_equal(expect_flips_are_survived(IDX_LABELS, count, 8, count, "damaged", read_idx_bytes, &labels), 2 * 6);
}

// ---------------------------------------------------------------------------------------------------------------------
// CIFAR

static void expect_cifar_pixels(const silma_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        for (size_t p = 0; p < PLANE; p++) {
            const uint8_t *pixel = images->pixels + 3 * (i * PLANE + p);
            assert_int_equal(pixel[0], p % SIDE);
            assert_int_equal(pixel[1], p / SIDE);
            assert_int_equal(pixel[2], i);
        }
}

static void reads_cifar10(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_folder(&space, "batches");
    write_cifar10_train(&space, "batches");
    silma_dataset *dataset = NULL;
    assert_int_equal(open_in(&dataset, &space, "batches", SILMA_SPLIT_TRAIN, NULL), SILMA_OK);
    const silma_images *images = silma_dataset_images(dataset);
    assert_int_equal(images->count, 15);
    assert_int_equal(images->height, SIDE);
    assert_int_equal(images->width, SIDE);
    assert_int_equal(images->channels, 3);
    assert_int_equal(images->class_count, 10);
    assert_string_equal(images->class_names[0], "airplane");
    assert_string_equal(images->class_names[9], "truck");
    for (size_t i = 0; i < images->count; i++)
        assert_int_equal(images->labels[i], i % 10);
    expect_cifar_pixels(images);
    silma_dataset_free(dataset);
    scratch_remove(&space);
}

static void reads_the_fine_labels_of_cifar100(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_folder(&space, "hundred");
    uint8_t *bytes = malloc(2 * RECORD_100);
    assert_non_null(bytes);
    for (size_t i = 0; i < 2; i++) {
        bytes[i * RECORD_100] = 19;
        bytes[i * RECORD_100 + 1] = (uint8_t)(99 - i);
        fill_record(bytes + i * RECORD_100 + 2, i);
    }
    write_in(&space, "hundred", "test.bin", bytes, 2 * RECORD_100);
    silma_dataset *dataset = NULL;
    assert_int_equal(open_in(&dataset, &space, "hundred", SILMA_SPLIT_TEST, NULL), SILMA_OK);
    const silma_images *images = silma_dataset_images(dataset);
    assert_int_equal(images->count, 2);
    assert_int_equal(images->class_count, 100);
    assert_int_equal(images->labels[0], 99);
    assert_int_equal(images->labels[1], 98);
    assert_string_equal(images->class_names[0], "apple");
    assert_string_equal(images->class_names[99], "worm");
    expect_cifar_pixels(images);
    silma_dataset_free(dataset);
    free(bytes);
    scratch_remove(&space);
}

static void reads_the_class_names_beside_the_images(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_folder(&space, "batches");
    write_cifar10_file(&space, "batches", "test_batch.bin", 0, 1);
    static const char NAMES[] = "a\nb\nc\r\nd\ne\nf\ng\nh\ni\nÄäkkönen\n\n";
    write_in(&space, "batches", "batches.meta.txt", NAMES, sizeof(NAMES) - 1);
    silma_dataset *dataset = NULL;
    assert_int_equal(open_in(&dataset, &space, "batches", SILMA_SPLIT_TEST, NULL), SILMA_OK);
    assert_string_equal(silma_dataset_images(dataset)->class_names[2], "c");
    assert_string_equal(silma_dataset_images(dataset)->class_names[9], "Ääkkönen");
    silma_dataset_free(dataset);
    write_in(&space, "batches", "batches.meta.txt", "a\nb\n", 4);
    expect_failure(&space, "batches", SILMA_SPLIT_TEST, SILMA_BAD_FILE, "holds only 2 class names; expected 10");
    write_in(&space, "batches", "batches.meta.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", 24);
    expect_failure(&space, "batches", SILMA_SPLIT_TEST, SILMA_BAD_FILE, "holds at least 11 class names; expected 10");
    write_in(&space, "batches", "batches.meta.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n\033[31m\n", 24);
    expect_failure(&space, "batches", SILMA_SPLIT_TEST, SILMA_BAD_FILE, "class 9: its name is not printable UTF-8");
    write_in(&space, "batches", "batches.meta.txt", "1\n2\0", 4);
    expect_failure(&space, "batches", SILMA_SPLIT_TEST, SILMA_BAD_FILE, "holds a zero byte");
    scratch_remove(&space);
}

static void says_which_cifar_file_is_wrong(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_folder(&space, "batches");
    write_cifar10_train(&space, "batches");
    char *path = scratch_path(&space, "batches/data_batch_4.bin");
    assert_int_equal(truncate(path, 2 * RECORD + 1), 0);
    expect_failure(&space, "batches", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE,
                   "data_batch_4.bin: has 6147 bytes, which is not a whole number of records of 3073 bytes");
    assert_int_equal(truncate(path, 0), 0);
    expect_failure(&space, "batches", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "data_batch_4.bin: has 0 bytes");
    assert_int_equal(unlink(path), 0);
    expect_failure(&space, "batches", SILMA_SPLIT_TRAIN, SILMA_IO, "data_batch_4.bin: cannot be opened: No such file");
    assert_int_equal(mkdir(path, 0755), 0);
    expect_failure(&space, "batches", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "data_batch_4.bin: is not a regular file");
    free(path);
    scratch_remove(&space);
}

typedef struct cifar_damage {
    size_t label_bytes;
    int class_count;
} cifar_damage;

static silma_status read_cifar_bytes(const uint8_t *bytes, size_t count, void *user, silma_error *error)
{
    const cifar_damage *kind = user;
    data_file file;
    assert_int_equal(data_file_over(&file, "damaged", bytes, count, NULL, NULL), SILMA_OK);
    silma_dataset *dataset;
    assert_int_equal(dataset_create(&dataset, "damaged", NULL, NULL), SILMA_OK);
    silma_status status = cifar_load(dataset, &file, 1, kind->label_bytes, kind->class_count, 2, error);
    silma_dataset_free(dataset);
    return status;
}

static void survives_damaged_cifar_files(void **state)
{
    (void)state;
    static const cifar_damage KINDS[] = {{CIFAR10_LABEL_BYTES, 10}, {CIFAR100_LABEL_BYTES, 100}};
    for (int k = 0; k < 2; k++) {
        cifar_damage kind = KINDS[k];
        size_t record = kind.label_bytes + 3 * PLANE;
        uint8_t *bytes = calloc(2, record);
        assert_non_null(bytes);
        expect_truncations_fail(bytes, 2 * record, 7, "damaged", read_cifar_bytes, &kind);
        expect_truncations_fail(bytes, 2 * record, record, "damaged", read_cifar_bytes, &kind);
        // From label 0: bits 4 to 7 go beyond 10 classes (8 does not); only bit 7 goes beyond 100.
        size_t place = record + kind.label_bytes - 1;
        size_t refused =
            expect_flips_are_survived(bytes, 2 * record, place, place + 1, "damaged", read_cifar_bytes, &kind);
        assert_int_equal(refused, k == 0 ? 4 : 1);
        free(bytes);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Where data sets are found

// The environment of a test that looks for data: nothing but what it makes itself.
static void set_home(const scratch *space)
{
    assert_int_equal(unsetenv("SILMA_DATA"), 0);
    assert_int_equal(unsetenv("XDG_DATA_HOME"), 0);
    assert_int_equal(setenv("HOME", space->folder, 1), 0);
}

static void expect_found(const scratch *space, const char *data_dir, const char *expected)
{
    silma_dataset_options options = {0};
    char *directory = data_dir ? scratch_path(space, data_dir) : NULL;
    options.data_dir = directory;
    char *folder = NULL;
    silma_error error = {0};
    if (silma_dataset_find(&folder, "mnist", SILMA_SPLIT_TRAIN, &options, &error) != SILMA_OK)
        fail_msg("%s", error.message);
    char *path = scratch_path(space, expected);
    assert_string_equal(folder, path);
    free(path);
    free(folder);
    free(directory);
}

static void looks_in_all_places_in_order(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    static const char *const FOLDERS[] = {".local", ".local/share", ".local/share/silma", ".local/share/silma/mnist",
                                          "xdg",    "xdg/silma",    "xdg/silma/MNIST",    "xdg/silma/MNIST/raw",
                                          "own",    "own/mnist",    "own/mnist/MNIST",    "own/mnist/MNIST/raw",
                                          "option"};
    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++)
        make_folder(&space, FOLDERS[i]);
    write_idx_set(&space, ".local/share/silma/mnist");
    expect_found(&space, NULL, ".local/share/silma/mnist");
    char *xdg = scratch_path(&space, "xdg"), *own = scratch_path(&space, "own");
    assert_int_equal(setenv("XDG_DATA_HOME", xdg, 1), 0);
    write_idx_set(&space, "xdg/silma/MNIST/raw");
    expect_found(&space, NULL, "xdg/silma/MNIST/raw");
    assert_int_equal(setenv("SILMA_DATA", own, 1), 0);
    write_idx_set(&space, "own/mnist/MNIST/raw");
    expect_found(&space, NULL, "own/mnist/MNIST/raw");
    expect_found(&space, "option", "own/mnist/MNIST/raw");
    write_idx_set(&space, "option");
    expect_found(&space, "option", "option");
    assert_int_equal(setenv("XDG_DATA_HOME", "relative", 1), 0); // to be ignored, says its standard
    assert_int_equal(unsetenv("SILMA_DATA"), 0);
    expect_found(&space, NULL, ".local/share/silma/mnist");
    free(xdg);
    free(own);
    scratch_remove(&space);
}

static void does_not_take_one_data_set_for_another(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    make_folder(&space, "fashion-mnist");
    write_idx_set(&space, "fashion-mnist");
    char *folder = scratch_path(&space, "fashion-mnist"), *found = NULL;
    silma_dataset_options options = {.data_dir = folder};
    assert_int_equal(silma_dataset_find(&found, "fashion-mnist", SILMA_SPLIT_TRAIN, &options, NULL), SILMA_OK);
    free(found);
    assert_int_equal(silma_dataset_find(&found, "mnist", SILMA_SPLIT_TRAIN, &options, NULL), SILMA_IO);
    free(folder);
    scratch_remove(&space);
}

static void says_how_to_get_a_missing_test_batch(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    make_folder(&space, "cifar-10-batches-bin");
    write_cifar10_train(&space, "cifar-10-batches-bin");
    silma_dataset *dataset = NULL;
    silma_dataset_options options = {.data_dir = space.folder};
    silma_error error = {0};
    assert_int_equal(silma_dataset_open(&dataset, "cifar-10", SILMA_SPLIT_TEST, &options, &error), SILMA_IO);
    char expected[1024];
    int length = snprintf(expected, sizeof(expected),
                          "cifar-10: its test set is missing (its training set is in %s/cifar-10-batches-bin): looked "
                          "for test_batch.bin in %s, %s/.local/share/silma, /usr/share/datasets and their folders "
                          "cifar-10 and cifar-10-batches-bin: get it with 'silma data get cifar-10'",
                          space.folder, space.folder, space.folder);
    assert_in_range(length, 1, sizeof(expected) - 1);
    assert_string_equal(error.message, expected);
    expect_failure(&space, "cifar-10-batches-bin", SILMA_SPLIT_TEST, SILMA_IO,
                   "its test set is missing: expected test_batch.bin in this folder");
    // By its name CIFAR-10 is what was published: 10,000 images a file.
    assert_int_equal(silma_dataset_open(&dataset, "cifar-10", SILMA_SPLIT_TRAIN, &options, &error), SILMA_BAD_FILE);
    assert_non_null(strstr(error.message, "data_batch_1.bin: has 9219 bytes; expected 30730000: 10000 images"));
    scratch_remove(&space);
}

static void tells_names_from_folders(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    assert_int_equal(silma_dataset_open(&dataset, "fashon-mnist", SILMA_SPLIT_TRAIN, NULL, &error), SILMA_IO);
    assert_string_equal(error.message, "no data set or folder named \"fashon-mnist\": did you mean \"fashion-mnist\"?");
    assert_int_equal(silma_dataset_open(&dataset, "photographs", SILMA_SPLIT_TRAIN, NULL, &error), SILMA_IO);
    assert_non_null(
        strstr(error.message, "expected fashion-mnist, mnist, cifar-10, cifar-100 or the path of a folder"));
    expect_failure(&space, "nowhere", SILMA_SPLIT_TRAIN, SILMA_IO, "nowhere: cannot be opened: No such file");
    expect_failure(&space, "", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "holds no data set that is known");
    scratch_write(&space, "file", "", 0);
    expect_failure(&space, "file", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "is not a folder");
    assert_int_equal(silma_dataset_open(&dataset, "mnist", (silma_split)2, NULL, &error), SILMA_USAGE);
    scratch_remove(&space);
}

static void names_the_folder_for_downloads(void **state)
{
    (void)state;
    char *folder = NULL;
    assert_int_equal(setenv("HOME", "/home/h", 1), 0);
    assert_int_equal(unsetenv("XDG_DATA_HOME"), 0);
    assert_int_equal(setenv("SILMA_DATA", "/d", 1), 0);
    assert_int_equal(silma_data_home(&folder, NULL), SILMA_OK);
    assert_string_equal(folder, "/d");
    free(folder);
    assert_int_equal(unsetenv("SILMA_DATA"), 0);
    assert_int_equal(silma_data_home(&folder, NULL), SILMA_OK);
    assert_string_equal(folder, "/home/h/.local/share/silma");
    free(folder);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(silma_data_home(&folder, NULL), SILMA_USAGE);
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    size_t count = 0;
    for (const silma_catalog_entry_type *entry; (entry = silma_catalog_entry(count)); count++) {
        assert_ptr_equal(silma_catalog_find(entry->name), entry);
        assert_true(entry->file_count > 0);
        for (size_t i = 0; i < entry->file_count; i++) {
            const char *slash = strrchr(entry->files[i].url, '/');
            assert_string_equal(slash + 1, entry->files[i].name);
            assert_int_equal(strspn(entry->files[i].sha256, "0123456789abcdef"), 64);
            assert_int_equal(strspn(entry->files[i].md5, "0123456789abcdef"), 32);
        }
        for (size_t i = 0; i < entry->content_count; i++)
            assert_int_equal(strspn(entry->contents[i].sha256, "0123456789abcdef"), 64);
        for (int i = 1; entry->class_names && entry->class_count == 100 && i < 100; i++)
            assert_true(strcmp(entry->class_names[i - 1], entry->class_names[i]) < 0); // CIFAR-100's are sorted
    }
    assert_int_equal(count, 4);
    assert_null(silma_catalog_find("cifar"));
}

// ---------------------------------------------------------------------------------------------------------------------
// From memory; hash; split

static silma_dataset *dataset_of_labels(const uint32_t *labels, size_t count, int class_count)
{
    uint8_t *pixels = calloc(count, 1);
    assert_non_null(pixels);
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = count,
                           .height = 1,
                           .width = 1,
                           .channels = 1,
                           .class_count = class_count};
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    if (silma_dataset_from_memory(&dataset, "memory", &images, &error) != SILMA_OK) fail_msg("%s", error.message);
    free(pixels);
    return dataset;
}

static void copies_images_from_memory(void **state)
{
    (void)state;
    uint8_t pixels[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    uint32_t labels[2] = {1, 0};
    const char *names[2] = {"cat", "dog"};
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = 2,
                           .height = 1,
                           .width = 2,
                           .channels = 3,
                           .class_names = names,
                           .class_count = 2};
    silma_dataset *dataset = NULL;
    assert_int_equal(silma_dataset_from_memory(&dataset, "pets", &images, NULL), SILMA_OK);
    pixels[0] = 99;
    labels[0] = 99;
    names[0] = "bird";
    const silma_images *copy = silma_dataset_images(dataset);
    assert_int_equal(copy->pixels[0], 0);
    assert_int_equal(copy->pixels[11], 11);
    assert_int_equal(copy->labels[0], 1);
    assert_string_equal(copy->class_names[0], "cat");
    assert_null(silma_dataset_folder(dataset));
    // printf '\0\1\2\3\4\5\6\7\10\11\12\13''\1\0\0\0''\0\0\0\0' | sha256sum
    assert_string_equal(silma_dataset_hash(dataset),
                        "b67207fc2adc8a9f6ec4af197434ebcc8bfcf289a763828c386f307e42e4ed9b");
    assert_string_equal(silma_dataset_hash(dataset),
                        "b67207fc2adc8a9f6ec4af197434ebcc8bfcf289a763828c386f307e42e4ed9b");
    silma_dataset_free(dataset);
}

static void refuses_nonsense_from_memory(void **state)
{
    (void)state;
    const uint8_t pixels[4] = {0};
    const uint32_t labels[1] = {2};
    const char *const names[2] = {"a", "b\n"};
    const silma_images good = {.pixels = pixels, .count = 1, .height = 2, .width = 2, .channels = 1, .class_count = 2};
    silma_images bad[7];
    for (size_t i = 0; i < 7; i++)
        bad[i] = good;
    bad[0].pixels = NULL;
    bad[1].count = 0;
    bad[2].height = -2;
    bad[3].channels = 1 << 20;
    bad[4].labels = labels;
    bad[5].class_names = names;
    bad[6].class_count = 1 << 20;
    for (size_t i = 0; i < 7; i++) {
        silma_dataset *dataset = NULL;
        silma_error error = {0};
        assert_int_equal(silma_dataset_from_memory(&dataset, "bad", &bad[i], &error), SILMA_USAGE);
        assert_int_equal(error.status, SILMA_USAGE);
        assert_int_equal(strncmp(error.message, "bad: ", 5), 0);
    }
    silma_dataset *dataset = NULL;
    silma_partition partition;
    assert_int_equal(silma_dataset_from_memory(&dataset, "no labels", &good, NULL), SILMA_OK);
    assert_null(silma_dataset_images(dataset)->labels);
    assert_int_equal(silma_dataset_partition(dataset, 0.5, 0, &partition, NULL), SILMA_USAGE);
    silma_dataset_free(dataset);
}

// A label for each of 1,000 images, classes of different sizes.
static void fill_labels(uint32_t labels[1000])
{
    for (uint32_t i = 0; i < 1000; i++)
        labels[i] = (i * i + 3 * i) % 17 % 7;
}

static void add_list(sha256 *sum, const uint32_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "%u,", indices[i]);
        sha256_add(sum, text, (size_t)length);
    }
}

// Other programs trained on these splits: the sums must never change.
static void splits_as_it_always_did(void **state)
{
    (void)state;
    static const char *const SUMS[2] = {"4b00987317aec1d9f1c64e955b7d5d1335040523bf33f301039668a9ad6fae81",
                                        "5e20ac7a6f64075f89e365b71c7ce556fef4ad449f933d532a46849506f13905"};
    uint32_t labels[1000];
    fill_labels(labels);
    silma_dataset *dataset = dataset_of_labels(labels, 1000, 8);
    for (uint64_t seed = 0; seed < 2; seed++) {
        silma_partition partition;
        assert_int_equal(silma_dataset_partition(dataset, 0.2, seed, &partition, NULL), SILMA_OK);
        char hex[SHA256_HEX_SIZE];
        sha256 sum;
        sha256_start(&sum);
        add_list(&sum, partition.train, partition.train_count);
        add_list(&sum, partition.validation, partition.validation_count);
        sha256_finish(&sum, hex);
        assert_string_equal(hex, SUMS[seed]);
        silma_partition_free(&partition);
    }
    silma_dataset_free(dataset);
}

static void a_split_is_stratified_ascending_and_whole(void **state)
{
    (void)state;
    static const double FRACTIONS[] = {0, 0.1, 0.5, 0.75, 1};
    uint32_t labels[1000];
    fill_labels(labels);
    silma_dataset *dataset = dataset_of_labels(labels, 1000, 8);
    for (size_t f = 0; f < sizeof(FRACTIONS) / sizeof(FRACTIONS[0]); f++) {
        silma_partition p;
        assert_int_equal(silma_dataset_partition(dataset, FRACTIONS[f], 5, &p, NULL), SILMA_OK);
        assert_int_equal(p.train_count + p.validation_count, 1000);
        size_t sizes[8] = {0}, taken[8] = {0}, t = 0, v = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            bool in_validation = v < p.validation_count && p.validation[v] == i;
            sizes[labels[i]]++;
            taken[labels[i]] += in_validation;
            if (in_validation)
                v++;
            else
                assert_int_equal(p.train[t++], i);
        }
        for (size_t c = 0; c < 8; c++)
            assert_int_equal(taken[c], (size_t)(FRACTIONS[f] * (double)sizes[c] + 0.5));
        silma_partition_free(&p);
    }
    silma_partition p;
    assert_int_equal(silma_dataset_partition(dataset, 1.1, 0, &p, NULL), SILMA_USAGE);
    assert_int_equal(silma_dataset_partition(dataset, -0.1, 0, &p, NULL), SILMA_USAGE);
    assert_int_equal(silma_dataset_partition(dataset, 0.0 / 0.0, 0, &p, NULL), SILMA_USAGE);
    silma_dataset_free(dataset);
}

static void writes_and_reads_split_files(void **state)
{
    (void)state;
    scratch space = scratch_make();
    char *path = scratch_path(&space, "split.json");
    uint32_t train[3] = {0, 2, 4000000000u}, validation[2] = {1, 3};
    silma_partition written = {.train = train, .train_count = 3, .validation = validation, .validation_count = 2}, read;
    assert_int_equal(split_file_write(path, &written, NULL), SILMA_OK);
    size_t count;
    uint8_t *bytes = scratch_read(&space, "split.json", &count);
    assert_string_equal((char *)bytes, "{\"train\":[0,2,4000000000],\"validation\":[1,3]}\n");
    free(bytes);
    assert_int_equal(split_file_read(path, 4, &read, NULL), SILMA_BAD_FILE); // 4000000000 is out of bounds
    train[2] = 4;
    assert_int_equal(split_file_write(path, &written, NULL), SILMA_OK);
    assert_int_equal(split_file_read(path, 5, &read, NULL), SILMA_OK);
    assert_int_equal(read.train_count, 3);
    assert_int_equal(read.validation_count, 2);
    assert_memory_equal(read.train, train, sizeof(train));
    assert_memory_equal(read.validation, validation, sizeof(validation));
    silma_partition_free(&read);
    free(path);
    scratch_remove(&space);
}

static void refuses_bad_split_files(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "is not valid JSON"},
        {"[]", "expected a list \"train\""},
        {"{\"train\":[0]}", "expected a list \"validation\""},
        {"{\"train\":[0],\"validation\":3}", "expected a list \"validation\""},
        {"{\"train\":[0,10],\"validation\":[]}", "entry 1 of \"train\" is not a number from 0 to 9"},
        {"{\"train\":[0,-1],\"validation\":[]}", "entry 1 of \"train\" is not a number from 0 to 9"},
        {"{\"train\":[0.5],\"validation\":[]}", "entry 0 of \"train\" is not a number from 0 to 9"},
        {"{\"train\":[0,1],\"validation\":[2,1]}", "entry 1 of \"validation\": image 1 is there twice"},
        {"{\"train\":[0,0],\"validation\":[]}", "entry 1 of \"train\": image 0 is there twice"},
    };
    scratch space = scratch_make();
    char *path = scratch_path(&space, "split.json");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        scratch_write(&space, "split.json", CASES[i][0], strlen(CASES[i][0]));
        silma_partition partition;
        silma_error error = {0};
        assert_int_equal(split_file_read(path, 10, &partition, &error), SILMA_BAD_FILE);
        if (!strstr(error.message, CASES[i][1]) || !strstr(error.message, path)) fail_msg("%s", error.message);
    }
    free(path);
    scratch_remove(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_idx_files),
        cmocka_unit_test(both_splits_of_unknown_data_have_the_same_classes),
        cmocka_unit_test(a_folder_with_a_known_name_has_known_classes),
        cmocka_unit_test(says_what_is_wrong_with_an_idx_file),
        cmocka_unit_test(survives_damaged_idx_files),
        cmocka_unit_test(reads_cifar10),
        cmocka_unit_test(reads_the_fine_labels_of_cifar100),
        cmocka_unit_test(reads_the_class_names_beside_the_images),
        cmocka_unit_test(says_which_cifar_file_is_wrong),
        cmocka_unit_test(survives_damaged_cifar_files),
        cmocka_unit_test(looks_in_all_places_in_order),
        cmocka_unit_test(does_not_take_one_data_set_for_another),
        cmocka_unit_test(says_how_to_get_a_missing_test_batch),
        cmocka_unit_test(tells_names_from_folders),
        cmocka_unit_test(names_the_folder_for_downloads),
        cmocka_unit_test(the_catalogue_is_complete),
        cmocka_unit_test(copies_images_from_memory),
        cmocka_unit_test(refuses_nonsense_from_memory),
        cmocka_unit_test(splits_as_it_always_did),
        cmocka_unit_test(a_split_is_stratified_ascending_and_whole),
        cmocka_unit_test(writes_and_reads_split_files),
        cmocka_unit_test(refuses_bad_split_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
