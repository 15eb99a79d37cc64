// What came out of one experiment.
#include "core/error.h"
#include "core/file.h"
#include "report/thesis_inside.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static silma_status load_last(thesis_outcome *outcome, silma_error *error)
{
    char *path = path_join(outcome->facts.folder, RUN_LAST);
    if (!path) return silma_fail_memory(error, strlen(outcome->facts.folder));
    silma_status status = access(path, R_OK) == 0 ? silma_model_load(&outcome->last, path, error) : SILMA_OK;
    free(path);
    return status;
}

static silma_status evaluate_last(thesis_outcome *outcome, silma_context *context, silma_error *error)
{
    const run_facts *facts = &outcome->facts;
    if (!outcome->last || !facts->dataset || facts->parts.validation_count == 0) return SILMA_OK;
    silma_status status = silma_evaluate(outcome->last, context, facts->dataset, facts->parts.validation,
                                         facts->parts.validation_count, &outcome->evaluation, error);
    outcome->has_evaluation = status == SILMA_OK;
    return status;
}

static int64_t setting_count(const run_facts *facts, const char *name)
{
    const json_t *value = json_object_get(facts->settings, name);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
}

static bool is_shortened(const thesis_outcome *outcome)
{
    const run_facts *facts = &outcome->facts;
    const silma_catalog_entry_type *entry = silma_catalog_find(outcome->says->base.data);
    size_t images = facts->train_images + facts->validation_images;
    return facts->epochs_wanted < (unsigned)outcome->says->base.epochs || (entry && images < entry->train_count) ||
           setting_count(facts, "batch") != outcome->says->base.batch;
}

silma_status outcome_gather(thesis_outcome *outcome, thesis_experiment which, const silma_thesis_part *part,
                            silma_context *context, silma_error *error)
{
    *outcome = (thesis_outcome){
        .says = &THESIS_CASES[which],
        .left_out = part->left_out,
        .problem = part->problem,
        .dataset = part->dataset,
    };
    if (part->left_out || !part->folder) return SILMA_OK;
    outcome->has_run = true;
    silma_status status = run_facts_gather(&outcome->facts, part->folder, context, part->dataset, part->problem, error);
    if (status == SILMA_OK) status = load_last(outcome, error);
    if (status == SILMA_OK) status = evaluate_last(outcome, context, error);
    if (status == SILMA_OK) outcome->shortened = is_shortened(outcome);
    return status;
}

void outcome_free(thesis_outcome *outcome)
{
    run_facts_free(&outcome->facts);
    silma_model_free(outcome->last);
    if (outcome->has_evaluation) silma_evaluation_free(&outcome->evaluation);
    *outcome = (thesis_outcome){0};
}

bool outcome_has_classes(const thesis_outcome *outcome)
{
    return outcome->has_evaluation && outcome->evaluation.class_count == THESIS_CLASSES;
}

double class_percent(const size_t *confusion, int class)
{
    const size_t *row = confusion + (size_t) class * THESIS_CLASSES;
    size_t images = 0;
    for (int i = 0; i < THESIS_CLASSES; i++)
        images += row[i];
    return images > 0 ? 100 * (double)row[class] / (double)images : NAN;
}

bool beyond_chance(double a, double b, size_t images)
{
    static const double TWO_SIDED_95 = 1.96, ROUNDING = 0.5;
    double p = (a + b) / 200;
    if (images == 0 || isnan(p)) return false;
    return fabs(a - b) > 100 * TWO_SIDED_95 * sqrt(2 * p * (1 - p) / (double)images) + ROUNDING;
}
