// Figures: escaping of hostile names, numbers and ticks, and every chart with little, no or strange data. That real
// parsers accept them is held by tests/cli/test_plot.sh.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "report/axis.h"
#include "report/bars.h"
#include "report/base64.h"
#include "report/curves.h"
#include "report/heat_map.h"
#include "report/image_grid.h"
#include "report/line_chart.h"
#include "report/reliability.h"

static const char HOSTILE[] = "<script>alert(\"1\")</script>&'\x01\xE2\x80\xAE\xFF\xC0\xAF";

static void assert_text(text_buffer *buffer, const char *expected)
{
    assert_false(buffer->failed);
    assert_string_equal(buffer->text, expected);
    assert_int_equal(buffer->length, strlen(expected));
    buffer_free(buffer);
}

static void hostile_text_is_shown(void **state)
{
    (void)state;
    text_buffer b = {0};
    buffer_escape(&b, HOSTILE);
    assert_text(&b, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;[U+0001][U+202E]\xEF\xBF\xBD\xEF\xBF"
                    "\xBD\xEF\xBF\xBD");
    buffer_escape(&b, "Stra\xC3\x9F"
                      "e \xE7\x8C\xAB \xF0\x9F\x90\x88"); // letters of all kinds stay
    assert_text(&b, "Stra\xC3\x9F"
                    "e \xE7\x8C\xAB \xF0\x9F\x90\x88");
    buffer_escape(&b, "\xEF\xBF\xBF \xED\xA0\x80 \xF4\x90\x80\x80 \xE2\x80"); // U+FFFF, a surrogate, too large, cut
    assert_text(&b, "[U+FFFF] \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD "
                    "\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    text_buffer b = {0};
    assert_false(buffer_escape_cut(&b, "\xC3\xA4\xC3\xB6\xC3\xBC", 3));
    assert_text(&b, "\xC3\xA4\xC3\xB6\xC3\xBC");
    assert_true(buffer_escape_cut(&b, "\xC3\xA4\xC3\xB6\xC3\xBC", 2));
    assert_text(&b, "\xC3\xA4\xE2\x80\xA6");
    assert_true(buffer_escape_cut(&b, "<<<<", 3));
    assert_text(&b, "&lt;&lt;\xE2\x80\xA6");
    assert_true(buffer_escape_cut(&b, "\x01\x01", 10)); // [U+0001] takes eight
    assert_text(&b, "[U+0001]\xE2\x80\xA6");
}

static void numbers_are_short(void **state)
{
    (void)state;
    static const struct {
        double value;
        int decimals;
        const char *text;
    } cases[] = {
        {0, 2, "0"},
        {-0.001, 2, "0"},
        {1.5, 2, "1.5"},
        {-1.25, 2, "-1.25"},
        {2.999, 2, "3"},
        {0.05, 2, "0.05"},
        {1e300, 2, "1000000000000"},
        {NAN, 2, "0"},
        {INFINITY, 2, "0"},
        {123.456, 0, "123"},
        {-0.5, 1, "-0.5"},
        {1e-9, 9, "0.000000001"},
        {1e11, 9, "100000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text_buffer b = {0};
        buffer_number(&b, cases[i].value, cases[i].decimals);
        assert_text(&b, cases[i].text);
    }
    assert_string_equal(axis_number(0.012345, 3).text, "0.0123");
    assert_string_equal(axis_number(1234567, 3).text, "1,234,567");
    assert_string_equal(axis_number(-9.996e-7, 3).text, "−1e-6");
    assert_string_equal(axis_number(1.5e-7, 3).text, "1.5e-7");
    assert_string_equal(axis_number(NAN, 3).text, "-");
    assert_string_equal(axis_number(0, 3).text, "0");
}

static void memory_text_and_base64(void **state)
{
    (void)state;
    static const char *const encoded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < sizeof encoded / sizeof *encoded; i++) {
        text_buffer b = {0};
        buffer_add(&b, "");
        base64_add(&b, (const uint8_t *)"foobar", i);
        assert_text(&b, encoded[i]);
    }
    text_buffer b = {.failed = true};
    buffer_add(&b, "lost");
    buffer_print(&b, "%d", 1);
    char *text = NULL;
    assert_int_equal(buffer_take(&b, &text, NULL), SILMA_FAILURE);
    assert_null(text);
}

// ---------------------------------------------------------------------------------------------------------------------

static void assert_ticks(const axis *a, const char *expected)
{
    char found[512] = "";
    for (size_t i = 0; i < a->tick_count; i++) {
        strcat(found, i > 0 ? " " : "");
        strcat(found, axis_tick_label(a, i).text);
    }
    assert_string_equal(found, expected);
}

static void ticks_are_round(void **state)
{
    (void)state;
    axis a = axis_linear(0.113, 0.607, 1, 5, true);
    assert_ticks(&a, "0.1 0.2 0.3 0.4 0.5 0.6 0.7");
    a = axis_linear(0.842, 0.956, 100, 5, true);
    assert_ticks(&a, "80 85 90 95 100");
    a = axis_linear(0, 42000, 1, 5, true);
    assert_ticks(&a, "0 10,000 20,000 30,000 40,000 50,000");
    a = axis_linear(0.5, 9, 1, 5, true);
    assert_ticks(&a, "0 2 4 6 8 10");
    a = axis_linear(0, 5e6, 1, 5, true);
    assert_ticks(&a, "0 1M 2M 3M 4M 5M");
    a = axis_linear(-1e-7, 1e-7, 1, 4, true);
    assert_ticks(&a, "−1e-7 −5e-8 0 5e-8 1e-7");
    a = axis_linear(-2, 2, 1, 4, false);
    assert_ticks(&a, "−2 −1 0 1 2");
    a = axis_counting(1, 40, 5);
    assert_ticks(&a, "1 10 20 30 40");
    a = axis_counting(1, 3, 5);
    assert_ticks(&a, "1 2 3");
    a = axis_counting(1, 1, 5);
    assert_ticks(&a, "1");
    a = axis_logarithmic(1.3e-7, 1e-3, 1);
    assert_ticks(&a, "1e-6 1e-5 0.0001 0.001");
    a = axis_logarithmic(0.1, 1, 1);
    assert_ticks(&a, "0.1 0.2 0.5 1");
}

static void strange_ranges_can_be_drawn(void **state)
{
    (void)state;
    static const double values[] = {0, 1, -1, 1e300, -1e300, 1e-300, 5, INFINITY, -INFINITY, NAN};
    enum { COUNT = sizeof values / sizeof *values };
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            axis axes[] = {axis_linear(values[i], values[j], 1, 5, true),
                           axis_linear(values[i], values[j], 100, 5, false), axis_logarithmic(values[i], values[j], 1)};
            for (int k = 0; k < 3; k++) {
                assert_true(axes[k].high > axes[k].low);
                assert_true(axes[k].tick_count <= AXIS_TICKS_MAX);
                assert_true(isfinite(axis_place(&axes[k], axes[k].low)));
                for (size_t t = 0; t < axes[k].tick_count; t++)
                    assert_true(strlen(axis_tick_label(&axes[k], t).text) < 32);
            }
        }
}

