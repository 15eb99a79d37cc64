// libsilma-report: what tells people about runs, models, data and speed. A part of its own, since a program that only
// trains or classifies needs none of it.
//
//   1. Reports           a run as a page to look at
//   2. Trace             one image's mathematics on a page
//   3. Figures           the mathematics and the data as SVG
//   4. The thesis
//   5. Comparison        several runs side by side
//   6. Checking data     what is wrong with it, before hours are spent
//   7. Benchmarks
//
// Every page is one HTML file that needs no other and loads nothing from anywhere. The rules of silma.h hold here too.
// libsilma-report works with the libsilma of its own version alone: the dynamic linker refuses any other.
#ifndef SILMA_REPORT_H
#define SILMA_REPORT_H

#include <silma/silma.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------------------------------
// 1. Reports: everything known of a run, as one page

typedef struct silma_report silma_report;

typedef struct silma_report_options {
    const silma_codecs *codecs; // null: pictures in the page are not compressed
    const char *data_problem;   // why there is no data set, for the page; may be null
} silma_report_options;

// Gathers everything about the run in `folder`: settings, history, model, and, if `dataset` (the images that it was
// trained on) is not null, what the best model makes of the validation images, or of training images where there are
// no others. A part that is missing is left out, and the page says so; one that is damaged is an error. The context,
// the data set and the codecs must outlive the report. `options` may be null. Free with silma_report_free.
SILMA_API silma_status silma_report_create(silma_report **report, const char *folder, silma_context *context,
                                           const silma_dataset *dataset, const silma_report_options *options,
                                           silma_error *error);
SILMA_API void silma_report_free(silma_report *report);

// What a person should conclude, a sentence each; null beyond the last. Valid as long as the report.
SILMA_API const char *silma_report_sentence(const silma_report *report, size_t index);
// Counts of the predicted images; null where there are none. The loss is not part of it (NaN). Valid as long as the
// report.
SILMA_API const silma_evaluation *silma_report_evaluation(const silma_report *report);
SILMA_API const char *silma_report_class_name(const silma_report *report, int index);

// Writes one HTML file that needs no other.
SILMA_API silma_status silma_report_write(silma_report *report, const char *path, silma_error *error);

