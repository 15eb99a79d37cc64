// Random numbers as a function of (seed, purpose, epoch, index), not as a stream: any thread can draw any of them
// in any order, and a resumed run draws the same ones.
//
// The function is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): the seed is the
// key; purpose, epoch and index form the counter.
#ifndef SILMA_CORE_RANDOM_H
#define SILMA_CORE_RANDOM_H

#include "core/private.h"

#include <stdint.h>

// What a number is drawn for. The values are part of the file format of a run: never renumber them.
typedef enum random_purpose {
    RANDOM_SPLIT = 1,      // epoch: the class; index: the step of the shuffle
    RANDOM_SHUFFLE = 2,    // epoch: the epoch; index: the step of the shuffle
    RANDOM_INITIALISE = 3, // epoch: the parameter's number; index: the element
    RANDOM_DROPOUT = 4,    // epoch: the training step; index: see random_block
    RANDOM_AUGMENT = 5,    // epoch: the epoch; index: the place in its order; lane: see data/augment_inside.h
    RANDOM_SAMPLE = 6,     // samples shown to people: pictures of a report, points of a gradient check
    RANDOM_BALANCE = 7,    // as RANDOM_SHUFFLE: the order of what the balanced sampler has drawn
} random_purpose;

typedef struct random_block {
    uint32_t word[4];
} random_block;

// One block of 128 random bits. `index` is 64 bits wide, `epoch` 32; `purpose` takes 8 bits and `lane` 24 bits of the
// last counter word, so that several consumers of one purpose (the dropout layers of a network) draw apart.
random_block random_bits(uint64_t seed, random_purpose purpose, uint32_t lane, uint32_t epoch, uint64_t index)
    SILMA_PRIVATE_API(random_bits);

// A 64-bit number, uniform in [0, bound), bound > 0: the high word of a 64x64-bit product.
uint64_t random_below(uint64_t seed, random_purpose purpose, uint32_t epoch, uint64_t index, uint64_t bound)
    SILMA_PRIVATE_API(random_below);

// Uniform in [0, 1), 24 bits.
float random_uniform(uint64_t seed, random_purpose purpose, uint32_t epoch, uint64_t index);

// Standard normal (Box-Muller, in double precision).
float random_normal(uint64_t seed, random_purpose purpose, uint32_t epoch, uint64_t index);

// Shuffles `count` numbers in place (Fisher-Yates from the front).
void random_shuffle(uint64_t seed, random_purpose purpose, uint32_t epoch, uint32_t *values, uint64_t count)
    SILMA_PRIVATE_API(random_shuffle);

#endif
