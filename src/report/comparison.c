#include "report/comparison.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 64 };

void silma_comparison_free(silma_comparison *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->count && c->runs; i++) {
        run_facts_free(&c->runs[i].facts);
        free(c->runs[i].label);
    }
    for (size_t i = 0; i < c->sentence_count; i++)
        free(c->sentences[i]);
    free(c->sentences);
    free(c->runs);
    free(c->shown);
    free(c->groups);
    free(c->pairs);
    free(c);
}

const silma_compared_run *silma_comparison_run(const silma_comparison *c, size_t index)
{
    return index < c->count ? &c->shown[index] : NULL;
}

const silma_compared_group *silma_comparison_group(const silma_comparison *c, size_t index)
{
    return index < c->group_count ? &c->groups[index] : NULL;
}

const silma_compared_pair *silma_comparison_pair(const silma_comparison *c, size_t index)
{
    return index < c->pair_count ? &c->pairs[index] : NULL;
}

const char *silma_comparison_sentence(const silma_comparison *c, size_t index)
{
    return index < c->sentence_count ? c->sentences[index] : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Labels

// The last part of a path, without slashes at its end: `length` bytes from the result.
static const char *last_part(const char *path, size_t *length)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    *length = end - start;
    return path + start;
}

static bool is_shared_label(const silma_comparison *c, size_t run)
{
    size_t length, other_length;
    const char *part = last_part(c->runs[run].facts.folder, &length);
    for (size_t i = 0; i < c->count; i++) {
        const char *other = last_part(c->runs[i].facts.folder, &other_length);
        if (i != run && other_length == length && memcmp(part, other, length) == 0) return true;
    }
    return false;
}

static silma_status set_labels(silma_comparison *c, silma_error *error)
{
    for (size_t i = 0; i < c->count; i++) {
        size_t length;
        const char *folder = c->runs[i].facts.folder, *part = last_part(folder, &length);
        c->runs[i].label = is_shared_label(c, i) || length == 0 ? strdup(folder) : strndup(part, length);
        if (!c->runs[i].label) return silma_fail_memory(error, length);
    }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Groups

const char *comparison_difference(const run_facts *a, const run_facts *b)
{
    if (strcmp(a->data_hash, b->data_hash) != 0 || strcmp(a->data_name, b->data_name) != 0) return "data";
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a->settings, name, value)
    {
        if (strcmp(name, "seed") != 0 && !json_equal(value, json_object_get(b->settings, name))) return name;
    }
    json_object_foreach((json_t *)(uintptr_t)b->settings, name, value)
    {
        if (!json_object_get(a->settings, name)) return name;
    }
    // Last: the text holds the recipe too, which the settings have overridden.
    return strcmp(silma_network_text(a->network), silma_network_text(b->network)) != 0 ? "network" : NULL;
}

// Whether a run repeats the group's with another seed. One with a seed that the group has already is the same run
// again, and tells nothing about the spread.
static bool belongs_to(const silma_comparison *c, size_t group, size_t run)
{
    const run_facts *facts = &c->runs[run].facts;
    for (size_t i = 0; i < run; i++)
        if (c->runs[i].group == group && c->runs[i].facts.seed == facts->seed) return false;
    return !comparison_difference(&c->runs[c->groups[group].first].facts, facts);
}

static void set_groups(silma_comparison *c)
{
    for (size_t i = 0; i < c->count; i++) {
        size_t group = 0;
        while (group < c->group_count && !belongs_to(c, group, i))
            group++;
        if (group == c->group_count) c->groups[c->group_count++] = (silma_compared_group){.first = i};
        c->groups[group].runs++;
        c->runs[i].group = group;
    }
}

typedef double run_value(const silma_compared_run *run);

static double accuracy_value(const silma_compared_run *run)
{
    return run->accuracy;
}

static double loss_value(const silma_compared_run *run)
{
    return run->loss;
}

static double true_positives_value(const silma_compared_run *run)
{
    return run->true_positives;
}

static double last_accuracy_value(const silma_compared_run *run)
{
    return run->last_accuracy;
}

static silma_compared_mean group_mean(const silma_comparison *c, size_t group, run_value *value, double most)
{
    double values[RUNS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->runs[i].group == group) values[count++] = value(&c->shown[i]);
    mean_interval m = mean_within(values, count, most);
    return (silma_compared_mean){m.mean, m.deviation, m.low, m.high};
}

