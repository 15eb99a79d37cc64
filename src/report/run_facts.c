#define _GNU_SOURCE
#include "report/run_facts.h"

#include "core/error.h"
#include "core/file.h"
#include "core/random.h"
#include "core/sha256.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void run_facts_free(run_facts *facts)
{
    free(facts->folder);
    json_decref(facts->config);
    free(facts->history.epochs);
    silma_network_free(facts->network);
    silma_model_free(facts->model);
    silma_partition_free(&facts->parts);
    free(facts->train_counts);
    free(facts->validation_counts);
    scores_free(&facts->scores);
    *facts = (run_facts){0};
}

const char *run_facts_class(const run_facts *facts, int index, char number[CLASS_NUMBER_SIZE])
{
    const char *name = facts->model ? silma_model_class_name(facts->model, index) : NULL;
    const silma_images *images = facts->dataset ? silma_dataset_images(facts->dataset) : NULL;
    if (!name && images && images->class_names && index < images->class_count) name = images->class_names[index];
    if (name && name[0]) return name;
    snprintf(number, CLASS_NUMBER_SIZE, "%d", index);
    return number;
}

char *setting_text(const json_t *value)
{
    if (!value || json_is_null(value)) return strdup("");
    if (json_is_string(value)) return strdup(json_string_value(value));
    return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

// ---------------------------------------------------------------------------------------------------------------------
// config.json

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static size_t count_of(const json_t *object, const char *name, size_t most)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 && (uint64_t)value <= most ? (size_t)value : 0;
}

static void take_config(run_facts *facts)
{
    const json_t *data = json_object_get(facts->config, "data");
    const json_t *size = json_object_get(data, "size");
    facts->settings = json_object_get(facts->config, "settings");
    facts->version = text_of(facts->config, "silma");
    facts->model_name = text_of(facts->config, "model");
    facts->network_text = text_of(facts->config, "network");
    facts->isa = text_of(facts->config, "isa");
    facts->threads = (int)count_of(facts->config, "threads", INT32_MAX);
    facts->data_name = text_of(data, "name");
    facts->data_folder = text_of(data, "folder");
    facts->data_hash = text_of(data, "sha256");
    facts->train_images = count_of(data, "train_images", SIZE_MAX);
    facts->validation_images = count_of(data, "validation_images", SIZE_MAX);
    facts->class_count = (int)count_of(data, "classes", 65536);
    facts->height = (int)json_integer_value(json_array_get(size, 0));
    facts->width = (int)json_integer_value(json_array_get(size, 1));
    facts->channels = (int)json_integer_value(json_array_get(size, 2));
    facts->best_by = text_of(facts->settings, "best");
    facts->seed = (uint64_t)json_integer_value(json_object_get(facts->settings, "seed"));
    facts->epochs_wanted = (unsigned)count_of(facts->settings, "epochs", UINT32_MAX);
}

static silma_status read_config(run_facts *facts, silma_error *error)
{
    char *text = NULL;
    silma_status status = silma_run_read_config(facts->folder, &text, error);
    if (status != SILMA_OK) return status;
    facts->config = json_loads(text, 0, NULL);
    free(text);
    if (!facts->config) return silma_fail_memory(error, 0);
    if (!json_is_object(json_object_get(facts->config, "settings")))
        return silma_fail(error, SILMA_BAD_FILE, "%s/%s: expected an object 'settings'", facts->folder, RUN_CONFIG);
    take_config(facts);
    return SILMA_OK;
}

