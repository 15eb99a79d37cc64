// Pictures in files, as images of a network's size. Training and predicting both come through here, so that a file
// gives them the same pixels.
#ifndef SILMA_DATA_PICTURE_FILE_H
#define SILMA_DATA_PICTURE_FILE_H

#include "silma/silma.h"

enum { PICTURE_MAX_SIDE = 1 << 20 }; // a row as floats stays below 16 MB

// The picture of a file, as large as preparing it needs: a JPEG may come at a fraction of its size. SILMA_USAGE if
// `codecs` (may be null) decode no pictures; otherwise errors as of reading and decoding: SILMA_IO, SILMA_BAD_FILE,
// SILMA_FAILURE. Nothing but a regular file is waited for. Free picture->pixels with free().
silma_status picture_file_decode(silma_picture *picture, const char *path, const silma_codecs *codecs,
                                 const silma_preparation *preparation, silma_error *error);

// That picture prepared: `pixels` (height, width, channels) of the preparation.
silma_status picture_file_read(const char *path, const silma_codecs *codecs, const silma_preparation *preparation,
                               uint8_t *pixels, silma_error *error);

// The same from the `size` bytes of a file; `path` is what messages call it.
silma_status picture_bytes_read(const char *path, const uint8_t *bytes, size_t size, const silma_codecs *codecs,
                                const silma_preparation *preparation, uint8_t *pixels, silma_error *error);

#endif