static void set_means(silma_comparison *c)
{
    for (size_t i = 0; i < c->group_count; i++) {
        silma_compared_group *g = &c->groups[i];
        g->accuracy = group_mean(c, i, accuracy_value, 1);
        g->loss = group_mean(c, i, loss_value, INFINITY);
        g->true_positives = group_mean(c, i, true_positives_value, 1);
        g->last_accuracy = group_mean(c, i, last_accuracy_value, 1);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs

// Of the best weights: from their predictions, or else from the epoch's record.
static interval best_accuracy(const run_facts *f, double recorded)
{
    if (f->scored && !f->scored_training) return f->scores.accuracy;
    if (!isfinite(recorded)) return (interval){NAN, NAN, NAN};
    return share_interval((size_t)llround(recorded * (double)f->validation_images), f->validation_images);
}

// Why its predictions are not there to be compared; null: they are.
static const char *problem_of(const run_facts *f)
{
    if (f->scored) return f->scored_training ? "it kept no images for validation" : NULL;
    return f->data_problem[0] ? f->data_problem : "it holds no model yet";
}

static void show_run(const compared_run *run, silma_compared_run *shown)
{
    static const silma_epoch none = {
        .val_loss = NAN, .val_accuracy = NAN, .val_true_positives = NAN}; // where no epoch is finished
    const run_facts *f = &run->facts;
    const silma_epoch *last = f->history.count > 0 ? &f->history.epochs[f->history.count - 1] : &none;
    const silma_epoch *best = f->best_epoch ? &f->history.epochs[f->best_epoch - 1] : last;
    interval accuracy = best_accuracy(f, best->val_accuracy);
    size_t trainable, other;
    uint64_t multiply_adds;
    graph_count(f->network->g, &trainable, &other, &multiply_adds);
    *shown = (silma_compared_run){
        .folder = f->folder,
        .label = run->label,
        .network = f->model_name,
        .data = f->data_name,
        .seed = f->seed,
        .parameters = trainable + other,
        .epochs = f->history.count,
        .best_epoch = f->best_epoch,
        .seconds = f->seconds,
        .accuracy = accuracy.value,
        .accuracy_low = accuracy.low,
        .accuracy_high = accuracy.high,
        .loss = best->val_loss,
        .true_positives = best->val_true_positives,
        .last_accuracy = last->val_accuracy,
        .images = f->validation_images,
        .group = run->group,
        .problem = problem_of(f),
    };
}

// ---------------------------------------------------------------------------------------------------------------------
// Pairs

// Why two runs have no images on which both can be tested; null if they have.
static const char *obstacle(const silma_comparison *c, size_t first, size_t second)
{
    const run_facts *a = &c->runs[first].facts, *b = &c->runs[second].facts;
    if (c->shown[first].problem || c->shown[second].problem) return "the validation images of one were not predicted";
    if (strcmp(silma_dataset_hash(a->dataset), silma_dataset_hash(b->dataset)) != 0) return "their data differ";
    bool same = a->scores.count == b->scores.count &&
                memcmp(a->scores.indices, b->scores.indices, a->scores.count * sizeof *a->scores.indices) == 0;
    return same ? NULL : "their validation images differ";
}

static void test_pair(const silma_comparison *c, silma_compared_pair *pair)
{
    const scores *a = &c->runs[pair->first].facts.scores, *b = &c->runs[pair->second].facts.scores;
    pair->images = a->count;
    for (size_t i = 0; i < a->count; i++) {
        bool first = a->predicted[i] == a->labels[i], second = b->predicted[i] == b->labels[i];
        pair->only_first += first && !second;
        pair->only_second += second && !first;
    }
    interval difference = paired_difference(pair->only_first, pair->only_second, pair->images);
    pair->difference = difference.value;
    pair->difference_low = difference.low;
    pair->difference_high = difference.high;
    pair->p = mcnemar(pair->only_first, pair->only_second);
}

static silma_status test_pairs(silma_comparison *c, silma_error *error)
{
    for (size_t i = 0; i < c->count; i++)
        for (size_t j = i + 1; j < c->count; j++) {
            silma_compared_pair *pair = &c->pairs[c->pair_count++];
            *pair = (silma_compared_pair){.first = i, .second = j, .problem = obstacle(c, i, j), .p = NAN};
            pair->difference = pair->difference_low = pair->difference_high = NAN;
            if (!pair->problem) test_pair(c, pair);
        }
    double *p = malloc((c->pair_count + 1) * sizeof *p);
    if (!p) return silma_fail_memory(error, c->pair_count * sizeof *p);
    for (size_t i = 0; i < c->pair_count; i++)
        p[i] = c->pairs[i].p;
    adjust_tests(p, c->pair_count);
    for (size_t i = 0; i < c->pair_count; i++)
        c->pairs[i].p_adjusted = p[i];
    free(p);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

static silma_status allocate(silma_comparison *c, size_t count, silma_error *error)
{
    c->runs = calloc(count, sizeof *c->runs);
    c->shown = calloc(count, sizeof *c->shown);
    c->groups = calloc(count, sizeof *c->groups);
    c->pairs = calloc(count * count, sizeof *c->pairs);
    c->count = count;
    return c->runs && c->shown && c->groups && c->pairs ? SILMA_OK
                                                        : silma_fail_memory(error, count * count * sizeof *c->pairs);
}

static silma_status gather(silma_comparison *c, silma_context *context, const char *const *folders,
                           const silma_dataset *const *datasets, const char *const *data_problems, silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < c->count && !status; i++)
        status = run_facts_gather(&c->runs[i].facts, folders[i], context, datasets[i], data_problems[i], error);
    if (!status) status = set_labels(c, error);
    if (status) return status;
    set_groups(c);
    for (size_t i = 0; i < c->count; i++)
        show_run(&c->runs[i], &c->shown[i]);
    set_means(c);
    status = test_pairs(c, error);
    return status ? status : comparison_conclude(c, error);
}

silma_status silma_comparison_create(silma_comparison **result, silma_context *context, const char *const *folders,
                                     const silma_dataset *const *datasets, const char *const *data_problems,
                                     size_t count, silma_error *error)
{
    if (count < 2 || count > RUNS_MAX)
        return silma_fail(error, SILMA_USAGE, "expected 2 to %d runs to compare, found %zu", RUNS_MAX, count);
    silma_comparison *c = calloc(1, sizeof *c);
    if (!c) return silma_fail_memory(error, sizeof *c);
    silma_status status = allocate(c, count, error);
    if (!status) status = gather(c, context, folders, datasets, data_problems, error);
    if (status) {
        silma_comparison_free(c);
        return status;
    }
    *result = c;
    return SILMA_OK;
}
