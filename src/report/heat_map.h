// A confusion matrix as a heat map: a row for each true class, a column for each class that was predicted; the fuller
// the colour, the greater the share of the row.
#ifndef SILMA_REPORT_HEAT_MAP_H
#define SILMA_REPORT_HEAT_MAP_H

#include "report/svg.h"

typedef struct heat_map {
    const char *title;        // null: none
    const char *const *names; // (class_count); null: numbers
    int class_count;
    const size_t *counts; // (class_count, class_count): row true, column predicted
    bool percent;         // cells say per cent of the true class; otherwise how many images
} heat_map;

// Wide enough for its cells' texts up to 20 classes; beyond, colours only. The height follows from the width.
double heat_map_width(const heat_map *map);
double heat_map_height(const heat_map *map, double width);
void heat_map_draw(text_buffer *out, const heat_map *map, double width);
// The same as a figure; `frame` without its size, which is the map's.
void heat_map_add_figure(text_buffer *out, const heat_map *map, svg_frame frame);

#endif
