// Pictures that are damaged, that lie, or that were made to hurt: each is refused, in time and in little memory.
#include "silma/codecs.h"

#include "damage.h"
#include "stored_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static silma_status decode(const char *name, const uint8_t *bytes, size_t size, uint64_t most_pixels,
                           silma_error *error)
{
    silma_picture picture = {0};
    silma_status status = silma_codecs_default()->decode_picture(name, bytes, size, 0, most_pixels, &picture, error);
    if (status) {
        assert_null(picture.pixels);
        return status;
    }
    assert_in_range(picture.height, 1, most_pixels);
    assert_in_range(picture.width, 1, most_pixels / (unsigned)picture.height);
    assert_in_range(picture.channels, 1, 4);
    // A sanitizer sees a read beyond the end.
    size_t count = (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels;
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += picture.pixels[i];
    assert_in_range(sum, 0, 255 * count);
    free(picture.pixels);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Damage in every place

typedef struct limits {
    const char *name;
    uint64_t most_pixels;
} limits;

static silma_status decode_within(const uint8_t *bytes, size_t count, void *user, silma_error *error)
{
    const limits *most = user;
    return decode(most->name, bytes, count, most->most_pixels, error);
}

static limits small(const char *name)
{
    return (limits){.name = name, .most_pixels = 4096}; // so that a changed header dictates little memory
}

static void truncate_one(const stored_picture *stored, void *user)
{
    (void)user;
    limits most = small(stored->name);
    // Who takes digits from the last number of a plain PNM leaves a smaller number.
    size_t count = strncmp(stored->name, "plain", 5) == 0 ? stored->size - 6 : stored->size;
    expect_truncations_fail(stored->bytes, count, 1, stored->name, decode_within, &most);
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    stored_pictures_each(truncate_one, NULL);
}

static void flip_one(const stored_picture *stored, void *user)
{
    (void)user;
    limits most = small(stored->name);
    size_t refused =
        expect_flips_are_survived(stored->bytes, stored->size, 0, stored->size, stored->name, decode_within, &most);
    // A check sum covers all of a PNG.
    if (ends_with(stored->name, ".png")) assert_int_equal(refused, 8 * stored->size);
}

static void survives_every_flipped_bit(void **state)
{
    (void)state;
    stored_pictures_each(flip_one, NULL);
}

// ---------------------------------------------------------------------------------------------------------------------
// Headers that lie

typedef struct lie {
    const char *file;
    size_t at;
    uint8_t bytes[8];
    size_t count;
    uint64_t most_pixels;
    const char *message;
} lie;

static const lie LIES[] = {
    {"large.jpg", 0, {0}, 0, 64 * 48 - 1, "large.jpg: 64x48 pixels are more than the limit of 3071"},
    {"rgb8.png", 0, {0}, 0, 7 * 11 - 1, "rgb8.png: 7x11 pixels are more than the limit of 76"},
    {"rgb24.bmp", 18, {0x50, 0xc3, 0, 0, 0x50, 0xc3, 0, 0}, 8, SILMA_MOST_PIXELS, "50000x50000 pixels are more than"},
    {"rgb24.bmp",
     18,
     {0x50, 0xc3, 0, 0, 0x50, 0xc3, 0, 0},
     8,
     UINT64_MAX,
     "expected 7500000000 bytes of pixels, found"},
    {"rgb24.bmp", 18, {0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f}, 8, UINT64_MAX, "bytes of pixels"},
    {"rgb24.bmp", 22, {0, 0, 0, 0x80}, 4, UINT64_MAX, "its header claims a picture of 2147483648x11 pixels"},
    {"rgb24.bmp", 18, {0}, 4, UINT64_MAX, "its header claims a picture of 7x0 pixels"},
    {"rgb24.bmp", 10, {0xff, 0xff, 0xff, 0xff}, 4, UINT64_MAX, "its pixels lie outside the file"},
    {"rgb24.bmp", 10, {1}, 4, UINT64_MAX, "its pixels lie outside the file, or in the header"},
    {"rgb24.bmp", 14, {13}, 4, UINT64_MAX, "its header has a size that no BMP has"},
    {"rgb24.bmp", 30, {1}, 4, UINT64_MAX, "a compressed BMP (method 1) is not read"},
    {"rgb24.bmp", 28, {2}, 2, UINT64_MAX, "a BMP of 2 bits a pixel is not read"},
    {"rgb16-565.bmp", 54, {0}, 4, UINT64_MAX, "its colour masks make no sense"},
    {"rgb16-565.bmp", 54, {0, 0xa0, 0, 0}, 4, UINT64_MAX, "its colour masks make no sense"},
    {"palette4.bmp", 46, {2}, 4, UINT64_MAX, "a pixel has a colour that its palette lacks"},
};

static void refuses_headers_that_lie(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(LIES) / sizeof(LIES[0]); i++) {
        size_t size;
        uint8_t *bytes = stored_picture_read(LIES[i].file, &size);
        memcpy(bytes + LIES[i].at, LIES[i].bytes, LIES[i].count);
        limits most = {LIES[i].file, LIES[i].most_pixels};
        expect_refused(bytes, size, LIES[i].message, decode_within, &most);
        free(bytes);
    }
}

static void refuses_texts_that_lie(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"P5 50000 50000 255\n", "50000x50000 pixels are more than the limit of 89478485"},
        {"P5 99999999999 1 255\n", "byte 13: damaged PNM: expected its width and height"},
        {"P5 0 1 255\n", "its header claims a picture of 1x0 pixels"},
        {"P6 9000 9000 255\nabc", "expected 243000000 bytes of pixels, found 3"},
        {"P4 9000 9000\nabc", "expected 10125000 bytes of pixels, found 3"},
        {"P3 9000 9000 255\n1 2 3", "expected at least 485999999 bytes of pixels, found 5"},
        {"P5 2 1 0\nab", "expected its largest value"},
        {"P5 2 1 65536\nab", "expected its largest value"},
        {"P5 2 1 99\nab\n", "expected 2 bytes of pixels, found 3"},
        {"P5 2 1 97\nab", "byte 11: damaged PNM: a value is larger"},
        {"P5 2 1 255", "expected white space after its header"},
        {"P5 # no end", "expected its width and height"},
        {"P2 2 1 9\n1 10", "expected a value, no larger"},
        {"P2 2 1 9\n1 -1", "expected a value, no larger"},
        {"P2 2 1 9\n1 9 9", "something follows its pixels"},
        {"P1 2 1\n12", "expected 0 or 1"},
        {"P7 2 1\n", "is no picture that can be read"},
        {"P", "is no picture that can be read"},
        {"", "the file is empty"},
        {"GIF89a", "is a picture in the format GIF, which is not read: convert it to PNG or JPEG"},
        {"RIFF1234WEBPVP8 ", "in the format WebP"},
        {"II*", "in the format TIFF"},
        {"MMMM", "is no picture that can be read"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        limits most = {"a.png", SILMA_MOST_PIXELS};
        expect_refused((const uint8_t *)CASES[i][0], strlen(CASES[i][0]), CASES[i][1], decode_within, &most);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// PNG

static uint32_t crc_of(const uint8_t *bytes, size_t count)
{
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void store_32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void refuses_png_of_absurd_size(void **state)
{
    (void)state;
    enum { HEADER_AT = 12, HEADER_BYTES = 17 }; // the chunk's name and contents
    static const struct {
        uint32_t side;
        uint64_t most_pixels;
        const char *message;
    } CASES[] = {
        {50000, SILMA_MOST_PIXELS, "50000x50000 pixels are more than the limit of 89478485"},
        {9000, SILMA_MOST_PIXELS, "bytes of PNG cannot hold its 9000x9000 pixels"},
        {0x7fffffff, UINT64_MAX, "bytes of PNG cannot hold its 2147483647x2147483647 pixels"},
        {0x80000000, UINT64_MAX, "damaged PNG"},
        {0, UINT64_MAX, "damaged PNG"},
    };
    size_t size;
    uint8_t *bytes = stored_picture_read("grey1.png", &size);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        store_32(bytes + HEADER_AT + 4, CASES[i].side);
        store_32(bytes + HEADER_AT + 8, CASES[i].side);
        store_32(bytes + HEADER_AT + HEADER_BYTES, crc_of(bytes + HEADER_AT, HEADER_BYTES));
        limits most = {"bomb.png", CASES[i].most_pixels};
        expect_refused(bytes, size, CASES[i].message, decode_within, &most);
    }
    free(bytes);
}

// ---------------------------------------------------------------------------------------------------------------------
// JPEG

static size_t find_frame(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + 9 < size; i++)
        if (bytes[i] == 0xff && (bytes[i + 1] == 0xc0 || bytes[i + 1] == 0xc2)) return i;
    fail_msg("no frame header");
    return 0;
}

static void refuses_jpeg_of_absurd_size(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        unsigned side;
        uint64_t most_pixels;
        const char *message;
    } CASES[] = {
        {"rgb.jpg", 65500, SILMA_MOST_PIXELS, "65500x65500 pixels are more than the limit of 89478485"},
        {"rgb.jpg", 9000, SILMA_MOST_PIXELS, "bytes of JPEG cannot hold its 9000x9000 pixels"},
        {"progressive.jpg", 9000, SILMA_MOST_PIXELS, "bytes of JPEG cannot hold its 9000x9000 pixels"},
        {"progressive.jpg", 65500, UINT64_MAX, "bytes of JPEG cannot hold its 65500x65500 pixels"},
        {"progressive.jpg", 65535, UINT64_MAX, "damaged JPEG: Maximum supported image dimension is 65500 pixels"},
        {"rgb.jpg", 0, UINT64_MAX, "damaged JPEG"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        size_t size;
        uint8_t *bytes = stored_picture_read(CASES[i].file, &size);
        size_t at = find_frame(bytes, size) + 5;
        bytes[at] = bytes[at + 2] = (uint8_t)(CASES[i].side >> 8);
        bytes[at + 1] = bytes[at + 3] = (uint8_t)CASES[i].side;
        limits most = {"bomb.jpg", CASES[i].most_pixels};
        expect_refused(bytes, size, CASES[i].message, decode_within, &most);
        free(bytes);
    }
}

// A progressive file of 8x8 grey pixels in `scans` scans: the constant one, then one coefficient and bit at a time.
// Every code is the bit 0, which says that the rest of the block is 0.
static uint8_t *many_scans(size_t scans, size_t *size)
{
    static const uint8_t FRAME[] = {0xff, 0xc2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0};
    enum { TABLES = 2 + 69 + 2 * 22, SCAN = 11, LEVELS = 14 };
    *size = TABLES + sizeof(FRAME) + SCAN * scans + 2;
    uint8_t *bytes = calloc(*size, 1), *to = bytes;
    assert_non_null(bytes);
    memcpy(to, "\xff\xd8\xff\xdb\0\x43", 6); // quantisation by 1
    memset(to + 7, 1, 64);
    to += 71;
    for (int kind = 0; kind < 2; kind++, to += 22) { // Huffman tables: one code of one bit, for 0
        memcpy(to, "\xff\xc4\0\x14", 4);
        to[4] = (uint8_t)(kind << 4);
        to[5] = 1;
    }
    memcpy(to, FRAME, sizeof(FRAME));
    to += sizeof(FRAME);
    for (size_t i = 0; i < scans; i++, to += SCAN) {
        size_t step = i > 0 ? (i - 1) % (63 * LEVELS) : 0, low = LEVELS - 1 - step / 63;
        memcpy(to, "\xff\xda\0\x08\x01\x01", 6);
        to[7] = to[8] = (uint8_t)(i > 0 ? 1 + step % 63 : 0);
        to[9] = (uint8_t)(i == 0 ? 0 : low < LEVELS - 1 ? low | (low + 1) << 4 : low);
        to[10] = 0x7f;
    }
    memcpy(to, "\xff\xd9", 2);
    return bytes;
}

static void counts_scans(void **state)
{
    (void)state;
    static const size_t SCANS[] = {1, 2, 70, 100, 101, 882, 10000};
    for (size_t i = 0; i < sizeof(SCANS) / sizeof(SCANS[0]); i++) {
        size_t size;
        uint8_t *bytes = many_scans(SCANS[i], &size);
        limits most = {"scans.jpg", SILMA_MOST_PIXELS};
        silma_error error = {0};
        if (SCANS[i] > 100)
            expect_refused(bytes, size, "it has more than 100 scans", decode_within, &most);
        else if (decode_within(bytes, size, &most, &error))
            fail_msg("%s", error.message);
        free(bytes);
    }
}

// libjpeg itself would fill in grey, with a warning.
static void refuses_jpeg_with_a_gap(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = stored_picture_read("large.jpg", &size);
    static const uint8_t END[] = {0xff, 0xd9};
    memcpy(bytes + size - 40, END, sizeof(END));
    limits most = {"gap.jpg", SILMA_MOST_PIXELS};
    expect_refused(bytes, size - 38, "damaged JPEG: Corrupt JPEG data: premature end of data segment", decode_within,
                   &most);
    free(bytes);
}

// Telephones append films and maps to their pictures.
static void passes_over_what_follows_the_end(void **state)
{
    (void)state;
    static const char *const FILES[] = {"rgb.jpg", "progressive.jpg", "rgb8.png", "rgb24.bmp"};
    for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
        size_t size;
        uint8_t *bytes = stored_picture_read(FILES[i], &size), *longer = calloc(size + 9, 1);
        assert_non_null(longer);
        memcpy(longer, bytes, size);
        assert_int_equal(decode("photo.jpg", longer, size + 9, SILMA_MOST_PIXELS, NULL), SILMA_OK);
        free(longer);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_flipped_bit),
        cmocka_unit_test(refuses_headers_that_lie),
        cmocka_unit_test(refuses_texts_that_lie),
        cmocka_unit_test(refuses_png_of_absurd_size),
        cmocka_unit_test(refuses_jpeg_of_absurd_size),
        cmocka_unit_test(counts_scans),
        cmocka_unit_test(refuses_jpeg_with_a_gap),
        cmocka_unit_test(passes_over_what_follows_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
