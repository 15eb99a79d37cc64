// What is counted while images pass: the running sums of an epoch, and the full tables of an evaluation.
#ifndef SILMA_TRAIN_METRICS_H
#define SILMA_TRAIN_METRICS_H

#include "core/private.h"
#include "silma/silma.h"

// Sums of an epoch so far. All zero at the start.
typedef struct metrics {
    double loss_sum; // of weighted losses
    uint64_t images;
    uint64_t correct;        // the greatest probability is the true class's (the first of equal ones counts); one
                             // output: above 0.5 is class 1
    uint64_t true_positives; // as Keras's TruePositives: probabilities above 0.5 where the target is 1; one output:
                             // only images of class 1 can count
} metrics;

// Adds a batch: probabilities (n, outputs), labels (n), and the sum of its losses.
void metrics_add(metrics *m, double loss_sum, size_t n, size_t outputs, const float *probabilities,
                 const uint32_t *labels);

// Means over the images; NaN where there are none.
double metrics_loss(const metrics *m);
double metrics_accuracy(const metrics *m);
double metrics_true_positives(const metrics *m);

// A checkpoint in the middle of an epoch keeps these. Counts are exact in doubles up to 2^53.
enum { METRICS_VALUES = 4 };
void metrics_store(const metrics *m, double values[METRICS_VALUES]);
bool metrics_restore(metrics *m, const double values[METRICS_VALUES]); // false: not what metrics_store wrote

// Wilson's 95 % interval of a share of `count` trials; [0, 1] for none.
void wilson_interval(uint64_t successes, uint64_t count, double *low, double *high) SILMA_PRIVATE_API(wilson_interval);

// An evaluation: start, add batches, finish. Until it is finished, `loss`, `top5` and `true_positives` hold sums.
// silma_evaluation_free, which is defined here, frees it at any time.
silma_status evaluation_start(silma_evaluation *evaluation, int class_count, silma_error *error)
    SILMA_PRIVATE_API(evaluation_start);
void evaluation_add(silma_evaluation *evaluation, double loss_sum, size_t n, size_t outputs, const float *probabilities,
                    const uint32_t *labels) SILMA_PRIVATE_API(evaluation_add);
void evaluation_finish(silma_evaluation *evaluation) SILMA_PRIVATE_API(evaluation_finish);

#endif
