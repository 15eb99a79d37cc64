// Calibration: probabilities that are as often right as they say (temperature scaling: Guo et al., 2017), and a bound
// below which the model says that it does not know.
//
// With logits z and b = 1 / temperature, the loss of an image is log(sum exp(b z)) - b z[label] after a softmax, and
// the binary cross-entropy of sigmoid(b z) after a sigmoid. Both are convex in b: Newton's steps, kept between two
// bounds.
#include "core/checked.h"
#include "core/error.h"
#include "data/pad.h"
#include "kernels/context.h"
#include "nn/model.h"
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANGES = 15, STEPS_MOST = 100 };

typedef struct logit_table {
    const silma_model *model;
    size_t count, outputs;
    float *logits;    // (count, outputs), as trained
    uint32_t *labels; // (count)
} logit_table;

// The most probable class of an image.
typedef struct best_guess {
    float probability;
    bool right;
} best_guess;

// ---------------------------------------------------------------------------------------------------------------------
// Temperature

// The sum of the loss over images, and of its first and second derivative by b.
typedef struct loss_at {
    double loss, slope, curvature;
} loss_at;

static void add_softmax(loss_at *sum, const float *z, size_t outputs, uint32_t label, double b)
{
    double greatest = -INFINITY, s = 0, s1 = 0, s2 = 0;
    for (size_t k = 0; k < outputs; k++)
        greatest = fmax(greatest, b * (double)z[k]);
    for (size_t k = 0; k < outputs; k++) {
        double e = exp(b * (double)z[k] - greatest);
        s += e;
        s1 += e * (double)z[k];
        s2 += e * (double)z[k] * (double)z[k];
    }
    double mean = s1 / s;
    sum->loss += greatest + log(s) - b * (double)z[label];
    sum->slope += mean - (double)z[label];
    sum->curvature += s2 / s - mean * mean;
}

// A single output stands for class 1.
static void add_sigmoid(loss_at *sum, const float *z, size_t outputs, uint32_t label, double b)
{
    for (size_t k = 0; k < outputs; k++) {
        bool target = outputs == 1 ? label == 1 : label == k;
        double x = b * (double)z[k], a = 1 / (1 + exp(-x)), share = 1 / (double)outputs;
        sum->loss += share * (fmax(x, 0) - (target ? x : 0) + log1p(exp(-fabs(x))));
        sum->slope += share * (a - target) * (double)z[k];
        sum->curvature += share * a * (1 - a) * (double)z[k] * (double)z[k];
    }
}

static loss_at measure_loss(const logit_table *table, double b)
{
    loss_at sum = {0};
    for (size_t i = 0; i < table->count; i++) {
        const float *z = table->logits + i * table->outputs;
        if (table->model->g->head == ACTIVATION_SOFTMAX)
            add_softmax(&sum, z, table->outputs, table->labels[i], b);
        else
            add_sigmoid(&sum, z, table->outputs, table->labels[i], b);
    }
    double n = (double)table->count;
    return (loss_at){sum.loss / n, sum.slope / n, sum.curvature / n};
}

// The slope grows with b: where it is 0 lies the least loss.
static double best_temperature(const logit_table *table)
{
    double low = 1 / MODEL_TEMPERATURE_MOST, high = 1 / MODEL_TEMPERATURE_LEAST, b = 1;
    for (int step = 0; step < STEPS_MOST && high - low > 1e-9 * high; step++) {
        loss_at here = measure_loss(table, b);
        if (here.slope > 0)
            high = b;
        else
            low = b;
        double next = b - here.slope / here.curvature;
        bool inside = next > low && next < high; // false for NaN as well
        if (inside && fabs(next - b) < 1e-9 * b) break;
        b = inside ? next : (low + high) / 2;
    }
    return 1 / b;
}

// ---------------------------------------------------------------------------------------------------------------------
// Threshold

