#include "report/curves.h"

#include "report/line_chart.h"

#include <math.h>
#include <stdlib.h>

static double training_value(curve which, const silma_epoch *e)
{
    switch (which) {
    case CURVE_LOSS:
        return e->loss;
    case CURVE_ACCURACY:
        return e->accuracy;
    case CURVE_TRUE_POSITIVES:
        return e->true_positives;
    case CURVE_LEARNING_RATE:
        return e->learning_rate;
    case CURVE_SPEED:
        return e->images_per_second;
    default:
        return NAN;
    }
}

static double validation_value(curve which, const silma_epoch *e)
{
    switch (which) {
    case CURVE_LOSS:
        return e->val_loss;
    case CURVE_ACCURACY:
        return e->val_accuracy;
    case CURVE_TRUE_POSITIVES:
        return e->val_true_positives;
    default:
        return NAN;
    }
}

static bool is_any_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) return true;
    return false;
}

static unsigned best_epoch(const silma_epoch *epochs, size_t count)
{
    unsigned best = 0;
    for (size_t i = 0; i < count; i++)
        if (epochs[i].best) best = epochs[i].epoch;
    return best;
}

static bool varies_tenfold(const double *values, size_t count)
{
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < count; i++)
        if (values[i] > 0) {
            least = fmin(least, values[i]);
            most = fmax(most, values[i]);
        }
    return most > 10 * least;
}

void curve_draw(text_buffer *out, curve which, const silma_epoch *epochs, size_t count, double width, double height)
{
    static const char *const titles[CURVE_COUNT] = {"Loss", "Accuracy", "True positives", "Learning rate", "Speed"};
    static const char *const units[CURVE_COUNT] = {NULL, "per cent", "per cent", NULL, "images a second"};
    double *values = calloc(count + 1, 3 * sizeof *values);
    if (!values) {
        out->failed = true;
        return;
    }
    double *epoch = values + count, *validation = epoch + count;
    for (size_t i = 0; i < count; i++) {
        epoch[i] = epochs[i].epoch;
        values[i] = training_value(which, &epochs[i]);
        validation[i] = validation_value(which, &epochs[i]);
    }
    bool two = is_any_finite(validation, count), metric = which <= CURVE_TRUE_POSITIVES;
    chart_series series[] = {
        {.name = metric ? "training" : NULL, .x = epoch, .y = values, .count = count, .colour = 0},
        {.name = "validation", .x = epoch, .y = validation, .count = count, .colour = 1},
    };
    line_chart chart = {
        .title = titles[which],
        .x_label = "epoch",
        .y_label = units[which],
        .series = series,
        .series_count = two ? 2 : 1,
        .counting = true,
        .percent = which == CURVE_ACCURACY || which == CURVE_TRUE_POSITIVES,
        .from_zero = which == CURVE_SPEED, // a busy machine's wavering is not made to look like a fall
        .logarithmic = which == CURVE_LEARNING_RATE && varies_tenfold(values, count),
        .mark = best_epoch(epochs, count),
        .mark_label = count > 1 && best_epoch(epochs, count) > 0 ? "best" : NULL,
    };
    line_chart_draw(out, &chart, width, height);
    free(values);
}

void curves_draw(text_buffer *out, const silma_epoch *epochs, size_t count, double width, double height)
{
    enum { SHOWN = CURVE_TRUE_POSITIVES + 1 };
    for (int i = 0; i < SHOWN; i++) {
        svg_group(out, width / SHOWN * i, 0);
        curve_draw(out, (curve)i, epochs, count, width / SHOWN, height);
        svg_group_end(out);
    }
}
