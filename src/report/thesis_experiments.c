// The figures of chapter 5: samples of the data, curves, confusion matrices, nine images with their predictions.
#include "core/error.h"
#include "core/random.h"
#include "report/curves.h"
#include "report/heat_map.h"
#include "report/image_grid.h"
#include "report/thesis_inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 20, DRAWN_FOR_PICTURES = 2 };

static bool can_draw_pictures(const thesis_page *page)
{
    return page->codecs && page->codecs->encode_png;
}

static const char NO_CODEC[] = "<p>Not made: this build of Silma has no codec that writes PNG.</p>\n";

// What is not there, and how to get it.
static void add_missing(text_buffer *out, const thesis_outcome *outcome)
{
    buffer_add(out, "<p>");
    if (outcome->problem) {
        buffer_add(out, "Not made: ");
        buffer_escape(out, outcome->problem);
        buffer_add(out, ".");
    } else {
        buffer_add(out, "Not made: there is no run.");
    }
    if (!outcome->dataset)
        buffer_print(out,
                     " <code>silma data get %s</code> fetches the data set; then the same command makes this part.",
                     outcome->says->base.data);
    else
        buffer_print(out, " <code>silma thesis --only %s</code> trains it.", outcome->says->base.name);
    buffer_add(out, "</p>\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// Figures 17 and 26

silma_status part_data(thesis_page *page, int figure, const thesis_outcome *outcome, silma_error *error)
{
    silma_status status = SILMA_OK;
    figure_heading(page, figure);
    buffer_add(page->out, "<figure>\n");
    if (!outcome->dataset)
        add_missing(page->out, outcome);
    else if (!can_draw_pictures(page))
        buffer_add(page->out, NO_CODEC);
    else
        status = silma_plot_samples(outcome->dataset, SAMPLES, 0, page->codecs, figure_add_svg, page, error);
    figure_caption(page, figure);
    buffer_add(page->out, "</figure>\n");
    if (outcome->dataset)
        buffer_add(page->out, "<p class=\"small\">Twenty others than the thesis’s, drawn at random.</p>\n");
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Curves

static void figure_curves(thesis_page *page, const thesis_outcome *outcome)
{
    static const double width = 360, height = 270;
    static const char *const titles[] = {"Loss by epoch", "Accuracy by epoch", "True positives by epoch"};
    const history *h = &outcome->facts.history;
    text_buffer *out = page->out;
    int figure = outcome->says->curves;
    figure_heading(page, figure);
    buffer_add(out, "<figure>\n<div class=\"three\">\n");
    for (int which = CURVE_LOSS; which <= CURVE_TRUE_POSITIVES; which++) {
        svg_frame frame = {.width = width, .height = height, .title = titles[which], .inside_page = true};
        svg_begin(out, &frame);
        curve_draw(out, (curve)which, h->epochs, h->count, width, height);
        svg_end(out);
    }
    buffer_add(out, "</div>\n");
    figure_caption(page, figure);
    buffer_add(out, "</figure>\n");
    claims_add(out, outcome, figure);
}

// ---------------------------------------------------------------------------------------------------------------------
// Confusion matrices

// Null-terminated names of the classes, valid as long as the outcome; `numbers` hold those that have none.
typedef struct class_names {
    const char *list[THESIS_CLASSES];
    char numbers[THESIS_CLASSES][CLASS_NUMBER_SIZE];
} class_names;

static void name_classes(const thesis_outcome *outcome, class_names *names)
{
    for (int i = 0; i < THESIS_CLASSES; i++)
        names->list[i] = run_facts_class(&outcome->facts, i, names->numbers[i]);
}

static void add_percent(text_buffer *out, double percent)
{
    buffer_print(out, "<td class=\"n\">%s</td>", fixed_text(percent, 1).text);
}

static void add_difference(text_buffer *out, double silma, double thesis, size_t images)
{
    if (isnan(thesis) || isnan(silma)) {
        buffer_add(out, "<td class=\"n\">–</td>");
        return;
    }
    double difference = silma - thesis;
    bool beyond = beyond_chance(silma, thesis, images);
    buffer_print(out, "<td class=\"n\">%s%s%s%s</td>", beyond ? "<b>" : "", difference < 0 ? "−" : "+",
                 fixed_text(fabs(difference), 1).text, beyond ? "</b>" : "");
}

static void add_diagonal_row(text_buffer *out, const thesis_outcome *outcome, int class, const char *name)
{
    const thesis_case *says = outcome->says;
    double last = class_percent(outcome->evaluation.confusion, class);
    buffer_add(out, "<tr><th scope=\"row\">");
    buffer_escape(out, name);
    buffer_add(out, "</th>");
    if (says->diagonal_text[class])
        buffer_print(out, "<td class=\"n\">%s</td>", says->diagonal_text[class]);
    else
        buffer_print(out, "<td class=\"n\">%.0f</td>", says->diagonal[class]);
    add_percent(out, last);
    add_difference(out, last, says->diagonal[class], outcome->evaluation.classes[class].support);
    if (outcome->facts.scored)
        add_percent(out, class_percent(outcome->facts.scores.confusion, class));
    else
        buffer_add(out, "<td class=\"n\">–</td>");
    buffer_add(out, "</tr>\n");
}

static void add_diagonal(text_buffer *out, const thesis_outcome *outcome, const class_names *names)
{
    const silma_evaluation *e = &outcome->evaluation;
    double thesis = 100 * thesis_accuracy(outcome->says);
    page_scroll_begin(out, "Diagonal");
    buffer_print(out,
                 "<table><caption class=\"small soft\">Diagonal, in per cent</caption><thead><tr><th>Class</th><th "
                 "class=\"n\">Thesis</th><th class=\"n\">Silma,<br>epoch %zu</th><th class=\"n\">Difference</th><th "
                 "class=\"n\">Silma, best<br>epoch %u</th></tr></thead>\n<tbody>\n",
                 outcome->facts.history.count, outcome->facts.best_epoch);
    for (int i = 0; i < THESIS_CLASSES; i++)
        add_diagonal_row(out, outcome, i, names->list[i]);
    buffer_print(out, "</tbody><tfoot><tr><th scope=\"row\">All</th><td class=\"n\">%s</td>",
                 fixed_text(thesis, 1).text);
    add_percent(out, 100 * e->accuracy);
    add_difference(out, 100 * e->accuracy, thesis, e->count);
    add_percent(out, outcome->facts.scored ? 100 * outcome->facts.scores.accuracy.value : NAN);
    buffer_add(out, "</tr></tfoot></table>\n");
    page_scroll_end(out);
    buffer_add(out, "<p class=\"small soft\">Bold: further apart than two random validation sets of this size would be "
                    "(95\u00a0%).</p>\n");
}

static void figure_confusion(thesis_page *page, const thesis_outcome *outcome)
{
    text_buffer *out = page->out;
    int figure = outcome->says->confusion;
    class_names names;
    figure_heading(page, figure);
    if (!outcome_has_classes(outcome)) {
        buffer_add(out, "<p>Not made: there are no validation images of ten classes");
        if (outcome->facts.data_problem[0]) {
            buffer_add(out, " (");
            buffer_escape(out, outcome->facts.data_problem);
            buffer_add(out, ")");
        }
        buffer_add(out, ".</p>\n");
        return;
    }
    name_classes(outcome, &names);
    buffer_add(out, "<figure>\n<div class=\"two\">\n<div>\n");
    page_scroll_begin(out, "Confusion matrix");
    const heat_map map = {
        .names = names.list,
        .class_count = THESIS_CLASSES,
        .counts = outcome->evaluation.confusion,
        .percent = true,
    };
    svg_frame frame = {.title = "Confusion matrix in per cent of the true class", .inside_page = true};
    heat_map_add_figure(out, &map, frame);
    page_scroll_end(out);
    figure_caption(page, figure);
    buffer_add(out, "</div>\n<div>\n");
    add_diagonal(out, outcome, &names);
    buffer_add(out, "</div>\n</div>\n</figure>\n");
    if (thesis_note_of(figure)) buffer_print(out, "<p class=\"small\">%s</p>\n", thesis_note_of(figure));
    claims_add(out, outcome, figure);
}

// ---------------------------------------------------------------------------------------------------------------------
// Nine images

static grid_image image_of(const silma_images *images, uint32_t index, const char *caption)
{
    size_t size = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    return (grid_image){
        .pixels = images->pixels + index * size,
        .height = images->height,
        .width = images->width,
        .channels = images->channels,
        .caption = caption,
        .colour = SVG_INK,
    };
}

static silma_status add_grid(thesis_page *page, const image_grid *grid, const char *title, silma_error *error)
{
    svg_frame frame = {
        .width = image_grid_width(grid),
        .height = image_grid_height(grid),
        .title = title,
        .inside_page = true,
    };
    svg_begin(page->out, &frame);
    silma_status status = image_grid_draw(page->out, grid, page->codecs, error);
    svg_end(page->out);
    return status;
}

typedef struct picture_case {
    uint32_t index;
    const float *probabilities; // (THESIS_CLASSES)
} picture_case;

static silma_status add_picture(thesis_page *page, const thesis_outcome *outcome, const picture_case *shown,
                                const class_names *names, bool *right, silma_error *error)
{
    const silma_images *images = silma_dataset_images(outcome->facts.dataset);
    bar bars[THESIS_CLASSES];
    uint32_t truth = images->labels[shown->index], predicted = 0;
    for (uint32_t i = 0; i < THESIS_CLASSES; i++)
        if (shown->probabilities[i] > shown->probabilities[predicted]) predicted = i;
    for (uint32_t i = 0; i < THESIS_CLASSES; i++) {
        unsigned colour = i == truth ? 0 : i == predicted ? 1 : 7;
        bars[i] = (bar){
            .name = names->list[i],
            .value = (double)shown->probabilities[i],
            .fill = SVG_FILL + colour,
            .bold = i == truth,
        };
    }
    char caption[320];
    *right = predicted == truth;
    snprintf(caption, sizeof caption, "%s %.0f %% (%s)", names->list[predicted],
             100 * (double)shown->probabilities[predicted], names->list[truth]);
    grid_image image = image_of(images, shown->index, caption);
    image.colour = *right ? SVG_GOOD : SVG_BAD;
    image.bars = bars;
    image.bar_count = THESIS_CLASSES;
    image_grid grid = {.images = &image, .count = 1, .columns = 1, .picture = 132, .beside = 190};
    return add_grid(page, &grid, caption, error);
}

static silma_status predict_pictures(thesis_page *page, const thesis_outcome *outcome, uint32_t *indices, size_t *count,
                                     float *probabilities, silma_error *error)
{
    const silma_partition *parts = &outcome->facts.parts;
    uint32_t *drawn = malloc(parts->validation_count * sizeof *drawn);
    if (!drawn) return silma_fail_memory(error, parts->validation_count * sizeof *drawn);
    memcpy(drawn, parts->validation, parts->validation_count * sizeof *drawn);
    random_shuffle(outcome->facts.seed, RANDOM_SAMPLE, DRAWN_FOR_PICTURES, drawn, parts->validation_count);
    *count = parts->validation_count < THESIS_PICTURES ? parts->validation_count : THESIS_PICTURES;
    memcpy(indices, drawn, *count * sizeof *indices);
    free(drawn);
    return silma_model_predict_dataset(outcome->last, page->context, outcome->facts.dataset, indices, *count,
                                       probabilities, error);
}

static silma_status figure_pictures(thesis_page *page, const thesis_outcome *outcome, silma_error *error)
{
    text_buffer *out = page->out;
    uint32_t indices[THESIS_PICTURES];
    float probabilities[THESIS_PICTURES * THESIS_CLASSES];
    size_t count = 0, hits = 0;
    class_names names;
    figure_heading(page, outcome->says->pictures);
    if (!outcome_has_classes(outcome)) {
        buffer_add(out, "<p>Not made: there are no validation images of ten classes.</p>\n");
        return SILMA_OK;
    }
    if (!can_draw_pictures(page)) {
        buffer_add(out, NO_CODEC);
        return SILMA_OK;
    }
    name_classes(outcome, &names);
    silma_status status = predict_pictures(page, outcome, indices, &count, probabilities, error);
    if (status != SILMA_OK) return status;
    buffer_add(out,
               "<figure>\n<div class=\"grid\" style=\"grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),"
               "1fr))\">\n");
    for (size_t i = 0; i < count && status == SILMA_OK; i++) {
        bool right;
        picture_case shown = {indices[i], probabilities + i * THESIS_CLASSES};
        status = add_picture(page, outcome, &shown, &names, &right, error);
        hits += status == SILMA_OK && right;
    }
    buffer_add(out, "</div>\n");
    figure_caption(page, outcome->says->pictures);
    buffer_print(out,
                 "</figure>\n<p class=\"small\">Right here: %zu of %zu; in the thesis: %d of %d, of other images. The "
                 "true class is in bold.</p>\n",
                 hits, count, outcome->says->right_pictures, THESIS_PICTURES);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// An experiment

static void add_facts(text_buffer *out, const thesis_outcome *outcome)
{
    const run_facts *facts = &outcome->facts;
    const history *h = &facts->history;
    buffer_print(out, "<p>%s epoch%s in %s on %d thread%s (kernels: ", count_text(h->count).text,
                 h->count == 1 ? "" : "s", duration_text(facts->seconds).text, facts->threads,
                 facts->threads == 1 ? "" : "s");
    buffer_escape(out, facts->isa);
    buffer_print(out, "), seed %llu, %s images for training and %s for validation.%s</p>\n",
                 (unsigned long long)facts->seed, count_text(facts->train_images).text,
                 count_text(facts->validation_images).text,
                 outcome->shortened ? " <b class=\"wrong\">A shortened run</b>: its values are not those of the "
                                      "thesis’s experiment."
                                    : "");
}

static silma_status add_results(thesis_page *page, const thesis_outcome *outcome, silma_error *error)
{
    figure_curves(page, outcome);
    figure_confusion(page, outcome);
    silma_status status = figure_pictures(page, outcome, error);
    differences_add(page->out, outcome);
    return status;
}

static void add_absent(thesis_page *page, const thesis_outcome *outcome)
{
    const int figures[] = {outcome->says->curves, outcome->says->confusion, outcome->says->pictures};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        figure_heading(page, figures[i]);
        buffer_add(page->out, "<figure>\n");
        if (i == 0)
            add_missing(page->out, outcome);
        else
            buffer_print(page->out, "<p>Not made: see <a href=\"#figure-%d\">figure %d</a>.</p>\n", figures[0],
                         figures[0]);
        figure_caption(page, figures[i]);
        buffer_add(page->out, "</figure>\n");
    }
}

silma_status part_experiment(thesis_page *page, const thesis_outcome *outcome, silma_error *error)
{
    page_link link = {outcome->says->base.name, outcome->says->title};
    bool trained = outcome->has_run && outcome->facts.history.count > 0;
    page_section_begin(page->out, &link, NULL);
    if (trained) add_facts(page->out, outcome);
    silma_status status = figure_table(page, outcome->says->table, error);
    if (status == SILMA_OK && trained)
        status = add_results(page, outcome, error);
    else if (status == SILMA_OK)
        add_absent(page, outcome);
    page_section_end(page->out);
    return status;
}
