#define _GNU_SOURCE
#include "data/image_sketch.h"

#include "core/error.h"

#include <stdlib.h>

enum {
    NEAR_MOST = 6 * SKETCH_BYTES, // difference of the cells, added up
    NEAR_SHARE = 3,               // and at most this part of the contrast
    SAME_MOST = NEAR_MOST / 4,    //
    FLAT = 3 * SKETCH_BYTES,      // where there is less contrast than this, it is taken for as much
    NEAR_PARTNERS = 4,            // an image that is near to more has no duplicates among them
    FOLLOWERS_MOST = 1 << 13,     // no set of images makes the search quadratic
};

// ---------------------------------------------------------------------------------------------------------------------
// A sketch

// Cell i of `cells` along a side of `size` pixels; where the side is shorter, neighbours share pixels.
static void cell_range(int i, int size, int *first, int *last)
{
    *first = (int)((int64_t)i * size / SKETCH_SIDE);
    *last = (int)((int64_t)(i + 1) * size / SKETCH_SIDE);
    if (*last <= *first) *last = *first + 1;
}

typedef struct view {
    const uint8_t *pixels; // (height, width, channels)
    int height, width, channels;
} view;

// Mean red, green and blue of a cell.
static void mean_colour(const view *v, int y, int x, uint8_t colour[3])
{
    int top, bottom, left, right;
    cell_range(y, v->height, &top, &bottom);
    cell_range(x, v->width, &left, &right);
    uint64_t sums[3] = {0};
    for (int row = top; row < bottom; row++) {
        const uint8_t *pixel = v->pixels + ((size_t)row * (size_t)v->width + (size_t)left) * (size_t)v->channels;
        for (int column = left; column < right; column++, pixel += v->channels)
            for (int c = 0; c < 3; c++)
                sums[c] += pixel[v->channels >= 3 ? c : 0];
    }
    uint64_t count = (uint64_t)(bottom - top) * (uint64_t)(right - left);
    for (int c = 0; c < 3; c++)
        colour[c] = (uint8_t)((sums[c] + count / 2) / count);
}

// Distances from the mean colour of all cells.
static int32_t contrast_of(const uint8_t cells[SKETCH_BYTES])
{
    enum { CELLS = SKETCH_BYTES / 3 };
    int32_t mean[3] = {0}, contrast = 0;
    for (int i = 0; i < SKETCH_BYTES; i++)
        mean[i % 3] += cells[i];
    for (int i = 0; i < SKETCH_BYTES; i++)
        contrast += abs(cells[i] - mean[i % 3] / CELLS);
    return contrast;
}

image_sketch image_sketch_of(const uint8_t *pixels, int height, int width, int channels)
{
    const view v = {pixels, height, width, channels};
    image_sketch sketch = {0};
    for (int y = 0; y < SKETCH_SIDE; y++)
        for (int x = 0; x < SKETCH_SIDE; x++) {
            uint8_t *colour = &sketch.cells[(SKETCH_SIDE * y + x) * 3];
            mean_colour(&v, y, x, colour);
            int32_t sum = colour[0] + colour[1] + colour[2];
            sketch.brightness += sum;
            sketch.top_heavy += y < SKETCH_SIDE / 2 ? sum : -sum;
            sketch.left_heavy += x < SKETCH_SIDE / 2 ? sum : -sum;
        }
    sketch.contrast = contrast_of(sketch.cells);
    return sketch;
}

static int32_t near_limit(const image_sketch *a, const image_sketch *b)
{
    int32_t contrast = a->contrast < b->contrast ? a->contrast : b->contrast;
    if (contrast < FLAT) contrast = FLAT;
    return contrast / NEAR_SHARE < NEAR_MOST ? contrast / NEAR_SHARE : NEAR_MOST;
}

