// A PNG file of any bytes, its check sums put right: a fuzzer would not find them. What was decoded must survive being
// encoded.
#include "decode.h"

#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static uint32_t read_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// A chunk is its size, name, contents and the check sum of name and contents.
static void repair_check_sums(uint8_t *bytes, size_t size)
{
    enum { SIGNATURE = 8, AROUND = 12 };
    size_t at = SIGNATURE;
    while (at < size && size - at >= AROUND) {
        size_t length = read_32(bytes + at);
        if (length > size - at - AROUND) return;
        uint32_t sum = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += AROUND + length;
    }
}

static void check_encoding(const silma_picture *picture)
{
    uint8_t *png;
    size_t size;
    if (silma_codecs_default()->encode_png(picture, &png, &size, NULL) != SILMA_OK) abort();
    silma_picture again;
    if (!decode(png, size, 0, &again)) abort();
    size_t count = (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
    if (again.channels != picture->channels || memcmp(again.pixels, picture->pixels, count) != 0) abort();
    free(again.pixels);
    free(png);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    if (!bytes) return 0;
    if (size > 0) memcpy(bytes, input, size);
    repair_check_sums(bytes, size);
    silma_picture picture;
    if (decode(bytes, size, 0, &picture)) check_encoding(&picture);
    free(picture.pixels);
    free(bytes);
    return 0;
}
