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
//
// What tells people about all this is a library of its own, report.h: pages and figures of runs and of the mathematics,
// what is wrong with data, benchmarks.
//
// The library has no global state, never prints, never exits, and never aborts on input. Handles are opaque; the
// function that creates one documents who frees it, with a function that takes null too; where it fails, the handle is
// left as it was, or null. Handles may be used from any thread, one thread at a time: a context and what is called with
// it count as one. What is passed in is copied, unless it is said to have to outlive something. Memory that runs out is
// SILMA_FAILURE, from any function.
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
// colours: `pixels` (height, width, channels) of the preparation. SILMA_USAGE or SILMA_BAD_FILE if a size of the
// preparation or of the picture makes no sense (sides from 1 to 2^20).
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
// Free with silma_dataset_free. `options` may be null, and is not needed afterwards.
//
// Pictures: the classes are the sub-folders, sorted by the bytes of their names, of the folder itself or of its train/,
// val/ (valid/, validation/) and test/. Without test/ there is no test set; the images of val/ are the last ones of the
// training set, and silma_dataset_partition keeps them apart.
SILMA_API silma_status silma_dataset_open(silma_dataset **dataset, const char *name_or_path, silma_split split,
                                          const silma_dataset_options *options, silma_error *error);
// Whether images of the training set are set apart for validation by the data set itself.
SILMA_API bool silma_dataset_has_validation(const silma_dataset *dataset);
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
// by the first call; valid as long as the data set.
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
// validation images of its own, these are `validation`, or nothing is if `fraction` is 0. SILMA_USAGE if the fraction
// is not from 0 to 1, or there are no labels. Free both lists with silma_partition_free.
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

// Reads a .safetensors file that Silma wrote. SILMA_IO if it cannot be read, SILMA_BAD_FILE if it is damaged or no
// model. Free with silma_model_free.
SILMA_API silma_status silma_model_load(silma_model **model, const char *path, silma_error *error);
// Replaces a file that is there, or, after a failure, leaves it as it was.
SILMA_API silma_status silma_model_save(const silma_model *model, const char *path, silma_error *error);
SILMA_API void silma_model_free(silma_model *model);

SILMA_API void silma_model_input_size(const silma_model *model, int *height, int *width, int *channels);
// What a picture becomes before it enters the network: as the images that the model was trained on. Images of 28x28 may
// enter a network of 32x32, in the middle of a black image, or one whose input is a vector of 784.
SILMA_API void silma_model_preparation(const silma_model *model, silma_preparation *preparation);
SILMA_API int silma_model_class_count(const silma_model *model);
// Texts are valid as long as the model.
SILMA_API const char *silma_model_class_name(const silma_model *model, int index); // null beyond the last
SILMA_API const char *silma_model_text(const silma_model *model);                  // the network, as .silma text
// How it was trained, as one JSON object: network, data (name, sha256, train_images, validation_images), settings, and
// the values of its epoch, as in history.jsonl; null where the file does not say.
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
// probabilities (count, class_count). Preprocessing is part of the model. The first call with a context allocates;
// later ones with the same context and no larger a count do not. The context need not outlive the model.
SILMA_API silma_status silma_model_predict(silma_model *model, silma_context *context, const uint8_t *pixels,
                                           size_t count, float *probabilities, silma_error *error);

// The same for pictures of any size: each is prepared as silma_model_preparation says, on all threads of the context.
// SILMA_BAD_FILE if one of them cannot be; the probabilities then mean nothing.
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
// row of probabilities is NaN, and the others are still predicted; SILMA_OK then too.
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
// SILMA_BAD_FILE with "net.silma:7: ...", a word that is neither a file nor of the zoo SILMA_USAGE, a file that cannot
// be read SILMA_IO. `input` may be null if the text names its sizes.
SILMA_API silma_status silma_network_open(silma_network **network, const char *name_or_path, const silma_input *input,
                                          silma_error *error);
// The same from text; `origin` is what messages call it.
SILMA_API silma_status silma_network_parse(silma_network **network, const char *text, const char *origin,
                                           const silma_input *input, silma_error *error);
SILMA_API void silma_network_free(silma_network *network);

// The language of a .silma text, a line each: how a layer is written ("conv FILTERS KHxKW ..."), and how a setting of
// its recipe is ("epochs COUNT"). Null beyond the last.
SILMA_API const char *silma_layer_synopsis(size_t index);
SILMA_API const char *silma_setting_synopsis(size_t index);

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
// Layer 0 is the input; the index must be below the count. Strings and lists stay valid as long as the network.
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

// The zoo: name, first comment line and .silma text of each network; null beyond the last.
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
    double seconds;   // of the epoch, validation included; of one that was resumed, since then
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
// lr=1e-3"). Precedence: defaults, then the network's recipe, then what is set here. Free with silma_settings_free.
// silma_settings_set is SILMA_USAGE for an unknown name or a value that makes no sense; what depends on network and
// data is found by silma_run_create.
typedef struct silma_settings silma_settings;
SILMA_API silma_status silma_settings_create(silma_settings **settings, silma_error *error);
SILMA_API silma_status silma_settings_set(silma_settings *settings, const char *name, const char *value,
                                          silma_error *error);
