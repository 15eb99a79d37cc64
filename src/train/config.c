// config.json: what was trained on what and how, for people and for finding the data again.
#define _GNU_SOURCE
#include "train/run.h"

#include "core/error.h"
#include "core/file.h"

#include <stdlib.h>
#include <string.h>

static json_t *data_to_json(const silma_run *run)
{
    const silma_images *images = silma_dataset_images(run->dataset);
    return json_pack("{s:s,s:s?,s:s,s:I,s:I,s:[i,i,i],s:i}", "name", silma_dataset_name(run->dataset), "folder",
                     silma_dataset_folder(run->dataset), "sha256", silma_dataset_hash(run->dataset), "train_images",
                     (json_int_t)run->parts.train_count, "validation_images", (json_int_t)run->parts.validation_count,
                     "size", images->height, images->width, images->channels, "classes", images->class_count);
}

static json_t *config_to_json(const silma_run *run)
{
    shape in = graph_input(run->model->g);
    return json_pack("{s:s,s:s,s:s,s:[i,i,i],s:o,s:o,s:s,s:I}", "silma", silma_version(), "model", run->network_name,
                     "network", run->model->g->text, "input", in.h, in.w, in.c, "data", data_to_json(run), "settings",
                     settings_to_json(&run->settings), "isa", run->k->name, "threads",
                     (json_int_t)thread_pool_size(run->pool));
}

silma_status config_write(silma_run *run, silma_error *error)
{
    json_t *object = config_to_json(run);
    free(run->config);
    run->config = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    if (!run->config) return silma_fail(error, SILMA_FAILURE, "the run's settings cannot be written as JSON");
    char *path = path_join(run->folder, RUN_CONFIG);
    if (!path) return silma_fail_memory(error, strlen(run->folder));
    file_writer *writer;
    silma_status status = file_writer_open(&writer, path, error);
    free(path);
    if (status != SILMA_OK) return status;
    file_writer_print(writer, "%s\n", run->config);
    return file_writer_commit(writer, error);
}

const char *silma_run_config(const silma_run *run)
{
    return run->config;
}

silma_status silma_run_dataset_name(const char *folder, char **name, char **data_folder, silma_error *error)
{
    enum { CONFIG_MAX = 1 << 22 };
    char *path = path_join(folder, RUN_CONFIG);
    if (!path) return silma_fail_memory(error, strlen(folder));
    char *text = NULL;
    size_t count;
    silma_status status = file_read(path, CONFIG_MAX, &text, &count, error);
    json_error_t wrong;
    json_t *config = status == SILMA_OK ? json_loads(text, JSON_REJECT_DUPLICATES, &wrong) : NULL;
    free(text);
    if (status == SILMA_OK && !config)
        status = silma_fail(error, SILMA_BAD_FILE, "%s:%d: not JSON: %s", path, wrong.line, wrong.text);
    const json_t *data = json_object_get(config, "data");
    const char *stored_name = json_string_value(json_object_get(data, "name"));
    const char *stored_folder = json_string_value(json_object_get(data, "folder"));
    *name = stored_name ? strdup(stored_name) : NULL;
    *data_folder = stored_folder ? strdup(stored_folder) : NULL;
    json_decref(config);
    if (status == SILMA_OK && !*name)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: does not say what data the run was trained on", path);
    free(path);
    return status;
}
