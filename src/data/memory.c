// Source: images that the caller has in memory.
#include "data/dataset.h"

#include "core/error.h"
#include "core/utf8.h"

#include <string.h>

static silma_status check_classes(const char *name, const silma_images *images, silma_error *error)
{
    if (images->class_count < 0 || images->class_count > DATASET_MAX_CLASSES)
        return silma_fail(error, SILMA_USAGE, "%s: %d classes; 0 to %d are allowed", name, images->class_count,
                          DATASET_MAX_CLASSES);
    for (int i = 0; images->class_names && i < images->class_count; i++) {
        const char *class_name = images->class_names[i];
        if (!class_name || !utf8_is_printable(class_name, strlen(class_name)))
            return silma_fail(error, SILMA_USAGE, "%s: the name of class %d is not printable UTF-8", name, i);
    }
    for (size_t i = 0; images->labels && i < images->count; i++) {
        if (images->labels[i] >= (uint32_t)images->class_count)
            return silma_fail(error, SILMA_USAGE, "%s: image %zu has the label %u; labels lie below the %d classes",
                              name, i, images->labels[i], images->class_count);
    }
    return SILMA_OK;
}

static silma_status check_images(const char *name, const silma_images *images, silma_error *error)
{
    if (!images->pixels) return silma_fail(error, SILMA_USAGE, "%s: there are no pixels", name);
    if (images->count == 0 || images->count > UINT32_MAX)
        return silma_fail(error, SILMA_USAGE, "%s: %zu images; 1 to %u are allowed", name, images->count, UINT32_MAX);
    bool sides_fit = images->height > 0 && images->height <= DATASET_MAX_SIDE && images->width > 0 &&
                     images->width <= DATASET_MAX_SIDE;
    if (!sides_fit || images->channels <= 0 || images->channels > DATASET_MAX_CHANNELS)
        return silma_fail(error, SILMA_USAGE, "%s: images of %dx%dx%d; at most %dx%dx%d are allowed", name,
                          images->height, images->width, images->channels, DATASET_MAX_SIDE, DATASET_MAX_SIDE,
                          DATASET_MAX_CHANNELS);
    return check_classes(name, images, error);
}

static silma_status copy_images(silma_dataset *dataset, const char *name, const silma_images *images,
                                silma_error *error)
{
    size_t height = (size_t)images->height, width = (size_t)images->width, channels = (size_t)images->channels;
    silma_status status = dataset_reserve(dataset, name, images->count, height, width, channels, error);
    if (status != SILMA_OK) return status;
    memcpy(dataset->pixels, images->pixels, images->count * height * width * channels);
    dataset_copy_labels(dataset, images->labels);
    return dataset_set_classes(dataset, images->class_names, images->class_count, error);
}

silma_status silma_dataset_from_memory(silma_dataset **result, const char *name, const silma_images *images,
                                       silma_error *error)
{
    silma_status status = check_images(name, images, error);
    if (status != SILMA_OK) return status;
    silma_dataset *dataset;
    status = dataset_create(&dataset, name, NULL, error);
    if (status != SILMA_OK) return status;
    status = copy_images(dataset, name, images, error);
    if (status != SILMA_OK) {
        silma_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return SILMA_OK;
}
