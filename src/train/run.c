#define _GNU_SOURCE
#include "train/run.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/file.h"
#include "data/dataset.h"
#include "data/moments.h"
#include "data/pad.h"
#include "data/split_file.h"
#include "kernels/context.h"
#include "nn/arena.h"
#include "nn/network.h"
#include "train/whitening.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t run_steps_per_epoch(const silma_run *run)
{
    return (run->parts.train_count + run->settings.batch - 1) / run->settings.batch;
}

void silma_run_free(silma_run *run)
{
    if (!run) return;
    silma_model_free(run->model);
    silma_dataset_free(run->padded);
    settings_free(&run->settings);
    silma_partition_free(&run->parts);
    history_free(&run->history);
    prefetcher_free(run->prefetcher);
    plan_free(run->train_plan);
    plan_free(run->eval_plan);
    free(run->arena);
    free(run->gradients);
    for (int i = 0; i < OPTIMIZER_SLOTS_MAX; i++)
        free(run->slots[i]);
    free(run->probabilities);
    free(run->class_weights);
    free(run->order);
    free(run->labels);
    free(run->by_class);
    free(run->class_starts);
    augmented_free(run->augmented);
    free(run->folder);
    if (run->lock >= 0) close(run->lock);
    free(run->network_name);
    free(run->config);
    free(run);
}

static silma_status start(silma_run **result, silma_context *context, const silma_dataset *dataset, const char *folder,
                          silma_error *error)
{
    silma_run *run = calloc(1, sizeof *run);
    if (!run) return silma_fail_memory(error, sizeof *run);
    run->lock = -1;
    run->k = context->k;
    run->pool = context->pool;
    run->dataset = dataset;
    run->at = (run_position){.stop = early_stop_start(), .plateau = plateau_start(), .best_value = NAN};
    settings_default(&run->settings);
    run->folder = strdup(folder);
    if (!run->folder) {
        silma_run_free(run);
        return silma_fail_memory(error, strlen(folder));
    }
    *result = run;
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Data and settings

static silma_status check_data(const silma_run *run, silma_error *error)
{
    const silma_images *images = silma_dataset_images(run->dataset);
    if (!images->labels)
        return silma_fail(error, SILMA_USAGE, "%s has no labels to train on", silma_dataset_name(run->dataset));
    size_t alike = 1; // images, from the first on, that are of one class
    while (alike < images->count && images->labels[alike] == images->labels[0])
        alike++;
    if (images->class_count < 2 || alike == images->count)
        return silma_fail(error, SILMA_USAGE, "%s has images of one class only: there is nothing to tell apart",
                          silma_dataset_name(run->dataset));
    shape out = graph_output(run->model->g);
    if (out.h != 1 || out.w != 1)
        return silma_fail(error, SILMA_USAGE,
                          "the network ends in %dx%dx%d values; it should end in one a class, as 'dense classes "
                          "softmax' does",
                          out.h, out.w, out.c);
    return SILMA_OK;
}

static silma_status fit_data(silma_run *run, silma_error *error)
{
    shape in = graph_input(run->model->g);
    silma_status status = dataset_pad(&run->padded, run->dataset, in.h, in.w, in.c, error);
    run->images = silma_dataset_images(run->padded ? run->padded : run->dataset);
    return status;
}

// What the caller wants comes last; then what follows from the network and the data.
static silma_status finish_settings(silma_run *run, const silma_settings *wanted, silma_error *error)
{
    const graph *g = run->model->g;
    silma_status status = settings_apply_list(&run->settings, wanted, error);
    if (status != SILMA_OK) return status;
    return settings_resolve(&run->settings, g->head, (size_t)graph_output(g).c,
                            silma_dataset_images(run->dataset)->class_count, error);
}

static silma_status apply_settings(silma_run *run, const silma_settings *wanted, silma_error *error)
{
    const graph *g = run->model->g;
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < g->recipe_count; i++)
        status =
            settings_apply(&run->settings, g->recipe[i].name, g->recipe[i].value, g->origin, g->recipe[i].line, error);
    return status == SILMA_OK ? finish_settings(run, wanted, error) : status;
}

