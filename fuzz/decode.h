// What the fuzz targets of pictures share.
#ifndef SILMA_FUZZ_DECODE_H
#define SILMA_FUZZ_DECODE_H

#include "silma/codecs.h"

#include <stdlib.h>

enum { PIXELS_MOST = 1 << 14 }; // small pictures reach all of a decoder's code

// Decodes, checks what came out, and reads every byte of it. False where the file was refused; the caller frees
// picture->pixels otherwise.
static inline bool decode(const uint8_t *bytes, size_t size, int least_side, silma_picture *picture)
{
    silma_error error;
    *picture = (silma_picture){0};
    silma_status status =
        silma_codecs_default()->decode_picture("fuzz", bytes, size, least_side, PIXELS_MOST, picture, &error);
    if (status != SILMA_OK) {
        if (status != SILMA_BAD_FILE || error.status != status || picture->pixels) abort();
        return false;
    }
    if (picture->height < 1 || picture->width < 1 || picture->height > PIXELS_MOST / picture->width) abort();
    if (picture->channels < 1 || picture->channels > 4) abort();
    size_t count = (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += picture->pixels[i];
    if (sum > 255 * count) abort();
    return true;
}

#endif
