// The page and the figures of a comparison.
#include "report/comparison.h"

#include "core/error.h"
#include "core/file.h"
#include "report/line_chart.h"
#include "report/page.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const page_link LINK_RUNS = {"runs", "Runs"}, LINK_DIFFERENCES = {"settings", "What differs"},
                       LINK_CURVES = {"curves", "Curves"}, LINK_SEEDS = {"seeds", "Over seeds"},
                       LINK_PAIRS = {"pairs", "Pairs"};

// ---------------------------------------------------------------------------------------------------------------------
// Curves

typedef double epoch_value(const silma_epoch *epoch);

static double value_loss(const silma_epoch *epoch)
{
    return epoch->val_loss;
}

static double value_accuracy(const silma_epoch *epoch)
{
    return epoch->val_accuracy;
}

static double value_true_positives(const silma_epoch *epoch)
{
    return epoch->val_true_positives;
}

static double value_training_loss(const silma_epoch *epoch)
{
    return epoch->loss;
}

typedef struct panel {
    const char *name, *title; // of its file; above it
    epoch_value *value;
    bool percent;
} panel;

static const panel panels[] = {
    {"validation-loss", "Validation loss", value_loss, false},
    {"validation-accuracy", "Validation accuracy", value_accuracy, true},
    {"validation-true-positives", "Validation true positives", value_true_positives, true},
    {"training-loss", "Training loss", value_training_loss, false},
};
enum { PANEL_COUNT = sizeof panels / sizeof *panels, NAMED_LINES_MAX = 8 };

static const double WIDTH = 360, HEIGHT = 300;

static void draw_chart(text_buffer *out, const panel *p, const char *title, const chart_series *series, size_t count,
                       bool inside_page)
{
    const line_chart chart = {
        .title = title,
        .x_label = "epoch",
        .y_label = p->percent ? "per cent" : NULL,
        .series = series,
        .series_count = count,
        .counting = true,
        .percent = p->percent,
    };
    // Names beneath each other need room.
    double names = 0;
    for (size_t i = 0; i < count; i++)
        names += series[i].name ? svg_text_width(series[i].name, SVG_SMALL) + 60 : 0;
    double height = HEIGHT + 16 * fmin(NAMED_LINES_MAX, ceil(names / WIDTH));
    svg_begin(out, &(svg_frame){WIDTH, height, title, "By epoch", inside_page});
    line_chart_draw(out, &chart, WIDTH, height);
    svg_end(out);
}

static size_t most_epochs(const silma_comparison *c)
{
    size_t most = 1;
    for (size_t i = 0; i < c->count; i++)
        if (c->runs[i].facts.history.count > most) most = c->runs[i].facts.history.count;
    return most;
}

// A line for each run. Many runs share the colours of their groups.
static silma_status draw_runs(const silma_comparison *c, const panel *p, text_buffer *out, bool inside_page,
                              silma_error *error)
{
    size_t epochs = most_epochs(c);
    double *values = calloc(c->count * epochs, sizeof *values);
    chart_series *series = calloc(c->count, sizeof *series);
    bool many = c->count > NAMED_LINES_MAX;
    silma_status status = values && series ? SILMA_OK : silma_fail_memory(error, c->count * epochs * sizeof *values);
    for (size_t i = 0; i < c->count && !status; i++) {
        const history *h = &c->runs[i].facts.history;
        double *y = values + i * epochs;
        for (size_t e = 0; e < h->count; e++)
            y[e] = p->value(&h->epochs[e]);
        bool named = !many || c->groups[c->runs[i].group].first == i;
        series[i] = (chart_series){.name = named ? c->runs[i].label : NULL,
                                   .y = y,
                                   .count = h->count,
                                   .colour = (unsigned)(many ? c->runs[i].group : i)};
    }
    if (!status) draw_chart(out, p, p->title, series, c->count, inside_page);
    free(values);
    free(series);
    return status ? status : buffer_status(out, error);
}

// The mean of a group's runs at epoch `e`, of those that came so far.
static mean_interval epoch_mean(const silma_comparison *c, size_t group, const panel *p, size_t e, double *values)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        const history *h = &c->runs[i].facts.history;
        if (c->runs[i].group == group && e < h->count) values[count++] = p->value(&h->epochs[e]);
    }
    return mean_within(values, count, p->percent ? 1 : INFINITY);
}

