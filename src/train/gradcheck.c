// The analytic gradient of the loss against central differences, (E(w + h) - E(w - h)) / 2h, one parameter at a time.
//
// Single precision limits what a difference can tell: with the rounding error of E about u|E|, the difference is good
// to u|E|/h + h^2 |E'''|/6. Hence the step h below, and the comparison of whole tensors (2-norms over the elements
// looked at) rather than of single tiny derivatives. A kink (ReLU, max pooling) between w - h and w + h spoils a
// difference: halving h must then change it, and such elements are left out.
#include "core/checked.h"
#include "core/error.h"
#include "core/random.h"
#include "kernels/context.h"
#include "nn/arena.h"
#include "nn/network.h"
#include "nn/plan.h"
#include "train/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_BATCH = 3, ELEMENTS_PER_TENSOR = 24 };
static const float STEP = 1e-2f;
static const double KINK = 0.02;      // relative change of a difference when h is halved
static const double TOLERANCE = 1e-2; // of the norm of the differences

typedef struct checker {
    const graph *g;
    plan *p;
    plan_step step;
    loss_function loss;
    uint64_t seed;
    void *arena;
    float *weights, *gradients, *statistics, *kept_statistics;
    float *input, *input_gradient; // (CHECK_BATCH, h, w, c)
    float *probabilities;
    uint32_t labels[CHECK_BATCH];
} checker;

static float *allocate(size_t count)
{
    size_t bytes;
    if (!checked_mul(count + 1, sizeof(float), &bytes) || !checked_align(bytes, ARENA_ALIGNMENT, &bytes)) return NULL;
    return aligned_alloc(ARENA_ALIGNMENT, bytes);
}

static size_t input_count(const checker *c)
{
    return CHECK_BATCH * shape_count(graph_input(c->g));
}

static double compute_loss(checker *c, float *dlogits)
{
    loss_batch batch = {
        .head = c->g->head,
        .n = CHECK_BATCH,
        .outputs = shape_count(graph_output(c->g)),
        .logits = plan_output(c->p),
        .probabilities = c->probabilities,
        .dlogits = dlogits,
    };
    return loss_compute(&c->loss, &batch, c->labels, NULL) / CHECK_BATCH;
}

// The loss as a function of weights and input. The statistics start from the same values each time.
static double forward(checker *c)
{
    memcpy(c->statistics, c->kept_statistics, c->g->statistic_count * sizeof(float));
    memcpy(plan_input(c->p), c->input, input_count(c) * sizeof(float));
    plan_forward(c->p, &c->step);
    return compute_loss(c, plan_output_gradient(c->p));
}

static double central_difference(checker *c, float *value, float h)
{
    float kept = *value;
    *value = kept + h;
    double above = forward(c);
    double distance = (double)*value;
    *value = kept - h;
    double below = forward(c);
    distance -= (double)*value;
    *value = kept;
    return (above - below) / distance;
}

// Compares elements of one tensor, chosen at random.
static void check_tensor(checker *c, float *values, const float *gradient, size_t count, uint32_t number,
                         silma_gradient_check *result)
{
    double error = 0, scale = 0;
    size_t tries = count < ELEMENTS_PER_TENSOR ? count : ELEMENTS_PER_TENSOR;
    for (size_t i = 0; i < tries; i++) {
        size_t element = tries == count ? i : random_below(c->seed, RANDOM_SAMPLE, number, i, count);
        double difference = central_difference(c, &values[element], STEP);
        double halved = central_difference(c, &values[element], STEP / 2);
        double analytic = (double)gradient[element];
        if (fabs(difference - halved) > KINK * fabs(halved) + 1e-5) continue;
        error += (analytic - halved) * (analytic - halved);
        scale += halved * halved;
        result->checked++;
    }
    result->worst = error == 0 ? 0 : sqrt(error) / fmax(sqrt(scale), 1e-4);
    result->passed = result->checked > 0 && result->worst <= TOLERANCE;
}

static silma_status append(silma_gradient_check *results, size_t capacity, size_t *count, silma_gradient_check **result,
                           silma_error *error)
{
    if (*count == capacity)
        return silma_fail(error, SILMA_USAGE, "the network has more than %zu tensors to check", capacity);
    *result = &results[(*count)++];
    **result = (silma_gradient_check){0};
    return SILMA_OK;
}

