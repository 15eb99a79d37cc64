// init=whitening: the first convolution's filters, from the training images themselves.
//
// The patches under a filter (kh x kw pixels of c channels) have the covariance C = sum_i lambda_i v_i v_i^T. A filter
//
//     +-v_i / sqrt(lambda_i + epsilon)
//
// sees one of the directions in which they differ, each as strong as any other, and none twice: what the layers behind
// it would have to learn first. The directions are taken from the strongest on, each with both signs (ReLU passes one
// of them); filters beyond twice the patch's values stay He's. (Jordan, "94% on CIFAR-10 in 3.29 seconds on a single
// GPU", 2024; after Page, "How to train your ResNet", 2018.)
#ifndef SILMA_TRAIN_WHITENING_H
#define SILMA_TRAIN_WHITENING_H

#include "nn/graph.h"

#include "silma/silma.h"

// The images that are looked at, and how a pixel becomes an input: pixel * scale[c] + shift[c].
typedef struct whitening_source {
    const silma_images *images;
    const uint32_t *indices; // (count)
    size_t count;
    const float *scale, *shift; // (channels)
} whitening_source;

// Fills the kernels that ask for it in `weights`; fails where one does not stand first.
silma_status whiten_filters(const graph *g, const whitening_source *source, float *weights, silma_error *error);

// Eigenvalues (n) and eigenvectors (n, n; a row each) of the symmetric matrix a (n, n), which is destroyed, from the
// largest on; each vector's largest element is positive.
void symmetric_eigen(size_t n, double *a, double *values, double *vectors);

#endif
