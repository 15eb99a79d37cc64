// Doubles are stored as the hexadecimal digits of their bits: exact, NaN and infinity included, and the same in every
// locale.
#define _GNU_SOURCE
#include "train/run.h"

#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOUBLE_DIGITS = 16, HASH_DIGITS = 64 };

static const char *const SLOT_PREFIXES[OPTIMIZER_SLOTS_MAX] = {"optimizer.0/", "optimizer.1/"};

static json_t *double_to_json(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return json_sprintf("%016" PRIx64, bits);
}

static json_t *doubles_to_json(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, double_to_json(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *position_to_json(const run_position *at)
{
    double sums[METRICS_VALUES];
    metrics_store(&at->sums, sums);
    double stop[] = {at->stop.best, at->stop.wait};
    double plateau[] = {at->plateau.best, at->plateau.wait, at->plateau.factor};
    return json_pack("{s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:I,s:b}", "epoch", (json_int_t)at->epoch, "step",
                     (json_int_t)at->step, "total_steps", (json_int_t)at->total_steps, "sums",
                     doubles_to_json(sums, METRICS_VALUES), "rate", double_to_json(at->rate), "early_stop",
                     doubles_to_json(stop, 2), "plateau", doubles_to_json(plateau, 3), "best_value",
                     double_to_json(at->best_value), "best_epoch", (json_int_t)at->best_epoch, "stopped_early",
                     at->stopped_early);
}

static silma_status commit(const silma_run *run, safetensors_writer *writer, const char *name, silma_error *error)
{
    char *path = path_join(run->folder, name);
    if (!path) return silma_fail_memory(error, strlen(run->folder));
    silma_status status = safetensors_writer_commit(writer, path, error);
    free(path);
    return status;
}

static json_t *number_to_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *epoch_to_json(const silma_epoch *e)
{
    return json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "epoch", (json_int_t)e->epoch, "loss", number_to_json(e->loss),
                     "accuracy", number_to_json(e->accuracy), "true_positives", number_to_json(e->true_positives),
                     "val_loss", number_to_json(e->val_loss), "val_accuracy", number_to_json(e->val_accuracy),
                     "val_true_positives", number_to_json(e->val_true_positives));
}

// As the run's first checkpoint called the data: a resumed run may find them under another name.
static json_t *data_name_to_json(const silma_run *run)
{
    const char *stored = run->model->summary;
    json_t *summary = stored ? json_loads(stored, 0, NULL) : NULL;
    json_t *name = json_object_get(json_object_get(summary, "data"), "name");
    json_t *result = json_is_string(name) ? json_incref(name) : json_string(silma_dataset_name(run->dataset));
    json_decref(summary);
    return result;
}

// How the model was trained: its "summary". The epoch is the last one that ended, null before the first. Where a run
// was to end is left out: one that was resumed for more epochs writes the same bytes as one that was not.
static json_t *summary_to_json(const silma_run *run)
{
    size_t epochs = run->history.count;
    json_t *recipe = settings_to_json(&run->settings);
    json_object_del(recipe, "epochs");
    json_object_del(recipe, "early_stop");
    return json_pack("{s:s,s:s,s:{s:o,s:s,s:I,s:I},s:o,s:o}", "silma", silma_version(), "network", run->network_name,
                     "data", "name", data_name_to_json(run), "sha256", silma_dataset_hash(run->dataset), "train_images",
                     (json_int_t)run->parts.train_count, "validation_images", (json_int_t)run->parts.validation_count,
                     "settings", recipe, "epoch",
                     epochs > 0 ? epoch_to_json(&run->history.epochs[epochs - 1]) : json_null());
}

static silma_status summarise(const silma_run *run, silma_error *error)
{
    json_t *summary = summary_to_json(run);
    free(run->model->summary);
    run->model->summary = summary ? json_dumps(summary, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(summary);
    if (run->model->summary) return SILMA_OK;
    return silma_fail(error, SILMA_FAILURE, "the run's %s cannot be written as JSON", "summary");
}

static silma_status add_model(const silma_run *run, safetensors_writer *writer, silma_error *error)
{
    const silma_model *model = run->model;
    silma_status status = summarise(run, error);
    if (status == SILMA_OK) status = model_add_metadata(writer, model, error);
    if (status == SILMA_OK) status = model_add_tensors(writer, model->g, "", model->weights, model->statistics, error);
    return status;
}

static silma_status add_run(const silma_run *run, safetensors_writer *writer, silma_error *error)
{
    silma_status status = safetensors_writer_json(writer, "settings", settings_to_json(&run->settings), 17, error);
    if (status == SILMA_OK) status = safetensors_writer_json(writer, "position", position_to_json(&run->at), 17, error);
    if (status == SILMA_OK) status = safetensors_writer_metadata(writer, "name", run->network_name, error);
    if (status == SILMA_OK)
        status = safetensors_writer_metadata(writer, "data_hash", silma_dataset_hash(run->dataset), error);
    for (int i = 0; status == SILMA_OK && i < optimizer_slots(&run->settings.optimizer); i++)
        status = model_add_tensors(writer, run->model->g, SLOT_PREFIXES[i], run->slots[i], NULL, error);
    return status;
}

silma_status checkpoint_write_last(const silma_run *run, silma_error *error)
{
    safetensors_writer *writer;
    silma_status status = safetensors_writer_create(&writer, error);
    if (status != SILMA_OK) return status;
    status = add_model(run, writer, error);
    if (status == SILMA_OK) status = add_run(run, writer, error);
    if (status == SILMA_OK) status = commit(run, writer, RUN_LAST, error);
    safetensors_writer_free(writer);
    return status;
}

silma_status checkpoint_write_best(const silma_run *run, silma_error *error)
{
    safetensors_writer *writer;
    silma_status status = safetensors_writer_create(&writer, error);
    if (status != SILMA_OK) return status;
    status = add_model(run, writer, error);
    if (status == SILMA_OK) status = commit(run, writer, RUN_BEST, error);
    safetensors_writer_free(writer);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

static silma_status fail_metadata(const char *path, const char *key, silma_error *error)
{
    return silma_fail(error, SILMA_BAD_FILE,
                      "%s: metadata '%s' is missing or damaged: a run cannot be continued from this file", path, key);
}

// Whether `text`, which may be null, is `count` lower-case digits and nothing else.
static bool is_hexadecimal(const char *text, size_t count)
{
    return text && strlen(text) == count && strspn(text, "0123456789abcdef") == count;
}

static bool read_double(const json_t *value, double *result)
{
    const char *text = json_string_value(value);
    if (!is_hexadecimal(text, DOUBLE_DIGITS)) return false;
    uint64_t bits = strtoull(text, NULL, 16);
    memcpy(result, &bits, sizeof *result);
    return true;
}

static bool read_doubles(const json_t *array, double *values, size_t count)
{
    if (!json_is_array(array) || json_array_size(array) != count) return false;
    for (size_t i = 0; i < count; i++)
        if (!read_double(json_array_get(array, i), &values[i])) return false;
    return true;
}

static bool read_count(const json_t *object, const char *key, uint64_t most, uint64_t *count)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *count = (uint64_t)json_integer_value(value);
    return *count <= most;
}

static bool read_position(const json_t *object, size_t steps_per_epoch, run_position *at)
{
    double sums[METRICS_VALUES], stop[2], plateau[3];
    uint64_t epoch, step, best_epoch;
    bool read = read_count(object, "epoch", UINT32_MAX, &epoch) && read_count(object, "step", steps_per_epoch, &step) &&
                read_count(object, "total_steps", UINT64_MAX, &at->total_steps) &&
                read_count(object, "best_epoch", epoch, &best_epoch) &&
                read_doubles(json_object_get(object, "sums"), sums, METRICS_VALUES) &&
                read_double(json_object_get(object, "rate"), &at->rate) &&
                read_doubles(json_object_get(object, "early_stop"), stop, 2) &&
                read_doubles(json_object_get(object, "plateau"), plateau, 3) &&
                read_double(json_object_get(object, "best_value"), &at->best_value) &&
                json_is_boolean(json_object_get(object, "stopped_early"));
    if (!read || at->total_steps != epoch * steps_per_epoch + step || !metrics_restore(&at->sums, sums)) return false;
    at->epoch = (unsigned)epoch;
    at->step = (size_t)step;
    at->best_epoch = (unsigned)best_epoch;
    at->stop = (early_stop_state){.best = stop[0], .wait = stop[1]};
    at->plateau = (plateau_state){.best = plateau[0], .wait = plateau[1], .factor = plateau[2]};
    at->stopped_early = json_boolean_value(json_object_get(object, "stopped_early"));
    return true;
}

silma_status checkpoint_read_start(silma_run *run, safetensors *file, const char *path, char data_hash[65],
                                   silma_error *error)
{
    silma_status status = model_read(&run->model, file, path, error);
    if (status != SILMA_OK) return status;
    model_forget_calibration(run->model); // it does not suit the weights to come
    const char *name = safetensors_metadata(file, "name");
    const char *hash = safetensors_metadata(file, "data_hash");
    if (!name || !utf8_is_printable(name, strlen(name))) return fail_metadata(path, "name", error);
    if (!is_hexadecimal(hash, HASH_DIGITS)) return fail_metadata(path, "data_hash", error);
    memcpy(data_hash, hash, HASH_DIGITS + 1);
    run->network_name = strdup(name);
    if (!run->network_name) return silma_fail_memory(error, strlen(name));
    json_t *stored = safetensors_json(file, "settings");
    if (!json_is_object(stored)) {
        json_decref(stored);
        return fail_metadata(path, "settings", error);
    }
    status = settings_from_json(&run->settings, stored, path, error);
    json_decref(stored);
    return status;
}

silma_status checkpoint_read_rest(silma_run *run, safetensors *file, const char *path, silma_error *error)
{
    json_t *position = safetensors_json(file, "position");
    bool read = json_is_object(position) && read_position(position, run_steps_per_epoch(run), &run->at);
    json_decref(position);
    if (!read) return fail_metadata(path, "position", error);
    silma_status status = SILMA_OK;
    for (int i = 0; status == SILMA_OK && i < optimizer_slots(&run->settings.optimizer); i++)
        status = model_read_tensors(file, path, run->model->g, SLOT_PREFIXES[i], run->slots[i], NULL, error);
    return status;
}
