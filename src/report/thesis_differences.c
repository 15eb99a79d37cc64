// Why an outcome differs from the thesis's: what the data says, in sentences.
#include "report/conclusions.h"
#include "report/thesis_inside.h"

#include <math.h>

static void begin(text_buffer *out)
{
    buffer_add(out, "<li>");
}

static void end(text_buffer *out)
{
    buffer_add(out, "</li>\n");
}

static void say_shortened(text_buffer *out, const thesis_outcome *outcome)
{
    const run_facts *facts = &outcome->facts;
    if (!outcome->shortened) return;
    begin(out);
    buffer_print(out,
                 "The run was shortened: at most %u epochs rather than %d, on %s images rather than the whole training "
                 "set, or with batches of another size than %d. A full run takes its place: <code>silma thesis</code>.",
                 facts->epochs_wanted, outcome->says->base.epochs,
                 count_text(facts->train_images + facts->validation_images).text, outcome->says->base.batch);
    end(out);
}

static void say_end(text_buffer *out, const thesis_outcome *outcome)
{
    const run_facts *facts = &outcome->facts;
    size_t count = facts->history.count;
    begin(out);
    if (facts->unfinished)
        buffer_print(out, "The run is not finished: it stands after %zu of at most %u epochs.", count,
                     facts->epochs_wanted);
    else if (facts->stopped_early)
        buffer_print(out,
                     "Training ended after %zu epochs, since the training loss had not fallen for %d epochs (early "
                     "stopping).",
                     count, outcome->says->patience);
    else
        buffer_print(out, "Training used all its %zu epochs: the training loss was still falling now and then.", count);
    if (outcome->says->epochs_drawn > 0)
        buffer_print(out,
                     " The thesis’s curves end near epoch %d; when the training loss first pauses for so long is a "
                     "matter of chance.",
                     outcome->says->epochs_drawn);
    end(out);
}

static void say_weights(text_buffer *out, const thesis_outcome *outcome)
{
    const run_facts *facts = &outcome->facts;
    if (!outcome->has_evaluation || facts->best_epoch == 0) return;
    begin(out);
    buffer_print(
        out,
        "The figures show the network as training left it, after epoch %zu, as Keras does: %s of the validation "
        "images are right",
        facts->history.count, share_text(outcome->evaluation.accuracy).text);
    if (!isnan(thesis_accuracy(outcome->says)))
        buffer_print(out, "; in the thesis’s matrix %s", thesis_accuracy_text(outcome->says).text);
    buffer_print(out, ". Silma also keeps the weights of the best epoch (%u): %s.", facts->best_epoch,
                 share_text(facts->history.epochs[facts->best_epoch - 1].val_accuracy).text);
    end(out);
}

static void say_overfitting(text_buffer *out, const thesis_outcome *outcome)
{
    const history *h = &outcome->facts.history;
    unsigned since = overfit_since(h);
    begin(out);
    if (since == 0) {
        buffer_add(out, "The validation loss does not rise for good: the network does not overfit in these epochs.");
    } else {
        const silma_epoch *then = &h->epochs[since - 1], *now = &h->epochs[h->count - 1];
        buffer_print(
            out,
            "The validation loss rises since epoch %u, from %s to %s, while the training loss falls from %s to "
            "%s: the network overfits.",
            since, fixed_text(then->val_loss, 3).text, fixed_text(now->val_loss, 3).text,
            fixed_text(then->loss, 3).text, fixed_text(now->loss, 3).text);
    }
    end(out);
}

// How much the last epochs differ among themselves, by which single values of the thesis may differ too.
static void say_wandering(text_buffer *out, const thesis_outcome *outcome)
{
    enum { LAST = 10 };
    const history *h = &outcome->facts.history;
    double low = INFINITY, high = -INFINITY;
    if (h->count < 2 * LAST) return;
    for (size_t i = h->count - LAST; i < h->count; i++) {
        low = fmin(low, h->epochs[i].val_accuracy);
        high = fmax(high, h->epochs[i].val_accuracy);
    }
    begin(out);
    buffer_print(
        out,
        "From epoch to epoch the validation accuracy wanders: between %s and %s in the last %d. At which of them "
        "training stops decides the matrix, and single classes move more than their mean.",
        share_text(low).text, share_text(high).text, LAST);
    end(out);
}

