#include "data/pad.h"

#include "core/error.h"
#include "data/dataset.h"

#include <string.h>

static bool is_same_vector(int height, int width, int channels, int to_height, int to_width, int to_channels)
{
    return to_height == 1 && to_width == 1 && (int64_t)height * width * channels == to_channels;
}

bool image_fits(int height, int width, int channels, int to_height, int to_width, int to_channels)
{
    return (height <= to_height && width <= to_width && channels == to_channels) ||
           is_same_vector(height, width, channels, to_height, to_width, to_channels);
}

void image_pad(const uint8_t *image, int height, int width, int channels, uint8_t *larger, int to_height, int to_width)
{
    size_t row = (size_t)width * (size_t)channels, larger_row = (size_t)to_width * (size_t)channels;
    if (height > to_height || width > to_width || (height == to_height && width == to_width)) {
        memcpy(larger, image, (size_t)height * row);
        return;
    }
    memset(larger, 0, (size_t)to_height * larger_row);
    uint8_t *middle =
        larger + (size_t)((to_height - height) / 2) * larger_row + (size_t)((to_width - width) / 2) * (size_t)channels;
    for (size_t y = 0; y < (size_t)height; y++)
        memcpy(middle + y * larger_row, image + y * row, row);
}

static silma_status pad_images(silma_dataset *larger, const silma_images *images, int height, int width,
                               silma_error *error)
{
    size_t channels = (size_t)images->channels;
    size_t each = (size_t)images->height * (size_t)images->width * channels;
    size_t larger_each = (size_t)height * (size_t)width * channels;
    silma_status status =
        dataset_reserve(larger, larger->name, images->count, (size_t)height, (size_t)width, channels, error);
    if (status != SILMA_OK) return status;
    for (size_t i = 0; i < images->count; i++)
        image_pad(images->pixels + i * each, images->height, images->width, images->channels,
                  larger->pixels + i * larger_each, height, width);
    dataset_copy_labels(larger, images->labels);
    return dataset_set_classes(larger, images->class_names, images->class_count, error);
}

silma_status dataset_pad(silma_dataset **padded, const silma_dataset *dataset, int height, int width, int channels,
                         silma_error *error)
{
    *padded = NULL;
    const silma_images *images = silma_dataset_images(dataset);
    if (images->height == height && images->width == width && images->channels == channels) return SILMA_OK;
    if (is_same_vector(images->height, images->width, images->channels, height, width, channels)) return SILMA_OK;
    if (!image_fits(images->height, images->width, images->channels, height, width, channels))
        return silma_fail(error, SILMA_USAGE,
                          "the network takes images of %dx%dx%d, but those of %s are %dx%dx%d; 'input auto' in the "
                          "network's text takes the data's size",
                          height, width, channels, silma_dataset_name(dataset), images->height, images->width,
                          images->channels);
    silma_dataset *larger;
    silma_status status = dataset_create(&larger, silma_dataset_name(dataset), NULL, error);
    if (status != SILMA_OK) return status;
    status = pad_images(larger, images, height, width, error);
    if (status != SILMA_OK) {
        silma_dataset_free(larger);
        return status;
    }
    *padded = larger;
    return SILMA_OK;
}
