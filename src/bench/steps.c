// silma_bench_train and silma_bench_infer: whole steps of a network, by the code that trains and predicts.
#define _GNU_SOURCE
#include "bench/measure.h"
#include "core/checked.h"
#include "core/error.h"
#include "core/random.h"
#include "nn/network.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 1 << 20 };

static silma_status check_batch(size_t batch, silma_error *error)
{
    if (batch >= 1 && batch <= BATCH_MAX) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE, "a batch of %zu images was asked for; 1 to %d are possible", batch,
                      BATCH_MAX);
}

static int class_count(const graph *g)
{
    return graph_output(g).c == 1 ? 2 : graph_output(g).c;
}

static double forward_flops(const graph *g)
{
    size_t trainable, other;
    uint64_t multiply_adds;
    graph_count(g, &trainable, &other, &multiply_adds);
    return 2.0 * (double)multiply_adds;
}

static void name_result(silma_bench_result *result, const char *what, const silma_network *network, size_t batch)
{
    shape in = graph_input(network->g);
    char size[48];
    snprintf(size, sizeof size, "%dx%dx%d", in.h, in.w, in.c);
    if (in.flat) snprintf(size, sizeof size, "%d", in.c);
    snprintf(result->name, sizeof result->name, "%s %.32s %s batch %zu", what, network->name, size, batch);
    result->relative_error = NAN;
}

// `count` images of noise. Free with free().
static silma_status random_pixels(uint8_t **pixels, const graph *g, size_t count, silma_error *error)
{
    size_t bytes;
    if (!checked_mul(shape_count(graph_input(g)), count, &bytes)) bytes = SIZE_MAX;
    *pixels = bytes < SIZE_MAX ? malloc(bytes) : NULL;
    if (!*pixels) return silma_fail_memory(error, bytes);
    for (size_t i = 0; i < bytes; i += 16) {
        random_block block = random_bits(0, RANDOM_SAMPLE, 0, 0, i / 16);
        for (size_t b = 0; b < 16 && i + b < bytes; b++)
            (*pixels)[i + b] = (uint8_t)(block.word[b / 4] >> b % 4 * 8);
    }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Training

// A few batches, so that the images of a step do not wait in a cache.
static silma_status make_noise(silma_dataset **dataset, const graph *g, size_t batch, silma_error *error)
{
    enum { BATCHES = 8 };
    size_t count = batch * BATCHES;
    shape in = graph_input(g);
    uint8_t *pixels;
    silma_status status = random_pixels(&pixels, g, count, error);
    if (status != SILMA_OK) return status;
    uint32_t *labels = calloc(count, sizeof *labels);
    if (!labels) {
        free(pixels);
        return silma_fail_memory(error, count * sizeof *labels);
    }
    for (size_t i = 0; i < count; i++)
        labels[i] = (uint32_t)(i % (size_t)class_count(g));
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = count,
                           .height = in.h,
                           .width = in.flat ? in.c : in.w,
                           .channels = in.flat ? 1 : in.c,
                           .class_count = class_count(g)};
    status = silma_dataset_from_memory(dataset, "noise", &images, error);
    free(labels);
    free(pixels);
    return status;
}

// Whole batches only: a short one at the end of an epoch would count as a fast step.
static silma_status train_call(void *argument, silma_error *error)
{
    silma_run *run = argument;
    if ((run->at.step + 1) * run->settings.batch > run->parts.train_count) {
        run->at.epoch++;
        run->at.step = 0;
        run_begin_epoch(run);
    }
    return run_step(run, error);
}

static silma_status measure_training(silma_context *context, silma_run *run, size_t repeats, silma_bench_result *result,
                                     silma_error *error)
{
    size_t batch = run->settings.batch;
    if (run->parts.train_count < batch)
        return silma_fail(error, SILMA_USAGE, "a batch of %zu images was asked for; %s has only %zu to train on", batch,
                          silma_dataset_name(run->dataset), run->parts.train_count);
    // Backward takes two products of forward's size: one for the input's gradient, one for the parameters'.
    bench_subject subject = {.call = train_call,
                             .argument = run,
                             .flops = 3.0 * forward_flops(run->model->g) * (double)batch,
                             .images = batch};
    run_begin_epoch(run);
    return bench_measure(context, &subject, repeats, result, error);
}

