#include "report/line_chart.h"

#include "report/axis.h"

#include <math.h>
#include <stdlib.h>

static const double LINE = 16, GAP = 6, LEGEND_MARK = 26, LEGEND_GAP = 14, TICK = 4;

// The plane within the axes.
typedef struct plane {
    double left, top, right, bottom;
    axis x, y;
} plane;

static double x_of(const chart_series *s, size_t i)
{
    return s->x ? s->x[i] : (double)i + 1;
}

// ---------------------------------------------------------------------------------------------------------------------
// Ranges

typedef struct range {
    double low, high;
} range;

static void widen(range *r, double value)
{
    if (!isfinite(value)) return;
    r->low = fmin(r->low, value);
    r->high = fmax(r->high, value);
}

static range x_range(const line_chart *chart)
{
    range r = {INFINITY, -INFINITY};
    for (size_t s = 0; s < chart->series_count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++)
            widen(&r, x_of(&chart->series[s], i));
    return r;
}

static range y_range(const line_chart *chart)
{
    range r = {INFINITY, -INFINITY};
    for (size_t s = 0; s < chart->series_count; s++) {
        const chart_series *one = &chart->series[s];
        for (size_t i = 0; i < one->count; i++) {
            if (chart->logarithmic && !(one->y[i] > 0)) continue;
            widen(&r, one->y[i]);
            if (!one->low || chart->logarithmic) continue;
            widen(&r, one->low[i]);
            widen(&r, one->high[i]);
        }
    }
    return r;
}

static axis choose_x(const line_chart *chart, double width)
{
    static const double TICK_DISTANCE = 55;
    int wanted = (int)fmin(10, fmax(2, width / TICK_DISTANCE));
    range r = x_range(chart);
    return chart->counting ? axis_counting(r.low, r.high, wanted) : axis_linear(r.low, r.high, 1, wanted, false);
}

static axis choose_y(const line_chart *chart, double height)
{
    static const double TICK_DISTANCE = 36;
    int wanted = (int)fmin(10, fmax(2, height / TICK_DISTANCE));
    double scale = chart->percent ? 100 : 1;
    range r = y_range(chart);
    if (chart->from_zero) widen(&r, 0);
    if (chart->logarithmic) return axis_logarithmic(r.low, r.high, scale);
    return axis_linear(r.low, r.high, scale, wanted, true);
}

static double widest_label(const axis *a)
{
    double widest = 0;
    for (size_t i = 0; i < a->tick_count; i++)
        widest = fmax(widest, svg_text_width(axis_tick_label(a, i).text, SVG_SMALL));
    return widest;
}

// ---------------------------------------------------------------------------------------------------------------------
// Legend

