// Silma: trains, explains and ships image classifiers on the CPU.
//
// This header is the manual. It goes from the simple to the advanced:
//
//   1. Errors            every function that can fail returns a silma_status and may fill a silma_error
//   2. Context           threads, instruction set, back end
//   3. Data sets         by name, by folder, or from memory
//   4. Models            load a trained model and classify pictures: all that an application needs
//   5. Networks          read a .silma text or a zoo network, describe it
//   6. Training          settings, progress, run folder
//   7. Evaluation
//   8. Gradient check
//   9. Benchmarks
//  10. Reports           a run as a page to look at
//  11. Trace             one image's mathematics on a page
//  12. Figures           the mathematics and the data as SVG
//  13. The thesis
//  14. Comparison        several runs side by side
//  15. Checking data     what is wrong with it, before hours are spent
//
// The library has no global state, never prints, never exits, and never aborts on input. Handles are opaque; the
// function that creates one documents who frees it. Handles may be used from any thread, one thread at a time.
//
// Images are unsigned bytes in row-major NHWC order: (images, height, width, channels).
#ifndef SILMA_SILMA_H
#define SILMA_SILMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SILMA_API __attribute__((visibility("default")))
#else
#define SILMA_API
#endif

#define SILMA_VERSION_MAJOR 0
#define SILMA_VERSION_MINOR 1
#define SILMA_VERSION_PATCH 0

// The version of the library that is linked, such as "0.1.0".
SILMA_API const char *silma_version(void);

// ---------------------------------------------------------------------------------------------------------------------
// 1. Errors

// The values are also the exit codes of the command.
typedef enum silma_status {
    SILMA_OK = 0,
    SILMA_FAILURE = 1,     // anything without a code of its own: out of memory, no such thread
    SILMA_USAGE = 2,       // the caller asked for something that makes no sense
    SILMA_BAD_FILE = 3,    // a data or model file is damaged, or not what it claims to be
    SILMA_IO = 4,          // a file could not be opened, read or written
    SILMA_DIVERGED = 5,    // training met a NaN or an infinity
    SILMA_INTERRUPTED = 6, // the progress callback asked to stop; everything was saved
} silma_status;

// Filled by a function that fails, untouched by one that succeeds. The message is UTF-8, one line without a full stop
// at its end, and says where, what was expected, what was found. A null pointer is allowed wherever a silma_error *
// is taken.
typedef struct silma_error {
    silma_status status;
    char message[1024];
} silma_error;

// ---------------------------------------------------------------------------------------------------------------------
// 2. Context: threads and kernels

typedef struct silma_context silma_context;

typedef enum silma_backend {
    SILMA_BACKEND_FAST = 0,  // the best kernels that this CPU has
    SILMA_BACKEND_REFERENCE, // plain loops straight from the equations, sums in double precision: the oracle
} silma_backend;

typedef struct silma_context_options {
    unsigned threads; // 0: one per processor that the process may use. Results do not depend on it, to the bit.
    const char *isa;  // "avx512", "avx2", "neon", "scalar"; null: $SILMA_ISA, otherwise the best that the CPU has
    silma_backend backend;
    bool no_winograd; // direct sums only
} silma_context_options;

// `options` may be null. Fails with SILMA_USAGE if the CPU lacks the instruction set that was asked for.
// Free with silma_context_free (null is allowed).
SILMA_API silma_status silma_context_create(silma_context **context, const silma_context_options *options,
                                            silma_error *error);
SILMA_API void silma_context_free(silma_context *context);
SILMA_API unsigned silma_context_threads(const silma_context *context);
SILMA_API const char *silma_context_isa(const silma_context *context); // as in silma_context_options, or "reference"

// ---------------------------------------------------------------------------------------------------------------------
// 3. Data sets

typedef struct silma_dataset silma_dataset;

typedef enum silma_split {
    SILMA_SPLIT_TRAIN = 0, // the data set's own training images
    SILMA_SPLIT_TEST,      // its own test images
} silma_split;

