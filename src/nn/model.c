#define _GNU_SOURCE
#include "nn/model.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/utf8.h"
#include "kernels/context.h"
#include "nn/arena.h"
#include "nn/network.h"
#include "nn/preprocessing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FORMAT[] = "silma 1";
enum { CLASSES_MAX = 65536, TENSOR_NAME_MAX = 160 };

void silma_model_free(silma_model *model)
{
    if (!model) return;
    plan_free(model->p);
    free(model->arena);
    folded_network_free(&model->folded);
    for (int i = 0; model->class_names && i < model->class_count; i++)
        free(model->class_names[i]);
    free(model->class_names);
    free(model->scale);
    free(model->shift);
    free(model->summary);
    free(model->weights);
    free(model->statistics);
    graph_free(model->g);
    free(model);
}

static float *allocate_vector(size_t count)
{
    size_t bytes;
    if (!checked_mul(count + 1, sizeof(float), &bytes) || !checked_align(bytes, ARENA_ALIGNMENT, &bytes)) return NULL;
    float *vector = arena_allocate(bytes);
    if (vector) memset(vector, 0, bytes);
    return vector;
}

static bool set_class_names(silma_model *model, const char *const *names, int count)
{
    model->class_names = calloc((size_t)count + 1, sizeof *model->class_names);
    if (!model->class_names) return false;
    model->class_count = count;
    for (int i = 0; i < count; i++) {
        const char *name = names ? names[i] : NULL;
        if (name)
            model->class_names[i] = strdup(name);
        else if (asprintf(&model->class_names[i], "%d", i) < 0)
            model->class_names[i] = NULL;
        if (!model->class_names[i]) return false;
    }
    return true;
}

void model_forget_calibration(silma_model *model)
{
    model->calibration = (silma_calibration){.temperature = 1};
}

silma_status model_create(silma_model **result, graph *g, const char *const *class_names, int class_count,
                          silma_error *error)
{
    silma_model *model = calloc(1, sizeof *model);
    if (!model) {
        graph_free(g);
        return silma_fail_memory(error, sizeof *model);
    }
    model->g = g;
    model->preparation = preprocessing_default(g);
    model_forget_calibration(model);
    size_t channels = (size_t)graph_input(g).c;
    model->weights = allocate_vector(g->weight_count);
    model->statistics = allocate_vector(g->statistic_count);
    model->scale = calloc(channels, sizeof *model->scale);
    model->shift = calloc(channels, sizeof *model->shift);
    if (!model->weights || !model->statistics || !model->scale || !model->shift ||
        !set_class_names(model, class_names, class_count)) {
        silma_model_free(model);
        return silma_fail_memory(error, g->weight_count * sizeof(float));
    }
    for (size_t c = 0; c < channels; c++)
        model->scale[c] = 1.0f / 255.0f;
    *result = model;
    return SILMA_OK;
}

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

silma_status model_check_tensors(const safetensors *file, const char *path, const graph *g, silma_error *error)
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

// Takes over `value`, which may be null where memory was short.
static silma_status add_json(safetensors_writer *writer, const char *key, json_t *value, silma_error *error)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(value);
    if (!text) return silma_fail(error, SILMA_FAILURE, "the model's %s cannot be written as JSON", key);
    silma_status status = safetensors_writer_metadata(writer, key, text, error);
    free(text);
    return status;
}

silma_status model_add_metadata(safetensors_writer *writer, const silma_model *model, silma_error *error)
{
    silma_status status = safetensors_writer_metadata(writer, "format", FORMAT, error);
    if (status == SILMA_OK) status = safetensors_writer_metadata(writer, "network", model->g->text, error);
    if (status == SILMA_OK) status = add_json(writer, "classes", classes_to_json(model), error);
    if (status == SILMA_OK) status = add_json(writer, "preprocessing", preprocessing_to_json(model), error);
    if (status == SILMA_OK && model->calibration.count > 0)
        status = add_json(writer, "calibration", calibration_to_json(&model->calibration), error);
    if (status == SILMA_OK && model->summary)
        status = safetensors_writer_metadata(writer, "summary", model->summary, error);
    return status;
}

static silma_status fail_metadata(const char *path, const char *key, const char *expected, silma_error *error)
{
    return silma_fail(error, SILMA_BAD_FILE, "%s: metadata '%s' should be %s", path, key, expected);
}

