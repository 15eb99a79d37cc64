// Where a network looks: how strongly the score of a class answers to each pixel of an image.
//
// SmoothGrad (Smilkov et al., 2017): the gradient of the class's logit by the pixels, over several copies of the image
// with a little noise, root mean square over copies and channels. It needs nothing but a backward pass, so that it
// works for every network, convolutional or not.
#ifndef SILMA_REPORT_SALIENCY_H
#define SILMA_REPORT_SALIENCY_H

#include "nn/model.h"

// pixels (count, h, w, c) of the network's input size; classes (count) of which the scores are followed; maps
// (count, h, w) receive values from 0 to 1, 1 for the strongest pixels of each image.
silma_status saliency_compute(const silma_model *model, silma_context *context, const uint8_t *pixels,
                              const uint32_t *classes, size_t count, float *maps, silma_error *error);

#endif
