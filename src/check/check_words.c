// What to conclude from the findings.
#include "check/check.h"

#include <stdio.h>

static size_t errors_of(const silma_check *check, silma_finding_kind kind)
{
    size_t errors = 0;
    for (size_t i = 0; i < check->finding_count; i++)
        errors += check->findings[i].kind == kind && check->findings[i].is_error;
    return errors;
}

static size_t exact_of(const silma_check *check, silma_finding_kind kind)
{
    size_t exact = 0;
    for (size_t i = 0; i < check->finding_count; i++)
        exact += check->findings[i].kind == kind && check->findings[i].exact;
    return exact;
}

static const silma_finding *first_of(const silma_check *check, silma_finding_kind kind)
{
    for (size_t i = 0; i < check->finding_count; i++)
        if (check->findings[i].kind == kind) return &check->findings[i];
    return NULL;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static const char *name_of(const silma_checked_image *image, char number[16])
{
    snprintf(number, 16, "%d", image->class_index);
    return image->class_name ? image->class_name : number;
}

static void conclude(const silma_check *check, silma_finding_kind kind, char *text)
{
    size_t count = check->kind_counts[kind], exact = exact_of(check, kind), size = CHECK_SENTENCE_MAX;
    const silma_finding *worst = first_of(check, kind);
    char small[16], large[16];
    switch (kind) {
    case SILMA_FINDING_UNREADABLE:
        snprintf(text, size, "%zu file%s cannot be used; mend or delete what is listed", count, plural(count));
        break;
    case SILMA_FINDING_LEAK:
        snprintf(text, size,
                 "%zu image%s nearly the same as one of another split, %zu surely the same (%zu to the last pixel): "
                 "scores will be too good; keep each picture in one split",
                 count, count == 1 ? " is" : "s are", errors_of(check, kind), exact);
        break;
    case SILMA_FINDING_CONTRADICTION:
        snprintf(
            text, size,
            "%zu image%s nearly the same as one of another class, %zu surely the same (%zu to the last pixel): one "
            "of the two labels may be wrong",
            count, count == 1 ? " is" : "s are", errors_of(check, kind), exact);
        break;
    case SILMA_FINDING_DUPLICATE:
        snprintf(text, size,
                 "%zu image%s there more than once within a class, or nearly so (%zu to the last pixel): %s twice",
                 count, count == 1 ? " is" : "s are", exact, count == 1 ? "it counts" : "they count");
        break;
    case SILMA_FINDING_ONE_COLOUR:
        snprintf(text, size, "%zu image%s of one colour only: nothing can be learnt from %s", count,
                 count == 1 ? " is" : "s are", count == 1 ? "it" : "them");
        break;
    case SILMA_FINDING_SMALL_CLASS:
        snprintf(text, size, "%zu class%s fewer than 20 training images (%zu none): too few to learn from", count,
                 count == 1 ? " has" : "es have", errors_of(check, kind));
        break;
    case SILMA_FINDING_IMBALANCE:
        snprintf(
            text, size,
            "class %.100s is %.0f times as large as class %.100s: --class-weights balanced, or --sampler balanced, "
            "evens that out",
            name_of(&worst->other, large), worst->value, name_of(&worst->image, small));
        break;
    case SILMA_FINDING_ONE_CLASS:
        snprintf(text, size, "only class %.100s has training images: there is nothing to tell apart",
                 name_of(&worst->image, small));
        break;
    case SILMA_FINDING_DOUBTED_LABEL:
        snprintf(text, size, "%zu label%s doubted by the model, which is sure of another class: look at them", count,
                 count == 1 ? " is" : "s are");
        break;
    case SILMA_FINDING_KINDS:
        break;
    }
}

void check_conclude(silma_check *check)
{
    for (int kind = 0; kind < SILMA_FINDING_KINDS; kind++)
        if (check->kind_counts[kind] > 0) conclude(check, (silma_finding_kind)kind, check->sentences[kind]);
}