// A decoded picture, upright, rows from the top.
typedef struct silma_picture {
    int height, width;
    int channels;    // 1: grey; 2: grey, alpha; 3: red, green, blue; 4: red, green, blue, alpha (not premultiplied)
    uint8_t *pixels; // (height, width, channels); free with free()
} silma_picture;

// What needs other libraries is handed in: silma_codecs_default() of <silma/codecs.h> (libsilma-codecs), or functions
// of the caller's own. A null function is a codec that is not there.
typedef struct silma_codecs {
    // Decompresses the `size` bytes of a gzip file, drops the first `skip` bytes of the result and fills `bytes` with
    // the next `count`. With `to_end` the result must end there, its check sum must hold, and nothing may follow it.
    // SILMA_BAD_FILE if anything is wrong; `path` is what messages call the file.
    silma_status (*gunzip)(const char *path, const uint8_t *compressed, size_t size, size_t skip, uint8_t *bytes,
                           size_t count, bool to_end, silma_error *error);
    // Decodes the `size` bytes of a picture file, whatever its name says: PNG, JPEG (turned upright as its EXIF
    // orientation says), BMP, PNM. Where the format can decode at a fraction of the size at little cost (JPEG: 1/2,
    // 1/4, 1/8), it may, as long as both sides stay at least `least_side`; 0 asks for the full size. SILMA_BAD_FILE if
    // anything is wrong, or height x width exceeds `most_pixels`, which is checked before anything is allocated.
    silma_status (*decode_picture)(const char *path, const uint8_t *bytes, size_t size, int least_side,
                                   uint64_t most_pixels, silma_picture *picture, silma_error *error);
    // The picture as a PNG file in memory; free *png with free().
    silma_status (*encode_png)(const silma_picture *picture, uint8_t **png, size_t *size, silma_error *error);
    // What decode_picture is given as `most_pixels`; 0: SILMA_MOST_PIXELS.
    uint64_t most_pixels;
} silma_codecs;

#define SILMA_MOST_PIXELS 89478485u

// How a picture of any size becomes an image of a network's size.
typedef enum silma_resize {
    SILMA_RESIZE_STRETCH = 0, // to the size, whatever the proportions
    SILMA_RESIZE_FIT,         // all of it, proportions kept, `background` beside it (letter-box)
    SILMA_RESIZE_CROP,        // its middle, proportions kept, what is beyond cut off
} silma_resize;

typedef struct silma_preparation {
    int height, width, channels; // of the image; channels 1 (grey: 0.299 R + 0.587 G + 0.114 B) or 3
    silma_resize resize;
    uint8_t background[3]; // red, green, blue: under transparent parts, and beside pictures that do not fill the image
} silma_preparation;

// Resizes with anti-aliasing (a triangle filter as wide as the scale), composes over the background, converts the
// colours: `pixels` (height, width, channels) of the preparation.
SILMA_API silma_status silma_picture_prepare(const silma_picture *picture, const silma_preparation *preparation,
                                             uint8_t *pixels, silma_error *error);

// Something that the user should know although nothing failed: one line, without a full stop at its end.
typedef void silma_notice_fn(const char *message, void *user);

typedef struct silma_dataset_options {
    const char *data_dir; // searched first; then $SILMA_DATA, then $XDG_DATA_HOME/silma (~/.local/share/silma), then
                          // /usr/share/datasets
    const silma_codecs *codecs; // null: neither compressed files nor pictures can be read
    silma_notice_fn *notice;    // may be null
    void *notice_user;
    // The others are for folders of pictures alone. A height and width of 0: the size of the pictures, if it is the
    // same for all and at most 256x256, otherwise 64x64; channels of 0: grey if all pictures are, otherwise colour.
    silma_preparation preparation;
    bool strict;                    // SILMA_BAD_FILE if a file cannot be read; otherwise it is left out, with a notice
    unsigned threads;               // that decode; 0: one per processor
    bool no_cache;                  // decode into memory, and keep nothing for the next time
    const char *const *class_names; // (class_count) those of a model; SILMA_USAGE if a sub-folder is none of them
    int class_count;                // null: the sub-folders are the classes
} silma_dataset_options;

