// PNG by libpng. Its errors leave by longjmp: all that outlives one is in the reader or the writer, whose owner is the
// function above the one that calls setjmp.
#include "codecs/fail.h"
#include "codecs/picture.h"
#include "core/checked.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_MOST = 8000000, // bytes of one chunk beside the pixels'
    CHUNKS_KEPT = 16,     // beside the few that have a place of their own
    DEFLATE_MOST = 1032,  // bytes that a byte of deflate can hold
    MESSAGE_SIZE = 160,
};

typedef struct png_reader {
    const char *path;
    const uint8_t *bytes;
    size_t size, place;
    uint64_t most_pixels;
    png_structp png;
    png_infop info;
    silma_picture picture;
    silma_error *error;
    silma_status status;
    bool out_of_memory;
} png_reader;

// ---------------------------------------------------------------------------------------------------------------------
// libpng's callbacks

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    void *memory = malloc(size);
    bool *out_of_memory = png_get_mem_ptr(png);
    if (!memory) *out_of_memory = true;
    return memory;
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static _Noreturn void reading_failed(png_structp png, png_const_charp message)
{
    png_reader *reader = png_get_error_ptr(png);
    if (reader->out_of_memory)
        reader->status = codec_fail(reader->error, SILMA_FAILURE, "%s: out of memory for decoding it", reader->path);
    else
        reader->status = codec_fail(reader->error, SILMA_BAD_FILE, "%s: byte %zu: damaged PNG: %s", reader->path,
                                    reader->place, message);
    png_longjmp(png, 1);
}

static void read_bytes(png_structp png, png_bytep bytes, size_t count)
{
    png_reader *reader = png_get_io_ptr(png);
    if (count > reader->size - reader->place) png_error(png, "it ends too early");
    memcpy(bytes, reader->bytes + reader->place, count);
    reader->place += count;
}

// ---------------------------------------------------------------------------------------------------------------------
// Decoding

// Whatever the file holds becomes 8 bits of grey or red, green, blue, with alpha where something is transparent.
static void ask_for_bytes(png_structp png)
{
    png_set_expand(png); // palettes, depths below 8, a transparent colour
    png_set_scale_16(png);
}

static bool check_header(png_reader *reader)
{
    png_structp png = reader->png;
    uint64_t height = png_get_image_height(png, reader->info), width = png_get_image_width(png, reader->info);
    reader->status = picture_check_size(reader->path, height, width, reader->most_pixels, reader->error);
    if (reader->status) return false;
    uint64_t compressed = reader->size - reader->place;
    if (png_get_rowbytes(png, reader->info) * height <= DEFLATE_MOST * compressed) return true;
    reader->status = codec_fail(reader->error, SILMA_BAD_FILE, "%s: %zu bytes of PNG cannot hold its %dx%d pixels",
                                reader->path, reader->size, (int)height, (int)width);
    return false;
}

static void read_pixels(png_reader *reader)
{
    png_structp png = reader->png;
    silma_picture *picture = &reader->picture;
    size_t row = (size_t)picture->width * (size_t)picture->channels;
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    if (png_get_rowbytes(png, reader->info) != row) png_error(png, "its rows have another size than its header says");
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < picture->height; y++)
            png_read_row(png, picture->pixels + (size_t)y * row, NULL);
    png_read_end(png, NULL);
}

static int channel_count(const png_reader *reader)
{
    int colour = png_get_color_type(reader->png, reader->info);
    bool alpha = colour & PNG_COLOR_MASK_ALPHA || png_get_valid(reader->png, reader->info, PNG_INFO_tRNS);
    return (colour & PNG_COLOR_MASK_COLOR ? 3 : 1) + alpha;
}

static void read_picture(png_reader *reader)
{
    png_structp png = reader->png;
    if (setjmp(png_jmpbuf(png))) return;
    png_set_read_fn(png, reader, read_bytes);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); // check_header has its own
    png_set_chunk_malloc_max(png, CHUNK_MOST);
    png_set_chunk_cache_max(png, CHUNKS_KEPT);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    // Texts, profiles and the like are passed over, unparsed.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, reader->info);
    if (!check_header(reader)) return;
    int height = (int)png_get_image_height(png, reader->info), width = (int)png_get_image_width(png, reader->info);
    reader->status =
        picture_allocate(reader->path, height, width, channel_count(reader), &reader->picture, reader->error);
    if (reader->status) return;
    ask_for_bytes(png);
    read_pixels(reader);
}

