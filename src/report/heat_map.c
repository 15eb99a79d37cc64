#include "report/heat_map.h"

#include "report/axis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITTEN_CLASSES_MAX = 20, NAME_SIZE = 24 };

static const double GAP = 6, LEGEND = 56, NAMES_MOST = 120;

// Where things lie.
typedef struct layout {
    double left, top, cell, names, below; // the matrix's corner, a cell's side, room for names at the left and below
    double font;
    int every;    // names of every so many classes are written
    bool upright; // the names below, since they are short
} layout;

static const char *name_of(const heat_map *map, int class, char number[NAME_SIZE])
{
    if (map->names && map->names[class]) return map->names[class];
    snprintf(number, NAME_SIZE, "%d", class);
    return number;
}

static double widest_name(const heat_map *map, double size)
{
    double widest = 0;
    char number[NAME_SIZE];
    for (int i = 0; i < map->class_count; i++)
        widest = fmax(widest, svg_text_width(name_of(map, i, number), size));
    return fmin(widest, NAMES_MOST);
}

static bool has_few(const heat_map *map)
{
    return map->class_count <= 4;
}

static layout lay_out(const heat_map *map, double width)
{
    static const double FONT_LEAST = 6.5, CELL_MOST = 48, CELL_MOST_OF_FEW = 80;
    layout l = {.top = map->title ? SVG_TITLE + 2 * GAP : GAP};
    double beside = SVG_TEXT + 3 * GAP + LEGEND, names = widest_name(map, SVG_SMALL);
    l.cell = fmin(has_few(map) ? CELL_MOST_OF_FEW : CELL_MOST, (width - beside - names) / map->class_count);
    if (!(l.cell > 1)) l.cell = 1;
    l.every = (int)ceil(FONT_LEAST / (0.95 * l.cell));
    l.font = fmin(SVG_SMALL, 0.95 * l.cell * l.every);
    l.names = widest_name(map, l.font);
    l.left = SVG_TEXT + 2 * GAP + l.names;
    l.upright = l.names <= 0.9 * l.cell * l.every;
    l.below = l.upright ? l.font : l.names;
    return l;
}

double heat_map_width(const heat_map *map)
{
    static const double CELL_WRITTEN = 40, CELL_OF_FEW = 72, SIDE_LEAST = 160, CELL_LEAST = 8;
    double cell = map->class_count <= 10 ? CELL_WRITTEN : fmax(CELL_LEAST, CELL_WRITTEN * 10 / map->class_count);
    if (has_few(map)) cell = fmin(CELL_OF_FEW, SIDE_LEAST / map->class_count);
    if (map->class_count > 10 && map->class_count <= WRITTEN_CLASSES_MAX) cell = 34;
    double width = widest_name(map, SVG_SMALL) + SVG_TEXT + 3 * GAP + LEGEND + cell * map->class_count;
    double title = map->title ? svg_text_width(map->title, SVG_TITLE) : 0;
    return fmax(width, title);
}

double heat_map_height(const heat_map *map, double width)
{
    layout l = lay_out(map, width);
    return l.top + l.cell * map->class_count + GAP + l.below + SVG_TEXT + 2 * GAP;
}

// ---------------------------------------------------------------------------------------------------------------------
// Cells

static size_t count_of(const heat_map *map, int truth, int predicted)
{
    return map->counts[(size_t)truth * (size_t)map->class_count + (size_t)predicted];
}

static size_t support_of(const heat_map *map, int truth)
{
    size_t sum = 0;
    for (int i = 0; i < map->class_count; i++)
        sum += count_of(map, truth, i);
    return sum;
}

// Few images of a large class are seen as well: the root spreads the small shares.
static double opacity_of(double share)
{
    return sqrt(share);
}

static void write_cell(text_buffer *out, const heat_map *map, const layout *l, int truth, int predicted, double share)
{
    static const double FULL = 0.65; // from here on the paper's colour is the more readable
    char text[32];
    size_t count = count_of(map, truth, predicted);
    if (map->percent && share * 100 < 0.5)
        snprintf(text, sizeof text, "<1");
    else if (map->percent && share < 1 && share * 100 > 99.5)
        snprintf(text, sizeof text, ">99");
    else if (map->percent)
        snprintf(text, sizeof text, "%d", (int)lround(share * 100));
    else
        snprintf(text, sizeof text, "%zu", count);
    double size = fmin(SVG_SMALL, l->cell / fmax(2, svg_text_width(text, 1) + 0.3));
    svg_class fill = opacity_of(share) >= FULL ? SVG_ON_HEAT : SVG_INK;
    svg_text(out, &(text_style){.fill = fill, .anchor = SVG_MIDDLE, .size = size},
             l->left + (predicted + 0.5) * l->cell, l->top + (truth + 0.5) * l->cell + size * 0.36, text);
}

