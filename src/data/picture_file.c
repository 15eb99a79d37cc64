#include "data/picture_file.h"

#include "core/error.h"
#include "core/file.h"

#include <stdlib.h>

enum { FILE_BYTES_MOST = 1 << 29 }; // a file beyond is no picture

// Decoding at a fraction of the size is quick, but its filter is a box: the resizing gets at least half of the work.
static int least_side(const silma_preparation *p)
{
    return 2 * (p->height > p->width ? p->height : p->width);
}

static silma_status decode(silma_picture *picture, const char *path, const uint8_t *bytes, size_t size,
                           const silma_codecs *codecs, const silma_preparation *preparation, silma_error *error)
{
    if (!codecs || !codecs->decode_picture)
        return silma_fail(error, SILMA_USAGE, "%s: this program has no decoder for pictures", path);
    uint64_t most_pixels = codecs->most_pixels > 0 ? codecs->most_pixels : SILMA_MOST_PIXELS;
    silma_status status =
        codecs->decode_picture(path, bytes, size, least_side(preparation), most_pixels, picture, error);
    if (status != SILMA_OK || (picture->height <= PICTURE_MAX_SIDE && picture->width <= PICTURE_MAX_SIDE))
        return status;
    free(picture->pixels);
    return silma_fail(error, SILMA_BAD_FILE, "%s: a picture of %dx%d; sides of at most %d are allowed", path,
                      picture->height, picture->width, PICTURE_MAX_SIDE);
}

silma_status picture_file_decode(silma_picture *picture, const char *path, const silma_codecs *codecs,
                                 const silma_preparation *preparation, silma_error *error)
{
    char *bytes;
    size_t size;
    silma_status status = file_read(path, FILE_BYTES_MOST, &bytes, &size, error);
    if (status != SILMA_OK) return status;
    status = decode(picture, path, (const uint8_t *)bytes, size, codecs, preparation, error);
    free(bytes);
    return status;
}

// Frees the picture's pixels.
static silma_status prepare(silma_picture *picture, const char *path, const silma_preparation *preparation,
                            uint8_t *pixels, silma_error *error)
{
    silma_error reason = {0};
    silma_status status = silma_picture_prepare(picture, preparation, pixels, &reason);
    free(picture->pixels);
    return status ? silma_fail(error, status, "%s: %s", path, reason.message) : SILMA_OK;
}

silma_status picture_file_read(const char *path, const silma_codecs *codecs, const silma_preparation *preparation,
                               uint8_t *pixels, silma_error *error)
{
    silma_picture picture = {0};
    silma_status status = picture_file_decode(&picture, path, codecs, preparation, error);
    return status ? status : prepare(&picture, path, preparation, pixels, error);
}

silma_status picture_bytes_read(const char *path, const uint8_t *bytes, size_t size, const silma_codecs *codecs,
                                const silma_preparation *preparation, uint8_t *pixels, silma_error *error)
{
    silma_picture picture = {0};
    silma_status status = decode(&picture, path, bytes, size, codecs, preparation, error);
    return status ? status : prepare(&picture, path, preparation, pixels, error);
}
