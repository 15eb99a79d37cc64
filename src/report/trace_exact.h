// The same network once more, in double precision, by the rules of nn/explain.h alone: what the numbers on the page
// are compared with, and what numerical derivatives are taken of. It shares no code with the kernels.
#ifndef SILMA_REPORT_TRACE_EXACT_H
#define SILMA_REPORT_TRACE_EXACT_H

#include "nn/explain.h"
#include "report/trace_run.h"
#include "train/loss.h"

typedef struct exact_layer {
    explanation e;
    double *z;      // (out) before the activation
    double *y;      // (out)
    double *factor; // (out) RULE_SCALE: what x is multiplied by; otherwise null
} exact_layer;

typedef struct exact {
    trace_run *run; // for layers without a rule: their own function, in single precision
    loss_function loss;
    const float *targets; // (outputs)
    size_t count;
    exact_layer *layers; // (count)
    double *weights;     // (g->weight_count)
    double *r;           // (outputs) the prediction: head(logits)
} exact;

// From a run that has been through forward and backward; `targets` must outlive it. Computes everything once. Free with
// exact_free, also after a failure.
silma_status exact_create(exact *x, trace_run *run, loss_function loss, const float *targets, silma_error *error);
void exact_free(exact *x);

// What a derivative is taken by.
typedef enum exact_what {
    EXACT_WEIGHT, // weights[index]
    EXACT_SUM,    // z[index] of a layer
    EXACT_OUTPUT, // y[index] of a layer, or of the input
} exact_what;

typedef struct exact_derivative {
    double value;       // central difference
    double left, right; // one-sided ones
    double step;
    bool kink; // the two sides differ: no derivative exists
} exact_derivative;

// dE/d(element `index`), for EXACT_WEIGHT of a parameter of layer i, by central differences of several steps, of which
// the one that its neighbours agree with best is taken.
silma_status exact_differentiate(exact *x, size_t i, exact_what what, size_t index, exact_derivative *derivative,
                                 silma_error *error);

#endif
