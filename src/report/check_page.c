// The page of silma_check: each kind of finding with its pictures.
#define _GNU_SOURCE
#include "check/check.h"
#include "core/error.h"
#include "report/gallery.h"
#include "report/page.h"
#include "report/words.h"
#include "silma/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS_SHOWN = 48, IMAGES_SHOWN = 96, LINES_SHOWN = 500 };

static const page_link LINKS[SILMA_FINDING_KINDS] = {
    {"unreadable", "Files that cannot be used"},
    {"leak", "The same picture in two splits"},
    {"contradiction", "The same picture in two classes"},
    {"duplicate", "The same picture twice"},
    {"one-colour", "Pictures of one colour"},
    {"small-class", "Small classes"},
    {"imbalance", "Classes out of balance"},
    {"one-class", "One class only"},
    {"doubted-label", "Labels that the model doubts"},
};

static const gallery_frame FRAME = {"Images", 8, 84, 0, true, 0};

static const char *class_of(const char *name, int index, char number[CLASS_NUMBER_SIZE])
{
    snprintf(number, CLASS_NUMBER_SIZE, "%d", index);
    return name ? name : number;
}

static silma_status add_image(gallery *g, const silma_check *check, const silma_checked_image *image,
                              const char *caption, svg_class colour, silma_error *error)
{
    const silma_dataset *set = check->sets[strcmp(image->split, "test") == 0 ? SILMA_SPLIT_TEST : SILMA_SPLIT_TRAIN];
    return gallery_add_image(g, set, image->index, caption, colour, error);
}

// "Shirt, test", and below it which image it is
static silma_status add_captioned(gallery *g, const silma_check *check, const silma_checked_image *image,
                                  svg_class colour, silma_error *error)
{
    char number[CLASS_NUMBER_SIZE], *caption;
    const char *class = class_of(image->class_name, image->class_index, number);
    if (asprintf(&caption, "%s, %s", class, image->split) < 0) return silma_fail_memory(error, 64);
    silma_status status = add_image(g, check, image, caption, colour, error);
    free(caption);
    return status;
}

static silma_status add_finding(gallery *g, const silma_check *check, const silma_finding *f, silma_error *error)
{
    if (f->kind == SILMA_FINDING_DOUBTED_LABEL) {
        char number[CLASS_NUMBER_SIZE], taken[CLASS_NUMBER_SIZE], *caption;
        const silma_images *images = &check->sets[SILMA_SPLIT_TRAIN]->images;
        const char *name = images->class_names ? images->class_names[f->doubted_class] : NULL;
        if (asprintf(&caption, "%s? %s\xC2\xA0%% (%s)", class_of(name, f->doubted_class, taken),
                     fixed_text(100 * f->value, 0).text,
                     class_of(f->image.class_name, f->image.class_index, number)) < 0)
            return silma_fail_memory(error, 64);
        silma_status status = add_image(g, check, &f->image, caption, SVG_BAD, error);
        free(caption);
        return status;
    }
    svg_class colour = f->is_error ? SVG_BAD : SVG_INK;
    silma_status status = add_captioned(g, check, &f->image, colour, error);
    if (status == SILMA_OK && f->other.split) status = add_captioned(g, check, &f->other, colour, error);
    return status;
}

static bool has_pictures(const silma_check *check, silma_finding_kind kind)
{
    const silma_images *images = &check->sets[SILMA_SPLIT_TRAIN]->images;
    bool pictured = kind != SILMA_FINDING_UNREADABLE && kind != SILMA_FINDING_SMALL_CLASS &&
                    kind != SILMA_FINDING_IMBALANCE && kind != SILMA_FINDING_ONE_CLASS;
    return pictured && check->codecs && check->codecs->encode_png && images->height > 1 && images->width > 1;
}

static void add_line(text_buffer *page, const silma_finding *f)
{
    char number[CLASS_NUMBER_SIZE];
    buffer_add(page, "<li>");
    if (f->reason) {
        buffer_escape(page, f->reason);
    } else {
        buffer_escape(page, class_of(f->image.class_name, f->image.class_index, number));
        if (f->kind == SILMA_FINDING_IMBALANCE) {
            buffer_print(page, ": %s times smaller than ", fixed_text(f->value, 1).text);
            buffer_escape(page, class_of(f->other.class_name, f->other.class_index, number));
        } else {
            buffer_print(page, ": %s training images", count_text((size_t)f->value).text);
        }
    }
    buffer_add(page, "</li>\n");
}

static void add_rest(text_buffer *page, size_t count, size_t shown)
{
    if (count > shown)
        buffer_print(page, "<p class=\"soft\">And %s more: <code>--json</code> lists them.</p>\n",
                     count_text(count - shown).text);
}

