// JPEG by libjpeg-turbo (any libjpeg of its interface). Its errors leave by longjmp: all that outlives one is in the
// reader, whose owner is the function above the one that calls setjmp.
#include "codecs/exif.h"
#include "codecs/fail.h"
#include "codecs/picture.h"

#include <setjmp.h>
#include <stdio.h> // jpeglib.h needs it
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

enum {
    SCANS_MOST = 100,        // a progressive file has about ten
    MEMORY_LEAST = 32 << 20, // bytes that the library may use for any picture
    MEMORY_PIXEL = 10,       // and for each pixel: four coefficients of two bytes, and edges
    BLOCK_PIXELS = 64,
    EXIF_MARKER = JPEG_APP0 + 1,
    SCAN_MARKER = 0xda,
    ROWS = 16, // decoded at a time
};

typedef struct jpeg_reader {
    struct jpeg_decompress_struct jpeg; // its client_data points to the reader
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    jmp_buf escape;
    const char *path;
    size_t size;
    int orientation;
    silma_picture picture;
    silma_error *error;
    silma_status status;
} jpeg_reader;

// ---------------------------------------------------------------------------------------------------------------------
// The library's callbacks

static size_t place(const jpeg_reader *reader)
{
    return reader->size - reader->source.bytes_in_buffer;
}

static _Noreturn void refuse(jpeg_reader *reader, const char *what)
{
    reader->status =
        codec_fail(reader->error, SILMA_BAD_FILE, "%s: byte %zu: damaged JPEG: %s", reader->path, place(reader), what);
    longjmp(reader->escape, 1);
}

static _Noreturn void reading_failed(j_common_ptr jpeg)
{
    jpeg_reader *reader = jpeg->client_data;
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY) {
        reader->status = codec_fail(reader->error, SILMA_FAILURE, "%s: out of memory for decoding it", reader->path);
        longjmp(reader->escape, 1);
    }
    if (jpeg->err->msg_code == JERR_NO_BACKING_STORE) refuse(reader, "decoding it needs too much memory");
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    refuse(reader, message);
}

// What the library would guess at is refused: a warning (below 0) is an error.
static void heed_warning(j_common_ptr jpeg, int level)
{
    if (level < 0) reading_failed(jpeg);
}

static void do_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

// All bytes were there from the start.
static boolean ends_early(j_decompress_ptr jpeg)
{
    refuse(jpeg->client_data, "it ends too early");
}

static void skip_bytes(j_decompress_ptr jpeg, long count)
{
    if (count <= 0) return;
    if ((size_t)count > jpeg->src->bytes_in_buffer) refuse(jpeg->client_data, "it ends too early");
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static const char TOO_MANY_SCANS[] = "it has more than 100 scans";

static void count_scans(j_common_ptr common)
{
    jpeg_reader *reader = common->client_data;
    if (reader->jpeg.input_scan_number > SCANS_MOST) refuse(reader, TOO_MANY_SCANS);
}

// An APP1 segment begins with its size, which counts itself.
static boolean read_exif(j_decompress_ptr jpeg)
{
    jpeg_reader *reader = jpeg->client_data;
    const uint8_t *bytes = jpeg->src->next_input_byte;
    if (jpeg->src->bytes_in_buffer < 2) refuse(reader, "it ends too early");
    size_t size = (size_t)bytes[0] << 8 | bytes[1];
    if (size < 2) refuse(reader, "a segment of no size");
    if (size > jpeg->src->bytes_in_buffer) refuse(reader, "it ends too early");
    if (reader->orientation == EXIF_UPRIGHT) reader->orientation = exif_orientation(bytes + 2, size - 2);
    skip_bytes(jpeg, (long)size);
    return TRUE;
}

// ---------------------------------------------------------------------------------------------------------------------
// Decoding

static void set_up(jpeg_reader *reader, const uint8_t *bytes)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg_create_decompress(jpeg); // clears it, but for `err` and `client_data`
    jpeg->progress = &reader->progress;
    reader->progress = (struct jpeg_progress_mgr){.progress_monitor = count_scans};
    reader->source = (struct jpeg_source_mgr){
        .next_input_byte = bytes,
        .bytes_in_buffer = reader->size,
        .init_source = do_nothing,
        .fill_input_buffer = ends_early,
        .skip_input_data = skip_bytes,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = do_nothing,
    };
    jpeg->src = &reader->source;
    jpeg_set_marker_processor(jpeg, EXIF_MARKER, read_exif);
}

static bool is_restart(unsigned marker)
{
    return marker >= JPEG_RST0 && marker <= JPEG_RST0 + 7;
}

// The end of the coded data that begins at `at`: the next marker that is neither a stuffed zero nor a restart.
static size_t skip_coded_data(const uint8_t *bytes, size_t size, size_t at)
{
    while (at + 1 < size) {
        const uint8_t *mark = memchr(bytes + at, 0xff, size - 1 - at);
        if (!mark) break;
        at = (size_t)(mark - bytes);
        if (mark[1] != 0 && mark[1] != 0xff && !is_restart(mark[1])) return at;
        at += mark[1] == 0xff ? 1 : 2;
    }
    return size;
}

// A scan costs a pass over the whole picture. count_scans would see them as they are decoded; to see them before takes
// no time.
static bool has_too_many_scans(const uint8_t *bytes, size_t size)
{
    int scans = 0;
    size_t at = 2;
    while (size >= 4 && at <= size - 4 && bytes[at] == 0xff) {
        unsigned marker = bytes[at + 1];
        if (marker == JPEG_EOI) break;
        if (marker == 0xff || is_restart(marker)) { // no segment
            at += marker == 0xff ? 1 : 2;
            continue;
        }
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        at += 2 + (length > 2 ? length : 2);
        if (marker != SCAN_MARKER) continue;
        if (++scans > SCANS_MOST) return true;
        if (at < size) at = skip_coded_data(bytes, size, at);
    }
    return false;
}

