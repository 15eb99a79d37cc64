#include "train/settings.h"

#include "core/error.h"
#include "train/augment_setting.h"
#include "train/option.h"

#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 1000000, SETTING_TEXT_MAX = 512 };

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
        s->class_weight_list[s->class_weight_count++] = weight;
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
        end += strlen(number_text(s->class_weight_list[i], end));
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

static silma_status apply_augment(settings *s, words *line, silma_error *error)
{
    return augment_parse(&s->augment, line, error);
}

static json_t *augment_json(const settings *s)
{
    char text[AUGMENT_TEXT_MAX];
    augment_describe(&s->augment, text);
    return json_string(text);
}

static const char *const SAMPLERS[] = {"shuffle", "balanced"};
static const char *const NORMALIZATIONS[] = {"unit", "meanstd"};

static silma_status apply_sampler(settings *s, words *line, silma_error *error)
{
    size_t kind = 0;
    silma_status status = word_choose(line, "sampler", SAMPLERS, 2, &kind, error);
    s->sampler = (sampler_kind)kind;
    return status;
}

static json_t *sampler_json(const settings *s)
{
    return json_string(SAMPLERS[s->sampler]);
}

static silma_status apply_normalize(settings *s, words *line, silma_error *error)
{
    size_t kind = 0;
    silma_status status = word_choose(line, "normalization", NORMALIZATIONS, 2, &kind, error);
    s->normalize = (normalize_kind)kind;
    return status;
}

static json_t *normalize_json(const settings *s)
{
    return json_string(NORMALIZATIONS[s->normalize]);
}

static silma_status apply_tta(settings *s, words *line, silma_error *error)
{
    size_t kind = 0;
    silma_status status = word_choose(line, "test-time augmentation", LOOKS_NAMES, LOOKS_KINDS, &kind, error);
    s->tta = (looks)kind;
    return status;
}

static json_t *tta_json(const settings *s)
{
    return json_string(LOOKS_NAMES[s->tta]);
}

// ---------------------------------------------------------------------------------------------------------------------
// The table

typedef struct setting {
    const char *name;
    const char *synopsis;
    silma_status (*apply)(settings *s, words *line, silma_error *error);
    json_t *(*to_json)(const settings *s);
    bool fixed;  // must stay the same when a run is resumed
    bool commas; // words may be separated by commas as well
} setting;

static const setting SETTINGS[] = {
    {"epochs", "epochs COUNT", apply_epochs, epochs_json, false, false},
    {"batch", "batch IMAGES", apply_batch, batch_json, true, false},
    {"seed", "seed NUMBER", apply_seed, seed_json, true, false},
    {"val_split", "val_split SHARE, from 0 to 0.99", apply_val_split, val_split_json, true, false},
    {"lr", "lr RATE", apply_lr, lr_json, false, false}, // fixed all the same: the optimizer's text has it
    {"optimizer", OPTIMIZER_SYNOPSIS, apply_optimizer, optimizer_json, true, false},
    {"schedule", SCHEDULE_SYNOPSIS, apply_schedule, schedule_json, true, false},
    {"loss", LOSS_SYNOPSIS, apply_loss, loss_json, true, false},
    {"early_stop", EARLY_STOP_SYNOPSIS, apply_early_stop, early_stop_json, false, false},
    {"best", "best loss|accuracy|true_positives|val_loss|val_accuracy|val_true_positives", apply_best, best_json, true,
     false},
    {"clip_norm", "clip_norm NORM, or 0 for no clipping", apply_clip_norm, clip_norm_json, true, false},
    {"class_weights", "class_weights none|balanced|WEIGHT,WEIGHT,...", apply_class_weights, class_weights_json, true,
     false},
    {"augment", AUGMENT_SYNOPSIS, apply_augment, augment_json, true, true},
    {"sampler", "sampler shuffle|balanced", apply_sampler, sampler_json, true, false},
    {"normalize", "normalize unit|meanstd", apply_normalize, normalize_json, true, false},
    {"tta", "tta none|flip|shift", apply_tta, tta_json, true, false},
};
enum { SETTING_COUNT = sizeof SETTINGS / sizeof SETTINGS[0] };

const char *silma_setting_synopsis(size_t index)
{
    return index < SETTING_COUNT ? SETTINGS[index].synopsis : NULL;
}

// Outside a file a wrong setting is wrong usage.
static silma_status as_usage(silma_status status, silma_error *error)
{
    if (status != SILMA_BAD_FILE) return status;
    if (error) error->status = SILMA_USAGE;
    return SILMA_USAGE;
}

static silma_status unknown_setting(const char *name, const char *origin, int number, silma_error *error)
{
    words line = {.origin = origin ? origin : "settings", .line = number};
    const char *names[SETTING_COUNT];
    for (size_t i = 0; i < SETTING_COUNT; i++)
        names[i] = SETTINGS[i].name;
    const char *closest = silma_closest_word(name, names, SETTING_COUNT);
    if (closest) return words_fail(&line, error, "unknown setting '%s'; did you mean '%s'?", name, closest);
    line.synopsis = "epochs, batch, seed, val_split, lr, optimizer, schedule, loss, early_stop, best, clip_norm, "
                    "class_weights, augment, sampler, normalize or tta";
    return words_fail(&line, error, "unknown setting '%s'", name);
}

