#define _GNU_SOURCE
#include "report/gallery.h"

#include "core/error.h"
#include "report/pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool can_show_images(const silma_report *report)
{
    if (!report->facts.dataset || !report->codecs || !report->codecs->encode_png) return false;
    const silma_images *images = silma_dataset_images(report->facts.dataset);
    return images->height > 1 && images->width > 1;
}

void gallery_free(gallery *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free(g->items[i].pixels);
        free(g->items[i].caption);
        free(g->items[i].note);
        free(g->items[i].bars);
        free(g->items[i].numbers);
    }
    free(g->items);
    *g = (gallery){0};
}

silma_status gallery_add(gallery *g, const grid_image *image, silma_error *error)
{
    gallery_item *grown = reallocarray(g->items, g->count + 1, sizeof *grown);
    if (!grown) return silma_fail_memory(error, (g->count + 1) * sizeof *grown);
    g->items = grown;
    silma_picture picture;
    silma_status status =
        picture_thumbnail(&picture, image->pixels, image->height, image->width, image->channels, error);
    if (status != SILMA_OK) return status;
    char *caption = image->caption ? strdup(image->caption) : NULL;
    if (image->caption && !caption) {
        free(picture.pixels);
        return silma_fail_memory(error, strlen(image->caption));
    }
    g->items[g->count++] = (gallery_item){
        .image = {.pixels = picture.pixels,
                  .height = picture.height,
                  .width = picture.width,
                  .channels = picture.channels,
                  .caption = caption,
                  .colour = image->colour},
        .pixels = picture.pixels,
        .caption = caption,
    };
    return SILMA_OK;
}

static char *note_of(const silma_dataset *dataset, uint32_t index)
{
    const char *file = silma_dataset_image_file(dataset, index);
    char *note;
    if (file) return strdup(file);
    return asprintf(&note, "image %u", index) < 0 ? NULL : note;
}

silma_status gallery_add_image(gallery *g, const silma_dataset *dataset, uint32_t index, const char *caption,
                               svg_class colour, silma_error *error)
{
    const silma_images *images = silma_dataset_images(dataset);
    size_t each = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    grid_image image = {.pixels = images->pixels + index * each,
                        .height = images->height,
                        .width = images->width,
                        .channels = images->channels,
                        .caption = caption,
                        .colour = colour};
    silma_status status = gallery_add(g, &image, error);
    if (status != SILMA_OK) return status;
    g->items[g->count - 1].note = note_of(dataset, index);
    return g->items[g->count - 1].note ? SILMA_OK : silma_fail_memory(error, 0);
}

// A class's name in a caption.
enum { NAME_MOST = 28 }; // characters
typedef struct short_name {
    char text[NAME_MOST * 4 + 4];
} short_name;

// Cut between characters, with an ellipsis, if it is long.
static short_name shorten(const char *name)
{
    short_name shown = {""};
    size_t characters = 0, at = 0, kept = 0;
    for (; name[at] && at < sizeof shown.text - 4; at++) {
        bool begins = ((unsigned char)name[at] & 0xC0) != 0x80;
        if (begins && characters++ == NAME_MOST - 1) kept = at;
        if (characters > NAME_MOST) break;
    }
    bool cut = name[at] != 0;
    if (!cut || kept == 0) kept = at;
    memcpy(shown.text, name, kept);
    strcpy(shown.text + kept, cut ? "…" : "");
    return shown;
}