// A line with a band for each group of several runs, as far as all of them came; a plain line for the others.
static silma_status draw_means(const silma_comparison *c, const panel *p, text_buffer *out, bool inside_page,
                               silma_error *error)
{
    enum { ROWS = 3 };
    size_t epochs = most_epochs(c);
    double *values = calloc(c->group_count * epochs * ROWS + c->count, sizeof *values);
    chart_series *series = calloc(c->group_count, sizeof *series);
    char(*names)[160] = calloc(c->group_count, sizeof *names);
    silma_status status =
        values && series && names ? SILMA_OK : silma_fail_memory(error, c->group_count * epochs * sizeof *values);
    for (size_t g = 0; g < c->group_count && !status; g++) {
        double *y = values + g * epochs * ROWS, *low = y + epochs, *high = low + epochs;
        size_t count = 0;
        for (; count < epochs; count++) {
            mean_interval m = epoch_mean(c, g, p, count, values + c->group_count * epochs * ROWS);
            if (m.count < c->groups[g].runs) break; // those that trained longer are others than all
            y[count] = m.mean;
            low[count] = m.low;
            high[count] = m.high;
        }
        const char *label = c->runs[c->groups[g].first].label;
        if (c->groups[g].runs > 1)
            snprintf(names[g], sizeof names[g], "%.120s and %zu more", label, c->groups[g].runs - 1);
        else
            snprintf(names[g], sizeof names[g], "%.150s", label);
        series[g] =
            (chart_series){.name = names[g], .y = y, .low = low, .high = high, .count = count, .colour = (unsigned)g};
    }
    if (!status) draw_chart(out, p, p->title, series, c->group_count, inside_page);
    free(values);
    free(series);
    free(names);
    return status ? status : buffer_status(out, error);
}

static bool has_values(const silma_comparison *c, const panel *p)
{
    for (size_t i = 0; i < c->count; i++)
        for (size_t e = 0; e < c->runs[i].facts.history.count; e++)
            if (isfinite(p->value(&c->runs[i].facts.history.epochs[e]))) return true;
    return false;
}

static bool has_seeds(const silma_comparison *c)
{
    for (size_t i = 0; i < c->group_count; i++)
        if (c->groups[i].runs > 1) return true;
    return false;
}

typedef silma_status draw_panel(const silma_comparison *c, const panel *p, text_buffer *out, bool inside_page,
                                silma_error *error);

static silma_status add_panels(const silma_comparison *c, text_buffer *page, draw_panel *draw, silma_error *error)
{
    silma_status status = SILMA_OK;
    buffer_add(page, "<div class=\"three\">\n");
    for (size_t i = 0; i < PANEL_COUNT && !status; i++) {
        if (!has_values(c, &panels[i])) continue;
        page_figure_begin(page, false);
        status = draw(c, &panels[i], page, true, error);
        page_figure_end(page, NULL);
    }
    buffer_add(page, "</div>\n");
    return status;
}

silma_status silma_comparison_figures(const silma_comparison *c, silma_figure_fn *receive, void *user,
                                      silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < (has_seeds(c) ? 2 : 1) * PANEL_COUNT && !status; i++) {
        const panel *p = &panels[i % PANEL_COUNT];
        if (!has_values(c, p)) continue;
        char name[64];
        text_buffer svg = {0};
        snprintf(name, sizeof name, "%s%s", i < PANEL_COUNT ? "" : "mean-", p->name);
        status = i < PANEL_COUNT ? draw_runs(c, p, &svg, false, error) : draw_means(c, p, &svg, false, error);
        if (!status) status = receive(name, svg.text, svg.length, user, error);
        buffer_free(&svg);
    }
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Tables

static void begin_table(text_buffer *page, const char *label, const char *const *headings, size_t count)
{
    buffer_print(page, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table><thead><tr>",
                 label);
    for (size_t i = 0; i < count; i++) // those of numbers begin with '#'
        if (headings[i][0] == '#')
            buffer_print(page, "<th class=\"n\">%s</th>", headings[i] + 1);
        else
            buffer_print(page, "<th>%s</th>", headings[i]);
    buffer_add(page, "</tr></thead>\n<tbody>\n");
}

