#include "report/svg.h"

#include "report/base64.h"

#include <math.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------------------------------
// Colours. Lines reach a contrast of 3 to 1 with the paper, texts 4.5 to 1, in both themes.

typedef struct themed_colour {
    const char *variable, *light;
} themed_colour;

static const themed_colour ink = {"ink", "#1b1f24"}, dim = {"dim", "#57606a"}, grid = {"grid", "#d8dee4"},
                           good = {"good", "#0b57b8"}, bad = {"bad", "#b3261e"}, paper = {"paper", "#fff"},
                           heat = {"heat", "#0b4f9e"}, on_heat = {"on-heat", "#fff"}, shade = {"shade", "#eaeef2"};
// Told apart by colour-blind readers as well, in pairs of neighbours; their order is fixed: reports speak of blue and
// red.
static const themed_colour series[SVG_SERIES] = {
    {"1", "#1f63c0"}, {"2", "#c8321f"}, {"3", "#007a5a"}, {"4", "#7d3c98"},
    {"5", "#9a6400"}, {"6", "#00788a"}, {"7", "#c2407e"}, {"8", "#50565e"},
};
static const char *const dashes[SVG_SERIES] = {"", "6 3", "2 2", "9 3 2 3", "12 3", "4 4", "1 3", "9 2 2 2 2 2"};

const char SVG_DARK_VARIABLES[] =
    "--silma-ink:#e6edf3;--silma-dim:#9da7b3;--silma-grid:#30363d;--silma-good:#79b8ff;--silma-bad:#ff8f85;"
    "--silma-paper:#0d1117;--silma-heat:#79b8ff;--silma-on-heat:#0d1117;--silma-shade:#21262d;"
    "--silma-1:#6ea8fe;--silma-2:#ff8070;--silma-3:#4cc38a;--silma-4:#cf9ff0;"
    "--silma-5:#e0a84a;--silma-6:#4fc4d6;--silma-7:#f48fb1;--silma-8:#b4bcc6;";

// Twice: programs that do not know variables skip the second declaration.
static void add_colour(text_buffer *out, const char *property, themed_colour colour)
{
    buffer_print(out, "%s:%s;%s:var(--silma-%s,%s)", property, colour.light, property, colour.variable, colour.light);
}

static void add_rule(text_buffer *out, const char *name, const char *property, themed_colour colour)
{
    buffer_print(out, ".silma-figure .%s{", name);
    add_colour(out, property, colour);
    buffer_add(out, "}");
}

static void add_series_rules(text_buffer *out, int i)
{
    buffer_print(out, ".silma-figure .f%d{", i);
    add_colour(out, "fill", series[i]);
    buffer_print(out, "}.silma-figure .l%d{fill:none;stroke-width:1.75;stroke-linejoin:round;", i);
    add_colour(out, "stroke", series[i]);
    buffer_add(out, "}");
    if (dashes[i][0]) buffer_print(out, ".silma-figure .l%d{stroke-dasharray:%s}", i, dashes[i]);
}

void svg_add_style(text_buffer *out)
{
    buffer_add(out, ".silma-figure text{font-family:sans-serif}.silma-figure image{image-rendering:pixelated}");
    add_rule(out, "ink", "fill", ink);
    add_rule(out, "dim", "fill", dim);
    add_rule(out, "good", "fill", good);
    add_rule(out, "bad", "fill", bad);
    add_rule(out, "on", "fill", on_heat);
    add_rule(out, "grid", "stroke", grid);
    add_rule(out, "axis", "stroke", dim);
    add_rule(out, "heat", "fill", heat);
    add_rule(out, "paper", "fill", paper);
    add_rule(out, "shade", "fill", shade);
    for (int i = 0; i < SVG_SERIES; i++)
        add_series_rules(out, i);
}

