// A network run the plain way: every tensor in memory of its own, every layer called once with the whole batch, nothing
// in place. What a plan must agree with.
#ifndef NAIVE_NETWORK_H
#define NAIVE_NETWORK_H

#include "nn/plan.h"

typedef struct naive_layer {
    float *y, *dy; // (n, out)
    void *saved, *saved_image;
    bool needs_gradient;
} naive_layer;

typedef struct naive_network {
    const graph *g;
    const kernels *k;
    thread_pool *pool;
    plan_step step;
    bool trains;         // whether backward will be asked for
    size_t count;        // layers that are run
    naive_layer *layers; // (count)
} naive_network;

// For step->n images; the step's vectors are the caller's. The gradient of the input is asked for.
void naive_create(naive_network *net, const graph *g, const kernels *k, thread_pool *pool, const plan_step *step,
                  bool trains);
void naive_free(naive_network *net);

float *naive_input(naive_network *net);
float *naive_output(naive_network *net);
float *naive_output_gradient(naive_network *net); // to be filled before naive_backward
float *naive_input_gradient(naive_network *net);

void naive_forward(naive_network *net);
void naive_backward(naive_network *net);

#endif
