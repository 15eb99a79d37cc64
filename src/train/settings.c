#include "train/settings.h"

#include "core/error.h"
#include "train/option.h"

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 1000000, CLASS_WEIGHTS_MAX = 1 << 16 };

static const double VAL_SPLIT_MOST = 0.99;

void settings_default(settings *s)
{
    *s = (settings){
        .epochs = 10,
        .batch = 128,
        .val_split = 0.2,
        .optimizer = optimizer_default(OPTIMIZER_ADAM),
    };
}

void settings_free(settings *s)
{
    free(s->class_weight_list);
    s->class_weight_list = NULL;
    s->class_weight_count = 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// The settings, one by one: from words, and to JSON

static silma_status apply_epochs(settings *s, words *line, silma_error *error)
{
    int epochs = 0;
    silma_status status = words_int(line, "epochs", 1, COUNT_MAX, &epochs, error);
    s->epochs = (unsigned)epochs;
    return status;
}

static json_t *epochs_json(const settings *s)
{
    return json_integer((json_int_t)s->epochs);
}

static silma_status apply_batch(settings *s, words *line, silma_error *error)
{
    int batch = 0;
    silma_status status = words_int(line, "batch", 1, COUNT_MAX, &batch, error);
    s->batch = (size_t)batch;
    return status;
}

static json_t *batch_json(const settings *s)
{
    return json_integer((json_int_t)s->batch);
}

static silma_status apply_seed(settings *s, words *line, silma_error *error)
{
    const char *text = words_next(line);
    long long seed;
    if (!text || !parse_long(text, 0, LLONG_MAX, &seed))
        return words_fail(line, error, "seed must be a whole number from 0 to %lld, not '%s'", LLONG_MAX,
                          text ? text : "");
    s->seed = (uint64_t)seed;
    return SILMA_OK;
}

static json_t *seed_json(const settings *s)
{
    return json_integer((json_int_t)s->seed);
}

static silma_status next_number(words *line, const char *what, double most, double *value, silma_error *error)
{
    const char *text = words_next(line);
    return number_parse(line, what, text ? text : "", 0, most, value, error);
}

static silma_status apply_val_split(settings *s, words *line, silma_error *error)
{
    return next_number(line, "val_split", VAL_SPLIT_MOST, &s->val_split, error);
}

static json_t *val_split_json(const settings *s)
{
    return json_real(s->val_split);
}

static silma_status apply_lr(settings *s, words *line, silma_error *error)
{
    s->lr_given = true;
    silma_status status = next_number(line, "lr", FLT_MAX, &s->lr, error);
    s->optimizer.rate = s->lr;
    return status;
}

static json_t *lr_json(const settings *s)
{
    return json_real(s->optimizer.rate);
}

// A rate that the optimiser's line names itself is the latest word; otherwise an `lr` from before stays.
static silma_status apply_optimizer(settings *s, words *line, silma_error *error)
{
    silma_status status = optimizer_parse(&s->optimizer, line, error);
    if (status != SILMA_OK) return status;
    if (s->optimizer.rate_given)
        s->lr_given = false;
    else if (s->lr_given)
        s->optimizer.rate = s->lr;
    return SILMA_OK;
}

static json_t *optimizer_json(const settings *s)
{
    char text[OPTIMIZER_TEXT_MAX];
    optimizer_describe(&s->optimizer, text);
    return json_string(text);
}

static silma_status apply_schedule(settings *s, words *line, silma_error *error)
{
    return schedule_parse(&s->schedule, line, error);
}

static json_t *schedule_json(const settings *s)
{
    char text[SCHEDULE_TEXT_MAX];
    schedule_describe(&s->schedule, text);
    return json_string(text);
}

static silma_status apply_loss(settings *s, words *line, silma_error *error)
{
    s->loss_given = true;
    return loss_parse(&s->loss, line, error);
}

static json_t *loss_json(const settings *s)
{
    char text[LOSS_TEXT_MAX];
    loss_describe(&s->loss, text);
    return json_string(text);
}

static silma_status apply_early_stop(settings *s, words *line, silma_error *error)
{
    return early_stop_parse(&s->early_stop, line, error);
}

static json_t *early_stop_json(const settings *s)
{
    char text[EARLY_STOP_TEXT_MAX];
    early_stop_describe(&s->early_stop, text);
    return json_string(text);
}

static silma_status apply_best(settings *s, words *line, silma_error *error)
{
    size_t watch = 0;
    silma_status status = word_choose(line, "value to watch", recorded_names, RECORDED_COUNT, &watch, error);
    s->best = (recorded)watch;
    s->best_given = true;
    return status;
}

static json_t *best_json(const settings *s)
{
    return json_string(recorded_names[s->best]);
}

static silma_status apply_clip_norm(settings *s, words *line, silma_error *error)
{
    return next_number(line, "clip_norm", FLT_MAX, &s->clip_norm, error);
}

static json_t *clip_norm_json(const settings *s)
{
    return json_real(s->clip_norm);
}

// "1,2,0.5" into a new list.
static silma_status parse_weights(settings *s, const words *line, const char *text, silma_error *error)
{
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == ',';
    s->class_weight_list = calloc(count, sizeof *s->class_weight_list);
    if (!s->class_weight_list) return silma_fail_memory(error, count * sizeof *s->class_weight_list);
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(text, ",");
        char number[NUMBER_TEXT_MAX];
        double weight;
        snprintf(number, sizeof number, "%.*s", (int)(length < sizeof number ? length : 0), text);
        silma_status status = number_parse(line, "each class weight", number, 0, FLT_MAX, &weight, error);
        if (status != SILMA_OK) return status;
        s->class_weight_list[s->class_weight_count++] = (float)weight;
        text += length + 1;
    }
    s->class_weights = CLASS_WEIGHTS_LIST;
    return SILMA_OK;
}

