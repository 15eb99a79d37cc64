// Every network stored under tests/goldens, with values that Keras computed, against every kernel table that this CPU
// can run: outputs, the gradients of the input and of each parameter, moving statistics, and inference.
//
// The arena and the gradients are filled with NaN first, so that nothing can come out right by being left alone.
#include "nn/plan.h"
#include "stored_files.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TABLES_MAX = 16, CASES_MIN = 100, ALIGNMENT = 64, TENSOR_NAME_MAX = 128 };

static const float TOLERANCE = 1e-5f; // of the largest value of a tensor

// One stored case, run with one kernel table.
typedef struct golden {
    const char *name;
    const safetensors *file;
    graph *g;
    size_t n; // images
    float *weights, *gradients, *statistics;
    const kernels *k;
    thread_pool *pool;
    int failures;
} golden;

static void *take_aligned(size_t bytes)
{
    size_t rounded = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    void *block = aligned_alloc(ALIGNMENT, rounded);
    assert_non_null(block);
    memset(block, 0xFF, rounded); // NaN
    return block;
}

static const float *stored(const golden *gold, const char *name, size_t count)
{
    const safetensor *t = safetensors_find(gold->file, name);
    if (!t) return NULL;
    if (t->bytes != count * sizeof(float)) {
        fail_msg("%s: %s has %zu bytes, but the network needs %zu floats", gold->name, name, t->bytes, count);
    }
    return t->data;
}

static const float *stored_or_fail(const golden *gold, const char *name, size_t count)
{
    const float *values = stored(gold, name, count);
    if (!values) fail_msg("%s: has no %s", gold->name, name);
    return values;
}

// Reports, and counts, a tensor that is off by more than the tolerance times `scale`, or times its own largest value.
static void compare(golden *gold, const char *name, const float *found, const float *expected, size_t count,
                    float scale)
{
    float worst = 0;
    size_t worst_at = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmaxf(scale, fabsf(expected[i]));
    for (size_t i = 0; i < count; i++) {
        float error = fabsf(found[i] - expected[i]);
        if (error <= worst) continue; // false for NaN as well
        worst = error;
        worst_at = i;
        if (isnan(error)) break;
    }
    if (worst <= TOLERANCE * scale) return;
    gold->failures++;
    print_error("%s, %s: %s[%zu] is %.9g, expected %.9g (off by %.2g of the largest, %.3g)\n", gold->k->name,
                gold->name, name, worst_at, (double)found[worst_at], (double)expected[worst_at],
                (double)(worst / scale), (double)scale);
}

static void load_parameters(golden *gold)
{
    const graph *g = gold->g;
    memset(gold->weights, 0, g->weight_count * sizeof *gold->weights);
    memset(gold->statistics, 0, g->statistic_count * sizeof *gold->statistics);
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            char name[TENSOR_NAME_MAX];
            snprintf(name, sizeof name, "%s.%s", g->layers[i].name, param->name);
            float *to = (param->trainable ? gold->weights : gold->statistics) + param->offset;
            memcpy(to, stored_or_fail(gold, name, param->count), param->count * sizeof *to);
        }
    }
}

// Gradients of trainable parameters, and what became of the others. A gradient that is zero but for rounding (a bias
// before batch normalisation) is measured against the gradient that came in.
static void compare_parameters(golden *gold, float incoming)
{
    const graph *g = gold->g;
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            char name[TENSOR_NAME_MAX];
            snprintf(name, sizeof name, "%s/%s.%s", param->trainable ? "grad" : "after", g->layers[i].name,
                     param->name);
            const float *found = (param->trainable ? gold->gradients : gold->statistics) + param->offset;
            compare(gold, name, found, stored_or_fail(gold, name, param->count), param->count,
                    param->trainable ? incoming : 0);
        }
    }
}

static float largest(const float *values, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(values[i]));
    return most;
}

