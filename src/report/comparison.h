// Several runs side by side: which of them are the same but for the seed, and which pairs can be tested on the same
// validation images.
#ifndef SILMA_REPORT_COMPARISON_H
#define SILMA_REPORT_COMPARISON_H

#include "report/run_facts.h"
#include "report/statistics.h"
#include "report/text_buffer.h"
#include "silma/report.h"

typedef struct compared_run {
    run_facts facts;
    char *label;  // the folder's last part, or all of it where two would be called the same
    size_t group; // of runs that differ by their seed only
} compared_run;

struct silma_comparison {
    compared_run *runs; // (count)
    size_t count;
    silma_compared_run *shown; // (count)
    silma_compared_group *groups;
    size_t group_count;
    silma_compared_pair *pairs; // (count * (count - 1) / 2)
    size_t pair_count;
    char **sentences;
    size_t sentence_count;
};

// comparison_curves.c: a chart of each recorded value, of all runs, or of their groups' means; up to so many lines have
// their names and colours, more share those of their groups.
enum { COMPARISON_NAMED_MOST = 8 };
bool comparison_has_seeds(const silma_comparison *c); // some runs differ by their seed only
silma_status comparison_add_panels(const silma_comparison *c, bool means, text_buffer *page, silma_error *error);

// comparison_sentences.c
silma_status comparison_conclude(silma_comparison *c, silma_error *error);

// The first setting by which two runs differ beside the seed, or null: "lr", "network", "data".
const char *comparison_difference(const run_facts *a, const run_facts *b);

#endif
