// What the decoders of pictures share. Each takes a whole file in memory, called `path` in messages, checks its size
// against `most_pixels` and against what so few bytes can hold, and only then allocates. *picture is left untouched
// where a decoder fails. The file begins as picture_decode has seen.
#ifndef SILMA_CODECS_PICTURE_H
#define SILMA_CODECS_PICTURE_H

#include "silma/silma.h"

// silma_codecs.decode_picture: finds the format in the file's first bytes.
silma_status picture_decode(const char *path, const uint8_t *bytes, size_t size, int least_side, uint64_t most_pixels,
                            silma_picture *picture, silma_error *error);

silma_status png_decode(const char *path, const uint8_t *bytes, size_t size, uint64_t most_pixels,
                        silma_picture *picture, silma_error *error);
silma_status jpeg_decode(const char *path, const uint8_t *bytes, size_t size, int least_side, uint64_t most_pixels,
                         silma_picture *picture, silma_error *error);
silma_status bmp_decode(const char *path, const uint8_t *bytes, size_t size, uint64_t most_pixels,
                        silma_picture *picture, silma_error *error);
silma_status pnm_decode(const char *path, const uint8_t *bytes, size_t size, uint64_t most_pixels,
                        silma_picture *picture, silma_error *error);

// silma_codecs.encode_png
silma_status png_encode(const silma_picture *picture, uint8_t **png, size_t *size, silma_error *error);

// Refuses a side of 0 or above INT_MAX, and more than `most_pixels`.
silma_status picture_check_size(const char *path, uint64_t height, uint64_t width, uint64_t most_pixels,
                                silma_error *error);
// Allocates pixels of a size that was checked; `channels` 1..4.
silma_status picture_allocate(const char *path, int height, int width, int channels, silma_picture *picture,
                              silma_error *error);

#endif
