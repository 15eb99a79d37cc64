// The confusion matrix, and the classes sorted by need.
#include "core/error.h"
#include "report/bars.h"
#include "report/heat_map.h"
#include "report/report_inside.h"

#include <stdlib.h>

const page_link LINK_CONFUSION = {"confusion", "Confusion"};
const page_link LINK_CLASSES = {"classes", "Classes"};

bool has_scores(const silma_report *report)
{
    return report->facts.scored;
}

// ---------------------------------------------------------------------------------------------------------------------
// The matrix

// Each class's name, for as long as `numbers` lives. Null if memory is short.
static const char **class_names(const silma_report *report, char (*numbers)[CLASS_NUMBER_SIZE])
{
    int count = report->facts.class_count;
    const char **names = calloc((size_t)count + 1, sizeof *names);
    for (int i = 0; names && i < count; i++)
        names[i] = run_facts_class(&report->facts, i, numbers[i]);
    return names;
}

static silma_status draw_confusion(const silma_report *report, text_buffer *out, bool percent, bool inside_page,
                                   silma_error *error)
{
    const scores *s = &report->facts.scores;
    char(*numbers)[CLASS_NUMBER_SIZE] = calloc((size_t)s->class_count + 1, sizeof *numbers);
    const char **names = numbers ? class_names(report, numbers) : NULL;
    silma_status status = names ? SILMA_OK : silma_fail_memory(error, (size_t)s->class_count * sizeof *numbers);
    if (status == SILMA_OK) {
        heat_map map = {
            .names = names,
            .class_count = s->class_count,
            .counts = s->confusion,
            .percent = percent,
        };
        svg_frame frame = {
            .title = percent ? "Confusion matrix in per cent of the true class" : "Confusion matrix in images",
            .description = "A row for each true class, a column for each predicted class",
            .inside_page = inside_page,
        };
        heat_map_add_figure(out, &map, frame);
        status = buffer_status(out, error);
    }
    free(names);
    free(numbers);
    return status;
}

silma_status draw_confusion_percent(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    return draw_confusion(report, out, true, inside_page, error);
}

silma_status draw_confusion_counts(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    return draw_confusion(report, out, false, inside_page, error);
}

