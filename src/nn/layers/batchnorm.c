// Batch normalisation (section 3.2.3 of the thesis), over all pixels of a channel:
//
//     xhat = (x - mean) / sqrt(variance + epsilon)    (eq. 58)
//     y = gamma xhat + beta                           (eq. 57)
//
// In training, mean and variance are the batch's, and moving averages of them are kept as Keras keeps them (population
// variance; momentum is the weight of the old value). Inference uses the moving averages.
#include "nn/layers/batchnorm.h"

#include "nn/explain.h"
#include "nn/layers/shared.h"

#include <math.h>
#include <string.h>

enum { GAMMA, BETA, MOVING_MEAN, MOVING_VARIANCE };

typedef struct batchnorm_settings {
    float momentum, epsilon;
} batchnorm_settings;

static const batchnorm_settings DEFAULTS = {.momentum = 0.99f, .epsilon = 1e-3f};

static silma_status parse(layer *l, words *line, silma_error *error)
{
    batchnorm_settings *bn = l->settings;
    *bn = DEFAULTS;
    silma_status status = words_option_float(line, "momentum", 0.0, 1.0, &bn->momentum, error);
    return status == SILMA_OK ? words_option_float(line, "epsilon", 1e-12, 1.0, &bn->epsilon, error) : status;
}

static silma_status resolve(layer *l, const shape *in, silma_error *error)
{
    static const initialiser zeros = {.kind = INITIALISER_CONSTANT, .value = 0.0f};
    static const initialiser ones = {.kind = INITIALISER_CONSTANT, .value = 1.0f};
    size_t c = (size_t)in->c;
    l->out = *in;
    l->contract = LAYER_IN_PLACE | LAYER_KEEPS_INPUT | LAYER_GRADIENT_IN_PLACE; // in place at inference, that is
    silma_status status = layer_add_parameter(l, "gamma", true, ones, 0, 0, 1, &c, error);
    if (status == SILMA_OK) status = layer_add_parameter(l, "beta", true, zeros, 0, 0, 1, &c, error);
    if (status == SILMA_OK) status = layer_add_parameter(l, "moving_mean", false, zeros, 0, 0, 1, &c, error);
    if (status == SILMA_OK) status = layer_add_parameter(l, "moving_variance", false, ones, 0, 0, 1, &c, error);
    return status;
}

static void describe_batchnorm(const layer *l, char *text, size_t size)
{
    const batchnorm_settings *bn = l->settings;
    *text = '\0';
    if (bn->momentum != DEFAULTS.momentum) describe_float(text, size, "momentum", bn->momentum);
    if (bn->epsilon != DEFAULTS.epsilon) describe_float(text, size, "epsilon", bn->epsilon);
}

// What is saved holds mean (c) and inv_std (c), and while gathering the mean (c) and the squared deviations (c) so far,
// in double precision. A forward workspace holds scale (c) and shift (c), or the mean (c) and variance (c) of the
// images that are gathered; a backward workspace the kernel's three constants a channel, or the gradients of these
// images. The kernels' sums lie behind.
static void memory(const layer *l, const kernels *k, unsigned threads, int n, bool training, const shape *in,
                   layer_memory *need)
{
    (void)l;
    size_t vector = floats_bytes((size_t)in->c);
    need->forward_workspace = 2 * vector;
    if (!training) return;
    size_t sums = k->batchnorm_workspace(batch_rows(n, *in), (size_t)in->c, threads);
    need->saved = 6 * vector;
    need->forward_workspace = 2 * vector + sums;
    need->backward_workspace = larger(3 * vector, 2 * vector + sums);
}

static float *vector_at(void *block, size_t c, size_t index)
{
    return (float *)block + index * (floats_bytes(c) / sizeof(float));
}

static void update_moving(float *moving, const float *batch, size_t c, float momentum)
{
    for (size_t i = 0; i < c; i++)
        moving[i] = moving[i] * momentum + batch[i] * (1.0f - momentum);
}

static void invert_deviation(const float *variance, float *inv_std, size_t c, float epsilon)
{
    for (size_t i = 0; i < c; i++)
        inv_std[i] = (float)(1.0 / sqrt((double)variance[i] + (double)epsilon));
}

