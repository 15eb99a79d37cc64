// Batches of augmented images: the memory that they need, taken when a run is made, and their making, in parallel.
#ifndef SILMA_TRAIN_AUGMENTED_H
#define SILMA_TRAIN_AUGMENTED_H

#include "core/threads.h"
#include "data/augment.h"

typedef struct augmented_batch {
    augmentation settings;
    augment_size size;
    size_t bytes;       // of an image
    uint8_t *images;    // (batch, bytes)
    uint8_t *mixed;     // (batch, bytes), or null where nothing is mixed
    uint32_t *identity; // (batch): 0, 1, 2, ...
    // Where images are mixed, each with the next one of its batch, the last one with the first:
    size_t outputs;
    double *shares;       // (batch) of the image itself
    float *targets;       // (batch, outputs)
    float *image_weights; // (batch)
} augmented_batch;

// Batches of at most `most` images; `outputs` of the network.
silma_status augmented_create(augmented_batch **batch, const augmentation *settings, augment_size size, size_t most,
                              size_t outputs, silma_error *error);
void augmented_free(augmented_batch *batch);

// Makes the images at first, first + 1, ... of the epoch's order, which are `indices` (n) of `pixels`. Returns them
// (n, bytes), to be gathered by batch->identity.
const uint8_t *augmented_make(augmented_batch *batch, thread_pool *pool, uint64_t seed, uint32_t epoch, size_t first,
                              size_t n, const uint32_t *indices, const uint8_t *pixels);

// The targets and weights of the images that augmented_make has mixed. class_weights (classes) may be null. Changes
// labels (n) to the class that has the larger share of each image: what an accuracy is counted by.
void augmented_targets(augmented_batch *batch, size_t n, uint32_t *labels, const float *class_weights);

#endif