silma_status gallery_add_prediction(gallery *g, const silma_report *report, size_t position, silma_error *error)
{
    const run_facts *facts = &report->facts;
    const scores *s = &facts->scores;
    bool right = s->predicted[position] == s->labels[position];
    char predicted[CLASS_NUMBER_SIZE], truth[CLASS_NUMBER_SIZE], *caption;
    short_name taken_for = shorten(run_facts_class(facts, (int)s->predicted[position], predicted));
    short_name is = shorten(run_facts_class(facts, (int)s->labels[position], truth));
    int length = asprintf(&caption, "%s %s\xC2\xA0%% (%s)", taken_for.text,
                          fixed_text(100 * (double)s->confidence[position], 0).text, is.text);
    if (length < 0) return silma_fail_memory(error, 0);
    silma_status status =
        gallery_add_image(g, report->facts.dataset, s->indices[position], caption, right ? SVG_GOOD : SVG_BAD, error);
    free(caption);
    if (status == SILMA_OK) g->items[g->count - 1].truth_at = (size_t)length - strlen(is.text) - strlen("()");
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Bars

enum { BARS_MAX = 12, OTHERS = SVG_SERIES - 1 }; // the others are grey

// The most probable class that `used` does not mark.
static int next_class(const float *row, const bool *used, int count)
{
    int best = -1;
    for (int i = 0; i < count; i++)
        if (!used[i] && (best < 0 || row[i] > row[best])) best = i;
    return best;
}

// In the order of the classes where all are shown, otherwise the most probable first.
static bool choose_classes(const float *row, int class_count, int *chosen, size_t *count)
{
    *count = (size_t)(class_count < BARS_MAX ? class_count : BARS_MAX);
    bool *used = calloc((size_t)class_count + 1, sizeof *used);
    if (!used) return false;
    for (size_t i = 0; i < *count; i++) {
        chosen[i] = class_count <= BARS_MAX ? (int)i : next_class(row, used, class_count);
        used[chosen[i]] = true;
    }
    free(used);
    return true;
}

silma_status gallery_add_bars(gallery *g, const silma_report *report, size_t position, silma_error *error)
{
    const scores *s = &report->facts.scores;
    const float *row = s->probabilities + position * (size_t)s->class_count;
    gallery_item *item = &g->items[g->count - 1];
    int chosen[BARS_MAX];
    size_t count;
    item->bars = calloc(BARS_MAX, sizeof *item->bars);
    item->numbers = calloc(BARS_MAX, sizeof *item->numbers);
    if (!item->bars || !item->numbers || !choose_classes(row, s->class_count, chosen, &count))
        return silma_fail_memory(error, BARS_MAX * sizeof *item->bars);
    for (size_t i = 0; i < count; i++) {
        uint32_t class = (uint32_t)chosen[i];
        bool wrong = class == s->predicted[position] && class != s->labels[position];
        item->bars[i] = (bar){
            .name = run_facts_class(&report->facts, chosen[i], item->numbers[i]),
            .value = (double)row[class],
            .fill = wrong                          ? SVG_FILL + 1
                    : class == s->labels[position] ? SVG_FILL
                                                   : SVG_FILL + OTHERS,
            .bold = class == s->labels[position],
        };
    }
    item->image.bars = item->bars;
    item->image.bar_count = count;
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Drawing

// A caption has one line there: pictures grow until the longest one fits, within reason.
static double picture_in_figure(const gallery *g, const gallery_frame *frame)
{
    enum { PICTURE_MOST = 190 };
    double picture = frame->picture;
    for (size_t i = 0; i < g->count && frame->beside <= 0; i++) {
        double width = g->items[i].caption ? svg_text_width(g->items[i].caption, SVG_TEXT) : 0;
        if (width > picture) picture = width < PICTURE_MOST ? width : PICTURE_MOST;
    }
    return picture;
}

silma_status gallery_draw(const gallery *g, const gallery_frame *frame, text_buffer *out, bool inside_page,
                          const silma_codecs *codecs, silma_error *error)
{
    grid_image *images = calloc(g->count + 1, sizeof *images);
    if (!images) return silma_fail_memory(error, g->count * sizeof *images);
    for (size_t i = 0; i < g->count; i++)
        images[i] = g->items[i].image;
    image_grid grid = {images, g->count, frame->columns, picture_in_figure(g, frame), frame->beside, !inside_page};
    svg_frame whole = {
        .width = image_grid_width(&grid),
        .height = image_grid_height(&grid),
        .title = frame->title,
        .inside_page = inside_page,
    };
    svg_begin(out, &whole);
    silma_status status = image_grid_draw(out, &grid, codecs, error);
    svg_end(out);
    free(images);
    return status;
}

static void add_bars(text_buffer *page, const grid_image *image, double width)
{
    enum { ROW = 15 };
    bar_chart chart = {.bars = image->bars, .count = image->bar_count, .most = 1, .percent = true, .row = ROW};
    bars_add_figure(page, &chart, width, "Probabilities", true);
}

// The end of a path says most.
static void add_note(text_buffer *page, const char *note)
{
    enum { BYTES_MOST = 48 };
    size_t length = strlen(note), at = length > BYTES_MOST ? length - BYTES_MOST : 0;
    while (((unsigned char)note[at] & 0xC0) == 0x80)
        at++;
    buffer_add(page, at > 0 ? "<small>…" : "<small>");
    buffer_escape(page, note + at);
    buffer_add(page, "</small>");
}

// The true class is not broken over lines unless it is long.
static void add_caption(text_buffer *page, const gallery_item *item, bool with_note)
{
    enum { WHOLE_MOST = 16 };
    buffer_print(page, "<figcaption class=\"%s\"",
                 item->image.colour == SVG_GOOD  ? "right"
                 : item->image.colour == SVG_BAD ? "wrong"
                                                 : "plain");
    if (item->note) {
        buffer_add(page, " title=\"");
        buffer_escape(page, item->note);
        buffer_add(page, "\"");
    }
    buffer_add(page, ">");
    bool whole = item->truth_at > 0 && strlen(item->caption) - item->truth_at <= WHOLE_MOST;
    if (whole) {
        text_buffer before = {0};
        buffer_add_bytes(&before, item->caption, item->truth_at);
        if (before.text) buffer_escape(page, before.text);
        page->failed |= before.failed;
        buffer_free(&before);
        buffer_add(page, "<span class=\"whole\">");
        buffer_escape(page, item->caption + item->truth_at);
        buffer_add(page, "</span>");
    } else {
        buffer_escape_cut(page, item->caption, 120);
    }
    if (with_note && item->note) add_note(page, item->note);
    buffer_add(page, "</figcaption>");
}

static silma_status add_item(text_buffer *page, const gallery_item *item, const gallery_frame *frame,
                             const silma_codecs *codecs, silma_error *error)
{
    const grid_image *image = &item->image;
    svg_frame square = {frame->picture, frame->picture, item->caption ? item->caption : "picture", NULL, true};
    buffer_print(page, "<figure class=\"%s\" style=\"width:%dpx\">\n", image->bars ? "item beside" : "item",
                 (int)(image->bars ? frame->picture + frame->beside + 8 : frame->picture));
    svg_begin(page, &square);
    silma_status status = image_draw(page, image, frame->picture, codecs, error);
    svg_end(page);
    if (image->bars) add_bars(page, image, frame->beside);
    if (item->caption) add_caption(page, item, frame->notes);
    buffer_add(page, "</figure>\n");
    return status;
}

silma_status gallery_add_to_page(const gallery *g, const gallery_frame *frame, text_buffer *page,
                                 const silma_codecs *codecs, silma_error *error)
{
    silma_status status = SILMA_OK;
    enum { BETWEEN = 16 };
    double cell = frame->picture + (frame->beside > 0 ? frame->beside + 8 + BETWEEN : 0) + BETWEEN;
    buffer_print(page, "<div class=\"gallery\" style=\"max-width:%dpx\">\n", (int)(frame->columns * cell));
    size_t together = frame->together;
    for (size_t i = 0; status == SILMA_OK && i < g->count; i++) {
        if (together > 0 && i % together == 0) buffer_add(page, "<div class=\"together\">\n");
        status = add_item(page, &g->items[i], frame, codecs, error);
        if (together > 0 && (i % together == together - 1 || i + 1 == g->count)) buffer_add(page, "</div>\n");
    }
    buffer_add(page, "</div>\n");
    return status;
}