// y = gamma (x - mean) inv_std + beta = x scale + shift
static void normalise(const layer_call *call, size_t c, const float *mean, const float *inv_std)
{
    const float *gamma = layer_values(call, GAMMA);
    const float *beta = layer_values(call, BETA);
    float *scale = vector_at(call->workspace, c, 0);
    float *shift = vector_at(call->workspace, c, 1);
    for (size_t i = 0; i < c; i++) {
        scale[i] = gamma[i] * inv_std[i];
        shift[i] = beta[i] - mean[i] * scale[i];
    }
    call->k->channel_affine(call->pool, batch_rows(call->n, call->in[0]), c, call->x[0], scale, shift, call->y);
}

void batchnorm_affine(const layer *l, const float *weights, const float *statistics, double *scale, double *shift)
{
    const batchnorm_settings *bn = l->settings;
    const float *gamma = weights + l->parameters[GAMMA].offset, *beta = weights + l->parameters[BETA].offset;
    const float *mean = statistics + l->parameters[MOVING_MEAN].offset;
    const float *variance = statistics + l->parameters[MOVING_VARIANCE].offset;
    for (int c = 0; c < l->out.c; c++) {
        scale[c] = (double)gamma[c] / sqrt((double)variance[c] + (double)bn->epsilon);
        shift[c] = (double)beta[c] - (double)mean[c] * scale[c];
    }
}

// Joins mean and variance of `more` rows to those of the `rows` rows before, which are there as the sum of squared
// deviations (Chan's formula).
static void join_statistics(size_t c, double rows, double *mean, double *squares, double more, const float *more_mean,
                            const float *more_variance)
{
    double share = more / (rows + more);
    for (size_t i = 0; i < c; i++) {
        double apart = (double)more_mean[i] - mean[i];
        mean[i] += apart * share;
        squares[i] += (double)more_variance[i] * more + apart * apart * rows * share;
    }
}

static void gather_forward(const layer_call *call)
{
    const batchnorm_settings *bn = call->layer->settings;
    shape in = call->in[0];
    size_t c = (size_t)in.c, rows = batch_rows(call->n, in), image_rows = (size_t)in.h * (size_t)in.w;
    float *mean = vector_at(call->saved, c, 0), *inv_std = vector_at(call->saved, c, 1);
    double *total_mean = (double *)(void *)vector_at(call->saved, c, 2);
    double *total_squares = (double *)(void *)vector_at(call->saved, c, 4);
    float *some_mean = vector_at(call->workspace, c, 0), *variance = vector_at(call->workspace, c, 1);
    call->k->batchnorm_statistics(call->pool, rows, c, call->x[0], some_mean, variance,
                                  vector_at(call->workspace, c, 2));
    layer_await_turn(call);
    if (call->first_image == 0) memset(total_mean, 0, 4 * floats_bytes(c));
    join_statistics(c, (double)(call->first_image * image_rows), total_mean, total_squares, (double)rows, some_mean,
                    variance);
    if (call->first_image + (size_t)call->n < call->batch) return;
    for (size_t i = 0; i < c; i++) {
        mean[i] = (float)total_mean[i];
        variance[i] = (float)(total_squares[i] / (double)(call->batch * image_rows));
    }
    update_moving(layer_statistics(call, MOVING_MEAN), mean, c, bn->momentum);
    update_moving(layer_statistics(call, MOVING_VARIANCE), variance, c, bn->momentum);
    invert_deviation(variance, inv_std, c, bn->epsilon);
}

static void forward(const layer_call *call)
{
    const batchnorm_settings *bn = call->layer->settings;
    size_t c = (size_t)call->in[0].c;
    if (call->training) {
        normalise(call, c, vector_at(call->saved, c, 0), vector_at(call->saved, c, 1));
        return;
    }
    float *inv_std = vector_at(call->workspace, c, 0); // becomes the scale, element by element
    invert_deviation(layer_statistics(call, MOVING_VARIANCE), inv_std, c, bn->epsilon);
    if (call->saved && call->first_image == 0) { // for the backward of a network that is not being trained
        memcpy(vector_at(call->saved, c, 0), layer_statistics(call, MOVING_MEAN), c * sizeof(float));
        memcpy(vector_at(call->saved, c, 1), inv_std, c * sizeof(float));
    }
    normalise(call, c, layer_statistics(call, MOVING_MEAN), inv_std);
}

