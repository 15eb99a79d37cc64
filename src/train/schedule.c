#include "train/schedule.h"

#include "train/option.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum { SCHEDULE_KINDS = SCHEDULE_PLATEAU + 1 };

static const char *const NAMES[SCHEDULE_KINDS] = {"constant", "step", "cosine", "onecycle", "plateau"};

const char SCHEDULE_SYNOPSIS[] =
    "schedule constant | step [every=10] [factor=0.1] | cosine [min=0] | onecycle [max=] | plateau [watch=val_loss] "
    "[factor=0.1] [patience=10] [min_delta=1e-4] [min=0]; all but onecycle: [warmup=EPOCHS]";

static const double PI = 3.14159265358979323846;
static const double EPOCHS_MOST = 1000000;

// ---------------------------------------------------------------------------------------------------------------------
// Settings

static silma_status parse_watch(schedule *s, words *line, silma_error *error)
{
    const char *word = words_option(line, "watch");
    if (!word) return SILMA_OK;
    size_t watch;
    silma_status status = word_find(line, "value to watch", word, recorded_names, RECORDED_COUNT, &watch, error);
    if (status != SILMA_OK) return status;
    s->watch = (recorded)watch;
    s->watch_given = true;
    return SILMA_OK;
}

static silma_status parse_plateau(schedule *s, words *line, silma_error *error)
{
    silma_status status = parse_watch(s, line, error);
    if (status == SILMA_OK) status = option_number(line, "factor", 1, &s->factor, error);
    if (status == SILMA_OK) status = words_option_int(line, "patience", 1, (int)EPOCHS_MOST, &s->patience, error);
    if (status == SILMA_OK) status = option_number(line, "min_delta", FLT_MAX, &s->min_delta, error);
    if (status == SILMA_OK) status = option_number(line, "min", FLT_MAX, &s->least, error);
    return status;
}

static silma_status parse_step(schedule *s, words *line, silma_error *error)
{
    silma_status status = words_option_int(line, "every", 1, (int)EPOCHS_MOST, &s->every, error);
    if (status == SILMA_OK) status = option_number(line, "factor", 1, &s->factor, error);
    return status;
}

static schedule schedule_default(schedule_kind kind)
{
    switch (kind) {
    case SCHEDULE_STEP:
        return (schedule){.kind = kind, .every = 10, .factor = 0.1};
    case SCHEDULE_PLATEAU: // as Keras's ReduceLROnPlateau
        return (schedule){.kind = kind, .watch = RECORDED_VAL_LOSS, .factor = 0.1, .patience = 10, .min_delta = 1e-4};
    case SCHEDULE_CONSTANT:
    case SCHEDULE_COSINE:
    case SCHEDULE_ONECYCLE:
        break;
    }
    return (schedule){.kind = kind};
}

static silma_status parse_options(schedule *s, words *line, silma_error *error)
{
    switch (s->kind) {
    case SCHEDULE_STEP:
        return parse_step(s, line, error);
    case SCHEDULE_COSINE:
        return option_number(line, "min", FLT_MAX, &s->least, error);
    case SCHEDULE_ONECYCLE: // brings its own warmup
        return option_number(line, "max", FLT_MAX, &s->greatest, error);
    case SCHEDULE_PLATEAU:
        return parse_plateau(s, line, error);
    case SCHEDULE_CONSTANT:
        break;
    }
    return SILMA_OK;
}

silma_status schedule_parse(schedule *s, words *line, silma_error *error)
{
    line->synopsis = SCHEDULE_SYNOPSIS;
    size_t kind;
    silma_status status = word_choose(line, "schedule", NAMES, SCHEDULE_KINDS, &kind, error);
    if (status != SILMA_OK) return status;
    *s = schedule_default((schedule_kind)kind);
    status = parse_options(s, line, error);
    if (status == SILMA_OK && s->kind != SCHEDULE_ONECYCLE)
        status = option_number(line, "warmup", EPOCHS_MOST, &s->warmup, error);
    return status;
}

