#include "train/optimizer.h"

#include "train/option.h"

#include <float.h>
#include <stddef.h>
#include <stdio.h>

enum { OPTIMIZER_KINDS = OPTIMIZER_ADAMW + 1 };

static const char *const NAMES[OPTIMIZER_KINDS] = {"sgd", "adagrad", "rmsprop", "adam", "adamw"};

const char OPTIMIZER_SYNOPSIS[] =
    "optimizer sgd|adagrad|rmsprop|adam|adamw [lr=] [momentum=] [nesterov=yes] [rho=] [beta1=] [beta2=] [epsilon=] "
    "[weight_decay=] [initial_accumulator=]";

optimizer optimizer_default(optimizer_kind kind)
{
    switch (kind) {
    case OPTIMIZER_SGD:
        return (optimizer){.kind = kind, .rate = 0.01};
    case OPTIMIZER_ADAGRAD:
        return (optimizer){.kind = kind, .rate = 0.001, .epsilon = 1e-7, .initial_accumulator = 0.1};
    case OPTIMIZER_RMSPROP:
        return (optimizer){.kind = kind, .rate = 0.001, .rho = 0.9, .epsilon = 1e-7};
    case OPTIMIZER_ADAM:
        return (optimizer){.kind = kind, .rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7};
    case OPTIMIZER_ADAMW:
        break;
    }
    return (optimizer){
        .kind = OPTIMIZER_ADAMW, .rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7, .weight_decay = 0.004};
}

// A number that optimisers have: where it lies in the struct, which kinds use it, its range.
typedef struct optimizer_number {
    const char *key;
    size_t offset;
    bool used[OPTIMIZER_KINDS]; // sgd, adagrad, rmsprop, adam, adamw
    double least, most;
} optimizer_number;

static const double BELOW_ONE = 0.999999; // an average that keeps all of the old never moves

static const optimizer_number NUMBERS[] = {
    {"lr", offsetof(optimizer, rate), {1, 1, 1, 1, 1}, 0, FLT_MAX},
    {"momentum", offsetof(optimizer, momentum), {1, 0, 1, 0, 0}, 0, BELOW_ONE},
    {"rho", offsetof(optimizer, rho), {0, 0, 1, 0, 0}, 0, BELOW_ONE},
    {"beta1", offsetof(optimizer, beta1), {0, 0, 0, 1, 1}, 0, BELOW_ONE},
    {"beta2", offsetof(optimizer, beta2), {0, 0, 0, 1, 1}, 0, BELOW_ONE},
    {"epsilon", offsetof(optimizer, epsilon), {0, 1, 1, 1, 1}, 0, FLT_MAX},
    {"initial_accumulator", offsetof(optimizer, initial_accumulator), {0, 1, 0, 0, 0}, 0, FLT_MAX},
    {"weight_decay", offsetof(optimizer, weight_decay), {1, 1, 1, 1, 1}, 0, FLT_MAX},
};
enum { NUMBER_COUNT = sizeof NUMBERS / sizeof NUMBERS[0] };

static double *number_of(optimizer *o, const optimizer_number *number)
{
    return (double *)(void *)((char *)o + number->offset);
}

static silma_status parse_number(optimizer *o, const optimizer_number *number, words *line, silma_error *error)
{
    const char *text = words_option(line, number->key);
    if (!text) return SILMA_OK;
    if (!number->used[o->kind]) return words_fail(line, error, "%s has no %s", NAMES[o->kind], number->key);
    return number_parse(line, number->key, text, number->least, number->most, number_of(o, number), error);
}

static silma_status parse_nesterov(optimizer *o, words *line, silma_error *error)
{
    silma_status status = words_option_bool(line, "nesterov", &o->nesterov, error);
    if (status != SILMA_OK || !o->nesterov) return status;
    if (o->kind != OPTIMIZER_SGD) return words_fail(line, error, "%s has no nesterov", NAMES[o->kind]);
    if (o->momentum == 0) return words_fail(line, error, "nesterov=yes needs a momentum, such as momentum=0.9");
    return SILMA_OK;
}

