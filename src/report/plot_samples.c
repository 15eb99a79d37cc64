// Figures 17 and 26: random images of a data set with their classes.
#include "core/error.h"
#include "core/random.h"
#include "report/image_grid.h"
#include "silma/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES_MAX = 400, NUMBER_SIZE = 12 };

// The first `count` of all images in a random order: a shuffle that stops early.
static void draw_lots(uint32_t *order, size_t all, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < all; i++)
        order[i] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        size_t other = i + (size_t)random_below(seed, RANDOM_SAMPLE, 0, i, all - i);
        uint32_t chosen = order[other];
        order[other] = order[i];
        order[i] = chosen;
    }
}

static void describe_image(const silma_images *images, uint32_t index, char number[NUMBER_SIZE], grid_image *image)
{
    size_t size = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    *image = (grid_image){.pixels = images->pixels + index * size,
                          .height = images->height,
                          .width = images->width,
                          .channels = images->channels,
                          .colour = SVG_INK};
    if (!images->labels) return;
    uint32_t class = images->labels[index];
    snprintf(number, NUMBER_SIZE, "%u", class);
    image->caption = images->class_names ? images->class_names[class] : number;
}

static silma_status draw(text_buffer *out, const silma_dataset *dataset, const grid_image *images, size_t count,
                         const silma_codecs *codecs, silma_error *error)
{
    static const double PICTURE_LEAST = 84, PICTURE_MOST = 160, HEADING = 22;
    double side = fmax(images->height, images->width);
    image_grid grid = {
        .images = images,
        .count = count,
        .columns = (int)ceil(sqrt((double)count)),
        .picture = fmax(PICTURE_LEAST, fmin(PICTURE_MOST, side)),
        .enlarged = true,
    };
    text_buffer title = {0};
    buffer_print(&title, "Random images of %s", silma_dataset_name(dataset));
    silma_status status = buffer_status(&title, error);
    if (!status) {
        double width = image_grid_width(&grid);
        svg_begin(out, &(svg_frame){width, image_grid_height(&grid) + HEADING, title.text, NULL, false});
        svg_text(out, &(text_style){.anchor = SVG_MIDDLE, .size = SVG_TITLE, .width = width}, width / 2, HEADING,
                 title.text);
        svg_group(out, 0, HEADING);
        status = image_grid_draw(out, &grid, codecs, error);
        svg_group_end(out);
        svg_end(out);
    }
    buffer_free(&title);
    return status ? status : buffer_status(out, error);
}

silma_status silma_plot_samples(const silma_dataset *dataset, size_t count, uint64_t seed, const silma_codecs *codecs,
                                silma_figure_fn *figure, void *user, silma_error *error)
{
    const silma_images *images = silma_dataset_images(dataset);
    if (count < 1 || count > SAMPLES_MAX)
        return silma_fail(error, SILMA_USAGE, "%zu images: expected 1 to %d", count, SAMPLES_MAX);
    if (images->channels > 4)
        return silma_fail(error, SILMA_USAGE, "%s: images of %d channels cannot be shown, of 1 to 4 can",
                          silma_dataset_name(dataset), images->channels);
    if (count > images->count) count = images->count;
    uint32_t *order = calloc(images->count, sizeof *order);
    grid_image *shown = calloc(count, sizeof *shown);
    char(*numbers)[NUMBER_SIZE] = calloc(count, sizeof *numbers);
    silma_status status =
        order && shown && numbers ? SILMA_OK : silma_fail_memory(error, images->count * sizeof *order);
    text_buffer out = {0};
    if (!status) {
        draw_lots(order, images->count, count, seed);
        for (size_t i = 0; i < count; i++)
            describe_image(images, order[i], numbers[i], &shown[i]);
        status = draw(&out, dataset, shown, count, codecs, error);
    }
    if (!status) status = figure("samples", out.text, out.length, user, error);
    buffer_free(&out);
    free(order);
    free(shown);
    free(numbers);
    return status;
}
