#define _GNU_SOURCE
#include "data/image_sketch.h"

#include "core/error.h"

#include <stdlib.h>

enum {
    EDGE_CELLS = 9,           // a row of nine cells has eight edges
    EDGE_LEAST = 2,           // flat areas have no edges, whatever noise they have
    EDGES_APART = 3,          // at most
    PARTS = EDGES_APART + 1,  // of the edges: one of them agrees, where at most three bits differ
    PART_BITS = 64 / PARTS,   //
    COLOURS_APART = 3,        // at most, on average
    FOLLOWERS_MOST = 1 << 12, // no set of images makes the search quadratic
};

// ---------------------------------------------------------------------------------------------------------------------
// A sketch

// Cell i of `cells` along a side of `size` pixels; where the side is shorter, neighbours share pixels.
static void cell_range(int i, int cells, int size, int *first, int *last)
{
    *first = (int)((int64_t)i * size / cells);
    *last = (int)((int64_t)(i + 1) * size / cells);
    if (*last <= *first) *last = *first + 1;
}

typedef struct view {
    const uint8_t *pixels; // (height, width, channels)
    int height, width, channels;
} view;

// Mean red, green and blue of a cell of `rows` x `columns`.
static void mean_colour(const view *v, int y, int rows, int x, int columns, uint32_t colour[3])
{
    int top, bottom, left, right;
    cell_range(y, rows, v->height, &top, &bottom);
    cell_range(x, columns, v->width, &left, &right);
    uint64_t sums[3] = {0};
    for (int row = top; row < bottom; row++) {
        const uint8_t *pixel = v->pixels + ((size_t)row * (size_t)v->width + (size_t)left) * (size_t)v->channels;
        for (int column = left; column < right; column++, pixel += v->channels)
            for (int c = 0; c < 3; c++)
                sums[c] += pixel[v->channels >= 3 ? c : 0];
    }
    uint64_t count = (uint64_t)(bottom - top) * (uint64_t)(right - left);
    for (int c = 0; c < 3; c++)
        colour[c] = (uint32_t)((sums[c] + count / 2) / count);
}

static uint32_t luma(const uint32_t colour[3])
{
    return (299 * colour[0] + 587 * colour[1] + 114 * colour[2] + 500) / 1000;
}

image_sketch image_sketch_of(const uint8_t *pixels, int height, int width, int channels)
{
    const view v = {pixels, height, width, channels};
    image_sketch sketch = {0};
    uint32_t colour[3];
    for (int y = 0; y < SKETCH_SIDE; y++) {
        mean_colour(&v, y, SKETCH_SIDE, 0, EDGE_CELLS, colour);
        for (int x = 0; x < SKETCH_SIDE; x++) {
            uint32_t left = luma(colour);
            mean_colour(&v, y, SKETCH_SIDE, x + 1, EDGE_CELLS, colour);
            if (left > luma(colour) + EDGE_LEAST) sketch.edges |= (uint64_t)1 << (SKETCH_SIDE * y + x);
        }
        for (int x = 0; x < SKETCH_SIDE; x++) {
            uint32_t cell[3];
            mean_colour(&v, y, SKETCH_SIDE, x, SKETCH_SIDE, cell);
            for (int c = 0; c < 3; c++) {
                sketch.cells[(SKETCH_SIDE * y + x) * 3 + c] = (uint8_t)cell[c];
                sketch.brightness += cell[c];
            }
        }
    }
    return sketch;
}

bool image_sketches_alike(const image_sketch *a, const image_sketch *b)
{
    if (__builtin_popcountll(a->edges ^ b->edges) > EDGES_APART) return false;
    int difference = 0;
    for (int i = 0; i < SKETCH_BYTES; i++)
        difference += abs(a->cells[i] - b->cells[i]);
    return difference <= COLOURS_APART * SKETCH_BYTES;
}

// ---------------------------------------------------------------------------------------------------------------------
// Groups

static uint32_t group_of(uint32_t *groups, uint32_t i)
{
    while (groups[i] != i) {
        groups[i] = groups[groups[i]];
        i = groups[i];
    }
    return i;
}

static void join(uint32_t *groups, uint32_t a, uint32_t b)
{
    a = group_of(groups, a);
    b = group_of(groups, b);
    if (a < b)
        groups[b] = a;
    else
        groups[a] = b;
}

typedef struct place {
    uint32_t part; // of the edges
    uint32_t brightness;
    uint32_t index;
} place;

static int compare_places(const void *first, const void *second)
{
    const place *a = first, *b = second;
    if (a->part != b->part) return a->part < b->part ? -1 : 1;
    if (a->brightness != b->brightness) return a->brightness < b->brightness ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

// Colours that are alike on average are so in their sum: of the images with an equal part, sorted by brightness, only
// those within that distance are compared.
static void join_equal_part(const image_sketch *sketches, const place *places, size_t count, uint32_t *groups)
{
    for (size_t i = 0; i < count; i++) {
        size_t end = count - i > FOLLOWERS_MOST ? i + FOLLOWERS_MOST : count;
        for (size_t j = i + 1; j < end && places[j].part == places[i].part; j++) {
            if (places[j].brightness - places[i].brightness > COLOURS_APART * SKETCH_BYTES) break;
            uint32_t a = places[i].index, b = places[j].index;
            if (group_of(groups, a) != group_of(groups, b) && image_sketches_alike(&sketches[a], &sketches[b]))
                join(groups, a, b);
        }
    }
}

silma_status image_sketch_groups(const image_sketch *sketches, size_t count, uint32_t *groups, silma_error *error)
{
    place *places = reallocarray(NULL, count + 1, sizeof *places);
    if (!places) return silma_fail_memory(error, (count + 1) * sizeof *places);
    for (size_t i = 0; i < count; i++)
        groups[i] = (uint32_t)i;
    for (int part = 0; part < PARTS; part++) {
        for (size_t i = 0; i < count; i++)
            places[i] = (place){
                .part = (uint32_t)(sketches[i].edges >> (part * PART_BITS)) & 0xFFFF,
                .brightness = sketches[i].brightness,
                .index = (uint32_t)i,
            };
        qsort(places, count, sizeof *places, compare_places);
        join_equal_part(sketches, places, count, groups);
    }
    for (size_t i = 0; i < count; i++)
        groups[i] = group_of(groups, (uint32_t)i);
    free(places);
    return SILMA_OK;
}
