// The report of a run: what there is of it, in which order.
#include "report/report_inside.h"

#include "core/error.h"
#include "train/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// In the order of the page; `name` is that of the figure's file.
static const figure figures[] = {
    {"curves", has_epochs, draw_curves},
    {"learning-rate", has_epochs, draw_learning_rate},
    {"speed", has_epochs, draw_speed},
    {"confusion-percent", has_scores, draw_confusion_percent},
    {"confusion-counts", has_scores, draw_confusion_counts},
    {"classes", has_scores, draw_f1},
    {"predictions", has_predictions, draw_predictions},
    {"mistakes", has_mistakes, draw_mistakes},
    {"pairs", has_mistakes, draw_pairs},
    {"reliability", has_confidence, draw_reliability},
    {"attention", has_attention, draw_attention},
    {"filters", has_filters, draw_filters},
    {"network", NULL, draw_network},
    {"class-counts", has_counts, draw_counts},
    {"samples", has_samples, draw_samples},
    {"augmented", has_augmented, draw_augmented},
};

typedef struct section {
    const page_link *link;
    bool (*exists)(const silma_report *report); // null: always
    silma_status (*add)(const silma_report *report, text_buffer *page, silma_error *error);
} section;

static const section sections[] = {
    {&LINK_TRAINING, has_epochs, section_training},
    {&LINK_CONFUSION, has_scores, section_confusion},
    {&LINK_CLASSES, has_scores, section_classes},
    {&LINK_PREDICTIONS, has_predictions, section_predictions},
    {&LINK_MISTAKES, has_mistakes, section_mistakes},
    {&LINK_CONFIDENCE, has_confidence, section_confidence},
    {&LINK_ATTENTION, has_attention, section_attention},
    {&LINK_FILTERS, has_filters, section_filters},
    {&LINK_NETWORK, NULL, section_network},
    {&LINK_DATA, has_counts, section_data},
    {&LINK_SETTINGS, NULL, section_settings},
};
enum { SECTION_COUNT = sizeof sections / sizeof *sections, FIGURE_COUNT = sizeof figures / sizeof *figures };

// ---------------------------------------------------------------------------------------------------------------------
// Gathering

void silma_report_free(silma_report *report)
{
    if (!report) return;
    silma_evaluation_free(&report->evaluation);
    run_facts_free(&report->facts);
    free(report);
}

// The scores as silma_evaluate gives them, as far as they are known.
static silma_status fill_evaluation(silma_report *report, silma_error *error)
{
    const scores *s = &report->facts.scores;
    silma_evaluation *e = &report->evaluation;
    if (!report->facts.scored) return SILMA_OK;
    silma_status status = evaluation_start(e, s->class_count, error);
    if (status != SILMA_OK) return status;
    evaluation_add(e, NAN, s->count, (size_t)s->class_count, s->probabilities, s->labels);
    evaluation_finish(e);
    return SILMA_OK;
}

silma_status silma_report_create(silma_report **result, const char *folder, silma_context *context,
                                 const silma_dataset *dataset, const silma_report_options *options, silma_error *error)
{
    silma_report *report = calloc(1, sizeof *report);
    if (!report) return silma_fail_memory(error, sizeof *report);
    report->context = context;
    report->codecs = options ? options->codecs : NULL;
    silma_status status =
        run_facts_gather(&report->facts, folder, context, dataset, options ? options->data_problem : NULL, error);
    if (status == SILMA_OK) status = fill_evaluation(report, error);
    if (status != SILMA_OK) {
        silma_report_free(report);
        return status;
    }
    conclusions_draw(&report->facts, &report->conclusions);
    *result = report;
    return SILMA_OK;
}

const char *silma_report_sentence(const silma_report *report, size_t index)
{
    return index < report->conclusions.count ? report->conclusions.list[index].text : NULL;
}

const silma_evaluation *silma_report_evaluation(const silma_report *report)
{
    return report->facts.scored ? &report->evaluation : NULL;
}

