// IDX files: what they hold, and what damage is told.
#include "data/data_file.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t IDX_TEST_LABELS[] = {0, 0, 8, 1, 0, 0, 0, 2, 6, 0};

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_idx_files),
        cmocka_unit_test(both_splits_of_unknown_data_have_the_same_classes),
        cmocka_unit_test(a_folder_with_a_known_name_has_known_classes),
        cmocka_unit_test(says_what_is_wrong_with_an_idx_file),
        cmocka_unit_test(survives_damaged_idx_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
