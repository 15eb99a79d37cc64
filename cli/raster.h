// Figures as PNG: an optional part of the build, by librsvg and cairo, which are loaded when they are needed.
#ifndef SILMA_CLI_RASTER_H
#define SILMA_CLI_RASTER_H

#include "problem.h"

#include <stdint.h>

// SILMA_USAGE, with what to build or install, where that is not possible; to be asked before anything is made.
silma_status raster_check(problem *why);

// The picture of an SVG file's text at twice its size. Free *png with free().
silma_status raster_png(const char *name, const char *svg, size_t svg_size, uint8_t **png, size_t *size, problem *why);

#endif
