// What a network takes: parameters, operations, memory.
#include "kernels/context.h"
#include "nn/network.h"
#include "nn/plan.h"
#include "train/settings.h"

static silma_status optimizer_slots_of_recipe(const graph *g, int *slots, silma_error *error)
{
    settings s;
    settings_default(&s);
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < g->recipe_count; i++)
        status = settings_apply(&s, g->recipe[i].name, g->recipe[i].value, g->origin, g->recipe[i].line, error);
    *slots = optimizer_slots(&s.optimizer);
    settings_free(&s);
    return status;
}

static silma_status arena_bytes(const graph *g, const silma_context *context, size_t batch, plan_mode mode,
                                size_t *bytes, silma_error *error)
{
    plan *p;
    silma_status status = plan_create(&p, g, context->k, context->pool, batch, mode, error);
    if (status != SILMA_OK) return status;
    *bytes = plan_arena_bytes(p);
    plan_free(p);
    return SILMA_OK;
}

silma_status silma_network_measure(const silma_network *network, const silma_context *context, size_t batch,
                                   silma_network_totals *totals, silma_error *error)
{
    const graph *g = network->g;
    uint64_t multiply_adds;
    int slots;
    *totals = (silma_network_totals){0};
    graph_count(g, &totals->trainable_params, &totals->non_trainable_params, &multiply_adds);
    totals->forward_flops = 2 * multiply_adds;
    silma_status status = optimizer_slots_of_recipe(g, &slots, error);
    if (status == SILMA_OK) status = arena_bytes(g, context, batch, PLAN_INFER, &totals->infer_arena_bytes, error);
    if (status == SILMA_OK) status = arena_bytes(g, context, batch, PLAN_TRAIN, &totals->train_arena_bytes, error);
    if (status != SILMA_OK) return status;
    if (totals->train_arena_bytes < totals->infer_arena_bytes) totals->train_arena_bytes = totals->infer_arena_bytes;
    size_t vectors = 2 + (size_t)slots; // weights, gradients, the optimiser's
    totals->train_peak_bytes =
        totals->train_arena_bytes + (vectors * g->weight_count + g->statistic_count) * sizeof(float);
    totals->infer_peak_bytes = totals->infer_arena_bytes + (g->weight_count + g->statistic_count) * sizeof(float);
    return SILMA_OK;
}
