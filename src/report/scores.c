#include "report/scores.h"

#include "core/checked.h"
#include "core/error.h"
#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double SELECTIVE_THRESHOLDS[SELECTIVE_COUNT] = {0.5, 0.8, 0.9, 0.95, 0.99};

interval share_interval(size_t successes, size_t count)
{
    interval result = {.value = count ? (double)successes / (double)count : NAN};
    wilson_interval(successes, count, &result.low, &result.high);
    if (count == 0) result.low = result.high = NAN;
    return result;
}

// F1 = 2 hits / (support + predicted) grows with Jaccard's share J = hits / (support + predicted - hits), which is a
// share of images: its interval is Wilson's, and F1's follows.
static double f1_of_jaccard(double j)
{
    return 2 * j / (1 + j);
}

static interval f1_interval(size_t support, size_t predicted, size_t hits)
{
    interval j = share_interval(hits, support + predicted - hits);
    return (interval){f1_of_jaccard(j.value), f1_of_jaccard(j.low), f1_of_jaccard(j.high)};
}

void scores_free(scores *s)
{
    free(s->indices);
    free(s->labels);
    free(s->predicted);
    free(s->confidence);
    free(s->probabilities);
    free(s->confusion);
    free(s->classes);
    free(s->mistakes);
    free(s->pairs);
    *s = (scores){0};
}

static silma_status allocate(scores *s, silma_error *error)
{
    size_t classes = (size_t)s->class_count, cells, values;
    if (!checked_mul(classes, classes, &cells) || !checked_mul(s->count, classes, &values))
        return silma_fail(error, SILMA_USAGE, "%zu classes are too many for a report", classes);
    s->indices = calloc(s->count + 1, sizeof *s->indices);
    s->labels = calloc(s->count + 1, sizeof *s->labels);
    s->predicted = calloc(s->count + 1, sizeof *s->predicted);
    s->confidence = calloc(s->count + 1, sizeof *s->confidence);
    s->probabilities = calloc(values + 1, sizeof *s->probabilities);
    s->confusion = calloc(cells + 1, sizeof *s->confusion);
    s->classes = calloc(classes + 1, sizeof *s->classes);
    s->mistakes = calloc(s->count + 1, sizeof *s->mistakes);
    if (s->indices && s->labels && s->predicted && s->confidence && s->probabilities && s->confusion && s->classes &&
        s->mistakes)
        return SILMA_OK;
    return silma_fail_memory(error, values * sizeof *s->probabilities);
}

// The first of equal ones.
static uint32_t greatest(const float *values, size_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        if (values[i] > values[best]) best = i;
    return best;
}

static void count_predictions(scores *s)
{
    size_t classes = (size_t)s->class_count;
    double confidence = 0;
    for (size_t i = 0; i < s->count; i++) {
        const float *row = s->probabilities + i * classes;
        s->predicted[i] = greatest(row, classes);
        s->confidence[i] = row[s->predicted[i]];
        s->confusion[s->labels[i] * classes + s->predicted[i]]++;
        s->hits += s->predicted[i] == s->labels[i];
        confidence += (double)s->confidence[i];
        if (s->predicted[i] != s->labels[i]) s->mistakes[s->mistake_count++] = (uint32_t)i;
    }
    s->accuracy = share_interval(s->hits, s->count);
    s->mean_confidence = confidence / (double)s->count;
}

