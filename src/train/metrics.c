#include "train/metrics.h"

#include "core/checked.h"
#include "core/error.h"

#include <math.h>
#include <stdlib.h>

// ---------------------------------------------------------------------------------------------------------------------
// One image: p (outputs). A single output is the probability of class 1; class 0 has the rest.

static size_t predicted_class(const float *p, size_t outputs)
{
    if (outputs == 1) return p[0] > 0.5f;
    size_t best = 0;
    for (size_t i = 1; i < outputs; i++)
        if (p[i] > p[best]) best = i;
    return best;
}

static bool is_true_positive(const float *p, size_t outputs, uint32_t label)
{
    if (outputs == 1) return label == 1 && p[0] > 0.5f;
    return p[label] > 0.5f;
}

// Of equal probabilities the first class is ahead. A NaN is ahead of everything.
static bool is_in_top5(const float *p, size_t outputs, uint32_t label)
{
    if (outputs == 1) return true; // two classes
    size_t ahead = 0;
    for (size_t i = 0; i < outputs; i++)
        ahead += i < label ? !(p[i] < p[label]) : i > label && !(p[i] <= p[label]);
    return ahead < 5;
}

// ---------------------------------------------------------------------------------------------------------------------
// The sums of an epoch

void metrics_add(metrics *m, double loss_sum, size_t n, size_t outputs, const float *probabilities,
                 const uint32_t *labels)
{
    m->loss_sum += loss_sum;
    m->images += n;
    for (size_t i = 0; i < n; i++) {
        const float *p = probabilities + i * outputs;
        m->correct += predicted_class(p, outputs) == labels[i];
        m->true_positives += is_true_positive(p, outputs, labels[i]);
    }
}

static double mean(double sum, uint64_t count)
{
    return count ? sum / (double)count : NAN;
}

double metrics_loss(const metrics *m)
{
    return mean(m->loss_sum, m->images);
}

double metrics_accuracy(const metrics *m)
{
    return mean((double)m->correct, m->images);
}

double metrics_true_positives(const metrics *m)
{
    return mean((double)m->true_positives, m->images);
}

void metrics_store(const metrics *m, double values[METRICS_VALUES])
{
    values[0] = m->loss_sum;
    values[1] = (double)m->images;
    values[2] = (double)m->correct;
    values[3] = (double)m->true_positives;
}

// A count that a damaged file may have turned into anything.
static bool restore_count(double value, uint64_t *count)
{
    if (!(value >= 0 && value <= 0x1p53) || value != floor(value)) return false;
    *count = (uint64_t)value;
    return true;
}

bool metrics_restore(metrics *m, const double values[METRICS_VALUES])
{
    m->loss_sum = values[0];
    return restore_count(values[1], &m->images) && restore_count(values[2], &m->correct) &&
           restore_count(values[3], &m->true_positives);
}

// ---------------------------------------------------------------------------------------------------------------------
// An evaluation

// Wilson's score interval: (p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n).
void wilson_interval(uint64_t successes, uint64_t count, double *low, double *high)
{
    const double z = 1.959963984540054; // 97.5 % of the normal distribution lie below it
    *low = 0;
    *high = 1;
    if (count == 0) return;
    double n = (double)count;
    double p = (double)successes / n;
    double centre = p + z * z / (2 * n);
    double reach = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    double scale = 1 + z * z / n;
    *low = fmax((centre - reach) / scale, 0);
    *high = fmin((centre + reach) / scale, 1);
}

silma_status evaluation_start(silma_evaluation *evaluation, int class_count, silma_error *error)
{
    *evaluation = (silma_evaluation){.class_count = class_count};
    size_t cells = 0;
    if (!checked_mul((size_t)class_count, (size_t)class_count, &cells))
        return silma_fail(error, SILMA_USAGE, "%d classes are too many for a confusion matrix", class_count);
    evaluation->classes = calloc((size_t)class_count, sizeof *evaluation->classes);
    evaluation->confusion = calloc(cells, sizeof *evaluation->confusion);
    if (evaluation->classes && evaluation->confusion) return SILMA_OK;
    silma_evaluation_free(evaluation);
    return silma_fail_memory(error, cells * sizeof *evaluation->confusion);
}

void silma_evaluation_free(silma_evaluation *evaluation)
{
    if (!evaluation) return;
    free(evaluation->classes);
    free(evaluation->confusion);
    *evaluation = (silma_evaluation){0};
}

void evaluation_add(silma_evaluation *evaluation, double loss_sum, size_t n, size_t outputs, const float *probabilities,
                    const uint32_t *labels)
{
    evaluation->count += n;
    evaluation->loss += loss_sum;
    for (size_t i = 0; i < n; i++) {
        const float *p = probabilities + i * outputs;
        evaluation->top5 += is_in_top5(p, outputs, labels[i]);
        evaluation->true_positives += is_true_positive(p, outputs, labels[i]);
        evaluation->confusion[labels[i] * (size_t)evaluation->class_count + predicted_class(p, outputs)]++;
    }
}

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

// Precision, recall and F1 from the confusion matrix; 0 where they would be 0/0.
static silma_class_score class_score(const silma_evaluation *evaluation, size_t class)
{
    size_t classes = (size_t)evaluation->class_count;
    silma_class_score score = {0};
    for (size_t other = 0; other < classes; other++) {
        score.support += evaluation->confusion[class * classes + other];
        score.predicted += evaluation->confusion[other * classes + class];
    }
    size_t hits = evaluation->confusion[class * classes + class];
    score.precision = share(hits, score.predicted);
    score.recall = share(hits, score.support);
    score.f1 = share(2 * hits, score.support + score.predicted);
    return score;
}

void evaluation_finish(silma_evaluation *evaluation)
{
    size_t classes = (size_t)evaluation->class_count;
    size_t correct = 0;
    for (size_t i = 0; i < classes; i++) {
        evaluation->classes[i] = class_score(evaluation, i);
        correct += evaluation->confusion[i * classes + i];
    }
    evaluation->loss = mean(evaluation->loss, evaluation->count);
    evaluation->accuracy = mean((double)correct, evaluation->count);
    evaluation->top5 = mean(evaluation->top5, evaluation->count);
    evaluation->true_positives = mean(evaluation->true_positives, evaluation->count);
    wilson_interval(correct, evaluation->count, &evaluation->accuracy_low, &evaluation->accuracy_high);
}
