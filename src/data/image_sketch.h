// Near-duplicates: pictures that were saved again, resized, a little brightened, or taken a moment later. Each image is
// drawn very small, and the small drawings are compared. What was cropped, turned or mirrored is not found.
#ifndef SILMA_DATA_IMAGE_SKETCH_H
#define SILMA_DATA_IMAGE_SKETCH_H

#include "core/private.h"
#include "silma/silma.h"

enum { SKETCH_SIDE = 8, SKETCH_BYTES = SKETCH_SIDE * SKETCH_SIDE * 3 };

typedef struct image_sketch {
    uint8_t cells[SKETCH_BYTES]; // (8, 8, 3) mean colours
    int32_t brightness;          // sum of `cells`
    int32_t top_heavy;           // sum of the upper half, minus that of the lower one
    int32_t left_heavy;
    int32_t contrast; // sum of the distances from the mean colour
} image_sketch;

// Of pixels (height, width, channels); the first three channels count, or the first alone if there are fewer.
image_sketch image_sketch_of(const uint8_t *pixels, int height, int width, int channels)
    SILMA_PRIVATE_API(image_sketch_of);

typedef enum image_likeness {
    IMAGES_DIFFER = 0,
    IMAGES_NEAR, // the cells differ by at most 6 of 255 on average, and by a third of their contrast
    IMAGES_SAME, // by at most 1.5, and a twelfth
} image_likeness;
image_likeness image_sketches_compare(const image_sketch *a, const image_sketch *b);

// groups[i] is the first image of those that image i is like, directly or through others: i itself if there is none
// before it. Images that are near but not the same count as duplicates where that is rare: of trousers on a black
// ground, each is near to many others, and is none's duplicate. Only images of nearly the same brightness are compared,
// which misses none that are alike; of some hundred thousand images of one brightness, only the nearest.
silma_status image_sketch_groups(const image_sketch *sketches, size_t count, uint32_t *groups, silma_error *error)
    SILMA_PRIVATE_API(image_sketch_groups);

#endif