// Opens a data set by name ("fashion-mnist", "mnist", "cifar-10", "cifar-100") or by the path of a folder that holds
// its files, or pictures in a sub-folder a class. A name of the catalogue is a name; "./mnist" is a path. SILMA_IO if
// it cannot be found (the message lists the places searched and how to get it), SILMA_BAD_FILE if a file is damaged.
// Free with silma_dataset_free. `options` may be null.
//
// Pictures: the classes are the sub-folders, sorted by the bytes of their names, of the folder itself or of its train/,
// val/ (valid/, validation/) and test/. Without test/ there is no test set; the images of val/ are the last ones of the
// training set, and silma_dataset_partition keeps them apart.
SILMA_API silma_status silma_dataset_open(silma_dataset **dataset, const char *name_or_path, silma_split split,
                                          const silma_dataset_options *options, silma_error *error);
// The folder that silma_dataset_open would read; errors as there. Free *folder with free().
SILMA_API silma_status silma_dataset_find(char **folder, const char *name_or_path, silma_split split,
                                          const silma_dataset_options *options, silma_error *error);

typedef struct silma_images {
    const uint8_t *pixels;  // (count, height, width, channels)
    const uint32_t *labels; // (count), each below class_count; null where labels are unknown
    size_t count;
    int height, width, channels;
    const char *const *class_names; // (class_count); null: "0", "1", ...
    int class_count;
} silma_images;

// A data set over the caller's own images. Everything is copied. At least 1 and at most 2^32 - 1 images, and at most
// 65,536 classes; names are printable UTF-8.
SILMA_API silma_status silma_dataset_from_memory(silma_dataset **dataset, const char *name, const silma_images *images,
                                                 silma_error *error);
SILMA_API void silma_dataset_free(silma_dataset *dataset);

// A view of what the data set holds; valid as long as the data set.
SILMA_API const silma_images *silma_dataset_images(const silma_dataset *dataset);
SILMA_API const char *silma_dataset_name(const silma_dataset *dataset);
SILMA_API const char *silma_dataset_folder(const silma_dataset *dataset); // null if it came from memory
// How its pictures became images; null for a data set that was not made of pictures.
SILMA_API const silma_preparation *silma_dataset_preparation(const silma_dataset *dataset);
// The file of an image, relative to the data set's folder; null where images have no files of their own.
SILMA_API const char *silma_dataset_image_file(const silma_dataset *dataset, size_t index);
// sha256 of the pixels, then of the labels as 32-bit little-endian numbers: 64 lower-case hexadecimal digits. Computed
// by the first call.
SILMA_API const char *silma_dataset_hash(const silma_dataset *dataset);

// Prepared pictures are kept in $SILMA_CACHE, $XDG_CACHE_HOME/silma or ~/.cache/silma, and read from there as long as
// the names, sizes and times of the files are the same. SILMA_USAGE if no variable says where. Free with free().
SILMA_API silma_status silma_cache_folder(char **folder, silma_error *error);
// Deletes what Silma has put there, and nothing else. `deleted` (may be null) is told of each file: its size, and the
// folder of pictures that it was made of, or null where it does not tell.
typedef void silma_cache_fn(const char *path, uint64_t bytes, const char *pictures, void *user);
SILMA_API silma_status silma_cache_clean(silma_cache_fn *deleted, void *user, silma_error *error);

// A stratified split: of each class, round(fraction * count) images drawn at random go to `validation`, the others to
// `train`; both lists ascend. Of a folder of pictures, those that are nearly the same stay together; where it has
// validation images of its own, these are `validation`, or nothing is if `fraction` is 0. Free both lists with
// silma_partition_free.
typedef struct silma_partition {
    uint32_t *train;
    size_t train_count;
    uint32_t *validation;
    size_t validation_count;
} silma_partition;
SILMA_API silma_status silma_dataset_partition(const silma_dataset *dataset, double fraction, uint64_t seed,
                                               silma_partition *partition, silma_error *error);
