// What the thesis says, as numbers: J. Jäppinen, "The mathematics of neural networks behind image recognition",
// University of Turku, 2024. Captions, tables of layers, accuracies, the diagonals of the confusion matrices, and what
// its text says about its curves. The text at hand has no page numbers; the section stands for them.
#ifndef SILMA_REPORT_THESIS_VALUES_H
#define SILMA_REPORT_THESIS_VALUES_H

#include "silma/report.h"

enum { THESIS_CLASSES = 10, THESIS_PICTURES = 9 };

// In the order of chapter 5.
typedef enum thesis_experiment {
    THESIS_CIFAR_ANN = 0,
    THESIS_CIFAR_CNN,
    THESIS_FASHION_ANN,
    THESIS_FASHION_CNN,
    THESIS_EXPERIMENTS,
} thesis_experiment;

typedef struct thesis_caption {
    int figure;
    const char *section; // of the thesis: "5.1.1"
    const char *text;
} thesis_caption;
const thesis_caption *thesis_caption_of(int figure); // null for a figure that is not among 3-7, 11, 13-35

// A row of figures 13, 15, 18, 22, 27 or 31.
typedef struct thesis_row {
    const char *name;
    int height, width, channels; // of the output; height and width 0 for a vector
    uint64_t params;
    int layer;   // of Silma's network, 0 being its input; -1: no layer of its own
    bool halves; // the thesis draws the output as two halves of so many channels each
} thesis_row;

typedef struct thesis_table {
    int figure;
    const char *network;    // of the zoo
    silma_input input;      // for `input auto`
    const thesis_row *rows; // (row_count)
    size_t row_count;
    uint64_t params;        // in all
    uint64_t non_trainable; // of these
    bool splits_total;      // the figure gives both parts, as Keras prints them
} thesis_table;
const thesis_table *thesis_table_of(int figure); // null for other figures

// What is measured of a run to be held against the thesis's text.
typedef enum thesis_measure {
    MEASURE_LOSS_FLAT_AT = 0,  // from about the epoch of the value on, the validation loss falls no further
    MEASURE_LOSS_RISES_AFTER,  // the validation loss ends above what it was at the epoch of the value
    MEASURE_LOSS_BELOW_AT,     // the validation loss is below 1.0 from about the epoch of the value on
    MEASURE_ACCURACY_ABOVE_AT, // the validation accuracy passes 0.7 at about the epoch of the value
    MEASURE_ACCURACY_BELOW,    // the highest validation accuracy does not exceed the value
    MEASURE_ACCURACY_ABOVE,    // it does
    MEASURE_POSITIVES_BELOW,   // the same for the validation true positives
    MEASURE_POSITIVES_ABOVE,
    MEASURE_CLASSES_ABOVE,   // classes of which more than `value` per cent are right: `count` of them
    MEASURE_WORST_CLASS,     // the class `count` is the worst, with more than the value in per cent
    MEASURE_CONFUSED,        // of class `count`, so many per cent are taken for class 0
    MEASURE_WORST_ARE_ABOVE, // every class has at least the value in per cent
} thesis_measure;

typedef struct thesis_claim {
    int figure;
    const char *says; // in the thesis's words
    thesis_measure measure;
    double value;
    int count;
} thesis_claim;

// One of the four experiments of chapter 5 and what came out of it.
typedef struct thesis_case {
    silma_thesis_experiment_type base;
    const char *title;       // "CIFAR-10 with the fully connected network"
    const char *short_title; // "CIFAR-10, ANN"
    int patience;
    int table, curves, confusion, pictures;    // its figures
    double diagonal[THESIS_CLASSES];           // per cent; NaN: not legible, and `diagonal_text` says what is known
    const char *diagonal_text[THESIS_CLASSES]; // null: the number
    const char *accuracy;                      // what its text says of the accuracy
    int right_pictures;                        // of the nine that are shown
    int epochs_drawn;                          // where its curves end, about; 0: not legible
    const thesis_claim *claims;                // (claim_count)
    size_t claim_count;
} thesis_case;
extern const thesis_case THESIS_CASES[THESIS_EXPERIMENTS];

// What the scan leaves open about a confusion matrix, and how it was settled; null: nothing.
const char *thesis_note_of(int figure);

// The mean of the diagonal where all of it is known: the accuracy, since the classes are equally large; NaN otherwise.
double thesis_accuracy(const thesis_case *c);
// The same as text: "45.8 %", "about 79.9 %" where the scan leaves digits open, or what the thesis's text says instead.
typedef struct accuracy_text {
    char text[32];
} accuracy_text;
accuracy_text thesis_accuracy_text(const thesis_case *c);

#endif
