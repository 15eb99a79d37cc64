// One image through a network, forward and backward, layer by layer, with nothing thrown away: every output and every
// gradient stays in memory of its own. A training step with a batch of one.
#ifndef SILMA_REPORT_TRACE_RUN_H
#define SILMA_REPORT_TRACE_RUN_H

#include "nn/graph.h"

typedef struct traced_layer {
    float *y;    // (out)
    float *dy;   // (out) dE/dy
    float *used; // (out) the copy of dy that backward uses up
    void *saved, *saved_image;
    bool has_gradient; // of its output: some layer that reads it has given its part
} traced_layer;

typedef struct trace_run {
    const graph *g;
    const kernels *k;
    thread_pool *pool;
    uint64_t seed;        // of dropout
    size_t count;         // layers that are run: output_layer + 1
    traced_layer *layers; // (count)
    const float *weights; // (g->weight_count), the caller's
    float *gradients;     // (g->weight_count)
    float *statistics;    // (g->statistic_count): a copy, which a training step moves
} trace_run;

// Free with trace_run_free, also after a failure. `pool` is for fast kernels; the reference ignores it.
silma_status trace_run_create(trace_run *run, const graph *g, const kernels *k, thread_pool *pool, const float *weights,
                              const float *statistics, uint64_t seed, silma_error *error);
void trace_run_free(trace_run *run);

float *trace_run_input(trace_run *run);           // to be filled before trace_run_forward
float *trace_run_output_gradient(trace_run *run); // to be filled before trace_run_backward

silma_status trace_run_forward(trace_run *run, silma_error *error);
silma_status trace_run_backward(trace_run *run, silma_error *error);

// The forward function of layer i alone: inputs `x` (one for each of its inputs) into y (out).
silma_status trace_run_layer(trace_run *run, size_t i, const float *const *x, float *y, silma_error *error);

// `count` floats of zero, aligned as kernels want them; free with free().
float *trace_floats(size_t count);

#endif
