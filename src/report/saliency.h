// Where a network looks: which pixels speak for a class.
//
// Integrated gradients (Sundararajan, Taly, Yan: "Axiomatic attribution for deep networks", 2017): on the straight way
// from a blurred copy of the image to the image itself, the gradient of the class's logit by each pixel, times the way
// that the pixel goes. All pixels together make up the difference of the logit between the two. It needs nothing but
// backward passes, so that it works for every network, convolutional or not.
#ifndef SILMA_REPORT_SALIENCY_H
#define SILMA_REPORT_SALIENCY_H

#include "nn/model.h"

// pixels (count, h, w, c) of the network's input size; classes (count) of which the scores are followed; parts
// (count, h, w) receive what each pixel adds to the logit, and differences (count), which may be null, the change of
// the logit that they make up, but for the steps' finite number.
silma_status saliency_parts(const silma_model *model, silma_context *context, const uint8_t *pixels,
                            const uint32_t *classes, size_t count, double *parts, double *differences,
                            silma_error *error);

// What speaks for the class, smoothed, as maps (count, h, w) of values from 0 to 1, 1 for the strongest pixels of each
// image.
silma_status saliency_compute(const silma_model *model, silma_context *context, const uint8_t *pixels,
                              const uint32_t *classes, size_t count, float *maps, silma_error *error);

#endif