static void end_table(text_buffer *page)
{
    buffer_add(page, "</tbody></table></div>\n");
}

static void add_name(text_buffer *page, const char *name)
{
    buffer_add(page, "<th scope=\"row\">");
    buffer_escape(page, name);
    buffer_add(page, "</th>");
}

static void add_number(text_buffer *page, short_words value)
{
    buffer_print(page, "<td class=\"n\">%s</td>", value.text);
}

// "89.4 % / 88.9 % to 90.0 %", the interval small.
static void add_share(text_buffer *page, double value, double low, double high)
{
    buffer_print(page, "<td class=\"n\">%s", share_text(value).text);
    if (isfinite(low))
        buffer_print(page, "<br><span class=\"low\">%s to %s</span>", share_text(low).text, share_text(high).text);
    buffer_add(page, "</td>");
}

static void add_run_row(const silma_comparison *c, size_t index, text_buffer *page)
{
    const silma_compared_run *run = &c->shown[index];
    const run_facts *facts = &c->runs[index].facts;
    buffer_add(page, "<tr>");
    add_name(page, run->label);
    buffer_add(page, "<td>");
    buffer_escape(page, run->network);
    buffer_add(page, "</td><td>");
    buffer_escape(page, run->data);
    buffer_print(page, "</td><td class=\"n\">%llu</td>", (unsigned long long)run->seed);
    add_number(page, count_text(run->parameters));
    buffer_print(page, "<td class=\"n\">%s", count_text(run->epochs).text);
    if (run->best_epoch) buffer_print(page, "<br><span class=\"low\">best: %u</span>", run->best_epoch);
    if (facts->unfinished) buffer_add(page, "<br><span class=\"low\">unfinished</span>");
    buffer_add(page, "</td>");
    add_share(page, run->accuracy, run->accuracy_low, run->accuracy_high);
    add_number(page, value_text(run->loss));
    add_number(page, share_text(run->true_positives));
    add_number(page, share_text(run->last_accuracy));
    add_number(page, duration_text(run->seconds));
    buffer_add(page, "</tr>\n");
}

static void add_runs(const silma_comparison *c, text_buffer *page)
{
    static const char *const headings[] = {"Run",     "Network",   "Data",  "#Seed",           "#Parameters",
                                           "#Epochs", "#Accuracy", "#Loss", "#True positives", "#Last accuracy",
                                           "#Time"};
    page_section_begin(
        page, &LINK_RUNS,
        "On each run's validation images, with its best weights. These were chosen on the same images, so "
        "that all of it is a little too good: <code>silma eval --split test</code> has the last word.");
    begin_table(page, "Runs", headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < c->count; i++)
        add_run_row(c, i, page);
    end_table(page);
    for (size_t i = 0; i < c->count; i++) {
        if (!c->shown[i].problem) continue;
        buffer_add(page, "<p class=\"small soft\">");
        buffer_escape(page, c->shown[i].label);
        buffer_add(page, ": its images were not predicted again: ");
        buffer_escape(page, c->shown[i].problem);
        buffer_add(page, "</p>\n");
    }
    page_section_end(page);
}

static bool is_same_in_all(const silma_comparison *c, const char *setting)
{
    for (size_t i = 1; i < c->count; i++)
        if (!json_equal(json_object_get(c->runs[0].facts.settings, setting),
                        json_object_get(c->runs[i].facts.settings, setting)) &&
            (json_object_get(c->runs[0].facts.settings, setting) ||
             json_object_get(c->runs[i].facts.settings, setting)))
            return false;
    return true;
}

static silma_status add_setting(const silma_comparison *c, const char *setting, text_buffer *page, silma_error *error)
{
    buffer_add(page, "<tr>");
    add_name(page, setting);
    for (size_t i = 0; i < c->count; i++) {
        char *text = setting_text(json_object_get(c->runs[i].facts.settings, setting));
        if (!text) return silma_fail_memory(error, 64);
        buffer_add(page, "<td>");
        buffer_escape(page, text);
        buffer_add(page, "</td>");
        free(text);
    }
    buffer_add(page, "</tr>\n");
    return SILMA_OK;
}

