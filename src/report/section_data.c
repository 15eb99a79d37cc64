// The data: the classes and their counts, a grid of samples, and what augmentation makes of some.
#include "core/error.h"
#include "core/random.h"
#include "report/gallery.h"
#include "train/settings.h"

#include <stdlib.h>

const page_link LINK_DATA = {"data", "Data"};

bool has_counts(const silma_report *report)
{
    return report->facts.train_counts != NULL;
}

bool has_samples(const silma_report *report)
{
    return has_counts(report) && report->facts.parts.train_count > 0 && can_show_images(report);
}

// ---------------------------------------------------------------------------------------------------------------------
// Counts

enum { CLASSES_SHOWN = 40 };

static silma_status draw_counts_of(const silma_report *report, text_buffer *out, bool inside_page, size_t first,
                                   size_t count, silma_error *error)
{
    const run_facts *facts = &report->facts;
    bar *bars = calloc(count + 1, sizeof *bars);
    char(*numbers)[CLASS_NUMBER_SIZE] = calloc(count + 1, sizeof *numbers);
    silma_status status = bars && numbers ? SILMA_OK : silma_fail_memory(error, count * sizeof *bars);
    for (size_t i = 0; status == SILMA_OK && i < count; i++)
        bars[i] = (bar){
            .name = run_facts_class(facts, (int)(first + i), numbers[i]),
            .value = (double)facts->train_counts[first + i],
            .fill = SVG_FILL,
        };
    double most = 0;
    for (int c = 0; c < facts->class_count; c++)
        if ((double)facts->train_counts[c] > most) most = (double)facts->train_counts[c];
    if (status == SILMA_OK) {
        bar_chart chart = {.bars = bars, .count = count, .most = most};
        bars_add_figure(out, &chart, 520, "Training images of each class", inside_page);
        status = buffer_status(out, error);
    }
    free(bars);
    free(numbers);
    return status;
}

silma_status draw_counts(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    return draw_counts_of(report, out, inside_page, 0, (size_t)report->facts.class_count, error);
}

