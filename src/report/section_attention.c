// What the first layer looks for, and where the network looks.
#include "core/error.h"
#include "core/random.h"
#include "data/pad.h"
#include "report/gallery.h"
#include "report/pictures.h"
#include "report/saliency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const page_link LINK_FILTERS = {"filters", "Filters"};
const page_link LINK_ATTENTION = {"attention", "Where it looks"};

// ---------------------------------------------------------------------------------------------------------------------
// Filters of the first convolution, or weights of the units of a first dense layer, as pictures

typedef struct filters {
    const char *name; // the layer's
    const float *kernel;
    int height, width, channels; // of one filter
    size_t count;                // element e of filter f lies at kernel[e * count + f]
    bool dense;
} filters;

// The first layer with a kernel, if it sees the image itself.
static bool find_filters(const silma_report *report, filters *found)
{
    const silma_model *model = report->facts.model;
    if (!model) return false;
    const graph *g = model->g;
    shape in = graph_input(g);
    for (size_t i = 1; i < g->layer_count; i++) {
        const layer *l = &g->layers[i];
        const parameter *kernel = &l->parameters[0];
        if (l->parameter_count == 0 || strcmp(kernel->name, "kernel") != 0) continue;
        bool dense = kernel->rank == 2;
        *found = (filters){.name = l->name, .kernel = model->weights + kernel->offset, .dense = dense};
        found->height = dense ? in.h : (int)kernel->dims[0];
        found->width = dense ? in.w : (int)kernel->dims[1];
        found->channels = dense ? in.c : (int)kernel->dims[2];
        found->count = kernel->dims[kernel->rank - 1];
        size_t elements = (size_t)found->height * (size_t)found->width * (size_t)found->channels;
        bool sees_image = found->channels == in.c && elements * found->count == kernel->count;
        return sees_image && (in.c == 1 || in.c == 3) && found->height > 1 && found->width > 1;
    }
    return false;
}

bool has_filters(const silma_report *report)
{
    filters found;
    return report->codecs && report->codecs->encode_png && find_filters(report, &found);
}

// 0 is grey; the greatest weight of the filter, positive or negative, is white or black.
static silma_status add_filter(gallery *g, const filters *f, size_t number, silma_error *error)
{
    size_t count = (size_t)f->height * (size_t)f->width * (size_t)f->channels;
    uint8_t *bytes = malloc(count);
    if (!bytes) return silma_fail_memory(error, count);
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(f->kernel[i * f->count + number]));
    for (size_t i = 0; i < count; i++) {
        float share = most > 0 ? f->kernel[i * f->count + number] / most : 0;
        bytes[i] = (uint8_t)(127.5f + 127.4f * share + 0.5f);
    }
    grid_image image = {.pixels = bytes, .height = f->height, .width = f->width, .channels = f->channels};
    silma_status status = gallery_add(g, &image, error);
    free(bytes);
    return status;
}

static gallery_frame filters_frame(const filters *f)
{
    return (gallery_frame){"Filters of the first layer", f->dense ? 8 : 16, f->dense ? 84 : 48, 0, false, 0};
}

static silma_status choose_filters(const filters *f, gallery *g, silma_error *error)
{
    enum { CONVOLUTIONS_SHOWN = 96, UNITS_SHOWN = 32 };
    size_t most = f->dense ? UNITS_SHOWN : CONVOLUTIONS_SHOWN;
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < f->count && i < most; i++)
        status = add_filter(g, f, i, error);
    return status;
}

silma_status draw_filters(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    filters f;
    gallery g = {0};
    if (!find_filters(report, &f)) return SILMA_OK;
    gallery_frame frame = filters_frame(&f);
    silma_status status = choose_filters(&f, &g, error);
    if (status == SILMA_OK) status = gallery_draw(&g, &frame, out, inside_page, report->codecs, error);
    gallery_free(&g);
    return status;
}

