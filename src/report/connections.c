// Figure 11: how many outputs of a filter each pixel feeds, equations 60 and 61.
//
// With every weight and every gradient one, the gradient of a pixel (eq. 69-71) counts its connections.
#include "core/checked.h"
#include "core/error.h"
#include "kernels/context.h"
#include "nn/layers/window.h"
#include "report/svg.h"
#include "silma/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 512, WINDOW_TEXT_MAX = 256 };

static silma_status read_window(int height, int width, const char *text, window_shape *place, silma_error *error)
{
    char copy[WINDOW_TEXT_MAX];
    if (height < 1 || width < 1 || height > SIDE_MAX || width > SIDE_MAX)
        return silma_fail(error, SILMA_USAGE, "an input of %dx%d pixels: expected 1x1 to %dx%d", height, width,
                          SIDE_MAX, SIDE_MAX);
    if (strlen(text) >= sizeof copy)
        return silma_fail(error, SILMA_USAGE, "the window's text is longer than %d bytes", WINDOW_TEXT_MAX - 1);
    snprintf(copy, sizeof copy, "%s", text);
    words line;
    window w = {0};
    silma_status status = words_split(&line, copy, "the window", 0, error);
    line.synopsis = "KHxKW [same|valid] [stride=S|SHxSW] [pad=P|PHxPW|T,L,B,R]";
    if (!status) status = window_parse(&w, 1, &line, error);
    if (!status) status = words_finish(&line, error);
    shape in = {.h = height, .w = width, .c = 1}, out = {.c = 1};
    if (!status) status = window_resolve(&w, in, &out, error);
    if (!status) *place = window_place(&w, 1, in, out, 1);
    if (status == SILMA_BAD_FILE) status = SILMA_USAGE; // there is no file
    if (status && error) error->status = status;
    return status;
}

// Everything that the kernel reads and writes, one behind the other.
typedef struct count_memory {
    float *dz, *filter, *dx;
    void *workspace;
    void *all;
} count_memory;

static bool take(size_t bytes, size_t *offset, size_t *end)
{
    enum { ALIGNMENT = 64 };
    *offset = *end;
    return checked_add(*end, bytes, end) && checked_align(*end, ALIGNMENT, end);
}

static silma_status allocate(const silma_context *context, const window_shape *s, count_memory *m, silma_error *error)
{
    enum { ALIGNMENT = 64 };
    size_t end = 0, dz, filter, dx, workspace, needed;
    size_t outputs = (size_t)s->oh * (size_t)s->ow, weights = (size_t)s->kh * (size_t)s->kw;
    needed = context->k->conv_backward_input_workspace(s, thread_pool_size(context->pool));
    bool fits = take(outputs * sizeof(float), &dz, &end) && take(weights * sizeof(float), &filter, &end) &&
                take((size_t)s->h * (size_t)s->w * sizeof(float), &dx, &end) && take(needed, &workspace, &end);
    m->all = fits ? aligned_alloc(ALIGNMENT, end) : NULL;
    if (!m->all) return silma_fail_memory(error, end);
    char *base = m->all;
    m->dz = (float *)(void *)(base + dz);
    m->filter = (float *)(void *)(base + filter);
    m->dx = (float *)(void *)(base + dx);
    m->workspace = base + workspace;
    for (size_t i = 0; i < outputs; i++)
        m->dz[i] = 1;
    for (size_t i = 0; i < weights; i++)
        m->filter[i] = 1;
    return SILMA_OK;
}

static silma_status count_connections(const silma_context *context, const window_shape *s, uint32_t *counts,
                                      silma_error *error)
{
    count_memory m = {0};
    silma_status status = allocate(context, s, &m, error);
    if (status) return status;
    context->k->conv_backward_input(context->pool, s, m.dz, m.filter, m.dx, m.workspace);
    for (size_t i = 0; i < (size_t)s->h * (size_t)s->w; i++)
        counts[i] = (uint32_t)lroundf(m.dx[i]); // a fast algorithm may round
    free(m.all);
    return SILMA_OK;
}

silma_status silma_connections(const silma_context *context, int height, int width, const char *window_text,
                               uint32_t *counts, silma_error *error)
{
    window_shape s;
    silma_status status = read_window(height, width, window_text, &s, error);
    return status ? status : count_connections(context, &s, counts, error);
}

// ---------------------------------------------------------------------------------------------------------------------

// Where the matrix lies.
typedef struct layout {
    double cell, left, top;
    int every; // coordinates of every so many pixels
} layout;

static layout lay_out(const window_shape *s)
{
    static const double CELL_MOST = 30, CELL_LEAST = 1.5, SIDE = 480, FONT = 14, FONT_OF_THREE = 20;
    layout l = {.cell = fmax(CELL_LEAST, fmin(CELL_MOST, SIDE / fmax(s->h, s->w))), .left = 40, .top = 76};
    l.every = (int)ceil((s->h < 100 && s->w < 100 ? FONT : FONT_OF_THREE) / l.cell);
    if (l.every > 1) l.every = (l.every + 4) / 5 * 5;
    return l;
}

