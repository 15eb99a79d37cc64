// What is stored of the thesis agrees with itself: rows with totals, diagonals with what the text says of them.
#include "report/svg.h"
#include "report/thesis_values.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void captions_of_all_figures(void **state)
{
    (void)state;
    int count = 0;
    for (int figure = 0; figure < 50; figure++) {
        bool wanted = (figure >= 3 && figure <= 7) || figure == 11 || (figure >= 13 && figure <= 35);
        assert_int_equal(thesis_caption_of(figure) != NULL, wanted);
        count += wanted;
    }
    assert_int_equal(count, 29);
}

static void rows_add_up(void **state)
{
    (void)state;
    int tables = 0;
    for (int figure = 1; figure <= 35; figure++) {
        const thesis_table *table = thesis_table_of(figure);
        if (!table) continue;
        uint64_t sum = 0;
        for (size_t i = 0; i < table->row_count; i++)
            sum += table->rows[i].params;
        assert_int_equal(sum, table->params);
        tables++;
    }
    assert_int_equal(tables, 6);
}

static int count_above(const thesis_case *c, double limit)
{
    int count = 0;
    for (int i = 0; i < THESIS_CLASSES; i++)
        count += c->diagonal[i] > limit;
    return count;
}

// The numbers of the text: five above 50; all above 50, six above 80; eight of at least 90, two of 86.
static void diagonals_agree_with_the_text(void **state)
{
    (void)state;
    assert_int_equal(count_above(&THESIS_CASES[THESIS_CIFAR_ANN], 50), 5);
    assert_int_equal(count_above(&THESIS_CASES[THESIS_CIFAR_CNN], 50), 10);
    assert_int_equal(count_above(&THESIS_CASES[THESIS_CIFAR_CNN], 80), 6);
    assert_int_equal(count_above(&THESIS_CASES[THESIS_FASHION_CNN], 89.5), 8);
    assert_int_equal(count_above(&THESIS_CASES[THESIS_FASHION_CNN], 85.5), 10);
    assert_true(isnan(thesis_accuracy(&THESIS_CASES[THESIS_FASHION_ANN])));
    assert_true(fabs(thesis_accuracy(&THESIS_CASES[THESIS_CIFAR_ANN]) - 0.458) < 1e-9);
}

static void accuracies_as_text(void **state)
{
    (void)state;
    static const char *const texts[THESIS_EXPERIMENTS] = {"about 45.8 %", "about 79.9 %", "above 87.5 %", "93.7 %"};
    for (int i = 0; i < THESIS_EXPERIMENTS; i++)
        assert_string_equal(thesis_accuracy_text(&THESIS_CASES[i]).text, texts[i]);
}

static void figures_of_the_cases(void **state)
{
    (void)state;
    for (int i = 0; i < THESIS_EXPERIMENTS; i++) {
        const thesis_case *c = &THESIS_CASES[i];
        assert_non_null(thesis_table_of(c->table));
        assert_string_equal(thesis_table_of(c->table)->network, c->base.network);
        assert_int_equal(c->curves, c->table + 1);
        assert_int_equal(c->confusion, c->table + 2);
        assert_int_equal(c->pictures, c->table + 3);
        assert_non_null(silma_catalog_find(c->base.data));
        for (size_t claim = 0; claim < c->claim_count; claim++)
            assert_true(c->claims[claim].figure == c->curves || c->claims[claim].figure == c->confusion);
        for (int class = 0; class < THESIS_CLASSES; class ++)
            assert_true(!isnan(c->diagonal[class]) || c->diagonal_text[class]);
        assert_ptr_equal(silma_thesis_experiment((size_t)i), &c->base);
    }
    assert_null(silma_thesis_experiment(THESIS_EXPERIMENTS));
}

// The recipes of the zoo are those of the thesis.
static void recipes(void **state)
{
    (void)state;
    for (size_t i = 0; silma_zoo_name(i); i++)
        for (int e = 0; e < THESIS_EXPERIMENTS; e++) {
            const thesis_case *c = &THESIS_CASES[e];
            char line[64];
            if (strcmp(silma_zoo_name(i), c->base.network) != 0) continue;
            snprintf(line, sizeof line, "\nepochs %u\nbatch %u\nval_split 0.2\nearly_stop loss patience=%d\n",
                     c->base.epochs, c->base.batch, c->patience);
            assert_non_null(strstr(silma_zoo_text(i), line));
            assert_non_null(strstr(silma_zoo_text(i), "\noptimizer adam\nlr 1e-3\n"));
        }
}

static void draw(text_buffer *out, bool inside_page)
{
    svg_begin(out, &(svg_frame){.width = 30, .height = 20, .title = "a <b>", .inside_page = inside_page});
    svg_line(out, SVG_LINE, 0, 0, 30, 20);
    svg_text(out, &(text_style){.size = SVG_TEXT}, 1, 2, "<style>");
    svg_end(out);
}

// A figure that stands alone becomes what it would have been within a page, but for the namespace that it keeps.
static void figures_move_into_pages(void **state)
{
    (void)state;
    static const char NAMESPACE[] = " xmlns=\"http://www.w3.org/2000/svg\"";
    text_buffer alone = {0}, moved = {0}, inside = {0}, unchanged = {0};
    draw(&alone, false);
    draw(&inside, true);
    svg_add_to_page(&moved, alone.text);
    char *at = strstr(moved.text, NAMESPACE);
    assert_non_null(at);
    memmove(at, at + strlen(NAMESPACE), strlen(at + strlen(NAMESPACE)) + 1);
    assert_string_equal(moved.text, inside.text);
    svg_add_to_page(&unchanged, inside.text);
    assert_string_equal(unchanged.text, inside.text);
    buffer_free(&alone);
    buffer_free(&moved);
    buffer_free(&inside);
    buffer_free(&unchanged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_of_all_figures),
        cmocka_unit_test(rows_add_up),
        cmocka_unit_test(diagonals_agree_with_the_text),
        cmocka_unit_test(figures_of_the_cases),
        cmocka_unit_test(accuracies_as_text),
        cmocka_unit_test(recipes),
        cmocka_unit_test(figures_move_into_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
