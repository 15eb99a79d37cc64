// One axis of a chart: its range, its ticks at round numbers, and how they are written.
#ifndef SILMA_REPORT_AXIS_H
#define SILMA_REPORT_AXIS_H

#include "report/svg.h"

enum { AXIS_TICKS_MAX = 32 };

typedef struct axis {
    double low, high; // of the values; logarithmic: both above 0
    bool logarithmic;
    double scale;    // written values are the values times this: 100 for shares in per cent
    double from, to; // where low and high lie, in pixels
    double ticks[AXIS_TICKS_MAX];
    size_t tick_count;
    int decimals; // of linear ticks, as they are written
} axis;

// An axis over [low, high], widened to the next round numbers if `round_ends`. About `wanted` ticks (2 to 10). A range
// without width, or none at all (low > high, NaN), becomes one that can be drawn.
axis axis_linear(double low, double high, double scale, int wanted, bool round_ends);
// Whole numbers only: epochs.
axis axis_counting(double low, double high, int wanted);
// Ticks at powers of ten, and between them where there are few. Where nothing is above 0, a linear axis.
axis axis_logarithmic(double low, double high, double scale);

// How the numbers beside an upright axis are written, and those below a level one.
extern const text_style axis_beside, axis_below;

double axis_place(const axis *a, double value); // in pixels; NaN for what a logarithm cannot take

// "0.25", "10,000", "1e-4", "2.5M".
typedef struct axis_label {
    char text[64];
} axis_label;
axis_label axis_tick_label(const axis *a, size_t tick);

// A number for people with `digits` significant digits: "0.0123", "1,234", "1.2e-7", "-" for what is not finite.
axis_label axis_number(double value, int digits);

#endif