// Appends " key=number".
static size_t print_option(char text[SCHEDULE_TEXT_MAX], size_t used, const char *key, double value)
{
    char number[NUMBER_TEXT_MAX];
    return used + (size_t)snprintf(text + used, SCHEDULE_TEXT_MAX - used, " %s=%s", key, number_text(value, number));
}

void schedule_describe(const schedule *s, char text[SCHEDULE_TEXT_MAX])
{
    size_t used = (size_t)snprintf(text, SCHEDULE_TEXT_MAX, "%s", NAMES[s->kind]);
    if (s->kind == SCHEDULE_PLATEAU)
        used += (size_t)snprintf(text + used, SCHEDULE_TEXT_MAX - used, " watch=%s", recorded_names[s->watch]);
    if (s->kind == SCHEDULE_STEP) used = print_option(text, used, "every", s->every);
    if (s->kind == SCHEDULE_STEP || s->kind == SCHEDULE_PLATEAU) used = print_option(text, used, "factor", s->factor);
    if (s->kind == SCHEDULE_PLATEAU) {
        used = print_option(text, used, "patience", s->patience);
        used = print_option(text, used, "min_delta", s->min_delta);
    }
    if (s->kind == SCHEDULE_COSINE || s->kind == SCHEDULE_PLATEAU) used = print_option(text, used, "min", s->least);
    if (s->kind == SCHEDULE_ONECYCLE)
        print_option(text, used, "max", s->greatest);
    else
        print_option(text, used, "warmup", s->warmup);
}

// ---------------------------------------------------------------------------------------------------------------------
// Plateau

plateau_state plateau_start(void)
{
    return (plateau_state){.best = NAN, .factor = 1};
}

// As Keras's ReduceLROnPlateau without cooldown.
void plateau_update(plateau_state *state, const schedule *s, const silma_epoch *record)
{
    if (s->kind != SCHEDULE_PLATEAU) return;
    double value = recorded_value(record, s->watch);
    if (recorded_improves(s->watch, value, state->best, s->min_delta)) {
        state->best = value;
        state->wait = 0;
        return;
    }
    state->wait++;
    if (state->wait < s->patience) return;
    state->factor *= s->factor;
    state->wait = 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// The rate

// From `from` at share 0 to `to` at share 1 along half a cosine.
static double half_cosine(double from, double to, double share)
{
    return to + (from - to) * 0.5 * (1 + cos(PI * share));
}

// Smith and Topin's "super-convergence", with the numbers and the rounding of PyTorch's OneCycleLR.
static double onecycle_rate(double peak, double step, double steps)
{
    double start = peak / 25;
    double end = start / 1e4;
    double rising = 0.3 * steps - 1;
    if (step <= rising) return half_cosine(start, peak, rising > 0 ? step / rising : 1);
    double falling = steps - 1 - rising;
    return half_cosine(peak, end, falling > 0 ? fmin((step - rising) / falling, 1) : 1);
}

// The schedule without its warmup.
static double scheduled_rate(const schedule *s, double base, double step, double steps_per_epoch, double epochs,
                             double plateau_factor)
{
    double warmup = s->warmup * steps_per_epoch;
    double steps = epochs * steps_per_epoch;
    switch (s->kind) {
    case SCHEDULE_STEP:
        return base * pow(s->factor, floor(step / steps_per_epoch / s->every));
    case SCHEDULE_COSINE:
        if (step <= warmup || steps <= warmup) return base;
        return half_cosine(base, s->least, fmin((step - warmup) / (steps - warmup), 1));
    case SCHEDULE_ONECYCLE:
        return onecycle_rate(s->greatest > 0 ? s->greatest : base, step, steps);
    case SCHEDULE_PLATEAU:
        return fmax(base * plateau_factor, fmin(base, s->least));
    case SCHEDULE_CONSTANT:
        break;
    }
    return base;
}

double schedule_rate(const schedule *s, double base_rate, uint64_t step, uint64_t steps_per_epoch, unsigned epochs,
                     const plateau_state *state)
{
    double rate =
        scheduled_rate(s, base_rate, (double)step, (double)steps_per_epoch, (double)epochs, state ? state->factor : 1);
    double warmup = s->warmup * (double)steps_per_epoch;
    double done = (double)step + 1;
    return done < warmup ? rate * done / warmup : rate;
}
