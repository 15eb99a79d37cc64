#include "report/bars.h"

#include "report/axis.h"

#include <math.h>
#include <stdio.h>

static const double ROW = 18, GAP = 6;

static double row_of(const bar_chart *chart)
{
    return chart->row > 0 ? chart->row : ROW;
}

double bars_height(const bar_chart *chart)
{
    return row_of(chart) * (double)chart->count;
}

// "97.3 %", "3.0 %", "< 0.1 %", "100 %", "1,234", "-".
static axis_label value_text(const bar_chart *chart, double value)
{
    axis_label label = axis_number(value, 4);
    if (!chart->percent || !isfinite(value)) return label;
    double percent = value * 100;
    if (percent > 0 && percent < 0.1) return (axis_label){"< 0.1 %"};
    if (percent < 100 && percent > 99.9) return (axis_label){"> 99.9 %"};
    long tenths = lround(percent * 10);
    bool whole = tenths == 0 || tenths == 1000;
    snprintf(label.text, sizeof label.text, whole ? "%ld %%" : "%ld.%ld %%", tenths / 10, tenths % 10);
    return label;
}

static double most_of(const bar_chart *chart)
{
    double most = chart->most;
    for (size_t i = 0; i < chart->count && !(chart->most > 0); i++)
        if (isfinite(chart->bars[i].value)) most = fmax(most, fmax(chart->bars[i].value, chart->bars[i].high));
    return most > 0 ? most : 1;
}

// In the paper's colour over the bar, which ends at `end`, and dark beside it: both ends are seen.
static void draw_interval(text_buffer *out, const bar *b, double left, double end, double width, double most,
                          double middle)
{
    static const double CAP = 3.5, LINE = 1.2;
    if (!(b->high > b->low)) return;
    double from = left + width * fmax(0, b->low) / most, to = left + width * fmin(most, b->high) / most;
    bool over = from < end - LINE;
    if (over) {
        svg_rect(out, SVG_PAPER, from, middle - LINE / 2, fmin(to, end) - from, LINE);
        svg_rect(out, SVG_PAPER, from, middle - CAP, LINE, 2 * CAP);
    } else {
        svg_line(out, SVG_AXIS, from, middle - CAP, from, middle + CAP);
    }
    svg_line(out, SVG_AXIS, over ? end : from, middle, to, middle);
    svg_line(out, SVG_AXIS, to, middle - CAP, to, middle + CAP);
}

void bars_draw(text_buffer *out, const bar_chart *chart, double width)
{
    double row = row_of(chart), size = fmin(SVG_SMALL, row * 0.72), most = most_of(chart);
    double names = 0, values = 0;
    for (size_t i = 0; i < chart->count; i++) {
        names = fmax(names, svg_text_width(chart->bars[i].name, size) * (chart->bars[i].bold ? SVG_BOLDER : 1));
        values = fmax(values, svg_text_width(value_text(chart, chart->bars[i].value).text, size));
    }
    names = fmin(names, 0.4 * width);
    double left = names + GAP, full = fmax(10, width - left - GAP - values);
    for (size_t i = 0; i < chart->count; i++) {
        const bar *b = &chart->bars[i];
        double top = row * (double)i, middle = top + row / 2, base = middle + size * 0.36;
        double share = isfinite(b->value) ? fmin(1, fmax(0, b->value / most)) : 0;
        svg_text(out, &(text_style){.anchor = SVG_END, .size = size, .width = names + 1, .bold = b->bold}, names, base,
                 b->name);
        svg_rect(out, SVG_SHADE, left, top + row * 0.17, full, row * 0.66);
        if (share > 0) svg_rect(out, b->fill, left, top + row * 0.17, fmax(0.5, full * share), row * 0.66);
        draw_interval(out, b, left, left + full * share, full, most, middle);
        svg_text(out, &(text_style){.fill = SVG_DIM, .anchor = SVG_END, .size = size}, width, base,
                 value_text(chart, b->value).text);
    }
}

void bars_add_figure(text_buffer *out, const bar_chart *chart, double width, const char *title, bool inside_page)
{
    svg_begin(out, &(svg_frame){width, bars_height(chart), title, NULL, inside_page});
    bars_draw(out, chart, width);
    svg_end(out);
}
