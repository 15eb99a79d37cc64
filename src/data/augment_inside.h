// What the families of augmentations share. See augment.h.
#ifndef SILMA_DATA_AUGMENT_INSIDE_H
#define SILMA_DATA_AUGMENT_INSIDE_H

#include "core/random.h"
#include "data/augment.h"

// What a block of random bits is drawn for: the lane of random_bits. Part of a run's identity: never renumber them.
enum augment_lane {
    AUGMENT_PLACE = 0,  // (free), vflip, shift down, shift right
    AUGMENT_AFFINE = 1, // angle, factor
    AUGMENT_COLOUR = 2, // brightness, contrast, saturation, hue
    AUGMENT_CUTOUT = 3, // row, column
    AUGMENT_ERASE = 4,  // whether, area, proportion
    AUGMENT_ERASE_AT = 5,
    AUGMENT_MIX = 6,         // which, row, column
    AUGMENT_FLIP = 7,        // drawn in epoch 0 at the image's number in the data set
    AUGMENT_BETA = 0x10000,  // and up: two gamma variables, a block for each attempt
    AUGMENT_NOISE = 0x20000, // and up: 16 bytes a block
};

static inline random_block augment_bits(const augment_key *key, uint32_t lane)
{
    return random_bits(key->seed, RANDOM_AUGMENT, lane, key->epoch, key->place);
}

// Uniform in [0, 1), in [-reach, reach), and of 0 .. count - 1.
static inline double augment_unit(uint32_t word)
{
    return (double)word * 0x1p-32;
}

static inline double augment_around(uint32_t word, double reach)
{
    return (2 * augment_unit(word) - 1) * reach;
}

static inline int augment_below(uint32_t word, int count)
{
    return (int)((uint64_t)word * (uint64_t)count >> 32);
}

// In pixels, of a side so long.
static inline int augment_pixels(augment_length length, int side)
{
    double pixels = length.percent ? length.value / 100 * (double)side : length.value;
    return pixels < (double)side ? (int)(pixels + 0.5) : side;
}

// Writes all of `result`.
void augment_geometry(const augmentation *a, const augment_key *key, augment_size size, const uint8_t *image,
                      uint8_t *result);
// In place:
void augment_colour(const augmentation *a, const augment_key *key, augment_size size, uint8_t *image);
void augment_cutout(const augmentation *a, const augment_key *key, augment_size size, uint8_t *image);
void augment_erase(const augmentation *a, const augment_key *key, augment_size size, uint8_t *image);

#endif
