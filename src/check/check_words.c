// What to conclude from the findings.
#include "check/check.h"

#include <stdio.h>

// What there is of a kind.
typedef struct tally {
    size_t count, errors, exact;
    const silma_finding *worst; // the first
} tally;

static tally tally_of(const silma_check *check, silma_finding_kind kind)
{
    tally t = {.count = check->kind_counts[kind]};
    for (size_t i = 0; i < check->finding_count; i++) {
        const silma_finding *f = &check->findings[i];
        if (f->kind != kind) continue;
        if (!t.worst) t.worst = f;
        t.errors += f->is_error;
        t.exact += f->exact;
    }
    return t;
}

static const char *name_of(const silma_checked_image *image, char number[16])
{
    snprintf(number, 16, "%d", image->class_index);
    return image->class_name ? image->class_name : number;
}

static void conclude(const tally *t, silma_finding_kind kind, char text[CHECK_SENTENCE_MAX])
{
    const size_t size = CHECK_SENTENCE_MAX;
    const char *are = t->count == 1 ? " is" : "s are";
    char small[16], large[16];
    switch (kind) {
    case SILMA_FINDING_UNREADABLE:
        snprintf(text, size, "%zu file%s cannot be used; mend or delete what is listed", t->count,
                 t->count == 1 ? "" : "s");
        break;
    case SILMA_FINDING_LEAK:
        snprintf(text, size,
                 "%zu image%s nearly the same as one of another split, %zu surely the same (%zu to the last pixel): "
                 "scores will be too good; keep each picture in one split",
                 t->count, are, t->errors, t->exact);
        break;
    case SILMA_FINDING_CONTRADICTION:
        snprintf(text, size,
                 "%zu image%s nearly the same as one of another class, %zu surely the same (%zu to the last pixel): "
                 "one of the two labels may be wrong",
                 t->count, are, t->errors, t->exact);
        break;
    case SILMA_FINDING_DUPLICATE:
        snprintf(text, size,
                 "%zu image%s there more than once within a class, or nearly so (%zu to the last pixel): %s twice",
                 t->count, are, t->exact, t->count == 1 ? "it counts" : "they count");
        break;
    case SILMA_FINDING_ONE_COLOUR:
        snprintf(text, size, "%zu image%s of one colour only: nothing can be learnt from %s", t->count, are,
                 t->count == 1 ? "it" : "them");
        break;
    case SILMA_FINDING_SMALL_CLASS:
        snprintf(text, size, "%zu class%s fewer than 20 training images (%zu none): too few to learn from", t->count,
                 t->count == 1 ? " has" : "es have", t->errors);
        break;
    case SILMA_FINDING_IMBALANCE:
        snprintf(text, size,
                 "class %.100s is %.0f times as large as class %.100s: --class-weights balanced, or --sampler "
                 "balanced, evens that out",
                 name_of(&t->worst->other, large), t->worst->value, name_of(&t->worst->image, small));
        break;
    case SILMA_FINDING_ONE_CLASS:
        snprintf(text, size, "only class %.100s has training images: there is nothing to tell apart",
                 name_of(&t->worst->image, small));
        break;
    case SILMA_FINDING_DOUBTED_LABEL:
        snprintf(text, size, "%zu label%s doubted by the model, which is sure of another class: look at them", t->count,
                 are);
        break;
    case SILMA_FINDING_KINDS:
        break;
    }
}

void check_conclude(silma_check *check)
{
    for (int kind = 0; kind < SILMA_FINDING_KINDS; kind++) {
        tally t = tally_of(check, (silma_finding_kind)kind);
        if (t.count > 0) conclude(&t, (silma_finding_kind)kind, check->sentences[kind]);
    }
}
