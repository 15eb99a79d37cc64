// Pictures as images of a network's size, beside what Pillow makes of them.
#include "silma/silma.h"

#include "stored_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const POLICIES[] = {" stretch", " fit", " crop"};
enum { CASES_MIN = 50, WORST_MOST = 4, BACKGROUND_RED = 200, BACKGROUND_GREEN = 90, BACKGROUND_BLUE = 30 };

static silma_preparation preparation_of(int height, int width, int channels, silma_resize resize)
{
    return (silma_preparation){height, width, channels, resize, {BACKGROUND_RED, BACKGROUND_GREEN, BACKGROUND_BLUE}};
}

static silma_picture picture_of(const safetensor *tensor)
{
    return (silma_picture){(int)tensor->shape[0], (int)tensor->shape[1], (int)tensor->shape[2],
                           (uint8_t *)(uintptr_t)tensor->data};
}

// "grey fit0" is what becomes of "grey".
static const safetensor *source_of(const safetensors *file, const char *name, silma_resize *resize)
{
    char source[64];
    for (int p = SILMA_RESIZE_STRETCH; p <= SILMA_RESIZE_CROP; p++) {
        const char *policy = strstr(name, POLICIES[p]);
        if (!policy) continue;
        *resize = (silma_resize)p;
        snprintf(source, sizeof source, "%.*s", (int)(policy - name), name);
        const safetensor *found = safetensors_find(file, source);
        assert_non_null(found);
        return found;
    }
    return NULL;
}

// The issue asks for 1/255 on average. Pillow rounds between its two passes, and again when it composes.
static void compare(const char *name, const uint8_t *found, const uint8_t *expected, size_t count)
{
    size_t sum = 0;
    int worst = 0;
    for (size_t i = 0; i < count; i++) {
        int error = abs(found[i] - expected[i]);
        sum += (size_t)error;
        if (error > worst) worst = error;
    }
    double mean = (double)sum / (double)count;
    if (mean > 0.5 || worst > WORST_MOST) fail_msg("%s is off by %.3f on average, %d at worst", name, mean, worst);
}

static void agrees_with_pillow(void **state)
{
    (void)state;
    char *path = stored_path("tests/data/resize/pillow.safetensors");
    safetensors *file = NULL;
    assert_int_equal(safetensors_open(&file, path, NULL), SILMA_OK);
    int cases = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const safetensor *image = safetensors_at(file, i);
        silma_resize resize;
        const safetensor *source = source_of(file, image->name, &resize);
        if (!source) continue;
        silma_picture picture = picture_of(source);
        silma_preparation preparation =
            preparation_of((int)image->shape[0], (int)image->shape[1], (int)image->shape[2], resize);
        uint8_t *pixels = malloc(image->bytes);
        assert_non_null(pixels);
        assert_int_equal(silma_picture_prepare(&picture, &preparation, pixels, NULL), SILMA_OK);
        compare(image->name, pixels, image->data, image->bytes);
        free(pixels);
        cases++;
    }
    assert_true(cases >= CASES_MIN);
    safetensors_close(file);
    free(path);
}

// ---------------------------------------------------------------------------------------------------------------------

enum { HEIGHT = 6, WIDTH = 10, MOST = 4 * HEIGHT * WIDTH };

static void fill(uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)((37 * i + i * i) % 256);
}

static void leaves_its_own_size_alone(void **state)
{
    (void)state;
    uint8_t pixels[MOST], image[MOST];
    fill(pixels, sizeof pixels);
    for (int resize = SILMA_RESIZE_STRETCH; resize <= SILMA_RESIZE_CROP; resize++)
        for (int channels = 1; channels <= 3; channels += 2) {
            silma_picture picture = {HEIGHT, WIDTH, channels, pixels};
            silma_preparation same = preparation_of(HEIGHT, WIDTH, channels, (silma_resize)resize);
            assert_int_equal(silma_picture_prepare(&picture, &same, image, NULL), SILMA_OK);
            assert_memory_equal(image, pixels, (size_t)(HEIGHT * WIDTH * channels));
        }
}

// An opaque picture is the same with and without its alpha channel; a transparent one is the background.
static void composes_over_the_background(void **state)
{
    (void)state;
    uint8_t pixels[MOST], image[MOST];
    memset(pixels, 0, sizeof pixels);
    silma_picture picture = {HEIGHT, WIDTH, 4, pixels};
    silma_preparation colour = preparation_of(4, 4, 3, SILMA_RESIZE_CROP);
    assert_int_equal(silma_picture_prepare(&picture, &colour, image, NULL), SILMA_OK);
    for (size_t i = 0; i < 4 * 4; i++) {
        assert_int_equal(image[3 * i], BACKGROUND_RED);
        assert_int_equal(image[3 * i + 1], BACKGROUND_GREEN);
        assert_int_equal(image[3 * i + 2], BACKGROUND_BLUE);
    }
    for (size_t i = 3; i < sizeof pixels; i += 4)
        pixels[i] = 255;
    assert_int_equal(silma_picture_prepare(&picture, &colour, image, NULL), SILMA_OK);
    for (size_t i = 0; i < 4 * 4 * 3; i++)
        assert_int_equal(image[i], 0);
}

static void letter_box_stays_inside(void **state)
{
    (void)state;
    uint8_t pixels[MOST], image[8 * 8 + 1];
    memset(pixels, 7, sizeof pixels);
    memset(image, 99, sizeof image);
    silma_picture picture = {2, 9, 1, pixels}; // 8/9 of 2 rows: 2 rows of 8
    silma_preparation fit = preparation_of(8, 8, 1, SILMA_RESIZE_FIT);
    assert_int_equal(silma_picture_prepare(&picture, &fit, image, NULL), SILMA_OK);
    int background = (int)(0.299 * BACKGROUND_RED + 0.587 * BACKGROUND_GREEN + 0.114 * BACKGROUND_BLUE + 0.5);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            assert_int_equal(image[y * 8 + x], y == 3 || y == 4 ? 7 : background);
    assert_int_equal(image[8 * 8], 99);
}

static void refuses_what_makes_no_sense(void **state)
{
    (void)state;
    uint8_t pixels[MOST] = {0}, image[MOST];
    const silma_picture good = {HEIGHT, WIDTH, 3, pixels};
    const silma_preparation sound = preparation_of(4, 4, 3, SILMA_RESIZE_FIT);
    silma_preparation unsound[] = {sound, sound, sound, sound};
    unsound[0].height = 0;
    unsound[1].width = -1;
    unsound[2].channels = 2;
    unsound[3].resize = (silma_resize)3;
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++)
        assert_int_equal(silma_picture_prepare(&good, &unsound[i], image, NULL), SILMA_USAGE);
    const silma_picture bad[] = {{0, 4, 3, pixels}, {4, 0, 3, pixels}, {4, 4, 5, pixels}, {4, 4, 0, pixels}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(silma_picture_prepare(&bad[i], &sound, image, NULL), SILMA_BAD_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_pillow),           cmocka_unit_test(leaves_its_own_size_alone),
        cmocka_unit_test(composes_over_the_background), cmocka_unit_test(letter_box_stays_inside),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