const char *silma_report_class_name(const silma_report *report, int index)
{
    return report->facts.model ? silma_model_class_name(report->facts.model, index) : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// The page's beginning

static void add_tile(text_buffer *page, const char *name, const char *value, const char *note)
{
    buffer_print(page, "<div><dt>%s</dt><dd>%s", name, value);
    if (note) buffer_print(page, "<small>%s</small>", note);
    buffer_add(page, "</dd></div>\n");
}

static void add_tiles(const silma_report *report, text_buffer *page)
{
    const run_facts *facts = &report->facts;
    const scores *s = &facts->scores;
    const history *h = &facts->history;
    char note[128];
    buffer_add(page, "<dl class=\"tiles\">\n");
    if (facts->scored) {
        snprintf(note, sizeof note, "%s to %s", share_text(s->accuracy.low).text, share_text(s->accuracy.high).text);
        add_tile(page, facts->scored_training ? "Accuracy (training)" : "Accuracy", share_text(s->accuracy.value).text,
                 note);
    }
    if (h->count > 0) {
        const silma_epoch *best = &h->epochs[(facts->best_epoch ? facts->best_epoch : h->count) - 1];
        bool validation = isfinite(best->val_loss);
        snprintf(note, sizeof note, "of %zu", h->count);
        if (facts->best_epoch) add_tile(page, "Best epoch", count_text(facts->best_epoch).text, note);
        add_tile(page, validation ? "Validation loss" : "Loss",
                 value_text(validation ? best->val_loss : best->loss).text, NULL);
        add_tile(page, "Training took", duration_text(facts->seconds).text, NULL);
    }
    add_tile(page, "Training images", count_text(facts->train_images).text, NULL);
    snprintf(note, sizeof note, "of %d×%d×%d", facts->height, facts->width, facts->channels);
    add_tile(page, "Classes", count_text((size_t)facts->class_count).text, facts->height > 0 ? note : NULL);
    size_t trainable, other;
    uint64_t multiply_adds;
    graph_count(facts->network->g, &trainable, &other, &multiply_adds);
    add_tile(page, "Parameters", count_text(trainable + other).text, NULL);
    buffer_add(page, "</dl>\n");
}

static void add_conclusions(const silma_report *report, text_buffer *page)
{
    static const char *const classes[] = {"result", "good", "note", "caution"};
    buffer_add(page, "<ul class=\"summary\" aria-label=\"Summary\">\n");
    for (size_t i = 0; i < report->conclusions.count; i++) {
        const conclusion *c = &report->conclusions.list[i];
        buffer_print(page, "<li class=\"%s\">", classes[c->kind]);
        buffer_escape(page, c->text);
        buffer_add(page, "</li>\n");
    }
    buffer_add(page, "</ul>\n");
}

static silma_status begin_page(const silma_report *report, text_buffer *page, silma_error *error)
{
    const run_facts *facts = &report->facts;
    text_buffer title = {0}, subtitle = {0};
    buffer_print(&title, "%s on %s", facts->model_name, facts->data_name);
    buffer_print(&subtitle, "Report of the run %s: %s images for training, %s for validation, seed %llu", facts->folder,
                 count_text(facts->train_images).text,
                 facts->validation_images > 0 ? count_text(facts->validation_images).text : "none",
                 (unsigned long long)facts->seed);
    silma_status status = buffer_status(&title, error);
    if (status == SILMA_OK) status = buffer_status(&subtitle, error);
    if (status == SILMA_OK) page_begin(page, title.text, subtitle.text);
    buffer_free(&title);
    buffer_free(&subtitle);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The page, and the figures

static silma_status add_page(const silma_report *report, text_buffer *page, silma_error *error)
{
    page_link links[SECTION_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (!sections[i].exists || sections[i].exists(report)) links[count++] = *sections[i].link;
    silma_status status = begin_page(report, page, error);
    if (status != SILMA_OK) return status;
    page_contents(page, links, count);
    buffer_add(page, "<main>\n");
    add_conclusions(report, page);
    add_tiles(report, page);
    for (size_t i = 0; status == SILMA_OK && i < SECTION_COUNT; i++)
        if (!sections[i].exists || sections[i].exists(report)) status = sections[i].add(report, page, error);
    buffer_add(page, "</main>\n");
    page_end(page);
    return status;
}

silma_status silma_report_write(silma_report *report, const char *path, silma_error *error)
{
    text_buffer page = {0};
    silma_status status = add_page(report, &page, error);
    if (status == SILMA_OK) status = buffer_write(&page, path, error);
    buffer_free(&page);
    return status;
}

silma_status silma_report_figures(silma_report *report, silma_figure_fn *receive, void *user, silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < FIGURE_COUNT; i++) {
        if (figures[i].exists && !figures[i].exists(report)) continue;
        text_buffer svg = {0};
        status = figures[i].draw(report, &svg, false, error);
        if (status == SILMA_OK) status = buffer_status(&svg, error);
        if (status == SILMA_OK) status = receive(figures[i].name, svg.text, svg.length, user, error);
        buffer_free(&svg);
    }
    return status;
}
