// Test-time augmentation: a network looks at each image and at its mirror image, left to right, and the mean of the two
// logits counts. What it costs in time it gives in accuracy where left and right mean the same.
//
// Both go through one plan of twice the batch: n images, then the same n mirrored.
#ifndef SILMA_NN_MIRROR_H
#define SILMA_NN_MIRROR_H

#include "core/threads.h"
#include "nn/layer.h"

// Mirrors n inputs of shape `in` (h, w, c) in place.
void mirror_images(thread_pool *pool, size_t n, shape in, float *x);

// logits (2 n, outputs): the first n become the means of both halves.
void mirror_mean(size_t n, size_t outputs, float *logits);

#endif
