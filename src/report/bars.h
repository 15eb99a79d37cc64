// Horizontal bars with their names and values: the probabilities beside an image (figure 21), a score of each class.
#ifndef SILMA_REPORT_BARS_H
#define SILMA_REPORT_BARS_H

#include "report/svg.h"

typedef struct bar {
    const char *name;
    double value;
    double low, high; // an interval drawn over the bar; both 0: none
    svg_class fill;   // SVG_FILL + i
    bool bold;        // its name
} bar;

typedef struct bar_chart {
    const bar *bars;
    size_t count;
    double most;  // the value of a full bar; 0: the greatest value
    bool percent; // values are shares, written in per cent
    double row;   // height of a row; 0: 18. Its text shrinks with it
} bar_chart;

double bars_height(const bar_chart *chart);
void bars_draw(text_buffer *out, const bar_chart *chart, double width);
// The same as a figure.
void bars_add_figure(text_buffer *out, const bar_chart *chart, double width, const char *title, bool inside_page);

#endif
