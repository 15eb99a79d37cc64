// What the thesis's text says of its curves and matrices, beside what was measured here.
#include "report/thesis_inside.h"
#include "train/recorded.h"

#include <math.h>
#include <stdio.h>

// A curve is flat where it is within this share of its lowest value; "around ten epochs" is at most twice as many.
static const double FLAT = 0.05, AROUND = 2, REMAINS = 0.9;
// What is missed by no more than this is "nearly": a share, per cent of a class, classes.
static const double NEAR_SHARE = 0.01, NEAR_PERCENT = 1;
enum { NEAR_CLASSES = 1 };

typedef struct verdict {
    bool known, agrees, nearly;
    char text[320];
} verdict;

// The epoch (its place) where the value is lowest, with sign -1 highest; h->count > 0.
static size_t extreme(const history *h, recorded value, double sign)
{
    size_t best = 0;
    for (size_t i = 1; i < h->count; i++)
        if (sign * recorded_value(&h->epochs[i], value) < sign * recorded_value(&h->epochs[best], value)) best = i;
    return best;
}

static void judge_flat(const history *h, double wanted, verdict *v)
{
    size_t lowest = extreme(h, RECORDED_VAL_LOSS, 1), flat = 0;
    double least = h->epochs[lowest].val_loss;
    while (h->epochs[flat].val_loss > least * (1 + FLAT))
        flat++;
    v->known = (double)h->count > wanted;
    v->agrees = (double)(flat + 1) <= AROUND * wanted;
    snprintf(v->text, sizeof v->text, "within %.0f %% of its lowest from epoch %u on; lowest at epoch %u (%s)",
             100 * FLAT, h->epochs[flat].epoch, h->epochs[lowest].epoch, fixed_text(least, 3).text);
}

static void judge_rise(const history *h, double wanted, verdict *v)
{
    size_t at = (size_t)wanted;
    if (h->count <= at) {
        snprintf(v->text, sizeof v->text, "training ended after %zu epochs", h->count);
        return;
    }
    const silma_epoch *then = &h->epochs[at - 1], *end = &h->epochs[h->count - 1];
    v->known = true;
    v->agrees = end->val_loss > then->val_loss * (1 + FLAT);
    snprintf(v->text, sizeof v->text, "%s at epoch %u, %s at epoch %u", fixed_text(then->val_loss, 3).text, then->epoch,
             fixed_text(end->val_loss, 3).text, end->epoch);
}

static void judge_below(const history *h, double wanted, verdict *v)
{
    size_t first = 0, below = 0;
    while (first < h->count && !(h->epochs[first].val_loss < 1))
        first++;
    v->known = first < h->count || (double)h->count > AROUND * wanted;
    if (first == h->count) {
        size_t lowest = extreme(h, RECORDED_VAL_LOSS, 1);
        snprintf(v->text, sizeof v->text, "never below 1.0 in %zu epochs; lowest %s at epoch %u", h->count,
                 fixed_text(h->epochs[lowest].val_loss, 3).text, h->epochs[lowest].epoch);
        return;
    }
    for (size_t i = first; i < h->count; i++)
        below += h->epochs[i].val_loss < 1;
    double share = (double)below / (double)(h->count - first);
    v->agrees = (double)(first + 1) <= AROUND * wanted && share >= REMAINS;
    snprintf(v->text, sizeof v->text, "first below 1.0 at epoch %u; so are %s epochs from there on",
             h->epochs[first].epoch, first + below == h->count ? "all" : share_text(share).text);
}

static void judge_above_at(const history *h, double wanted, verdict *v)
{
    const double least = 0.7;
    size_t first = 0, highest = extreme(h, RECORDED_VAL_ACCURACY, -1);
    while (first < h->count && !(h->epochs[first].val_accuracy > least))
        first++;
    v->known = first < h->count || (double)h->count > AROUND * wanted;
    v->agrees = first < h->count && (double)(first + 1) <= AROUND * wanted;
    if (first < h->count)
        snprintf(v->text, sizeof v->text, "first above 0.7 at epoch %u; highest %s at epoch %u", h->epochs[first].epoch,
                 fixed_text(h->epochs[highest].val_accuracy, 4).text, h->epochs[highest].epoch);
    else
        snprintf(v->text, sizeof v->text, "highest %s at epoch %u of %zu",
                 fixed_text(h->epochs[highest].val_accuracy, 4).text, h->epochs[highest].epoch, h->count);
}

static void judge_highest(const history *h, recorded value, double limit, bool above, verdict *v)
{
    size_t highest = extreme(h, value, -1), beyond = 0;
    for (size_t i = 0; i < h->count; i++)
        beyond += recorded_value(&h->epochs[i], value) > limit;
    double most = recorded_value(&h->epochs[highest], value);
    v->known = true;
    v->agrees = above ? most > limit : most <= limit;
    v->nearly = fabs(most - limit) <= NEAR_SHARE;
    int used =
        snprintf(v->text, sizeof v->text, "highest %s at epoch %u", fixed_text(most, 4).text, h->epochs[highest].epoch);
    if (!above && beyond > 0 && used > 0)
        snprintf(v->text + used, sizeof v->text - (size_t)used, "; above %s in %zu of %zu epochs",
                 fixed_text(limit, 2).text, beyond, h->count);
}

