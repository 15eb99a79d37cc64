// What the thesis's page is made of, and its parts. A part writes HTML into the page.
#ifndef SILMA_REPORT_THESIS_INSIDE_H
#define SILMA_REPORT_THESIS_INSIDE_H

#include "report/page.h"
#include "report/run_facts.h"
#include "report/svg.h"
#include "report/thesis_values.h"
#include "report/words.h"
#include "silma/report.h"

// One experiment as it came out here.
typedef struct thesis_outcome {
    const thesis_case *says; // the thesis's side of it
    bool left_out;
    const char *problem;          // why there is no run or no data set; null: not known
    const silma_dataset *dataset; // null: missing
    bool has_run;                 // the facts are known
    run_facts facts;
    // The weights as training left them, which are what the thesis shows; facts.model are those of the best epoch.
    silma_model *last;   // null: missing
    bool has_evaluation; // of `last`, on the validation images
    silma_evaluation evaluation;
    bool shortened; // trained on less than the thesis's recipe asks for
} thesis_outcome;

typedef struct thesis_page {
    text_buffer *out;
    silma_context *context;
    const silma_codecs *codecs;
    thesis_outcome outcomes[THESIS_EXPERIMENTS];
} thesis_page;

// thesis_outcome.c
silma_status outcome_gather(thesis_outcome *outcome, thesis_experiment which, const silma_thesis_part *part,
                            silma_context *context, silma_error *error);
void outcome_free(thesis_outcome *outcome);
// In its classes the outcome can be held against the thesis's ten.
bool outcome_has_classes(const thesis_outcome *outcome);
// Per cent of the class that `confusion` (THESIS_CLASSES, THESIS_CLASSES) has right; NaN without images.
double class_percent(const size_t *confusion, int class);
// Whether two shares in per cent, of `images` images each, are further apart than 95 % of such pairs by chance; the
// thesis's are rounded to whole per cent. False where one of them is not known.
bool beyond_chance(double a, double b, size_t images);

// thesis_figure.c: the heading of a figure, and its caption as in the thesis.
void figure_heading(thesis_page *page, int figure);
void figure_caption(thesis_page *page, int figure);
// A silma_figure_fn of the page: the figure where the page is.
silma_status figure_add_svg(const char *name, const char *svg, size_t size, void *page, silma_error *error);

// thesis_functions.c: figures 3 to 7 and 11
silma_status part_functions(thesis_page *page, silma_error *error);
silma_status part_connections(thesis_page *page, silma_error *error);
// thesis_tables.c: figures 13 to 16, and the tables of the experiments' networks
silma_status part_examples(thesis_page *page, silma_error *error);
silma_status figure_table(thesis_page *page, int figure, silma_error *error);
// How many of the tables' parameter counts, of all layers and in all, are Silma's too.
silma_status count_agreeing(size_t *agreeing, size_t *all, silma_error *error);
// thesis_experiments.c: figures 17 to 34
silma_status part_data(thesis_page *page, int figure, const thesis_outcome *outcome, silma_error *error);
silma_status part_experiment(thesis_page *page, const thesis_outcome *outcome, silma_error *error);
// thesis_claims.c: what the thesis's text says of a figure, beside what was measured
void claims_add(text_buffer *out, const thesis_outcome *outcome, int figure);
// thesis_differences.c: why an outcome differs from the thesis's, in sentences
void differences_add(text_buffer *out, const thesis_outcome *outcome);
// thesis_summary.c: the top of the page; figure 35; what was trained how
silma_status part_summary(thesis_page *page, silma_error *error);
silma_status part_comparison(thesis_page *page, silma_error *error);
void part_runs(thesis_page *page);

#endif
