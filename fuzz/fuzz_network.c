// A .silma text of any bytes: parsed, its recipe applied, compiled, and run once if it is small. Its resolved text,
// which is stored in models, must parse to itself.
#include "nn/plan.h"
#include "train/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { ALIGNMENT = 64, BATCH = 2, FLOATS_MOST = 1 << 14, OPERATIONS_MOST = 1 << 18 };

static void check_resolved_text(const graph *g)
{
    graph *again;
    if (graph_parse(&again, g->text, "resolved", NULL, NULL) != SILMA_OK) abort();
    if (strcmp(again->text, g->text) != 0 || again->weight_count != g->weight_count) abort();
    graph_free(again);
}

static void apply_recipe(const graph *g, int class_count)
{
    settings s;
    settings_default(&s);
    silma_error error;
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < g->recipe_count; i++)
        status = settings_apply(&s, g->recipe[i].name, g->recipe[i].value, g->origin, g->recipe[i].line, &error);
    if (status != SILMA_OK && status != SILMA_BAD_FILE) abort();
    if (status == SILMA_OK && settings_resolve(&s, g->head, (size_t)graph_output(g).c, class_count, &error) == SILMA_OK)
        json_decref(settings_to_json(&s));
    settings_free(&s);
}

// Floats at the alignment that the arena needs.
static float *take(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, ALIGNMENT, bytes + ALIGNMENT) != 0) abort();
    memset(memory, 0, bytes + ALIGNMENT);
    return memory;
}

static void run(const graph *g, plan *p)
{
    void *arena = take(plan_arena_bytes(p));
    float *weights = take(g->weight_count * sizeof(float)), *gradients = take(g->weight_count * sizeof(float));
    float *statistics = take(g->statistic_count * sizeof(float));
    graph_initialise(g, 1, weights, statistics);
    plan_bind(p, arena);
    plan_step step = {.n = BATCH, .training = true, .seed = 1, .step = 1, .weights = weights};
    step.gradients = gradients;
    step.statistics = statistics;
    plan_forward(p, &step);
    memset(plan_output_gradient(p), 0, BATCH * shape_count(graph_output(g)) * sizeof(float));
    plan_backward(p, &step);
    free(statistics);
    free(gradients);
    free(weights);
    free(arena);
}

static void compile(const graph *g)
{
    const kernels *reference;
    plan *p;
    if (kernels_find(&reference, "reference", NULL) != SILMA_OK) abort();
    if (plan_create(&p, g, reference, NULL, BATCH, PLAN_TRAIN, NULL) != SILMA_OK) return;
    size_t trainable, other;
    uint64_t multiply_adds;
    graph_count(g, &trainable, &other, &multiply_adds);
    if (trainable + other < FLOATS_MOST && multiply_adds < OPERATIONS_MOST &&
        plan_arena_bytes(p) < FLOATS_MOST * sizeof(float))
        run(g, p);
    plan_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const silma_input INPUT = {.height = 9, .width = 7, .channels = 3, .class_count = 4};
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size > 0) memcpy(text, input, size);
    text[size] = '\0';
    graph *g;
    silma_error error;
    if (graph_parse(&g, text, "fuzz", &INPUT, &error) == SILMA_OK) {
        check_resolved_text(g);
        apply_recipe(g, INPUT.class_count);
        compile(g);
        graph_free(g);
    } else if (error.status != SILMA_BAD_FILE) {
        abort();
    }
    free(text);
    return 0;
}
