// What `silma trace` knows of one image's way through a network: everything that its page shows.
#ifndef SILMA_REPORT_TRACE_H
#define SILMA_REPORT_TRACE_H

#include "nn/model.h"
#include "report/text_buffer.h"
#include "report/trace_exact.h"
#include "silma/report.h"
#include "train/settings.h"

// One gradient, the engine's and the numerical one beside it.
typedef struct trace_check {
    size_t layer;
    int parameter; // of the layer; -1: none
    exact_what what;
    size_t index;    // in the parameter, or in the layer's output
    double analytic; // from the engine, in single precision
    exact_derivative numerical;
    double size;  // the greater of both, but at least 1e-10; of one that is rounding alone, the sum of |dE/dz|
    double error; // |analytic - numerical| / size
} trace_check;

enum { CHECKS_PER_LAYER = PARAMETERS_MAX + 2 };

typedef struct trace {
    const silma_model *model;
    const graph *g;
    settings settings;
    bool has_seed; // the weights are random ones of the settings' seed
    // The image, as the network takes it.
    const char *data_name;
    const char *const *class_names; // of the data; null: numbers
    size_t image_index;
    const char *part;       // "test": of the data set's images; may be null
    const char *image_file; // may be null
    uint8_t *pixels;        // (h, w, c)
    int height, width, channels;
    bool resized, padded; // to the network's size
    uint32_t label;
    bool one_against_rest; // one output for more than two classes: y is 1
    float *targets;        // (outputs)
    // A training step on it, with the reference kernels.
    trace_run run;
    exact exact;
    float **dz;           // (run.count) each (out): dE/dz
    float *probabilities; // (outputs)
    double loss, loss_after;
    double gradient_norm;
    float gradient_scale; // clipping
    float *updated;       // (g->weight_count) the weights after the step
    float *predicted;     // (outputs) what the model predicts: no dropout, moving averages
    size_t *chosen;       // (run.count) the output that is worked out at first
    trace_check *checks;  // (check_count)
    size_t check_count;
    const char *fast_name;   // the kernels that were compared with the reference; null: none
    double fast_difference;  // the greatest of all outputs and gradients, by the tensor's greatest value
    double exact_difference; // the same between the reference and double precision, outputs only
} trace;

// trace_data.c: everything as JSON, for the page's script. '<' is escaped.
silma_status trace_add_json(text_buffer *buffer, const trace *t, silma_error *error);
// The same, in bytes, before anything is made.
size_t trace_json_bytes(const graph *g);
// Parameters of more elements are on the page without their gradients: the script computes them from the formula.
enum { TRACE_GRADIENTS_MOST = 1 << 16 };

// trace_head.c: the beginning of the page.
void trace_begin_document(text_buffer *out, const trace *t);
void trace_add_header(text_buffer *out, const trace *t);
void trace_add_navigation(text_buffer *out, const trace *t);

// trace_page.c: the page.
silma_status trace_add_page(text_buffer *buffer, const trace *t, silma_error *error);

// trace_formulas.c, keyed by name: the loss and its derivative by the logits, and an optimiser's step.
const formula *trace_loss_formulas(loss_kind kind, activation_kind head, size_t outputs);
const formula *trace_optimizer_formulas(const optimizer *o);

// How many numbers the network ends in.
size_t trace_outputs(const trace *t);

// "Ankle boot", or "9", for which `number` has room.
enum { TRACE_NUMBER_SIZE = 16 };
const char *trace_class_name(const trace *t, uint32_t label, char number[TRACE_NUMBER_SIZE]);

// Made by the build from trace.css and trace.js.
extern const char trace_css[], trace_js[];

#endif
