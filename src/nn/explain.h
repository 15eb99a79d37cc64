// How a layer explains itself to a reader: its formulas, and the rule by which each output is made of inputs and
// parameters. `silma trace` shows it, computes each output once more in double precision by the rule, and lets the
// reader take any output apart. A layer type that has no `explain` is shown by its values alone.
#ifndef SILMA_NN_EXPLAIN_H
#define SILMA_NN_EXPLAIN_H

#include "core/private.h"
#include "nn/layer.h"

typedef enum explanation_rule {
    RULE_NONE = 0,  // known to the layer's functions only
    RULE_COPY,      // y is x under another shape; of several inputs: side by side along the channels
    RULE_SUM,       // z = sum over the window of x times `kernel`, plus `bias`; y = f(z)
    RULE_MAXIMUM,   // of the window's pixels that lie in the image
    RULE_MEAN,      // the same
    RULE_FUNCTION,  // y = f(x)
    RULE_SLOPE,     // y = x, or `slope` (a channel's) times x where x is negative
    RULE_NORMALISE, // xhat = (x - mean) / sqrt(variance + epsilon) over the channel's pixels; y = gamma xhat + beta
    RULE_SCALE,     // y = x times a factor of its own that does not depend on x
    RULE_ADD,       // the sum of the inputs
} explanation_rule;

// TeX as report/mathml.h reads it. Indices count from 1, as in the thesis.
typedef struct formula {
    const char *tex;
    const char *equations; // their numbers in the thesis, "57" or "36, 37"; null: it has none
} formula;

typedef struct explanation {
    explanation_rule rule;
    window_shape window; // RULE_SUM, RULE_MAXIMUM, RULE_MEAN; a dense layer's is 1x1 over 1x1 pixels
    activation act;      // RULE_SUM, RULE_FUNCTION
    double epsilon;      // RULE_NORMALISE
    // Each ended by a null tex; null: none.
    const formula *forward;    // y of x, without the activation
    const formula *parameters; // the gradients of the parameters
    const formula *input;      // the gradient of the input
    const char *note;          // a sentence for the reader; may be null
} explanation;

// The layer's explanation for one image; of RULE_NONE where its type has none.
void layer_explain(const layer *l, const shape *in, explanation *e) SILMA_PRIVATE_API(layer_explain);

// f and f' of an activation, two formulas; null for linear.
const formula *activation_formulas(activation_kind kind) SILMA_PRIVATE_API(activation_formulas);

#endif
