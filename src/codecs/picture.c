#include "codecs/picture.h"

#include "codecs/fail.h"
#include "core/checked.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

silma_status picture_check_size(const char *path, uint64_t height, uint64_t width, uint64_t most_pixels,
                                silma_error *error)
{
    if (height == 0 || width == 0 || height > INT_MAX || width > INT_MAX)
        return codec_fail(error, SILMA_BAD_FILE, "%s: its header claims a picture of %" PRIu64 "x%" PRIu64 " pixels",
                          path, height, width);
    if (height > most_pixels / width)
        return codec_fail(error, SILMA_BAD_FILE,
                          "%s: %" PRIu64 "x%" PRIu64 " pixels are more than the limit of %" PRIu64
                          ": make the picture smaller",
                          path, height, width, most_pixels);
    return SILMA_OK;
}

silma_status picture_allocate(const char *path, int height, int width, int channels, silma_picture *picture,
                              silma_error *error)
{
    size_t count = 0;
    uint8_t *pixels = NULL;
    if (checked_mul((size_t)height, (size_t)width, &count) && checked_mul(count, (size_t)channels, &count))
        pixels = malloc(count);
    if (!pixels) return codec_fail(error, SILMA_FAILURE, "%s: out of memory for its %dx%d pixels", path, height, width);
    *picture = (silma_picture){.height = height, .width = width, .channels = channels, .pixels = pixels};
    return SILMA_OK;
}

static bool begins(const uint8_t *bytes, size_t size, size_t at, const char *word)
{
    size_t length = strlen(word);
    return size >= at + length && memcmp(bytes + at, word, length) == 0;
}

// The formats that people try, and that are not read.
static const char *foreign_format(const uint8_t *bytes, size_t size)
{
    if (begins(bytes, size, 0, "GIF8")) return "GIF";
    if (begins(bytes, size, 0, "RIFF") && begins(bytes, size, 8, "WEBP")) return "WebP";
    if (begins(bytes, size, 0, "II*") || (begins(bytes, size, 0, "MM") && begins(bytes, size, 3, "*"))) return "TIFF";
    if (begins(bytes, size, 4, "ftyp")) return "HEIF or AVIF";
    return NULL;
}

static silma_status unknown_format(const char *path, const uint8_t *bytes, size_t size, silma_error *error)
{
    if (size == 0) return codec_fail(error, SILMA_BAD_FILE, "%s: the file is empty", path);
    const char *format = foreign_format(bytes, size);
    if (format)
        return codec_fail(error, SILMA_BAD_FILE,
                          "%s: is a picture in the format %s, which is not read: convert it to "
                          "PNG or JPEG",
                          path, format);
    return codec_fail(error, SILMA_BAD_FILE, "%s: is no picture that can be read (PNG, JPEG, BMP, PNM)", path);
}

silma_status picture_decode(const char *path, const uint8_t *bytes, size_t size, int least_side, uint64_t most_pixels,
                            silma_picture *picture, silma_error *error)
{
    if (begins(bytes, size, 0, "\x89PNG\r\n\x1a\n")) return png_decode(path, bytes, size, most_pixels, picture, error);
    if (begins(bytes, size, 0, "\xff\xd8\xff"))
        return jpeg_decode(path, bytes, size, least_side, most_pixels, picture, error);
    if (begins(bytes, size, 0, "BM")) return bmp_decode(path, bytes, size, most_pixels, picture, error);
    if (size > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6')
        return pnm_decode(path, bytes, size, most_pixels, picture, error);
    return unknown_format(path, bytes, size, error);
}
