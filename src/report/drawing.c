#include "report/drawing.h"

#include "core/checked.h"
#include "core/error.h"
#include "report/svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void drawing_free(drawing *d)
{
    free(d->places);
    free(d->edges);
    free(d->attached);
    *d = (drawing){0};
}

// ---------------------------------------------------------------------------------------------------------------------
// Layout

// Which cells are taken, by boxes or by edges that pass: (rows, columns).
typedef struct cells {
    bool *taken;
    size_t rows, columns;
} cells;

static bool is_free(const cells *c, size_t column, size_t first_row, size_t last_row)
{
    for (size_t row = first_row; row <= last_row; row++)
        if (c->taken[row * c->columns + column]) return false;
    return true;
}

static void take(cells *c, size_t column, size_t first_row, size_t last_row)
{
    for (size_t row = first_row; row <= last_row; row++)
        c->taken[row * c->columns + column] = true;
}

static silma_layer_info info_of(const silma_network *network, size_t index)
{
    silma_layer_info info;
    silma_network_layer(network, index, &info);
    return info;
}

static size_t input_at(const silma_layer_info *info, size_t i)
{
    return info->inputs ? info->inputs[i] : 0;
}

// One more than that of the lowest input.
static void find_rows(drawing *d, const silma_network *network)
{
    for (size_t i = 0; i < d->layer_count; i++) {
        silma_layer_info info = info_of(network, i);
        size_t row = 0;
        for (size_t input = 0; input < info.input_count; input++) {
            size_t below = d->places[input_at(&info, input)].row + 1;
            if (below > row) row = below;
        }
        d->places[i].row = row;
        if (row >= d->rows) d->rows = row + 1;
    }
}

// The column of its leftmost input, or the next one that is free from that input down to the layer's row.
static void find_column(drawing *d, cells *c, const silma_network *network, size_t i)
{
    silma_layer_info info = info_of(network, i);
    drawing_place *place = &d->places[i];
    size_t from = info.input_count ? input_at(&info, 0) : 0;
    for (size_t input = 1; input < info.input_count; input++)
        if (d->places[input_at(&info, input)].column < d->places[from].column) from = input_at(&info, input);
    size_t first_row = info.input_count ? d->places[from].row + 1 : place->row;
    place->column = info.input_count ? d->places[from].column : 0;
    while (place->column + 1 < c->columns && !is_free(c, place->column, first_row, place->row))
        place->column++;
    take(c, place->column, first_row, place->row);
    // The other inputs come down in columns of their own.
    for (size_t input = 0; input < info.input_count; input++) {
        const drawing_place *source = &d->places[input_at(&info, input)];
        if (source->column != place->column && source->row + 1 < place->row)
            take(c, source->column, source->row + 1, place->row - 1);
    }
}

static bool holds_box(const drawing *d, size_t column, size_t row)
{
    for (size_t i = 0; i < d->layer_count; i++)
        if (d->places[i].column == column && d->places[i].row == row) return true;
    return false;
}

static bool passes_boxes(const drawing *d, const drawing_place *from, const drawing_place *to)
{
    for (size_t row = from->row + 1; row < to->row; row++)
        if (holds_box(d, from->column, row)) return true;
    return false;
}

// The first track beside the column that no other edge uses between the same rows.
static size_t free_track(const drawing *d, const drawing_edge *edge)
{
    size_t track = 0;
    for (size_t i = 0; i < d->edge_count; i++) {
        const drawing_edge *other = &d->edges[i];
        bool beside = other->passes && other->column == edge->column && other->track == track;
        bool apart = d->places[other->to].row <= d->places[edge->from].row ||
                     d->places[other->from].row >= d->places[edge->to].row;
        if (!beside || apart) continue;
        track++;
        i = SIZE_MAX; // from the start: ++ makes it 0
    }
    return track;
}

static void find_edges(drawing *d, const silma_network *network)
{
    for (size_t i = 0; i < d->layer_count; i++) {
        silma_layer_info info = info_of(network, i);
        for (size_t input = 0; input < info.input_count; input++) {
            drawing_edge edge = {.from = input_at(&info, input), .to = i};
            const drawing_place *from = &d->places[edge.from], *to = &d->places[i];
            edge.passes = from->column == to->column && passes_boxes(d, from, to);
            edge.column = from->column;
            if (edge.passes) edge.track = free_track(d, &edge);
            if (edge.passes && edge.track >= d->track_count) d->track_count = edge.track + 1;
            d->edges[d->edge_count++] = edge;
        }
    }
}

static bool is_follower(const char *type)
{
    static const char *const starters[] = {"input",   "conv", "dense",         "maxpool",
                                           "avgpool", "add",  "globalavgpool", "concat"};
    for (size_t i = 0; i < sizeof starters / sizeof *starters; i++)
        if (strcmp(type, starters[i]) == 0) return false;
    return true;
}