// ---------------------------------------------------------------------------------------------------------------------

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

// Well-formed enough: no number that is none, every element closed, nothing hostile left.
static void assert_figure(text_buffer *out)
{
    assert_false(out->failed);
    static const char *const elements[] = {"svg", "g", "text", "title", "desc", "rect", "circle", "path", "line"};
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        char open[16], close[16];
        snprintf(open, sizeof open, "<%s ", elements[i]);
        snprintf(close, sizeof close, "</%s>", elements[i]);
        size_t opened = count_of(out->text, open);
        open[strlen(open) - 1] = '>';
        opened += count_of(out->text, open);
        bool may_be_empty = i > 4;
        assert_true(may_be_empty || opened == count_of(out->text, close));
    }
    assert_null(strstr(out->text, "nan"));
    assert_null(strstr(out->text, "inf"));
    assert_null(strstr(out->text, "<script"));
}

static void begin(text_buffer *out)
{
    svg_begin(out, &(svg_frame){400, 300, HOSTILE, HOSTILE, false});
}

static void end(text_buffer *out)
{
    svg_end(out);
    assert_figure(out);
    buffer_free(out);
}

static void line_charts(void **state)
{
    (void)state;
    static const double empty[] = {NAN, NAN, NAN}, gaps[] = {1, NAN, 2, 3, NAN}, flat[] = {5, 5, 5}, zero[] = {0, 0, 0},
                        wild[] = {1e300, -1e300, INFINITY, -INFINITY, 0};
    static const struct {
        const double *y;
        size_t count, paths, circles; // what is to be drawn
    } cases[] = {
        {NULL, 0, 0, 0}, {empty, 3, 0, 0}, {gaps, 5, 1, 4}, {flat, 3, 1, 3},
        {zero, 3, 1, 3}, {flat, 1, 0, 1},  {wild, 5, 1, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < 8; kind++) {
            chart_series series = {.name = HOSTILE,
                                   .y = cases[i].y,
                                   .low = cases[i].y,
                                   .high = cases[i].y,
                                   .count = cases[i].count,
                                   .colour = (unsigned)i * 5};
            line_chart chart = {.title = HOSTILE,
                                .x_label = HOSTILE,
                                .y_label = HOSTILE,
                                .series = &series,
                                .series_count = 1,
                                .counting = kind & 1,
                                .logarithmic = kind & 2,
                                .percent = kind & 4,
                                .zero_lines = true,
                                .mark = 2,
                                .mark_label = "best"};
            text_buffer out = {0};
            begin(&out);
            size_t before = count_of(out.text, "<path");
            line_chart_draw(&out, &chart, 300, 200);
            if (!chart.logarithmic && cases[i].y != wild) {
                assert_int_equal(count_of(out.text, "class=\"l") - before, cases[i].paths + 1); // and the legend's
                assert_int_equal(count_of(out.text, "<circle"), cases[i].circles);
            }
            end(&out);
        }
}

static void curves_of_few_epochs(void **state)
{
    (void)state;
    silma_epoch epochs[3];
    for (unsigned i = 0; i < 3; i++)
        epochs[i] = (silma_epoch){i + 1, 1.0 / (i + 1), 0.5, 0.4, NAN, NAN, NAN, 1e-3, 1000, 1, 0, i == 1};
    for (size_t count = 0; count <= 3; count++) {
        text_buffer out = {0};
        begin(&out);
        curves_draw(&out, epochs, count, 900, 260);
        assert_int_equal(count_of(out.text, ">validation<"), 0); // there is none
        for (int which = CURVE_LEARNING_RATE; which < CURVE_COUNT; which++)
            curve_draw(&out, (curve)which, epochs, count, 300, 260);
        end(&out);
    }
}

static void heat_maps(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 10, 20, 21, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int n = sizes[i];
        size_t *counts = calloc((size_t)n * (size_t)n, sizeof *counts);
        const char **names = calloc((size_t)n, sizeof *names);
        assert_true(counts && names);
        for (int k = 1; k < n; k++) // the first class has no images
            counts[k * n + k] = 1000;
        if (n > 1) counts[n] = 1;
        for (int k = 0; k < n; k++)
            names[k] = HOSTILE;
        for (int kind = 0; kind < 4; kind++) {
            heat_map map = {kind & 1 ? HOSTILE : NULL, kind & 1 ? names : NULL, n, counts, kind & 2};
            text_buffer out = {0};
            begin(&out);
            double width = heat_map_width(&map);
            assert_true(width > 0 && heat_map_height(&map, width) > 0 && heat_map_height(&map, 300) > 0);
            heat_map_draw(&out, &map, width);
            assert_true(out.length < 100000);
            if (n > 1 && n <= 20 && kind == 3) assert_int_equal(count_of(out.text, ">&lt;1<"), 1); // 0.1 %
            if (n > 1 && n <= 20 && kind == 1) assert_int_equal(count_of(out.text, ">1<"), 1);
            end(&out);
        }
        free(counts);
        free(names);
    }
}

