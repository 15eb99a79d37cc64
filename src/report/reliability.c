#include "report/reliability.h"

#include "report/axis.h"

#include <math.h>

static const double GAP = 6, LINE = 16;

typedef struct plane {
    double left, right, top, bottom;
} plane;

static double x_of(const plane *p, double share)
{
    return p->left + share * (p->right - p->left);
}

static double y_of(const plane *p, double share)
{
    return p->bottom - share * (p->bottom - p->top);
}

static void draw_grid(text_buffer *out, const plane *p)
{
    static const char *const texts[] = {"0", "20", "40", "60", "80", "100"};
    enum { STEPS = sizeof texts / sizeof *texts - 1 };
    for (int i = 0; i <= STEPS; i++) {
        double y = y_of(p, (double)i / STEPS);
        svg_line(out, SVG_GRID, p->left, y, p->right, y);
        svg_text(out, &axis_beside, p->left - GAP, y + SVG_SMALL * 0.36, texts[i]);
    }
    svg_text(out, &(text_style){.anchor = SVG_MIDDLE, .size = SVG_TEXT, .degrees = -90, .width = p->bottom - p->top},
             SVG_TEXT, (p->top + p->bottom) / 2, "right (per cent)");
}

static void draw_bins(text_buffer *out, const reliability *d, const plane *p)
{
    static const double INSET = 1;
    double step = 1.0 / (double)d->bin_count;
    for (size_t i = 0; i < d->bin_count; i++) {
        const reliability_bin *bin = &d->bins[i];
        if (bin->count == 0) continue;
        double left = x_of(p, step * (double)i) + INSET, right = x_of(p, step * (double)(i + 1)) - INSET;
        svg_rect(out, SVG_FILL, left, y_of(p, bin->accuracy), right - left, p->bottom - y_of(p, bin->accuracy));
    }
    svg_line(out, SVG_AXIS, p->left, p->bottom, p->right, p->top);
    for (size_t i = 0; i < d->bin_count; i++) // where the bar would end were its confidence right
        if (d->bins[i].count > 0)
            svg_circle(out, SVG_FILL + 1, x_of(p, d->bins[i].confidence), y_of(p, d->bins[i].confidence), 2.5);
}

static void draw_counts(text_buffer *out, const reliability *d, const plane *p)
{
    static const double INSET = 1;
    size_t most = 1;
    for (size_t i = 0; i < d->bin_count; i++)
        if (d->bins[i].count > most) most = d->bins[i].count;
    double step = 1.0 / (double)d->bin_count;
    for (size_t i = 0; i < d->bin_count; i++) {
        if (d->bins[i].count == 0) continue;
        double left = x_of(p, step * (double)i) + INSET, right = x_of(p, step * (double)(i + 1)) - INSET;
        double top = y_of(p, (double)d->bins[i].count / (double)most);
        svg_rect(out, SVG_FILL + 7, left, top, right - left, fmax(0.75, p->bottom - top));
    }
    svg_line(out, SVG_AXIS, p->left, p->bottom, p->right, p->bottom);
    svg_text(out, &axis_beside, p->left - GAP, p->top + SVG_SMALL * 0.8, axis_number((double)most, 3).text);
    svg_text(out, &axis_beside, p->left - GAP, p->bottom, "0");
    svg_text(out, &(text_style){.anchor = SVG_MIDDLE, .size = SVG_SMALL, .degrees = -90}, SVG_TEXT,
             (p->top + p->bottom) / 2, "images");
    static const char *const texts[] = {"0", "20", "40", "60", "80", "100"};
    for (int i = 0; i <= 5; i++)
        svg_text(out, &axis_below, x_of(p, i / 5.0), p->bottom + LINE, texts[i]);
    svg_text(out, &(text_style){.anchor = SVG_MIDDLE, .size = SVG_TEXT}, (p->left + p->right) / 2,
             p->bottom + 2 * LINE + 2, "confidence (per cent)");
}

static void draw_legend(text_buffer *out, const reliability *d, double left, double top)
{
    svg_rect(out, SVG_FILL, left, top, 10, 10);
    svg_text(out, &(text_style){.size = SVG_SMALL}, left + 14, top + 9, "right");
    svg_circle(out, SVG_FILL + 1, left + 70, top + 5, 2.5);
    svg_text(out, &(text_style){.size = SVG_SMALL}, left + 77, top + 9, "mean confidence");
    if (!isfinite(d->error)) return;
    text_buffer text = {0};
    buffer_add(&text, "expected calibration error ");
    buffer_number(&text, d->error * 100, 1);
    buffer_add(&text, " points");
    if (text.text) svg_text(out, &(text_style){.size = SVG_SMALL}, left, top + 9 + LINE, text.text);
    out->failed |= text.failed;
    buffer_free(&text);
}

void reliability_draw(text_buffer *out, const reliability *diagram, double width, double height)
{
    static const double COUNTS = 46;
    double left = SVG_TEXT + 2 * GAP + svg_text_width("10,000", SVG_SMALL), right = width - LINE;
    double top = diagram->title ? SVG_TITLE + 2 * GAP : GAP;
    plane counts = {left, right, 0, height - 2 * LINE - GAP};
    counts.top = counts.bottom - COUNTS;
    plane shares = {left, right, top + (isfinite(diagram->error) ? 2 : 1) * LINE + GAP, counts.top - LINE};
    if (diagram->title) svg_title(out, width, diagram->title);
    draw_legend(out, diagram, left, top);
    draw_grid(out, &shares);
    draw_bins(out, diagram, &shares);
    draw_counts(out, diagram, &counts);
}
