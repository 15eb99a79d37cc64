// Images set into the middle of larger, black ones: LeNet-5 takes 32x32 where the data sets have 28x28.
#ifndef SILMA_DATA_PAD_H
#define SILMA_DATA_PAD_H

#include "silma/silma.h"

// A copy of `dataset` with images of height x width. SILMA_USAGE if the images are larger or have other channels; where
// the size is the same already, *padded is null and SILMA_OK is returned.
silma_status dataset_pad(silma_dataset **padded, const silma_dataset *dataset, int height, int width, int channels,
                         silma_error *error);

#endif
