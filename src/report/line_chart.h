// Curves over epochs, or any other lines: axes with round ticks, a legend, gaps where a value does not exist.
#ifndef SILMA_REPORT_LINE_CHART_H
#define SILMA_REPORT_LINE_CHART_H

#include "report/svg.h"

typedef struct chart_series {
    const char *name;         // in the legend; null: not in it
    const double *x;          // (count), or null: 1, 2, 3, ...
    const double *y;          // (count); NaN: a gap
    const double *low, *high; // (count) an interval around y, drawn as a band; or null
    size_t count;
    unsigned colour; // of the palette, modulo SVG_SERIES; 0 training, 1 validation
} chart_series;

typedef struct line_chart {
    const char *title;             // above; null: none
    const char *x_label, *y_label; // with their unit; null: none
    const chart_series *series;
    size_t series_count;
    bool counting;          // x are whole numbers: epochs
    bool logarithmic;       // y
    bool percent;           // y are shares, written in per cent
    bool zero_lines;        // through the origin, for functions
    bool from_zero;         // y begins at 0
    double mark;            // an upright line at this x, such as the best epoch; NaN or 0 with no label: none
    const char *mark_label; // null: no mark
} line_chart;

// Draws into (0, 0) to (width, height); about 360 x 270 is a good size, 200 x 150 the least.
void line_chart_draw(text_buffer *out, const line_chart *chart, double width, double height);

#endif
