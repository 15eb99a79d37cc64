// Optimisers, eq. 45-56: their settings, and one update of the parameter vector through the kernel table.
#ifndef SILMA_TRAIN_OPTIMIZER_H
#define SILMA_TRAIN_OPTIMIZER_H

#include "core/private.h"
#include "kernels/kernels.h"
#include "nn/words.h"

typedef enum optimizer_kind {
    OPTIMIZER_SGD = 0, // eq. 46, with momentum as Keras has it
    OPTIMIZER_ADAGRAD, // eq. 47-49
    OPTIMIZER_RMSPROP, // eq. 50-51
    OPTIMIZER_ADAM,    // eq. 52-56
    OPTIMIZER_ADAMW,   // the same with weight decay by default
} optimizer_kind;

// Values that a kind does not use are 0.
typedef struct optimizer {
    optimizer_kind kind;
    double rate;                // before the schedule
    bool rate_given;            // lr= was on the line: it wins over an earlier `lr`
    double momentum;            // sgd, rmsprop
    bool nesterov;              // sgd
    double rho;                 // rmsprop: gamma of eq. 50
    double beta1, beta2;        // adam, adamw
    double epsilon;             // all but sgd
    double weight_decay;        // all: decoupled; 0.004 for adamw, otherwise 0
    double initial_accumulator; // adagrad
} optimizer;

enum { OPTIMIZER_SLOTS_MAX = 2, OPTIMIZER_TEXT_MAX = 256 };
extern const char OPTIMIZER_SYNOPSIS[];

// Keras's defaults for the kind.
optimizer optimizer_default(optimizer_kind kind);

// Takes "adam lr=1e-3 beta1=0.9" from the line. What is left over is the caller's to report (words_finish).
silma_status optimizer_parse(optimizer *o, words *line, silma_error *error);

// The same text with every value that the kind uses.
void optimizer_describe(const optimizer *o, char text[OPTIMIZER_TEXT_MAX]) SILMA_PRIVATE_API(optimizer_describe);

// Vectors of `count` floats that the optimiser keeps from step to step, 0 to 2.
int optimizer_slots(const optimizer *o);

// Fills the slots before the first step; those that the optimiser does not use may be null.
void optimizer_prepare_slots(const optimizer *o, size_t count, float *slot0, float *slot1)
    SILMA_PRIVATE_API(optimizer_prepare_slots);

// One step: w (count) moves against g (count) times gradient_scale. `rate` already holds the schedule; `step` counts
// from 1. Unused slots may be null.
void optimizer_update(const optimizer *o, const kernels *k, thread_pool *pool, size_t count, float *w, const float *g,
                      float *slot0, float *slot1, float gradient_scale, double rate, uint64_t step)
    SILMA_PRIVATE_API(optimizer_update);

// Clipping by the norm of the whole gradient (Keras's global_clipnorm): what to multiply the gradient by so that its
// norm is at most clip_norm. 1 where clip_norm is 0 (off) or the norm is not a number.
float gradient_clip_scale(double norm, double clip_norm) SILMA_PRIVATE_API(gradient_clip_scale);

#endif
