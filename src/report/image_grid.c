#include "report/image_grid.h"

#include "core/checked.h"
#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double GAP = 12, CAPTION = 18, BESIDE_GAP = 8;

typedef struct cell_size {
    double width, height;
} cell_size;

static bool has_captions(const image_grid *grid)
{
    for (size_t i = 0; i < grid->count; i++)
        if (grid->images[i].caption) return true;
    return false;
}

static cell_size cell_of(const image_grid *grid)
{
    double beside = grid->beside > 0 ? grid->beside + BESIDE_GAP : 0;
    return (cell_size){grid->picture + beside, grid->picture + (has_captions(grid) ? CAPTION : 0)};
}

static size_t columns_of(const image_grid *grid)
{
    size_t columns = grid->columns > 0 ? (size_t)grid->columns : 1;
    return columns < grid->count ? columns : grid->count > 0 ? grid->count : 1;
}

double image_grid_width(const image_grid *grid)
{
    return GAP + (cell_of(grid).width + GAP) * (double)columns_of(grid);
}

double image_grid_height(const image_grid *grid)
{
    size_t columns = columns_of(grid), rows = (grid->count + columns - 1) / columns;
    return GAP + (cell_of(grid).height + GAP) * (double)rows;
}

silma_status image_draw(text_buffer *out, const grid_image *image, double side, const silma_codecs *codecs,
                        silma_error *error)
{
    if (!codecs || !codecs->encode_png)
        return silma_fail(error, SILMA_USAGE, "pictures cannot be shown: this build has no codec that writes PNG");
    // Encoding reads only; the picture's owner is the caller.
    silma_picture picture = {image->height, image->width, image->channels, (uint8_t *)(uintptr_t)image->pixels};
    uint8_t *png = NULL;
    size_t size = 0;
    silma_status status = codecs->encode_png(&picture, &png, &size, error);
    if (status) return status;
    // Proportions are kept.
    double scale = fmin(side / image->width, side / image->height);
    svg_box box = {.width = image->width * scale, .height = image->height * scale};
    box.x = (side - box.width) / 2;
    box.y = (side - box.height) / 2;
    svg_image(out, box, png, size, image->caption ? image->caption : "picture");
    free(png);
    return buffer_status(out, error);
}

static void draw_bars(text_buffer *out, const image_grid *grid, const grid_image *image)
{
    static const double ROW_MOST = 15;
    bar_chart chart = {
        .bars = image->bars,
        .count = image->bar_count,
        .most = 1,
        .percent = true,
        .row = fmin(ROW_MOST, grid->picture / (double)image->bar_count),
    };
    svg_group(out, grid->picture + BESIDE_GAP, (grid->picture - bars_height(&chart)) / 2);
    bars_draw(out, &chart, grid->beside);
    svg_group_end(out);
}

static void enlarge(const grid_image *image, size_t times, uint8_t *pixels)
{
    size_t channels = (size_t)image->channels, row = (size_t)image->width * times * channels;
    for (size_t y = 0; y < (size_t)image->height * times; y++)
        for (size_t x = 0; x < (size_t)image->width * times; x++)
            memcpy(pixels + y * row + x * channels,
                   image->pixels + ((y / times) * (size_t)image->width + x / times) * channels, channels);
}

// With about as many pixels as a figure's PNG file has for it.
static silma_status draw_enlarged(text_buffer *out, const grid_image *image, double side, const silma_codecs *codecs,
                                  silma_error *error)
{
    enum { PIXELS_OF_A_POINT = 2 };
    double times = ceil(PIXELS_OF_A_POINT * side / fmax(image->height, image->width));
    if (!(times >= 2)) return image_draw(out, image, side, codecs, error);
    size_t size = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    uint8_t *pixels = NULL;
    if (checked_mul(size, (size_t)times * (size_t)times, &size)) pixels = malloc(size);
    if (!pixels) return silma_fail_memory(error, size);
    grid_image large = *image;
    large.pixels = pixels;
    large.height *= (int)times;
    large.width *= (int)times;
    enlarge(image, (size_t)times, pixels);
    silma_status status = image_draw(out, &large, side, codecs, error);
    free(pixels);
    return status;
}

static silma_status draw_cell(text_buffer *out, const image_grid *grid, const grid_image *image,
                              const silma_codecs *codecs, silma_error *error)
{
    double width = cell_of(grid).width;
    svg_rect(out, SVG_SHADE, 0, 0, grid->picture, grid->picture);
    silma_status status = grid->enlarged ? draw_enlarged(out, image, grid->picture, codecs, error)
                                         : image_draw(out, image, grid->picture, codecs, error);
    if (status) return status;
    bool bars = image->bars && image->bar_count > 0 && grid->beside > 0;
    if (bars) draw_bars(out, grid, image);
    if (image->caption)
        svg_text(out,
                 &(text_style){.fill = image->colour,
                               .anchor = bars ? SVG_START : SVG_MIDDLE,
                               .size = SVG_TEXT,
                               .width = width + GAP / 2},
                 bars ? 0 : width / 2, grid->picture + CAPTION - 4, image->caption);
    return SILMA_OK;
}

silma_status image_grid_draw(text_buffer *out, const image_grid *grid, const silma_codecs *codecs, silma_error *error)
{
    cell_size cell = cell_of(grid);
    size_t columns = columns_of(grid);
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < grid->count && !status; i++) {
        size_t row = i / columns, column = i % columns;
        svg_group(out, GAP + (cell.width + GAP) * (double)column, GAP + (cell.height + GAP) * (double)row);
        status = draw_cell(out, grid, &grid->images[i], codecs, error);
        svg_group_end(out);
    }
    return status ? status : buffer_status(out, error);
}
