// The analytic gradient of the loss against differences of the loss, tensor by tensor.
//
// A derivative from a difference in single precision is caught between rounding (small steps) and kinks: ReLU and max
// pooling have so many that each step worth the name crosses some. So the gradient is not compared with the difference
// at one point, but over the whole way: by the fundamental theorem of calculus
//
//     E(w + v) - E(w - v) = integral from -1 to 1 of <gradient(w + t v), v> dt
//
// holds across kinks as well. v is a random direction through all elements of one tensor, long enough for the
// difference to stand out from rounding; the integral is a sum at the midpoints of equal parts of the way, in more and
// more parts until it settles: a gradient that is wrong settles elsewhere.
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

enum { CHECK_BATCH = 3, DIRECTIONS = 4, LEAST_PARTS = 27, MOST_PARTS = 243 };
static const double LENGTH = 0.02;    // of the way, as a share of the tensor's own norm
static const double TOLERANCE = 1e-2; // of the differences' norm over all directions
static const double ROUNDING = 1e-6;  // of a loss, as a share of it: smaller differences mean nothing
static const double SETTLED = 5e-3;   // change of an integral, as a share of it, with three times the parts

typedef struct checker {
    const graph *g;
    plan *p;
    plan_step step;
    loss_function loss;
    uint64_t seed;
    void *arena;
    float *weights, *gradients, *statistics, *kept_statistics;
    float *input, *input_gradient; // (CHECK_BATCH, h, w, c)
    float *start, *direction;      // of the tensor that is moved: where it was, and whither it goes
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

// A tensor that is moved, and the gradient that is checked.
typedef struct subject {
    float *values; // (count)
    const float *gradient;
    size_t count;
    uint32_t number; // draws apart
} subject;

// Direction d, standard normal in each element, into c->direction.
static void choose_direction(checker *c, const subject *s, uint32_t d)
{
    for (size_t i = 0; i < s->count; i++)
        c->direction[i] = random_normal(c->seed, RANDOM_SAMPLE, s->number * DIRECTIONS + d, i);
}

static double norm(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

static void move(const checker *c, const subject *s, double distance)
{
    for (size_t i = 0; i < s->count; i++)
        s->values[i] = (float)((double)c->start[i] + distance * (double)c->direction[i]);
}

// <gradient, direction> where the tensor is now.
static double slope(checker *c, const subject *s)
{
    forward(c);
    plan_backward(c->p, &c->step);
    memcpy(c->input_gradient, plan_input_gradient(c->p), input_count(c) * sizeof(float));
    double sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += (double)s->gradient[i] * (double)c->direction[i];
    return sum;
}

// The gradient's sum along the way from -length to length times the direction. The midpoints of n parts are among those
// of 3n parts, which takes only the others anew.
static double integrate(checker *c, const subject *s, double length)
{
    double sum = 0, integral = 0, change = INFINITY;
    for (int parts = LEAST_PARTS; parts <= MOST_PARTS && change > SETTLED * fabs(integral); parts *= 3) {
        for (int i = 0; i < parts; i++) {
            if (parts > LEAST_PARTS && i % 3 == 1) continue;
            move(c, s, length * ((2 * i + 1) / (double)parts - 1));
            sum += slope(c, s);
        }
        double finer = sum * 2 * length / parts;
        change = parts > LEAST_PARTS ? fabs(finer - integral) : INFINITY;
        integral = finer;
    }
    return integral;
}

// A bias before batch normalisation has no gradient: its differences are rounding alone, and so is the sum. So a gap is
// measured by no less than what would make the rounding of the losses just tolerable.
static void check_tensor(checker *c, const subject *s, silma_gradient_check *result)
{
    memcpy(c->start, s->values, s->count * sizeof *c->start);
    // A direction's norm is about sqrt(count).
    double length = fmax(LENGTH * norm(c->start, s->count) / sqrt((double)s->count), 1e-3);
    double error = 0, scale = 0, least = 0;
    for (uint32_t d = 0; d < DIRECTIONS; d++) {
        choose_direction(c, s, d);
        move(c, s, length);
        double loss = forward(c);
        move(c, s, -length);
        double difference = loss - forward(c);
        double gap = integrate(c, s, length) - difference;
        error += gap * gap;
        scale += difference * difference;
        least += pow(loss * ROUNDING / TOLERANCE, 2);
    }
    memcpy(s->values, c->start, s->count * sizeof *c->start);
    result->checked = s->count;
    result->worst = error == 0 ? 0 : sqrt(error / fmax(scale, least));
    result->passed = result->worst <= TOLERANCE;
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
    silma_gradient_check *result = NULL;
    silma_status status = append(results, capacity, count, &result, error);
    if (status != SILMA_OK) return status;
    snprintf(result->name, sizeof result->name, "input");
    subject input = {.values = c->input, .gradient = c->input_gradient, .count = input_count(c)};
    check_tensor(c, &input, result);
    uint32_t number = 1;
    for (size_t i = 0; i < c->g->layer_count; i++) {
        const layer *l = &c->g->layers[i];
        for (int p = 0; p < l->parameter_count; p++) {
            const parameter *param = &l->parameters[p];
            if (!param->trainable) continue;
            status = append(results, capacity, count, &result, error);
            if (status != SILMA_OK) return status;
            snprintf(result->name, sizeof result->name, "%s.%s", l->name, param->name);
            subject weights = {
                .values = c->weights + param->offset,
                .gradient = c->gradients + param->offset,
                .count = param->count,
                .number = number++,
            };
            check_tensor(c, &weights, result);
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
    c->start = allocate(g->weight_count + input_count(c));
    c->direction = allocate(g->weight_count + input_count(c));
    c->probabilities = allocate(CHECK_BATCH * (size_t)out.c);
    if (!c->arena || !c->weights || !c->gradients || !c->statistics || !c->kept_statistics || !c->input ||
        !c->input_gradient || !c->start || !c->direction || !c->probabilities)
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
    free(c->start);
    free(c->direction);
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
