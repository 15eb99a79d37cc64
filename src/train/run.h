// A training run: what it is made of, where it stands, and what it keeps on disk.
//
//     run.c         making a run: network, data, settings, memory
//     loop.c        steps, epochs, validation
//     checkpoint.c  last.safetensors and best.safetensors
//     config.c      config.json
//
// A run folder holds
//     config.json         every resolved setting, versions, the data's identity (for people, and to find the data)
//     split.json          the images of the training and the validation part
//     history.csv, .jsonl an epoch a line
//     best.safetensors    the model of the best epoch
//     last.safetensors    the model now, and all that resuming needs
//
// The two safetensors files depend on settings, data and seed only: no times, no number of threads, no paths.
#ifndef SILMA_TRAIN_RUN_H
#define SILMA_TRAIN_RUN_H

#include "core/private.h"
#include "data/prefetch.h"
#include "nn/model.h"
#include "train/augmented.h"
#include "train/history.h"
#include "train/metrics.h"
#include "train/settings.h"

// Where a run stands: all of it is in last.safetensors, so that a resumed run goes on to the same bits.
typedef struct run_position {
    unsigned epoch;       // completed epochs
    size_t step;          // completed steps of the epoch after that
    uint64_t total_steps; // completed steps of the whole run
    metrics sums;         // of the running epoch
    double rate;          // learning rate of the last step
    early_stop_state stop;
    plateau_state plateau;
    double best_value; // NaN: none yet
    unsigned best_epoch;
    bool stopped_early;
} run_position;

struct silma_run {
    const kernels *k;
    thread_pool *pool;
    char *folder;
    int lock; // of the folder; -1: none
    char *network_name;
    char *config; // JSON text
    silma_model *model;
    const silma_dataset *dataset; // the caller's, as it was given
    silma_dataset *padded;        // a copy of the network's input size, or null
    const silma_images *images;   // of whichever is trained on
    settings settings;
    silma_partition parts;
    run_position at;
    history history;
    // Memory of the steps:
    size_t largest_batch;         // that there can be: the data may have fewer images than settings.batch
    plan *train_plan, *eval_plan; // they share the arena: training and validation alternate
    void *arena;
    float *gradients;                  // (weight_count)
    float *slots[OPTIMIZER_SLOTS_MAX]; // (weight_count) each, or null
    float *probabilities;              // (batch, outputs)
    float *class_weights;              // (class_count), or null
    uint32_t *order;                   // (train_count) the epoch's order of the training images
    uint32_t *labels;                  // (batch)
    prefetcher *prefetcher;            // null: the images are in memory
    uint32_t *by_class;                // (train_count) memory of the balanced sampler, or null
    size_t *class_starts;              // (class_count + 1) the same
    augmented_batch *augmented;        // or null
    // Clocks, not part of the position:
    double epoch_seconds; // spent on this epoch so far
    double wait_seconds;  // of these, waiting for data
    size_t timed_images;
};

size_t run_steps_per_epoch(const silma_run *run);

// silma_run_create without its folder, of which nothing is read or written: for benchmarks and tests of single steps.
silma_status run_prepare(silma_run **run, silma_context *context, const silma_network *network,
                         const silma_dataset *dataset, const silma_settings *wanted, const char *folder,
                         silma_error *error) SILMA_PRIVATE_API(run_prepare);

// loop.c: the order of the epoch's images, to be drawn before its first step; and one training step.
void run_begin_epoch(silma_run *run) SILMA_PRIVATE_API(run_begin_epoch);
silma_status run_step(silma_run *run, silma_error *error) SILMA_PRIVATE_API(run_step);

// checkpoint.c
silma_status checkpoint_write_last(const silma_run *run, silma_error *error);
silma_status checkpoint_write_best(const silma_run *run, silma_error *error);
// Reads what last.safetensors says about the run, before its memory exists: model, settings, the data's hash.
silma_status checkpoint_read_start(silma_run *run, safetensors *file, const char *path, char data_hash[65],
                                   silma_error *error);
// Reads optimiser slots and position.
silma_status checkpoint_read_rest(silma_run *run, safetensors *file, const char *path, silma_error *error);

// config.c
silma_status config_write(silma_run *run, silma_error *error);

// File names within a run folder.
#define RUN_CONFIG "config.json"
#define RUN_SPLIT "split.json"
#define RUN_LAST "last.safetensors"
#define RUN_BEST "best.safetensors"
#define RUN_CALIBRATED "calibrated.safetensors" // what `silma calibrate` makes of them, if nothing else is said

#endif
