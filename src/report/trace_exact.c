#include "report/trace_exact.h"

#include "core/error.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// An element that is moved by a distance, after it has been computed.
typedef struct nudge {
    size_t layer;
    exact_what what;
    size_t index;
    double distance;
} nudge;

// ---------------------------------------------------------------------------------------------------------------------
// Rules

// f(z)
static double apply_activation(activation act, double z)
{
    double slope = (double)act.parameter;
    switch (act.kind) {
    case ACTIVATION_RELU:
        return fmax(0, z);
    case ACTIVATION_LEAKY_RELU:
        return z > 0 ? z : slope * z;
    case ACTIVATION_ELU:
        return z > 0 ? z : slope * expm1(z);
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-z));
    case ACTIVATION_TANH:
        return tanh(z);
    case ACTIVATION_GELU:
        return z / 2 * (1 + erf(z / sqrt(2)));
    case ACTIVATION_SILU:
        return z / (1 + exp(-z));
    case ACTIVATION_LINEAR:
    case ACTIVATION_SOFTMAX: // not elementwise: softmax_row
        break;
    }
    return z;
}

static void softmax_row(const double *z, size_t count, double *y)
{
    double greatest = z[0];
    for (size_t i = 1; i < count; i++)
        greatest = fmax(greatest, z[i]);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        y[i] = exp(z[i] - greatest);
        sum += y[i];
    }
    for (size_t i = 0; i < count; i++)
        y[i] /= sum;
}

static void activate(activation act, shape s, const double *z, double *y)
{
    size_t c = (size_t)s.c;
    if (act.kind == ACTIVATION_SOFTMAX) {
        for (size_t row = 0; row < shape_count(s); row += c)
            softmax_row(z + row, c, y + row);
        return;
    }
    for (size_t i = 0; i < shape_count(s); i++)
        y[i] = apply_activation(act, z[i]);
}

// The pixel of x under position (i, j) of the window of output (m, n), or null outside the image.
static const double *pixel(const window_shape *w, const double *x, int m, int n, int i, int j)
{
    int row = m * w->stride_h + i - w->pad_top;
    int column = n * w->stride_w + j - w->pad_left;
    if (row < 0 || row >= w->h || column < 0 || column >= w->w) return NULL;
    return x + ((size_t)row * (size_t)w->w + (size_t)column) * (size_t)w->c;
}

// eq. 59 at (m, n) for all filters: z (oc) += X F.
static void window_sums(const window_shape *w, const double *x, const double *filter, int m, int n, double *z)
{
    size_t outputs = (size_t)w->oc, inputs = (size_t)(w->c / w->groups), each = (size_t)(w->oc / w->groups);
    for (int i = 0; i < w->kh; i++) {
        for (int j = 0; j < w->kw; j++) {
            const double *from = pixel(w, x, m, n, i, j);
            if (!from) continue;
            const double *f = filter + (size_t)(i * w->kw + j) * inputs * outputs;
            for (size_t c = 0; c < inputs; c++)
                for (size_t t = 0; t < outputs; t++)
                    z[t] += from[t / each * inputs + c] * f[c * outputs + t];
        }
    }
}

static const parameter *find_parameter(const layer *l, const char *name)
{
    for (int i = 0; i < l->parameter_count; i++)
        if (strcmp(l->parameters[i].name, name) == 0) return &l->parameters[i];
    return NULL;
}

static void sum_rule(const exact *x, const layer *l, const window_shape *w, const double *in, double *z)
{
    const parameter *kernel = find_parameter(l, "kernel"), *bias = find_parameter(l, "bias");
    size_t outputs = (size_t)w->oc;
    for (int m = 0; m < w->oh; m++) {
        for (int n = 0; n < w->ow; n++) {
            double *at = z + (size_t)(m * w->ow + n) * outputs;
            for (size_t t = 0; t < outputs; t++)
                at[t] = bias ? x->weights[bias->offset + t] : 0;
            window_sums(w, in, x->weights + kernel->offset, m, n, at);
        }
    }
}

// eq. 74 or 77 of one output.
static double pool(const explanation *e, const double *in, int m, int n, int channel)
{
    const window_shape *w = &e->window;
    double sum = 0, greatest = -INFINITY;
    int count = 0;
    for (int i = 0; i < w->kh; i++) {
        for (int j = 0; j < w->kw; j++) {
            const double *from = pixel(w, in, m, n, i, j);
            if (!from) continue;
            sum += from[channel];
            greatest = fmax(greatest, from[channel]);
            count++;
        }
    }
    return e->rule == RULE_MAXIMUM ? greatest : sum / count;
}

