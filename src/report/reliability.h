// A reliability diagram: how often predictions of a confidence are right. Below, how many there are of each.
#ifndef SILMA_REPORT_RELIABILITY_H
#define SILMA_REPORT_RELIABILITY_H

#include "report/svg.h"

typedef struct reliability_bin {
    double confidence; // mean of its predictions
    double accuracy;   // share of them that is right
    size_t count;      // 0: nothing is drawn
} reliability_bin;

typedef struct reliability {
    const char *title;           // null: none
    const reliability_bin *bins; // (bin_count), which share [0, 1] evenly
    size_t bin_count;
    double error; // expected calibration error, 0..1; NaN: not written
} reliability;

void reliability_draw(text_buffer *out, const reliability *diagram, double width, double height);

#endif
