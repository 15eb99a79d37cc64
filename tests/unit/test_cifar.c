// CIFAR-10 and CIFAR-100: what their files hold, and what damage is told.
#define _GNU_SOURCE
#include "data/cifar.h"
#include "data/data_file.h"
#include "data/dataset.h"
#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_cifar_pixels(const silma_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        for (size_t p = 0; p < CIFAR_PLANE; p++) {
            const uint8_t *pixel = images->pixels + 3 * (i * CIFAR_PLANE + p);
            assert_int_equal(pixel[0], p % CIFAR_SIDE);
            assert_int_equal(pixel[1], p / CIFAR_SIDE);
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
    assert_int_equal(images->height, CIFAR_SIDE);
    assert_int_equal(images->width, CIFAR_SIDE);
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
    uint8_t *bytes = malloc(2 * CIFAR100_RECORD);
    assert_non_null(bytes);
    for (size_t i = 0; i < 2; i++) {
        bytes[i * CIFAR100_RECORD] = 19;
        bytes[i * CIFAR100_RECORD + 1] = (uint8_t)(99 - i);
        fill_record(bytes + i * CIFAR100_RECORD + 2, i);
    }
    write_in(&space, "hundred", "test.bin", bytes, 2 * CIFAR100_RECORD);
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
    assert_int_equal(truncate(path, 2 * CIFAR10_RECORD + 1), 0);
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
        size_t record = kind.label_bytes + 3 * CIFAR_PLANE;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cifar10),
        cmocka_unit_test(reads_the_fine_labels_of_cifar100),
        cmocka_unit_test(reads_the_class_names_beside_the_images),
        cmocka_unit_test(says_which_cifar_file_is_wrong),
        cmocka_unit_test(survives_damaged_cifar_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
