// The values of an epoch's record that a rule may watch: early stopping, the plateau schedule, the best weights.
#ifndef SILMA_TRAIN_RECORDED_H
#define SILMA_TRAIN_RECORDED_H

#include "core/private.h"
#include "silma/silma.h"

typedef enum recorded {
    RECORDED_LOSS = 0,
    RECORDED_ACCURACY,
    RECORDED_TRUE_POSITIVES,
    RECORDED_VAL_LOSS,
    RECORDED_VAL_ACCURACY,
    RECORDED_VAL_TRUE_POSITIVES,
    RECORDED_COUNT,
} recorded;

extern const char *const recorded_names[RECORDED_COUNT]; // as in history.csv

double recorded_value(const silma_epoch *epoch, recorded watch) SILMA_PRIVATE_API(recorded_value);

// Whether the value is one of the validation set.
bool recorded_is_validation(recorded watch);

// Whether `value` beats `best` by more than min_delta: below for a loss, above for the others. A NaN never improves;
// against a NaN best (none so far) everything else does.
bool recorded_improves(recorded watch, double value, double best, double min_delta);

#endif