static silma_status check_network(checker *c, silma_gradient_check *results, size_t capacity, size_t *count,
                                  silma_error *error)
{
    forward(c);
    plan_backward(c->p, &c->step);
    memcpy(c->input_gradient, plan_input_gradient(c->p), input_count(c) * sizeof(float));
    silma_gradient_check *result = NULL;
    silma_status status = append(results, capacity, count, &result, error);
    if (status != SILMA_OK) return status;
    snprintf(result->name, sizeof result->name, "input");
    check_tensor(c, c->input, c->input_gradient, input_count(c), 0, result);
    uint32_t number = 1;
    for (size_t i = 0; i < c->g->layer_count; i++) {
        const layer *l = &c->g->layers[i];
        for (int p = 0; p < l->parameter_count; p++) {
            const parameter *param = &l->parameters[p];
            if (!param->trainable) continue;
            status = append(results, capacity, count, &result, error);
            if (status != SILMA_OK) return status;
            snprintf(result->name, sizeof result->name, "%s.%s", l->name, param->name);
            check_tensor(c, c->weights + param->offset, c->gradients + param->offset, param->count, number++, result);
        }
    }
    return SILMA_OK;
}

// Biases start at zero and shifts with them: small random values show more.
static void fill(checker *c)
{
    graph_initialise(c->g, c->seed, c->weights, c->kept_statistics);
    for (size_t i = 0; i < c->g->weight_count; i++)
        c->weights[i] += 0.05f * (random_uniform(c->seed, RANDOM_SAMPLE, UINT32_MAX, i) - 0.5f);
    for (size_t i = 0; i < input_count(c); i++)
        c->input[i] = random_normal(c->seed, RANDOM_SAMPLE, UINT32_MAX - 1, i);
    size_t outputs = shape_count(graph_output(c->g));
    size_t classes = outputs < 2 ? 2 : outputs;
    for (uint32_t i = 0; i < CHECK_BATCH; i++)
        c->labels[i] = (uint32_t)random_below(c->seed, RANDOM_SAMPLE, UINT32_MAX - 2, i, classes);
}

static silma_status prepare(checker *c, const silma_context *context, const graph *g, uint64_t seed, silma_error *error)
{
    shape out = graph_output(g);
    if (out.h != 1 || out.w != 1)
        return silma_fail(error, SILMA_USAGE, "the network ends in %dx%dx%d values, which no loss takes", out.h, out.w,
                          out.c);
    *c = (checker){.g = g, .seed = seed, .loss = loss_default(g->head, (size_t)out.c)};
    if (g->head == ACTIVATION_LINEAR) c->loss.kind = LOSS_MEAN_SQUARED_ERROR;
    silma_status status = plan_create(&c->p, g, context->k, context->pool, CHECK_BATCH, PLAN_TRAIN, error);
    if (status == SILMA_OK) status = plan_want_input_gradient(c->p, error);
    if (status != SILMA_OK) return status;
    c->arena = aligned_alloc(ARENA_ALIGNMENT, plan_arena_bytes(c->p));
    c->weights = allocate(g->weight_count);
    c->gradients = allocate(g->weight_count);
    c->statistics = allocate(g->statistic_count);
    c->kept_statistics = allocate(g->statistic_count);
    c->input = allocate(input_count(c));
    c->input_gradient = allocate(input_count(c));
    c->probabilities = allocate(CHECK_BATCH * (size_t)out.c);
    if (!c->arena || !c->weights || !c->gradients || !c->statistics || !c->kept_statistics || !c->input ||
        !c->input_gradient || !c->probabilities)
        return silma_fail_memory(error, plan_arena_bytes(c->p));
    plan_bind(c->p, c->arena);
    c->step = (plan_step){
        .n = CHECK_BATCH,
        .training = true,
        .seed = seed,
        .weights = c->weights,
        .gradients = c->gradients,
        .statistics = c->statistics,
    };
    fill(c);
    return SILMA_OK;
}

static void release(checker *c)
{
    plan_free(c->p);
    free(c->arena);
    free(c->weights);
    free(c->gradients);
    free(c->statistics);
    free(c->kept_statistics);
    free(c->input);
    free(c->input_gradient);
    free(c->probabilities);
}

silma_status silma_gradcheck(silma_context *context, const silma_network *network, uint64_t seed,
                             silma_gradient_check *results, size_t capacity, size_t *count, silma_error *error)
{
    *count = 0;
    checker c = {0};
    silma_status status = prepare(&c, context, network->g, seed, error);
    if (status == SILMA_OK) status = check_network(&c, results, capacity, count, error);
    release(&c);
    return status;
}