static void run_training(golden *gold)
{
    const graph *g = gold->g;
    bool network = stored(gold, "logits", gold->n * shape_count(graph_output(g))) != NULL;
    size_t in = gold->n * shape_count(graph_input(g));
    size_t out = gold->n * shape_count(graph_output(g));
    plan *p;
    silma_error error = {0};
    assert_int_equal(plan_create(&p, g, gold->k, gold->pool, gold->n, PLAN_TRAIN, &error), SILMA_OK);
    assert_int_equal(plan_want_input_gradient(p, &error), SILMA_OK);
    void *arena = take_aligned(plan_arena_bytes(p));
    plan_bind(p, arena);

    load_parameters(gold);
    memset(gold->gradients, 0xFF, g->weight_count * sizeof *gold->gradients);
    plan_step step = {.n = gold->n,
                      .training = true,
                      .weights = gold->weights,
                      .gradients = gold->gradients,
                      .statistics = gold->statistics};
    memcpy(plan_input(p), stored_or_fail(gold, "x", in), in * sizeof(float));
    plan_forward(p, &step);
    compare(gold, network ? "logits" : "y", plan_output(p), stored_or_fail(gold, network ? "logits" : "y", out), out,
            0);

    const float *dy = stored_or_fail(gold, network ? "dlogits" : "dy", out);
    memcpy(plan_output_gradient(p), dy, out * sizeof(float));
    plan_backward(p, &step);
    float incoming = largest(dy, out);
    compare(gold, "dx", plan_input_gradient(p), stored_or_fail(gold, "dx", in), in, incoming);
    compare_parameters(gold, incoming);
    plan_free(p);
    free(arena);
}

// With the statistics from before the training step. Models without batch normalisation give the same y as in training.
static void run_inference(golden *gold)
{
    const graph *g = gold->g;
    size_t in = gold->n * shape_count(graph_input(g));
    size_t classes = (size_t)graph_output(g).c;
    size_t out = gold->n * shape_count(graph_output(g));
    plan *p;
    silma_error error = {0};
    // A plan for more images than are given: the arena is laid out for the plan, the call is for fewer.
    assert_int_equal(plan_create(&p, g, gold->k, gold->pool, gold->n + 2, PLAN_INFER, &error), SILMA_OK);
    void *arena = take_aligned(plan_arena_bytes(p));
    plan_bind(p, arena);

    load_parameters(gold);
    plan_step step = {.n = gold->n, .weights = gold->weights, .statistics = gold->statistics};
    memcpy(plan_input(p), stored_or_fail(gold, "x", in), in * sizeof(float));
    plan_forward(p, &step);
    float *y = plan_output(p);
    if (g->head == ACTIVATION_SOFTMAX) gold->k->softmax_forward(gold->pool, out / classes, classes, y, y);
    const float *expected = stored(gold, "y_inference", out);
    compare(gold, "y_inference", y, expected ? expected : stored_or_fail(gold, "y", out), out, 0);
    plan_free(p);
    free(arena);
}

static void run_case(golden *gold)
{
    silma_error error = {0};
    const char *model = safetensors_metadata(gold->file, "model");
    if (!model) fail_msg("%s: has no model", gold->name);
    if (graph_parse(&gold->g, model, gold->name, NULL, &error) != SILMA_OK) fail_msg("%s", error.message);
    gold->n = (size_t)safetensors_find(gold->file, "x")->shape[0];
    gold->weights = take_aligned(gold->g->weight_count * sizeof(float));
    gold->gradients = take_aligned(gold->g->weight_count * sizeof(float));
    gold->statistics = take_aligned(gold->g->statistic_count * sizeof(float));
    run_training(gold);
    run_inference(gold);
    free(gold->weights);
    free(gold->gradients);
    free(gold->statistics);
    graph_free(gold->g);
}

static bool is_network(const safetensors *file)
{
    const char *kind = safetensors_metadata(file, "kind");
    return kind && (strcmp(kind, "layer") == 0 || strcmp(kind, "activation") == 0 || strcmp(kind, "network") == 0);
}

typedef struct all_goldens {
    const kernels *k;
    thread_pool *pool;
    int cases, failures;
} all_goldens;

static void run_golden(const char *name, const safetensors *file, void *user)
{
    all_goldens *all = user;
    golden gold = {.name = name, .k = all->k, .pool = all->pool, .file = file};
    if (!is_network(file)) return;
    run_case(&gold);
    all->cases++;
    all->failures += gold.failures;
}

static void all_goldens_agree(void **state)
{
    all_goldens all = {.k = *state};
    assert_int_equal(thread_pool_create(&all.pool, 3, NULL), SILMA_OK);
    goldens_each("", run_golden, &all);
    thread_pool_free(all.pool);
    assert_true(all.cases >= CASES_MIN);
    assert_int_equal(all.failures, 0);
}

int main(void)
{
    static const kernels *tables[TABLES_MAX];
    struct CMUnitTest tests[TABLES_MAX] = {0};
    size_t count = kernels_available(tables, TABLES_MAX);
    for (size_t i = 0; i < count; i++) {
        tests[i] = (struct CMUnitTest){
            .name = tables[i]->name, .test_func = all_goldens_agree, .initial_state = (void *)tables[i]};
    }
    return _cmocka_run_group_tests("goldens", tests, count, NULL, NULL);
}
