// PNM, Netpbm's family: "P1" to "P6", width, height, for grey and colour the largest value, and the pixels. P1, P2 and
// P3 (bits, grey, red-green-blue) are written in decimal digits; P4, P5 and P6 are the same in binary, after a single
// white space. Comments run from # to the line's end.
#include "codecs/fail.h"
#include "codecs/picture.h"
#include "core/checked.h"

#include <stdlib.h>

typedef struct pnm_reader {
    const char *path;
    const uint8_t *bytes;
    size_t size, place;
    int height, width, channels;
    unsigned most; // the value of white
    bool plain, bits;
    silma_error *error;
} pnm_reader;

static silma_status damaged(const pnm_reader *reader, const char *what)
{
    return codec_fail(reader->error, SILMA_BAD_FILE, "%s: byte %zu: damaged PNM: %s", reader->path, reader->place,
                      what);
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void skip_space(pnm_reader *reader)
{
    bool comment = false;
    for (; reader->place < reader->size; reader->place++) {
        uint8_t byte = reader->bytes[reader->place];
        if (byte == '#') comment = true;
        if (byte == '\n' || byte == '\r') comment = false;
        if (!comment && !is_space(byte)) return;
    }
}

static bool is_digit(const pnm_reader *reader)
{
    return reader->place < reader->size && reader->bytes[reader->place] >= '0' && reader->bytes[reader->place] <= '9';
}

// False where there is no number after white space, or one above `most`.
static bool read_number(pnm_reader *reader, unsigned most, unsigned *number)
{
    skip_space(reader);
    if (!is_digit(reader)) return false;
    uint64_t value = 0;
    for (; is_digit(reader) && value <= most; reader->place++)
        value = 10 * value + (unsigned)(reader->bytes[reader->place] - '0');
    *number = (unsigned)value;
    return value <= most;
}

// ---------------------------------------------------------------------------------------------------------------------

static silma_status read_header(pnm_reader *reader, uint64_t most_pixels)
{
    enum { SIDE_MOST = 0x7fffffff, VALUE_MOST = 65535 };
    char kind = (char)reader->bytes[1];
    reader->plain = kind <= '3';
    reader->bits = kind == '1' || kind == '4';
    reader->channels = kind == '3' || kind == '6' ? 3 : 1;
    reader->place = 2;
    reader->most = 1;
    unsigned width = 0, height = 0;
    if (!read_number(reader, SIDE_MOST, &width) || !read_number(reader, SIDE_MOST, &height))
        return damaged(reader, "expected its width and height");
    if (!reader->bits && (!read_number(reader, VALUE_MOST, &reader->most) || reader->most == 0))
        return damaged(reader, "expected its largest value, 1 to 65535");
    if (reader->place == reader->size || !is_space(reader->bytes[reader->place]))
        return damaged(reader, "expected white space after its header");
    reader->place++;
    reader->width = (int)width;
    reader->height = (int)height;
    return picture_check_size(reader->path, height, width, most_pixels, reader->error);
}

// A plain sample takes a digit and, but for bits, something between it and the next.
static bool count_bytes(const pnm_reader *reader, size_t *count)
{
    size_t row = (size_t)reader->width;
    if (reader->bits && !reader->plain)
        row = (row + 7) / 8;
    else if (!checked_mul(row, (size_t)reader->channels, &row))
        return false;
    if (!reader->bits && (reader->plain || reader->most > 255) && !checked_mul(row, 2, &row)) return false;
    if (!checked_mul(row, (size_t)reader->height, count)) return false;
    if (reader->plain && !reader->bits) *count -= 1;
    return true;
}

static silma_status check_length(const pnm_reader *reader)
{
    size_t needed, left = reader->size - reader->place;
    if (!count_bytes(reader, &needed)) return damaged(reader, "its pixels need too many bytes");
    if (reader->plain ? left >= needed : left == needed) return SILMA_OK;
    return codec_fail(reader->error, SILMA_BAD_FILE,
                      "%s: byte %zu: damaged PNM: expected %s%zu bytes of pixels, found %zu", reader->path,
                      reader->place, reader->plain ? "at least " : "", needed, left);
}

static uint8_t scale(const pnm_reader *reader, unsigned value)
{
    return (uint8_t)((value * 255 + reader->most / 2) / reader->most);
}

static silma_status read_plain(pnm_reader *reader, uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value = 0;
        skip_space(reader);
        if (!reader->bits && !read_number(reader, reader->most, &value))
            return damaged(reader, "expected a value, no larger than the largest that its header names");
        if (reader->bits) {
            value = is_digit(reader) ? (unsigned)(reader->bytes[reader->place] - '0') : 2;
            if (value > 1) return damaged(reader, "expected 0 or 1");
            reader->place++;
            value ^= 1; // 1 is black
        }
        pixels[i] = scale(reader, value);
    }
    skip_space(reader);
    return reader->place == reader->size ? SILMA_OK : damaged(reader, "something follows its pixels");
}

static void read_bits(const pnm_reader *reader, uint8_t *pixels)
{
    const uint8_t *row = reader->bytes + reader->place;
    size_t width = (size_t)reader->width;
    for (int y = 0; y < reader->height; y++, row += (width + 7) / 8)
        for (size_t x = 0; x < width; x++)
            *pixels++ = row[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
}

static silma_status read_binary(pnm_reader *reader, uint8_t *pixels, size_t count)
{
    size_t sample = reader->most > 255 ? 2 : 1;
    for (size_t i = 0; i < count; i++, reader->place += sample) {
        unsigned value = reader->bytes[reader->place];
        if (sample == 2) value = value << 8 | reader->bytes[reader->place + 1];
        if (value > reader->most) return damaged(reader, "a value is larger than the largest that its header names");
        pixels[i] = scale(reader, value);
    }
    return SILMA_OK;
}

silma_status pnm_decode(const char *path, const uint8_t *bytes, size_t size, uint64_t most_pixels,
                        silma_picture *picture, silma_error *error)
{
    pnm_reader reader = {.path = path, .bytes = bytes, .size = size, .error = error};
    silma_status status = read_header(&reader, most_pixels);
    if (status == SILMA_OK) status = check_length(&reader);
    silma_picture read = {0};
    if (status == SILMA_OK) status = picture_allocate(path, reader.height, reader.width, reader.channels, &read, error);
    if (status) return status;
    size_t count = (size_t)reader.height * (size_t)reader.width * (size_t)reader.channels;
    if (reader.plain)
        status = read_plain(&reader, read.pixels, count);
    else if (reader.bits)
        read_bits(&reader, read.pixels);
    else
        status = read_binary(&reader, read.pixels, count);
    if (status)
        free(read.pixels);
    else
        *picture = read;
    return status;
}
