#include "train/loss.h"

#include "core/error.h"
#include "train/option.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum { LOSS_KINDS = LOSS_MEAN_SQUARED_ERROR + 1 };

static const char *const NAMES[LOSS_KINDS] = {"categorical_crossentropy", "binary_crossentropy", "mean_squared_error"};

const char LOSS_SYNOPSIS[] = "loss categorical_crossentropy|binary_crossentropy|mean_squared_error "
                             "[label_smoothing=0]";

// ---------------------------------------------------------------------------------------------------------------------
// Settings

silma_status loss_parse(loss_function *l, words *line, silma_error *error)
{
    line->synopsis = LOSS_SYNOPSIS;
    *l = (loss_function){0};
    size_t kind;
    silma_status status = word_choose(line, "loss", NAMES, LOSS_KINDS, &kind, error);
    if (status == SILMA_OK) status = option_number(line, "label_smoothing", 1, &l->label_smoothing, error);
    if (status != SILMA_OK) return status;
    l->kind = (loss_kind)kind;
    if (l->kind == LOSS_MEAN_SQUARED_ERROR && l->label_smoothing > 0)
        return words_fail(line, error, "mean_squared_error has no label_smoothing");
    return SILMA_OK;
}

void loss_describe(const loss_function *l, char text[LOSS_TEXT_MAX])
{
    char smoothing[NUMBER_TEXT_MAX];
    if (l->kind == LOSS_MEAN_SQUARED_ERROR)
        snprintf(text, LOSS_TEXT_MAX, "%s", NAMES[l->kind]);
    else
        snprintf(text, LOSS_TEXT_MAX, "%s label_smoothing=%s", NAMES[l->kind],
                 number_text(l->label_smoothing, smoothing));
}

loss_function loss_default(activation_kind head, size_t outputs)
{
    bool binary = head == ACTIVATION_SIGMOID || outputs == 1;
    return (loss_function){.kind = binary ? LOSS_BINARY_CROSSENTROPY : LOSS_CATEGORICAL_CROSSENTROPY};
}