static void bars_and_reliability(void **state)
{
    (void)state;
    static const bar bars[] = {{HOSTILE, 0.5, 0.4, 0.6, SVG_FILL, true},
                               {"", 0, 0, 0, SVG_FILL, false},
                               {"nothing", NAN, 0, 0, SVG_FILL, false},
                               {"little", 1e-7, 0, 0, SVG_FILL, false},
                               {"almost", 0.9999, 0, 0, SVG_FILL, false}};
    text_buffer out = {0};
    begin(&out);
    bars_draw(&out, &(bar_chart){bars, 5, 1, true, 0}, 300);
    bars_draw(&out, &(bar_chart){bars, 5, 0, false, 9}, 300);
    bars_draw(&out, &(bar_chart){bars + 1, 1, 0, false, 9}, 20);
    bars_draw(&out, &(bar_chart){0}, 300);
    assert_non_null(strstr(out.text, "&lt; 0.1 %"));
    assert_non_null(strstr(out.text, "&gt; 99.9 %"));
    end(&out);

    static const reliability_bin bins[] = {{0.1, 0, 5}, {0, 0, 0}, {0.9, 1, 70000}};
    begin(&out);
    reliability_draw(&out, &(reliability){HOSTILE, bins, 3, 0.05}, 300, 350);
    reliability_draw(&out, &(reliability){NULL, bins, 0, NAN}, 300, 350);
    end(&out);
}

