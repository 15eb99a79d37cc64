// What a plan is made of; shared by plan.c (making it) and plan_run.c (running it).
#ifndef SILMA_NN_PLAN_INSIDE_H
#define SILMA_NN_PLAN_INSIDE_H

#include "nn/arena.h"
#include "nn/plan.h"

enum { NO_BLOCK = -1 };

// Where the gradient of one input of one layer goes.
typedef enum gradient_route {
    ROUTE_NONE,  // nobody needs it
    ROUTE_WRITE, // straight into the input's gradient
    ROUTE_ADD,   // the input's gradient has a part already: into `part`, then added
} gradient_route;

// One layer of the plan: its layer, and the arena blocks it uses (numbers into plan.blocks, or NO_BLOCK).
typedef struct plan_layer {
    const layer *l;
    int y, dy, saved, saved_image, packed, forward_workspace, backward_workspace;
    int forward_gather_workspace, backward_gather_workspace;
    size_t forward_gatherer; // the layer that gathers from this one's output as it is made; 0: none
    size_t gather_source;    // the reverse; 0: this layer gathers all images at once, at the start of its wave
    size_t last_reader;      // of the output, in the order of backward: then dy is complete; 0: none
    int later_gradients;     // of its parameters, by every slice but the first
    gradient_route *routes;  // (input_count)
    int *parts;              // (input_count) blocks of ROUTE_ADD
    bool needs_gradient;     // of its output
    size_t saved_image_bytes;
    shape *in; // (input_count)
    // Filled for each slice, for each lane:
    layer_call *calls; // (lanes); their arrays are the plan's
    const float **x;   // (lanes, input_count)
    float **dx;        // (lanes, input_count) the input's gradient, or the part
} plan_layer;

// Layers `first` to `last` of the text, run together; a backward wave runs from `last` down to `first`.
typedef struct wave {
    size_t first, last;
    size_t slice; // images at a time
    size_t lanes; // slices at a time: one, whose kernels use all threads, or one for each thread
} wave;

// What a block of the arena holds: something of each image, or (image_bytes 0) one thing for the batch.
typedef struct block_use {
    size_t image_bytes;
    bool workspace;    // of a call
    bool sliced;       // has room for the images of a slice only
    size_t lane_bytes; // what each lane has for itself; 0: all share it
} block_use;

struct plan {
    const graph *g;
    const kernels *k;
    thread_pool *pool;
    size_t lanes; // at most: threads
    size_t batch;
    plan_mode mode;
    bool want_input_gradient;
    size_t count; // layers that are run: output_layer + 1
    plan_layer *layers;
    wave *forward_waves, *backward_waves; // (count) at most
    size_t forward_wave_count, backward_wave_count;
    arena_block *blocks; // their times are steps while the plan is made, waves when they are placed
    block_use *uses;     // (block_count)
    size_t block_count;
    size_t arena_bytes;
    unsigned char *arena;
    bool packed; // the arena holds what layers packed
};

static inline bool plan_trains(const plan *p)
{
    return p->mode == PLAN_TRAIN;
}

static inline bool layer_has(const layer *l, layer_contract contract)
{
    return (l->contract & contract) != 0;
}

// The layer's trainable parameters lie side by side in the vector of weights: from `first` on, `count` floats.
void plan_parameter_range(const layer *l, size_t *first, size_t *count);

#endif