// As model_run and model_probabilities compute it, to the bit. `row` (class_count) and `scaled` (outputs) are scratch.
static void guess_all(const logit_table *table, double temperature, float *scaled, float *row, best_guess *guesses)
{
    float colder = (float)(1 / temperature);
    int classes = table->model->class_count;
    for (size_t i = 0; i < table->count; i++) {
        for (size_t k = 0; k < table->outputs; k++)
            scaled[k] = table->logits[i * table->outputs + k] * colder;
        model_probabilities(table->model, scaled, row);
        int best = 0;
        for (int c = 1; c < classes; c++)
            if (row[c] > row[best]) best = c;
        guesses[i] = (best_guess){row[best], (uint32_t)best == table->labels[i]};
    }
}

static double calibration_error(const best_guess *guesses, size_t count)
{
    double confidence[RANGES] = {0}, right[RANGES] = {0}, error = 0;
    for (size_t i = 0; i < count; i++) {
        int range = (int)fmin(RANGES - 1, floor((double)guesses[i].probability * RANGES));
        confidence[range] += (double)guesses[i].probability;
        right[range] += guesses[i].right;
    }
    for (int r = 0; r < RANGES; r++)
        error += fabs(confidence[r] - right[r]);
    return error / (double)count;
}

static int by_falling_probability(const void *a, const void *b)
{
    const best_guess *x = a, *y = b;
    return (x->probability < y->probability) - (x->probability > y->probability);
}

// The most images, the surest first, of which at most error_rate are wrong: *known. Images of the same probability stay
// together. *threshold lies between the last of them and the next.
static bool choose_threshold(best_guess *guesses, silma_calibration_report *report)
{
    size_t count = report->count, wrong = 0;
    qsort(guesses, count, sizeof *guesses, by_falling_probability);
    report->known = report->known_right = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += !guesses[i].right;
        bool last_of_equals = i + 1 == count || guesses[i + 1].probability < guesses[i].probability;
        if (!last_of_equals || (double)wrong > report->calibration.error_rate * (double)(i + 1)) continue;
        report->known = i + 1;
        report->known_right = i + 1 - wrong;
    }
    if (report->known == 0) return false;
    report->calibration.threshold = 0;
    if (report->known == count) return true;
    float last = guesses[report->known - 1].probability, next = guesses[report->known].probability;
    float middle = next + (last - next) / 2;
    report->calibration.threshold = (double)(middle > next ? middle : last);
    return true;
}

// ---------------------------------------------------------------------------------------------------------------------

static silma_status compute_logits(silma_model *model, silma_context *context, const silma_images *images,
                                   const uint32_t *indices, logit_table *table, silma_error *error)
{
    silma_status status = model_prepare(model, context->k, context->pool, MODEL_BATCH_MAX, error);
    if (status != SILMA_OK) return status;
    size_t batch = model->batch < MODEL_BATCH_MAX ? model->batch : MODEL_BATCH_MAX;
    uint32_t listed[MODEL_BATCH_MAX];
    for (size_t first = 0; first < table->count; first += batch) {
        size_t n = table->count - first < batch ? table->count - first : batch;
        for (size_t i = 0; i < n; i++) {
            listed[i] = indices ? indices[first + i] : (uint32_t)(first + i);
            table->labels[first + i] = images->labels[listed[i]];
        }
        const float *logits = model_run(model, n, listed, images->pixels);
        memcpy(table->logits + first * table->outputs, logits, n * table->outputs * sizeof *logits);
    }
    return SILMA_OK;
}

static silma_status check_finite(const logit_table *table, silma_error *error)
{
    for (size_t i = 0; i < table->count * table->outputs; i++)
        if (!isfinite(table->logits[i]))
            return silma_fail(error, SILMA_DIVERGED, "the model gives an output that is not finite for image %zu",
                              i / table->outputs);
    return SILMA_OK;
}

