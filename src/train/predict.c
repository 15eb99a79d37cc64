// Predicting images of a data set, prepared as training and evaluation prepare them.
#include "data/pad.h"
#include "kernels/context.h"
#include "nn/model.h"
#include "train/evaluate.h"

static silma_status predict_images(silma_model *model, silma_context *context, const silma_images *images,
                                   const uint32_t *indices, size_t count, float *probabilities, silma_error *error)
{
    size_t batch = count < MODEL_BATCH_MAX ? count : MODEL_BATCH_MAX;
    size_t outputs = (size_t)graph_output(model->g).c, classes = (size_t)model->class_count;
    silma_status status = model_prepare(model, context->k, context->pool, batch, error);
    if (status != SILMA_OK) return status;
    if (model->batch < batch) batch = model->batch;
    for (size_t first = 0; first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        const float *logits = model_run(model, n, indices + first, images->pixels);
        for (size_t i = 0; i < n; i++)
            model_probabilities(model, logits + i * outputs, probabilities + (first + i) * classes);
    }
    return SILMA_OK;
}

silma_status silma_model_predict_dataset(silma_model *model, silma_context *context, const silma_dataset *dataset,
                                         const uint32_t *indices, size_t count, float *probabilities,
                                         silma_error *error)
{
    const silma_images *images = silma_dataset_images(dataset);
    silma_status status = evaluate_check_indices(dataset, indices, count, error);
    if (status != SILMA_OK) return status;
    if (count == 0) return SILMA_OK;
    silma_dataset *padded;
    shape in = graph_input(model->g);
    status = dataset_pad(&padded, dataset, in.h, in.w, in.c, error);
    if (status != SILMA_OK) return status;
    if (padded) images = silma_dataset_images(padded);
    status = predict_images(model, context, images, indices, count, probabilities, error);
    silma_dataset_free(padded);
    return status;
}
