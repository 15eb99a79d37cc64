// Near-duplicates: pictures that were saved again, resized, or a little brightened. Each image is drawn very small; two
// are alike if the small drawings are. What was cropped, turned or mirrored is not found.
#ifndef SILMA_DATA_IMAGE_SKETCH_H
#define SILMA_DATA_IMAGE_SKETCH_H

#include "silma/silma.h"

enum { SKETCH_SIDE = 8, SKETCH_BYTES = SKETCH_SIDE * SKETCH_SIDE * 3 };

typedef struct image_sketch {
    uint64_t edges;      // dHash: bit 8 y + x tells whether cell (y, x) of 8x9 is brighter than the one right of it
    uint32_t brightness; // sum of `cells`
    uint8_t cells[SKETCH_BYTES]; // (8, 8, 3) mean colours
} image_sketch;

// Of pixels (height, width, channels); the first three channels count, or the first alone if there are fewer.
image_sketch image_sketch_of(const uint8_t *pixels, int height, int width, int channels);

// At most 3 bits of `edges` differ, and the colours by at most 3 of 255 on average.
bool image_sketches_alike(const image_sketch *a, const image_sketch *b);

// groups[i] is the first image of those that image i is like, directly or through others: i itself if there is none
// before it. Images whose edges agree in none of the four 16-bit parts cannot be alike, so that only few are compared.
silma_status image_sketch_groups(const image_sketch *sketches, size_t count, uint32_t *groups, silma_error *error);

#endif