static size_t count_readers(const drawing *d, size_t layer)
{
    size_t count = 0;
    for (size_t i = 0; i < d->edge_count; i++)
        count += d->edges[i].from == layer;
    return count;
}

// A row touches the one above if each of its layers takes just the one above it, which nobody else takes.
static void find_attached(drawing *d, const silma_network *network)
{
    for (size_t row = 0; row < d->rows; row++)
        d->attached[row] = row > 0;
    for (size_t i = 0; i < d->layer_count; i++) {
        silma_layer_info info = info_of(network, i);
        const drawing_place *place = &d->places[i];
        size_t from = info.input_count ? input_at(&info, 0) : 0;
        bool follows = info.input_count == 1 && is_follower(info.type) && count_readers(d, from) == 1 &&
                       d->places[from].column == place->column && d->places[from].row + 1 == place->row;
        if (!follows) d->attached[place->row] = false;
    }
    // Edges that turn need a gap below where they come from or above where they go.
    for (size_t i = 0; i < d->edge_count; i++) {
        const drawing_place *from = &d->places[d->edges[i].from], *to = &d->places[d->edges[i].to];
        if (from->column == to->column && !d->edges[i].passes) continue;
        d->attached[to->row] = false;
        if (from->row + 1 < d->rows) d->attached[from->row + 1] = false;
    }
}

static silma_status place_layers(drawing *d, const silma_network *network, silma_error *error)
{
    enum { COLUMNS_MOST = 12 };
    cells c = {.rows = d->rows, .columns = COLUMNS_MOST};
    size_t count;
    c.taken = checked_mul(c.rows, c.columns, &count) ? calloc(count, sizeof *c.taken) : NULL;
    d->attached = calloc(d->rows + 1, sizeof *d->attached);
    if (!c.taken || !d->attached) {
        free(c.taken);
        return silma_fail_memory(error, d->rows * COLUMNS_MOST);
    }
    for (size_t i = 0; i < d->layer_count; i++) {
        find_column(d, &c, network, i);
        if (d->places[i].column >= d->columns) d->columns = d->places[i].column + 1;
    }
    free(c.taken);
    return SILMA_OK;
}

silma_status drawing_layout(drawing *d, const silma_network *network, silma_error *error)
{
    *d = (drawing){.layer_count = silma_network_layer_count(network)};
    size_t edges = 0;
    for (size_t i = 0; i < d->layer_count; i++)
        edges += info_of(network, i).input_count;
    d->places = calloc(d->layer_count + 1, sizeof *d->places);
    d->edges = calloc(edges + 1, sizeof *d->edges);
    silma_status status = d->places && d->edges ? SILMA_OK : silma_fail_memory(error, edges * sizeof *d->edges);
    if (status == SILMA_OK) {
        find_rows(d, network);
        status = place_layers(d, network, error);
    }
    if (status == SILMA_OK) {
        find_edges(d, network);
        find_attached(d, network);
        return SILMA_OK;
    }
    drawing_free(d);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Drawing

static const double BOX_WIDTH = 350, BOX_HEIGHT = 30, GAP = 22, COLUMN_GAP = 28, TRACK = 12, MARGIN = 12;

typedef struct pen {
    text_buffer *out;
    const drawing *d;
    const silma_network *network;
    double *tops;         // (rows) of the boxes
    double column_stride; // from column to column
} pen;

static double box_left(const pen *p, size_t layer)
{
    return MARGIN + (double)p->d->places[layer].column * p->column_stride;
}

static double box_middle(const pen *p, size_t layer)
{
    return box_left(p, layer) + BOX_WIDTH / 2;
}

static double box_top(const pen *p, size_t layer)
{
    return p->tops[p->d->places[layer].row];
}

static void draw_way(const pen *p, const double *xs, const double *ys, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++)
        svg_line(p->out, SVG_AXIS, xs[i], ys[i], xs[i + 1], ys[i + 1]);
}

static void draw_arrow_head(const pen *p, double x, double y)
{
    double xs[] = {x - 3.5, x, x + 3.5}, ys[] = {y - 5, y, y - 5};
    draw_way(p, xs, ys, 3);
}