// A stand-in: the bytes of a "PNG" tell whether its squares have been enlarged, each to pixels of its own colour.
static silma_status encode(const silma_picture *picture, uint8_t **png, size_t *size, silma_error *error)
{
    if (picture->width == 13) return silma_fail(error, SILMA_FAILURE, "no");
    *png = malloc(3);
    if (!*png) return silma_fail_memory(error, 3);
    memcpy(*png, "png", 3);
    if (picture->width == 160 && picture->height == 160 && picture->channels == 3 &&
        picture->pixels[3 * (15 * 160 + 15)] == 7 && picture->pixels[3 * (15 * 160 + 16)] == 0)
        memcpy(*png, "big", 3);
    *size = 3;
    return SILMA_OK;
}

static void image_grids(void **state)
{
    (void)state;
    static const uint8_t pixels[3 * 100] = {7};
    static const bar bars[] = {{"a", 1, 0, 0, SVG_FILL, true}};
    const silma_codecs codecs = {.encode_png = encode}, none = {0};
    grid_image images[] = {{pixels, 10, 10, 3, HOSTILE, SVG_GOOD, bars, 1}, {pixels, 5, 20, 1, NULL, SVG_INK, NULL, 0}};
    image_grid grid = {images, 2, 3, 80, 100, false};
    text_buffer out = {0};
    begin(&out);
    assert_int_equal(image_grid_draw(&out, &grid, &codecs, NULL), SILMA_OK);
    assert_int_equal(count_of(out.text, "base64,cG5n\""), 2);
    assert_non_null(strstr(out.text, "width=\"80\" height=\"20\" preserve")); // keeps its proportions
    assert_null(strstr(out.text, "base64,Ymln\""));
    grid.enlarged = true;
    grid.count = 1;
    assert_int_equal(image_grid_draw(&out, &grid, &codecs, NULL), SILMA_OK);
    assert_non_null(strstr(out.text, "base64,Ymln\"")); // 2 pixels for each of the 80 units, 16 for each of 10
    grid.count = 0;
    assert_int_equal(image_grid_draw(&out, &grid, &codecs, NULL), SILMA_OK);
    end(&out);

    grid.enlarged = false;
    grid.count = 1;
    assert_int_equal(image_grid_draw(&out, &grid, &none, NULL), SILMA_USAGE);
    images[0].width = 13;
    assert_int_equal(image_grid_draw(&out, &grid, &codecs, NULL), SILMA_FAILURE);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_text_is_shown),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(memory_text_and_base64),
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(strange_ranges_can_be_drawn),
        cmocka_unit_test(line_charts),
        cmocka_unit_test(curves_of_few_epochs),
        cmocka_unit_test(heat_maps),
        cmocka_unit_test(bars_and_reliability),
        cmocka_unit_test(image_grids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
