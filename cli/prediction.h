// How predictions are shown: as text with bars, as JSON, as CSV.
#ifndef SILMA_CLI_PREDICTION_H
#define SILMA_CLI_PREDICTION_H

#include "problem.h"
#include "terminal.h"

#include <jansson.h>
#include <stddef.h>

typedef struct prediction_view {
    const silma_model *model;
    int class_count;
    size_t top; // classes that are shown, at most class_count
    int *
        order; // (class_count) classes by falling probability, of the picture looked at last; the first `top` are right
    terminal screen;
} prediction_view;

// Shows at most `top` classes. Free with prediction_view_free.
silma_status prediction_view_create(prediction_view *view, const silma_model *model, size_t top, problem *why);
void prediction_view_free(prediction_view *view);

// What is known of a picture beside its probabilities.
typedef struct prediction {
    const float *probabilities; // (class_count)
    const char *heading;        // what its text begins with, before ": "; printable
    const char *file;           // null: an image of a data set
    size_t index;               // of the data set's image
    int label;                  // its true class; -1: not known
} prediction;

void prediction_print(prediction_view *view, const prediction *p);
// Null if memory is short.
json_t *prediction_json(prediction_view *view, const prediction *p);
void prediction_print_csv_heading(const prediction_view *view, bool files, bool labelled);
// A row that fits the heading: `labelled` where the label is known.
void prediction_print_csv(prediction_view *view, const prediction *p);

#endif
