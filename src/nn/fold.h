// Batch normalisation folded into filters, once, for inference: there its mean and variance are constants, so that it
// is y = x scale + shift a channel, and after a linear layer no layer at all:
//
//     conv bias=no                       conv relu        filters times scale, shift for bias
//     maxpool                     ->     maxpool          (where no scale is negative)
//     batchnorm
//     relu
//
// The folded network computes the same but for rounding.
#ifndef SILMA_NN_FOLD_H
#define SILMA_NN_FOLD_H

#include "nn/graph.h"

typedef struct folded_network {
    graph *g; // null: there is nothing to fold
    float *weights, *statistics;
} folded_network;

// The layers up to the output of `g`, with as many batch normalisations folded as can be. The graph's head is not part
// of it. Free with folded_network_free.
silma_status fold_network(folded_network *folded, const graph *g, const float *weights, const float *statistics,
                          silma_error *error);
void folded_network_free(folded_network *folded);

#endif