static void draw_coordinates(text_buffer *out, const window_shape *s, const layout *l)
{
    char text[16];
    for (int i = 1; i <= s->h || i <= s->w; i++) {
        if (i != 1 && i % l->every != 0) continue;
        if (i == 1 && l->every > 1) continue; // it might touch its neighbour
        snprintf(text, sizeof text, "%d", i);
        double at = (i - 0.5) * l->cell;
        if (i <= s->w)
            svg_text(out, &(text_style){.fill = SVG_DIM, .anchor = SVG_MIDDLE, .size = 10}, l->left + at, l->top - 6,
                     text);
        if (i <= s->h)
            svg_text(out, &(text_style){.fill = SVG_DIM, .anchor = SVG_END, .size = 10}, l->left - 6, l->top + at + 3.6,
                     text);
    }
}

static const double WRITTEN_FROM = 17, STRONGEST = 0.9; // the least cell with a number; the fullest colour

static void write_counts(text_buffer *out, const window_shape *s, const layout *l, const uint32_t *counts,
                         uint32_t most)
{
    static const double FULL = 0.62; // from here on the paper's colour is the more readable
    char text[16];
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            uint32_t count = counts[y * s->w + x];
            bool full = most > 0 && STRONGEST * count / most >= FULL;
            snprintf(text, sizeof text, "%u", count);
            double size = fmin(SVG_TEXT, 0.9 * l->cell / fmax(1, svg_text_width(text, 1)));
            svg_text(out, &(text_style){.fill = full ? SVG_ON_HEAT : SVG_INK, .anchor = SVG_MIDDLE, .size = size},
                     l->left + (x + 0.5) * l->cell, l->top + (y + 0.5) * l->cell + size * 0.36, text);
        }
    for (int i = 0; i <= s->h; i++)
        svg_line(out, SVG_GRID, l->left, l->top + i * l->cell, l->left + s->w * l->cell, l->top + i * l->cell);
    for (int i = 0; i <= s->w; i++)
        svg_line(out, SVG_GRID, l->left + i * l->cell, l->top, l->left + i * l->cell, l->top + s->h * l->cell);
}

static void draw_counts(text_buffer *out, const window_shape *s, const layout *l, const uint32_t *counts, uint32_t most)
{
    size_t pixels = (size_t)s->h * (size_t)s->w;
    uint8_t *levels = calloc(pixels, 1);
    if (!levels) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < pixels && most > 0; i++)
        levels[i] = (uint8_t)ceil(STRONGEST * SVG_LEVELS * counts[i] / most);
    svg_heat_cells(out, l->left, l->top, l->cell, s->h, s->w, levels);
    free(levels);
    if (l->cell >= WRITTEN_FROM) write_counts(out, s, l, counts, most);
}

static void draw_connections(text_buffer *out, const window_shape *s, const char *window_text, const uint32_t *counts)
{
    uint32_t most = 0, least = UINT32_MAX;
    for (int i = 0; i < s->h * s->w; i++) {
        if (counts[i] > most) most = counts[i];
        if (counts[i] < least) least = counts[i];
    }
    layout l = lay_out(s);
    char first[WINDOW_TEXT_MAX + 64], second[96];
    snprintf(first, sizeof first, "Input %dx%d, filter %s", s->h, s->w, window_text);
    snprintf(second, sizeof second, "output %dx%d; %u to %u connections", s->oh, s->ow, least, most);
    double width = fmax(l.left + s->w * l.cell, svg_text_width(first, SVG_TEXT) + 20) + 20;
    svg_begin(
        out, &(svg_frame){width, l.top + s->h * l.cell + 20, "Outgoing connections of each input pixel", first, false});
    svg_text(out, &(text_style){.size = SVG_TITLE, .width = width - l.left}, l.left, 20, "Outgoing connections");
    svg_text(out, &(text_style){.fill = SVG_DIM, .size = SVG_SMALL, .width = width - l.left}, l.left, 37, first);
    svg_text(out, &(text_style){.fill = SVG_DIM, .size = SVG_SMALL, .width = width - l.left}, l.left, 52, second);
    draw_coordinates(out, s, &l);
    draw_counts(out, s, &l, counts, most);
    svg_end(out);
}

silma_status silma_plot_connections(const silma_context *context, int height, int width, const char *window_text,
                                    silma_figure_fn *figure, void *user, silma_error *error)
{
    window_shape s;
    silma_status status = read_window(height, width, window_text, &s, error);
    if (status) return status;
    size_t pixels = (size_t)height * (size_t)width;
    uint32_t *counts = calloc(pixels, sizeof *counts);
    if (!counts) return silma_fail_memory(error, pixels * sizeof *counts);
    status = count_connections(context, &s, counts, error);
    text_buffer out = {0};
    if (!status) {
        draw_connections(&out, &s, window_text, counts);
        status = buffer_status(&out, error);
    }
    if (!status) status = figure("connections", out.text, out.length, user, error);
    buffer_free(&out);
    free(counts);
    return status;
}
