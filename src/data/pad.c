#include "data/pad.h"

#include "core/checked.h"
#include "core/error.h"

#include <stdlib.h>
#include <string.h>

static void pad_image(const uint8_t *image, const silma_images *from, uint8_t *larger, int height, int width)
{
    size_t row = (size_t)from->width * (size_t)from->channels;
    size_t larger_row = (size_t)width * (size_t)from->channels;
    size_t top = (size_t)(height - from->height) / 2;
    size_t left = (size_t)(width - from->width) / 2 * (size_t)from->channels;
    for (size_t y = 0; y < (size_t)from->height; y++)
        memcpy(larger + (top + y) * larger_row + left, image + y * row, row);
}

silma_status dataset_pad(silma_dataset **padded, const silma_dataset *dataset, int height, int width, int channels,
                         silma_error *error)
{
    *padded = NULL;
    const silma_images *images = silma_dataset_images(dataset);
    if (images->height == height && images->width == width && images->channels == channels) return SILMA_OK;
    bool is_vector = height == 1 && width == 1;
    size_t pixels_each = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    if (is_vector && pixels_each == (size_t)channels) return SILMA_OK;
    if (images->height > height || images->width > width || images->channels != channels)
        return silma_fail(error, SILMA_USAGE,
                          "the network takes images of %dx%dx%d, but those of %s are %dx%dx%d; 'input auto' in the "
                          "network's text takes the data's size",
                          height, width, channels, silma_dataset_name(dataset), images->height, images->width,
                          images->channels);
    size_t larger = (size_t)height * (size_t)width * (size_t)channels;
    size_t bytes;
    if (!checked_mul(larger, images->count, &bytes)) return silma_fail_memory(error, SIZE_MAX);
    uint8_t *pixels = calloc(bytes, 1);
    if (!pixels) return silma_fail_memory(error, bytes);
    for (size_t i = 0; i < images->count; i++)
        pad_image(images->pixels + i * pixels_each, images, pixels + i * larger, height, width);
    silma_images view = *images;
    view.pixels = pixels;
    view.height = height;
    view.width = width;
    silma_status status = silma_dataset_from_memory(padded, silma_dataset_name(dataset), &view, error);
    free(pixels);
    return status;
}