static void pool_rule(const explanation *e, const double *in, double *z)
{
    for (int m = 0; m < e->window.oh; m++)
        for (int n = 0; n < e->window.ow; n++)
            for (int c = 0; c < e->window.c; c++)
                *z++ = pool(e, in, m, n, c);
}

// eq. 57 and 58.
static void normalise_rule(const exact *x, const layer *l, const explanation *e, const double *in, double *z)
{
    const double *gamma = x->weights + find_parameter(l, "gamma")->offset;
    const double *beta = x->weights + find_parameter(l, "beta")->offset;
    size_t channels = (size_t)l->out.c, pixels = shape_count(l->out) / channels;
    for (size_t c = 0; c < channels; c++) {
        double mean = 0, variance = 0;
        for (size_t i = c; i < pixels * channels; i += channels)
            mean += in[i] / (double)pixels;
        for (size_t i = c; i < pixels * channels; i += channels)
            variance += (in[i] - mean) * (in[i] - mean) / (double)pixels;
        for (size_t i = c; i < pixels * channels; i += channels)
            z[i] = gamma[c] * (in[i] - mean) / sqrt(variance + e->epsilon) + beta[c];
    }
}

static void slope_rule(const exact *x, const layer *l, const double *in, double *z)
{
    const double *slope = x->weights + find_parameter(l, "slope")->offset;
    for (size_t i = 0; i < shape_count(l->out); i++)
        z[i] = in[i] > 0 ? in[i] : slope[i % (size_t)l->out.c] * in[i];
}

// Several inputs: side by side, or added.
static void join_rule(const exact *x, const layer *l, explanation_rule rule, double *z)
{
    size_t width = (size_t)l->out.c, rows = shape_count(l->out) / width, at = 0;
    memset(z, 0, rows * width * sizeof *z);
    for (size_t input = 0; input < l->input_count; input++) {
        const double *in = x->layers[l->inputs[input]].y;
        size_t all = shape_count(x->run->g->layers[l->inputs[input]].out);
        size_t c = rule == RULE_ADD ? width : all / rows;
        for (size_t i = 0; i < rows * c; i++)
            z[i / c * width + at + i % c] += in[i];
        if (rule == RULE_COPY) at += c;
    }
}

// The layer's own function, in single precision: z (out) from inputs, or from ones where `ones` is set.
static silma_status own_function(const exact *x, size_t i, bool ones, double *z, silma_error *error)
{
    const layer *l = &x->run->g->layers[i];
    float **in = calloc(l->input_count + 1, sizeof *in);
    float *y = trace_floats(shape_count(l->out));
    silma_status status = in && y ? SILMA_OK : silma_fail_memory(error, shape_count(l->out) * sizeof *y);
    for (size_t input = 0; input < l->input_count && status == SILMA_OK; input++) {
        size_t count = shape_count(x->run->g->layers[l->inputs[input]].out);
        in[input] = trace_floats(count);
        if (!in[input]) status = silma_fail_memory(error, count * sizeof *y);
        for (size_t e = 0; status == SILMA_OK && e < count; e++)
            in[input][e] = ones ? 1.0f : (float)x->layers[l->inputs[input]].y[e];
    }
    if (status == SILMA_OK) status = trace_run_layer(x->run, i, (const float *const *)in, y, error);
    for (size_t e = 0; status == SILMA_OK && e < shape_count(l->out); e++)
        z[e] = (double)y[e];
    for (size_t input = 0; in && input < l->input_count; input++)
        free(in[input]);
    free(in);
    free(y);
    return status;
}