image_likeness image_sketches_compare(const image_sketch *a, const image_sketch *b)
{
    enum { ROW = SKETCH_BYTES / SKETCH_SIDE };
    int32_t limit = near_limit(a, b), difference = 0;
    // None of the sums can differ by more than the cells do.
    if (abs(a->brightness - b->brightness) > limit || abs(a->top_heavy - b->top_heavy) > limit ||
        abs(a->left_heavy - b->left_heavy) > limit)
        return IMAGES_DIFFER;
    for (int row = 0; row < SKETCH_BYTES; row += ROW) {
        for (int i = row; i < row + ROW; i++)
            difference += abs(a->cells[i] - b->cells[i]);
        if (difference > limit) return IMAGES_DIFFER;
    }
    return difference <= limit * SAME_MOST / NEAR_MOST ? IMAGES_SAME : IMAGES_NEAR;
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
    int32_t brightness, top_heavy;
    uint32_t index;
} place;

static int compare_places(const void *first, const void *second)
{
    const place *a = first, *b = second;
    if (a->brightness != b->brightness) return a->brightness < b->brightness ? -1 : 1;
    if (a->top_heavy != b->top_heavy) return a->top_heavy < b->top_heavy ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

// The images that one is near to, as far as they are few.
typedef struct partners {
    uint32_t count;
    uint32_t images[NEAR_PARTNERS];
} partners;

static void add_partner(partners *p, uint32_t image)
{
    if (p->count < NEAR_PARTNERS) p->images[p->count] = image;
    p->count += p->count <= NEAR_PARTNERS;
}

static void compare_two(const image_sketch *sketches, uint32_t a, uint32_t b, partners *near, uint32_t *groups)
{
    image_likeness likeness = image_sketches_compare(&sketches[a], &sketches[b]);
    if (likeness == IMAGES_DIFFER) return;
    if (likeness == IMAGES_SAME) {
        join(groups, a, b);
    } else {
        add_partner(&near[a], b);
        add_partner(&near[b], a);
    }
}

// Drawings that are alike have nearly the same brightness: of the images sorted by it, only neighbours are compared.
static void compare_neighbours(const image_sketch *sketches, const place *places, size_t count, partners *near,
                               uint32_t *groups)
{
    for (size_t i = 0; i < count; i++) {
        size_t end = count - i > FOLLOWERS_MOST ? i + FOLLOWERS_MOST : count;
        for (size_t j = i + 1; j < end && places[j].brightness - places[i].brightness <= NEAR_MOST; j++)
            if (abs(places[j].top_heavy - places[i].top_heavy) <= NEAR_MOST)
                compare_two(sketches, places[i].index, places[j].index, near, groups);
    }
}

static void join_rare_partners(const partners *near, size_t count, uint32_t *groups)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; near[i].count <= NEAR_PARTNERS && k < near[i].count; k++)
            if (near[near[i].images[k]].count <= NEAR_PARTNERS) join(groups, (uint32_t)i, near[i].images[k]);
}

silma_status image_sketch_groups(const image_sketch *sketches, size_t count, uint32_t *groups, silma_error *error)
{
    place *places = reallocarray(NULL, count + 1, sizeof *places);
    partners *near = calloc(count + 1, sizeof *near);
    silma_status status = places && near ? SILMA_OK : silma_fail_memory(error, (count + 1) * sizeof *near);
    for (size_t i = 0; status == SILMA_OK && i < count; i++) {
        groups[i] = (uint32_t)i;
        places[i] =
            (place){.brightness = sketches[i].brightness, .top_heavy = sketches[i].top_heavy, .index = (uint32_t)i};
    }
    if (status == SILMA_OK) {
        qsort(places, count, sizeof *places, compare_places);
        compare_neighbours(sketches, places, count, near, groups);
        join_rare_partners(near, count, groups);
        for (size_t i = 0; i < count; i++)
            groups[i] = group_of(groups, (uint32_t)i);
    }
    free(places);
    free(near);
    return status;
}
