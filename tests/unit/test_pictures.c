// Pictures of every kind that is read, against the samples that they were written from, and against Pillow.
#include "silma/codecs.h"

#include "stored_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static silma_picture decode(const stored_picture *stored, int least_side)
{
    silma_picture picture = {0};
    silma_error error = {0};
    if (silma_codecs_default()->decode_picture(stored->name, stored->bytes, stored->size, least_side, SILMA_MOST_PIXELS,
                                               &picture, &error))
        fail_msg("%s", error.message);
    return picture;
}

static void compare(const stored_picture *stored, void *user)
{
    size_t *count = user;
    silma_picture picture = decode(stored, 0);
    if (picture.height != stored->height || picture.width != stored->width || picture.channels != stored->channels)
        fail_msg("%s: %dx%dx%d, expected %dx%dx%d", stored->name, picture.height, picture.width, picture.channels,
                 stored->height, stored->width, stored->channels);
    // Versions of libjpeg differ in the last bit; all else is exact.
    int tolerance = ends_with(stored->name, ".jpg") ? 2 : 0;
    size_t size = (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels;
    for (size_t i = 0; i < size; i++)
        if (abs(picture.pixels[i] - stored->pixels[i]) > tolerance)
            fail_msg("%s: value %zu is %d, expected %d", stored->name, i, picture.pixels[i], stored->pixels[i]);
    free(picture.pixels);
    *count += 1;
}

static void decodes_every_kind(void **state)
{
    (void)state;
    size_t count = 0;
    stored_pictures_each(compare, &count);
    assert_true(count > 60);
}

// ---------------------------------------------------------------------------------------------------------------------
// Scaled decoding

static double mean_difference_to_boxes(const silma_picture *small, const silma_picture *large, int fraction)
{
    double sum = 0;
    for (int y = 0; y < small->height; y++) {
        for (int x = 0; x < small->width; x++) {
            double box = 0;
            for (int i = 0; i < fraction * fraction; i++)
                box += large->pixels[(y * fraction + i / fraction) * large->width + x * fraction + i % fraction];
            double difference = small->pixels[y * small->width + x] - box / (fraction * fraction);
            sum += difference < 0 ? -difference : difference;
        }
    }
    return sum / (small->height * small->width);
}

static void decodes_at_a_fraction(void **state)
{
    (void)state;
    static const struct {
        int least_side, fraction;
    } CASES[] = {{0, 1}, {48, 1}, {25, 1}, {24, 2}, {13, 2}, {12, 4}, {7, 4}, {6, 8}, {1, 8}};
    stored_picture stored = {.name = "large.jpg"};
    stored.bytes = stored_picture_read(stored.name, &stored.size);
    silma_picture full = decode(&stored, 0);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        silma_picture picture = decode(&stored, CASES[i].least_side);
        assert_int_equal(picture.height, 64 / CASES[i].fraction);
        assert_int_equal(picture.width, 48 / CASES[i].fraction);
        assert_true(mean_difference_to_boxes(&picture, &full, CASES[i].fraction) < 2);
        free(picture.pixels);
    }
    free(full.pixels);
    free(stored.bytes);
}

// Sides that no fraction divides are rounded up, and turned sides are compared with the smaller one.
static void rounds_fractions_up(void **state)
{
    (void)state;
    stored_picture stored = {.name = "orientation6.jpg"}; // 11x7, upright
    stored.bytes = stored_picture_read(stored.name, &stored.size);
    silma_picture picture = decode(&stored, 4);
    assert_int_equal(picture.height, 6);
    assert_int_equal(picture.width, 4);
    free(picture.pixels);
    picture = decode(&stored, 5);
    assert_int_equal(picture.height, 11);
    assert_int_equal(picture.width, 7);
    free(picture.pixels);
    free(stored.bytes);
}

// ---------------------------------------------------------------------------------------------------------------------
// Encoding

static void encodes_what_it_decodes(void **state)
{
    (void)state;
    enum { HEIGHT = 5, WIDTH = 70 };
    uint8_t pixels[HEIGHT * WIDTH * 4];
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * i * 7 + i);
    for (int channels = 1; channels <= 4; channels++) {
        silma_picture picture = {HEIGHT, WIDTH, channels, pixels};
        stored_picture stored = {.name = "encoded.png"};
        assert_int_equal(silma_codecs_default()->encode_png(&picture, &stored.bytes, &stored.size, NULL), SILMA_OK);
        silma_picture again = decode(&stored, 0);
        assert_int_equal(again.height, HEIGHT);
        assert_int_equal(again.width, WIDTH);
        assert_int_equal(again.channels, channels);
        assert_memory_equal(again.pixels, pixels, HEIGHT * WIDTH * (size_t)channels);
        free(again.pixels);
        free(stored.bytes);
    }
}

static void refuses_to_encode_nothing(void **state)
{
    (void)state;
    static const int SHAPES[][3] = {{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {1, 1, 5}, {-1, 1, 1}};
    for (size_t i = 0; i < sizeof(SHAPES) / sizeof(SHAPES[0]); i++) {
        silma_picture picture = {SHAPES[i][0], SHAPES[i][1], SHAPES[i][2], NULL};
        uint8_t *png;
        size_t size;
        assert_int_equal(silma_codecs_default()->encode_png(&picture, &png, &size, NULL), SILMA_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_kind),        cmocka_unit_test(decodes_at_a_fraction),
        cmocka_unit_test(rounds_fractions_up),       cmocka_unit_test(encodes_what_it_decodes),
        cmocka_unit_test(refuses_to_encode_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