static silma_status apply_value(settings *s, const setting *named, const char *value, const char *origin, int number,
                                silma_error *error)
{
    char *text = strdup(value);
    if (!text) return silma_fail_memory(error, strlen(value) + 1);
    for (char *c = text; named->commas && *c; c++)
        if (*c == ',') *c = ' ';
    words line;
    settings changed = *s;
    silma_status status = words_split(&line, text, origin ? origin : named->name, number, error);
    line.synopsis = named->synopsis;
    if (status == SILMA_OK) status = named->apply(&changed, &line, error);
    if (status == SILMA_OK) status = words_finish(&line, error);
    free(text);

    double *unused = status == SILMA_OK ? s->class_weight_list : changed.class_weight_list;
    if (s->class_weight_list != changed.class_weight_list) free(unused);
    if (status == SILMA_OK) *s = changed;
    return status;
}

silma_status settings_apply(settings *s, const char *name, const char *value, const char *origin, int line,
                            silma_error *error)
{
    silma_status status = SILMA_OK;
    const setting *named = NULL;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strcmp(SETTINGS[i].name, name) == 0) named = &SETTINGS[i];
    if (named)
        status = apply_value(s, named, value, origin, origin ? line : 0, error);
    else
        status = unknown_setting(name, origin, origin ? line : 0, error);
    return origin ? status : as_usage(status, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// What depends on the network and the data

static silma_status check_watch(const settings *s, const char *setting_name, recorded watch, silma_error *error)
{
    if (s->val_split > 0 || !recorded_is_validation(watch)) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE,
                      "%s watches %s, but val_split is 0 and leaves no validation images; watch %s, or set val_split",
                      setting_name, recorded_names[watch], recorded_names[watch - RECORDED_VAL_LOSS]);
}

silma_status settings_resolve(settings *s, activation_kind head, size_t outputs, int class_count, silma_error *error)
{
    bool validates = s->val_split > 0;
    if (!s->loss_given) s->loss = loss_default(head, outputs);
    if (!s->best_given) s->best = validates ? RECORDED_VAL_ACCURACY : RECORDED_ACCURACY;
    if (!s->schedule.watch_given) s->schedule.watch = validates ? RECORDED_VAL_LOSS : RECORDED_LOSS;

    silma_status status = loss_check(&s->loss, head, outputs, class_count, error);
    if (status == SILMA_OK) status = check_watch(s, "best", s->best, error);
    if (status == SILMA_OK && s->early_stop.on) status = check_watch(s, "early_stop", s->early_stop.watch, error);
    if (status == SILMA_OK) status = check_watch(s, "schedule plateau", s->schedule.watch, error);
    if (status != SILMA_OK) return status;
    if (s->class_weights == CLASS_WEIGHTS_LIST && s->class_weight_count != (size_t)class_count)
        return silma_fail(error, SILMA_USAGE, "class_weights has %zu weights, but the data has %d classes",
                          s->class_weight_count, class_count);
    return SILMA_OK;
}

void settings_class_weights(const settings *s, const size_t *counts, int class_count, float *weights, bool *used)
{
    size_t images = 0;
    for (int i = 0; i < class_count; i++)
        images += counts[i];
    *used = s->class_weights != CLASS_WEIGHTS_NONE;
    for (int i = 0; i < class_count; i++) {
        weights[i] = 1;
        if (s->class_weights == CLASS_WEIGHTS_LIST) weights[i] = (float)s->class_weight_list[i];
        if (s->class_weights == CLASS_WEIGHTS_BALANCED && counts[i] > 0)
            weights[i] = (float)((double)images / ((double)class_count * (double)counts[i]));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON, and what a resumed run may change

json_t *settings_to_json(const settings *s)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < SETTING_COUNT; i++) {
        if (json_object_set_new(object, SETTINGS[i].name, SETTINGS[i].to_json(s)) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

// The value as a recipe's line has it. Null for anything that settings_to_json does not write.
static const char *json_as_text(const json_t *value, char number[NUMBER_TEXT_MAX])
{
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_real(value)) return number_text(json_real_value(value), number);
    if (!json_is_integer(value)) return NULL;
    snprintf(number, NUMBER_TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return number;
}

silma_status settings_from_json(settings *s, const json_t *object, const char *origin, silma_error *error)
{
    if (!json_is_object(object)) return silma_fail(error, SILMA_BAD_FILE, "%s: expected an object of settings", origin);
    const char *name;
    json_t *value;
    silma_status status = SILMA_OK;
    json_object_foreach((json_t *)object, name, value)
    {
        char number[NUMBER_TEXT_MAX];
        const char *text = json_as_text(value, number);
        if (!text) return silma_fail(error, SILMA_BAD_FILE, "%s: %s must be a number or a string", origin, name);
        status = settings_apply(s, name, text, origin, 0, error);
        if (status != SILMA_OK) return status;
    }
    return status;
}

// 15 digits: what a decimal number keeps on its way through a double and back.
enum { JSON_FLAGS = JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15) };

static char *value_text(const setting *named, const settings *s)
{
    json_t *value = named->to_json(s);
    char *text = value ? json_dumps(value, JSON_FLAGS) : NULL;
    json_decref(value);
    return text;
}

static silma_status check_same(const setting *named, const settings *stored, const settings *wanted, silma_error *error)
{
    char *before = value_text(named, stored);
    char *after = value_text(named, wanted);
    silma_status status = SILMA_OK;
    if (!before || !after)
        status = silma_fail_memory(error, SETTING_TEXT_MAX);
    else if (strcmp(before, after) != 0)
        status = silma_fail(error, SILMA_USAGE,
                            "%s: the run was started with %s and cannot continue with %s; only epochs and early_stop "
                            "may change on resume",
                            named->name, before, after);
    free(before);
    free(after);
    return status;
}

silma_status settings_check_resume(const settings *stored, const settings *wanted, silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < SETTING_COUNT && status == SILMA_OK; i++)
        if (SETTINGS[i].fixed) status = check_same(&SETTINGS[i], stored, wanted, error);
    return status;
}