// The network's own recipe, but for the batch and, unless null, the augmentation. Nothing is validated, so that no
// image is kept for it: of a few images in many classes none could be.
static silma_status make_run(silma_run **run, silma_context *context, const silma_network *network,
                             const silma_dataset *dataset, size_t batch, const char *augment, silma_error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", batch);
    silma_settings *wanted;
    silma_status status = silma_settings_create(&wanted, error);
    if (status != SILMA_OK) return status;
    status = silma_settings_set(wanted, "batch", text, error);
    if (status == SILMA_OK) status = silma_settings_set(wanted, "val_split", "0", error);
    if (status == SILMA_OK && augment) status = silma_settings_set(wanted, "augment", augment, error);
    if (status == SILMA_OK) status = run_prepare(run, context, network, dataset, wanted, "", error);
    silma_settings_free(wanted);
    return status;
}

silma_status silma_bench_train(silma_context *context, const silma_network *network, const silma_dataset *dataset,
                               size_t batch, const silma_bench_options *options, silma_bench_result *result,
                               silma_error *error)
{
    silma_status status = check_batch(batch, error);
    if (status != SILMA_OK) return status;
    silma_dataset *noise = NULL;
    silma_run *run = NULL;
    silma_bench_result measured = {0};
    if (!dataset) status = make_noise(&noise, network->g, batch, error);
    const silma_bench_options defaults = {0};
    if (!options) options = &defaults;
    if (status == SILMA_OK)
        status = make_run(&run, context, network, dataset ? dataset : noise, batch, options->augment, error);
    if (status == SILMA_OK) status = measure_training(context, run, options->repeats, &measured, error);
    name_result(&measured, "train", network, batch);
    silma_run_free(run);
    silma_dataset_free(noise);
    if (status == SILMA_OK) *result = measured;
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Inference

typedef struct infer_case {
    silma_context *context;
    silma_model *model;
    size_t batch;
    uint8_t *pixels;      // (batch, h, w, c)
    float *probabilities; // (batch, classes)
} infer_case;

static silma_status infer_call(void *argument, silma_error *error)
{
    infer_case *c = argument;
    return silma_model_predict(c->model, c->context, c->pixels, c->batch, c->probabilities, error);
}

static silma_status make_model(silma_model **model, const graph *network, silma_error *error)
{
    shape out = graph_output(network);
    if (out.h != 1 || out.w != 1)
        return silma_fail(error, SILMA_USAGE,
                          "the network ends in %dx%dx%d values; it should end in one a class, as 'dense classes "
                          "softmax' does",
                          out.h, out.w, out.c);
    graph *g;
    silma_status status = graph_parse(&g, network->text, network->origin, NULL, error);
    if (status == SILMA_OK) status = model_create(model, g, NULL, class_count(g), error);
    if (status == SILMA_OK) graph_initialise(g, 0, (*model)->weights, (*model)->statistics);
    return status;
}

static silma_status prepare_inference(infer_case *c, const silma_network *network, silma_error *error)
{
    silma_status status = make_model(&c->model, network->g, error);
    if (status == SILMA_OK) status = random_pixels(&c->pixels, network->g, c->batch, error);
    if (status != SILMA_OK) return status;
    size_t classes = (size_t)class_count(network->g);
    c->probabilities = calloc(c->batch, classes * sizeof *c->probabilities);
    return c->probabilities ? SILMA_OK : silma_fail_memory(error, c->batch * classes * sizeof *c->probabilities);
}

silma_status silma_bench_infer(silma_context *context, const silma_network *network, size_t batch,
                               const silma_bench_options *options, silma_bench_result *result, silma_error *error)
{
    silma_status status = check_batch(batch, error);
    if (status != SILMA_OK) return status;
    infer_case c = {.context = context, .batch = batch};
    bench_subject subject = {
        .call = infer_call, .argument = &c, .flops = forward_flops(network->g) * (double)batch, .images = batch};
    silma_bench_result measured = {0};
    status = prepare_inference(&c, network, error);
    if (status == SILMA_OK) status = bench_measure(context, &subject, options ? options->repeats : 0, &measured, error);
    name_result(&measured, "infer", network, batch);
    silma_model_free(c.model);
    free(c.pixels);
    free(c.probabilities);
    if (status == SILMA_OK) *result = measured;
    return status;
}
