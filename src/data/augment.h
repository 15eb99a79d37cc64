// Augmentation: images of the training part, changed at random while their labels stay true (or, where two images are
// mixed, become shares of two). Everything is a function of (seed, epoch, place in the epoch's order, image), so that
// any thread may make any image, and a resumed run makes the same ones.
//
// Each family draws numbers of its own: an image is flipped or shifted in the same way whatever else is asked for.
//
// Flips left to right are drawn once for each image and then alternate with the epochs: each image is seen equally
// often both ways, which chance alone gives only in the long run (Jordan, "94% on CIFAR-10 in 3.29 seconds on a single
// GPU", 2024, section 3.6).
#ifndef SILMA_DATA_AUGMENT_H
#define SILMA_DATA_AUGMENT_H

#include "core/private.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct augment_length {
    double value;
    bool percent; // of the image's side, otherwise pixels
} augment_length;

// Zero everywhere: images stay as they are.
typedef struct augmentation {
    bool flip, vflip;      // half of the images: left to right (in turn), upside down (by chance)
    augment_length crop;   // shifts up to so far each way: padding, then a crop of the image's size
    bool reflect;          // what comes in at the sides is a mirror image, otherwise black
    double rotate;         // degrees, each way
    double scale;          // size times a factor in 1 +- scale
    double brightness;     // values times a factor in 1 +- brightness
    double contrast;       // distances to the image's mean grey, the same
    double saturation;     // distances to a pixel's grey, the same; colour images only
    double hue;            // share of the colour circle, each way; colour images only
    augment_length cutout; // side of a square, anywhere, that is filled with the image's mean colour
    double erase;          // share of the images of which a rectangle becomes noise
    double mixup, cutmix;  // alpha of Beta(alpha, alpha); an image takes one of them where both are given
} augmentation;

typedef struct augment_key {
    uint64_t seed;
    uint32_t epoch;
    uint64_t place; // in the epoch's order
    uint64_t image; // in the data set
} augment_key;

typedef struct augment_size {
    int height, width, channels;
} augment_size;

// Whether images change at all; whether two are mixed.
bool augment_is_on(const augmentation *a) SILMA_PRIVATE_API(augment_is_on);
bool augment_mixes(const augmentation *a) SILMA_PRIVATE_API(augment_mixes);

// All but mixing: `image` and `result` (height, width, channels), apart from each other.
void augment_image(const augmentation *a, const augment_key *key, augment_size size, const uint8_t *image,
                   uint8_t *result) SILMA_PRIVATE_API(augment_image);

// How an image is mixed with another.
typedef struct augment_mix {
    double share;                 // of the image itself, 0..1; the other has the rest
    unsigned part;                // mixup: share in 1/256; 256 with a rectangle
    int top, left, bottom, right; // cutmix: the rectangle that comes from the other; may be empty
} augment_mix;

augment_mix augment_draw_mix(const augmentation *a, const augment_key *key, augment_size size)
    SILMA_PRIVATE_API(augment_draw_mix);
void augment_apply_mix(const augment_mix *mix, augment_size size, const uint8_t *image, const uint8_t *other,
                       uint8_t *result) SILMA_PRIVATE_API(augment_apply_mix);

#endif
