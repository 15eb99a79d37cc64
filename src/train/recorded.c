#include "train/recorded.h"

#include <assert.h>
#include <math.h>

const char *const recorded_names[RECORDED_COUNT] = {
    [RECORDED_LOSS] = "loss",
    [RECORDED_ACCURACY] = "accuracy",
    [RECORDED_TRUE_POSITIVES] = "true_positives",
    [RECORDED_VAL_LOSS] = "val_loss",
    [RECORDED_VAL_ACCURACY] = "val_accuracy",
    [RECORDED_VAL_TRUE_POSITIVES] = "val_true_positives",
};

double recorded_value(const silma_epoch *epoch, recorded watch)
{
    const double values[] = {epoch->loss,     epoch->accuracy,     epoch->true_positives,
                             epoch->val_loss, epoch->val_accuracy, epoch->val_true_positives};
    static_assert(sizeof values / sizeof values[0] == RECORDED_COUNT, "a value for each name");
    return values[watch];
}

bool recorded_is_validation(recorded watch)
{
    return watch >= RECORDED_VAL_LOSS;
}

bool recorded_improves(recorded watch, double value, double best, double min_delta)
{
    if (isnan(value)) return false;
    if (isnan(best)) return true;
    bool falling = watch == RECORDED_LOSS || watch == RECORDED_VAL_LOSS;
    return falling ? value < best - min_delta : value > best + min_delta;
}
