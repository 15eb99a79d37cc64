// What predictions tell of a model: the confusion matrix, scores of each class with intervals, the mistakes of which it
// was most certain, the pairs that it confuses, and how far its probabilities can be believed.
#ifndef SILMA_REPORT_SCORES_H
#define SILMA_REPORT_SCORES_H

#include "silma/silma.h"

typedef struct interval {
    double value, low, high; // a share and its 95 % interval; NaN where there is nothing to divide by
} interval;

// Wilson's interval of successes / count.
interval share_interval(size_t successes, size_t count);

typedef struct class_scores {
    size_t support, predicted, hits;
    interval precision, recall;
    interval f1; // from Wilson's interval of J = hits / (images of the class or taken for it), as F1 = 2J / (1 + J)
} class_scores;

typedef struct confused_pair {
    int truth, taken_for;
    size_t count;
    double share; // of the images of `truth`
} confused_pair;

typedef struct calibration_bin {
    size_t count, hits;
    double confidence; // mean of the greatest probabilities in the bin; NaN for an empty one
    interval accuracy;
} calibration_bin;

// What is right of those predictions whose probability is above a threshold.
typedef struct selective {
    double threshold;
    size_t count, hits;
    interval accuracy;
} selective;

enum { RELIABILITY_BINS = 10, SELECTIVE_COUNT = 5 };
extern const double SELECTIVE_THRESHOLDS[SELECTIVE_COUNT]; // 0.9 is one of them

typedef struct scores {
    size_t count; // images
    int class_count;
    uint32_t *indices;    // (count) in the data set
    uint32_t *labels;     // (count)
    uint32_t *predicted;  // (count)
    float *confidence;    // (count) probability of the predicted class
    float *probabilities; // (count, class_count)
    size_t *confusion;    // (class_count, class_count): row: true class, column: predicted
    class_scores *classes;
    size_t hits;
    interval accuracy;
    uint32_t *mistakes; // (mistake_count) positions in these lists, the most confident first
    size_t mistake_count;
    confused_pair *pairs; // (pair_count) the most frequent first
    size_t pair_count;
    calibration_bin bins[RELIABILITY_BINS];
    double calibration_error; // expected: the bins' |accuracy - confidence|, weighted by their images
    double mean_confidence;
    selective selective[SELECTIVE_COUNT];
} scores;

// Copies what it is given: indices (count), labels (count) below class_count, probabilities (count, class_count).
silma_status scores_compute(scores *s, size_t count, int class_count, const uint32_t *indices, const uint32_t *labels,
                            const float *probabilities, silma_error *error);
void scores_free(scores *s); // what it holds

#endif
