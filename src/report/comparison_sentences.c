// What a person should conclude from runs side by side.
#include "report/comparison.h"

#include "core/error.h"
#include "report/text_buffer.h"
#include "report/words.h"

#include <math.h>
#include <stdlib.h>

static const double SIGNIFICANT = 0.05;

static silma_status keep(silma_comparison *c, text_buffer *sentence, silma_error *error)
{
    char **grown = reallocarray(c->sentences, c->sentence_count + 1, sizeof *grown);
    if (!grown) return silma_fail_memory(error, (c->sentence_count + 1) * sizeof *grown);
    c->sentences = grown;
    silma_status status = buffer_take(sentence, &grown[c->sentence_count], error);
    if (!status) c->sentence_count++;
    return status;
}

// "1.2 points (0.4 to 2.0)": a difference of shares.
static void add_points(text_buffer *out, double difference, double low, double high)
{
    buffer_print(out, "%s points (%s to %s)", fixed_text(100 * difference, 2).text, fixed_text(100 * low, 2).text,
                 fixed_text(100 * high, 2).text);
}

static void best_run(const silma_comparison *c, text_buffer *out)
{
    size_t best = c->count;
    for (size_t i = 0; i < c->count; i++)
        if (isfinite(c->shown[i].accuracy) && (best == c->count || c->shown[i].accuracy > c->shown[best].accuracy))
            best = i;
    if (best == c->count) {
        buffer_add(out, "None of the runs has validated yet.");
        return;
    }
    const silma_compared_run *run = &c->shown[best];
    buffer_print(out,
                 "The highest accuracy is that of %s: %s of its %s validation images (95\u00a0%% interval %s to %s).",
                 run->label, share_text(run->accuracy).text, count_text(run->images).text,
                 share_text(run->accuracy_low).text, share_text(run->accuracy_high).text);
}

static void group_sentence(const silma_comparison *c, const silma_compared_group *g, text_buffer *out)
{
    const silma_compared_run *first = &c->shown[g->first];
    buffer_print(out, "%zu runs of %s on %s differ by their seed only (%s and %zu more): accuracy %s on average",
                 g->runs, first->network, first->data, first->label, g->runs - 1, share_text(g->accuracy.mean).text);
    if (isfinite(g->accuracy.low))
        buffer_print(out, ", 95\u00a0%% interval %s to %s", share_text(g->accuracy.low).text,
                     share_text(g->accuracy.high).text);
    buffer_add(out, ".");
}

static void pair_sentence(const silma_comparison *c, const silma_compared_pair *pair, text_buffer *out)
{
    bool first = pair->only_first > pair->only_second;
    size_t better = first ? pair->first : pair->second, worse = first ? pair->second : pair->first;
    buffer_print(out, "%s is better than %s by ", c->shown[better].label, c->shown[worse].label);
    if (first)
        add_points(out, pair->difference, pair->difference_low, pair->difference_high);
    else
        add_points(out, -pair->difference, -pair->difference_high, -pair->difference_low);
    buffer_print(out, " on the same %s images: more than chance explains.", count_text(pair->images).text);
}

static void no_difference(size_t tested, text_buffer *out)
{
    if (tested == 1)
        buffer_add(out, "The two runs that share their validation images do not differ by more than chance explains.");
    else
        buffer_print(out, "Of %zu pairs on the same validation images, none differs by more than chance explains.",
                     tested);
}

silma_status comparison_conclude(silma_comparison *c, silma_error *error)
{
    enum { PAIRS_NAMED = 6 };
    text_buffer sentence = {0};
    best_run(c, &sentence);
    silma_status status = keep(c, &sentence, error);
    for (size_t i = 0; i < c->group_count && !status; i++)
        if (c->groups[i].runs > 1 && isfinite(c->groups[i].accuracy.mean)) {
            group_sentence(c, &c->groups[i], &sentence);
            status = keep(c, &sentence, error);
        }
    size_t tested = 0, different = 0;
    for (size_t i = 0; i < c->pair_count && !status; i++) {
        tested += !c->pairs[i].problem;
        if (c->pairs[i].problem || !(c->pairs[i].p_adjusted < SIGNIFICANT) || different++ >= PAIRS_NAMED) continue;
        pair_sentence(c, &c->pairs[i], &sentence);
        status = keep(c, &sentence, error);
    }
    if (!status && tested > 0 && different == 0) {
        no_difference(tested, &sentence);
        status = keep(c, &sentence, error);
    }
    if (!status && different > PAIRS_NAMED) {
        buffer_print(&sentence, "%zu more pairs differ by more than chance explains.", different - PAIRS_NAMED);
        status = keep(c, &sentence, error);
    }
    if (!status && tested < c->pair_count) {
        if (tested == 0)
            buffer_add(&sentence, "No pair");
        else
            buffer_print(&sentence, "%zu of %zu pairs", c->pair_count - tested, c->pair_count);
        buffer_print(&sentence,
                     " could %sbe tested, since a paired test needs the same images for "
                     "validation, and the seed draws them: runs of one seed share them, and all runs on data with a "
                     "validation part of its own (val/).",
                     tested == 0 ? "" : "not ");
        status = keep(c, &sentence, error);
    }
    buffer_free(&sentence);
    return status;
}
