#define _GNU_SOURCE
#include "train/evaluate.h"

#include "core/error.h"
#include "data/pad.h"
#include "kernels/context.h"
#include "nn/model.h"
#include "train/loss.h"
#include "train/metrics.h"

#include <stdlib.h>
#include <string.h>

silma_status evaluate_check_classes(const silma_model *model, const silma_dataset *dataset, silma_error *error)
{
    const silma_images *images = silma_dataset_images(dataset);
    if (!images->labels)
        return silma_fail(error, SILMA_USAGE, "%s has no labels to compare with", silma_dataset_name(dataset));
    if (images->class_count != model->class_count)
        return silma_fail(error, SILMA_USAGE, "the model tells %d classes apart, but %s has %d", model->class_count,
                          silma_dataset_name(dataset), images->class_count);
    for (int i = 0; i < model->class_count; i++) {
        const char *found = images->class_names ? images->class_names[i] : NULL;
        if (found && strcmp(found, model->class_names[i]) != 0)
            return silma_fail(error, SILMA_USAGE, "class %d is '%s' for the model, but '%s' in %s", i,
                              model->class_names[i], found, silma_dataset_name(dataset));
    }
    return SILMA_OK;
}

silma_status evaluate_check_indices(const silma_dataset *dataset, const uint32_t *indices, size_t count,
                                    silma_error *error)
{
    size_t images = silma_dataset_images(dataset)->count;
    for (size_t i = 0; i < count; i++)
        if (indices[i] >= images)
            return silma_fail(error, SILMA_USAGE, "image %u was asked for; %s has %zu", indices[i],
                              silma_dataset_name(dataset), images);
    return SILMA_OK;
}

// "categorical_crossentropy label_smoothing=0.1", and a loss that can follow this network.
static silma_status parse_loss(loss_function *loss, const char *text, const silma_model *model, silma_error *error)
{
    char *copy = strdup(text);
    if (!copy) return silma_fail_memory(error, strlen(text));
    words line;
    size_t outputs = (size_t)graph_output(model->g).c;
    silma_status status = words_split(&line, copy, model->g->origin, 0, error);
    if (status == SILMA_OK) status = loss_parse(loss, &line, error);
    if (status == SILMA_OK) status = words_finish(&line, error);
    if (status == SILMA_OK) status = loss_check(loss, model->g->head, outputs, model->class_count, error);
    free(copy);
    return status == SILMA_USAGE ? SILMA_BAD_FILE : status;
}

// The loss that the model was trained with, as its summary says; where there is none, the one that its end suggests.
static silma_status find_loss(loss_function *loss, const silma_model *model, silma_error *error)
{
    json_t *summary = model->summary ? json_loads(model->summary, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *text = json_string_value(json_object_get(json_object_get(summary, "settings"), "loss"));
    activation_kind head = model->g->head;
    *loss = head == ACTIVATION_LINEAR ? (loss_function){.kind = LOSS_MEAN_SQUARED_ERROR} // no other can follow it
                                      : loss_default(head, (size_t)graph_output(model->g).c);
    silma_status status = text ? parse_loss(loss, text, model, error) : SILMA_OK;
    json_decref(summary);
    return status;
}

// The memory of one batch.
typedef struct evaluator {
    silma_model *model;
    const silma_images *images;
    loss_function loss;
    float *probabilities; // (batch, outputs)
    uint32_t indices[MODEL_BATCH_MAX];
    uint32_t labels[MODEL_BATCH_MAX];
} evaluator;

static void evaluate_batch(evaluator *e, size_t n, silma_evaluation *evaluation)
{
    size_t outputs = (size_t)graph_output(e->model->g).c;
    for (size_t i = 0; i < n; i++)
        e->labels[i] = e->images->labels[e->indices[i]];
    loss_batch batch = {
        .head = e->model->g->head,
        .n = n,
        .outputs = outputs,
        .logits = model_run(e->model, n, e->indices, e->images->pixels),
        .probabilities = e->probabilities,
    };
    double loss_sum = loss_compute(&e->loss, &batch, e->labels, NULL);
    evaluation_add(evaluation, loss_sum, n, outputs, e->probabilities, e->labels);
}

static silma_status evaluate_images(silma_model *model, silma_context *context, const silma_images *images,
                                    const uint32_t *indices, size_t count, silma_evaluation *evaluation,
                                    silma_error *error)
{
    size_t outputs = (size_t)graph_output(model->g).c;
    evaluator *e = calloc(1, sizeof *e);
    if (!e) return silma_fail_memory(error, sizeof *e);
    *e = (evaluator){.model = model, .images = images};
    e->probabilities = calloc(MODEL_BATCH_MAX * outputs, sizeof *e->probabilities);
    silma_status status = e->probabilities
                              ? find_loss(&e->loss, model, error)
                              : silma_fail_memory(error, MODEL_BATCH_MAX * outputs * sizeof *e->probabilities);
    if (status == SILMA_OK) status = model_prepare(model, context->k, context->pool, MODEL_BATCH_MAX, error);
    if (status == SILMA_OK) status = evaluation_start(evaluation, model->class_count, error);
    size_t batch = model->batch < MODEL_BATCH_MAX ? model->batch : MODEL_BATCH_MAX;
    for (size_t first = 0; status == SILMA_OK && first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        for (size_t i = 0; i < n; i++)
            e->indices[i] = indices ? indices[first + i] : (uint32_t)(first + i);
        evaluate_batch(e, n, evaluation);
    }
    if (status == SILMA_OK) evaluation_finish(evaluation);
    free(e->probabilities);
    free(e);
    return status;
}

silma_status silma_evaluate(silma_model *model, silma_context *context, const silma_dataset *dataset,
                            const uint32_t *indices, size_t index_count, silma_evaluation *evaluation,
                            silma_error *error)
{
    silma_status status = evaluate_check_classes(model, dataset, error);
    if (status != SILMA_OK) return status;
    status = evaluate_check_indices(dataset, indices, indices ? index_count : 0, error);
    if (status != SILMA_OK) return status;
    const silma_images *images = silma_dataset_images(dataset);
    shape in = graph_input(model->g);
    silma_dataset *padded;
    status = dataset_pad(&padded, dataset, in.h, in.w, in.c, error);
    if (status != SILMA_OK) return status;
    if (padded) images = silma_dataset_images(padded);
    status = evaluate_images(model, context, images, indices, indices ? index_count : images->count, evaluation, error);
    silma_dataset_free(padded);
    return status;
}
