// What inference makes of batch normalisation.
#ifndef SILMA_NN_LAYERS_BATCHNORM_H
#define SILMA_NN_LAYERS_BATCHNORM_H

#include "nn/layer.h"

// y = x scale + shift, each (c), of a layer of type batchnorm.
void batchnorm_affine(const layer *l, const float *weights, const float *statistics, double *scale, double *shift);

#endif