static bool check_header(jpeg_reader *reader, const uint8_t *bytes, uint64_t most_pixels)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    uint64_t height = jpeg->image_height, width = jpeg->image_width;
    reader->status = picture_check_size(reader->path, height, width, most_pixels, reader->error);
    if (reader->status) return false;
    jpeg->mem->max_memory_to_use = MEMORY_LEAST + (long)(MEMORY_PIXEL * height * width);
    if (has_too_many_scans(bytes, reader->size)) refuse(reader, TOO_MANY_SCANS);
    // Huffman's codes take a bit or more for each block.
    if (jpeg->arith_code || height * width / BLOCK_PIXELS <= 8 * (uint64_t)reader->size) return true;
    reader->status = codec_fail(reader->error, SILMA_BAD_FILE, "%s: %zu bytes of JPEG cannot hold its %dx%d pixels",
                                reader->path, reader->size, (int)height, (int)width);
    return false;
}

static int smaller_side(const struct jpeg_decompress_struct *jpeg, unsigned fraction)
{
    unsigned side = jpeg->image_height < jpeg->image_width ? jpeg->image_height : jpeg->image_width;
    return (int)((side + fraction - 1) / fraction);
}

static bool choose_output(jpeg_reader *reader, int least_side)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg->scale_num = jpeg->scale_denom = 1;
    while (least_side > 0 && jpeg->scale_denom < 8 && smaller_side(jpeg, 2 * jpeg->scale_denom) >= least_side)
        jpeg->scale_denom *= 2;
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE:
        jpeg->out_color_space = JCS_GRAYSCALE;
        return true;
    case JCS_RGB:
    case JCS_YCbCr:
        jpeg->out_color_space = JCS_RGB;
        return true;
    case JCS_CMYK:
    case JCS_YCCK:
        jpeg->out_color_space = JCS_CMYK;
        return true;
    default:
        break;
    }
    reader->status = codec_fail(reader->error, SILMA_BAD_FILE, "%s: a JPEG of %d channels in unknown colours",
                                reader->path, jpeg->num_components);
    return false;
}

static void read_pixels(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    silma_picture *picture = &reader->picture;
    size_t row = (size_t)picture->width * (size_t)picture->channels;
    JSAMPROW rows[ROWS];
    while (jpeg->output_scanline < jpeg->output_height) {
        for (unsigned i = 0; i < ROWS && jpeg->output_scanline + i < jpeg->output_height; i++)
            rows[i] = picture->pixels + (size_t)(jpeg->output_scanline + i) * row;
        unsigned left = jpeg->output_height - jpeg->output_scanline;
        if (jpeg_read_scanlines(jpeg, rows, left < ROWS ? left : ROWS) == 0) refuse(reader, "it ends too early");
    }
}

// Ink to light, in place. Adobe's files store light for ink, 255 - C.
static void cmyk_to_rgb(silma_picture *picture, bool inverted)
{
    size_t count = (size_t)picture->height * (size_t)picture->width;
    const uint8_t *from = picture->pixels;
    uint8_t *to = picture->pixels, flip = inverted ? 0 : 255;
    for (size_t i = 0; i < count; i++, from += 4, to += 3) {
        unsigned light = from[3] ^ flip;
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(((from[c] ^ flip) * light + 127) / 255);
    }
    picture->channels = 3;
}

static void read_picture(jpeg_reader *reader, const uint8_t *bytes, int least_side, uint64_t most_pixels)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    if (setjmp(reader->escape)) return;
    set_up(reader, bytes);
    jpeg_read_header(jpeg, TRUE);
    if (!check_header(reader, bytes, most_pixels) || !choose_output(reader, least_side)) return;
    jpeg_start_decompress(jpeg);
    reader->status = picture_allocate(reader->path, (int)jpeg->output_height, (int)jpeg->output_width,
                                      jpeg->output_components, &reader->picture, reader->error);
    if (reader->status) return;
    read_pixels(reader);
    jpeg_finish_decompress(jpeg); // reads to the file's end mark
}

silma_status jpeg_decode(const char *path, const uint8_t *bytes, size_t size, int least_side, uint64_t most_pixels,
                         silma_picture *picture, silma_error *error)
{
    jpeg_reader reader;
    reader.path = path;
    reader.size = size;
    reader.orientation = EXIF_UPRIGHT;
    reader.picture = (silma_picture){0};
    reader.error = error;
    reader.status = SILMA_OK;
    reader.source.bytes_in_buffer = size;
    reader.jpeg.mem = NULL; // so that it can be destroyed, however far it came
    reader.jpeg.err = jpeg_std_error(&reader.errors);
    reader.errors.error_exit = reading_failed;
    reader.errors.emit_message = heed_warning;
    reader.jpeg.client_data = &reader;

    read_picture(&reader, bytes, least_side, most_pixels);
    if (reader.status == SILMA_OK && reader.picture.channels == 4)
        cmyk_to_rgb(&reader.picture, reader.jpeg.saw_Adobe_marker);
    jpeg_destroy_decompress(&reader.jpeg);
    if (reader.status == SILMA_OK) reader.status = exif_turn(path, &reader.picture, reader.orientation, error);
    if (reader.status)
        free(reader.picture.pixels);
    else
        *picture = reader.picture;
    return reader.status;
}
