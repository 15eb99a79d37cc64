// Images made small enough for a page, and values as colours.
#ifndef SILMA_REPORT_PICTURES_H
#define SILMA_REPORT_PICTURES_H

#include "silma/silma.h"

enum { THUMBNAIL_SIDE = 64 }; // larger images are scaled down to it

// (height, width, channels) as a picture of 1 or 3 channels whose longer side is at most THUMBNAIL_SIDE. Of images with
// other channels the first three, or the first, are shown. Free picture->pixels with free().
silma_status picture_thumbnail(silma_picture *picture, const uint8_t *pixels, int height, int width, int channels,
                               silma_error *error);

// Values from 0 (dark) to 1 (light) as colours of a scale that keeps its order for colour-blind readers and in grey.
void heat_colour(float value, uint8_t rgb[3]);

#endif