SILMA_API void silma_settings_free(silma_settings *settings);

typedef struct silma_run silma_run;

// Prepares a run in `folder`, which is made and must not hold a run already. `settings` may be null. The network's text
// and the data set's identity are stored in the run; context and data set must outlive it, network and settings need
// not. As long as the run is open nobody else can train in this folder: SILMA_IO. SILMA_USAGE if network, data and
// settings do not suit each other. Free with silma_run_free, which saves nothing: what silma_run_train has saved is in
// the folder.
SILMA_API silma_status silma_run_create(silma_run **run, silma_context *context, const silma_network *network,
                                        const silma_dataset *dataset, const silma_settings *settings,
                                        const char *folder, silma_error *error);
// Whether a run in `folder` may be moved or deleted: SILMA_IO if somebody, this program included, has it open and does
// not close it within two seconds.
SILMA_API silma_status silma_run_check_unused(const char *folder, silma_error *error);
// Continues a run from its last.safetensors: to the same bits as if it had never stopped. `settings` (may be null) can
// change epochs and early_stop; anything else that differs, and other data, is SILMA_USAGE.
SILMA_API silma_status silma_run_resume(silma_run **run, silma_context *context, const silma_dataset *dataset,
                                        const silma_settings *settings, const char *folder, silma_error *error);
// Trains until the last epoch, early stopping, or the callback's wish. After each epoch last.safetensors is written,
// before SILMA_INTERRUPTED too, and best.safetensors if it was the best one. After SILMA_DIVERGED they are what the
// last good epoch left. `progress` may be null.
SILMA_API silma_status silma_run_train(silma_run *run, silma_progress_fn *progress, void *user, silma_error *error);
SILMA_API void silma_run_free(silma_run *run);

// Every resolved setting as one JSON object, as stored in config.json; valid as long as the run.
SILMA_API const char *silma_run_config(const silma_run *run);
// The finished epochs, those before a resume included; valid until the run trains on.
SILMA_API const silma_epoch *silma_run_history(const silma_run *run, size_t *count);

// What a run folder holds, without the run being opened.
//
// Every resolved setting as one JSON object: config.json. Free *json with free().
SILMA_API silma_status silma_run_read_config(const char *folder, char **json, silma_error *error);
// The finished epochs, oldest first; none where the folder has no history. Free *epochs with free().
SILMA_API silma_status silma_run_read_history(const char *folder, silma_epoch **epochs, size_t *count,
                                              silma_error *error);
// The images that the run was trained and validated on: indices into its data set, which has `image_count` of them.
// Free with silma_partition_free.
SILMA_API silma_status silma_run_read_partition(const char *folder, size_t image_count, silma_partition *partition,
                                                silma_error *error);
// The name and location of the data that a run folder was trained on, for resuming; free both with free(). *data_dir is
// null if it came from memory.
SILMA_API silma_status silma_run_dataset_name(const char *folder, char **name, char **data_dir, silma_error *error);
// How its pictures were prepared, for silma_dataset_options; all zeros where it was not trained on pictures.
SILMA_API silma_status silma_run_dataset_preparation(const char *folder, silma_preparation *preparation,
                                                     silma_error *error);

// ---------------------------------------------------------------------------------------------------------------------
// 7. Evaluation

typedef struct silma_class_score {
    size_t support;               // images of this class
    size_t predicted;             // images taken for this class
    double precision, recall, f1; // 0 where they would be 0/0
} silma_class_score;

typedef struct silma_evaluation {
    size_t count;
    double loss;
    double accuracy, accuracy_low, accuracy_high; // with Wilson's 95 % interval
    double top5;           // images whose true class is among the five most probable ones, divided by the images
    double true_positives; // images whose true class got more than 0.5, divided by the images
    int class_count;
    silma_class_score *classes; // (class_count)
    size_t *confusion;          // (class_count, class_count): row: true class, column: predicted
} silma_evaluation;

// Evaluates on all images of the data set (`indices` null), or on those listed. The loss is the one that the model was
// trained with. SILMA_USAGE if the images have no labels, or their classes or size do not suit the model. Free with
// silma_evaluation_free.
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
    double worst;   // relative error, by no less than the rounding of the loss lets tell
    bool passed;    // it is at most 1e-2
} silma_gradient_check;

// Compares the analytic gradient of the loss with differences of the loss, for each parameter tensor and the input, on
// random images: over a short way through all elements of the tensor at once, in several random directions, the loss
// must change by the integral of the gradient. `results` receives at most `capacity` entries, and *count their number;
// SILMA_USAGE if there are more. A gradient that does not pass is no failure of the function.
SILMA_API silma_status silma_gradcheck(silma_context *context, const silma_network *network, uint64_t seed,
                                       silma_gradient_check *results, size_t capacity, size_t *count,
                                       silma_error *error);

#ifdef __cplusplus
}
#endif

#endif
