#include "report/conclusions.h"

#include "core/utf8.h"
#include "report/words.h"
#include "train/recorded.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(conclusions *drawn, conclusion_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(conclusions *drawn, conclusion_kind kind, const char *format, ...)
{
    if (drawn->count == CONCLUSIONS_MAX) return;
    conclusion *next = &drawn->list[drawn->count++];
    next->kind = kind;
    va_list values;
    va_start(values, format);
    vsnprintf(next->text, sizeof next->text, format, values);
    va_end(values);
}

static shown_name class_shown(const run_facts *facts, int index)
{
    char number[CLASS_NUMBER_SIZE];
    return utf8_show(run_facts_class(facts, index, number));
}

static const char *images_scored(const run_facts *facts)
{
    return facts->scored_training ? "training images" : "validation images";
}

static const silma_epoch *last_epoch(const run_facts *facts)
{
    return facts->history.count ? &facts->history.epochs[facts->history.count - 1] : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// How good it is

static void say_result(const run_facts *facts, conclusions *drawn)
{
    const scores *s = &facts->scores;
    if (facts->scored)
        say(drawn, CONCLUSION_RESULT, "%s of %s %s are recognised (95\u00a0%% interval: %s to %s).",
            share_text(s->accuracy.value).text, count_text(s->count).text, images_scored(facts),
            share_text(s->accuracy.low).text, share_text(s->accuracy.high).text);
    else if (last_epoch(facts))
        say(drawn, CONCLUSION_RESULT, "At the end %s of the training images were recognised.",
            share_text(last_epoch(facts)->accuracy).text);
    if (facts->scored_training)
        say(drawn, CONCLUSION_CAUTION,
            "The run kept no images for validation: all that follows is measured on training images, and new images "
            "will be recognised less often.");
    if (!facts->dataset)
        say(drawn, CONCLUSION_CAUTION, "Everything that needs the images is missing: %s.", facts->data_problem);
    else if (!facts->model)
        say(drawn, CONCLUSION_CAUTION, "Everything that needs the model is missing: the folder holds no model yet.");
}

// What always naming the largest class gets right.
static double guess_of(const scores *s)
{
    size_t most = 0;
    for (int c = 0; c < s->class_count; c++)
        if (s->classes[c].support > most) most = s->classes[c].support;
    return (double)most / (double)s->count;
}

static bool is_guessing(const run_facts *facts)
{
    return facts->scores.accuracy.low <= guess_of(&facts->scores);
}

static void say_guessing(const run_facts *facts, conclusions *drawn)
{
    if (is_guessing(facts))
        say(drawn, CONCLUSION_CAUTION,
            "That is no better than guessing: always naming the largest class is right in %s of cases.",
            share_text(guess_of(&facts->scores)).text);
}

// The class that nearly every image is taken for, though many are not of it; -1: there is none.
static int only_answer(const scores *s)
{
    static const double NEARLY_ALL = 0.95, MANY = 0.1;
    for (int c = 0; c < s->class_count; c++) {
        double taken = (double)s->classes[c].predicted / (double)s->count;
        double are = (double)s->classes[c].support / (double)s->count;
        if (taken >= NEARLY_ALL && are < taken - MANY) return c;
    }
    return -1;
}

// ---------------------------------------------------------------------------------------------------------------------
// How training went

// The value that early stopping watches is the first word of its rule: "val_loss patience=3 min_delta=0".
static void say_early_end(const run_facts *facts, conclusions *drawn, unsigned epochs)
{
    const char *rule = json_string_value(json_object_get(facts->settings, "early_stop"));
    if (!rule) rule = "value";
    say(drawn, CONCLUSION_NOTE,
        "Training stopped early, after %u of at most %u epochs, since its %.*s no longer improved.", epochs,
        facts->epochs_wanted, (int)strcspn(rule, " "), rule);
}

static void say_ending(const run_facts *facts, conclusions *drawn)
{
    unsigned epochs = (unsigned)facts->history.count;
    if (epochs == 0)
        say(drawn, CONCLUSION_CAUTION, "No epoch is finished yet.");
    else if (facts->unfinished)
        say(drawn, CONCLUSION_CAUTION, "Training was not brought to its end: %u of %u epochs are done.", epochs,
            facts->epochs_wanted);
    else if (facts->stopped_early)
        say_early_end(facts, drawn, epochs);
}

static double least_loss(const history *h, size_t first, recorded loss, size_t *where)
{
    double least = NAN;
    for (size_t i = first; i < h->count; i++) {
        double value = recorded_value(&h->epochs[i], loss);
        if (!isnan(least) && !(value < least)) continue;
        least = value;
        *where = i;
    }
    return least;
}

// The last three epochs' least value stands for the end, so that one bad epoch is not taken for a trend.
unsigned overfit_since(const history *h)
{
    enum { END = 3 };
    static const double RISE = 1.03;
    if (h->count < 2 + END) return 0;
    size_t best = 0, ignored;
    double least = least_loss(h, 0, RECORDED_VAL_LOSS, &best);
    double end = least_loss(h, h->count - END, RECORDED_VAL_LOSS, &ignored);
    double training_end = least_loss(h, h->count - END, RECORDED_LOSS, &ignored);
    bool rises = best + END < h->count && end > RISE * least;
    bool falls = training_end < h->epochs[best].loss;
    return rises && falls ? h->epochs[best].epoch : 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Batch normalisation's moving averages

// The greatest momentum of the network's batch normalisations; 0: it has none.
static double slowest_momentum(const silma_network *network)
{
    static const double DEFAULT = 0.99;
    static const char KEY[] = "momentum=";
    double slowest = 0;
    for (size_t i = 0; i < silma_network_layer_count(network); i++) {
        silma_layer_info info;
        silma_network_layer(network, i, &info);
        if (strcmp(info.type, "batchnorm") != 0) continue;
        const char *given = strstr(info.description, KEY);
        slowest = fmax(slowest, given ? strtod(given + sizeof KEY - 1, NULL) : DEFAULT);
    }
    return slowest;
}

static size_t steps_until(const run_facts *facts, unsigned epoch)
{
    json_int_t batch = json_integer_value(json_object_get(facts->settings, "batch"));
    return batch > 0 ? (size_t)epoch * ((facts->train_images + (size_t)batch - 1) / (size_t)batch) : 0;
}

// Training normalises by each batch, validation by moving averages: after few steps these still hold much of what they
// began with, and validation fails although training went well. Returns whether it said so.
static bool say_warming_up(const run_facts *facts, const silma_epoch *shown, conclusions *drawn)
{
    static const double GAP = 0.05, MUCH = 0.02;
    double momentum = slowest_momentum(facts->network);
    size_t steps = steps_until(facts, shown->epoch);
    double left = pow(momentum, (double)steps);
    if (!(momentum > 0) || steps == 0 || !(left > MUCH)) return false;
    bool fails = shown->accuracy - shown->val_accuracy > GAP || (facts->scored && is_guessing(facts));
    if (!fails || facts->scored_training) return false;
    say(drawn, CONCLUSION_CAUTION,
        "The validation figures say little yet: after %s step%s (epoch %u) the moving averages that batch "
        "normalisation "
        "uses in validation still consist to %s of their starting values. More epochs, or smaller batches, will tell.",
        count_text(steps).text, steps == 1 ? "" : "s", shown->epoch, share_text(left).text);
    return true;
}

// ---------------------------------------------------------------------------------------------------------------------

static void say_overfitting(const run_facts *facts, conclusions *drawn)
{
    const history *h = &facts->history;
    unsigned since = overfit_since(h);
    if (since > 0) {
        const silma_epoch *then = &h->epochs[since - 1], *now = last_epoch(facts);
        say(drawn, CONCLUSION_CAUTION,
            "It overfits since epoch %u: the validation loss rose from %s to %s while the training loss fell from "
            "%s to %s.",
            since, value_text(then->val_loss).text, value_text(now->val_loss).text, value_text(then->loss).text,
            value_text(now->loss).text);
    }
    const silma_epoch *best = facts->best_epoch ? &h->epochs[facts->best_epoch - 1] : last_epoch(facts);
    if (!best || say_warming_up(facts, best, drawn)) return;
    if (best->accuracy - best->val_accuracy > 0.05)
        say(drawn, CONCLUSION_NOTE,
            "Training images are recognised more often than new ones (%s and %s in epoch %u): dropout, weight "
            "decay, augmentation or more images may narrow the gap.",
            share_text(best->accuracy).text, share_text(best->val_accuracy).text, best->epoch);
}

// The loss (of validation, where there is one) was least in the very last epoch.
static void say_improving(const run_facts *facts, conclusions *drawn)
{
    const history *h = &facts->history;
    if (h->count < 3 || facts->stopped_early) return;
    size_t where = 0, ignored;
    bool validation = !isnan(last_epoch(facts)->val_loss);
    recorded loss = validation ? RECORDED_VAL_LOSS : RECORDED_LOSS;
    double least = least_loss(h, 0, loss, &where);
    double before = NAN;
    history earlier = {.count = h->count - 1, .epochs = h->epochs};
    if (where == h->count - 1) before = least_loss(&earlier, 0, loss, &ignored);
    if (before - least > 0.005 * before)
        say(drawn, CONCLUSION_NOTE, "The %sloss still fell in the last epoch: more epochs may help.",
            validation ? "validation " : "");
}

static void say_speed(const run_facts *facts, conclusions *drawn)
{
    double images = 0, waited = 0;
    for (size_t i = 0; i < facts->history.count; i++) {
        const silma_epoch *epoch = &facts->history.epochs[i];
        images += epoch->images_per_second;
        waited += epoch->data_wait;
    }
    double epochs = (double)facts->history.count;
    if (!(images > 0)) return;
    say(drawn, CONCLUSION_NOTE, "%zu epoch%s took %s, at %s images a second%s.", facts->history.count,
        facts->history.count == 1 ? "" : "s", duration_text(facts->seconds).text,
        count_text((size_t)(images / epochs + 0.5)).text,
        waited / epochs > 0.2 ? "; a fifth of the time and more it waited for data" : "");
}

// ---------------------------------------------------------------------------------------------------------------------
// Classes

static void say_classes(const run_facts *facts, conclusions *drawn)
{
    const scores *s = &facts->scores;
    int only = only_answer(s);
    if (only >= 0) {
        say(drawn, CONCLUSION_CAUTION, "%s images are taken for “%s”: the network does not tell the classes apart.",
            s->classes[only].predicted == s->count ? "All" : "Nearly all", class_shown(facts, only).text);
        return;
    }
    if (s->pair_count > 0) {
        static const size_t FEW = 50;
        const confused_pair *pair = &s->pairs[0];
        size_t support = s->classes[pair->truth].support;
        char of[64] = ""; // a share of few images is better told by the images
        if (support < FEW) snprintf(of, sizeof of, " (%zu of %zu)", pair->count, support);
        say(drawn, CONCLUSION_NOTE, "“%s” is taken for “%s” in %s of cases%s: the most frequent mistake.",
            class_shown(facts, pair->truth).text, class_shown(facts, pair->taken_for).text,
            share_text(pair->share).text, of);
    }
    int worst = -1, never = 0;
    for (int c = 0; c < s->class_count; c++) {
        if (s->classes[c].support == 0) continue;
        never += s->classes[c].hits == 0;
        if (worst < 0 || s->classes[c].recall.value < s->classes[worst].recall.value) worst = c;
    }
    if (never > 1)
        say(drawn, CONCLUSION_CAUTION, "%d of %d classes are never recognised, “%s” among them.", never, s->class_count,
            class_shown(facts, worst).text);
    else if (worst >= 0 && s->class_count > 2)
        say(drawn, s->classes[worst].recall.value < 0.5 ? CONCLUSION_CAUTION : CONCLUSION_NOTE,
            "“%s” is recognised least often: %s of its %s images.", class_shown(facts, worst).text,
            share_text(s->classes[worst].recall.value).text, count_text(s->classes[worst].support).text);
}

static void say_balance(const run_facts *facts, conclusions *drawn)
{
    static const double UNEVEN = 3;
    if (!facts->train_counts || facts->class_count < 2) return;
    int least = 0, most = 0;
    for (int c = 1; c < facts->class_count; c++) {
        if (facts->train_counts[c] < facts->train_counts[least]) least = c;
        if (facts->train_counts[c] > facts->train_counts[most]) most = c;
    }
    size_t fewest = facts->train_counts[least], greatest = facts->train_counts[most];
    if ((double)greatest < UNEVEN * (double)fewest) return;
    say(drawn, CONCLUSION_CAUTION,
        "The classes are uneven: %s training images of “%s”, %s of “%s”; class_weights balanced makes up for it.",
        count_text(greatest).text, class_shown(facts, most).text, count_text(fewest).text,
        class_shown(facts, least).text);
}

// ---------------------------------------------------------------------------------------------------------------------
// Probabilities

static void say_selective(const run_facts *facts, conclusions *drawn)
{
    const scores *s = &facts->scores;
    for (size_t t = 0; t < SELECTIVE_COUNT; t++) {
        const selective *chosen = &s->selective[t];
        if (chosen->threshold != 0.9 || chosen->count == 0) continue;
        say(drawn, chosen->accuracy.value < 0.9 ? CONCLUSION_CAUTION : CONCLUSION_GOOD,
            "Predictions above 0.9 are right %s of the time; %s %% of the images get one.",
            share_text(chosen->accuracy.value).text,
            fixed_text(100 * (double)chosen->count / (double)s->count, 0).text);
    }
}

static void say_calibration(const run_facts *facts, conclusions *drawn)
{
    static const double OFF = 0.03;
    const scores *s = &facts->scores;
    double excess = s->mean_confidence - s->accuracy.value;
    if (facts->model->g->head == ACTIVATION_LINEAR) return;
    if (s->calibration_error < OFF && is_guessing(facts)) return; // true, and no praise
    if (s->calibration_error < OFF)
        say(drawn, CONCLUSION_GOOD,
            "Its probabilities can be taken at their word: on average they are %s points off the share that is right.",
            fixed_text(100 * s->calibration_error, 1).text);
    else
        say(drawn, CONCLUSION_CAUTION,
            "Its probabilities are too %s: %s on average, where %s are right (expected calibration error %s points).",
            excess > 0 ? "high" : "low", share_text(s->mean_confidence).text, share_text(s->accuracy.value).text,
            fixed_text(100 * s->calibration_error, 1).text);
}

// The best of several epochs on the same images is a little lucky.
static void say_chosen(const run_facts *facts, conclusions *drawn)
{
    if (facts->scored_training || facts->history.count < 2 || facts->best_epoch == 0) return;
    if (strncmp(facts->best_by, "val_", 4) != 0) return;
    say(drawn, CONCLUSION_NOTE,
        "The best epoch was chosen by these same images, which flatters a little: images kept for the test have the "
        "last word (silma eval --split test).");
}

void conclusions_draw(const run_facts *facts, conclusions *drawn)
{
    *drawn = (conclusions){0};
    say_result(facts, drawn);
    if (facts->scored) say_guessing(facts, drawn);
    say_ending(facts, drawn);
    if (facts->history.count > 0) say_overfitting(facts, drawn);
    if (facts->scored) say_classes(facts, drawn);
    if (facts->scored) say_selective(facts, drawn);
    if (facts->scored) say_calibration(facts, drawn);
    say_balance(facts, drawn);
    if (facts->history.count > 0) say_improving(facts, drawn);
    if (facts->scored) say_chosen(facts, drawn);
    say_speed(facts, drawn);
}
