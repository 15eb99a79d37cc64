// Losses, eq. 26-31 and 38, computed from the logits and the head (the last activation) together, so that neither a
// logarithm of 0 nor a difference of large numbers arises.
#ifndef SILMA_TRAIN_LOSS_H
#define SILMA_TRAIN_LOSS_H

#include "core/private.h"
#include "kernels/kernels.h"
#include "nn/words.h"

typedef enum loss_kind {
    LOSS_CATEGORICAL_CROSSENTROPY = 0, // eq. 30, 38; after softmax
    LOSS_BINARY_CROSSENTROPY,          // eq. 28; after sigmoid (or softmax); the mean over the outputs
    LOSS_MEAN_SQUARED_ERROR,           // the mean over the outputs: eq. 26 times 2 / outputs
} loss_kind;

typedef struct loss_function {
    loss_kind kind;
    double label_smoothing; // of the cross-entropies; 0: off
} loss_function;

enum { LOSS_TEXT_MAX = 96 };
extern const char LOSS_SYNOPSIS[];

// Takes "categorical_crossentropy label_smoothing=0.1" from the line; what is left over is the caller's to report.
silma_status loss_parse(loss_function *l, words *line, silma_error *error);
void loss_describe(const loss_function *l, char text[LOSS_TEXT_MAX]) SILMA_PRIVATE_API(loss_describe);

// The loss of a network whose recipe names none: binary after a sigmoid or for one output, otherwise categorical.
loss_function loss_default(activation_kind head, size_t outputs);

// Whether the loss can follow this head, and the outputs fit the classes: one each, or a single sigmoid output (or a
// single one under mean_squared_error) for two classes. SILMA_USAGE with what to change.
silma_status loss_check(const loss_function *l, activation_kind head, size_t outputs, int class_count,
                        silma_error *error);

// The batch that a loss is computed of.
typedef struct loss_batch {
    activation_kind head; // LINEAR, SIGMOID or SOFTMAX
    size_t n;             // images
    size_t outputs;
    const float *logits;  // (n, outputs)
    float *probabilities; // (n, outputs), receives head(logits)
    float *dlogits;       // (n, outputs), receives the gradient of the mean weighted loss; may be null
} loss_batch;

// Returns the sum over the images of weight x loss. dlogits is the gradient of that sum divided by n, as Keras's fit
// has it (sum_over_batch_size). labels (n), each below the number of classes; class_weights (classes) may be null.
double loss_compute(const loss_function *l, const loss_batch *batch, const uint32_t *labels,
                    const float *class_weights);

// The same with targets (n, outputs): each row a distribution over the classes (categorical) or values in [0, 1]
// (binary) or anything (mean squared error). image_weights (n) may be null.
double loss_compute_targets(const loss_function *l, const loss_batch *batch, const float *targets,
                            const float *image_weights) SILMA_PRIVATE_API(loss_compute_targets);

#endif
