// The curves of a comparison: on its page, and as figures of their own.
#include "report/comparison.h"

#include "core/error.h"
#include "report/line_chart.h"
#include "report/page.h"
#include "train/recorded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct panel {
    const char *name, *title; // of its file; above it
    recorded value;
    bool percent;
} panel;

static const panel panels[] = {
    {"validation-loss", "Validation loss", RECORDED_VAL_LOSS, false},
    {"validation-accuracy", "Validation accuracy", RECORDED_VAL_ACCURACY, true},
    {"validation-true-positives", "Validation true positives", RECORDED_VAL_TRUE_POSITIVES, true},
    {"training-loss", "Training loss", RECORDED_LOSS, false},
};
enum { PANEL_COUNT = sizeof panels / sizeof *panels };

static const double WIDTH = 360, HEIGHT = 300;

static void draw_chart(text_buffer *out, const panel *p, const chart_series *series, size_t count, bool inside_page)
{
    const line_chart chart = {
        .title = p->title,
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
    double height = HEIGHT + 16 * fmin(COMPARISON_NAMED_MOST, ceil(names / WIDTH));
    svg_begin(out, &(svg_frame){WIDTH, height, p->title, "By epoch", inside_page});
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
    bool many = c->count > COMPARISON_NAMED_MOST;
    silma_status status = values && series ? SILMA_OK : silma_fail_memory(error, c->count * epochs * sizeof *values);
    for (size_t i = 0; i < c->count && !status; i++) {
        const history *h = &c->runs[i].facts.history;
        double *y = values + i * epochs;
        for (size_t e = 0; e < h->count; e++)
            y[e] = recorded_value(&h->epochs[e], p->value);
        bool named = !many || c->groups[c->runs[i].group].first == i;
        series[i] = (chart_series){.name = named ? c->runs[i].label : NULL,
                                   .y = y,
                                   .count = h->count,
                                   .colour = (unsigned)(many ? c->runs[i].group : i)};
    }
    if (!status) draw_chart(out, p, series, c->count, inside_page);
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
        if (c->runs[i].group == group && e < h->count) values[count++] = recorded_value(&h->epochs[e], p->value);
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
    if (!status) draw_chart(out, p, series, c->group_count, inside_page);
    free(values);
    free(series);
    free(names);
    return status ? status : buffer_status(out, error);
}

static bool has_values(const silma_comparison *c, const panel *p)
{
    for (size_t i = 0; i < c->count; i++)
        for (size_t e = 0; e < c->runs[i].facts.history.count; e++)
            if (isfinite(recorded_value(&c->runs[i].facts.history.epochs[e], p->value))) return true;
    return false;
}

bool comparison_has_seeds(const silma_comparison *c)
{
    for (size_t i = 0; i < c->group_count; i++)
        if (c->groups[i].runs > 1) return true;
    return false;
}

silma_status comparison_add_panels(const silma_comparison *c, bool means, text_buffer *page, silma_error *error)
{
    silma_status status = SILMA_OK;
    buffer_add(page, "<div class=\"three\">\n");
    for (size_t i = 0; i < PANEL_COUNT && !status; i++) {
        if (!has_values(c, &panels[i])) continue;
        page_figure_begin(page, false);
        status = (means ? draw_means : draw_runs)(c, &panels[i], page, true, error);
        page_figure_end(page, NULL);
    }
    buffer_add(page, "</div>\n");
    return status;
}

silma_status silma_comparison_figures(const silma_comparison *c, silma_figure_fn *receive, void *user,
                                      silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < (comparison_has_seeds(c) ? 2 : 1) * PANEL_COUNT && !status; i++) {
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