static json_t *metadata_json(const safetensors *file, const char *key)
{
    const char *text = safetensors_metadata(file, key);
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
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

// A single output with a sigmoid stands for two classes.
static bool outputs_fit(const graph *g, int class_count)
{
    shape out = graph_output(g);
    if (out.h != 1 || out.w != 1) return false;
    return out.c == class_count || (out.c == 1 && class_count == 2);
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
    if (status == SILMA_OK && !outputs_fit(g, class_count))
        status = silma_fail(error, SILMA_BAD_FILE, "%s: the network has %d outputs for %d classes", path,
                            graph_output(g).c, class_count);
    if (status == SILMA_OK && !preprocessing_lists_channels(preprocessing, g))
        status = fail_metadata(path, "preprocessing", "a JSON object with a scale and a shift a channel", error);
    if (status == SILMA_OK) status = model_check_tensors(file, path, g, error);
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

silma_status model_read(silma_model **result, const safetensors *file, const char *path, silma_error *error)
{
    const char *format = safetensors_metadata(file, "format");
    if (!format)
        return silma_fail(error, SILMA_BAD_FILE, "%s: is no model of Silma: metadata 'format' is missing", path);
    if (strcmp(format, FORMAT) != 0)
        return silma_fail(error, SILMA_BAD_FILE, "%s: is of format '%s'; this version reads '%s'", path,
                          utf8_show(format).text, FORMAT);
    if (!safetensors_metadata(file, "network")) return fail_metadata(path, "network", "the network's text", error);
    json_t *classes = metadata_json(file, "classes");
    json_t *preprocessing = metadata_json(file, "preprocessing");
    json_t *calibration = metadata_json(file, "calibration");
    silma_status status = read_described(result, file, path, classes, preprocessing, calibration, error);
    json_decref(calibration);
    json_decref(classes);
    json_decref(preprocessing);
    const char *summary = safetensors_metadata(file, "summary");
    if (status != SILMA_OK || !summary) return status;
    (*result)->summary = strdup(summary);
    if ((*result)->summary) return SILMA_OK;
    silma_model_free(*result);
    *result = NULL;
    return silma_fail_memory(error, strlen(summary));
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

silma_status silma_model_create(silma_model **model, const silma_network *network, const char *const *class_names,
                                int class_count, uint64_t seed, silma_error *error)
{
    graph *g;
    const graph *from = network->g;
    if (class_count < 1 || !outputs_fit(from, class_count))
        return silma_fail(error, SILMA_USAGE, "the network has %d outputs for %d classes", graph_output(from).c,
                          class_count);
    silma_status status = graph_parse(&g, from->text, from->origin, NULL, error);
    if (status == SILMA_OK) status = model_create(model, g, class_names, class_count, error);
    if (status == SILMA_OK) graph_initialise(g, seed, (*model)->weights, (*model)->statistics);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// What a program asks a model

void silma_model_input_size(const silma_model *model, int *height, int *width, int *channels)
{
    shape in = graph_input(model->g);
    *height = in.h;
    *width = in.w;
    *channels = in.c;
}

void silma_model_preparation(const silma_model *model, silma_preparation *preparation)
{
    *preparation = model->preparation;
}

int silma_model_class_count(const silma_model *model)
{
    return model->class_count;
}

const char *silma_model_class_name(const silma_model *model, int index)
{
    return index >= 0 && index < model->class_count ? model->class_names[index] : NULL;
}

const char *silma_model_text(const silma_model *model)
{
    return model->g->text;
}

const char *silma_model_summary(const silma_model *model)
{
    return model->summary;
}

void silma_model_calibration(const silma_model *model, silma_calibration *calibration)
{
    *calibration = model->calibration;
}

int silma_model_choose(const silma_model *model, const float *probabilities)
{
    int best = 0;
    for (int i = 1; i < model->class_count; i++)
        if (probabilities[i] > probabilities[best]) best = i;
    return (double)probabilities[best] >= model->calibration.threshold ? best : -1;
}

// ---------------------------------------------------------------------------------------------------------------------
// Inference

// Halves *batch until the plan's arena is small, or there is but one image.
static silma_status create_small_plan(plan **p, const graph *g, const kernels *k, thread_pool *pool, size_t views,
                                      size_t *batch, silma_error *error)
{
    static const size_t ARENA_MOST = (size_t)1 << 30;
    for (;; *batch = (*batch + 1) / 2) {
        silma_status status = plan_create(p, g, k, pool, views * *batch, PLAN_INFER, error);
        if (status != SILMA_OK || *batch == 1 || plan_arena_bytes(*p) <= ARENA_MOST) return status;
        plan_free(*p);
        *p = NULL;
    }
}

// The oracle runs the network as it is written.
static silma_status fold_for(folded_network *folded, const silma_model *model, const kernels *k, silma_error *error)
{
    *folded = (folded_network){0};
    if (strcmp(k->name, "reference") == 0) return SILMA_OK;
    return fold_network(folded, model->g, model->weights, model->statistics, error);
}

silma_status model_prepare(silma_model *model, const kernels *k, thread_pool *pool, size_t batch, silma_error *error)
{
    unsigned threads = thread_pool_size(pool);
    bool same = model->p && model->k == k && model->pool == pool && model->threads == threads;
    if (same && model->wanted_batch >= batch) return SILMA_OK;
    size_t wanted_batch = batch;
    plan *p = NULL;
    folded_network folded;
    silma_status status = fold_for(&folded, model, k, error);
    if (status == SILMA_OK)
        status = create_small_plan(&p, folded.g ? folded.g : model->g, k, pool, looks_each(model->tta), &batch, error);
    void *arena = status == SILMA_OK ? arena_allocate(plan_arena_bytes(p)) : NULL;
    if (status == SILMA_OK && !arena) status = silma_fail_memory(error, plan_arena_bytes(p));
    if (status != SILMA_OK) {
        plan_free(p);
        folded_network_free(&folded);
        return status;
    }
    plan_bind(p, arena);
    plan_free(model->p);
    free(model->arena);
    folded_network_free(&model->folded);
    model->folded = folded;
    model->p = p;
    model->arena = arena;
    model->batch = batch;
    model->wanted_batch = wanted_batch;
    model->k = k;
    model->pool = pool;
    model->threads = threads;
    return SILMA_OK;
}

static void gather(const silma_model *model, size_t n, const uint32_t *indices, const uint8_t *pixels, float *x)
{
    shape in = graph_input(model->g);
    model->k->gather_images(model->pool, n, indices, pixels, shape_count(in), (size_t)in.c, model->scale, model->shift,
                            x);
}

const float *model_run(silma_model *model, size_t n, const uint32_t *indices, const uint8_t *pixels)
{
    shape in = graph_input(model->g);
    gather(model, n, indices, pixels, plan_input(model->p));
    looks_take(model->tta, model->pool, n, in, plan_input(model->p));
    const folded_network *folded = &model->folded;
    plan_step step = {.n = looks_each(model->tta) * n,
                      .same_weights = true, // since model_prepare
                      .weights = folded->g ? folded->weights : model->weights,
                      .statistics = folded->g ? folded->statistics : model->statistics};
    plan_forward(model->p, &step);
    float *logits = plan_output(model->p);
    looks_mean(model->tta, n, (size_t)graph_output(model->g).c, logits);
    if (model->calibration.temperature == 1) return logits;
    float colder = (float)(1 / model->calibration.temperature);
    for (size_t i = 0; i < n * (size_t)graph_output(model->g).c; i++)
        logits[i] *= colder;
    return logits;
}

// eq. 21, shifted by the greatest logit so that no power overflows.
static void softmax(const float *logits, int count, float *probabilities)
{
    float greatest = logits[0];
    for (int i = 1; i < count; i++)
        if (logits[i] > greatest) greatest = logits[i];
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += exp((double)logits[i] - (double)greatest);
    for (int i = 0; i < count; i++)
        probabilities[i] = (float)(exp((double)logits[i] - (double)greatest) / sum);
}

// eq. 11
static float sigmoid(float logit)
{
    return (float)(1.0 / (1.0 + exp(-(double)logit)));
}

void model_probabilities(const silma_model *model, const float *logits, float *probabilities)
{
    int outputs = graph_output(model->g).c;
    for (int i = 0; i < outputs; i++)
        probabilities[i] = model->g->head == ACTIVATION_SIGMOID ? sigmoid(logits[i]) : logits[i];
    if (model->g->head == ACTIVATION_SOFTMAX) softmax(logits, outputs, probabilities);
    if (outputs == 1 && model->class_count == 2) {
        probabilities[1] = probabilities[0];
        probabilities[0] = 1.0f - probabilities[1];
    }
}

silma_status silma_model_predict(silma_model *model, silma_context *context, const uint8_t *pixels, size_t count,
                                 float *probabilities, silma_error *error)
{
    size_t batch = count < MODEL_BATCH_MAX ? count : MODEL_BATCH_MAX;
    if (batch == 0) return SILMA_OK;
    silma_status status = model_prepare(model, context->k, context->pool, batch, error);
    if (status != SILMA_OK) return status;
    if (model->batch < batch) batch = model->batch;
    uint32_t indices[MODEL_BATCH_MAX];
    for (uint32_t i = 0; i < batch; i++)
        indices[i] = i;
    size_t outputs = (size_t)graph_output(model->g).c;
    size_t image = shape_count(graph_input(model->g));
    for (size_t first = 0; first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        const float *logits = model_run(model, n, indices, pixels + first * image);
        for (size_t i = 0; i < n; i++)
            model_probabilities(model, logits + i * outputs, probabilities + (first + i) * (size_t)model->class_count);
    }
    return SILMA_OK;
}
