#include "data/picture_file.h"

#include "core/error.h"
#include "core/file.h"

#include <stdlib.h>

// Decoding at a fraction of the size is quick, but its filter is a box: the resizing gets at least half of the work.
static int least_side(const silma_preparation *p)
{
    return 2 * (p->height > p->width ? p->height : p->width);
}

silma_status picture_bytes_read(const char *path, const uint8_t *bytes, size_t size, const silma_codecs *codecs,
                                const silma_preparation *preparation, uint8_t *pixels, silma_error *error)
{
    if (!codecs || !codecs->decode_picture)
        return silma_fail(error, SILMA_USAGE, "%s: pictures cannot be decoded: no codecs were built in", path);
    silma_picture picture = {0};
    silma_error reason = {0};
    silma_status status =
        codecs->decode_picture(path, bytes, size, least_side(preparation), SILMA_MOST_PIXELS, &picture, error);
    if (status != SILMA_OK) return status;
    status = silma_picture_prepare(&picture, preparation, pixels, &reason);
    free(picture.pixels);
    return status ? silma_fail(error, status, "%s: %s", path, reason.message) : SILMA_OK;
}

silma_status picture_file_read(const char *path, const silma_codecs *codecs, const silma_preparation *preparation,
                               uint8_t *pixels, silma_error *error)
{
    file_view view;
    silma_status status = file_view_open(&view, path, error);
    if (status != SILMA_OK) return status;
    status = picture_bytes_read(path, view.bytes, view.size, codecs, preparation, pixels, error);
    file_view_close(&view);
    return status;
}
