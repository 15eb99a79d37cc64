#include "core/error.h"
#include "core/utf8.h"
#include "nn/model.h"
#include "nn/preprocessing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FORMAT[] = "silma 1";
enum { CLASSES_MAX = 65536, TENSOR_NAME_MAX = 160 };

// ---------------------------------------------------------------------------------------------------------------------
// Tensors

// "<prefix>layer.parameter"
static void tensor_name(char name[TENSOR_NAME_MAX], const char *prefix, const layer *l, const parameter *param)
{
    snprintf(name, TENSOR_NAME_MAX, "%s%s.%s", prefix, l->name, param->name);
}

static silma_status add_tensor(safetensors_writer *writer, const char *name, const parameter *param,
                               const float *values, silma_error *error)
{
    uint64_t dims[4];
    for (int d = 0; d < param->rank; d++)
        dims[d] = param->dims[d];
    return safetensors_writer_tensor(writer, name, "F32", param->rank, dims, values + param->offset, error);
}

silma_status model_add_tensors(safetensors_writer *writer, const graph *g, const char *prefix, const float *weights,
                               const float *statistics, silma_error *error)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            const float *vector = param->trainable ? weights : statistics;
            if (!vector) continue;
            char name[TENSOR_NAME_MAX];
            tensor_name(name, prefix, &g->layers[i], param);
            silma_status status = add_tensor(writer, name, param, vector, error);
            if (status != SILMA_OK) return status;
        }
    }
    return SILMA_OK;
}

static bool same_shape(const safetensor *tensor, const parameter *param)
{
    if (tensor->rank != param->rank || strcmp(tensor->dtype, "F32") != 0) return false;
    for (int d = 0; d < param->rank; d++)
        if (tensor->shape[d] != param->dims[d]) return false;
    return true;
}

static void shape_text(char text[96], const char *dtype, int rank, const uint64_t *dims)
{
    int used = snprintf(text, 96, "%.8s (", dtype);
    for (int d = 0; d < rank && used > 0 && used < 96; d++)
        used += snprintf(text + used, (size_t)(96 - used), d ? ", %llu" : "%llu", (unsigned long long)dims[d]);
    if (used > 0 && used < 96) snprintf(text + used, (size_t)(96 - used), ")");
}

static silma_status fail_shape(const char *path, const char *name, const safetensor *found, const parameter *param,
                               silma_error *error)
{
    uint64_t dims[4];
    for (int d = 0; d < param->rank; d++)
        dims[d] = param->dims[d];
    char found_text[96], expected_text[96];
    shape_text(found_text, found->dtype, found->rank, found->shape);
    shape_text(expected_text, "F32", param->rank, dims);
    return silma_fail(error, SILMA_BAD_FILE, "%s: tensor %s is %s; the network needs %s", path, name, found_text,
                      expected_text);
}

// Where a tensor is copied to may be null: it is only checked then.
static silma_status read_tensor(const safetensors *file, const char *path, const char *name, const parameter *param,
                                float *values, silma_error *error)
{
    const safetensor *tensor = safetensors_find(file, name);
    if (!tensor) return silma_fail(error, SILMA_BAD_FILE, "%s: tensor %s is missing; the network needs it", path, name);
    if (!same_shape(tensor, param)) return fail_shape(path, name, tensor, param, error);
    if (values) memcpy(values, tensor->data, param->count * sizeof(float));
    return SILMA_OK;
}

// Whether the file holds every tensor of the network in its shape: before memory is taken for them, since a text of one
// line may ask for gigabytes.
static silma_status check_tensors(const safetensors *file, const char *path, const graph *g, silma_error *error)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            char name[TENSOR_NAME_MAX];
            tensor_name(name, "", &g->layers[i], &g->layers[i].parameters[p]);
            silma_status status = read_tensor(file, path, name, &g->layers[i].parameters[p], NULL, error);
            if (status != SILMA_OK) return status;
        }
    }
    return SILMA_OK;
}

