#include "measured.h"

#include "run_folder.h"
#include "setup.h"

#include <stdlib.h>
#include <string.h>

static const char *const split_names[] = {
    [MEASURED_TRAIN] = "train", [MEASURED_TEST] = "test", [MEASURED_VALIDATION] = "validation"};

const char *measured_split_name(const measured *m)
{
    return split_names[m->split];
}

// ---------------------------------------------------------------------------------------------------------------------
// Validation images

// The numbers in split.json mean images of the data set that the run was trained on, and of no other.
static silma_status check_same_data(const char *folder, const silma_dataset *dataset, problem *why)
{
    json_t *config = NULL;
    silma_status status = run_folder_read_config(folder, &config, why);
    if (status) problem_hint(why, "name the model inside its run folder, or use --split test");
    if (status) return status;
    const char *trained = json_string_value(json_object_get(json_object_get(config, "data"), "sha256"));
    const char *found = silma_dataset_hash(dataset);
    if (!trained || strcmp(trained, found) != 0) {
        status = problem_set(why, SILMA_USAGE,
                             "%s: the run's validation images are known by their numbers, but %s is no longer the data "
                             "it was trained on (sha256 %.12s..., not %.12s...)",
                             folder, silma_dataset_name(dataset), found, trained ? trained : "unknown");
        problem_hint(why, "--split train or --split test takes all images of a part");
    }
    json_decref(config);
    return status;
}

static silma_status read_validation(const char *folder, const silma_dataset *dataset, uint32_t **indices, size_t *count,
                                    problem *why)
{
    if (!run_folder_holds_split(folder)) {
        problem_hint(why, "name the model inside its run folder, or use --split test");
        return problem_set(why, SILMA_IO,
                           "%s: no split.json beside the model: which images its run kept for validation is not known",
                           folder);
    }
    silma_partition parts = {0};
    silma_status status = check_same_data(folder, dataset, why);
    if (!status) status = silma_run_read_partition(folder, silma_dataset_images(dataset)->count, &parts, &why->error);
    if (!status && parts.validation_count == 0)
        status = problem_set(why, SILMA_USAGE, "%s: the run kept no images for validation", folder);
    if (!status) {
        *indices = parts.validation;
        *count = parts.validation_count;
        parts.validation = NULL;
    }
    silma_partition_free(&parts);
    return status;
}

silma_status open_validation(const char *model_path, const silma_dataset *dataset, uint32_t **indices, size_t *count,
                             problem *why)
{
    char *folder = folder_of_path(model_path);
    if (!folder) return problem_set_memory(why);
    silma_status status = read_validation(folder, dataset, indices, count, why);
    free(folder);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// A model and its images

silma_status measured_read(measured *m, const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 1, 1, "a model (best.safetensors of a run folder)", why);
    if (!status)
        status = option_choice(args, "split", split_names, sizeof split_names / sizeof *split_names, &m->split, why);
    if (!status) m->model_path = args->words[0];
    return status;
}

silma_status measured_open(measured *m, const arguments *args, problem *why)
{
    silma_split split = m->split == MEASURED_TEST ? SILMA_SPLIT_TEST : SILMA_SPLIT_TRAIN;
    silma_status status = open_context(args, &m->context, why);
    if (!status) status = silma_model_load(&m->model, m->model_path, &why->error);
    if (!status) status = open_model_dataset(args, m->model_path, m->model, split, &m->dataset, why);
    if (!status && m->split == MEASURED_VALIDATION)
        status = open_validation(m->model_path, m->dataset, &m->indices, &m->index_count, why);
    return status;
}

void measured_free(measured *m)
{
    free(m->indices);
    silma_dataset_free(m->dataset);
    silma_model_free(m->model);
    silma_context_free(m->context);
}
