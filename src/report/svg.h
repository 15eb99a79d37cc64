// Figures as SVG: a frame, and primitives that add to a text buffer. Each chart draws into a box of its own, from (0,
// 0) at its top left, so that several stand in one figure by svg_group.
//
// A figure looks right on its own (white paper, sans-serif, sizes in it) and within a page: colours are CSS variables
// with the light theme's values behind them, and a page sets SVG_DARK_VARIABLES where it is dark. What colour says,
// dashes, marks or words say too.
//
// The same input gives the same bytes. All text is escaped here, whatever it holds.
#ifndef SILMA_REPORT_SVG_H
#define SILMA_REPORT_SVG_H

#include "report/text_buffer.h"

typedef struct svg_frame {
    double width, height;
    const char *title;       // for screen readers and as a tooltip
    const char *description; // what is to be seen, in a sentence; may be null
    bool inside_page;        // without namespace, style and paper: the page holds svg_add_style once, and has its own
} svg_frame;

void svg_begin(text_buffer *out, const svg_frame *frame);
void svg_end(text_buffer *out);
// A figure that was made to stand alone, as if it had been made `inside_page`.
void svg_add_to_page(text_buffer *out, const char *figure);

// The rules that figures in a page need, to stand in its <style> once. They touch nothing outside of figures.
void svg_add_style(text_buffer *out);
// Declarations for a dark page: ":root { <these> }".
extern const char SVG_DARK_VARIABLES[];

// Classes. Series and what has several colours: SVG_SERIES kinds of lines and fills, which differ in colour and dash.
// The first is for training (blue, unbroken), the second for validation (red, dashed).
enum { SVG_SERIES = 8 };
typedef enum svg_class {
    SVG_INK = 0,                      // text
    SVG_DIM,                          // text of lesser weight
    SVG_GOOD,                         // text: right (blue, as in figure 21)
    SVG_BAD,                          // text: wrong (red)
    SVG_ON_HEAT,                      // text on a full SVG_HEAT
    SVG_GRID,                         // faint lines
    SVG_AXIS,                         // lines
    SVG_HEAT,                         // fill of which the opacity tells an amount
    SVG_PAPER,                        // fill: nothing but the paper
    SVG_SHADE,                        // fill: a bar's groove, a picture's frame
    SVG_FILL,                         // + i: fill of series i
    SVG_LINE = SVG_FILL + SVG_SERIES, // + i: line of series i, dashed from i = 1
} svg_class;

typedef enum svg_anchor { SVG_START = 0, SVG_MIDDLE, SVG_END } svg_anchor;

// Sizes of text, in pixels.
enum { SVG_TEXT = 12, SVG_SMALL = 11, SVG_TITLE = 14 };

// What follows up to svg_group_end is moved by (x, y).
void svg_group(text_buffer *out, double x, double y);
void svg_group_end(text_buffer *out);

typedef struct svg_box {
    double x, y, width, height;
} svg_box;

void svg_line(text_buffer *out, svg_class line, double x1, double y1, double x2, double y2);
void svg_rect(text_buffer *out, svg_class fill, double x, double y, double width, double height);
// With an opacity of 0..1 and a tooltip; null for none.
void svg_rect_heat(text_buffer *out, svg_box box, double opacity, const char *tooltip);
// A matrix of squares; levels (rows, columns) of 0 (nothing is drawn) to SVG_LEVELS (full). Small for many cells.
enum { SVG_LEVELS = 64 };
void svg_heat_cells(text_buffer *out, double left, double top, double cell, int rows, int columns,
                    const uint8_t *levels);
void svg_circle(text_buffer *out, svg_class fill, double x, double y, double radius);
// A line through `count` points; it is interrupted where a coordinate is not finite, and a point between two gaps is a
// dot. Nothing where there is no point.
void svg_path(text_buffer *out, svg_class line, const double *x, const double *y, size_t count);
// The area between two curves over the same x, faint; interrupted like a line.
void svg_band(text_buffer *out, svg_class fill, const double *x, const double *low, const double *high, size_t count);

typedef struct text_style {
    svg_class fill;
    svg_anchor anchor;
    double size;
    double width;   // longer texts are cut to it, and then the whole text is the tooltip; 0: not cut
    double degrees; // turned around (x, y): -90 reads upwards
    bool bold;
} text_style;

// `y` is the base line.
void svg_text(text_buffer *out, const text_style *style, double x, double y, const char *text);
// In the middle above a figure of this width, SVG_TITLE high.
void svg_title(text_buffer *out, double width, const char *title);
// About how wide a text is in the widest of the usual sans-serif fonts, as it is shown by svg_text.
double svg_text_width(const char *text, double size);
extern const double SVG_BOLDER; // how much wider it is in bold

// A PNG file's bytes as a picture, enlarged in squares, not smoothed. `label` for screen readers.
void svg_image(text_buffer *out, svg_box box, const uint8_t *png, size_t size, const char *label);

#endif
