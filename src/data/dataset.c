#include "data/dataset.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

silma_status dataset_create(silma_dataset **result, const char *name, const char *folder, silma_error *error)
{
    silma_dataset *dataset = calloc(1, sizeof(*dataset));
    if (!dataset) return silma_fail_memory(error, sizeof(*dataset));
    dataset->name = utf8_printable(name);
    dataset->folder = folder ? strdup(folder) : NULL;
    dataset->hash = calloc(1, SHA256_HEX_SIZE);
    if (!dataset->name || !dataset->hash || (folder && !dataset->folder)) {
        silma_dataset_free(dataset);
        return silma_fail_memory(error, SHA256_HEX_SIZE);
    }
    *result = dataset;
    return SILMA_OK;
}

void dataset_free_classes(silma_dataset *dataset)
{
    for (int i = 0; dataset->class_names && i < dataset->images.class_count; i++)
        free(dataset->class_names[i]);
    free(dataset->class_names);
    dataset->class_names = NULL;
    dataset->images.class_names = NULL;
    dataset->images.class_count = 0;
}

void silma_dataset_free(silma_dataset *dataset)
{
    if (!dataset) return;
    dataset_free_classes(dataset);
    free(dataset->files);
    free(dataset->file_names);
    free(dataset->groups);
    free(dataset->pixels);
    file_view_close(&dataset->pack);
    free(dataset->labels);
    free(dataset->name);
    free(dataset->folder);
    free(dataset->hash);
    free(dataset);
}

silma_status dataset_reserve(silma_dataset *dataset, const char *origin, size_t count, size_t height, size_t width,
                             size_t channels, silma_error *error)
{
    if (count == 0) return silma_fail(error, SILMA_BAD_FILE, "%s: holds no images", origin);
    if (count > UINT32_MAX)
        return silma_fail(error, SILMA_BAD_FILE, "%s: holds %zu images; at most %u are allowed", origin, count,
                          UINT32_MAX);
    if (height - 1 >= DATASET_MAX_SIDE || width - 1 >= DATASET_MAX_SIDE || channels - 1 >= DATASET_MAX_CHANNELS)
        return silma_fail(error, SILMA_BAD_FILE,
                          "%s: images of %zux%zux%zu; height and width from 1 to %d and 1 to %d channels are allowed",
                          origin, height, width, channels, DATASET_MAX_SIDE, DATASET_MAX_CHANNELS);
    size_t pixels, labels;
    if (!checked_mul(count, height * width * channels, &pixels) || !checked_mul(count, sizeof(uint32_t), &labels))
        return silma_fail(error, SILMA_BAD_FILE, "%s: its images are larger than any memory", origin);
    dataset->pixels = malloc(pixels);
    dataset->labels = malloc(labels);
    if (!dataset->pixels || !dataset->labels) return silma_fail_memory(error, pixels + labels);
    dataset->images = (silma_images){
        .pixels = dataset->pixels,
        .labels = dataset->labels,
        .count = count,
        .height = (int)height,
        .width = (int)width,
        .channels = (int)channels,
    };
    return SILMA_OK;
}

void dataset_copy_labels(silma_dataset *dataset, const uint32_t *labels)
{
    if (labels) {
        memcpy(dataset->labels, labels, dataset->images.count * sizeof *labels);
        return;
    }
    free(dataset->labels);
    dataset->labels = NULL;
    dataset->images.labels = NULL;
}

silma_status dataset_set_classes(silma_dataset *dataset, const char *const *names, int count, silma_error *error)
{
    dataset->images.class_count = count;
    if (!names || count == 0) return SILMA_OK;
    dataset->class_names = calloc((size_t)count, sizeof(char *));
    if (!dataset->class_names) return silma_fail_memory(error, (size_t)count * sizeof(char *));
    for (int i = 0; i < count; i++) {
        dataset->class_names[i] = strdup(names[i]);
        if (!dataset->class_names[i]) return silma_fail_memory(error, strlen(names[i]) + 1);
    }
    dataset->images.class_names = (const char *const *)dataset->class_names;
    return SILMA_OK;
}

const silma_images *silma_dataset_images(const silma_dataset *dataset)
{
    return &dataset->images;
}

const char *silma_dataset_name(const silma_dataset *dataset)
{
    return dataset->name;
}

const char *silma_dataset_folder(const silma_dataset *dataset)
{
    return dataset->folder;
}

const silma_preparation *silma_dataset_preparation(const silma_dataset *dataset)
{
    return dataset->prepared ? &dataset->preparation : NULL;
}

bool silma_dataset_has_validation(const silma_dataset *dataset)
{
    return dataset->has_validation;
}

const char *silma_dataset_image_file(const silma_dataset *dataset, size_t index)
{
    return dataset->files && index < dataset->images.count ? dataset->files[index] : NULL;
}

void dataset_hash_labels(sha256 *sum, const uint32_t *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t label = labels[i];
        uint8_t bytes[4] = {(uint8_t)label, (uint8_t)(label >> 8), (uint8_t)(label >> 16), (uint8_t)(label >> 24)};
        sha256_add(sum, bytes, sizeof(bytes));
    }
}

const char *silma_dataset_hash(const silma_dataset *dataset)
{
    if (dataset->hash[0] != '\0') return dataset->hash;
    const silma_images *images = &dataset->images;
    sha256 sum;
    sha256_start(&sum);
    sha256_add(&sum, images->pixels,
               images->count * (size_t)images->height * (size_t)images->width * (size_t)images->channels);
    if (images->labels) dataset_hash_labels(&sum, images->labels, images->count);
    sha256_finish(&sum, dataset->hash);
    return dataset->hash;
}