static silma_status add_counts(const silma_report *report, text_buffer *page, silma_error *error)
{
    size_t count = (size_t)report->facts.class_count, shown = count > CLASSES_SHOWN ? CLASSES_SHOWN : count;
    buffer_add(page, "<h3>Training images of each class</h3>\n");
    page_figure_begin(page, false);
    silma_status status = draw_counts_of(report, page, true, 0, shown, error);
    page_figure_end(page, NULL);
    if (status != SILMA_OK || shown == count) return status;
    buffer_print(page, "<details><summary>The other %zu classes</summary>\n", count - shown);
    page_figure_begin(page, false);
    status = draw_counts_of(report, page, true, shown, count - shown, error);
    page_figure_end(page, NULL);
    buffer_add(page, "</details>\n");
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Samples: as many of each class as make about forty, of at most sixty classes

static const gallery_frame SAMPLES_FRAME = {"Training images", 10, 84, 0, false, 0};

// A training image of the class; `draw` varies it. UINT32_MAX where there is none.
static uint32_t draw_of_class(const run_facts *facts, int class, uint64_t draw)
{
    size_t count = facts->train_counts[class];
    if (count == 0) return UINT32_MAX;
    const uint32_t *labels = silma_dataset_images(facts->dataset)->labels;
    size_t wanted = (size_t)random_below(facts->seed, RANDOM_SAMPLE, 3, draw * 65536 + (uint64_t) class, count);
    for (size_t i = 0; i < facts->parts.train_count; i++)
        if (labels[facts->parts.train[i]] == (uint32_t) class && wanted-- == 0) return facts->parts.train[i];
    return UINT32_MAX;
}

static silma_status choose_samples(const silma_report *report, gallery *g, silma_error *error)
{
    enum { WANTED = 40, CLASSES_MOST = 60, EACH_MOST = 10 };
    const run_facts *facts = &report->facts;
    int classes = facts->class_count < CLASSES_MOST ? facts->class_count : CLASSES_MOST;
    int each = (WANTED + classes - 1) / classes;
    if (each > EACH_MOST) each = EACH_MOST;
    silma_status status = SILMA_OK;
    for (int draw = 0; draw < each; draw++) {
        for (int class = 0; status == SILMA_OK && class < classes; class ++) {
            uint32_t index = draw_of_class(facts, class, (uint64_t)draw);
            char number[CLASS_NUMBER_SIZE];
            if (index == UINT32_MAX) continue;
            status = gallery_add_image(g, report->facts.dataset, index, run_facts_class(facts, class, number), SVG_DIM,
                                       error);
        }
    }
    return status;
}

silma_status draw_samples(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    gallery g = {0};
    silma_status status = choose_samples(report, &g, error);
    if (status == SILMA_OK) status = gallery_draw(&g, &SAMPLES_FRAME, out, inside_page, report->codecs, error);
    gallery_free(&g);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Augmented samples: a row of an image as it is, and as several epochs see it

enum { AUGMENTED_IMAGES = 4, VERSIONS = 7 };

static const gallery_frame AUGMENTED_FRAME = {"Augmented images", 1 + VERSIONS, 84, 0, false, 0};

static bool read_augmentation(const run_facts *facts, augmentation *a)
{
    settings s;
    settings_default(&s);
    bool read = settings_from_json(&s, facts->settings, "config.json", NULL) == SILMA_OK;
    *a = s.augment;
    settings_free(&s);
    return read && augment_is_on(a);
}

bool has_augmented(const silma_report *report)
{
    augmentation a;
    return has_samples(report) && read_augmentation(&report->facts, &a);
}

typedef struct augmenter {
    const run_facts *facts;
    augmentation a;
    augment_size size;
    size_t each;              // bytes of an image
    uint8_t *changed, *mixed; // (each)
} augmenter;

static const uint8_t *pixels_of(const augmenter *g, uint32_t index)
{
    return silma_dataset_images(g->facts->dataset)->pixels + index * g->each;
}

// As the image at place `place` of an epoch is seen; it is mixed with `other` where images are mixed.
static const uint8_t *make_version(const augmenter *g, uint32_t index, uint32_t other, uint32_t epoch, uint64_t place)
{
    augment_key key = {.seed = g->facts->seed, .epoch = epoch, .place = place, .image = index};
    augment_image(&g->a, &key, g->size, pixels_of(g, index), g->changed);
    if (!augment_mixes(&g->a)) return g->changed;
    augment_mix mix = augment_draw_mix(&g->a, &key, g->size);
    augment_apply_mix(&mix, g->size, g->changed, pixels_of(g, other), g->mixed);
    return g->mixed;
}

static silma_status choose_augmented(const silma_report *report, gallery *g, silma_error *error)
{
    const run_facts *facts = &report->facts;
    const silma_images *images = silma_dataset_images(facts->dataset);
    augmenter maker = {.facts = facts, .size = {images->height, images->width, images->channels}};
    maker.each = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    grid_image version = {.height = images->height, .width = images->width, .channels = images->channels};
    maker.changed = malloc(maker.each);
    maker.mixed = malloc(maker.each);
    silma_status status = maker.changed && maker.mixed ? SILMA_OK : silma_fail_memory(error, maker.each);
    bool on = read_augmentation(facts, &maker.a);
    for (uint32_t i = 0; on && status == SILMA_OK && i < AUGMENTED_IMAGES; i++) {
        uint64_t count = facts->parts.train_count;
        uint32_t index = facts->parts.train[random_below(facts->seed, RANDOM_SAMPLE, 4, i, count)];
        char number[CLASS_NUMBER_SIZE];
        status = gallery_add_image(g, report->facts.dataset, index,
                                   run_facts_class(facts, (int)images->labels[index], number), SVG_DIM, error);
        for (uint32_t epoch = 1; status == SILMA_OK && epoch <= VERSIONS; epoch++) {
            uint32_t other =
                facts->parts.train[random_below(facts->seed, RANDOM_SAMPLE, 5, i * VERSIONS + epoch, count)];
            version.pixels = make_version(&maker, index, other, epoch, i);
            status = gallery_add(g, &version, error);
        }
    }
    free(maker.changed);
    free(maker.mixed);
    return status;
}

silma_status draw_augmented(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    gallery g = {0};
    silma_status status = choose_augmented(report, &g, error);
    if (status == SILMA_OK) status = gallery_draw(&g, &AUGMENTED_FRAME, out, inside_page, report->codecs, error);
    gallery_free(&g);
    return status;
}

static silma_status add_augmented(const silma_report *report, text_buffer *page, silma_error *error)
{
    gallery g = {0};
    buffer_add(page, "<h3>Augmented images</h3>\n<p>Training images as they are, each followed by what some epochs see "
                     "of it.</p>\n");
    silma_status status = choose_augmented(report, &g, error);
    if (status == SILMA_OK) status = gallery_add_to_page(&g, &AUGMENTED_FRAME, page, report->codecs, error);
    gallery_free(&g);
    return status;
}

silma_status section_data(const silma_report *report, text_buffer *page, silma_error *error)
{
    const run_facts *facts = &report->facts;
    page_section_begin(page, &LINK_DATA, NULL);
    buffer_print(page, "<p>%s training and %s validation images of %d×%d×%d in %d classes.</p>\n",
                 count_text(facts->parts.train_count).text, count_text(facts->parts.validation_count).text,
                 facts->height, facts->width, facts->channels, facts->class_count);
    silma_status status = add_counts(report, page, error);
    if (status == SILMA_OK && has_samples(report)) {
        gallery g = {0};
        buffer_add(page, "<h3>Training images at random</h3>\n");
        status = choose_samples(report, &g, error);
        if (status == SILMA_OK) status = gallery_add_to_page(&g, &SAMPLES_FRAME, page, report->codecs, error);
        gallery_free(&g);
    }
    if (status == SILMA_OK && has_augmented(report)) status = add_augmented(report, page, error);
    page_section_end(page);
    return status;
}
