// Mean and deviation of each channel over some of a data set's images: exact, from sums of integers.
#ifndef SILMA_DATA_MOMENTS_H
#define SILMA_DATA_MOMENTS_H

#include "silma/silma.h"

typedef struct channel_moments {
    uint64_t count, sum, squares;
    double mean, deviation; // of the pixels, 0..255
} channel_moments;

// moments (images->channels), zeroed; at least one image. Sums stay exact up to 2^48 pixels.
void dataset_moments(const silma_images *images, const uint32_t *indices, size_t count, channel_moments *moments);

#endif