silma_status section_confusion(const silma_report *report, text_buffer *page, silma_error *error)
{
    page_section_begin(page, &LINK_CONFUSION,
                       "A row for each true class, a column for each class that was predicted: what is right stands on "
                       "the diagonal.");
    buffer_add(page, "<div class=\"either\">\n<fieldset class=\"switch\" aria-label=\"Cells show\">\n"
                     "<label><input type=\"radio\" name=\"cells\" checked> per cent of the true class</label>\n"
                     "<label><input type=\"radio\" name=\"cells\" class=\"pick-b\"> images</label>\n</fieldset>\n"
                     "<div class=\"a\">\n");
    page_figure_begin(page, true);
    silma_status status = draw_confusion(report, page, true, true, error);
    page_figure_end(page, NULL);
    buffer_add(page, "</div>\n<div class=\"b\">\n");
    page_figure_begin(page, true);
    if (status == SILMA_OK) status = draw_confusion(report, page, false, true, error);
    page_figure_end(page, NULL);
    buffer_add(page, "</div>\n</div>\n");
    page_section_end(page);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The table

enum { NAME_MOST = 48 }; // characters of a class's name in it

typedef struct ranked_class {
    int index;
    double f1;
} ranked_class;

// The least F1 first; classes without images, which have none, at the end.
static int compare_need(const void *a, const void *b)
{
    const ranked_class *left = a, *right = b;
    if (left->f1 != right->f1) return left->f1 < right->f1 ? -1 : 1;
    return left->index - right->index;
}

static void add_share(text_buffer *page, interval share)
{
    if (!(share.value >= 0)) {
        buffer_add(page, "<td class=\"n\">–</td>");
        return;
    }
    buffer_print(page, "<td class=\"n\">%s<br><span class=\"low\">%s–%s</span></td>", share_text(share.value).text,
                 fixed_text(100 * share.low, 1).text, fixed_text(100 * share.high, 1).text);
}

// The class that most images of `truth` are taken for.
static void add_mistake(const silma_report *report, text_buffer *page, int truth)
{
    const scores *s = &report->facts.scores;
    buffer_add(page, "<td class=\"name\">");
    for (size_t i = 0; i < s->pair_count; i++) {
        if (s->pairs[i].truth != truth) continue;
        char number[CLASS_NUMBER_SIZE];
        buffer_escape_cut(page, run_facts_class(&report->facts, s->pairs[i].taken_for, number), NAME_MOST);
        buffer_print(page, " <span class=\"low\">%s</span>", share_text(s->pairs[i].share).text);
        break;
    }
    buffer_add(page, "</td>");
}

static void add_class(const silma_report *report, text_buffer *page, int index)
{
    const class_scores *score = &report->facts.scores.classes[index];
    char number[CLASS_NUMBER_SIZE];
    buffer_add(page, "<tr><th scope=\"row\">");
    buffer_escape_cut(page, run_facts_class(&report->facts, index, number), NAME_MOST);
    buffer_add(page, "</th>");
    add_share(page, score->f1);
    add_share(page, score->precision);
    add_share(page, score->recall);
    buffer_print(page, "<td class=\"n\">%s</td>", count_text(score->support).text);
    add_mistake(report, page, index);
    buffer_add(page, "</tr>\n");
}

static void add_table(const silma_report *report, text_buffer *page, const ranked_class *order, size_t count)
{
    page_scroll_begin(page, "Classes");
    buffer_add(page, "<table><thead><tr><th>Class</th><th class=\"n\">F1</th><th class=\"n\">Precision</th>"
                     "<th class=\"n\">Recall</th><th class=\"n\">Images</th>"
                     "<th class=\"name\">Most often taken for</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < count; i++)
        add_class(report, page, order[i].index);
    page_table_end(page);
}

// Null if memory is short; free with free().
static ranked_class *rank_classes(const scores *s)
{
    ranked_class *order = calloc((size_t)s->class_count + 1, sizeof *order);
    for (int i = 0; order && i < s->class_count; i++)
        order[i] = (ranked_class){i, s->classes[i].support ? s->classes[i].f1.value : 2};
    if (order) qsort(order, (size_t)s->class_count, sizeof *order, compare_need);
    return order;
}

static silma_status draw_bars(const silma_report *report, text_buffer *out, bool inside_page, const ranked_class *order,
                              size_t count, silma_error *error)
{
    bar *bars = calloc(count + 1, sizeof *bars);
    char(*numbers)[CLASS_NUMBER_SIZE] = calloc(count + 1, sizeof *numbers);
    silma_status status = bars && numbers ? SILMA_OK : silma_fail_memory(error, count * sizeof *bars);
    for (size_t i = 0; status == SILMA_OK && i < count; i++) {
        interval f1 = report->facts.scores.classes[order[i].index].f1;
        bars[i] = (bar){
            .name = run_facts_class(&report->facts, order[i].index, numbers[i]),
            .value = f1.value >= 0 ? f1.value : 0,
            .low = f1.low >= 0 ? f1.low : 0,
            .high = f1.high >= 0 ? f1.high : 0,
            .fill = SVG_FILL,
        };
    }
    if (status == SILMA_OK) {
        bar_chart chart = {.bars = bars, .count = count, .most = 1, .percent = true, .row = 22};
        bars_add_figure(out, &chart, 420, "F1 of each class, with its 95\u00a0% interval", inside_page);
        status = buffer_status(out, error);
    }
    free(bars);
    free(numbers);
    return status;
}

silma_status draw_f1(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    const scores *s = &report->facts.scores;
    ranked_class *order = rank_classes(s);
    if (!order) return silma_fail_memory(error, (size_t)s->class_count * sizeof *order);
    silma_status status = draw_bars(report, out, inside_page, order, (size_t)s->class_count, error);
    free(order);
    return status;
}

silma_status section_classes(const silma_report *report, text_buffer *page, silma_error *error)
{
    enum { SHOWN = 25 };
    const scores *s = &report->facts.scores;
    size_t count = (size_t)s->class_count, shown = count > SHOWN + SHOWN / 5 ? SHOWN : count;
    ranked_class *order = rank_classes(s);
    if (!order) return silma_fail_memory(error, count * sizeof *order);
    page_section_begin(
        page, &LINK_CLASSES,
        "The classes that need most care first. Precision: of the images taken for the class, those that "
        "are of it. Recall: of the images of the class, those that are recognised. F1: both in one.");
    buffer_add(page, "<div class=\"two\">\n");
    add_table(report, page, order, shown);
    page_figure_begin(page, false);
    silma_status status = draw_bars(report, page, true, order, shown, error);
    page_figure_end(page, "F1 with its 95\u00a0% interval.");
    buffer_add(page, "</div>\n");
    if (shown < count) {
        buffer_print(page, "<details><summary>The other %zu classes</summary>\n", count - shown);
        add_table(report, page, order + shown, count - shown);
        buffer_add(page, "</details>\n");
    }
    buffer_add(
        page,
        "<p class=\"small soft\">Small: 95\u00a0% intervals, Wilson’s for precision and recall. That of F1 follows "
        "from Wilson’s for J, the share that is right among the images that are of the class or taken for "
        "it, as F1 = 2J / (1 + J).</p>\n");
    page_section_end(page);
    free(order);
    return status == SILMA_OK ? buffer_status(page, error) : status;
}