// Settings of which not all runs have the same; those that only one run knows are those of another version.
static silma_status add_differences(const silma_comparison *c, text_buffer *page, silma_error *error)
{
    page_section_begin(page, &LINK_DIFFERENCES, "The settings that are not the same in all runs.");
    buffer_add(page, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                     "aria-label=\"Settings\"><table><thead><tr><th>Setting</th>");
    for (size_t i = 0; i < c->count; i++) {
        buffer_add(page, "<th>");
        buffer_escape(page, c->runs[i].label);
        buffer_add(page, "</th>");
    }
    buffer_add(page, "</tr></thead>\n<tbody>\n");
    silma_status status = SILMA_OK;
    const char *name;
    json_t *value;
    bool any = false;
    json_object_foreach((json_t *)(uintptr_t)c->runs[0].facts.settings, name, value)
    {
        if (status || is_same_in_all(c, name)) continue;
        status = add_setting(c, name, page, error);
        any = true;
    }
    end_table(page);
    if (!any) buffer_add(page, "<p>All settings are the same.</p>\n");
    for (size_t i = 1; i < c->count; i++) {
        const char *difference = comparison_difference(&c->runs[0].facts, &c->runs[i].facts);
        if (!difference || (strcmp(difference, "network") != 0 && strcmp(difference, "data") != 0)) continue;
        buffer_add(page, "<p class=\"small\">");
        buffer_escape(page, c->runs[i].label);
        buffer_print(page, " has another %s than ", strcmp(difference, "data") == 0 ? "data set" : "network");
        buffer_escape(page, c->runs[0].label);
        buffer_add(page, ".</p>\n");
    }
    page_section_end(page);
    return status;
}

static void add_mean(text_buffer *page, silma_compared_mean m, bool percent)
{
    if (percent) {
        add_share(page, m.mean, m.low, m.high);
        return;
    }
    buffer_print(page, "<td class=\"n\">%s", value_text(m.mean).text);
    if (isfinite(m.low))
        buffer_print(page, "<br><span class=\"low\">%s to %s</span>", value_text(m.low).text, value_text(m.high).text);
    buffer_add(page, "</td>");
}

static silma_status add_seeds(const silma_comparison *c, text_buffer *page, silma_error *error)
{
    static const char *const headings[] = {"Runs",  "#Number",         "#Accuracy",
                                           "#Loss", "#True positives", "#Last accuracy"};
    page_section_begin(
        page, &LINK_SEEDS,
        "Runs that differ by their seed only, as one: means with their 95\u00a0% intervals (Student's t). The "
        "bands of the curves are such intervals too, as far as all of the runs came.");
    begin_table(page, "Means over seeds", headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < c->group_count; i++) {
        const silma_compared_group *g = &c->groups[i];
        buffer_add(page, "<tr><th scope=\"row\">");
        buffer_escape(page, c->shown[g->first].label);
        if (g->runs > 1) buffer_print(page, " and %zu more", g->runs - 1);
        buffer_add(page, "</th>");
        add_number(page, count_text(g->runs));
        add_mean(page, g->accuracy, true);
        add_mean(page, g->loss, false);
        add_mean(page, g->true_positives, true);
        add_mean(page, g->last_accuracy, true);
        buffer_add(page, "</tr>\n");
    }
    end_table(page);
    silma_status status = add_panels(c, page, draw_means, error);
    page_section_end(page);
    return status;
}

static short_words probability_text(double p)
{
    short_words text = {"&lt; 0.001"};
    return p < 0.001 ? text : fixed_text(p, 3);
}

static void add_pair_row(const silma_comparison *c, const silma_compared_pair *pair, text_buffer *page)
{
    buffer_add(page, "<tr>");
    add_name(page, c->shown[pair->first].label);
    add_name(page, c->shown[pair->second].label);
    buffer_print(page, "<td class=\"n\">%s<br><span class=\"low\">%s to %s</span></td>",
                 fixed_text(100 * pair->difference, 2).text, fixed_text(100 * pair->difference_low, 2).text,
                 fixed_text(100 * pair->difference_high, 2).text);
    add_number(page, count_text(pair->only_first));
    add_number(page, count_text(pair->only_second));
    add_number(page, probability_text(pair->p));
    bool different = pair->p_adjusted < 0.05;
    buffer_print(page, "<td class=\"n\">%s%s%s</td></tr>\n", different ? "<strong>" : "",
                 probability_text(pair->p_adjusted).text, different ? "</strong>" : "");
}

