// Initialisers, by Keras's names: how a parameter is filled before training.
#ifndef SILMA_NN_INITIALISER_H
#define SILMA_NN_INITIALISER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum initialiser_kind {
    INITIALISER_CONSTANT = 0,   // value
    INITIALISER_NORMAL,         // value: standard deviation, 0.05 by default
    INITIALISER_GLOROT_UNIFORM, // +-sqrt(6 / (fan_in + fan_out))
    INITIALISER_GLOROT_NORMAL,  // normal cut at two deviations, as Keras: variance 2 / (fan_in + fan_out)
    INITIALISER_HE_UNIFORM,     // +-sqrt(6 / fan_in)
    INITIALISER_HE_NORMAL,      // normal cut at two deviations: variance 2 / fan_in
    INITIALISER_WHITENING,      // as HE_NORMAL, until the training images are known: train/whitening.h
} initialiser_kind;

typedef struct initialiser {
    initialiser_kind kind;
    float value;
} initialiser;

// "zeros", "ones", "normal", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal",
// "whitening".
bool initialiser_find(const char *name, initialiser *found);
const char *initialiser_name(initialiser initial);

// Fills values (count). `number` is the parameter's number in the network, so that each draws apart.
void initialiser_fill(initialiser initial, uint64_t seed, uint32_t number, size_t fan_in, size_t fan_out, size_t count,
                      float *values);

#endif