static silma_status compute_sums(const exact *x, size_t i, silma_error *error)
{
    const layer *l = &x->run->g->layers[i];
    const exact_layer *it = &x->layers[i];
    const double *in = x->layers[l->inputs[0]].y;
    switch (it->e.rule) {
    case RULE_SUM:
        sum_rule(x, l, &it->e.window, in, it->z);
        return SILMA_OK;
    case RULE_MAXIMUM:
    case RULE_MEAN:
        pool_rule(&it->e, in, it->z);
        return SILMA_OK;
    case RULE_NORMALISE:
        normalise_rule(x, l, &it->e, in, it->z);
        return SILMA_OK;
    case RULE_SLOPE:
        slope_rule(x, l, in, it->z);
        return SILMA_OK;
    case RULE_FUNCTION:
    case RULE_SCALE:
        for (size_t e = 0; e < shape_count(l->out); e++)
            it->z[e] = it->factor ? in[e] * it->factor[e] : in[e];
        return SILMA_OK;
    case RULE_COPY:
    case RULE_ADD:
        join_rule(x, l, it->e.rule, it->z);
        return SILMA_OK;
    case RULE_NONE:
        break;
    }
    return own_function(x, i, false, it->z, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// The loss, eq. 26, 28 and 30, straight from their definitions

static double log_safe(double p)
{
    return log(fmax(p, DBL_MIN));
}

// log(1 / (1 + e^-z))
static double log_sigmoid(double z)
{
    return fmin(z, 0) - log1p(exp(-fabs(z)));
}

// log(e^z_i / sum of all e^z_j) is z_i - z_top - log(1 + others): exact also where the top's share comes close to 1.
static double log_of_others(const double *z, size_t count, size_t *top)
{
    *top = 0;
    for (size_t i = 1; i < count; i++)
        if (z[i] > z[*top]) *top = i;
    double others = 0;
    for (size_t i = 0; i < count; i++)
        if (i != *top) others += exp(z[i] - z[*top]);
    return log1p(others);
}

// E, and the prediction r; the last layer's outputs are the logits.
static double compute_loss(exact *x)
{
    const graph *g = x->run->g;
    const double *logits = x->layers[x->count - 1].y;
    size_t outputs = shape_count(graph_output(g)), top;
    double count = (double)outputs, smoothing = x->loss.label_smoothing, total = 0;
    double share = smoothing / (x->loss.kind == LOSS_BINARY_CROSSENTROPY ? 2 : count);
    activate((activation){.kind = g->head}, graph_output(g), logits, x->r);
    double others = log_of_others(logits, outputs, &top);
    for (size_t i = 0; i < outputs; i++) {
        double y = (1 - smoothing) * (double)x->targets[i] + share;
        bool sigmoid = g->head == ACTIVATION_SIGMOID;
        if (x->loss.kind == LOSS_CATEGORICAL_CROSSENTROPY)
            total -= y * (logits[i] - logits[top] - others);
        else if (x->loss.kind == LOSS_BINARY_CROSSENTROPY)
            total -= (y * (sigmoid ? log_sigmoid(logits[i]) : log_safe(x->r[i])) +
                      (1 - y) * (sigmoid ? log_sigmoid(-logits[i]) : log_safe(1 - x->r[i]))) /
                     count;
        else
            total += (y - x->r[i]) * (y - x->r[i]) / count;
    }
    return total;
}

// ---------------------------------------------------------------------------------------------------------------------
// The network

static void apply_nudge(const nudge *n, size_t i, exact_what what, double *values)
{
    if (n && n->layer == i && n->what == what) values[n->index] += n->distance;
}

// Layers from `first` on; E into *loss.
static silma_status evaluate(exact *x, size_t first, const nudge *n, double *loss, silma_error *error)
{
    const graph *g = x->run->g;
    silma_status status = SILMA_OK;
    for (size_t i = first; i < x->count && status == SILMA_OK; i++) {
        const exact_layer *it = &x->layers[i];
        if (i > 0) {
            status = compute_sums(x, i, error);
            apply_nudge(n, i, EXACT_SUM, it->z);
            activate(it->e.act, g->layers[i].out, it->z, it->y);
        }
        apply_nudge(n, i, EXACT_OUTPUT, it->y);
    }
    if (status == SILMA_OK) *loss = compute_loss(x);
    return status;
}

static bool take_layer(exact *x, size_t i)
{
    exact_layer *it = &x->layers[i];
    size_t count = shape_count(x->run->g->layers[i].out);
    it->z = calloc(count, sizeof *it->z);
    it->y = calloc(count, sizeof *it->y);
    if (it->e.rule == RULE_SCALE) it->factor = calloc(count, sizeof *it->factor);
    return it->z && it->y && (it->factor || it->e.rule != RULE_SCALE);
}

static silma_status create_layer(exact *x, size_t i, silma_error *error)
{
    const graph *g = x->run->g;
    const layer *l = &g->layers[i];
    exact_layer *it = &x->layers[i];
    if (l->input_count > 0) layer_explain(l, &g->layers[l->inputs[0]].out, &it->e);
    if (!take_layer(x, i)) return silma_fail_memory(error, shape_count(l->out) * sizeof *it->z);
    return it->factor ? own_function(x, i, true, it->factor, error) : SILMA_OK;
}

silma_status exact_create(exact *x, trace_run *run, loss_function loss, const float *targets, silma_error *error)
{
    const graph *g = run->g;
    *x = (exact){.run = run, .loss = loss, .targets = targets, .count = run->count};
    x->layers = calloc(x->count, sizeof *x->layers);
    x->weights = calloc(g->weight_count + 1, sizeof *x->weights);
    x->r = calloc(shape_count(graph_output(g)), sizeof *x->r);
    if (!x->layers || !x->weights || !x->r) return silma_fail_memory(error, g->weight_count * sizeof *x->weights);
    for (size_t i = 0; i < g->weight_count; i++)
        x->weights[i] = (double)run->weights[i];
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < x->count && status == SILMA_OK; i++)
        status = create_layer(x, i, error);
    if (status != SILMA_OK) return status;
    for (size_t i = 0; i < shape_count(graph_input(g)); i++)
        x->layers[0].y[i] = (double)run->layers[0].y[i];
    double ignored;
    return evaluate(x, 1, NULL, &ignored, error);
}

void exact_free(exact *x)
{
    for (size_t i = 0; x->layers && i < x->count; i++) {
        free(x->layers[i].z);
        free(x->layers[i].y);
        free(x->layers[i].factor);
    }
    free(x->layers);
    free(x->weights);
    free(x->r);
    *x = (exact){0};
}

// ---------------------------------------------------------------------------------------------------------------------
// Derivatives

// E with the element moved by `distance`. The input and the weights are not recomputed: they are moved back.
static silma_status loss_at(exact *x, const nudge *n, double *loss, silma_error *error)
{
    if (n->what == EXACT_WEIGHT) {
        double kept = x->weights[n->index];
        x->weights[n->index] += n->distance;
        silma_status status = evaluate(x, n->layer, NULL, loss, error);
        x->weights[n->index] = kept;
        return status;
    }
    double kept = x->layers[0].y[n->layer == 0 ? n->index : 0];
    silma_status status = evaluate(x, n->layer, n, loss, error);
    x->layers[0].y[n->layer == 0 ? n->index : 0] = kept;
    return status;
}

static double value_of(const exact *x, const nudge *n)
{
    if (n->what == EXACT_WEIGHT) return x->weights[n->index];
    return n->what == EXACT_SUM ? x->layers[n->layer].z[n->index] : x->layers[n->layer].y[n->index];
}

enum { STEPS = 3 };

static silma_status differences(exact *x, nudge n, double step, double here, exact_derivative *d, silma_error *error)
{
    double above = 0, below = 0;
    n.distance = step;
    silma_status status = loss_at(x, &n, &above, error);
    n.distance = -step;
    if (status == SILMA_OK) status = loss_at(x, &n, &below, error);
    *d = (exact_derivative){
        .value = (above - below) / (2 * step),
        .left = (here - below) / step,
        .right = (above - here) / step,
        .step = step,
    };
    // The sides differ by the step times the second derivative at least; where E is smooth, by little more than that
    // and what rounding makes of E.
    double rounding = 16 * DBL_EPSILON * fabs(here) / step + 1e-12;
    d->kink = fabs(d->right - d->left) > 1e-2 * fmax(fabs(d->left), fabs(d->right)) + rounding;
    return status;
}

silma_status exact_differentiate(exact *x, size_t i, exact_what what, size_t index, exact_derivative *derivative,
                                 silma_error *error)
{
    static const double SCALES[STEPS] = {1e-4, 1e-5, 1e-6};
    nudge n = {.layer = i, .what = what, .index = index};
    double here = 0, scale = fmax(fabs(value_of(x, &n)), 0.1);
    exact_derivative tries[STEPS] = {{0}};
    silma_status status = loss_at(x, &n, &here, error);
    for (size_t s = 0; s < STEPS && status == SILMA_OK; s++)
        status = differences(x, n, SCALES[s] * scale, here, &tries[s], error);
    if (status != SILMA_OK) return status;
    bool later = fabs(tries[1].value - tries[2].value) < fabs(tries[1].value - tries[0].value);
    *derivative = later ? tries[1] : tries[0];
    if (tries[2].kink) *derivative = tries[2];
    n.distance = 0;
    return loss_at(x, &n, &here, error); // every output as it was
}
