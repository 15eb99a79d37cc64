#include "core/error.h"
#include "kernels/context.h"
#include "nn/arena.h"
#include "nn/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Halves *batch until the plan's arena is small, or there is but one image. A text of a line can ask for terabytes.
static silma_status create_small_plan(plan **p, const graph *g, const kernels *k, thread_pool *pool, size_t views,
                                      size_t *batch, silma_error *error)
{
    static const uint64_t ARENA_MOST = UINT64_C(1) << 30, ARENA_IMAGE_MOST = UINT64_C(1) << 31;
    for (;; *batch = (*batch + 1) / 2) {
        silma_status status = plan_create(p, g, k, pool, views * *batch, PLAN_INFER, error);
        size_t bytes = status == SILMA_OK ? plan_arena_bytes(*p) : 0;
        if (status != SILMA_OK || bytes <= ARENA_MOST || (*batch == 1 && bytes / views <= ARENA_IMAGE_MOST))
            return status;
        plan_free(*p);
        *p = NULL;
        if (*batch == 1)
            return silma_fail(error, SILMA_BAD_FILE, "%s: needs %zu bytes for one image; at most %llu are allowed",
                              g->origin, bytes, (unsigned long long)ARENA_IMAGE_MOST);
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
