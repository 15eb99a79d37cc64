// What silma_network holds.
#ifndef SILMA_NN_NETWORK_H
#define SILMA_NN_NETWORK_H

#include "nn/graph.h"

struct silma_network {
    char *name; // "cnn" for zoo networks and for path/cnn.silma
    graph *g;
};

#endif
