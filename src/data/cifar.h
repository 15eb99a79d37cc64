// CIFAR's binary files: records of one or two label bytes and 3 planes (red, green, blue) of 32x32 bytes.
#ifndef SILMA_DATA_CIFAR_H
#define SILMA_DATA_CIFAR_H

#include "data/data_file.h"

enum { CIFAR10_LABEL_BYTES = 1, CIFAR100_LABEL_BYTES = 2, CIFAR_MAX_FILES = 5 };

// Loads the records of `count` files, one after another; the last label byte is the label. All sizes are checked
// before anything is allocated. `records` is the number of records that each file must have, 0 for any number.
silma_status cifar_load(silma_dataset *dataset, const data_file *files, size_t count, size_t label_bytes,
                        int class_count, size_t records, silma_error *error);

#endif
