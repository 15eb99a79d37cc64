#include "report/pictures.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------------------------------
// Thumbnails

static silma_status shrink(silma_picture *picture, silma_error *error)
{
    int side = picture->height > picture->width ? picture->height : picture->width;
    if (side <= THUMBNAIL_SIDE) return SILMA_OK;
    silma_preparation wanted = {
        .height = (int)fmax(1, (double)picture->height * THUMBNAIL_SIDE / side + 0.5),
        .width = (int)fmax(1, (double)picture->width * THUMBNAIL_SIDE / side + 0.5),
        .channels = picture->channels,
        .resize = SILMA_RESIZE_STRETCH,
    };
    size_t bytes = (size_t)wanted.height * (size_t)wanted.width * (size_t)wanted.channels;
    uint8_t *pixels = malloc(bytes);
    if (!pixels) return silma_fail_memory(error, bytes);
    silma_status status = silma_picture_prepare(picture, &wanted, pixels, error);
    if (status != SILMA_OK) {
        free(pixels);
        return status;
    }
    free(picture->pixels);
    *picture = (silma_picture){wanted.height, wanted.width, wanted.channels, pixels};
    return SILMA_OK;
}

silma_status picture_thumbnail(silma_picture *picture, const uint8_t *pixels, int height, int width, int channels,
                               silma_error *error)
{
    *picture = (silma_picture){.height = height, .width = width, .channels = channels >= 3 ? 3 : 1};
    size_t area = (size_t)height * (size_t)width, shown = (size_t)picture->channels;
    picture->pixels = malloc(area * shown + 1);
    if (!picture->pixels) return silma_fail_memory(error, area * shown);
    for (size_t i = 0; i < area; i++)
        memcpy(picture->pixels + i * shown, pixels + i * (size_t)channels, shown);
    silma_status status = shrink(picture, error);
    if (status != SILMA_OK) {
        free(picture->pixels);
        picture->pixels = NULL;
    }
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Colours of heat maps: the points of matplotlib's "inferno", which is even in lightness

void heat_colour(float value, uint8_t rgb[3])
{
    static const uint8_t points[][3] = {
        {0, 0, 4},     {31, 12, 72},   {85, 15, 109},  {136, 34, 106},  {186, 54, 85},
        {227, 89, 51}, {249, 140, 10}, {249, 201, 50}, {252, 255, 164},
    };
    enum { LAST = sizeof points / sizeof *points - 1 };
    float at = (value > 0 ? fminf(value, 1) : 0) * LAST;
    size_t left = at < LAST ? (size_t)at : LAST - 1;
    float part = at - (float)left;
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)((float)points[left][c] * (1 - part) + (float)points[left + 1][c] * part + 0.5f);
}