// y = gamma xhat + beta
static void gather_backward(const layer_call *call)
{
    size_t c = (size_t)call->in[0].c;
    bool first = call->first_image == 0;
    float *dgamma = first ? layer_gradient(call, GAMMA) : vector_at(call->workspace, c, 0);
    float *dbeta = first ? layer_gradient(call, BETA) : vector_at(call->workspace, c, 1);
    call->k->batchnorm_gradients(call->pool, batch_rows(call->n, call->in[0]), c, call->x[0],
                                 vector_at(call->saved, c, 0), vector_at(call->saved, c, 1), call->dy, dgamma, dbeta,
                                 vector_at(call->workspace, c, 2));
    if (first) return;
    layer_await_turn(call);
    call->k->add(call->pool, c, layer_gradient(call, GAMMA), dgamma, layer_gradient(call, GAMMA));
    call->k->add(call->pool, c, layer_gradient(call, BETA), dbeta, layer_gradient(call, BETA));
}

// At inference y = x scale + shift with constants: dx = dy scale.
static void backward_of_inference(const layer_call *call, size_t c)
{
    const float *gamma = layer_values(call, GAMMA);
    const float *inv_std = vector_at(call->saved, c, 1);
    float *scale = vector_at(call->workspace, c, 0);
    float *zero = vector_at(call->workspace, c, 1);
    for (size_t i = 0; i < c; i++) {
        scale[i] = gamma[i] * inv_std[i];
        zero[i] = 0;
    }
    call->k->channel_affine(call->pool, batch_rows(call->n, call->in[0]), c, call->dy, scale, zero, call->dx[0]);
}

// xhat = (x - mean) inv_std, and in training mean and inv_std depend on x as well
static void backward(const layer_call *call)
{
    if (call->dx[0] == NULL) return;
    size_t c = (size_t)call->in[0].c;
    if (!call->training) {
        backward_of_inference(call, c);
        return;
    }
    call->k->batchnorm_backward_input(
        call->pool, batch_rows(call->n, call->in[0]), c, call->batch * (size_t)call->in[0].h * (size_t)call->in[0].w,
        call->x[0], vector_at(call->saved, c, 0), vector_at(call->saved, c, 1), layer_values(call, GAMMA),
        layer_gradient(call, GAMMA), layer_gradient(call, BETA), call->dy, call->dx[0], call->workspace);
}

static const formula FORWARD[] = {
    {"\\hat{x} = \\frac{x - \\mu}{\\sqrt{\\sigma^2 + \\epsilon}}", "58"},
    {"y = \\gamma \\hat{x} + \\beta", "57"},
    {0},
};
static const formula PARAMETERS[] = {
    {"\\frac{\\partial E}{\\partial \\gamma} = \\sum_{m,n} \\frac{\\partial E}{\\partial y_{m,n}} \\hat{x}_{m,n}",
     NULL},
    {"\\frac{\\partial E}{\\partial \\beta} = \\sum_{m,n} \\frac{\\partial E}{\\partial y_{m,n}}", NULL},
    {0},
};
static const formula INPUT[] = {
    {"\\frac{\\partial E}{\\partial x} = \\frac{\\gamma}{\\sqrt{\\sigma^2 + \\epsilon}} (\\frac{\\partial E}{\\partial "
     "y} - "
     "\\frac{1}{N} \\frac{\\partial E}{\\partial \\beta} - \\frac{\\hat{x}}{N} \\frac{\\partial E}{\\partial \\gamma})",
     NULL},
    {0},
};

static void explain(const layer *l, const shape *in, explanation *e)
{
    const batchnorm_settings *bn = l->settings;
    (void)in;
    e->rule = RULE_NORMALISE;
    e->epsilon = (double)bn->epsilon;
    e->forward = FORWARD;
    e->parameters = PARAMETERS;
    e->input = INPUT;
    e->note =
        "As in training: mean and variance are those of the channel's N pixels of this one image. Predictions use "
        "the moving averages instead.";
}

const layer_type layer_batchnorm = {
    .name = "batchnorm",
    .synopsis = "batchnorm [momentum=0.99] [epsilon=1e-3]",
    .settings_size = sizeof(batchnorm_settings),
    .parse = parse,
    .resolve = resolve,
    .describe = describe_batchnorm,
    .memory = memory,
    .gather_forward = gather_forward,
    .gather_backward = gather_backward,
    .forward = forward,
    .backward = backward,
    .explain = explain,
};