static void add_untested(const silma_comparison *c, size_t count, text_buffer *page)
{
    static const char *const headings[] = {"First", "Second", "Why not"};
    buffer_print(page, "<details><summary>%zu pair%s that cannot be tested</summary>\n", count, count == 1 ? "" : "s");
    begin_table(page, "Untested pairs", headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < c->pair_count; i++) {
        if (!c->pairs[i].problem) continue;
        buffer_add(page, "<tr>");
        add_name(page, c->shown[c->pairs[i].first].label);
        add_name(page, c->shown[c->pairs[i].second].label);
        buffer_print(page, "<td>%s</td></tr>\n", c->pairs[i].problem);
    }
    end_table(page);
    buffer_add(page, "</details>\n");
}

static void add_pairs(const silma_comparison *c, text_buffer *page)
{
    static const char *const headings[] = {
        "First", "Second", "#Difference, points", "#Only first right", "#Only second right", "#p", "#p, all pairs"};
    page_section_begin(
        page, &LINK_PAIRS,
        "McNemar's test, of runs with the same validation images: only images that one of the two gets "
        "right and the other wrong can tell them apart. p is how often two equally good models would "
        "differ at least as much by chance; the last column allows for the number of pairs (Holm). Below "
        "0.05 (bold) the difference is more than noise.");
    size_t tested = 0;
    for (size_t i = 0; i < c->pair_count; i++) {
        if (c->pairs[i].problem) continue;
        if (tested++ == 0) begin_table(page, "Pairs", headings, sizeof headings / sizeof *headings);
        add_pair_row(c, &c->pairs[i], page);
    }
    if (tested > 0) end_table(page);
    if (tested < c->pair_count) add_untested(c, c->pair_count - tested, page);
    page_section_end(page);
}

// ---------------------------------------------------------------------------------------------------------------------

static void add_sentences(const silma_comparison *c, text_buffer *page)
{
    buffer_add(page, "<ul class=\"summary\" aria-label=\"Summary\">\n");
    for (size_t i = 0; i < c->sentence_count; i++) {
        buffer_print(page, "<li class=\"%s\">", i == 0 ? "result" : "note");
        buffer_escape(page, c->sentences[i]);
        buffer_add(page, "</li>\n");
    }
    buffer_add(page, "</ul>\n");
}

static silma_status add_page(const silma_comparison *c, text_buffer *page, silma_error *error)
{
    page_link links[5];
    size_t count = 0;
    links[count++] = LINK_RUNS;
    links[count++] = LINK_DIFFERENCES;
    links[count++] = LINK_CURVES;
    if (has_seeds(c)) links[count++] = LINK_SEEDS;
    links[count++] = LINK_PAIRS;
    char title[64];
    snprintf(title, sizeof title, "Comparison of %zu runs", c->count);
    page_begin(page, title, "Several runs side by side, so that noise is not taken for progress");
    page_contents(page, links, count);
    buffer_add(page, "<main>\n");
    add_sentences(c, page);
    add_runs(c, page);
    silma_status status = add_differences(c, page, error);
    if (status) return status;
    page_section_begin(page, &LINK_CURVES,
                       c->count > NAMED_LINES_MAX
                           ? "A line for each run; runs that differ by their seed only share a colour."
                           : "A line for each run.");
    status = add_panels(c, page, draw_runs, error);
    page_section_end(page);
    if (!status && has_seeds(c)) status = add_seeds(c, page, error);
    if (status) return status;
    add_pairs(c, page);
    buffer_add(page, "</main>\n");
    page_end(page);
    return buffer_status(page, error);
}

silma_status silma_comparison_write(const silma_comparison *c, const char *path, silma_error *error)
{
    text_buffer page = {0};
    file_writer *writer = NULL;
    silma_status status = add_page(c, &page, error);
    if (!status) status = file_writer_open(&writer, path, error);
    if (!status) {
        file_writer_write(writer, page.text, page.length);
        status = file_writer_commit(writer, error);
    }
    buffer_free(&page);
    return status;
}