static silma_status choose(const logit_table *table, best_guess *guesses, float *scratch,
                           silma_calibration_report *report, silma_error *error)
{
    silma_calibration *c = &report->calibration;
    float *row = scratch + table->outputs;
    silma_status status = check_finite(table, error);
    if (status != SILMA_OK) return status;
    report->loss_before = measure_loss(table, 1).loss;
    guess_all(table, 1, scratch, row, guesses);
    report->calibration_error_before = calibration_error(guesses, table->count);
    c->temperature = best_temperature(table);
    report->loss_after = measure_loss(table, 1 / c->temperature).loss;
    guess_all(table, c->temperature, scratch, row, guesses);
    report->calibration_error_after = calibration_error(guesses, table->count);
    size_t right = 0;
    for (size_t i = 0; i < table->count; i++)
        right += guesses[i].right;
    report->accuracy = (double)right / (double)table->count;
    if (choose_threshold(guesses, report)) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE,
                      "no threshold keeps the error rate at %g: the model is wrong where it is surest, too; allow more "
                      "errors",
                      c->error_rate);
}

static silma_status calibrate(silma_model *model, silma_context *context, const silma_images *images,
                              const uint32_t *indices, silma_calibration_report *report, silma_error *error)
{
    logit_table table = {.model = model, .count = report->count, .outputs = (size_t)graph_output(model->g).c};
    size_t values;
    if (!checked_mul(table.count, table.outputs * sizeof(float), &values)) return silma_fail_memory(error, SIZE_MAX);
    table.logits = malloc(values);
    table.labels = calloc(table.count, sizeof *table.labels);
    best_guess *guesses = calloc(table.count, sizeof *guesses);
    float *scratch = calloc(table.outputs + (size_t)model->class_count, sizeof *scratch);
    silma_status status = SILMA_OK;
    if (!table.logits || !table.labels || !guesses || !scratch) status = silma_fail_memory(error, values);
    if (status == SILMA_OK) status = compute_logits(model, context, images, indices, &table, error);
    if (status == SILMA_OK) status = choose(&table, guesses, scratch, report, error);
    free(table.logits);
    free(table.labels);
    free(guesses);
    free(scratch);
    return status;
}

static silma_status check_request(const silma_model *model, size_t count, double error_rate, silma_error *error)
{
    activation_kind head = model->g->head;
    if (head != ACTIVATION_SOFTMAX && head != ACTIVATION_SIGMOID)
        return silma_fail(error, SILMA_USAGE,
                          "the network ends in neither softmax nor sigmoid: it has no probabilities "
                          "to calibrate");
    if (count == 0) return silma_fail(error, SILMA_USAGE, "there are no images to calibrate on");
    if (error_rate >= 0 && error_rate <= 1) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE, "the error rate is a share from 0 to 1, found %g", error_rate);
}

silma_status silma_model_calibrate(silma_model *model, silma_context *context, const silma_dataset *dataset,
                                   const uint32_t *indices, size_t index_count, double error_rate,
                                   silma_calibration_report *report, silma_error *error)
{
    const silma_images *images = silma_dataset_images(dataset);
    size_t count = indices ? index_count : images->count;
    silma_status status = check_request(model, count, error_rate, error);
    if (status == SILMA_OK) status = evaluate_check_classes(model, dataset, error);
    if (status == SILMA_OK) status = evaluate_check_indices(dataset, indices, indices ? count : 0, error);
    if (status != SILMA_OK) return status;
    shape in = graph_input(model->g);
    silma_dataset *padded;
    status = dataset_pad(&padded, dataset, in.h, in.w, in.c, error);
    if (status != SILMA_OK) return status;

    silma_calibration before = model->calibration;
    model_forget_calibration(model);
    *report = (silma_calibration_report){.count = count};
    report->calibration = (silma_calibration){.temperature = 1, .error_rate = error_rate, .count = count};
    status = calibrate(model, context, padded ? silma_dataset_images(padded) : images, indices, report, error);
    model->calibration = status == SILMA_OK ? report->calibration : before;
    silma_dataset_free(padded);
    return status;
}
