// A model, and the images with labels that it is measured on.
#ifndef SILMA_CLI_MEASURED_H
#define SILMA_CLI_MEASURED_H

#include "options.h"

typedef enum measured_split {
    MEASURED_TRAIN = SILMA_SPLIT_TRAIN,
    MEASURED_TEST = SILMA_SPLIT_TEST,
    MEASURED_VALIDATION
} measured_split;

typedef struct measured {
    const char *model_path;
    size_t split; // a measured_split
    silma_context *context;
    silma_model *model;
    silma_dataset *dataset;
    uint32_t *indices; // (index_count) of the validation images; null: all images
    size_t index_count;
} measured;

// The words of the command line, and --split; m->split stays as it is where that is absent.
silma_status measured_read(measured *m, const arguments *args, problem *why);
// Opens what they name. Close with measured_free, also after a failure.
silma_status measured_open(measured *m, const arguments *args, problem *why);
void measured_free(measured *m);

// "train", "test" or "validation"
const char *measured_split_name(const measured *m);

// The images that the run whose folder holds the model kept for validation, as numbers in the data set's training
// images; at least one. Free *indices with free().
silma_status open_validation(const char *model_path, const silma_dataset *dataset, uint32_t **indices, size_t *count,
                             problem *why);

#endif
