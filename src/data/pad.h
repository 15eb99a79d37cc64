// Images set into the middle of larger, black ones: LeNet-5 takes 32x32 where the data sets have 28x28.
#ifndef SILMA_DATA_PAD_H
#define SILMA_DATA_PAD_H

#include "silma/silma.h"

// A copy of `dataset` with images of height x width. *padded is null where none is needed: the size is the same
// already, or a network over vectors (1 x 1 x count) takes the pixels as they are. SILMA_USAGE if the images are
// larger, or have other channels.
silma_status dataset_pad(silma_dataset **padded, const silma_dataset *dataset, int height, int width, int channels,
                         silma_error *error);

#endif
