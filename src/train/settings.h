// All settings of a training run: the lines under `train:` of a .silma text, the command's flags, and the pairs of
// silma_settings_set pass through one table of names.
//
//     settings s;
//     settings_default(&s);
//     for each recipe line: settings_apply(&s, line.name, line.value, graph->origin, line.line, error)
//     settings_apply_list(&s, user's settings, error)
//     settings_resolve(&s, head, outputs, class_count, error)
//     ... settings_free(&s)
#ifndef SILMA_TRAIN_SETTINGS_H
#define SILMA_TRAIN_SETTINGS_H

#include "core/private.h"
#include "data/augment.h"
#include "nn/looks.h"
#include "train/early_stop.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#include <jansson.h>

typedef enum class_weights_kind {
    CLASS_WEIGHTS_NONE = 0,
    CLASS_WEIGHTS_BALANCED, // images / (classes x images of the class)
    CLASS_WEIGHTS_LIST,
} class_weights_kind;

typedef enum sampler_kind {
    SAMPLER_SHUFFLE = 0, // every training image once an epoch
    SAMPLER_BALANCED,    // every class equally often
} sampler_kind;

typedef enum normalize_kind {
    NORMALIZE_UNIT = 0, // pixels / 255
    NORMALIZE_MEANSTD,  // each channel's mean over the training images becomes 0, its deviation 1
} normalize_kind;

typedef struct settings {
    unsigned epochs;
    size_t batch;
    uint64_t seed;
    double val_split;    // share of the training images kept for validation, 0 to below 1
    optimizer optimizer; // optimizer.rate is the base rate, `lr` included
    bool lr_given;       // `lr` was set: it holds for an optimiser that names no rate itself
    double lr;
    schedule schedule;
    loss_function loss;
    bool loss_given; // otherwise settings_resolve chooses
    early_stop early_stop;
    recorded best;    // decides which weights are kept as best
    bool best_given;  // otherwise settings_resolve chooses
    double clip_norm; // 0: off
    class_weights_kind class_weights;
    double *class_weight_list; // (class_weight_count), for CLASS_WEIGHTS_LIST
    size_t class_weight_count;
    augmentation augment;
    sampler_kind sampler;
    normalize_kind normalize;
    looks tta;
} settings;

void settings_default(settings *s) SILMA_PRIVATE_API(settings_default);
void settings_free(settings *s) SILMA_PRIVATE_API(settings_free); // what it holds, not s itself

// Sets `name` to `value` as on a recipe's line. Messages begin with "origin:line: ". Where `origin` is null (a flag, a
// pair of silma_settings_set) they begin with the name and the status is SILMA_USAGE. A wrong value changes nothing.
silma_status settings_apply(settings *s, const char *name, const char *value, const char *origin, int line,
                            silma_error *error) SILMA_PRIVATE_API(settings_apply);

// Applies the pairs of the public list in their order; `list` may be null.
silma_status settings_apply_list(settings *s, const silma_settings *list, silma_error *error)
    SILMA_PRIVATE_API(settings_apply_list);

// Chooses what depends on the network and the data (loss, best, the value that plateau watches), and checks that the
// settings go together: the loss with the head and the classes, watched values with val_split, the number of weights.
silma_status settings_resolve(settings *s, activation_kind head, size_t outputs, int class_count, silma_error *error)
    SILMA_PRIVATE_API(settings_resolve);

// Weights (class_count) for the loss; counts (class_count) are the training images of each class. Where there are none
// (CLASS_WEIGHTS_NONE) they are all 1 and *used is false.
void settings_class_weights(const settings *s, const size_t *counts, int class_count, float *weights, bool *used);

// Every setting as one JSON object, in the order of the table, with canonical texts: settings_from_json of it gives the
// same settings. Null if memory is short; the caller owns the reference. Dump it with JSON_REAL_PRECISION(15): 0.2, not
// 0.20000000000000001.
json_t *settings_to_json(const settings *s);
// Applies every member of the object; messages begin with `origin` and the name.
silma_status settings_from_json(settings *s, const json_t *object, const char *origin, silma_error *error)
    SILMA_PRIVATE_API(settings_from_json);

// epochs and early_stop may change when a run is resumed; everything else decides the run's bits. SILMA_USAGE naming
// the first setting that differs although it must not.
silma_status settings_check_resume(const settings *stored, const settings *wanted, silma_error *error);

#endif