silma_status loss_check(const loss_function *l, activation_kind head, size_t outputs, int class_count,
                        silma_error *error)
{
    const char *name = NAMES[l->kind];
    if (head == ACTIVATION_SOFTMAX && outputs == 1)
        return silma_fail(error, SILMA_USAGE,
                          "a softmax over 1 output is always 1; end the network with `dense 1 sigmoid` or "
                          "`dense classes softmax`");
    if (outputs != (size_t)class_count && !(outputs == 1 && class_count == 2))
        return silma_fail(error, SILMA_USAGE,
                          "the network has %zu outputs, but the data has %d classes; end it with `dense classes ...`",
                          outputs, class_count);
    if (l->kind == LOSS_CATEGORICAL_CROSSENTROPY && head != ACTIVATION_SOFTMAX)
        return silma_fail(error, SILMA_USAGE,
                          "%s needs a softmax at the network's end, which has %s; end it with `softmax`, or choose the "
                          "loss %s",
                          name, head == ACTIVATION_SIGMOID ? "a sigmoid" : "no activation",
                          head == ACTIVATION_SIGMOID ? NAMES[LOSS_BINARY_CROSSENTROPY]
                                                     : NAMES[LOSS_MEAN_SQUARED_ERROR]);
    if (l->kind == LOSS_BINARY_CROSSENTROPY && head == ACTIVATION_LINEAR)
        return silma_fail(error, SILMA_USAGE,
                          "%s needs a sigmoid at the network's end, which has no activation; add `sigmoid`, or choose "
                          "the loss %s",
                          name, NAMES[LOSS_MEAN_SQUARED_ERROR]);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// One image

// y_i = keep * target_i + add: label smoothing, folded into the target.
typedef struct smoothing {
    double keep, add;
} smoothing;

// An image's row of the batch. Its target is a row of numbers or, where `targets` is null, a label.
typedef struct row {
    size_t outputs;
    const float *z; // (outputs) logits
    const float *targets;
    uint32_t label;
    smoothing smooth;
    float *r; // (outputs) receives the prediction
    float *d; // (outputs) receives `scale` times the derivative of the loss by z; may be null
    double scale;
} row;

// A single output predicts class 1; otherwise output i predicts class i.
static inline double target(const row *x, size_t i)
{
    double y = 0;
    if (x->targets)
        y = (double)x->targets[i];
    else
        y = x->outputs == 1 ? (double)x->label : (double)(x->label == i);
    return x->smooth.keep * y + x->smooth.add;
}

// A softmax (eq. 21) before the division: r_i holds e^(z_i - z_top), shifted by the greatest logit so that no
// exponential overflows. The top's is exactly 1, and the sum of the others is kept apart: nothing is lost where the
// top's probability comes close to 1.
typedef struct exponentials {
    size_t top;
    double others;
    double sum; // eq. 22: 1 + others
} exponentials;

static exponentials shifted_exponentials(const row *x)
{
    exponentials e = {0};
    for (size_t i = 1; i < x->outputs; i++)
        if (x->z[i] > x->z[e.top]) e.top = i;
    for (size_t i = 0; i < x->outputs; i++) {
        double value = i == e.top ? 1 : exp((double)x->z[i] - (double)x->z[e.top]);
        if (i != e.top) e.others += value;
        x->r[i] = (float)value;
    }
    e.sum = 1 + e.others;
    return e;
}

// log r_i
static double log_softmax(const row *x, const exponentials *e, size_t i)
{
    return (double)x->z[i] - (double)x->z[e->top] - log1p(e->others);
}

// 1 - r_i, before r_i is divided by the sum.
static double softmax_rest(const row *x, const exponentials *e, size_t i)
{
    return i == e->top ? e->others / e->sum : (e->sum - (double)x->r[i]) / e->sum;
}

// eq. 30 and 38 after eq. 21: E = -sum y_i log r_i. By eq. 25 and sum y_i = 1 its derivative is dE/dz_i = r_i - y_i.
static double softmax_crossentropy(const row *x)
{
    exponentials e = shifted_exponentials(x);
    double loss = 0;
    for (size_t i = 0; i < x->outputs; i++) {
        double y = target(x, i);
        double r = (double)x->r[i] / e.sum;
        if (y != 0) loss -= y * log_softmax(x, &e, i);
        x->r[i] = (float)r;
        if (x->d) x->d[i] = (float)(x->scale * (r - y));
    }
    return loss;
}

// The derivative of eq. 28 by r_i, eq. 29, times r_i: (r - y) / (1 - r) = r (1 - y) / (1 - r) - y. `rest` is 1 - r_i.
static double binary_slope(double r, double rest, double y)
{
    return y == 1 ? -1 : r * (1 - y) / fmax(rest, DBL_MIN) - y;
}

// eq. 28 after eq. 21, the mean over the outputs: E = -y log r - (1 - y) log(1 - r). With g_i = dE/dr_i r_i, eq. 25
// gives dE/dz_i = g_i - r_i sum g_j = g_i (1 - r_i) - r_i sum of the other g_j.
static double softmax_binary_crossentropy(const row *x)
{
    exponentials e = shifted_exponentials(x);
    double count = (double)x->outputs;
    double loss = 0;
    double slopes = 0; // of all but the top
    double top_slope = 0;
    for (size_t i = 0; i < x->outputs; i++) {
        double y = target(x, i);
        double rest = softmax_rest(x, &e, i);
        double slope = binary_slope((double)x->r[i] / e.sum, rest, y);
        if (y != 0) loss -= y * log_softmax(x, &e, i);
        if (y != 1) loss -= (1 - y) * log(fmax(rest, DBL_MIN));
        if (i == e.top)
            top_slope = slope;
        else
            slopes += slope;
    }
    for (size_t i = 0; i < x->outputs; i++) {
        double r = (double)x->r[i] / e.sum;
        double rest = softmax_rest(x, &e, i);
        double slope = i == e.top ? top_slope : binary_slope(r, rest, target(x, i));
        double others = i == e.top ? slopes : slopes - slope + top_slope;
        x->r[i] = (float)r;
        if (x->d) x->d[i] = (float)(x->scale * (slope * rest - r * others) / count);
    }
    return loss / count;
}

// eq. 11 from e^-|z|, which cannot overflow.
static double sigmoid(double z, double *exponential)
{
    *exponential = exp(-fabs(z));
    return z >= 0 ? 1 / (1 + *exponential) : *exponential / (1 + *exponential);
}

// eq. 28 after eq. 11, the mean over the outputs: E = -y log r - (1 - y) log(1 - r) = max(z, 0) - y z + log(1 +
// e^-|z|). eq. 29 times eq. 12, r (1 - r): dE/dz = r - y, which is a - y of eq. 7.
static double sigmoid_crossentropy(const row *x)
{
    double count = (double)x->outputs;
    double loss = 0;
    for (size_t i = 0; i < x->outputs; i++) {
        double z = (double)x->z[i];
        double y = target(x, i);
        double e;
        double r = sigmoid(z, &e);
        loss += fmax(z, 0) - y * z + log1p(e);
        x->r[i] = (float)r;
        if (x->d) x->d[i] = (float)(x->scale * (r - y) / count);
    }
    return loss / count;
}

static void apply_head(activation_kind head, const row *x)
{
    double ignored;
    if (head == ACTIVATION_SOFTMAX) {
        exponentials e = shifted_exponentials(x);
        for (size_t i = 0; i < x->outputs; i++)
            x->r[i] = (float)((double)x->r[i] / e.sum);
        return;
    }
    for (size_t i = 0; i < x->outputs; i++)
        x->r[i] = head == ACTIVATION_SIGMOID ? (float)sigmoid((double)x->z[i], &ignored) : x->z[i];
}

// Keras's mean: E = 1/n sum (y_i - r_i)^2, which is eq. 26 times 2/n; so dE/dr_i = 2/n (r_i - y_i), eq. 27 times 2/n.
static double squared_error(activation_kind head, const row *x)
{
    apply_head(head, x);
    double count = (double)x->outputs;
    double loss = 0;
    double weighted = 0; // sum of dE/dr_j r_j, for eq. 25
    for (size_t i = 0; i < x->outputs; i++) {
        double r = (double)x->r[i];
        double difference = r - target(x, i);
        loss += difference * difference;
        weighted += 2 / count * difference * r;
    }
    for (size_t i = 0; x->d && i < x->outputs; i++) {
        double r = (double)x->r[i];
        double dr = 2 / count * (r - target(x, i));
        double dz = dr;
        if (head == ACTIVATION_SIGMOID) dz = dr * r * (1 - r);    // eq. 12
        if (head == ACTIVATION_SOFTMAX) dz = r * (dr - weighted); // eq. 25: sum over j of dr_j r_j ((i == j) - r_i)
        x->d[i] = (float)(x->scale * dz);
    }
    return loss / count;
}

static double row_loss(const loss_function *l, activation_kind head, const row *x)
{
    switch (l->kind) {
    case LOSS_CATEGORICAL_CROSSENTROPY:
        return softmax_crossentropy(x);
    case LOSS_BINARY_CROSSENTROPY:
        return head == ACTIVATION_SOFTMAX ? softmax_binary_crossentropy(x) : sigmoid_crossentropy(x);
    case LOSS_MEAN_SQUARED_ERROR:
        break;
    }
    return squared_error(head, x);
}

// ---------------------------------------------------------------------------------------------------------------------
// A batch

// Keras: y (1 - s) + s / classes, or s / 2 for the two sides of a binary output.
static smoothing smoothing_of(const loss_function *l, size_t outputs)
{
    double s = l->label_smoothing;
    double sides = l->kind == LOSS_BINARY_CROSSENTROPY ? 2 : (double)outputs;
    return (smoothing){.keep = 1 - s, .add = s / sides};
}

static double batch_row(const loss_function *l, const loss_batch *batch, size_t image, row x, double weight)
{
    x.outputs = batch->outputs;
    x.z = batch->logits + image * batch->outputs;
    x.smooth = smoothing_of(l, batch->outputs);
    x.r = batch->probabilities + image * batch->outputs;
    x.d = batch->dlogits ? batch->dlogits + image * batch->outputs : NULL;
    x.scale = weight / (double)batch->n;
    return weight * row_loss(l, batch->head, &x);
}

double loss_compute(const loss_function *l, const loss_batch *batch, const uint32_t *labels, const float *class_weights)
{
    double sum = 0;
    for (size_t i = 0; i < batch->n; i++) {
        double weight = class_weights ? (double)class_weights[labels[i]] : 1;
        sum += batch_row(l, batch, i, (row){.label = labels[i]}, weight);
    }
    return sum;
}

double loss_compute_targets(const loss_function *l, const loss_batch *batch, const float *targets,
                            const float *image_weights)
{
    double sum = 0;
    for (size_t i = 0; i < batch->n; i++) {
        double weight = image_weights ? (double)image_weights[i] : 1;
        sum += batch_row(l, batch, i, (row){.targets = targets + i * batch->outputs}, weight);
    }
    return sum;
}
