// What a data set is made of. It is filled once, by its source, and never changes afterwards.
#ifndef SILMA_DATA_DATASET_H
#define SILMA_DATA_DATASET_H

#include "core/file.h"
#include "core/sha256.h"
#include "silma/silma.h"

enum { DATASET_MAX_CLASSES = 65536, DATASET_MAX_SIDE = 65536, DATASET_MAX_CHANNELS = 64 };

struct silma_dataset {
    silma_images images; // the view; its pointers are those below
    uint8_t *pixels;     // (count, height, width, channels); null: they are in `pack`
    file_view pack;
    uint32_t *labels;   // (count)
    char **class_names; // (class_count); null: "0", "1", ...
    char *name;
    char *folder;       // null if it came from memory
    const char **files; // (count) of each image, relative to `folder`, in file_names; null: none
    char *file_names;
    bool has_validation;     // some images are set apart for validation, if any of them can be read:
    size_t validation_first; // those from here on
    uint32_t *groups;        // (count) of each image, the first one that is nearly the same; null: not compared
    bool prepared;
    silma_preparation preparation; // where `prepared`
    char *hash;                    // SHA256_HEX_SIZE bytes; "" until it is asked for
};

// How many images, from the first on, are not set apart for validation.
static inline size_t dataset_own_count(const silma_dataset *dataset)
{
    return dataset->has_validation ? dataset->validation_first : dataset->images.count;
}

// An empty data set; `folder` may be null. Free with silma_dataset_free.
silma_status dataset_create(silma_dataset **dataset, const char *name, const char *folder, silma_error *error);
// Checks the sizes and makes room for pixels and labels. `origin` is what messages call the data.
silma_status dataset_reserve(silma_dataset *dataset, const char *origin, size_t count, size_t height, size_t width,
                             size_t channels, silma_error *error);
// After dataset_reserve: a label for each image, or null: there are none.
void dataset_copy_labels(silma_dataset *dataset, const uint32_t *labels);
// Copies the names, which may be null.
silma_status dataset_set_classes(silma_dataset *dataset, const char *const *names, int count, silma_error *error);
void dataset_free_classes(silma_dataset *dataset);

// Adds the labels to the hash of the data, behind the pixels.
void dataset_hash_labels(sha256 *sum, const uint32_t *labels, size_t count);

#endif
