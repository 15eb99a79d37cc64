// init=whitening: what its filters see in the images has a variance of one and no correlation.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "train/whitening.h"

enum { IMAGES = 40, SIDE = 9, CHANNELS = 3, WINDOW = 2, VALUES = WINDOW * WINDOW * CHANNELS };

static void eigenvectors_stay_in_their_direction(void **state)
{
    (void)state;
    enum { N = 7 };
    double matrix[N * N], destroyed[N * N], values[N], vectors[N * N];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= i; j++)
            matrix[i * N + j] = matrix[j * N + i] = (double)random_normal(1, RANDOM_SAMPLE, 0, i * N + j);
    memcpy(destroyed, matrix, sizeof matrix);
    symmetric_eigen(N, destroyed, values, vectors);
    for (size_t v = 0; v < N; v++) {
        if (v > 0) assert_true(values[v] <= values[v - 1]);
        double square = 0;
        for (size_t i = 0; i < N; i++) {
            double image = 0;
            for (size_t j = 0; j < N; j++)
                image += matrix[i * N + j] * vectors[v * N + j];
            assert_true(fabs(image - values[v] * vectors[v * N + i]) < 1e-10);
            square += vectors[v * N + i] * vectors[v * N + i];
        }
        assert_true(fabs(square - 1) < 1e-10);
    }
}

// Neighbours are alike, as in photographs: each pixel is mostly the one to its left.
static void draw_images(uint8_t *pixels)
{
    for (size_t i = 0; i < IMAGES * SIDE * SIDE * CHANNELS; i++) {
        double noise = 30 * (double)random_normal(2, RANDOM_SAMPLE, 0, i);
        double left = i >= CHANNELS ? pixels[i - CHANNELS] : 128, value = 0.7 * left + 0.3 * 128 + noise;
        pixels[i] = (uint8_t)fmin(fmax(value, 0), 255);
    }
}

static double response(const uint8_t *pixels, const whitening_source *source, const float *kernel, size_t filters,
                       size_t filter, size_t image, size_t y, size_t x)
{
    double sum = 0;
    for (size_t k = 0; k < VALUES; k++) {
        size_t c = k % CHANNELS, j = k / CHANNELS % WINDOW, i = k / CHANNELS / WINDOW;
        size_t place = ((image * SIDE + y + i) * SIDE + x + j) * CHANNELS + c;
        sum += (pixels[place] * (double)source->scale[c] + (double)source->shift[c]) *
               (double)kernel[k * filters + filter];
    }
    return sum;
}

static double covariance(const uint8_t *pixels, const whitening_source *source, const float *kernel, size_t filters,
                         size_t a, size_t b)
{
    const size_t steps = SIDE - WINDOW + 1;
    const double count = (double)(IMAGES * steps * steps);
    double sums[3] = {0};
    for (size_t image = 0; image < IMAGES; image++) {
        for (size_t y = 0; y < steps; y++) {
            for (size_t x = 0; x < steps; x++) {
                double va = response(pixels, source, kernel, filters, a, image, y, x);
                double vb = response(pixels, source, kernel, filters, b, image, y, x);
                sums[0] += va;
                sums[1] += vb;
                sums[2] += va * vb;
            }
        }
    }
    return sums[2] / count - sums[0] / count * (sums[1] / count);
}

typedef struct fixture {
    uint8_t pixels[IMAGES * SIDE * SIDE * CHANNELS];
    uint32_t indices[IMAGES];
    float scale[CHANNELS], shift[CHANNELS];
    silma_images images;
    whitening_source source;
} fixture;

static fixture *create_fixture(void)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    draw_images(f->pixels);
    for (uint32_t i = 0; i < IMAGES; i++)
        f->indices[i] = i;
    for (size_t c = 0; c < CHANNELS; c++) {
        f->scale[c] = 1 / 40.0f;
        f->shift[c] = -128 / 40.0f;
    }
    f->images = (silma_images){.pixels = f->pixels, .height = SIDE, .width = SIDE, .channels = CHANNELS};
    f->source = (whitening_source){
        .images = &f->images, .indices = f->indices, .count = IMAGES, .scale = f->scale, .shift = f->shift};
    return f;
}

static graph *parse(const char *text)
{
    graph *g;
    silma_error error;
    assert_int_equal(graph_parse(&g, text, "test", NULL, &error), SILMA_OK);
    return g;
}

static void responses_are_white(void **state)
{
    (void)state;
    enum { FILTERS = 2 * VALUES + 3 };
    static const double EPSILON = 1e-2;
    fixture *f = create_fixture();
    graph *g = parse("input 9x9x3\nconv 27 2x2 bias=no init=whitening\nglobalavgpool\ndense 2 softmax\n");
    float *weights = calloc(2 * g->weight_count, sizeof *weights), *he = weights + g->weight_count, statistics[1];
    assert_non_null(weights);
    graph_initialise(g, 5, weights, statistics);
    memcpy(he, weights, g->weight_count * sizeof *he);
    silma_error error;
    assert_int_equal(whiten_filters(g, &f->source, weights, &error), SILMA_OK);
    for (size_t a = 0; a < 2 * VALUES; a += 2) {
        for (size_t k = 0; k < VALUES; k++)
            assert_true(weights[k * FILTERS + a] == -weights[k * FILTERS + a + 1]);
        double length = 0;
        for (size_t k = 0; k < VALUES; k++)
            length += (double)weights[k * FILTERS + a] * (double)weights[k * FILTERS + a];
        // 1 / length = lambda + epsilon, and the variance of what is seen is lambda / (lambda + epsilon).
        double variance = covariance(f->pixels, &f->source, weights, FILTERS, a, a);
        assert_true(fabs(variance - (1 - EPSILON * length)) < 1e-4);
        for (size_t b = 0; b < a; b += 2)
            assert_true(fabs(covariance(f->pixels, &f->source, weights, FILTERS, a, b)) < 1e-4);
    }
    for (size_t k = 0; k < VALUES; k++)
        for (size_t filter = 2 * VALUES; filter < FILTERS; filter++)
            assert_true(weights[k * FILTERS + filter] == he[k * FILTERS + filter]);
    assert_memory_equal(weights + VALUES * FILTERS, he + VALUES * FILTERS,
                        (g->weight_count - VALUES * FILTERS) * sizeof *he);
    free(weights);
    graph_free(g);
    free(f);
}

static void only_the_first_convolution_can_be_whitened(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "input 9x9x3\nconv 4 2x2\nconv 4 2x2 init=whitening\nglobalavgpool\ndense 2 softmax\n",
        "input 9x9x3\nconv 6 2x2 groups=3 init=whitening\nglobalavgpool\ndense 2 softmax\n",
        "input 243\ndense 2 init=whitening softmax\n",
    };
    fixture *f = create_fixture();
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        graph *g = parse(TEXTS[i]);
        float *weights = calloc(g->weight_count, sizeof *weights);
        assert_non_null(weights);
        silma_error error;
        assert_int_equal(whiten_filters(g, &f->source, weights, &error), SILMA_BAD_FILE);
        assert_non_null(strstr(error.message, "init=whitening is for a convolution without groups"));
        free(weights);
        graph_free(g);
    }
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvectors_stay_in_their_direction),
        cmocka_unit_test(responses_are_white),
        cmocka_unit_test(only_the_first_convolution_can_be_whitened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