silma_status section_filters(const silma_report *report, text_buffer *page, silma_error *error)
{
    filters f;
    gallery g = {0};
    if (!find_filters(report, &f)) return SILMA_OK;
    gallery_frame frame = filters_frame(&f);
    silma_status status = choose_filters(&f, &g, error);
    page_section_begin(page, &LINK_FILTERS, NULL);
    buffer_print(page, "<p>What the first layer, <code>");
    buffer_escape(page, f.name);
    buffer_print(page, "</code>, looks for: the weights of %s%zu %s, each between its own extremes; grey is 0.</p>\n",
                 g.count < f.count ? "the first " : "its ", g.count,
                 f.dense ? "units, laid out as the image" : "filters");
    if (status == SILMA_OK) status = gallery_add_to_page(&g, &frame, page, report->codecs, error);
    page_section_end(page);
    gallery_free(&g);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Heat maps

enum { RIGHT_SHOWN = 4, WRONG_SHOWN = 4, SHOWN_MOST = RIGHT_SHOWN + WRONG_SHOWN };

static const gallery_frame HEAT_FRAME = {"Where the network looks", 8, 112, 0, false, 2};

typedef struct looked_at {
    size_t positions[SHOWN_MOST]; // in the scores
    uint32_t classes[SHOWN_MOST]; // the predicted ones
    size_t count;
    silma_dataset *images; // of the network's size
    float *maps;           // (count, height, width)
} looked_at;

static void release(looked_at *l)
{
    silma_dataset_free(l->images);
    free(l->maps);
}

bool has_attention(const silma_report *report)
{
    if (!report->facts.scored || !can_show_images(report)) return false;
    shape in = graph_input(report->facts.model->g);
    return in.h > 1 && in.w > 1;
}

// Right ones at random, and the most confident mistakes.
static void choose_positions(const silma_report *report, looked_at *l)
{
    enum { DRAWS = 200 };
    const scores *s = &report->facts.scores;
    for (uint64_t draw = 0; draw < DRAWS && l->count < RIGHT_SHOWN; draw++) {
        size_t position = (size_t)random_below(report->facts.seed, RANDOM_SAMPLE, 2, draw, s->count);
        bool again = false;
        for (size_t i = 0; i < l->count; i++)
            again = again || l->positions[i] == position;
        if (!again && s->predicted[position] == s->labels[position]) l->positions[l->count++] = position;
    }
    for (size_t i = 0; i < WRONG_SHOWN && i < s->mistake_count; i++)
        l->positions[l->count++] = s->mistakes[i];
    for (size_t i = 0; i < l->count; i++)
        l->classes[i] = s->predicted[l->positions[i]];
}

// Copies of the chosen images, in the network's size.
static silma_status copy_images(const silma_report *report, looked_at *l, silma_error *error)
{
    const silma_images *all = silma_dataset_images(report->facts.dataset);
    size_t each = (size_t)all->height * (size_t)all->width * (size_t)all->channels;
    uint8_t *pixels = malloc(each * l->count + 1);
    if (!pixels) return silma_fail_memory(error, each * l->count);
    for (size_t i = 0; i < l->count; i++)
        memcpy(pixels + i * each, all->pixels + report->facts.scores.indices[l->positions[i]] * each, each);
    silma_images chosen = {pixels, NULL, l->count, all->height, all->width, all->channels, NULL, all->class_count};
    silma_status status = silma_dataset_from_memory(&l->images, "chosen", &chosen, error);
    free(pixels);
    if (status != SILMA_OK) return status;
    shape in = graph_input(report->facts.model->g);
    silma_dataset *padded;
    status = dataset_pad(&padded, l->images, in.h, in.w, in.c, error);
    if (status != SILMA_OK || !padded) return status;
    silma_dataset_free(l->images);
    l->images = padded;
    return SILMA_OK;
}

static silma_status look(const silma_report *report, looked_at *l, silma_error *error)
{
    *l = (looked_at){0};
    choose_positions(report, l);
    silma_status status = copy_images(report, l, error);
    if (status != SILMA_OK) return status;
    const silma_images *images = silma_dataset_images(l->images);
    l->maps = calloc(l->count * (size_t)images->height * (size_t)images->width + 1, sizeof *l->maps);
    if (!l->maps) return silma_fail_memory(error, l->count * sizeof *l->maps);
    return saliency_compute(report->facts.model, report->context, images->pixels, l->classes, l->count, l->maps, error);
}

// The map over the image's own greys.
static silma_status add_map(gallery *g, const silma_images *images, size_t number, const float *map, silma_error *error)
{
    size_t area = (size_t)images->height * (size_t)images->width, channels = (size_t)images->channels;
    const uint8_t *pixels = images->pixels + number * area * channels;
    uint8_t *mixed = malloc(3 * area);
    if (!mixed) return silma_fail_memory(error, 3 * area);
    for (size_t i = 0; i < area; i++) {
        unsigned grey = 0;
        for (size_t c = 0; c < channels; c++)
            grey += pixels[i * channels + c];
        uint8_t colour[3];
        heat_colour(map[i], colour);
        for (size_t c = 0; c < 3; c++)
            mixed[3 * i + c] = (uint8_t)((3 * colour[c] + grey / channels) / 4);
    }
    grid_image image = {.pixels = mixed, .height = images->height, .width = images->width, .channels = 3};
    silma_status status = gallery_add(g, &image, error);
    free(mixed);
    return status;
}

// Each image, followed by its map.
static silma_status fill_gallery(const silma_report *report, const looked_at *l, size_t first, size_t count, gallery *g,
                                 silma_error *error)
{
    const silma_images *images = silma_dataset_images(l->images);
    size_t area = (size_t)images->height * (size_t)images->width;
    silma_status status = SILMA_OK;
    for (size_t i = first; status == SILMA_OK && i < first + count; i++) {
        status = gallery_add_prediction(g, report, l->positions[i], error);
        if (status == SILMA_OK) status = add_map(g, images, i, l->maps + i * area, error);
    }
    return status;
}

silma_status draw_attention(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    looked_at l;
    gallery g = {0};
    silma_status status = look(report, &l, error);
    if (status == SILMA_OK) status = fill_gallery(report, &l, 0, l.count, &g, error);
    if (status == SILMA_OK) status = gallery_draw(&g, &HEAT_FRAME, out, inside_page, report->codecs, error);
    gallery_free(&g);
    release(&l);
    return status;
}

static silma_status add_part(const silma_report *report, const looked_at *l, size_t first, size_t count,
                             const char *title, text_buffer *page, silma_error *error)
{
    gallery g = {0};
    if (count == 0) return SILMA_OK;
    buffer_print(page, "<h3>%s</h3>\n", title);
    silma_status status = fill_gallery(report, l, first, count, &g, error);
    if (status == SILMA_OK) status = gallery_add_to_page(&g, &HEAT_FRAME, page, report->codecs, error);
    gallery_free(&g);
    return status;
}

silma_status section_attention(const silma_report *report, text_buffer *page, silma_error *error)
{
    looked_at l;
    silma_status status = look(report, &l, error);
    size_t right = 0;
    const scores *s = &report->facts.scores;
    while (right < l.count && s->predicted[l.positions[right]] == s->labels[l.positions[right]])
        right++;
    page_section_begin(page, &LINK_ATTENTION,
                       "Beside each image: which pixels speak for the predicted class, from black (not at all) to "
                       "yellow (most). Integrated gradients: what each pixel adds to the class’s score on the way from "
                       "a blurred copy to the image.");
    if (status == SILMA_OK) status = add_part(report, &l, 0, right, "Right", page, error);
    if (status == SILMA_OK) status = add_part(report, &l, right, l.count - right, "Wrong", page, error);
    page_section_end(page);
    release(&l);
    return status;
}
