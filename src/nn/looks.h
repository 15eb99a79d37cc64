// Test-time augmentation: a network takes several looks at each image, and the mean of their logits counts. What that
// costs in time it gives in accuracy, where an image means the same whichever way it is looked at.
//
// All looks go through one plan of so many times the batch: n images as they are first, then the same n once more for
// each further look.
#ifndef SILMA_NN_LOOKS_H
#define SILMA_NN_LOOKS_H

#include "core/threads.h"
#include "nn/layer.h"

typedef enum looks {
    LOOKS_NONE = 0, // at the image as it is
    LOOKS_FLIP,     // and at its mirror image, left to right
    LOOKS_SHIFT, // four, each moved by a 32nd of the side (a pixel at least): down and right, up and left; and mirrored
    LOOKS_KINDS,
} looks;

// "none", "flip", "shift"
extern const char *const LOOKS_NAMES[LOOKS_KINDS];

// How many looks are taken at each image.
size_t looks_each(looks kind);

// x (looks_each, n, h, w, c), of which the first n images are filled: becomes the images as they are looked at.
void looks_take(looks kind, thread_pool *pool, size_t n, shape in, float *x);

// logits (looks_each, n, outputs): the first n rows become the means over the looks.
void looks_mean(looks kind, size_t n, size_t outputs, float *logits);

#endif