// Leaves the list that was there to settings_apply.
static silma_status apply_class_weights(settings *s, words *line, silma_error *error)
{
    const char *word = words_next(line);
    if (!word) return words_fail(line, error, "the weights are missing");
    s->class_weights = CLASS_WEIGHTS_NONE;
    s->class_weight_list = NULL;
    s->class_weight_count = 0;
    if (strcmp(word, "none") == 0) return SILMA_OK;
    if (strcmp(word, "balanced") != 0) return parse_weights(s, line, word, error);
    s->class_weights = CLASS_WEIGHTS_BALANCED;
    return SILMA_OK;
}

static json_t *class_weight_list_json(const settings *s)
{
    char *text = calloc(s->class_weight_count, NUMBER_TEXT_MAX);
    if (!text) return NULL;
    char *end = text;
    for (size_t i = 0; i < s->class_weight_count; i++) {
        if (i > 0) *end++ = ',';
        end += strlen(number_text_rounded((double)s->class_weight_list[i], FLT_DECIMAL_DIG, end));
    }
    json_t *json = json_string(text);
    free(text);
    return json;
}

static json_t *class_weights_json(const settings *s)
{
    if (s->class_weights == CLASS_WEIGHTS_LIST) return class_weight_list_json(s);
    return json_string(s->class_weights == CLASS_WEIGHTS_BALANCED ? "balanced" : "none");
}

// ---------------------------------------------------------------------------------------------------------------------
// The table

typedef struct setting {
    const char *name;
    const char *synopsis;
    silma_status (*apply)(settings *s, words *line, silma_error *error);
    json_t *(*to_json)(const settings *s);
    bool may_change; // on resume
} setting;

static const setting SETTINGS[] = {
    {"epochs", "epochs COUNT", apply_epochs, epochs_json, true},
    {"batch", "batch IMAGES", apply_batch, batch_json, false},
    {"seed", "seed NUMBER", apply_seed, seed_json, false},
    {"val_split", "val_split SHARE, from 0 to 0.99", apply_val_split, val_split_json, false},
    {"lr", "lr RATE", apply_lr, lr_json, false},
    {"optimizer", OPTIMIZER_SYNOPSIS, apply_optimizer, optimizer_json, false},
    {"schedule", SCHEDULE_SYNOPSIS, apply_schedule, schedule_json, false},
    {"loss", LOSS_SYNOPSIS, apply_loss, loss_json, false},
    {"early_stop", EARLY_STOP_SYNOPSIS, apply_early_stop, early_stop_json, true},
    {"best", "best loss|accuracy|true_positives|val_loss|val_accuracy|val_true_positives", apply_best, best_json, false},
    {"clip_norm", "clip_norm NORM, or 0 for no clipping", apply_clip_norm, clip_norm_json, false},
    {"class_weights", "class_weights none|balanced|WEIGHT,WEIGHT,...", apply_class_weights, class_weights_json, false},
};
enum { SETTING_COUNT = sizeof SETTINGS / sizeof SETTINGS[0] };

static silma_status fail_unknown(const char *name, const char *place, silma_error *error)
{
    const char *names[SETTING_COUNT];
    for (size_t i = 0; i < SETTING_COUNT; i++)
        names[i] = SETTINGS[i].name;
    const char *closest = silma_closest_word(name, names, SETTING_COUNT);
    if (closest)
        return silma_fail(error, SILMA_BAD_FILE, "%sunknown setting '%s'; did you mean '%s'?", place, name, closest);
    return silma_fail(error, SILMA_BAD_FILE,
                      "%sunknown setting '%s'; expected epochs, batch, seed, val_split, lr, optimizer, schedule, loss, "
                      "early_stop, best, clip_norm or class_weights",
                      place, name);
}