static void add_class(text_buffer *out, svg_class class)
{
    static const char *const names[SVG_FILL] = {"ink",  "dim",  "good", "bad",   "on",
                                                "grid", "axis", "heat", "paper", "shade"};
    if (class < SVG_FILL)
        buffer_print(out, " class=\"%s\"", names[class]);
    else
        buffer_print(out, " class=\"%c%u\"", "fl"[(class - SVG_FILL) / SVG_SERIES],
                     (unsigned)(class - SVG_FILL) % SVG_SERIES);
}

// ---------------------------------------------------------------------------------------------------------------------
// The frame

enum { DECIMALS = 2 }; // hundredths of a pixel

static void add_pair(text_buffer *out, double x, double y)
{
    buffer_number(out, x, DECIMALS);
    buffer_add(out, " ");
    buffer_number(out, y, DECIMALS);
}

// ` name="value"`
static void add_size(text_buffer *out, const char *name, double value)
{
    buffer_print(out, " %s=\"", name);
    buffer_number(out, value, DECIMALS);
    buffer_add(out, "\"");
}

static void add_element(text_buffer *out, const char *element, const char *text)
{
    buffer_print(out, "<%s>", element);
    buffer_escape(out, text);
    buffer_print(out, "</%s>", element);
}

void svg_begin(text_buffer *out, const svg_frame *frame)
{
    buffer_add(out, "<svg class=\"silma-figure\" role=\"img\"");
    if (!frame->inside_page) buffer_add(out, " xmlns=\"http://www.w3.org/2000/svg\"");
    add_size(out, "width", frame->width);
    add_size(out, "height", frame->height);
    buffer_add(out, " viewBox=\"0 0 ");
    add_pair(out, frame->width, frame->height);
    buffer_add(out, "\" font-family=\"sans-serif\">");
    add_element(out, "title", frame->title);
    if (frame->description) add_element(out, "desc", frame->description);
    buffer_add(out, "\n");
    if (frame->inside_page) return;
    buffer_add(out, "<style>");
    svg_add_style(out);
    buffer_add(out, "</style>\n");
    svg_rect(out, SVG_PAPER, 0, 0, frame->width, frame->height);
}

void svg_end(text_buffer *out)
{
    buffer_add(out, "</svg>\n");
}

void svg_add_to_page(text_buffer *out, const char *figure)
{
    static const char END_OF_STYLE[] = "</style>\n";
    const char *style = strstr(figure, "<style>"), *rest = style ? strstr(style, END_OF_STYLE) : NULL;
    const char *paper_end = rest ? strchr(rest + strlen(END_OF_STYLE), '\n') : NULL;
    if (paper_end) buffer_add_bytes(out, figure, (size_t)(style - figure));
    buffer_add(out, paper_end ? paper_end + 1 : figure);
}

void svg_group(text_buffer *out, double x, double y)
{
    buffer_add(out, "<g transform=\"translate(");
    add_pair(out, x, y);
    buffer_add(out, ")\">\n");
}

