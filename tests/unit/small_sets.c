#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

const uint8_t IDX_IMAGES[IDX_IMAGES_BYTES] = {0, 0, 8, 3, 0, 0, 0, 2, 0,  0,  0,  2,  0,  0,
                                              0, 3, 0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15};
const uint8_t IDX_LABELS[IDX_LABELS_BYTES] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 1};

void make_folder(const scratch *space, const char *name)
{
    char *path = scratch_path(space, name);
    assert_int_equal(mkdir(path, 0755), 0);
    free(path);
}

void write_in(const scratch *space, const char *folder, const char *name, const void *bytes, size_t count)
{
    char path[256];
    assert_in_range(snprintf(path, sizeof(path), "%s/%s", folder, name), 1, sizeof(path) - 1);
    scratch_write(space, path, bytes, count);
}

void write_idx_set(const scratch *space, const char *folder)
{
    write_in(space, folder, "train-images-idx3-ubyte", IDX_IMAGES, sizeof(IDX_IMAGES));
    write_in(space, folder, "train-labels-idx1-ubyte", IDX_LABELS, sizeof(IDX_LABELS));
}

void fill_record(uint8_t *planes, size_t number)
{
    for (size_t i = 0; i < CIFAR_PLANE; i++) {
        planes[i] = (uint8_t)(i % CIFAR_SIDE);
        planes[CIFAR_PLANE + i] = (uint8_t)(i / CIFAR_SIDE);
        planes[2 * CIFAR_PLANE + i] = (uint8_t)number;
    }
}

void write_cifar10_file(const scratch *space, const char *folder, const char *name, size_t first, size_t count)
{
    uint8_t *bytes = malloc(count * CIFAR10_RECORD);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[i * CIFAR10_RECORD] = (uint8_t)((first + i) % 10);
        fill_record(bytes + i * CIFAR10_RECORD + 1, first + i);
    }
    write_in(space, folder, name, bytes, count * CIFAR10_RECORD);
    free(bytes);
}

void write_cifar10_train(const scratch *space, const char *folder)
{
    for (size_t i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof(name), "data_batch_%zu.bin", i + 1);
        write_cifar10_file(space, folder, name, 3 * i, 3);
    }
}

silma_status open_in(silma_dataset **dataset, const scratch *space, const char *name, silma_split split,
                     silma_error *error)
{
    char *path = scratch_path(space, name);
    silma_status status = silma_dataset_open(dataset, path, split, NULL, error);
    free(path);
    return status;
}

void expect_failure(const scratch *space, const char *folder, silma_split split, silma_status expected,
                    const char *message)
{
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    silma_status status = open_in(&dataset, space, folder, split, &error);
    if (status != expected || !strstr(error.message, message))
        fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)status, error.message, (int)expected, message);
}

silma_dataset *dataset_of_labels(const uint32_t *labels, size_t count, int class_count)
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
