// IDX files (MNIST's format): 0, 0, type, rank, the dimensions as big-endian 32-bit numbers, then the values.
#ifndef SILMA_DATA_IDX_H
#define SILMA_DATA_IDX_H

#include "data/data_file.h"

// Loads a pair of files: images of unsigned bytes (count, height, width) and labels (count). All sizes are checked
// before anything is allocated; labels must lie below `class_count` unless that is 0. Sets no classes.
silma_status idx_load(silma_dataset *dataset, const data_file *images, const data_file *labels, int class_count,
                      silma_error *error);

#endif
