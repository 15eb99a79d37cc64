// Resizing with anti-aliasing: every output is a mean of inputs, weighted by a triangle around its place that is as
// wide as two outputs (never narrower than two inputs), as in Pillow's BILINEAR. Pixel i covers [i, i + 1).
#ifndef SILMA_DATA_RESIZE_H
#define SILMA_DATA_RESIZE_H

#include "silma/silma.h"

// The weights along one side. Output i is the sum of weights[i * most_taps + t] * input[first[i] + t] over t < taps[i];
// its weights add up to 1.
typedef struct resize_axis {
    int size;       // outputs
    int most_taps;  // inputs that an output may need
    int *first;     // (size)
    int *taps;      // (size)
    float *weights; // (size, most_taps)
} resize_axis;

// `size` outputs that share the inputs in [from, to) out of [0, inputs); at its ends the triangle reaches beyond that
// range, but not beyond the inputs. Free with resize_axis_free, also after a failure.
silma_status resize_axis_create(resize_axis *axis, int inputs, double from, double to, int size, silma_error *error);
void resize_axis_free(resize_axis *axis);

// sum += weight * row, over `count` values.
void resize_add_bytes(float *sum, const uint8_t *row, float weight, size_t count);
void resize_add_floats(float *sum, const float *row, float weight, size_t count);

// Resizes a row of pixels of 1 or 3 channels to axis->size pixels, rounded.
void resize_row(const resize_axis *axis, const float *row, int channels, uint8_t *pixels);

#endif
