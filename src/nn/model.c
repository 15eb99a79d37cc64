#define _GNU_SOURCE
#include "nn/model.h"

#include "core/checked.h"
#include "core/error.h"
#include "nn/arena.h"
#include "nn/network.h"
#include "nn/preprocessing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        silma_status status = silma_fail_memory(error, g->weight_count * sizeof(float));
        silma_model_free(model);
        return status;
    }
    for (size_t c = 0; c < channels; c++)
        model->scale[c] = 1.0f / 255.0f;
    *result = model;
    return SILMA_OK;
}

bool model_outputs_fit(const graph *g, int class_count)
{
    shape out = graph_output(g);
    if (out.h != 1 || out.w != 1) return false;
    return out.c == class_count || (out.c == 1 && class_count == 2);
}

silma_status silma_model_create(silma_model **model, const silma_network *network, const char *const *class_names,
                                int class_count, uint64_t seed, silma_error *error)
{
    graph *g;
    const graph *from = network->g;
    if (class_count < 1 || !model_outputs_fit(from, class_count))
        return silma_fail(error, SILMA_USAGE, "the network has %d outputs for %d classes", graph_output(from).c,
                          class_count);
    silma_status status = graph_parse(&g, from->text, from->origin, NULL, error);
    if (status == SILMA_OK) status = model_create(model, g, class_names, class_count, error);
    if (status == SILMA_OK) graph_initialise(g, seed, (*model)->weights, (*model)->statistics);
    return status;
}

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
    const silma_calibration *c = &model->calibration;
    return c->count == 0 || (double)probabilities[best] >= c->threshold ? best : -1;
}