silma_status png_decode(const char *path, const uint8_t *bytes, size_t size, uint64_t most_pixels,
                        silma_picture *picture, silma_error *error)
{
    png_reader reader = {.path = path, .bytes = bytes, .size = size, .most_pixels = most_pixels, .error = error};
    reader.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, reading_failed, ignore_warning,
                                          &reader.out_of_memory, allocate, release);
    if (reader.png) reader.info = png_create_info_struct(reader.png);
    if (reader.info)
        read_picture(&reader);
    else
        reader.status = codec_fail(error, SILMA_FAILURE, "%s: out of memory for decoding it", path);
    png_destroy_read_struct(&reader.png, &reader.info, NULL);
    if (reader.status)
        free(reader.picture.pixels);
    else
        *picture = reader.picture;
    return reader.status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Encoding

typedef struct png_writer {
    const silma_picture *picture;
    png_structp png;
    png_infop info;
    uint8_t *bytes;
    size_t size, room;
    char message[MESSAGE_SIZE];
    bool failed, out_of_memory;
} png_writer;

static _Noreturn void writing_failed(png_structp png, png_const_charp message)
{
    png_writer *writer = png_get_error_ptr(png);
    snprintf(writer->message, sizeof(writer->message), "%s", message);
    writer->failed = true;
    png_longjmp(png, 1);
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count)
{
    png_writer *writer = png_get_io_ptr(png);
    size_t needed, doubled;
    if (!checked_add(writer->size, count, &needed)) png_error(png, "the file is too large");
    if (needed > writer->room) {
        size_t room = checked_mul(writer->room, 2, &doubled) && doubled > needed ? doubled : needed;
        uint8_t *grown = realloc(writer->bytes, room);
        if (!grown) {
            writer->out_of_memory = true;
            png_error(png, "out of memory");
        }
        writer->bytes = grown;
        writer->room = room;
    }
    memcpy(writer->bytes + writer->size, bytes, count);
    writer->size = needed;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void write_picture(png_writer *writer)
{
    static const int COLOURS[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                  PNG_COLOR_TYPE_RGB_ALPHA};
    const silma_picture *picture = writer->picture;
    png_structp png = writer->png;
    if (setjmp(png_jmpbuf(png))) return;
    png_set_write_fn(png, writer, write_bytes, flush_nothing);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, writer->info, (png_uint_32)picture->width, (png_uint_32)picture->height, 8,
                 COLOURS[picture->channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, writer->info);
    size_t row = (size_t)picture->width * (size_t)picture->channels;
    for (int y = 0; y < picture->height; y++)
        png_write_row(png, picture->pixels + (size_t)y * row);
    png_write_end(png, writer->info);
}

silma_status png_encode(const silma_picture *picture, uint8_t **png, size_t *size, silma_error *error)
{
    if (picture->height < 1 || picture->width < 1 || picture->channels < 1 || picture->channels > 4)
        return codec_fail(error, SILMA_USAGE, "a picture of %dx%dx%d cannot be a PNG", picture->height, picture->width,
                          picture->channels);
    png_writer writer = {.picture = picture};
    writer.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &writer, writing_failed, ignore_warning,
                                           &writer.out_of_memory, allocate, release);
    if (writer.png) writer.info = png_create_info_struct(writer.png);
    if (writer.info) write_picture(&writer);
    bool out_of_memory = !writer.info || writer.out_of_memory;
    png_destroy_write_struct(&writer.png, &writer.info);
    if (!out_of_memory && !writer.failed) {
        *png = writer.bytes;
        *size = writer.size;
        return SILMA_OK;
    }
    free(writer.bytes);
    if (out_of_memory) return codec_fail(error, SILMA_FAILURE, "out of memory for encoding a PNG");
    return codec_fail(error, SILMA_FAILURE, "encoding a PNG: %s", writer.message);
}
