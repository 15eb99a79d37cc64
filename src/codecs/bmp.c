// BMP, little-endian: "BM", the file's size, 4 reserved bytes, the offset of the pixels; a header that begins with its
// own size, perhaps masks, perhaps a palette (blue, green, red[, 0]); rows of a multiple of 4 bytes, the bottom one
// first. Compressed pixels are not read.
#include "codecs/fail.h"
#include "codecs/picture.h"
#include "core/checked.h"

#include <stdlib.h>

enum {
    FILE_HEADER = 14,
    CORE_HEADER = 12, // OS/2's, of 16 bits a side
    INFO_HEADER = 40, // Windows's; its successors are longer
    MASKS_AT = FILE_HEADER + INFO_HEADER,
    COLOURS_MOST = 256,
};

typedef enum compression { RAW = 0, MASKED = 3, MASKED_WITH_ALPHA = 6 } compression;

typedef struct bmp_reader {
    const char *path;
    const uint8_t *bytes;
    size_t size;
    size_t header; // bytes, after the file header
    uint32_t height, width;
    bool top_down;
    unsigned bits; // of a pixel
    uint32_t compression;
    uint32_t masks[4]; // red, green, blue, alpha
    uint8_t palette[COLOURS_MOST][3];
    uint32_t colour_count;
    size_t pixels_at, row;
    int channels;
    silma_error *error;
} bmp_reader;

static silma_status damaged(const bmp_reader *reader, const char *what)
{
    return codec_fail(reader->error, SILMA_BAD_FILE, "%s: damaged BMP: %s", reader->path, what);
}

static uint32_t read_16(const bmp_reader *reader, size_t at)
{
    return reader->bytes[at] | (uint32_t)reader->bytes[at + 1] << 8;
}

static uint32_t read_32(const bmp_reader *reader, size_t at)
{
    return read_16(reader, at) | read_16(reader, at + 2) << 16;
}

// ---------------------------------------------------------------------------------------------------------------------
// Headers

static void read_fields(bmp_reader *reader)
{
    reader->pixels_at = read_32(reader, 10);
    if (reader->header == CORE_HEADER) {
        reader->width = read_16(reader, 18);
        reader->height = read_16(reader, 20);
        reader->bits = read_16(reader, 24);
        return;
    }
    reader->width = read_32(reader, 18);
    reader->height = read_32(reader, 22);
    reader->top_down = reader->height >> 31;
    if (reader->top_down) reader->height = 0 - reader->height;
    reader->bits = read_16(reader, 28);
    reader->compression = read_32(reader, 30);
    reader->colour_count = read_32(reader, 46);
}

static silma_status read_header(bmp_reader *reader)
{
    if (reader->size < FILE_HEADER + CORE_HEADER) return damaged(reader, "its header ends too early");
    reader->header = read_32(reader, FILE_HEADER);
    if (reader->header != CORE_HEADER && (reader->header < INFO_HEADER || reader->header > 124))
        return damaged(reader, "its header has a size that no BMP has");
    if (reader->size - FILE_HEADER < reader->header) return damaged(reader, "its header ends too early");
    read_fields(reader);
    unsigned bits = reader->bits;
    if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
        return codec_fail(reader->error, SILMA_BAD_FILE, "%s: a BMP of %u bits a pixel is not read: convert it to PNG",
                          reader->path, bits);
    bool masked = reader->compression == MASKED || reader->compression == MASKED_WITH_ALPHA;
    if (reader->compression == RAW || (masked && (bits == 16 || bits == 32))) return SILMA_OK;
    return codec_fail(reader->error, SILMA_BAD_FILE, "%s: a compressed BMP (method %u) is not read: convert it to PNG",
                      reader->path, (unsigned)reader->compression);
}

// A mask is one run of bits, and no two share any.
static bool masks_are_sound(const bmp_reader *reader)
{
    uint32_t seen = 0;
    for (int c = 0; c < 4; c++) {
        uint32_t mask = reader->masks[c];
        if (mask == 0 && c < 3) return false;
        if (mask == 0) continue;
        uint32_t run = mask >> __builtin_ctz(mask);
        if ((run & (run + 1)) != 0 || (seen & mask) != 0) return false;
        seen |= mask;
    }
    return reader->bits == 32 || seen >> reader->bits == 0;
}

static silma_status read_masks(bmp_reader *reader)
{
    static const uint32_t USUAL[] = {0xff0000, 0xff00, 0xff}, OF_16[] = {0x7c00, 0x3e0, 0x1f};
    for (int c = 0; c < 3; c++)
        reader->masks[c] = reader->bits == 16 ? OF_16[c] : USUAL[c];
    if (reader->compression != RAW) {
        bool alpha = reader->compression == MASKED_WITH_ALPHA || reader->header >= 56;
        size_t count = alpha ? 4 : 3;
        if (reader->size < MASKS_AT + 4 * count) return damaged(reader, "its header ends too early");
        for (size_t c = 0; c < count; c++)
            reader->masks[c] = read_32(reader, MASKS_AT + 4 * c);
        if (!masks_are_sound(reader)) return damaged(reader, "its colour masks make no sense");
    }
    reader->channels = reader->masks[3] ? 4 : 3;
    return SILMA_OK;
}