silma_status optimizer_parse(optimizer *o, words *line, silma_error *error)
{
    line->synopsis = OPTIMIZER_SYNOPSIS;
    size_t kind;
    silma_status status = word_choose(line, "optimizer", NAMES, OPTIMIZER_KINDS, &kind, error);
    if (status != SILMA_OK) return status;
    optimizer defaults = optimizer_default((optimizer_kind)kind);
    *o = defaults;
    o->rate = -1; // none yet
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        status = parse_number(o, &NUMBERS[i], line, error);
        if (status != SILMA_OK) return status;
    }
    o->rate_given = o->rate >= 0;
    if (!o->rate_given) o->rate = defaults.rate;
    return parse_nesterov(o, line, error);
}

void optimizer_describe(const optimizer *o, char text[OPTIMIZER_TEXT_MAX])
{
    optimizer values = *o;
    size_t used = (size_t)snprintf(text, OPTIMIZER_TEXT_MAX, "%s", NAMES[o->kind]);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (!NUMBERS[i].used[o->kind]) continue;
        char number[NUMBER_TEXT_MAX];
        number_text(*number_of(&values, &NUMBERS[i]), number);
        used += (size_t)snprintf(text + used, OPTIMIZER_TEXT_MAX - used, " %s=%s", NUMBERS[i].key, number);
    }
    if (o->kind == OPTIMIZER_SGD)
        snprintf(text + used, OPTIMIZER_TEXT_MAX - used, " nesterov=%s", o->nesterov ? "yes" : "no");
}

int optimizer_slots(const optimizer *o)
{
    switch (o->kind) {
    case OPTIMIZER_SGD:
        return o->momentum > 0 ? 1 : 0;
    case OPTIMIZER_ADAGRAD:
        return 1;
    case OPTIMIZER_RMSPROP:
        return o->momentum > 0 ? 2 : 1;
    case OPTIMIZER_ADAM:
    case OPTIMIZER_ADAMW:
        break;
    }
    return 2;
}

void optimizer_prepare_slots(const optimizer *o, size_t count, float *slot0, float *slot1)
{
    int slots = optimizer_slots(o);
    float first = o->kind == OPTIMIZER_ADAGRAD ? (float)o->initial_accumulator : 0.0f;
    for (size_t i = 0; i < count && slots > 0; i++)
        slot0[i] = first;
    for (size_t i = 0; i < count && slots > 1; i++)
        slot1[i] = 0.0f;
}

void optimizer_update(const optimizer *o, const kernels *k, thread_pool *pool, size_t count, float *w, const float *g,
                      float *slot0, float *slot1, float gradient_scale, double rate, uint64_t step)
{
    update_task task = {
        .count = count,
        .g = g,
        .gradient_scale = gradient_scale,
        .rate = (float)rate,
        .momentum = (float)o->momentum,
        .nesterov = o->nesterov,
        .rho = (float)o->rho,
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .epsilon = (float)o->epsilon,
        .weight_decay = (float)o->weight_decay,
        .step = step,
    };
    task.w = w;
    task.slot0 = slot0;
    task.slot1 = slot1;
    switch (o->kind) {
    case OPTIMIZER_SGD:
        k->update_sgd(pool, &task);
        return;
    case OPTIMIZER_ADAGRAD:
        k->update_adagrad(pool, &task);
        return;
    case OPTIMIZER_RMSPROP:
        k->update_rmsprop(pool, &task);
        return;
    case OPTIMIZER_ADAM:
    case OPTIMIZER_ADAMW:
        k->update_adam(pool, &task);
        return;
    }
}

float gradient_clip_scale(double norm, double clip_norm)
{
    if (clip_norm <= 0 || !(norm > clip_norm)) return 1.0f;
    return (float)(clip_norm / norm);
}