void svg_group_end(text_buffer *out)
{
    buffer_add(out, "</g>\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// Shapes

void svg_line(text_buffer *out, svg_class line, double x1, double y1, double x2, double y2)
{
    buffer_add(out, "<line");
    add_class(out, line);
    add_size(out, "x1", x1);
    add_size(out, "y1", y1);
    add_size(out, "x2", x2);
    add_size(out, "y2", y2);
    buffer_add(out, "/>\n");
}

static void add_box(text_buffer *out, svg_box box)
{
    add_size(out, "x", box.x);
    add_size(out, "y", box.y);
    add_size(out, "width", box.width);
    add_size(out, "height", box.height);
}

static void begin_rect(text_buffer *out, svg_class fill, svg_box box)
{
    buffer_add(out, "<rect");
    add_class(out, fill);
    add_box(out, box);
}

void svg_rect(text_buffer *out, svg_class fill, double x, double y, double width, double height)
{
    begin_rect(out, fill, (svg_box){x, y, width, height});
    buffer_add(out, "/>\n");
}

void svg_rect_heat(text_buffer *out, svg_box box, double opacity, const char *tooltip)
{
    begin_rect(out, SVG_HEAT, box);
    add_size(out, "fill-opacity", opacity);
    if (!tooltip) {
        buffer_add(out, "/>\n");
        return;
    }
    buffer_add(out, ">");
    add_element(out, "title", tooltip);
    buffer_add(out, "</rect>\n");
}

// One path for all cells of a level, one rectangle for neighbours in a row. Whole cells are the path's unit.
static void add_level(text_buffer *out, int level, int rows, int columns, const uint8_t *levels)
{
    bool any = false;
    for (int row = 0; row < rows; row++)
        for (int column = 0, run; column < columns; column += run) {
            const uint8_t *at = levels + (size_t)row * (size_t)columns + column;
            for (run = 1; column + run < columns && at[run] == *at;)
                run++;
            if (*at != level) continue;
            if (!any) {
                buffer_add(out, "<path fill-opacity=\"");
                buffer_number(out, (double)level / SVG_LEVELS, 3);
                buffer_add(out, "\" d=\"");
            }
            any = true;
            buffer_print(out, "M%d %dh%dv1h-%dz", column, row, run, run);
        }
    if (any) buffer_add(out, "\"/>\n");
}

void svg_heat_cells(text_buffer *out, double left, double top, double cell, int rows, int columns,
                    const uint8_t *levels)
{
    buffer_add(out, "<g class=\"heat\" transform=\"translate(");
    add_pair(out, left, top);
    buffer_add(out, ") scale(");
    buffer_number(out, cell, 4);
    buffer_add(out, ")\">\n");
    for (int level = 1; level <= SVG_LEVELS; level++)
        add_level(out, level, rows, columns, levels);
    svg_group_end(out);
}

void svg_circle(text_buffer *out, svg_class fill, double x, double y, double radius)
{
    buffer_add(out, "<circle");
    add_class(out, fill);
    add_size(out, "cx", x);
    add_size(out, "cy", y);
    add_size(out, "r", radius);
    buffer_add(out, "/>\n");
}

static void add_point(text_buffer *out, char command, double x, double y)
{
    buffer_print(out, "%c", command);
    add_pair(out, x, y);
}

static bool is_point(const double *x, const double *y, size_t count, size_t i)
{
    return i < count && isfinite(x[i]) && isfinite(y[i]);
}

void svg_path(text_buffer *out, svg_class line, const double *x, const double *y, size_t count)
{
    static const double DOT = 2.5;
    size_t drawn = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_point(x, y, count, i)) continue;
        bool before = i > 0 && is_point(x, y, count, i - 1);
        if (!before && !is_point(x, y, count, i + 1)) continue; // a dot, below
        if (drawn++ == 0) {
            buffer_add(out, "<path");
            add_class(out, line);
            buffer_add(out, " d=\"");
        }
        add_point(out, before ? 'L' : 'M', x[i], y[i]);
    }
    if (drawn > 0) buffer_add(out, "\"/>\n");
    svg_class fill = SVG_FILL + (line >= SVG_FILL ? (line - SVG_FILL) % SVG_SERIES : 0);
    for (size_t i = 0; i < count; i++)
        if (is_point(x, y, count, i) && !(i > 0 && is_point(x, y, count, i - 1)) && !is_point(x, y, count, i + 1))
            svg_circle(out, fill, x[i], y[i], DOT);
}