static void score_classes(scores *s)
{
    size_t classes = (size_t)s->class_count;
    for (size_t c = 0; c < classes; c++) {
        class_scores *score = &s->classes[c];
        for (size_t other = 0; other < classes; other++) {
            score->support += s->confusion[c * classes + other];
            score->predicted += s->confusion[other * classes + c];
        }
        score->hits = s->confusion[c * classes + c];
        score->precision = share_interval(score->hits, score->predicted);
        score->recall = share_interval(score->hits, score->support);
        score->f1 = f1_interval(score->support, score->predicted, score->hits);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Mistakes, the most confident first, and confused pairs, the most frequent first; equal ones in their own order

typedef struct ranked {
    double weight;
    size_t position;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *left = a, *right = b;
    if (left->weight != right->weight) return left->weight > right->weight ? -1 : 1;
    return (left->position > right->position) - (left->position < right->position);
}

static silma_status rank_mistakes(scores *s, silma_error *error)
{
    ranked *list = calloc(s->mistake_count + 1, sizeof *list);
    if (!list) return silma_fail_memory(error, s->mistake_count * sizeof *list);
    for (size_t i = 0; i < s->mistake_count; i++)
        list[i] = (ranked){(double)s->confidence[s->mistakes[i]], s->mistakes[i]};
    qsort(list, s->mistake_count, sizeof *list, compare_ranked);
    for (size_t i = 0; i < s->mistake_count; i++)
        s->mistakes[i] = (uint32_t)list[i].position;
    free(list);
    return SILMA_OK;
}

static size_t list_confused(const scores *s, ranked *list)
{
    size_t classes = (size_t)s->class_count, count = 0;
    for (size_t cell = 0; cell < classes * classes; cell++)
        if (cell / classes != cell % classes && s->confusion[cell] > 0)
            list[count++] = (ranked){(double)s->confusion[cell], cell};
    return count;
}

static silma_status rank_pairs(scores *s, silma_error *error)
{
    // No more pairs than mistakes.
    ranked *list = calloc(s->mistake_count + 1, sizeof *list);
    s->pairs = calloc(s->mistake_count + 1, sizeof *s->pairs);
    if (!list || !s->pairs) {
        free(list);
        return silma_fail_memory(error, s->mistake_count * sizeof *s->pairs);
    }
    s->pair_count = list_confused(s, list);
    qsort(list, s->pair_count, sizeof *list, compare_ranked);
    size_t classes = (size_t)s->class_count;
    for (size_t i = 0; i < s->pair_count; i++) {
        int truth = (int)(list[i].position / classes);
        size_t count = s->confusion[list[i].position];
        s->pairs[i] = (confused_pair){
            .truth = truth,
            .taken_for = (int)(list[i].position % classes),
            .count = count,
            .share = (double)count / (double)s->classes[truth].support,
        };
    }
    free(list);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Calibration

static size_t bin_of(double confidence)
{
    if (!(confidence > 0)) return 0;
    size_t bin = confidence < 1 ? (size_t)(confidence * RELIABILITY_BINS) : RELIABILITY_BINS - 1;
    return bin < RELIABILITY_BINS ? bin : RELIABILITY_BINS - 1;
}

static void measure_calibration(scores *s)
{
    double sums[RELIABILITY_BINS] = {0};
    for (size_t i = 0; i < s->count; i++) {
        size_t bin = bin_of((double)s->confidence[i]);
        s->bins[bin].count++;
        s->bins[bin].hits += s->predicted[i] == s->labels[i];
        sums[bin] += (double)s->confidence[i];
    }
    for (size_t b = 0; b < RELIABILITY_BINS; b++) {
        calibration_bin *bin = &s->bins[b];
        bin->accuracy = share_interval(bin->hits, bin->count);
        bin->confidence = bin->count ? sums[b] / (double)bin->count : NAN;
        if (bin->count)
            s->calibration_error += (double)bin->count / (double)s->count * fabs(bin->accuracy.value - bin->confidence);
    }
}

static void measure_selective(scores *s)
{
    for (size_t t = 0; t < SELECTIVE_COUNT; t++) {
        selective *chosen = &s->selective[t];
        chosen->threshold = SELECTIVE_THRESHOLDS[t];
        for (size_t i = 0; i < s->count; i++) {
            if (!((double)s->confidence[i] > chosen->threshold)) continue;
            chosen->count++;
            chosen->hits += s->predicted[i] == s->labels[i];
        }
        chosen->accuracy = share_interval(chosen->hits, chosen->count);
    }
}

silma_status scores_compute(scores *s, size_t count, int class_count, const uint32_t *indices, const uint32_t *labels,
                            const float *probabilities, silma_error *error)
{
    *s = (scores){.count = count, .class_count = class_count};
    if (count == 0) return silma_fail(error, SILMA_USAGE, "there are no images to score");
    for (size_t i = 0; i < count; i++)
        if (labels[i] >= (uint32_t)class_count)
            return silma_fail(error, SILMA_USAGE, "image %u is of class %u; the model knows %d", indices[i], labels[i],
                              class_count);
    silma_status status = allocate(s, error);
    if (status == SILMA_OK) {
        memcpy(s->indices, indices, count * sizeof *indices);
        memcpy(s->labels, labels, count * sizeof *labels);
        memcpy(s->probabilities, probabilities, count * (size_t)class_count * sizeof *probabilities);
        count_predictions(s);
        score_classes(s);
        status = rank_mistakes(s, error);
    }
    if (status == SILMA_OK) status = rank_pairs(s, error);
    if (status == SILMA_OK) {
        measure_calibration(s);
        measure_selective(s);
        return SILMA_OK;
    }
    scores_free(s);
    return status;
}
