// Small data sets, for the tests of data. All functions fail the running test if something goes wrong.
#ifndef SILMA_TESTS_SMALL_SETS_H
#define SILMA_TESTS_SMALL_SETS_H

#include "damage.h"

enum {
    IDX_IMAGES_BYTES = 28,
    IDX_LABELS_BYTES = 10,
    CIFAR_SIDE = 32,
    CIFAR_PLANE = CIFAR_SIDE * CIFAR_SIDE,
    CIFAR10_RECORD = 1 + 3 * CIFAR_PLANE,
    CIFAR100_RECORD = 2 + 3 * CIFAR_PLANE,
};

// Two images of 2x3; pixel p of image i is 10 i + p. Their labels are 3 and 1.
extern const uint8_t IDX_IMAGES[IDX_IMAGES_BYTES];
extern const uint8_t IDX_LABELS[IDX_LABELS_BYTES];

// Images of one black pixel.
silma_dataset *dataset_of_labels(const uint32_t *labels, size_t count, int class_count);

void make_folder(const scratch *space, const char *name);
void write_in(const scratch *space, const char *folder, const char *name, const void *bytes, size_t count);
void write_idx_set(const scratch *space, const char *folder); // the training set above

// The pixels of a record of CIFAR: red is the column, green the row, blue the image's number.
void fill_record(uint8_t *planes, size_t number);
// `count` images from number `first`, with their numbers' last digits as labels.
void write_cifar10_file(const scratch *space, const char *folder, const char *name, size_t first, size_t count);
void write_cifar10_train(const scratch *space, const char *folder); // five files of three images

silma_status open_in(silma_dataset **dataset, const scratch *space, const char *name, silma_split split,
                     silma_error *error);
// Opening fails with this status, and a message that holds `message`.
void expect_failure(const scratch *space, const char *folder, silma_split split, silma_status expected,
                    const char *message);

#endif