silma_status model_read_tensors(const safetensors *file, const char *path, const graph *g, const char *prefix,
                                float *weights, float *statistics, silma_error *error)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            float *vector = param->trainable ? weights : statistics;
            if (!vector) continue;
            char name[TENSOR_NAME_MAX];
            tensor_name(name, prefix, &g->layers[i], param);
            silma_status status = read_tensor(file, path, name, param, vector + param->offset, error);
            if (status != SILMA_OK) return status;
        }
    }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Metadata

static json_t *classes_to_json(const silma_model *model)
{
    json_t *array = json_array();
    for (int i = 0; array && i < model->class_count; i++)
        if (json_array_append_new(array, json_string(model->class_names[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *calibration_to_json(const silma_calibration *c)
{
    return json_pack("{s:f,s:f,s:f,s:I}", "temperature", c->temperature, "threshold", c->threshold, "error_rate",
                     c->error_rate, "images", (json_int_t)c->count);
}

silma_status model_add_metadata(safetensors_writer *writer, const silma_model *model, silma_error *error)
{
    silma_status status = safetensors_writer_metadata(writer, "format", FORMAT, error);
    if (status == SILMA_OK) status = safetensors_writer_metadata(writer, "network", model->g->text, error);
    if (status == SILMA_OK) status = safetensors_writer_json(writer, "classes", classes_to_json(model), 9, error);
    if (status == SILMA_OK)
        status = safetensors_writer_json(writer, "preprocessing", preprocessing_to_json(model), 9, error);
    if (status == SILMA_OK && model->calibration.count > 0)
        status = safetensors_writer_json(writer, "calibration", calibration_to_json(&model->calibration), 9, error);
    if (status == SILMA_OK && model->summary)
        status = safetensors_writer_metadata(writer, "summary", model->summary, error);
    return status;
}

static silma_status fail_metadata(const char *path, const char *key, const char *expected, silma_error *error)
{
    return silma_fail(error, SILMA_BAD_FILE, "%s: metadata '%s' should be %s", path, key, expected);
}

static silma_status read_class_names(const json_t *classes, const char *path, const char ***names, silma_error *error)
{
    size_t count = json_array_size(classes);
    if (count < 1 || count > CLASSES_MAX) return fail_metadata(path, "classes", "a JSON array of names", error);
    *names = calloc(count, sizeof **names);
    if (!*names) return silma_fail_memory(error, count * sizeof **names);
    for (size_t i = 0; i < count; i++) {
        (*names)[i] = json_string_value(json_array_get(classes, i));
        if (!(*names)[i] || !utf8_is_printable((*names)[i], strlen((*names)[i])))
            return fail_metadata(path, "classes", "a JSON array of names", error);
    }
    return SILMA_OK;
}

static bool read_number(const json_t *object, const char *key, double least, double most, double *number)
{
    const json_t *value = json_object_get(object, key);
    *number = json_number_value(value);
    return json_is_number(value) && *number >= least && *number <= most;
}

// `object` is null where there is none, or it is no JSON.
static silma_status read_calibration(silma_model *model, const safetensors *file, const char *path,
                                     const json_t *object, silma_error *error)
{
    silma_calibration *c = &model->calibration;
    if (!safetensors_metadata(file, "calibration")) return SILMA_OK;
    json_int_t images = json_integer_value(json_object_get(object, "images"));
    c->count = images > 0 ? (size_t)images : 0;
    if (images > 0 &&
        read_number(object, "temperature", MODEL_TEMPERATURE_LEAST, MODEL_TEMPERATURE_MOST, &c->temperature) &&
        read_number(object, "threshold", 0, 1, &c->threshold) &&
        read_number(object, "error_rate", 0, 1, &c->error_rate))
        return SILMA_OK;
    return fail_metadata(path, "calibration", "a temperature, and a threshold and an error rate from 0 to 1", error);
}

static silma_status read_described(silma_model **result, const safetensors *file, const char *path,
                                   const json_t *classes, const json_t *preprocessing, const json_t *calibration,
                                   silma_error *error)
{
    const char **names = NULL;
    silma_model *model = NULL;
    graph *g = NULL;
    silma_status status = read_class_names(classes, path, &names, error);
    if (status == SILMA_OK) status = graph_parse(&g, safetensors_metadata(file, "network"), path, NULL, error);
    int class_count = (int)json_array_size(classes);
    if (status == SILMA_OK && !model_outputs_fit(g, class_count))
        status = silma_fail(error, SILMA_BAD_FILE, "%s: the network has %d outputs for %d classes", path,
                            graph_output(g).c, class_count);
    if (status == SILMA_OK && !preprocessing_lists_channels(preprocessing, g))
        status = fail_metadata(path, "preprocessing", "a JSON object with a scale and a shift a channel", error);
    if (status == SILMA_OK) status = check_tensors(file, path, g, error);
    if (status == SILMA_OK)
        status = model_create(&model, g, names, class_count, error);
    else
        graph_free(g);
    free(names);
    if (status == SILMA_OK) status = preprocessing_read(model, preprocessing, path, error);
    if (status == SILMA_OK) status = read_calibration(model, file, path, calibration, error);
    if (status == SILMA_OK)
        status = model_read_tensors(file, path, model->g, "", model->weights, model->statistics, error);
    if (status != SILMA_OK) {
        silma_model_free(model);
        return status;
    }
    *result = model;
    return SILMA_OK;
}

static silma_status read_summary(silma_model *model, const safetensors *file, const char *path, silma_error *error)
{
    const char *text = safetensors_metadata(file, "summary");
    if (!text) return SILMA_OK;
    json_t *summary = safetensors_json(file, "summary");
    bool is_object = json_is_object(summary);
    json_decref(summary);
    if (!is_object) return fail_metadata(path, "summary", "a JSON object", error);
    model->summary = strdup(text);
    return model->summary ? SILMA_OK : silma_fail_memory(error, strlen(text));
}

silma_status model_read(silma_model **result, const safetensors *file, const char *path, silma_error *error)
{
    const char *format = safetensors_metadata(file, "format");
    if (!format)
        return silma_fail(error, SILMA_BAD_FILE, "%s: is no model of Silma: metadata 'format' is missing", path);
    if (strcmp(format, FORMAT) != 0)
        return silma_fail(error, SILMA_BAD_FILE, "%s: is of format '%s'; this version reads '%s'", path,
                          utf8_show(format).text, FORMAT);
    if (!safetensors_metadata(file, "network")) return fail_metadata(path, "network", "the network's text", error);
    *result = NULL;
    json_t *classes = safetensors_json(file, "classes");
    json_t *preprocessing = safetensors_json(file, "preprocessing");
    json_t *calibration = safetensors_json(file, "calibration");
    silma_status status = read_described(result, file, path, classes, preprocessing, calibration, error);
    json_decref(calibration);
    json_decref(classes);
    json_decref(preprocessing);
    if (status == SILMA_OK) status = read_summary(*result, file, path, error);
    if (status == SILMA_OK) return SILMA_OK;
    silma_model_free(*result);
    *result = NULL;
    return status;
}

silma_status silma_model_load(silma_model **model, const char *path, silma_error *error)
{
    safetensors *file;
    silma_status status = safetensors_open(&file, path, error);
    if (status != SILMA_OK) return status;
    status = model_read(model, file, path, error);
    safetensors_close(file);
    return status;
}

silma_status silma_model_save(const silma_model *model, const char *path, silma_error *error)
{
    safetensors_writer *writer;
    silma_status status = safetensors_writer_create(&writer, error);
    if (status != SILMA_OK) return status;
    status = model_add_metadata(writer, model, error);
    if (status == SILMA_OK) status = model_add_tensors(writer, model->g, "", model->weights, model->statistics, error);
    if (status == SILMA_OK) status = safetensors_writer_commit(writer, path, error);
    safetensors_writer_free(writer);
    return status;
}