static silma_status check_parts(const silma_run *run, silma_error *error)
{
    if (run->parts.train_count == 0)
        return silma_fail(error, SILMA_USAGE, "no image is left to train on: %s has %zu, and val_split is %g",
                          silma_dataset_name(run->dataset), run->images->count, run->settings.val_split);
    if (run->settings.val_split > 0 && run->parts.validation_count == 0 && run->dataset->has_validation)
        return silma_fail(
            error, SILMA_BAD_FILE,
            "%s: its folder of validation images holds no picture that can be read; val_split 0 uses none",
            silma_dataset_name(run->dataset));
    if (run->settings.val_split > 0 && run->parts.validation_count == 0)
        return silma_fail(error, SILMA_USAGE, "val_split %g leaves no image of %s to validate with; 0 asks for none",
                          run->settings.val_split, silma_dataset_name(run->dataset));
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory

static void *allocate_aligned(size_t count, size_t size)
{
    size_t bytes;
    if (!checked_mul(count + 1, size, &bytes) || !checked_align(bytes, ARENA_ALIGNMENT, &bytes)) return NULL;
    void *memory = arena_allocate(bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

static silma_status create_plans(silma_run *run, silma_error *error)
{
    size_t batch = run->largest_batch;
    const graph *g = run->model->g;
    silma_status status = plan_create(&run->train_plan, g, run->k, run->pool, batch, PLAN_TRAIN, error);
    if (status == SILMA_OK) status = plan_create(&run->eval_plan, g, run->k, run->pool, batch, PLAN_INFER, error);
    if (status != SILMA_OK) return status;
    size_t bytes = plan_arena_bytes(run->train_plan);
    if (plan_arena_bytes(run->eval_plan) > bytes) bytes = plan_arena_bytes(run->eval_plan);
    run->arena = arena_allocate(bytes);
    if (!run->arena) return silma_fail_memory(error, bytes);
    plan_bind(run->train_plan, run->arena);
    plan_bind(run->eval_plan, run->arena);
    return SILMA_OK;
}

static silma_status create_vectors(silma_run *run, silma_error *error)
{
    const graph *g = run->model->g;
    size_t outputs = (size_t)graph_output(g).c;
    run->gradients = allocate_aligned(g->weight_count, sizeof(float));
    run->probabilities = allocate_aligned(run->largest_batch * outputs, sizeof(float));
    run->order = allocate_aligned(run->parts.train_count, sizeof(uint32_t));
    run->labels = allocate_aligned(run->largest_batch, sizeof(uint32_t));
    bool made = run->gradients && run->probabilities && run->order && run->labels;
    for (int i = 0; i < optimizer_slots(&run->settings.optimizer); i++) {
        run->slots[i] = allocate_aligned(g->weight_count, sizeof(float));
        made = made && run->slots[i];
    }
    if (!made) return silma_fail_memory(error, g->weight_count * sizeof(float));
    optimizer_prepare_slots(&run->settings.optimizer, g->weight_count, run->slots[0], run->slots[1]);
    return SILMA_OK;
}

static silma_status create_class_weights(silma_run *run, silma_error *error)
{
    size_t classes = (size_t)run->images->class_count;
    size_t *counts = calloc(classes, sizeof *counts);
    float *weights = calloc(classes, sizeof *weights);
    if (!counts || !weights) {
        free(counts);
        free(weights);
        return silma_fail_memory(error, classes * sizeof *counts);
    }
    for (size_t i = 0; i < run->parts.train_count; i++)
        counts[run->images->labels[run->parts.train[i]]]++;
    bool used;
    settings_class_weights(&run->settings, counts, (int)classes, weights, &used);
    free(counts);
    if (used)
        run->class_weights = weights;
    else
        free(weights);
    return SILMA_OK;
}

static silma_status create_augmented(silma_run *run, silma_error *error)
{
    const augmentation *a = &run->settings.augment;
    const silma_images *images = run->images;
    augment_size size = {.height = images->height, .width = images->width, .channels = images->channels};
    if (!augment_is_on(a)) return SILMA_OK;
    return augmented_create(&run->augmented, a, size, run->largest_batch, (size_t)graph_output(run->model->g).c, error);
}

static silma_status create_sampler(silma_run *run, silma_error *error)
{
    if (run->settings.sampler != SAMPLER_BALANCED) return SILMA_OK;
    size_t classes = (size_t)run->images->class_count, count = run->parts.train_count;
    run->by_class = calloc(count, sizeof *run->by_class);
    run->class_starts = calloc(classes + 1, sizeof *run->class_starts);
    if (run->by_class && run->class_starts) return SILMA_OK;
    return silma_fail_memory(error, count * sizeof *run->by_class);
}

// All that follows from model, data, settings and parts.
static silma_status create_memory(silma_run *run, silma_error *error)
{
    const silma_partition *parts = &run->parts;
    size_t most = parts->train_count > parts->validation_count ? parts->train_count : parts->validation_count;
    run->largest_batch = run->settings.batch < most ? run->settings.batch : most;
    silma_status status = create_plans(run, error);
    if (status == SILMA_OK) status = create_vectors(run, error);
    if (status == SILMA_OK && !run->padded)
        status = prefetcher_create(&run->prefetcher, run->dataset, run->largest_batch, error);
    if (status == SILMA_OK) status = create_class_weights(run, error);
    if (status == SILMA_OK) status = create_augmented(run, error);
    if (status == SILMA_OK) status = create_sampler(run, error);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// A new run

static silma_status check_folder_is_free(const char *folder, silma_error *error)
{
    char *path = path_join(folder, RUN_CONFIG);
    if (!path) return silma_fail_memory(error, strlen(folder));
    bool taken = access(path, F_OK) == 0;
    free(path);
    if (!taken) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE, "%s: holds a run already; resume it, or choose another folder", folder);
}

static silma_status write_split(const silma_run *run, silma_error *error)
{
    char *path = path_join(run->folder, RUN_SPLIT);
    if (!path) return silma_fail_memory(error, strlen(run->folder));
    silma_status status = split_file_write(path, &run->parts, error);
    free(path);
    return status;
}

// What a picture becomes so that it looks like the data set's images.
static silma_preparation picture_preparation(const silma_dataset *dataset)
{
    const silma_images *images = silma_dataset_images(dataset);
    const silma_preparation *prepared = silma_dataset_preparation(dataset);
    if (prepared) return *prepared;
    return (silma_preparation){.height = images->height, .width = images->width, .channels = images->channels};
}

static silma_status create_model(silma_run *run, const silma_network *network, silma_error *error)
{
    const silma_images *images = silma_dataset_images(run->dataset);
    graph *g;
    // A graph of the run's own: the caller may free the network.
    silma_status status = graph_parse(&g, network->g->text, network->g->origin, NULL, error);
    if (status != SILMA_OK) return status;
    status = model_create(&run->model, g, images->class_names, images->class_count, error);
    if (status == SILMA_OK) run->model->preparation = picture_preparation(run->dataset);
    return status;
}

// Pixels of mean 0 and deviation 1: (pixel - mean) / deviation. A resumed run has them from its model.
static silma_status normalise(silma_run *run, silma_error *error)
{
    const silma_images *images = run->images;
    size_t channels = (size_t)images->channels, inputs = (size_t)graph_input(run->model->g).c;
    channel_moments *moments = calloc(channels, sizeof *moments);
    if (!moments) return silma_fail_memory(error, channels * sizeof *moments);
    dataset_moments(images, run->parts.train, run->parts.train_count, moments);
    for (size_t i = 0; i < inputs; i++) { // a network over vectors has an input for each of an image's values
        const channel_moments *m = &moments[i % channels];
        double deviation = m->deviation > 0 ? m->deviation : 255;
        run->model->scale[i] = (float)(1 / deviation);
        run->model->shift[i] = (float)(-m->mean / deviation);
    }
    free(moments);
    return SILMA_OK;
}

static silma_status initialise(silma_run *run, silma_error *error)
{
    const silma_model *model = run->model;
    graph_initialise(model->g, run->settings.seed, model->weights, model->statistics);
    whitening_source source = {.images = run->images,
                               .indices = run->parts.train,
                               .count = run->parts.train_count,
                               .scale = model->scale,
                               .shift = model->shift};
    return whiten_filters(model->g, &source, model->weights, error);
}

static silma_status choose_looks(silma_run *run, silma_error *error)
{
    run->model->tta = run->settings.tta;
    if (run->settings.tta == LOOKS_NONE || !graph_input(run->model->g).flat) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE, "tta %s looks at images in several ways, but the network reads a vector",
                      LOOKS_NAMES[run->settings.tta]);
}

static silma_status create_run(silma_run *run, const silma_network *network, const silma_settings *wanted,
                               silma_error *error)
{
    run->network_name = strdup(network->name);
    if (!run->network_name) return silma_fail_memory(error, strlen(network->name));
    silma_status status = create_model(run, network, error);
    if (status == SILMA_OK) status = check_data(run, error);
    if (status == SILMA_OK) status = apply_settings(run, wanted, error);
    if (status == SILMA_OK) status = choose_looks(run, error);
    if (status == SILMA_OK) status = fit_data(run, error);
    if (status == SILMA_OK)
        status = silma_dataset_partition(run->dataset, run->settings.val_split, run->settings.seed, &run->parts, error);
    if (status == SILMA_OK) status = check_parts(run, error);
    if (status == SILMA_OK) status = create_memory(run, error);
    if (status == SILMA_OK && run->settings.normalize == NORMALIZE_MEANSTD) status = normalise(run, error);
    if (status != SILMA_OK) return status;
    return initialise(run, error);
}

// The checkpoint first: a folder with a config.json is a run that can be resumed.
static silma_status write_new_run(silma_run *run, silma_error *error)
{
    silma_status status = folder_make(run->folder, 0777, error);
    if (status == SILMA_OK) status = folder_lock(run->folder, &run->lock, error);
    if (status == SILMA_OK) status = checkpoint_write_last(run, error);
    if (status == SILMA_OK) status = write_split(run, error);
    if (status == SILMA_OK) status = config_write(run, error);
    return status;
}

silma_status run_prepare(silma_run **result, silma_context *context, const silma_network *network,
                         const silma_dataset *dataset, const silma_settings *wanted, const char *folder,
                         silma_error *error)
{
    silma_run *run;
    silma_status status = start(&run, context, dataset, folder, error);
    if (status != SILMA_OK) return status;
    status = create_run(run, network, wanted, error);
    if (status != SILMA_OK) {
        silma_run_free(run);
        return status;
    }
    *result = run;
    return SILMA_OK;
}

silma_status silma_run_create(silma_run **result, silma_context *context, const silma_network *network,
                              const silma_dataset *dataset, const silma_settings *wanted, const char *folder,
                              silma_error *error)
{
    silma_status status = check_folder_is_free(folder, error);
    if (status != SILMA_OK) return status;
    silma_run *run;
    status = run_prepare(&run, context, network, dataset, wanted, folder, error);
    if (status != SILMA_OK) return status;
    status = write_new_run(run, error);
    if (status != SILMA_OK) {
        silma_run_free(run);
        return status;
    }
    *result = run;
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// An old run

static silma_status check_same_data(const silma_run *run, const char *path, const char *stored_hash, silma_error *error)
{
    if (strcmp(silma_dataset_hash(run->dataset), stored_hash) == 0) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE,
                      "%s: was trained on other data than %s (sha256 %.12s..., not %.12s...): it cannot continue on it",
                      path, silma_dataset_name(run->dataset), stored_hash, silma_dataset_hash(run->dataset));
}

// What the caller wants on top of the stored settings, as far as a resumed run may change. *same_rule: early stopping
// watches what it did before.
static silma_status apply_resumed_settings(silma_run *run, const silma_settings *wanted, bool *same_rule,
                                           silma_error *error)
{
    settings stored = run->settings;
    json_t *copy = settings_to_json(&stored);
    if (!copy) return silma_fail_memory(error, sizeof stored);
    settings_default(&run->settings);
    silma_status status = settings_from_json(&run->settings, copy, run->folder, error);
    json_decref(copy);
    if (status == SILMA_OK) status = finish_settings(run, wanted, error);
    if (status == SILMA_OK) status = settings_check_resume(&stored, &run->settings, error);
    const early_stop *before = &stored.early_stop, *now = &run->settings.early_stop;
    *same_rule = before->on == now->on && before->watch == now->watch;
    settings_free(&stored);
    return status;
}

silma_status silma_run_check_unused(const char *folder, silma_error *error)
{
    int lock;
    silma_status status = folder_lock(folder, &lock, error);
    if (lock >= 0) close(lock);
    return status;
}

silma_status silma_run_read_partition(const char *folder, size_t image_count, silma_partition *partition,
                                      silma_error *error)
{
    char *path = path_join(folder, RUN_SPLIT);
    if (!path) return silma_fail_memory(error, strlen(folder));
    silma_status status = split_file_read(path, image_count, partition, error);
    free(path);
    return status;
}

static silma_status resume_run(silma_run *run, safetensors *file, const char *path, const silma_settings *wanted,
                               silma_error *error)
{
    char data_hash[65];
    bool same_rule = true;
    silma_status status = checkpoint_read_start(run, file, path, data_hash, error);
    if (status == SILMA_OK) status = check_data(run, error);
    if (status == SILMA_OK) status = check_same_data(run, path, data_hash, error);
    if (status == SILMA_OK) status = apply_resumed_settings(run, wanted, &same_rule, error);
    if (status == SILMA_OK) status = fit_data(run, error);
    if (status == SILMA_OK)
        status = silma_run_read_partition(run->folder, silma_dataset_images(run->dataset)->count, &run->parts, error);
    if (status == SILMA_OK) status = check_parts(run, error);
    if (status == SILMA_OK) status = create_memory(run, error);
    if (status == SILMA_OK) status = checkpoint_read_rest(run, file, path, error);
    if (status == SILMA_OK && run->settings.epochs < run->at.epoch)
        status = silma_fail(error, SILMA_USAGE, "epochs %u: the run in %s has %u already",
                            (unsigned)run->settings.epochs, run->folder, run->at.epoch);
    // A rule that is new has seen nothing yet; one that has only become more patient may go on.
    if (!same_rule) run->at.stop = early_stop_start();
    run->at.stopped_early =
        same_rule && run->at.stopped_early && run->at.stop.wait >= run->settings.early_stop.patience;
    if (status == SILMA_OK) status = history_read(&run->history, run->folder, run->at.epoch, error);
    if (status == SILMA_OK) status = config_write(run, error);
    return status;
}

silma_status silma_run_resume(silma_run **result, silma_context *context, const silma_dataset *dataset,
                              const silma_settings *wanted, const char *folder, silma_error *error)
{
    char *path = path_join(folder, RUN_LAST);
    if (!path) return silma_fail_memory(error, strlen(folder));
    silma_run *run = NULL;
    safetensors *file = NULL;
    silma_status status = start(&run, context, dataset, folder, error);
    if (status == SILMA_OK) status = folder_lock(folder, &run->lock, error);
    if (status == SILMA_OK) status = safetensors_open(&file, path, error);
    if (status == SILMA_OK) status = resume_run(run, file, path, wanted, error);
    safetensors_close(file);
    free(path);
    if (status != SILMA_OK) {
        silma_run_free(run);
        return status;
    }
    *result = run;
    return SILMA_OK;
}

const silma_epoch *silma_run_history(const silma_run *run, size_t *count)
{
    *count = run->history.count;
    return run->history.epochs;
}