// Receives a figure as an SVG file that is complete in itself; `name` is a word for its file, such as "confusion". A
// failure ends the drawing, and is returned.
typedef silma_status silma_figure_fn(const char *name, const char *svg, size_t size, void *user, silma_error *error);
SILMA_API silma_status silma_report_figures(silma_report *report, silma_figure_fn *figure, void *user,
                                            silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 2. Trace

typedef struct silma_trace_options {
    const silma_settings *settings; // over the network's recipe: optimizer, lr, loss, clip_norm; seed: dropout's
    const char *part;               // which images the data set holds, for the page: "test"; or null
    bool untrained;                 // the model comes from silma_model_create with this seed: the page says so
    bool large;                     // allow a page of more than 3 MB (at most 64 MB)
} silma_trace_options;

typedef struct silma_trace_result {
    double loss, loss_after; // of the image, before the step and after it
    size_t checks;           // gradients that stand beside their numerical derivative
    double worst_error;      // relative, of these
} silma_trace_result;

// Writes one self-contained HTML page to `path`: the mathematics of one training step on image `index` of the data set,
// layer by layer, forward and backward, with the reference kernels, and each gradient beside a numerical derivative
// computed in double precision. SILMA_USAGE if the image does not suit the network, or the page would be too large.
// `options` and `result` may be null.
SILMA_API silma_status silma_trace_write(silma_context *context, silma_model *model, const silma_dataset *dataset,
                                         size_t index, const silma_trace_options *options, const char *path,
                                         silma_trace_result *result, silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 3. Figures: the mathematics and the data, as silma_report_figures gives a run's

// Each activation function and its derivative, as the context's kernels compute them, and the negative logarithm:
// figures 3 to 7 of the thesis, and the functions that came later.
SILMA_API silma_status silma_plot_activations(const silma_context *context, silma_figure_fn *figure, void *user,
                                              silma_error *error);

// To how many outputs of a filter each of (height, width) pixels is connected: equations 60 and 61, figure 11. `window`
// is written as in a .silma text: "3x3 stride=2 pad=1", "5x5 same". Counted by the context's kernels.
SILMA_API silma_status silma_connections(const silma_context *context, int height, int width, const char *window,
                                         uint32_t *counts, silma_error *error);
SILMA_API silma_status silma_plot_connections(const silma_context *context, int height, int width, const char *window,
                                              silma_figure_fn *figure, void *user, silma_error *error);

// `count` images of a data set with their classes, drawn at random: figures 17 and 26. Images have 1 to 4 channels.
SILMA_API silma_status silma_plot_samples(const silma_dataset *dataset, size_t count, uint64_t seed,
                                          const silma_codecs *codecs, silma_figure_fn *figure, void *user,
                                          silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 4. The thesis

enum { SILMA_THESIS_EXPERIMENTS = 4 };

// One of the thesis's experiments: a network of the zoo, whose recipe is the thesis's, on a data set of the catalogue.
typedef struct silma_thesis_experiment_type {
    const char *name; // "cifar-ann"
    const char *network, *data;
    unsigned epochs; // at most
    unsigned batch;
    // The same shortened, for a first look:
    unsigned quick_epochs, quick_batch;
    size_t quick_images; // the first so many training images; 0: all
} silma_thesis_experiment_type;
// In the thesis's order; null beyond the last.
SILMA_API const silma_thesis_experiment_type *silma_thesis_experiment(size_t index);

// What there is of an experiment.
typedef struct silma_thesis_part {
    bool left_out;                // of the page, with all its figures
    const char *folder;           // of its run, finished or not; null: none
    const silma_dataset *dataset; // the images that the run was trained on; null: missing
    const char *problem;          // why the one or the other is missing; null: not known
} silma_thesis_part;

typedef struct silma_thesis_options {
    silma_thesis_part parts[SILMA_THESIS_EXPERIMENTS]; // in the order of silma_thesis_experiment
    const silma_codecs *codecs;                        // encode_png makes the pictures; null: they are missing
} silma_thesis_options;

// Writes one HTML page to `path`, whole or not at all: the thesis's tables and figures 3-7, 11 and 13-35, each with
// Silma's values beside the thesis's, and where they differ, why. It loads nothing from anywhere.
SILMA_API silma_status silma_thesis_write(silma_context *context, const silma_thesis_options *options, const char *path,
                                          silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 5. Comparison: whether one run is better than another, or noise

typedef struct silma_comparison silma_comparison;

typedef struct silma_compared_run {
    const char *folder, *label; // the label is short, and unlike those of the others
    const char *network, *data; // names
    uint64_t seed;
    size_t parameters;
    size_t epochs;       // finished
    unsigned best_epoch; // 0: none
    double seconds;      // of all epochs
    // Of the best weights on the run's validation images. Where these are not at hand, as the history has it.
    double accuracy, accuracy_low, accuracy_high; // with Wilson's 95 % interval; NaN without validation images
    double loss, true_positives;                  // of the best epoch, as the history has it
    double last_accuracy;                         // of the last epoch
    size_t images;                                // for validation
    size_t group;                                 // its group's number
    const char *problem;                          // why its images could not be predicted; null: they were
} silma_compared_run;

// A mean over runs, with its 95 % interval by Student's t, cut to what the value can be (a share: 0 to 1; a loss: from
// 0); NaN where there is nothing, or one run only.
typedef struct silma_compared_mean {
    double mean, deviation, low, high;
} silma_compared_mean;

// Runs of the same network and data with the same settings, apart from the seed.
typedef struct silma_compared_group {
    size_t first, runs; // its first run, and their number
    silma_compared_mean accuracy, loss, true_positives, last_accuracy;
} silma_compared_group;

// Two runs on the same validation images: McNemar's test.
typedef struct silma_compared_pair {
    size_t first, second;                               // runs
    const char *problem;                                // why they cannot be tested; null: they were
    size_t images;                                      // that both predicted
    size_t only_first, only_second;                     // images that one of them alone gets right
    double difference, difference_low, difference_high; // first's share minus second's, with its 95 % interval
    double p;                                           // of two equally good runs differing so much
    double p_adjusted;                                  // for all pairs that were tested (Holm)
} silma_compared_pair;

// Gathers what is known of `count` runs (2 to 64). datasets[i] holds the images that run i was trained on, or is null
// and data_problems[i] says why; they must outlive the comparison, and so must the context. Free with
// silma_comparison_free.
SILMA_API silma_status silma_comparison_create(silma_comparison **comparison, silma_context *context,
                                               const char *const *folders, const silma_dataset *const *datasets,
                                               const char *const *data_problems, size_t count, silma_error *error);
SILMA_API void silma_comparison_free(silma_comparison *comparison);

// Valid as long as the comparison; null beyond the last.
SILMA_API const silma_compared_run *silma_comparison_run(const silma_comparison *comparison, size_t index);
SILMA_API const silma_compared_group *silma_comparison_group(const silma_comparison *comparison, size_t index);
SILMA_API const silma_compared_pair *silma_comparison_pair(const silma_comparison *comparison, size_t index);
// What a person should conclude, a sentence each.
SILMA_API const char *silma_comparison_sentence(const silma_comparison *comparison, size_t index);

// Writes one HTML file that needs no other.
SILMA_API silma_status silma_comparison_write(const silma_comparison *comparison, const char *path, silma_error *error);
SILMA_API silma_status silma_comparison_figures(const silma_comparison *comparison, silma_figure_fn *figure, void *user,
                                                silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 6. Checking data: what is wrong with it, before hours are spent

typedef enum silma_finding_kind {
    SILMA_FINDING_UNREADABLE = 0, // a file that is no picture, or was passed over
    SILMA_FINDING_LEAK,           // the same picture in two of training, validation and test
    SILMA_FINDING_CONTRADICTION,  // the same picture in two classes
    SILMA_FINDING_DUPLICATE,      // the same picture twice in a class
    SILMA_FINDING_ONE_COLOUR,     // a picture without anything on it
    SILMA_FINDING_SMALL_CLASS,    // a class with few training images, or none
    SILMA_FINDING_IMBALANCE,      // a class ten times as large as another
    SILMA_FINDING_ONE_CLASS,      // no second class has training images
    SILMA_FINDING_DOUBTED_LABEL,  // the model is sure of another class
    SILMA_FINDING_KINDS
} silma_finding_kind;

typedef struct silma_checked_image {
    const char *split; // "train", "validation" or "test"; null: no image
    uint32_t index;    // in the data set of its split; those of validation are in the one of train
    int class_index;
    const char *class_name; // null: it has none but its number
    const char *file;       // relative to the data set's folder; null: it has none of its own
} silma_checked_image;

typedef struct silma_finding {
    silma_finding_kind kind;
    bool is_error;                    // otherwise a warning
    silma_checked_image image, other; // `other`: the earlier one that it is like, or the largest class
    bool exact;                       // of leaks, contradictions and duplicates: all pixels are the same
    double value;      // mean difference of the pixels, 0..255; images of the class; how many times larger; the model's
                       // probability
    int doubted_class; // SILMA_FINDING_DOUBTED_LABEL: what the model takes it for
    const char *reason; // SILMA_FINDING_UNREADABLE: which file, and why
} silma_finding;

typedef struct silma_check silma_check;

// Looks at the training and the test images of a data set, found as silma_dataset_open finds them with `options`; of a
// folder of pictures, at every file. `model` (may be null) is asked for the labels that it doubts. The data set's
// codecs and the context must outlive the check. Free with silma_check_free.
SILMA_API silma_status silma_check_create(silma_check **check, silma_context *context, const char *name_or_path,
                                          const silma_dataset_options *options, silma_model *model, silma_error *error);
SILMA_API void silma_check_free(silma_check *check);

// The findings, by kind, the worst of a kind first; null beyond the last. Valid as long as the check.
SILMA_API const silma_finding *silma_check_finding(const silma_check *check, size_t index);
SILMA_API size_t silma_check_count(const silma_check *check, silma_finding_kind kind);
SILMA_API size_t silma_check_errors(const silma_check *check);
SILMA_API size_t silma_check_images(const silma_check *check);                       // training, validation and test
SILMA_API size_t silma_check_images_of(const silma_check *check, const char *split); // "train", "validation" or "test"
// "unreadable", "leak", "contradiction", "duplicate", "one_colour", "small_class", "imbalance", "one_class",
// "doubted_label"
SILMA_API const char *silma_finding_name(silma_finding_kind kind);
// What was found of a kind, and what to do, in a sentence; null where nothing was. Valid as long as the check.
SILMA_API const char *silma_check_sentence(const silma_check *check, silma_finding_kind kind);

// The sizes and colours of a folder's files, the most frequent first; null beyond the last, and for other data sets.
typedef struct silma_picture_kind {
    int height, width, channels; // as in silma_picture
    size_t count;
} silma_picture_kind;
SILMA_API const silma_picture_kind *silma_check_picture_kind(const silma_check *check, size_t index);

// Writes one HTML file with thumbnails that needs no other.
SILMA_API silma_status silma_check_write(const silma_check *check, const char *path, silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 7. Benchmarks

typedef struct silma_bench_options {
    size_t repeats;     // timed samples of each subject; 0: as many as half a second holds, at least 5
    const char *filter; // silma_bench_kernels: only those whose name contains this text; null: all
    const char
        *augment; // silma_bench_train: "standard", "flip crop=4", ..., instead of the recipe's; null: the recipe's
    bool errors;  // silma_bench_kernels: how exact convolutions are as well
} silma_bench_options;

typedef struct silma_bench_result {
    char name[96];                                    // "conv3x3 64->64@16 forward", "train cnn 32x32x3 batch 500"
    size_t repeats;                                   // samples taken
    size_t images;                                    // of one call
    double seconds_median, seconds_low, seconds_high; // of one call: median and quartiles of the samples
    double images_per_second;                         // these at the median
    double gflops;      // as if convolutions were direct sums, however they are computed; training counts 3 forwards
    double peak_gflops; // multiply-adds in registers, on the same threads, measured between the samples: median
    double fraction_of_peak; // gflops / peak_gflops
    double relative_error; // to sums in double precision, 2-norms; NaN where it was not asked for or is no convolution
} silma_bench_result;

// Receives each result as soon as it is there. Returns false to stop: SILMA_INTERRUPTED.
typedef bool silma_bench_fn(const silma_bench_result *result, void *user);

// Convolutions and dense layers in all directions, at batch 128. Where the kernels may choose another way than direct
// sums (Winograd), the name ends in "direct" for the direct sums beside it. SILMA_USAGE if the filter leaves nothing.
// `options` may be null, here and below.
SILMA_API silma_status silma_bench_kernels(silma_context *context, const silma_bench_options *options,
                                           silma_bench_fn *report, void *user, silma_error *error);
// Whole training steps of `batch` images: gather, forward, loss, backward, norm of the gradient, update. With the
// network's own recipe; nothing is written. `dataset` may be null: noise of the network's input size.
SILMA_API silma_status silma_bench_train(silma_context *context, const silma_network *network,
                                         const silma_dataset *dataset, size_t batch, const silma_bench_options *options,
                                         silma_bench_result *result, silma_error *error);
// silma_model_predict on `batch` images of noise, with random weights.
SILMA_API silma_status silma_bench_infer(silma_context *context, const silma_network *network, size_t batch,
                                         const silma_bench_options *options, silma_bench_result *result,
                                         silma_error *error);

#ifdef __cplusplus
}
#endif

#endif