// The network without its weights, and whether the zoo has the same under its name.
static silma_status parse_network(run_facts *facts, silma_error *error)
{
    silma_status status = silma_network_parse(&facts->network, facts->network_text, facts->model_name, NULL, error);
    if (status != SILMA_OK) return status;
    silma_input input = {facts->height, facts->width, facts->channels, facts->class_count};
    silma_network *zoo = NULL;
    for (size_t i = 0; silma_zoo_name(i); i++) {
        if (strcmp(silma_zoo_name(i), facts->model_name) != 0) continue;
        if (silma_network_parse(&zoo, silma_zoo_text(i), facts->model_name, &input, NULL) != SILMA_OK) return SILMA_OK;
        facts->from_zoo = strcmp(silma_network_text(zoo), facts->network_text) == 0;
        silma_network_free(zoo);
    }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// history.jsonl and the models

static bool exists_in(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    bool exists = path && access(path, F_OK) == 0;
    free(path);
    return exists;
}

static silma_status read_history(run_facts *facts, silma_error *error)
{
    silma_status status = silma_run_read_history(facts->folder, &facts->history.epochs, &facts->history.count, error);
    if (status != SILMA_OK) return status;
    for (size_t i = 0; i < facts->history.count; i++) {
        const silma_epoch *epoch = &facts->history.epochs[i];
        facts->seconds += isfinite(epoch->seconds) ? epoch->seconds : 0;
        if (epoch->best) facts->best_epoch = epoch->epoch;
    }
    return SILMA_OK;
}

// Whether training ended as it was meant to. A run without last.safetensors is judged by its history.
static void read_position(run_facts *facts, const safetensors *last)
{
    const char *text = last ? safetensors_metadata(last, "position") : NULL;
    json_t *position = text ? json_loads(text, 0, NULL) : NULL;
    unsigned epochs = (unsigned)facts->history.count;
    if (position) {
        epochs = (unsigned)count_of(position, "epoch", UINT32_MAX);
        facts->stopped_early = json_is_true(json_object_get(position, "stopped_early"));
    }
    facts->unfinished = epochs < facts->epochs_wanted && !facts->stopped_early;
    json_decref(position);
}

static silma_status read_last(run_facts *facts, silma_error *error)
{
    safetensors *last = NULL;
    silma_status status = SILMA_OK;
    if (exists_in(facts->folder, RUN_LAST)) {
        char *path = path_join(facts->folder, RUN_LAST);
        status = path ? safetensors_open(&last, path, error) : silma_fail_memory(error, strlen(facts->folder));
        free(path);
    }
    if (status == SILMA_OK) read_position(facts, last);
    safetensors_close(last);
    return status;
}

static silma_status read_model(run_facts *facts, silma_error *error)
{
    if (exists_in(facts->folder, RUN_BEST))
        facts->model_file = RUN_BEST;
    else if (exists_in(facts->folder, RUN_LAST))
        facts->model_file = RUN_LAST;
    else
        return SILMA_OK;
    char *path = path_join(facts->folder, facts->model_file);
    if (!path) return silma_fail_memory(error, strlen(facts->folder));
    silma_status status = silma_model_load(&facts->model, path, error);
    if (status == SILMA_OK) status = sha256_file(path, facts->model_hash, error);
    if (status == SILMA_OK) facts->class_count = facts->model->class_count;
    free(path);
    return status;
}

static silma_status read_calibration(run_facts *facts, silma_error *error)
{
    if (facts->model) silma_model_calibration(facts->model, &facts->calibration);
    if (!exists_in(facts->folder, RUN_CALIBRATED)) return SILMA_OK;
    char *path = path_join(facts->folder, RUN_CALIBRATED);
    if (!path) return silma_fail_memory(error, strlen(facts->folder));
    silma_model *calibrated = NULL;
    silma_status status = silma_model_load(&calibrated, path, error);
    if (status == SILMA_OK) silma_model_calibration(calibrated, &facts->calibration);
    silma_model_free(calibrated);
    free(path);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The data

static void lose_data(run_facts *facts, const char *why)
{
    facts->dataset = NULL;
    snprintf(facts->data_problem, sizeof facts->data_problem, "%s", why);
}

// Only the images that the run was trained on can be shown as such.
static void check_data(run_facts *facts)
{
    const silma_images *images = silma_dataset_images(facts->dataset);
    char why[512];
    if (!images->labels)
        snprintf(why, sizeof why, "%s has no labels", silma_dataset_name(facts->dataset));
    else if (images->class_count != facts->class_count)
        snprintf(why, sizeof why, "the data set found has %d classes, the run's had %d", images->class_count,
                 facts->class_count);
    else if (facts->data_hash[0] && strcmp(silma_dataset_hash(facts->dataset), facts->data_hash) != 0)
        snprintf(why, sizeof why, "the data set found is not the one that the run was trained on: its sha256 is %.16s…",
                 silma_dataset_hash(facts->dataset));
    else
        return;
    lose_data(facts, why);
}

static size_t *count_labels(const silma_images *images, const uint32_t *indices, size_t count, int class_count)
{
    size_t *counts = calloc((size_t)class_count + 1, sizeof *counts);
    for (size_t i = 0; counts && i < count; i++)
        counts[images->labels[indices[i]]]++;
    return counts;
}

static silma_status read_split(run_facts *facts, silma_error *error)
{
    if (!exists_in(facts->folder, RUN_SPLIT)) {
        lose_data(facts, "split.json is missing: which images were trained on is not known");
        return SILMA_OK;
    }
    const silma_images *images = silma_dataset_images(facts->dataset);
    silma_status status = silma_run_read_partition(facts->folder, images->count, &facts->parts, error);
    if (status != SILMA_OK) return status;
    const silma_partition *parts = &facts->parts;
    facts->train_counts = count_labels(images, parts->train, parts->train_count, facts->class_count);
    facts->validation_counts = count_labels(images, parts->validation, parts->validation_count, facts->class_count);
    if (facts->train_counts && facts->validation_counts) return SILMA_OK;
    return silma_fail_memory(error, (size_t)facts->class_count * sizeof(size_t));
}

static int compare_indices(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

// The images to predict: those of validation, otherwise training images drawn at random.
static uint32_t *choose_images(run_facts *facts, size_t *count)
{
    const silma_partition *parts = &facts->parts;
    facts->scored_training = parts->validation_count == 0;
    const uint32_t *from = facts->scored_training ? parts->train : parts->validation;
    *count = facts->scored_training ? parts->train_count : parts->validation_count;
    uint32_t *indices = malloc((*count + 1) * sizeof *indices);
    if (!indices || *count == 0) return indices;
    memcpy(indices, from, *count * sizeof *indices);
    if (facts->scored_training && *count > FACTS_TRAINING_MOST) {
        random_shuffle(facts->seed, RANDOM_SAMPLE, 0, indices, *count);
        *count = FACTS_TRAINING_MOST;
        qsort(indices, *count, sizeof *indices, compare_indices);
    }
    return indices;
}

static silma_status score_images(run_facts *facts, silma_context *context, const uint32_t *indices, size_t count,
                                 silma_error *error)
{
    const silma_images *images = silma_dataset_images(facts->dataset);
    size_t classes = (size_t)facts->class_count;
    float *probabilities = calloc(count * classes + 1, sizeof *probabilities);
    uint32_t *labels = malloc((count + 1) * sizeof *labels);
    silma_status status = probabilities && labels ? SILMA_OK : silma_fail_memory(error, count * classes * 4);
    for (size_t i = 0; status == SILMA_OK && i < count; i++)
        labels[i] = images->labels[indices[i]];
    if (status == SILMA_OK)
        status =
            silma_model_predict_dataset(facts->model, context, facts->dataset, indices, count, probabilities, error);
    if (status == SILMA_OK)
        status = scores_compute(&facts->scores, count, facts->class_count, indices, labels, probabilities, error);
    facts->scored = status == SILMA_OK;
    free(probabilities);
    free(labels);
    return status;
}

static silma_status predict(run_facts *facts, silma_context *context, silma_error *error)
{
    size_t count;
    uint32_t *indices = choose_images(facts, &count);
    if (!indices) return silma_fail_memory(error, count * sizeof *indices);
    silma_status status = count > 0 ? score_images(facts, context, indices, count, error) : SILMA_OK;
    free(indices);
    return status;
}

silma_status run_facts_gather(run_facts *facts, const char *folder, silma_context *context,
                              const silma_dataset *dataset, const char *data_problem, silma_error *error)
{
    *facts = (run_facts){.folder = strdup(folder), .dataset = dataset};
    if (!facts->folder) return silma_fail_memory(error, strlen(folder));
    if (!dataset) lose_data(facts, data_problem ? data_problem : "no data set was given");
    silma_status status = read_config(facts, error);
    if (status == SILMA_OK) status = parse_network(facts, error);
    if (status == SILMA_OK) status = read_history(facts, error);
    if (status == SILMA_OK) status = read_last(facts, error);
    if (status == SILMA_OK) status = read_model(facts, error);
    if (status == SILMA_OK) status = read_calibration(facts, error);
    if (status == SILMA_OK && facts->dataset) check_data(facts);
    if (status == SILMA_OK && facts->dataset) status = read_split(facts, error);
    if (status == SILMA_OK && facts->dataset && facts->model) status = predict(facts, context, error);
    if (status != SILMA_OK) run_facts_free(facts);
    return status;
}
