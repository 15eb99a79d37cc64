// A run's curves as figure 19 shows them: loss, accuracy and true positives over the epochs; training blue, validation
// red.
#ifndef SILMA_REPORT_CURVES_H
#define SILMA_REPORT_CURVES_H

#include "report/svg.h"

typedef enum curve {
    CURVE_LOSS = 0,
    CURVE_ACCURACY,
    CURVE_TRUE_POSITIVES,
    CURVE_LEARNING_RATE, // logarithmic where it varies by more than ten times
    CURVE_SPEED,         // images a second
    CURVE_COUNT,
} curve;

// One of them, into (0, 0) to (width, height). The best epoch is marked. No epochs: an empty plane.
void curve_draw(text_buffer *out, curve which, const silma_epoch *epochs, size_t count, double width, double height);
// Loss, accuracy and true positives side by side.
void curves_draw(text_buffer *out, const silma_epoch *epochs, size_t count, double width, double height);

#endif
