// Everything known of a run, gathered once: what the folder says, and, where the data set is at hand, what the model
// makes of its images. Whatever is missing is missing here too, and the page says so.
#ifndef SILMA_REPORT_RUN_FACTS_H
#define SILMA_REPORT_RUN_FACTS_H

#include "nn/model.h"
#include "nn/network.h"
#include "report/scores.h"
#include "train/history.h"

// Without validation images, at most so many training images are predicted.
enum { FACTS_TRAINING_MOST = 10000 };

typedef struct run_facts {
    char *folder;
    // config.json; texts are those of the JSON value
    json_t *config;
    const json_t *settings;
    const char *version, *model_name, *network_text, *data_name, *data_folder, *data_hash, *isa; // "" where unknown
    const char *best_by; // the recorded value that decides which weights are best
    uint64_t seed;
    unsigned epochs_wanted;
    int threads;
    size_t train_images, validation_images;
    int height, width, channels, class_count;
    // history.jsonl and last.safetensors
    history history;
    unsigned best_epoch; // 0: none
    bool stopped_early, unfinished;
    double seconds; // of all epochs
    // the network, and whether its text is that of the zoo's network of the same name
    silma_network *network;
    bool from_zoo;
    // best.safetensors, or last.safetensors where there is none
    silma_model *model;     // null: neither
    const char *model_file; // its name; null: none
    char model_hash[65];
    // of calibrated.safetensors, or else of the model above; its count is 0 where neither was calibrated
    silma_calibration calibration;
    // the data
    const silma_dataset *dataset; // the caller's; null: missing
    char data_problem[1024];      // why it is missing
    silma_partition parts;
    size_t *train_counts, *validation_counts; // (class_count) images of each class; null where there is no data set
    // predictions
    bool scored, scored_training; // on training images, since there are no others
    scores scores;
} run_facts;

// `dataset` (the training images; it must outlive the facts) may be null, `data_problem` says why. Free with
// run_facts_free, which takes a zeroed structure too.
silma_status run_facts_gather(run_facts *facts, const char *folder, silma_context *context,
                              const silma_dataset *dataset, const char *data_problem, silma_error *error);
void run_facts_free(run_facts *facts);

// The name of a class as the files have it, never null; `number` is where a number is written if it has no name.
enum { CLASS_NUMBER_SIZE = 16 };
const char *run_facts_class(const run_facts *facts, int index, char number[CLASS_NUMBER_SIZE]);

// A setting as text, "" where it is not known; free with free(), null if memory is short.
char *setting_text(const json_t *value);

#endif
