// What each pixel adds to a class's score, against differences of the score.
#include "report/saliency.h"

#include "core/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 3, SIDE = 12, CHANNELS = 2, AREA = SIDE * SIDE };

static silma_context *context;

static int open_context(void **state)
{
    (void)state;
    silma_context_options options = {.threads = 2};
    return silma_context_create(&context, &options, NULL) == SILMA_OK ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    silma_context_free(context);
    return 0;
}

// Random weights; the statistics of batch normalisation far from those of the images, so that a gradient which took
// the batch's own would be wrong.
static silma_model *random_model(const char *text)
{
    graph *g;
    silma_model *model;
    silma_error error;
    assert_int_equal(graph_parse(&g, text, "test", NULL, &error), SILMA_OK);
    int classes = graph_output(g).c == 1 ? 2 : graph_output(g).c;
    assert_int_equal(model_create(&model, g, NULL, classes, &error), SILMA_OK);
    graph_initialise(g, 7, model->weights, model->statistics);
    for (size_t i = 0; i < g->statistic_count; i++)
        model->statistics[i] = 0.5f + random_uniform(7, RANDOM_SAMPLE, 0, i);
    return model;
}

static void parts_make_up(const char *text)
{
    silma_model *model = random_model(text);
    uint8_t pixels[IMAGES * AREA * CHANNELS];
    uint32_t classes[IMAGES] = {0, 1, 1};
    double parts[IMAGES * AREA], differences[IMAGES];
    silma_error error;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)random_below(3, RANDOM_SAMPLE, 0, i, 256);
    assert_int_equal(saliency_parts(model, context, pixels, classes, IMAGES, parts, differences, &error), SILMA_OK);
    for (size_t image = 0; image < IMAGES; image++) {
        double sum = 0, size = 0;
        for (size_t i = 0; i < AREA; i++) {
            sum += parts[image * AREA + i];
            size += fabs(parts[image * AREA + i]);
        }
        // The integral is a sum of 32 steps across kinks: close, beside the size of what is added up.
        if (!(fabs(sum - differences[image]) < 0.02 * size))
            fail_msg("image %zu: parts of %g make up %g instead of %g", image, size, sum, differences[image]);
        assert_true(size > 0.01);
    }
    silma_model_free(model);
}

static void all_pixels_make_up_the_difference(void **state)
{
    (void)state;
    parts_make_up("input 12x12x2\nconv 6 3x3 same relu\nbatchnorm\nmaxpool 2x2\ndropout 0.5\nconv 8 3x3 relu\n"
                  "batchnorm\nflatten\ndense 4 softmax\n");
    parts_make_up("input 12x12x2\nflatten\ndense 16 relu\ndense 4 softmax\n");
}

static void one_output_stands_for_two_classes(void **state)
{
    (void)state;
    parts_make_up("input 12x12x2\nconv 4 3x3 gelu\nflatten\ndense 1 sigmoid\n");
}

// A linear network: what a pixel adds is its weight times its way, exactly, and the map's strongest pixel is 1.
static void a_map_shows_the_pixel_that_counts(void **state)
{
    (void)state;
    enum { PLACE = 5 * SIDE + 7 };
    silma_model *model = random_model("input 12x12x1\nflatten\ndense 2 softmax\n");
    memset(model->weights, 0, model->g->weight_count * sizeof(float));
    model->weights[PLACE * 2 + 1] = 3; // of class 1
    uint8_t pixels[AREA] = {0};
    pixels[PLACE] = 255;
    uint32_t class = 1;
    double parts[AREA];
    float map[AREA];
    silma_error error;
    assert_int_equal(saliency_parts(model, context, pixels, &class, 1, parts, NULL, &error), SILMA_OK);
    for (size_t i = 0; i < AREA; i++)
        assert_true(i == PLACE ? parts[i] > 2 && parts[i] < 3 : fabs(parts[i]) < 1e-6);
    assert_int_equal(saliency_compute(model, context, pixels, &class, 1, map, &error), SILMA_OK);
    for (size_t i = 0; i < AREA; i++)
        assert_true(map[i] >= 0 && map[i] <= 1 && map[i] <= map[PLACE]);
    assert_true(map[PLACE] > 0.99f);
    silma_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pixels_make_up_the_difference),
        cmocka_unit_test(one_output_stands_for_two_classes),
        cmocka_unit_test(a_map_shows_the_pixel_that_counts),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
