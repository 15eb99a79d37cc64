// config.json: what was trained on what and how, for people and for finding the data again.
#define _GNU_SOURCE
#include "train/run.h"

#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 65536 };
static const char *const RESIZE_NAMES[] = {"stretch", "fit", "crop"}; // by silma_resize

static json_t *preparation_to_json(const silma_preparation *p)
{
    if (!p) return json_null();
    return json_pack("{s:i,s:i,s:i,s:s,s:[i,i,i]}", "height", p->height, "width", p->width, "channels", p->channels,
                     "resize", RESIZE_NAMES[p->resize], "background", p->background[0], p->background[1],
                     p->background[2]);
}

static json_t *data_to_json(const silma_run *run)
{
    json_t *place = json_string(silma_dataset_folder(run->dataset)); // null where it is not UTF-8: JSON cannot hold it
    const silma_images *images = silma_dataset_images(run->dataset);
    return json_pack("{s:s,s:o,s:s,s:I,s:I,s:[i,i,i],s:i,s:o}", "name", silma_dataset_name(run->dataset), "folder",
                     place ? place : json_null(), "sha256", silma_dataset_hash(run->dataset), "train_images",
                     (json_int_t)run->parts.train_count, "validation_images", (json_int_t)run->parts.validation_count,
                     "size", images->height, images->width, images->channels, "classes", images->class_count,
                     "preparation", preparation_to_json(silma_dataset_preparation(run->dataset)));
}

static json_t *config_to_json(const silma_run *run)
{
    shape in = graph_input(run->model->g);
    return json_pack("{s:s,s:s,s:s,s:[i,i,i],s:o,s:o,s:s,s:b,s:I}", "silma", silma_version(), "model",
                     run->network_name, "network", run->model->g->text, "input", in.h, in.w, in.c, "data",
                     data_to_json(run), "settings", settings_to_json(&run->settings), "isa", run->k->name, "winograd",
                     run->k->direct != NULL, "threads", (json_int_t)thread_pool_size(run->pool));
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

// config.json as it stands and as a value; all three are the caller's to free, also after a failure.
static silma_status read_text(const char *folder, char **path, char **text, json_t **config, silma_error *error)
{
    enum { CONFIG_MAX = 1 << 22 };
    *path = path_join(folder, RUN_CONFIG);
    *text = NULL;
    *config = NULL;
    if (!*path) return silma_fail_memory(error, strlen(folder));
    size_t count;
    silma_status status = file_read(*path, CONFIG_MAX, text, &count, error);
    if (status != SILMA_OK) return status;
    json_error_t wrong;
    *config = json_loadb(*text, count, JSON_REJECT_DUPLICATES, &wrong);
    if (!*config)
        return silma_fail(error, SILMA_BAD_FILE, "%s:%d: not JSON: %s", *path, wrong.line, utf8_show(wrong.text).text);
    if (!json_is_object(*config)) return silma_fail(error, SILMA_BAD_FILE, "%s: expected a JSON object", *path);
    return SILMA_OK;
}

static silma_status config_read(const char *folder, char **path, json_t **config, silma_error *error)
{
    char *text;
    silma_status status = read_text(folder, path, &text, config, error);
    free(text);
    return status;
}

silma_status silma_run_read_config(const char *folder, char **json, silma_error *error)
{
    char *path, *text;
    json_t *config;
    silma_status status = read_text(folder, &path, &text, &config, error);
    json_decref(config);
    free(path);
    if (status == SILMA_OK)
        *json = text;
    else
        free(text);
    return status;
}

silma_status silma_run_dataset_name(const char *folder, char **name, char **data_folder, silma_error *error)
{
    char *path;
    json_t *config;
    silma_status status = config_read(folder, &path, &config, error);
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

static bool read_size(const json_t *object, const char *key, int most, int *value)
{
    const json_t *number = json_object_get(object, key);
    json_int_t size = json_is_integer(number) ? json_integer_value(number) : 0;
    *value = size >= 1 && size <= most ? (int)size : 0;
    return *value > 0;
}

static bool read_preparation(const json_t *object, silma_preparation *p)
{
    const char *resize = json_string_value(json_object_get(object, "resize"));
    const json_t *background = json_object_get(object, "background");
    bool read = read_size(object, "height", SIDE_MAX, &p->height) && read_size(object, "width", SIDE_MAX, &p->width) &&
                read_size(object, "channels", 3, &p->channels) && resize && json_array_size(background) == 3;
    bool known = false;
    for (int i = 0; read && i <= SILMA_RESIZE_CROP; i++) {
        if (strcmp(resize, RESIZE_NAMES[i]) != 0) continue;
        p->resize = (silma_resize)i;
        known = true;
    }
    for (size_t i = 0; known && i < 3; i++)
        p->background[i] = (uint8_t)json_integer_value(json_array_get(background, i));
    return known;
}

silma_status silma_run_dataset_preparation(const char *folder, silma_preparation *preparation, silma_error *error)
{
    char *path;
    json_t *config;
    *preparation = (silma_preparation){0};
    silma_status status = config_read(folder, &path, &config, error);
    const json_t *object = json_object_get(json_object_get(config, "data"), "preparation");
    if (status == SILMA_OK && json_is_object(object) && !read_preparation(object, preparation))
        status = silma_fail(error, SILMA_BAD_FILE, "%s: does not say how the pictures were prepared", path);
    json_decref(config);
    free(path);
    return status;
}