static void judge_curve(const thesis_claim *claim, const history *h, verdict *v)
{
    if (h->count == 0 || isnan(h->epochs[0].val_loss)) return;
    switch (claim->measure) {
    case MEASURE_LOSS_FLAT_AT:
        judge_flat(h, claim->value, v);
        break;
    case MEASURE_LOSS_RISES_AFTER:
        judge_rise(h, claim->value, v);
        break;
    case MEASURE_LOSS_BELOW_AT:
        judge_below(h, claim->value, v);
        break;
    case MEASURE_ACCURACY_ABOVE_AT:
        judge_above_at(h, claim->value, v);
        break;
    case MEASURE_ACCURACY_BELOW:
        judge_highest(h, RECORDED_VAL_ACCURACY, claim->value, false, v);
        break;
    case MEASURE_ACCURACY_ABOVE:
        judge_highest(h, RECORDED_VAL_ACCURACY, claim->value, true, v);
        break;
    case MEASURE_POSITIVES_BELOW:
        judge_highest(h, RECORDED_VAL_TRUE_POSITIVES, claim->value, false, v);
        break;
    case MEASURE_POSITIVES_ABOVE:
        judge_highest(h, RECORDED_VAL_TRUE_POSITIVES, claim->value, true, v);
        break;
    default:
        break;
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Confusion matrices

static const char *name_of(const thesis_outcome *outcome, int class, char number[CLASS_NUMBER_SIZE])
{
    return run_facts_class(&outcome->facts, class, number);
}

static void judge_matrix(const thesis_claim *claim, const thesis_outcome *outcome, verdict *v)
{
    if (!outcome_has_classes(outcome)) return;
    const size_t *confusion = outcome->evaluation.confusion;
    char number[CLASS_NUMBER_SIZE];
    int above = 0, worst = 0;
    double percent[THESIS_CLASSES];
    for (int i = 0; i < THESIS_CLASSES; i++) {
        percent[i] = class_percent(confusion, i);
        above += percent[i] > claim->value;
        if (percent[i] < percent[worst]) worst = i;
    }
    v->known = true;
    if (claim->measure == MEASURE_CLASSES_ABOVE) {
        v->agrees = above >= claim->count;
        v->nearly = above + NEAR_CLASSES >= claim->count;
        snprintf(v->text, sizeof v->text, "%d of ten are above %.3g %%", above, claim->value);
    } else if (claim->measure == MEASURE_CONFUSED) {
        size_t first = (size_t)claim->count * THESIS_CLASSES, images = 0;
        for (size_t i = 0; i < THESIS_CLASSES; i++)
            images += confusion[first + i];
        double share = images > 0 ? 100 * (double)confusion[first] / (double)images : NAN;
        v->agrees = fabs(share - claim->value) <= claim->value / 2;
        snprintf(v->text, sizeof v->text, "%s %% of %s are taken for %s", fixed_text(share, 1).text,
                 name_of(outcome, claim->count, number), name_of(outcome, 0, (char[CLASS_NUMBER_SIZE]){0}));
    } else {
        bool expected = claim->measure == MEASURE_WORST_ARE_ABOVE || worst == claim->count;
        v->agrees = expected && percent[worst] > claim->value;
        v->nearly = expected && percent[worst] > claim->value - NEAR_PERCENT;
        snprintf(v->text, sizeof v->text, "the worst class is %s with %s %%", name_of(outcome, worst, number),
                 fixed_text(percent[worst], 1).text);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The table

static const char *verdict_word(const verdict *v)
{
    if (!v->known) return "–";
    if (v->agrees) return "agrees";
    return v->nearly ? "nearly" : "<b class=\"wrong\">differs</b>";
}

static void add_claim(text_buffer *out, const thesis_outcome *outcome, const thesis_claim *claim)
{
    verdict v = {.text = "not measured"};
    if (claim->measure >= MEASURE_CLASSES_ABOVE)
        judge_matrix(claim, outcome, &v);
    else
        judge_curve(claim, &outcome->facts.history, &v);
    buffer_add(out, "<tr><td>");
    buffer_escape(out, claim->says);
    buffer_add(out, "</td><td>");
    buffer_escape(out, v.text);
    buffer_print(out, "</td><td class=\"whole\">%s</td></tr>\n", verdict_word(&v));
}

void claims_add(text_buffer *out, const thesis_outcome *outcome, int figure)
{
    buffer_add(out, "<table><thead><tr><th>The thesis says</th><th>Silma</th><th></th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < outcome->says->claim_count; i++)
        if (outcome->says->claims[i].figure == figure) add_claim(out, outcome, &outcome->says->claims[i]);
    buffer_add(out, "</tbody></table>\n");
}
