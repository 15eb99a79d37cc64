// Pictures in rows, each with a caption (figures 17 and 26), and each with its bars beside it (figure 21).
#ifndef SILMA_REPORT_IMAGE_GRID_H
#define SILMA_REPORT_IMAGE_GRID_H

#include "report/bars.h"

typedef struct grid_image {
    const uint8_t *pixels; // (height, width, channels), 1 or 3 channels
    int height, width, channels;
    const char *caption; // below; null: none
    svg_class colour;    // of the caption: SVG_INK, SVG_GOOD, SVG_BAD
    const bar *bars;     // (bar_count) shares, beside it; null: none
    size_t bar_count;
} grid_image;

typedef struct image_grid {
    const grid_image *images;
    size_t count;
    int columns;    // at least 1
    double picture; // width and height of a picture as it is shown
    double beside;  // width of the bars; 0 where there are none
    bool enlarged;  // each pixel becomes a square of pixels: for programs that would smooth it (librsvg does)
} image_grid;

double image_grid_width(const image_grid *grid);
double image_grid_height(const image_grid *grid);
// SILMA_USAGE where `codecs` cannot encode PNG.
silma_status image_grid_draw(text_buffer *out, const image_grid *grid, const silma_codecs *codecs, silma_error *error);

// One picture as a PNG data URI within an <image>, in the middle of a square, for pages that lay out by themselves.
silma_status image_draw(text_buffer *out, const grid_image *image, double side, const silma_codecs *codecs,
                        silma_error *error);

#endif
