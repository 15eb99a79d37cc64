// What a report holds, and its sections. A section writes HTML into the page; a figure writes an SVG, for the page or
// as a file of its own.
#ifndef SILMA_REPORT_REPORT_INSIDE_H
#define SILMA_REPORT_REPORT_INSIDE_H

#include "report/conclusions.h"
#include "report/page.h"
#include "report/run_facts.h"
#include "report/svg.h"
#include "report/words.h"
#include "silma/report.h"

struct silma_report {
    run_facts facts;
    conclusions conclusions;
    silma_context *context;
    const silma_codecs *codecs;  // may be null
    silma_evaluation evaluation; // of the scores; its arrays are null where there are none
};

typedef silma_status figure_draw(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error);

typedef struct figure {
    const char *name; // the file's, without its ending
    bool (*exists)(const silma_report *report);
    figure_draw *draw;
} figure;

// section_training.c
bool has_epochs(const silma_report *report);
figure_draw draw_curves, draw_learning_rate, draw_speed;
silma_status section_training(const silma_report *report, text_buffer *page, silma_error *error);
// section_settings.c
silma_status section_settings(const silma_report *report, text_buffer *page, silma_error *error);
// section_classes.c
bool has_scores(const silma_report *report);
figure_draw draw_confusion_counts, draw_confusion_percent, draw_f1;
silma_status section_confusion(const silma_report *report, text_buffer *page, silma_error *error);
silma_status section_classes(const silma_report *report, text_buffer *page, silma_error *error);
// section_images.c
bool has_predictions(const silma_report *report), has_mistakes(const silma_report *report);
figure_draw draw_predictions, draw_mistakes, draw_pairs;
silma_status section_predictions(const silma_report *report, text_buffer *page, silma_error *error);
silma_status section_mistakes(const silma_report *report, text_buffer *page, silma_error *error);
// section_confidence.c
bool has_confidence(const silma_report *report);
figure_draw draw_reliability;
silma_status section_confidence(const silma_report *report, text_buffer *page, silma_error *error);
// section_attention.c
bool has_filters(const silma_report *report), has_attention(const silma_report *report);
figure_draw draw_filters, draw_attention;
silma_status section_filters(const silma_report *report, text_buffer *page, silma_error *error);
silma_status section_attention(const silma_report *report, text_buffer *page, silma_error *error);
// section_data.c
bool has_counts(const silma_report *report), has_samples(const silma_report *report);
bool has_augmented(const silma_report *report);
figure_draw draw_counts, draw_samples, draw_augmented;
silma_status section_data(const silma_report *report, text_buffer *page, silma_error *error);
// section_network.c
figure_draw draw_network;
silma_status section_network(const silma_report *report, text_buffer *page, silma_error *error);

// The sections' links: the page's contents lists those of sections that exist.
extern const page_link LINK_TRAINING, LINK_CONFUSION, LINK_CLASSES, LINK_PREDICTIONS, LINK_MISTAKES, LINK_CONFIDENCE,
    LINK_ATTENTION, LINK_FILTERS, LINK_DATA, LINK_NETWORK, LINK_SETTINGS;

#endif
