// The perceptron of the thesis's section 2.1.2, as the zoo has it: its output, its cost and its first update are those
// of equations 1 to 8, with every kernel table that this CPU can run.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/plan.h"
#include "train/loss.h"
#include "train/optimizer.h"

enum { TABLES_MAX = 8, INPUTS = 2 };

static const float X[INPUTS] = {1, 2};
static const float W[INPUTS] = {0.5f, -0.75f};
static const float W0 = 1.5f; // z = 0.5 - 1.5 + 1.5 = 0.5
static const uint32_t Y = 1;
static const double ETA = 0.1;

typedef struct perceptron {
    const kernels *k;
    graph *g;
    plan *p;
    void *arena;
    const parameter *kernel, *bias;
    float *weights, *gradients;
    double cost;
    float a;
} perceptron;

static const char *zoo_text(const char *name)
{
    for (size_t i = 0; silma_zoo_name(i); i++) {
        if (strcmp(silma_zoo_name(i), name) == 0) return silma_zoo_text(i);
    }
    fail_msg("the zoo has no %s", name);
    return NULL;
}

static void *take_aligned(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

static void build(perceptron *n, const kernels *k)
{
    silma_error error = {0};
    silma_input input = {1, 1, INPUTS, 2};
    n->k = k;
    if (graph_parse(&n->g, zoo_text("perceptron"), "perceptron", &input, &error) != SILMA_OK)
        fail_msg("%s", error.message);
    const layer *dense = &n->g->layers[n->g->layer_count - 1];
    assert_string_equal(dense->name, "dense1");
    n->kernel = &dense->parameters[0];
    n->bias = &dense->parameters[1];

    assert_int_equal(plan_create(&n->p, n->g, k, NULL, 1, PLAN_TRAIN, &error), SILMA_OK);
    n->arena = take_aligned(plan_arena_bytes(n->p));
    plan_bind(n->p, n->arena);
    n->weights = take_aligned(n->g->weight_count * sizeof(float));
    n->gradients = take_aligned(n->g->weight_count * sizeof(float));
    memset(n->weights, 0, n->g->weight_count * sizeof(float));
    memset(n->gradients, 0, n->g->weight_count * sizeof(float));
    memcpy(n->weights + n->kernel->offset, W, sizeof W);
    n->weights[n->bias->offset] = W0;
}

static void free_all(perceptron *n)
{
    plan_free(n->p);
    graph_free(n->g);
    free(n->arena);
    free(n->weights);
    free(n->gradients);
}

static void run_step(perceptron *n)
{
    plan_step step = {.n = 1, .training = true, .weights = n->weights, .gradients = n->gradients};
    memcpy(plan_input(n->p), X, sizeof X);
    plan_forward(n->p, &step);
    loss_function logistic = loss_default(n->g->head, 1);
    loss_batch batch = {.head = n->g->head,
                        .n = 1,
                        .outputs = 1,
                        .logits = plan_output(n->p),
                        .probabilities = &n->a,
                        .dlogits = plan_output_gradient(n->p)};
    n->cost = loss_compute(&logistic, &batch, &Y, NULL);
    plan_backward(n->p, &step);
}

static void equations_1_to_8_hold(void **state)
{
    perceptron n = {0};
    build(&n, *state);
    run_step(&n);

    double z = 0.5;               // eq. 1: w'x + w0
    double a = 1 / (1 + exp(-z)); // eq. 5
    assert_float_equal(plan_output(n.p)[0], (float)z, 1e-6f);
    assert_float_equal(n.a, (float)a, 1e-6f);
    assert_true(fabs(n.cost - -log(a)) < 1e-6);                  // eq. 3 with y = 1
    double dE_da = (a - Y) / (a * (1 - a)), da_dz = a * (1 - a); // eq. 6
    for (size_t i = 0; i < INPUTS; i++) {
        double dz_dw = (double)X[i];             // eq. 6
        double gradient = dE_da * da_dz * dz_dw; // eq. 4
        assert_float_equal(n.gradients[n.kernel->offset + i], (float)gradient, 1e-6f);
        assert_float_equal((float)gradient, (float)((a - Y) * dz_dw), 1e-6f); // eq. 7
    }

    optimizer sgd = optimizer_default(OPTIMIZER_SGD);
    optimizer_update(&sgd, n.k, NULL, n.g->weight_count, n.weights, n.gradients, NULL, NULL, 1, ETA, 1);
    for (size_t i = 0; i < INPUTS; i++) {
        double step = ETA * (Y - a) * (double)X[i]; // eq. 8; eq. 2 against the gradient
        assert_float_equal(n.weights[n.kernel->offset + i], (float)((double)W[i] + step), 1e-6f);
    }
    assert_float_equal(n.weights[n.bias->offset], (float)((double)W0 + ETA * (Y - a)), 1e-6f); // its input is 1
    free_all(&n);
}

int main(void)
{
    static const kernels *tables[TABLES_MAX];
    struct CMUnitTest tests[TABLES_MAX] = {0};
    size_t count = kernels_available(tables, TABLES_MAX);
    for (size_t i = 0; i < count; i++) {
        tests[i] = (struct CMUnitTest){
            .name = tables[i]->name, .test_func = equations_1_to_8_hold, .initial_state = (void *)tables[i]};
    }
    return _cmocka_run_group_tests("perceptron", tests, count, NULL, NULL);
}