// The first epochs of a network with batch normalisation.
static void say_moving_averages(text_buffer *out, const thesis_outcome *outcome)
{
    static const double MUCH = 0.2;
    const silma_epoch *first = &outcome->facts.history.epochs[0];
    const json_t *batch = json_object_get(outcome->facts.settings, "batch");
    bool normalised = thesis_table_of(outcome->says->table)->non_trainable > 0;
    if (!normalised || !json_is_integer(batch) || json_integer_value(batch) < 1) return;
    if (!(first->accuracy - first->val_accuracy > MUCH)) return;
    size_t size = (size_t)json_integer_value(batch), steps = (outcome->facts.train_images + size - 1) / size;
    begin(out);
    buffer_print(
        out,
        "The validation curves begin badly (%s right after the first epoch, while %s of the training images "
        "are): training normalises by each batch, validation by moving averages, which with Keras’s momentum of "
        "0.99 follow within some hundred steps, and an epoch has %zu.",
        share_text(first->val_accuracy).text, share_text(first->accuracy).text, steps);
    end(out);
}

// The class other than its own for which images of `class` are taken most often.
static int most_taken_for(const size_t *row, int class)
{
    int most = class == 0 ? 1 : 0;
    for (int i = 0; i < THESIS_CLASSES; i++)
        if (i != class && row[i] > row[most]) most = i;
    return most;
}

static void say_class(text_buffer *out, const thesis_outcome *outcome, int class, double percent)
{
    char number[CLASS_NUMBER_SIZE], other_number[CLASS_NUMBER_SIZE];
    const size_t *row = outcome->evaluation.confusion + (size_t) class * THESIS_CLASSES;
    size_t images = outcome->evaluation.classes[class].support;
    int other = most_taken_for(row, class);
    buffer_escape(out, run_facts_class(&outcome->facts, class, number));
    buffer_print(out, ": %s %% here, %.0f %% there; %s of its images are taken for ", fixed_text(percent, 1).text,
                 outcome->says->diagonal[class], share_text((double)row[other] / (double)images).text);
    buffer_escape(out, run_facts_class(&outcome->facts, other, other_number));
    buffer_add(out, ".");
}

static void say_classes(text_buffer *out, const thesis_outcome *outcome)
{
    size_t beyond = 0;
    if (!outcome_has_classes(outcome) || outcome->shortened) return;
    for (int i = 0; i < THESIS_CLASSES; i++) {
        double percent = class_percent(outcome->evaluation.confusion, i);
        if (outcome->says->diagonal_text[i]) continue; // the thesis's value is not certain
        if (!beyond_chance(percent, outcome->says->diagonal[i], outcome->evaluation.classes[i].support)) continue;
        if (beyond++ == 0) {
            begin(out);
            buffer_add(out, "Classes that differ from the thesis by more than two random validation sets would:");
        }
        buffer_add(out, " ");
        say_class(out, outcome, i, percent);
    }
    if (beyond == 0) {
        begin(out);
        buffer_add(out, "No class differs by more than two random validation sets of this size would.");
    } else {
        buffer_add(out,
                   " Between classes that look alike the border moves from epoch to epoch: what the one loses, the "
                   "other wins.");
    }
    end(out);
}

static const char CHANCE[] = "The split into training and validation images, the first weights and the order of the "
                             "images come from other random "
                             "numbers than the thesis’s: runs agree in distribution, not number by number.";

void differences_add(text_buffer *out, const thesis_outcome *outcome)
{
    buffer_add(out, "<h3>Where it differs from the thesis, and why</h3>\n<ul>\n");
    say_shortened(out, outcome);
    say_end(out, outcome);
    if (!isnan(outcome->facts.history.epochs[0].val_loss)) {
        say_weights(out, outcome);
        say_overfitting(out, outcome);
        say_moving_averages(out, outcome);
        say_classes(out, outcome);
        say_wandering(out, outcome);
    }
    buffer_print(out, "<li>%s</li>\n</ul>\n", CHANCE);
}