static silma_status read_palette(bmp_reader *reader)
{
    size_t entry = reader->header == CORE_HEADER ? 3 : 4, at = FILE_HEADER + reader->header;
    uint32_t most = 1u << reader->bits;
    if (reader->colour_count == 0 || reader->colour_count > most) reader->colour_count = most;
    if ((reader->size - at) / entry < reader->colour_count) return damaged(reader, "its palette ends too early");
    bool grey = true;
    for (uint32_t i = 0; i < reader->colour_count; i++, at += entry) {
        const uint8_t *colour = reader->bytes + at; // blue, green, red
        for (int c = 0; c < 3; c++)
            reader->palette[i][c] = colour[2 - c];
        grey = grey && colour[0] == colour[1] && colour[1] == colour[2];
    }
    reader->channels = grey ? 1 : 3;
    return SILMA_OK;
}

static silma_status check_pixels(bmp_reader *reader, uint64_t most_pixels)
{
    silma_status status = picture_check_size(reader->path, reader->height, reader->width, most_pixels, reader->error);
    if (status) return status;
    size_t needed;
    if (!checked_mul(reader->width, reader->bits, &reader->row) || !checked_align(reader->row, 32, &reader->row) ||
        !checked_mul(reader->row / 8, reader->height, &needed))
        return damaged(reader, "its pixels need too many bytes");
    reader->row /= 8;
    if (reader->pixels_at < FILE_HEADER + reader->header || reader->pixels_at > reader->size)
        return damaged(reader, "its pixels lie outside the file, or in the header");
    size_t left = reader->size - reader->pixels_at;
    if (left >= needed) return SILMA_OK;
    return codec_fail(reader->error, SILMA_BAD_FILE, "%s: damaged BMP: expected %zu bytes of pixels, found %zu",
                      reader->path, needed, left);
}

// ---------------------------------------------------------------------------------------------------------------------
// Pixels

static bool read_indexed_row(const bmp_reader *reader, const uint8_t *row, uint8_t *pixels)
{
    unsigned bits = reader->bits, most = (1u << bits) - 1;
    for (size_t x = 0; x < reader->width; x++) {
        size_t at = x * bits;
        unsigned index = (unsigned)row[at / 8] >> (8 - bits - (unsigned)(at % 8)) & most;
        if (index >= reader->colour_count) return false;
        for (int c = 0; c < reader->channels; c++)
            *pixels++ = reader->palette[index][c];
    }
    return true;
}

static void read_direct_row(const bmp_reader *reader, const uint8_t *row, uint8_t *pixels)
{
    unsigned shifts[4] = {0};
    uint64_t most[4] = {0};
    for (int c = 0; c < reader->channels; c++) {
        shifts[c] = (unsigned)__builtin_ctz(reader->masks[c]);
        most[c] = reader->masks[c] >> shifts[c];
    }
    size_t bytes = reader->bits / 8;
    for (size_t x = 0; x < reader->width; x++, row += bytes) {
        uint32_t pixel = 0;
        for (size_t i = 0; i < bytes; i++)
            pixel |= (uint32_t)row[i] << 8 * i;
        for (int c = 0; c < reader->channels; c++) {
            uint64_t value = pixel >> shifts[c] & most[c];
            *pixels++ = (uint8_t)(most[c] == 255 ? value : (value * 255 + most[c] / 2) / most[c]);
        }
    }
}

static silma_status read_pixels(const bmp_reader *reader, silma_picture *picture)
{
    size_t size = (size_t)picture->width * (size_t)picture->channels;
    for (size_t i = 0; i < reader->height; i++) {
        const uint8_t *row = reader->bytes + reader->pixels_at + i * reader->row;
        uint8_t *pixels = picture->pixels + (reader->top_down ? i : reader->height - 1 - i) * size;
        if (reader->bits > 8)
            read_direct_row(reader, row, pixels);
        else if (!read_indexed_row(reader, row, pixels))
            return damaged(reader, "a pixel has a colour that its palette lacks");
    }
    return SILMA_OK;
}

silma_status bmp_decode(const char *path, const uint8_t *bytes, size_t size, uint64_t most_pixels,
                        silma_picture *picture, silma_error *error)
{
    bmp_reader reader = {.path = path, .bytes = bytes, .size = size, .error = error};
    silma_status status = read_header(&reader);
    if (status == SILMA_OK) status = reader.bits > 8 ? read_masks(&reader) : read_palette(&reader);
    if (status == SILMA_OK) status = check_pixels(&reader, most_pixels);
    silma_picture read = {0};
    if (status == SILMA_OK)
        status = picture_allocate(path, (int)reader.height, (int)reader.width, reader.channels, &read, error);
    if (status == SILMA_OK) status = read_pixels(&reader, &read);
    if (status)
        free(read.pixels);
    else
        *picture = read;
    return status;
}
