// Images set into the middle of larger, black ones: LeNet-5 takes 32x32 where the data sets have 28x28.
#ifndef SILMA_DATA_PAD_H
#define SILMA_DATA_PAD_H

#include "core/private.h"
#include "silma/silma.h"

// A copy of `dataset` with images of height x width. *padded is null where none is needed: the size is the same
// already, or a network over vectors (1 x 1 x count) takes the pixels as they are. SILMA_USAGE if the images are
// larger, or have other channels.
silma_status dataset_pad(silma_dataset **padded, const silma_dataset *dataset, int height, int width, int channels,
                         silma_error *error) SILMA_PRIVATE_API(dataset_pad);

// Whether images of this size enter a network of that input: they are no larger, or it takes their pixels as a vector.
bool image_fits(int height, int width, int channels, int to_height, int to_width, int to_channels);

// One image of (height, width, channels) that fits: into the middle of a black one of (to_height, to_width, channels).
// As a vector, and where the size is the same, it is copied.
void image_pad(const uint8_t *image, int height, int width, int channels, uint8_t *larger, int to_height, int to_width);

#endif
