// A graph, a batch size and a mode, compiled into an ordered list of steps and one arena in which tensors whose lives
// do not overlap share space. Running a step allocates nothing.
//
// Layers that follow each other form a wave: within it, a few images at a time pass through all of its layers, forward
// or backward, while they lie in the cache. A wave ends where a layer needs the whole batch: before the sums of batch
// normalisation, and around dense layers. A tensor that is born and dies within one wave has room for these few images
// only. Where there are enough of such slices, each thread takes its own, and has room of its own for them.
//
//     forward of the thesis's CNN:  conv1 | batchnorm1 conv2 | batchnorm2 maxpool1 dropout1 conv3 | ...
//
// Time counts waves: forward ones, the loss, backward ones. A tensor lives from the wave that writes it to the last one
// that reads it: y[i] is read by later layers' forward, and by backward where a contract asks for it; dy[i] is written
// by the backward of the layers that read y[i], and read by the backward of layer i.
#ifndef SILMA_NN_PLAN_H
#define SILMA_NN_PLAN_H

#include "core/private.h"
#include "nn/graph.h"

typedef enum plan_mode { PLAN_INFER, PLAN_TRAIN } plan_mode;

typedef struct plan plan;

// Compiles for batches of at most `batch` images. The graph must outlive the plan. Takes no arena yet.
silma_status plan_create(plan **p, const graph *g, const kernels *k, thread_pool *pool, size_t batch, plan_mode mode,
                         silma_error *error) SILMA_PRIVATE_API(plan_create);
void plan_free(plan *p) SILMA_PRIVATE_API(plan_free);

// The arena's size in bytes, and the arena to use: 64-byte aligned, at least that large, not owned. Two plans that do
// not run at the same time may share one.
size_t plan_arena_bytes(const plan *p) SILMA_PRIVATE_API(plan_arena_bytes);
void plan_bind(plan *p, void *arena) SILMA_PRIVATE_API(plan_bind);

typedef struct plan_step {
    size_t n;      // images in this batch, at most the plan's
    bool training; // PLAN_TRAIN only; false there: the gradients of the network as it infers
    uint64_t seed;
    uint32_t step;
    // The weights are those of this plan's last forward, and nobody else has used the arena since: what was made of
    // them alone, such as packed filters, is used again. PLAN_INFER only.
    bool same_weights;
    float *weights;
    float *gradients; // backward only
    float *statistics;
} plan_step;

float *plan_input(plan *p)
    SILMA_PRIVATE_API(plan_input); // (batch, h, w, c), to be filled before each plan_forward, which may overwrite it
float *plan_output(plan *p) SILMA_PRIVATE_API(plan_output); // (batch, classes) logits, after plan_forward
float *plan_output_gradient(plan *p)
    SILMA_PRIVATE_API(plan_output_gradient); // (batch, classes), to be filled before plan_backward
// Asks that backward also computes the gradient of the input; call before plan_arena_bytes. For gradient checks.
silma_status plan_want_input_gradient(plan *p, silma_error *error) SILMA_PRIVATE_API(plan_want_input_gradient);
float *plan_input_gradient(plan *p) SILMA_PRIVATE_API(plan_input_gradient);

void plan_forward(plan *p, const plan_step *step) SILMA_PRIVATE_API(plan_forward);
void plan_backward(plan *p, const plan_step *step) SILMA_PRIVATE_API(plan_backward);

// Runs the step again, with the input filled again, and looks after each layer for a NaN or an infinity. Returns the
// layer's number, and in *where "output", "gradient" or a parameter's name; SIZE_MAX if everything is finite. The
// output gradient is computed by `loss`, called between forward and backward.
size_t plan_find_non_finite(plan *p, const plan_step *step, void (*loss)(void *argument), void *argument,
                            const char **where);

#endif