static silma_status add_pictures(text_buffer *page, const silma_check *check, size_t first, size_t count,
                                 silma_error *error)
{
    bool pairs = check->findings[first].other.split != NULL;
    size_t shown = pairs ? PAIRS_SHOWN : IMAGES_SHOWN;
    if (shown > count) shown = count;
    gallery g = {0};
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < shown && status == SILMA_OK; i++)
        status = add_finding(&g, check, &check->findings[first + i], error);
    if (pairs) buffer_add(page, "<p class=\"soft\">In pairs, the worst first.</p>\n");
    if (status == SILMA_OK) status = gallery_add_to_page(&g, &FRAME, page, check->codecs, error);
    gallery_free(&g);
    add_rest(page, count, shown);
    return status;
}

static silma_status add_kind(text_buffer *page, const silma_check *check, silma_finding_kind kind, size_t first,
                             silma_error *error)
{
    size_t count = check->kind_counts[kind];
    silma_status status = SILMA_OK;
    page_section_begin(page, &LINKS[kind], NULL);
    buffer_add(page, "<p>");
    buffer_escape(page, check->sentences[kind]);
    buffer_add(page, ".</p>\n");
    if (has_pictures(check, kind)) {
        status = add_pictures(page, check, first, count, error);
    } else {
        size_t shown = count < LINES_SHOWN ? count : LINES_SHOWN;
        buffer_add(page, "<ul>\n");
        for (size_t i = 0; i < shown; i++)
            add_line(page, &check->findings[first + i]);
        buffer_add(page, "</ul>\n");
        add_rest(page, count, shown);
    }
    page_section_end(page);
    return status;
}

static void add_summary(text_buffer *page, const silma_check *check)
{
    size_t errors = silma_check_errors(check);
    buffer_add(page, "<ul class=\"summary\">\n");
    if (check->finding_count == 0) {
        buffer_add(page, "<li class=\"good\">Nothing was found.</li>\n");
    } else {
        buffer_print(page, "<li class=\"%s\">%s finding%s, of which %s %s.</li>\n", errors > 0 ? "caution" : "result",
                     count_text(check->finding_count).text, check->finding_count == 1 ? "" : "s",
                     count_text(errors).text, errors == 1 ? "is an error" : "are errors");
    }
    for (int kind = 0; kind < SILMA_FINDING_KINDS; kind++) {
        if (!check->sentences[kind][0]) continue;
        buffer_add(page, "<li>");
        buffer_escape(page, check->sentences[kind]);
        buffer_add(page, ".</li>\n");
    }
    buffer_add(page, "</ul>\n");
}

static void add_kinds_of_files(text_buffer *page, const silma_check *check)
{
    static const char *const COLOURS[] = {"", "grey", "grey with transparency", "colour", "colour with transparency"};
    enum { ROWS_SHOWN = 20 };
    static const page_link LINK = {"sizes", "Sizes and colours"};
    if (check->kind_count == 0) return;
    page_section_begin(page, &LINK, NULL);
    buffer_add(page,
               "<table><thead><tr><th>Height × width</th><th>Colours</th><th class=\"n\">Files</th></tr></thead>\n"
               "<tbody>\n");
    for (size_t i = 0; i < check->kind_count && i < ROWS_SHOWN; i++) {
        const silma_picture_kind *kind = &check->kinds[i];
        buffer_print(page, "<tr><td>%d × %d</td><td>%s</td><td class=\"n\">%s</td></tr>\n", kind->height, kind->width,
                     COLOURS[kind->channels], count_text(kind->count).text);
    }
    buffer_add(page, "</tbody></table>\n");
    if (check->kind_count > ROWS_SHOWN)
        buffer_print(page, "<p class=\"soft\">And %zu rarer kinds.</p>\n", check->kind_count - ROWS_SHOWN);
    page_section_end(page);
}

static silma_status build(const silma_check *check, text_buffer *page, silma_error *error)
{
    const silma_images *images = &check->sets[SILMA_SPLIT_TRAIN]->images;
    char subtitle[160];
    snprintf(subtitle, sizeof subtitle, "%s images of %dx%dx%d in %d classes, checked by Silma",
             count_text(check->count).text, images->height, images->width, images->channels, images->class_count);
    page_begin(page, check->name, subtitle);
    page_link links[SILMA_FINDING_KINDS];
    size_t count = 0;
    for (int kind = 0; kind < SILMA_FINDING_KINDS; kind++)
        if (check->kind_counts[kind] > 0) links[count++] = LINKS[kind];
    if (count > 0) page_contents(page, links, count);
    add_summary(page, check);
    silma_status status = SILMA_OK;
    size_t first = 0;
    for (int kind = 0; kind < SILMA_FINDING_KINDS && status == SILMA_OK; kind++) {
        size_t of_kind = check->kind_counts[kind];
        if (of_kind > 0) status = add_kind(page, check, (silma_finding_kind)kind, first, error);
        first += of_kind;
    }
    add_kinds_of_files(page, check);
    page_end(page);
    return status;
}

silma_status silma_check_write(const silma_check *check, const char *path, silma_error *error)
{
    text_buffer page = {0};
    silma_status status = build(check, &page, error);
    if (status == SILMA_OK) status = buffer_write(&page, path, error);
    buffer_free(&page);
    return status;
}
