// Predicting pictures of any size: from memory and from files, prepared on all threads, a batch at a time.
#include "core/error.h"
#include "data/pad.h"
#include "data/picture_file.h"
#include "kernels/context.h"
#include "nn/model.h"

#include <math.h>
#include <stdlib.h>

// Where the pictures come from: one of the two.
typedef struct picture_source {
    const silma_picture *pictures;
    const silma_picture_file *files;
    const silma_codecs *codecs;
} picture_source;

// The memory of one batch, shared by all threads.
typedef struct picture_batch {
    const silma_model *model;
    picture_source source;
    size_t first;        // of the batch
    size_t prepared;     // bytes of an image before it is padded
    size_t input;        // bytes of an image as it enters the network
    uint8_t *pixels;     // (batch, input)
    uint8_t *unpadded;   // (threads, prepared)
    silma_error *errors; // (batch)
} picture_batch;

static silma_status read_source(const picture_source *source, size_t index, const silma_preparation *preparation,
                                uint8_t *pixels, silma_error *error)
{
    if (source->pictures) return silma_picture_prepare(&source->pictures[index], preparation, pixels, error);
    const silma_picture_file *file = &source->files[index];
    if (!file->bytes) return picture_file_read(file->path, source->codecs, preparation, pixels, error);
    return picture_bytes_read(file->path, file->bytes, file->size, source->codecs, preparation, pixels, error);
}

static void prepare_image(void *argument, size_t task, unsigned thread)
{
    const picture_batch *b = argument;
    const silma_preparation *p = &b->model->preparation;
    shape in = graph_input(b->model->g);
    uint8_t *unpadded = b->unpadded + thread * b->prepared, *pixels = b->pixels + task * b->input;
    b->errors[task].status = SILMA_OK;
    silma_status status = read_source(&b->source, b->first + task, p, unpadded, &b->errors[task]);
    if (status == SILMA_OK)
        image_pad(unpadded, p->height, p->width, p->channels, pixels, in.h, in.w);
    else
        b->errors[task].status = status;
}

static void forget_row(float *row, int count)
{
    for (int i = 0; i < count; i++)
        row[i] = NAN;
}

static void run_batch(silma_model *model, const picture_batch *b, size_t n, float *probabilities)
{
    uint32_t indices[MODEL_BATCH_MAX];
    for (uint32_t i = 0; i < n; i++)
        indices[i] = i;
    size_t outputs = (size_t)graph_output(model->g).c, classes = (size_t)model->class_count;
    const float *logits = model_run(model, n, indices, b->pixels);
    for (size_t i = 0; i < n; i++) {
        if (b->errors[i].status == SILMA_OK)
            model_probabilities(model, logits + i * outputs, probabilities + i * classes);
        else
            forget_row(probabilities + i * classes, model->class_count);
    }
}

static silma_status first_error(const silma_error *errors, size_t n, silma_error *error)
{
    for (size_t i = 0; i < n; i++) {
        if (errors[i].status == SILMA_OK) continue;
        if (error) *error = errors[i];
        return errors[i].status;
    }
    return SILMA_OK;
}

// `errors` (count) may be null: the first one ends it then.
static silma_status predict_batches(silma_model *model, silma_context *context, picture_batch *b, size_t count,
                                    float *probabilities, silma_error *errors, silma_error *error)
{
    silma_error *own = b->errors;
    silma_status status = SILMA_OK;
    for (size_t n; b->first < count && status == SILMA_OK; b->first += n) {
        n = count - b->first < model->batch ? count - b->first : model->batch;
        if (errors) b->errors = errors + b->first;
        thread_pool_run(context->pool, n, prepare_image, b);
        if (!errors) status = first_error(b->errors, n, error);
        if (status == SILMA_OK) run_batch(model, b, n, probabilities + b->first * (size_t)model->class_count);
    }
    b->errors = own;
    return status;
}

static silma_status predict(silma_model *model, silma_context *context, picture_source source, size_t count,
                            float *probabilities, silma_error *errors, silma_error *error)
{
    const silma_preparation *p = &model->preparation;
    if (p->channels != 1 && p->channels != 3)
        return silma_fail(error, SILMA_USAGE,
                          "the model does not say how a picture becomes its input of %dx%dx%d; train it again, or "
                          "classify images of a data set",
                          p->height, p->width, p->channels);
    size_t most = count < MODEL_BATCH_MAX ? count : MODEL_BATCH_MAX;
    if (most == 0) return SILMA_OK;
    silma_status status = model_prepare(model, context->k, context->pool, most, error);
    if (status != SILMA_OK) return status;
    if (model->batch < most) most = model->batch;

    picture_batch b = {.model = model, .source = source, .input = shape_count(graph_input(model->g))};
    b.prepared = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    b.pixels = calloc(most, b.input);
    b.unpadded = calloc(thread_pool_size(context->pool), b.prepared);
    b.errors = errors ? NULL : calloc(most, sizeof *b.errors);
    if (b.pixels && b.unpadded && (errors || b.errors))
        status = predict_batches(model, context, &b, count, probabilities, errors, error);
    else
        status = silma_fail_memory(error, most * b.input);
    free(b.pixels);
    free(b.unpadded);
    free(b.errors);
    return status;
}

silma_status silma_model_predict_pictures(silma_model *model, silma_context *context, const silma_picture *pictures,
                                          size_t count, float *probabilities, silma_error *error)
{
    return predict(model, context, (picture_source){.pictures = pictures}, count, probabilities, NULL, error);
}

silma_status silma_model_predict_files(silma_model *model, silma_context *context, const silma_codecs *codecs,
                                       const silma_picture_file *files, size_t count, float *probabilities,
                                       silma_error *errors, silma_error *error)
{
    if (!codecs || !codecs->decode_picture)
        return silma_fail(error, SILMA_USAGE, "files cannot be classified: no codec that decodes pictures is there");
    return predict(model, context, (picture_source){.files = files, .codecs = codecs}, count, probabilities, errors,
                   error);
}