static void draw_edge(const pen *p, const drawing_edge *edge)
{
    double from_x = box_middle(p, edge->from), from_y = box_top(p, edge->from) + BOX_HEIGHT;
    double to_x = box_middle(p, edge->to), to_y = box_top(p, edge->to);
    size_t from_column = p->d->places[edge->from].column, to_column = p->d->places[edge->to].column;
    if (from_y >= to_y) return; // attached
    if (edge->passes) {
        double side = box_left(p, edge->from) + BOX_WIDTH + TRACK * (double)(edge->track + 1);
        double start = from_y - BOX_HEIGHT / 2, end = to_y + BOX_HEIGHT / 2;
        double xs[] = {box_left(p, edge->from) + BOX_WIDTH, side, side, box_left(p, edge->to) + BOX_WIDTH + 1};
        double ys[] = {start, start, end, end};
        draw_way(p, xs, ys, 4);
        double head_x[] = {xs[3] + 5, xs[3], xs[3] + 5}, head_y[] = {end - 3.5, end, end + 3.5};
        draw_way(p, head_x, head_y, 3);
        return;
    }
    // To the right: out just below where it comes from; to the left: in just above where it goes.
    double turn = to_column > from_column ? from_y + GAP / 2 : to_y - GAP / 2;
    double xs[] = {from_x, from_x, to_x, to_x}, ys[] = {from_y, turn, turn, to_y};
    draw_way(p, xs, ys, 4);
    draw_arrow_head(p, to_x, to_y);
}

// A strip at the box's left tells what kind of layer it is; the words say it as well.
static svg_class strip_of(const silma_layer_info *info)
{
    if (strcmp(info->type, "conv") == 0) return SVG_FILL;
    if (strcmp(info->type, "dense") == 0) return SVG_FILL + 3;
    if (strstr(info->type, "pool")) return SVG_FILL + 2;
    if (strcmp(info->type, "batchnorm") == 0) return SVG_FILL + 4;
    if (strcmp(info->type, "add") == 0 || strcmp(info->type, "concat") == 0) return SVG_FILL + 1;
    return SVG_FILL + 7;
}

// Without its initialiser: that is no part of the graph.
static void describe(char *text, size_t size, const silma_layer_info *info)
{
    bool joined = info->input_count > 1 || strcmp(info->type, "input") == 0;
    snprintf(text, size, "%s %s", info->type, joined ? "" : info->description);
    char *init = strstr(text, " init=");
    if (!init) return;
    size_t length = 1 + strcspn(init + 1, " ");
    memmove(init, init + length, strlen(init + length) + 1);
}

static void draw_box(const pen *p, size_t layer)
{
    silma_layer_info info = info_of(p->network, layer);
    double x = box_left(p, layer), y = box_top(p, layer), baseline = y + BOX_HEIGHT / 2 + SVG_TEXT * 0.36;
    char words[256], shape[64];
    describe(words, sizeof words, &info);
    if (info.height > 0)
        snprintf(shape, sizeof shape, "%d×%d×%d", info.height, info.width, info.channels);
    else
        snprintf(shape, sizeof shape, "%d", info.channels);
    svg_rect(p->out, SVG_SHADE, x, y + 0.5, BOX_WIDTH, BOX_HEIGHT - 1);
    svg_rect(p->out, strip_of(&info), x, y + 0.5, 5, BOX_HEIGHT - 1);
    double shape_width = svg_text_width(shape, SVG_SMALL);
    svg_text(p->out, &(text_style){.size = SVG_TEXT, .width = BOX_WIDTH - shape_width - 32}, x + 13, baseline, words);
    svg_text(p->out, &(text_style){.fill = SVG_DIM, .anchor = SVG_END, .size = SVG_SMALL}, x + BOX_WIDTH - 8, baseline,
             shape);
}

static double place_rows(pen *p)
{
    double y = MARGIN;
    for (size_t row = 0; row < p->d->rows; row++) {
        if (row > 0) y += BOX_HEIGHT + (p->d->attached[row] ? 0 : GAP);
        p->tops[row] = y;
    }
    return y + BOX_HEIGHT + MARGIN;
}

static void draw(pen *p, bool inside_page)
{
    const drawing *d = p->d;
    double tracks = TRACK * (double)d->track_count;
    p->column_stride = BOX_WIDTH + COLUMN_GAP + tracks;
    svg_frame frame = {
        .width = 2 * MARGIN + (double)(d->columns - 1) * p->column_stride + BOX_WIDTH + tracks + 2,
        .height = place_rows(p),
        .title = "The network",
        .description = "Layers from top to bottom; at the right of each box the shape of its output",
        .inside_page = inside_page,
    };
    svg_begin(p->out, &frame);
    for (size_t i = 0; i < d->edge_count; i++)
        draw_edge(p, &d->edges[i]);
    for (size_t i = 0; i < d->layer_count; i++)
        draw_box(p, i);
    svg_end(p->out);
}

silma_status drawing_add(text_buffer *out, const silma_network *network, bool inside_page, silma_error *error)
{
    drawing d;
    silma_status status = drawing_layout(&d, network, error);
    if (status != SILMA_OK) return status;
    pen p = {.out = out, .d = &d, .network = network, .tops = calloc(d.rows + 1, sizeof(double))};
    if (p.tops)
        draw(&p, inside_page);
    else
        status = silma_fail_memory(error, d.rows * sizeof(double));
    free(p.tops);
    drawing_free(&d);
    return status;
}