// Draws the names in rows, or only measures them where `out` is null. Returns the height.
static double draw_legend(text_buffer *out, const line_chart *chart, double left, double top, double right)
{
    double x = left, y = top;
    bool any = false;
    for (size_t s = 0; s < chart->series_count; s++) {
        const chart_series *one = &chart->series[s];
        if (!one->name) continue;
        double room = right - left - LEGEND_MARK - GAP;
        double width = LEGEND_MARK + GAP + fmin(room, svg_text_width(one->name, SVG_SMALL));
        if (x > left && x + width > right) {
            x = left;
            y += LINE;
        }
        any = true;
        if (out) {
            unsigned kind = one->colour % SVG_SERIES;
            svg_line(out, SVG_LINE + kind, x, y + LINE / 2, x + LEGEND_MARK, y + LINE / 2);
            svg_text(out, &(text_style){.size = SVG_SMALL, .width = room}, x + LEGEND_MARK + GAP,
                     y + LINE / 2 + SVG_SMALL * 0.36, one->name);
        }
        x += width + LEGEND_GAP;
    }
    return any ? y + LINE + GAP - top : 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Axes

static void draw_y_axis(text_buffer *out, const line_chart *chart, const plane *p)
{
    for (size_t i = 0; i < p->y.tick_count; i++) {
        double y = axis_place(&p->y, p->y.ticks[i]);
        svg_line(out, SVG_GRID, p->left, y, p->right, y);
        svg_text(out, &axis_beside, p->left - GAP, y + SVG_SMALL * 0.36, axis_tick_label(&p->y, i).text);
    }
    if (chart->y_label)
        svg_text(out,
                 &(text_style){.anchor = SVG_MIDDLE, .size = SVG_TEXT, .degrees = -90, .width = p->bottom - p->top},
                 SVG_TEXT, (p->top + p->bottom) / 2, chart->y_label);
}

static void draw_x_axis(text_buffer *out, const line_chart *chart, const plane *p)
{
    double last_end = -INFINITY;
    for (size_t i = 0; i < p->x.tick_count; i++) {
        double x = axis_place(&p->x, p->x.ticks[i]);
        axis_label label = axis_tick_label(&p->x, i);
        double half = svg_text_width(label.text, SVG_SMALL) / 2;
        svg_line(out, SVG_AXIS, x, p->bottom, x, p->bottom + TICK);
        if (x - half < last_end + 2) continue; // it would touch its neighbour
        svg_text(out, &axis_below, x, p->bottom + LINE, label.text);
        last_end = x + half;
    }
    svg_line(out, SVG_AXIS, p->left, p->bottom, p->right, p->bottom);
    if (chart->x_label)
        svg_text(out, &(text_style){.anchor = SVG_MIDDLE, .size = SVG_TEXT, .width = p->right - p->left},
                 (p->left + p->right) / 2, p->bottom + 2 * LINE + 2, chart->x_label);
}

static void draw_zero_lines(text_buffer *out, const plane *p)
{
    double x = axis_place(&p->x, 0), y = axis_place(&p->y, 0);
    if (x >= p->left && x <= p->right) svg_line(out, SVG_AXIS, x, p->top, x, p->bottom);
    if (y >= p->top && y <= p->bottom) svg_line(out, SVG_AXIS, p->left, y, p->right, y);
}

// How far the nearest point of a series between two x lies from a height.
static double distance_to_series(const line_chart *chart, const plane *p, double from, double to, double height)
{
    double nearest = p->bottom - p->top;
    for (size_t s = 0; s < chart->series_count; s++) {
        const chart_series *series = &chart->series[s];
        for (size_t i = 0; i < series->count; i++) {
            double x = axis_place(&p->x, series->x ? series->x[i] : (double)i + 1);
            double away = fabs(axis_place(&p->y, series->y[i]) - height);
            if (x >= from && x <= to && away < nearest) nearest = away;
        }
    }
    return nearest;
}

// The label stands at the top, in the middle or at the bottom: where most room is beside the curves.
static void draw_mark(text_buffer *out, const line_chart *chart, const plane *p)
{
    double x = axis_place(&p->x, chart->mark);
    if (!chart->mark_label || !(x >= p->left && x <= p->right)) return;
    bool at_right = x > (p->left + p->right) / 2;
    double width = svg_text_width(chart->mark_label, SVG_SMALL) + 2 * GAP, room = -1, best = p->top;
    double heights[] = {p->top + SVG_SMALL, (p->top + p->bottom) / 2, p->bottom - GAP};
    for (size_t i = 0; i < sizeof heights / sizeof *heights; i++) {
        double middle = heights[i] - SVG_SMALL / 3.0;
        double found = distance_to_series(chart, p, at_right ? x - width : x, at_right ? x : x + width, middle);
        if (!(found > room)) continue;
        room = found;
        best = heights[i];
    }
    svg_line(out, SVG_AXIS, x, p->top, x, p->bottom);
    svg_text(out, &(text_style){.fill = SVG_DIM, .anchor = at_right ? SVG_END : SVG_START, .size = SVG_SMALL},
             at_right ? x - GAP / 2 : x + GAP / 2, best, chart->mark_label);
}

// ---------------------------------------------------------------------------------------------------------------------
// Lines

static void place(const axis *a, const double *values, size_t count, double *places)
{
    double low = fmin(a->from, a->to), high = fmax(a->from, a->to);
    for (size_t i = 0; i < count; i++) {
        double value = axis_place(a, values[i]);
        // What lies beyond a fixed range leaves the plane a little, and no more.
        places[i] = isnan(value) ? NAN : fmax(low - GAP / 2, fmin(high + GAP / 2, value));
    }
}

static void draw_series(text_buffer *out, const chart_series *s, const plane *p)
{
    enum { DOTS_MOST = 12 };
    if (s->count == 0) return;
    double *x = calloc(s->count, 4 * sizeof *x);
    if (!x) {
        out->failed = true;
        return;
    }
    double *y = x + s->count, *low = y + s->count, *high = low + s->count;
    for (size_t i = 0; i < s->count; i++)
        x[i] = axis_place(&p->x, x_of(s, i));
    place(&p->y, s->y, s->count, y);
    unsigned kind = s->colour % SVG_SERIES;
    if (s->low && s->high) {
        place(&p->y, s->low, s->count, low);
        place(&p->y, s->high, s->count, high);
        svg_band(out, SVG_FILL + kind, x, low, high, s->count);
    }
    svg_path(out, SVG_LINE + kind, x, y, s->count);
    for (size_t i = 0; i < s->count && s->count > 1 && s->count <= DOTS_MOST; i++)
        if (isfinite(x[i]) && isfinite(y[i])) svg_circle(out, SVG_FILL + kind, x[i], y[i], 2);
    free(x);
}

// ---------------------------------------------------------------------------------------------------------------------

// Where the axes lie: what stands beside them needs room first.
static plane lay_out(const line_chart *chart, double width, double height)
{
    plane p = {.top = chart->title ? SVG_TITLE + 2 * GAP : GAP, .right = width - GAP - LINE / 2};
    p.bottom = height - LINE - GAP - (chart->x_label ? LINE : 0);
    p.left = chart->y_label ? SVG_TEXT + 2 * GAP : GAP;
    double top = p.top;
    p.y = choose_y(chart, p.bottom - p.top - LINE); // for its width; its height depends on the legend
    p.left += widest_label(&p.y) + GAP;
    p.top += fmax(GAP, draw_legend(NULL, chart, p.left, top, p.right));
    p.y = choose_y(chart, p.bottom - p.top);
    p.x = choose_x(chart, p.right - p.left);
    p.x.from = p.left;
    p.x.to = p.right;
    p.y.from = p.bottom;
    p.y.to = p.top;
    return p;
}

void line_chart_draw(text_buffer *out, const line_chart *chart, double width, double height)
{
    plane p = lay_out(chart, width, height);
    if (chart->title) svg_title(out, width, chart->title);
    draw_legend(out, chart, p.left, chart->title ? SVG_TITLE + 2 * GAP : GAP, p.right);
    draw_y_axis(out, chart, &p);
    draw_x_axis(out, chart, &p);
    if (chart->zero_lines) draw_zero_lines(out, &p);
    draw_mark(out, chart, &p);
    for (size_t i = 0; i < chart->series_count; i++)
        draw_series(out, &chart->series[i], &p);
}