static void draw_written_cell(text_buffer *out, const heat_map *map, const layout *l, int truth, int predicted,
                              size_t support)
{
    size_t count = count_of(map, truth, predicted);
    if (count == 0) return;
    double share = (double)count / (double)support;
    char of[NAME_SIZE], for_what[NAME_SIZE];
    text_buffer tooltip = {0};
    buffer_print(&tooltip, "%s %s %s: %zu of %zu", name_of(map, truth, of), truth == predicted ? "is" : "taken for",
                 truth == predicted ? "right" : name_of(map, predicted, for_what), count, support);
    buffer_add(&tooltip, " (");
    buffer_number(&tooltip, share * 100, 1);
    buffer_add(&tooltip, " %)");
    svg_rect_heat(out, (svg_box){l->left + predicted * l->cell, l->top + truth * l->cell, l->cell, l->cell},
                  opacity_of(share), tooltip.text);
    out->failed |= tooltip.failed;
    buffer_free(&tooltip);
    write_cell(out, map, l, truth, predicted, share);
}

static void draw_coloured_cells(text_buffer *out, const heat_map *map, const layout *l)
{
    size_t classes = (size_t)map->class_count;
    uint8_t *levels = calloc(classes, classes);
    if (!levels) {
        out->failed = true;
        return;
    }
    for (int truth = 0; truth < map->class_count; truth++) {
        size_t support = support_of(map, truth);
        for (int i = 0; i < map->class_count && support > 0; i++)
            levels[(size_t)truth * classes + (size_t)i] =
                (uint8_t)ceil(opacity_of((double)count_of(map, truth, i) / (double)support) * SVG_LEVELS - 1e-9);
    }
    svg_heat_cells(out, l->left, l->top, l->cell, map->class_count, map->class_count, levels);
    free(levels);
}

static void draw_cells(text_buffer *out, const heat_map *map, const layout *l)
{
    if (map->class_count > WRITTEN_CLASSES_MAX) {
        draw_coloured_cells(out, map, l);
        return;
    }
    for (int truth = 0; truth < map->class_count; truth++) {
        size_t support = support_of(map, truth);
        for (int i = 0; i < map->class_count; i++)
            draw_written_cell(out, map, l, truth, i, support);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// What stands around them

static void draw_names(text_buffer *out, const heat_map *map, const layout *l)
{
    char number[NAME_SIZE];
    double side = l->cell * map->class_count, middle = 0.36 * l->font;
    for (int i = 0; i < map->class_count; i += l->every) {
        const char *name = name_of(map, i, number);
        double at = (i + 0.5 * l->every) * l->cell;
        if (at > side) at = (i + 0.5) * l->cell;
        svg_text(out, &(text_style){.anchor = SVG_END, .size = l->font, .width = l->names + 1}, l->left - GAP,
                 l->top + at + middle, name);
        if (l->upright)
            svg_text(out, &(text_style){.anchor = SVG_MIDDLE, .size = l->font}, l->left + at,
                     l->top + side + GAP + 0.8 * l->font, name);
        else
            svg_text(out, &(text_style){.anchor = SVG_END, .size = l->font, .degrees = -90, .width = l->names + 1},
                     l->left + at + middle, l->top + side + GAP, name);
    }
    svg_text(out, &(text_style){.fill = SVG_DIM, .anchor = SVG_MIDDLE, .size = SVG_TEXT, .degrees = -90}, SVG_TEXT,
             l->top + side / 2, "true class");
    svg_text(out, &(text_style){.fill = SVG_DIM, .anchor = SVG_MIDDLE, .size = SVG_TEXT}, l->left + side / 2,
             l->top + side + GAP + l->below + SVG_TEXT + GAP, "predicted class");
}

static void draw_frame(text_buffer *out, const heat_map *map, const layout *l)
{
    double side = l->cell * map->class_count;
    bool lines = map->class_count <= WRITTEN_CLASSES_MAX;
    for (int i = 0; i <= map->class_count; i += lines ? 1 : map->class_count) {
        double at = i * l->cell;
        svg_line(out, SVG_GRID, l->left, l->top + at, l->left + side, l->top + at);
        svg_line(out, SVG_GRID, l->left + at, l->top, l->left + at, l->top + side);
    }
}

// What the colours mean.
static void draw_legend(text_buffer *out, const heat_map *map, const layout *l)
{
    enum { STEPS = 20 };
    static const double WIDTH = 10, HEIGHT_MOST = 160;
    double side = l->cell * map->class_count, height = fmin(side, HEIGHT_MOST), x = l->left + side + 2 * GAP;
    for (int i = 0; i < STEPS; i++)
        svg_rect_heat(out, (svg_box){x, l->top + height * i / STEPS, WIDTH, height / STEPS},
                      opacity_of((STEPS - 1 - i + 0.5) / STEPS), NULL);
    static const char *const texts[] = {"100 %", "50", "0"};
    static const double below[] = {0.8, 0.36, 0}; // of the base line, in sizes of the text
    for (int i = 0; i < 3; i++)
        svg_text(out, &(text_style){.fill = SVG_DIM, .size = 10}, x + WIDTH + 3,
                 l->top + height * i / 2 + below[i] * SVG_SMALL, texts[i]);
}

void heat_map_draw(text_buffer *out, const heat_map *map, double width)
{
    layout l = lay_out(map, width);
    if (map->title) svg_title(out, width, map->title);
    draw_cells(out, map, &l);
    draw_frame(out, map, &l);
    draw_names(out, map, &l);
    draw_legend(out, map, &l);
}

void heat_map_add_figure(text_buffer *out, const heat_map *map, svg_frame frame)
{
    frame.width = heat_map_width(map);
    frame.height = heat_map_height(map, frame.width);
    svg_begin(out, &frame);
    heat_map_draw(out, map, frame.width);
    svg_end(out);
}