void svg_band(text_buffer *out, svg_class fill, const double *x, const double *low, const double *high, size_t count)
{
    for (size_t from = 0, to; from < count; from = to + 1) {
        for (to = from; is_point(x, low, count, to) && is_point(x, high, count, to);)
            to++;
        if (to - from < 2) continue;
        buffer_add(out, "<path");
        add_class(out, fill);
        buffer_add(out, " fill-opacity=\".18\" d=\"");
        for (size_t i = from; i < to; i++)
            add_point(out, i == from ? 'M' : 'L', x[i], low[i]);
        for (size_t i = to; i-- > from;)
            add_point(out, 'L', x[i], high[i]);
        buffer_add(out, "Z\"/>\n");
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Text

// In sizes of the font, of DejaVu Sans or a little more.
static double character_width(unsigned char first)
{
    if (first < 0x80 && strchr(" !'()*,-./:;I[]fijlrt|\"", first)) return 0.42;
    if (first < 0x80 && strchr("MWmw%@", first)) return 0.98;
    if (first >= 'A' && first <= 'Z') return 0.73;
    if (first >= 0xE3) return 1.05; // most of it Chinese, Japanese, Korean, pictures
    return 0.61;
}

// Of the first `most` characters of an escaped text; *whole tells whether these are all.
static double width_of(const char *text, size_t most, bool *whole)
{
    static const double ENTITY = 0.85; // & and < are the widest
    double width = 0;
    for (; *text && most > 0; most--) {
        const char *end = *text == '&' ? strchr(text, ';') : NULL;
        width += end ? ENTITY : character_width((unsigned char)*text);
        text = end ? end + 1 : text + 1;
        while (((unsigned char)*text & 0xC0) == 0x80)
            text++;
    }
    *whole = !*text;
    return width;
}

const double SVG_BOLDER = 1.15;

double svg_text_width(const char *text, double size)
{
    text_buffer shown = {0};
    bool whole;
    buffer_escape(&shown, text); // controls take several characters
    double width = size * width_of(shown.failed || !shown.text ? text : shown.text, SIZE_MAX, &whole);
    buffer_free(&shown);
    return width;
}

// As many characters as fit, of those that are shown.
static size_t characters_within(const char *text, double width)
{
    static const double ELLIPSIS = 0.9;
    text_buffer shown = {0};
    buffer_escape(&shown, text);
    const char *escaped = shown.failed || !shown.text ? text : shown.text;
    bool whole;
    size_t most = 1;
    if (width_of(escaped, SIZE_MAX, &whole) <= width)
        most = SIZE_MAX;
    else
        while (width_of(escaped, most, &whole) + ELLIPSIS <= width && !whole)
            most++;
    buffer_free(&shown);
    return most;
}

void svg_text(text_buffer *out, const text_style *style, double x, double y, const char *text)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    buffer_add(out, "<text");
    add_class(out, style->fill);
    add_size(out, "x", x);
    add_size(out, "y", y);
    add_size(out, "font-size", style->size);
    buffer_add(out, anchors[style->anchor]);
    if (style->bold) buffer_add(out, " font-weight=\"bold\"");
    if (style->degrees != 0) {
        buffer_add(out, " transform=\"rotate(");
        add_pair(out, style->degrees, x);
        buffer_add(out, " ");
        buffer_number(out, y, 2);
        buffer_add(out, ")\"");
    }
    buffer_add(out, ">");
    double size = style->size * (style->bold ? SVG_BOLDER : 1);
    size_t most = style->width > 0 ? characters_within(text, style->width / size) : SIZE_MAX;
    text_buffer shown = {0};
    if (buffer_escape_cut(&shown, text, most)) add_element(out, "title", text);
    out->failed |= shown.failed;
    if (shown.text) buffer_add_bytes(out, shown.text, shown.length);
    buffer_free(&shown);
    buffer_add(out, "</text>\n");
}

void svg_title(text_buffer *out, double width, const char *title)
{
    const text_style style = {.anchor = SVG_MIDDLE, .size = SVG_TITLE, .width = width};
    svg_text(out, &style, width / 2, SVG_TITLE, title);
}

// ---------------------------------------------------------------------------------------------------------------------

void svg_image(text_buffer *out, svg_box box, const uint8_t *png, size_t size, const char *label)
{
    buffer_add(out, "<image");
    add_box(out, box);
    buffer_add(out, " preserveAspectRatio=\"none\" href=\"data:image/png;base64,");
    base64_add(out, png, size);
    buffer_add(out, "\"><title>");
    buffer_escape(out, label);
    buffer_add(out, "</title></image>\n");
}