SILMA_API void silma_partition_free(silma_partition *partition);

// The catalogue: the data sets that Silma knows by name, and where they come from.
typedef struct silma_catalog_file {
    const char *name;   // "train-images-idx3-ubyte.gz"
    const char *url;    // where its makers publish it
    const char *sha256; // of the file as published
    const char *md5;    // the same, as the makers give it
    uint64_t bytes;
} silma_catalog_file;

typedef struct silma_catalog_content {
    const char *name; // "train-images-idx3-ubyte"
    const char *sha256;
} silma_catalog_content;

typedef struct silma_catalog_entry_type {
    const char *name;                // "fashion-mnist"
    const char *title;               // "Fashion-MNIST"
    const char *description;         // one line
    const char *debian_package;      // null where there is none
    const silma_catalog_file *files; // to download
    size_t file_count;
    const silma_catalog_content *contents; // what they hold once unpacked, and what is checked; may be none
    size_t content_count;
    int height, width, channels;
    int class_count;
    const char *const *class_names; // null: "0", "1", ...
    size_t train_count, test_count; // images
} silma_catalog_entry_type;

// Null beyond the last.
SILMA_API const silma_catalog_entry_type *silma_catalog_entry(size_t index);
SILMA_API const silma_catalog_entry_type *silma_catalog_find(const char *name); // null if there is none
// The folder into which `silma data get` puts data sets: $SILMA_DATA or $XDG_DATA_HOME/silma (~/.local/share/silma).
// It may not exist yet. SILMA_USAGE if none of the variables is set. Free with free().
SILMA_API silma_status silma_data_home(char **folder, silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 4. Models: classify pictures

typedef struct silma_model silma_model;

// Reads a .safetensors file that Silma wrote. Free with silma_model_free.
SILMA_API silma_status silma_model_load(silma_model **model, const char *path, silma_error *error);
SILMA_API silma_status silma_model_save(const silma_model *model, const char *path, silma_error *error);
SILMA_API void silma_model_free(silma_model *model);

SILMA_API void silma_model_input_size(const silma_model *model, int *height, int *width, int *channels);
// What a picture becomes before it enters the network: as the images that the model was trained on. Images of 28x28 may
// enter a network of 32x32, in the middle of a black image, or one whose input is a vector of 784.
SILMA_API void silma_model_preparation(const silma_model *model, silma_preparation *preparation);
SILMA_API int silma_model_class_count(const silma_model *model);
SILMA_API const char *silma_model_class_name(const silma_model *model, int index); // null beyond the last
SILMA_API const char *silma_model_text(const silma_model *model);                  // the network, as .silma text
// How it was trained, as one JSON object; null where the file does not say.
SILMA_API const char *silma_model_summary(const silma_model *model);

// What silma_model_calibrate has added to a model.
typedef struct silma_calibration {
    double temperature; // divides what enters the last softmax or sigmoid; 1: as it was trained
    double threshold;   // a picture is "unknown" if its most probable class has less; 0: none is
    double error_rate;  // that was asked for among the pictures that are not unknown
    size_t count;       // images that temperature and threshold were chosen on; 0: the model was not calibrated
} silma_calibration;
SILMA_API void silma_model_calibration(const silma_model *model, silma_calibration *calibration);

// The most probable class, the first of equal ones; -1, "unknown", where a calibrated model is too unsure of it.
// probabilities (class_count) are those of one picture.
SILMA_API int silma_model_choose(const silma_model *model, const float *probabilities);

// Class probabilities of `count` images of the model's input size: pixels (count, height, width, channels) ->
// probabilities (count, class_count). Preprocessing is part of the model. The first call allocates; later calls with
// no larger a count do not.
SILMA_API silma_status silma_model_predict(silma_model *model, silma_context *context, const uint8_t *pixels,
                                           size_t count, float *probabilities, silma_error *error);

// The same for pictures of any size: each is prepared as silma_model_preparation says, on all threads of the context.
SILMA_API silma_status silma_model_predict_pictures(silma_model *model, silma_context *context,
                                                    const silma_picture *pictures, size_t count, float *probabilities,
                                                    silma_error *error);
// A picture's file, in any format that the codecs decode.
typedef struct silma_picture_file {
    const char *path;     // what messages call it, and where it is read
    const uint8_t *bytes; // its contents, `size` bytes, where they are in memory already; null: they are read
    size_t size;
} silma_picture_file;
// The same for files: read and decoded on all threads of the context, a batch at a time, so that memory does not grow
// with `count`. errors (count) tells of each file whether it could be read: where errors[i].status is not SILMA_OK, its
// row of probabilities is NaN, and the others are still predicted.
SILMA_API silma_status silma_model_predict_files(silma_model *model, silma_context *context, const silma_codecs *codecs,
                                                 const silma_picture_file *files, size_t count, float *probabilities,
                                                 silma_error *errors, silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 5. Networks

typedef struct silma_network silma_network;

typedef struct silma_input {
    int height, width, channels; // what `input auto` becomes; zeros where unknown
    int class_count;             // what `dense classes` becomes; 0 where unknown
} silma_input;

// Reads a network: a zoo name ("cnn") or the path of a .silma file. Free with silma_network_free. A wrong line is
// SILMA_BAD_FILE with "net.silma:7: ...". `input` may be null if the text names its sizes.
SILMA_API silma_status silma_network_open(silma_network **network, const char *name_or_path, const silma_input *input,
                                          silma_error *error);
// The same from text; `origin` is what messages call it.
SILMA_API silma_status silma_network_parse(silma_network **network, const char *text, const char *origin,
                                           const silma_input *input, silma_error *error);
SILMA_API void silma_network_free(silma_network *network);

// Valid as long as the network: "cnn" for a zoo network or dir/cnn.silma; its text with `auto` and `classes` replaced.
SILMA_API const char *silma_network_name(const silma_network *network);
SILMA_API const char *silma_network_text(const silma_network *network);
SILMA_API void silma_network_input_size(const silma_network *network, int *height, int *width, int *channels);

SILMA_API size_t silma_network_layer_count(const silma_network *network);

typedef struct silma_layer_info {
    const char *name;            // unique in the network: "conv1"
    const char *type;            // the word in the .silma text: "conv"
    char description[160];       // its options as text: "32 3x3 same relu"
    int height, width, channels; // of the output; height and width are 0 where the output is a vector
    size_t trainable_params;     // floats
    size_t non_trainable_params; // floats
    uint64_t multiply_adds;      // of the forward pass, one image
    size_t input_count;          // layers whose output it takes; 0: only the input layer
    const size_t *inputs;        // their numbers
} silma_layer_info;
// Layer 0 is the input. Strings stay valid as long as the network.
SILMA_API void silma_network_layer(const silma_network *network, size_t index, silma_layer_info *info);

typedef struct silma_network_totals {
    size_t trainable_params;
    size_t non_trainable_params;
    uint64_t forward_flops;   // one image; a multiply-add counts as two
    size_t train_arena_bytes; // activations, gradients and workspaces of a training step
    size_t infer_arena_bytes;
    size_t train_peak_bytes; // memory of a training step: arena, parameters, gradients, optimiser
    size_t infer_peak_bytes; // memory of inference
} silma_network_totals;
// What training by the network's own recipe and inference take with `batch` images a step, on this context's threads
// and kernels. A wrong line of the recipe is SILMA_BAD_FILE.
SILMA_API silma_status silma_network_measure(const silma_network *network, const silma_context *context, size_t batch,
                                             silma_network_totals *totals, silma_error *error);

// An untrained model: the weights that training with this seed starts from. The names (class_count, may be null: "0",
// "1", ...) are copied; their number must suit the network's outputs: one each, or two for a single one. `network` may
// be freed afterwards.
SILMA_API silma_status silma_model_create(silma_model **model, const silma_network *network,
                                          const char *const *class_names, int class_count, uint64_t seed,
                                          silma_error *error);

// The zoo: name and first comment line of each network; null beyond the last.
SILMA_API const char *silma_zoo_name(size_t index);
SILMA_API const char *silma_zoo_title(size_t index);
SILMA_API const char *silma_zoo_text(size_t index);

// ---------------------------------------------------------------------------------------------------------------------
// 6. Training

// One epoch's record, as in history.csv. Values of the validation set are NaN where there is none.
typedef struct silma_epoch {
    unsigned epoch; // from 1
    double loss, accuracy, true_positives;
    double val_loss, val_accuracy, val_true_positives;
    double learning_rate;
    double images_per_second;
    double seconds;   // since the start of the epoch, validation included
    double data_wait; // share of the time spent waiting for data, 0..1
    bool best;        // the watched value improved
} silma_epoch;

// Where a running epoch stands; also sent between epochs.
typedef struct silma_progress {
    unsigned epoch, epochs; // from 1; at most
    size_t step, steps;     // within the epoch
    double loss, accuracy;  // running means
    double images_per_second;
    double seconds_left; // of the epoch
    double data_wait;
    const silma_epoch *finished; // not null when an epoch has just been completed
} silma_progress;

// Returns false to stop: the step is finished, everything is saved, and training returns SILMA_INTERRUPTED.
typedef bool silma_progress_fn(const silma_progress *progress, void *user);

// Settings by name, exactly as in the `train:` section of a .silma file: silma_settings_set(s, "optimizer", "adam
// lr=1e-3"). Precedence: defaults, then the network's recipe, then what is set here.
typedef struct silma_settings silma_settings;
SILMA_API silma_status silma_settings_create(silma_settings **settings, silma_error *error);
SILMA_API silma_status silma_settings_set(silma_settings *settings, const char *name, const char *value,
                                          silma_error *error);
SILMA_API void silma_settings_free(silma_settings *settings);

typedef struct silma_run silma_run;

// Prepares a run in `folder`, which is made and must not hold a run already. `settings` may be null.
// The network's text and the data set's identity are stored in the run.
SILMA_API silma_status silma_run_create(silma_run **run, silma_context *context, const silma_network *network,
                                        const silma_dataset *dataset, const silma_settings *settings,
                                        const char *folder, silma_error *error);
// Continues a run from its last.safetensors: to the same bits as if it had never stopped.
SILMA_API silma_status silma_run_resume(silma_run **run, silma_context *context, const silma_dataset *dataset,
                                        const silma_settings *settings, const char *folder, silma_error *error);
// Trains until the last epoch, early stopping, or the callback's wish.
SILMA_API silma_status silma_run_train(silma_run *run, silma_progress_fn *progress, void *user, silma_error *error);
SILMA_API void silma_run_free(silma_run *run);

// Every resolved setting as one JSON object, as stored in config.json; valid as long as the run.
SILMA_API const char *silma_run_config(const silma_run *run);
// The finished epochs, those before a resume included; valid until the run trains on.
SILMA_API const silma_epoch *silma_run_history(const silma_run *run, size_t *count);
// The name and location of the data that a run folder was trained on, for resuming; free with free().
SILMA_API silma_status silma_run_dataset_name(const char *folder, char **name, char **data_dir, silma_error *error);
// How its pictures were prepared, for silma_dataset_options; all zeros where it was not trained on pictures.
SILMA_API silma_status silma_run_dataset_preparation(const char *folder, silma_preparation *preparation,
                                                     silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 7. Evaluation

typedef struct silma_class_score {
    size_t support;   // images of this class
    size_t predicted; // images taken for this class
    double precision, recall, f1;
} silma_class_score;

typedef struct silma_evaluation {
    size_t count;
    double loss;
    double accuracy, accuracy_low, accuracy_high; // with Wilson's 95 % interval
    double top5;
    double true_positives; // images whose true class got more than 0.5, divided by the images
    int class_count;
    silma_class_score *classes; // (class_count)
    size_t *confusion;          // (class_count, class_count): row: true class, column: predicted
} silma_evaluation;

// Evaluates on all images of the data set, or on those listed. Free with silma_evaluation_free.
SILMA_API silma_status silma_evaluate(silma_model *model, silma_context *context, const silma_dataset *dataset,
                                      const uint32_t *indices, size_t index_count, silma_evaluation *evaluation,
                                      silma_error *error);
SILMA_API void silma_evaluation_free(silma_evaluation *evaluation);

// Class probabilities of the listed images of a data set, set into the model's size as in training: probabilities
// (count, class_count). SILMA_USAGE if an index is beyond the images, or their size does not suit the model.
SILMA_API silma_status silma_model_predict_dataset(silma_model *model, silma_context *context,
                                                   const silma_dataset *dataset, const uint32_t *indices, size_t count,
                                                   float *probabilities, silma_error *error);

// What calibration found.
typedef struct silma_calibration_report {
    silma_calibration calibration;
    size_t count; // images
    double accuracy;
    double loss_before, loss_after; // mean negative log-likelihood of the true class, as silma_evaluate has it
    // Expected calibration error: of 15 equally wide ranges of the greatest probability, the distance between its mean
    // and the accuracy, weighted by their images.
    double calibration_error_before, calibration_error_after;
    size_t known, known_right; // images that are not unknown; those of them that are right
} silma_calibration_report;

// Chooses the temperature that minimises the loss on the listed images (`indices` null: all), and then the smallest
// threshold with which at most `error_rate` of the images that are not unknown are wrong. They should be images that
// the model was not trained on: those kept for validation. What an earlier calibration chose is forgotten. The model in
// memory has both from now on, silma_model_save stores them. SILMA_USAGE if the network does not end in softmax or
// sigmoid, or no threshold does.
SILMA_API silma_status silma_model_calibrate(silma_model *model, silma_context *context, const silma_dataset *dataset,
                                             const uint32_t *indices, size_t index_count, double error_rate,
                                             silma_calibration_report *report, silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 8. Gradient check

typedef struct silma_gradient_check {
    char name[128]; // "conv1.kernel", or "input"
    size_t checked; // elements
    double worst;   // relative error
    bool passed;    // it is at most 1e-2
} silma_gradient_check;

// Compares the analytic gradient of the loss with differences of the loss, for each parameter tensor and the input, on
// random images: over a short way through all elements of the tensor at once, in several random directions, the loss
// must change by the integral of the gradient. `results` receives at most `capacity` entries, and *count their number.
SILMA_API silma_status silma_gradcheck(silma_context *context, const silma_network *network, uint64_t seed,
                                       silma_gradient_check *results, size_t capacity, size_t *count,
                                       silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 9. Benchmarks

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

// ---------------------------------------------------------------------------------------------------------------------
// 10. Reports: everything known of a run, as one page

typedef struct silma_report silma_report;

typedef struct silma_report_options {
    const silma_codecs *codecs; // null: pictures in the page are not compressed
    const char *data_problem;   // why there is no data set, for the page; may be null
} silma_report_options;

// Gathers everything about the run in `folder`: settings, history, model, and, if `dataset` (the images that it was
// trained on) is not null, what the best model makes of the validation images, or of training images where there are
// no others. A part that is missing is left out, and the page says so; one that is damaged is an error. The context and
// the data set must outlive the report. `options` may be null. Free with silma_report_free.
SILMA_API silma_status silma_report_create(silma_report **report, const char *folder, silma_context *context,
                                           const silma_dataset *dataset, const silma_report_options *options,
                                           silma_error *error);
SILMA_API void silma_report_free(silma_report *report);

// What a person should conclude, a sentence each; null beyond the last.
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
// 11. Trace

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
// 12. Figures: the mathematics and the data, as silma_report_figures gives a run's

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
// 13. The thesis

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
// 14. Comparison: whether one run is better than another, or noise

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

// A mean over runs, with its 95 % interval by Student's t; NaN where there is nothing, or one run only.
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
// 15. Checking data: what is wrong with it, before hours are spent

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

#ifdef __cplusplus
}
#endif

#endif
