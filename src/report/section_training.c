// The curves over the epochs.
#include "report/curves.h"
#include "report/report_inside.h"

#include <string.h>

const page_link LINK_TRAINING = {"training", "Training"};

static const double WIDTH = 360, HEIGHT = 270;

bool has_epochs(const silma_report *report)
{
    return report->facts.history.count > 0;
}

static void draw_one(const silma_report *report, text_buffer *out, curve which, const char *title, bool inside_page)
{
    const history *h = &report->facts.history;
    svg_frame frame = {.width = WIDTH, .height = HEIGHT, .title = title, .inside_page = inside_page};
    svg_begin(out, &frame);
    curve_draw(out, which, h->epochs, h->count, WIDTH, HEIGHT);
    svg_end(out);
}

silma_status draw_curves(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    const history *h = &report->facts.history;
    svg_frame frame = {
        .width = 3 * WIDTH,
        .height = HEIGHT,
        .title = "Loss, accuracy and true positives",
        .description = "By epoch, of training images (blue) and validation images (red, dashed)",
        .inside_page = inside_page,
    };
    svg_begin(out, &frame);
    curves_draw(out, h->epochs, h->count, frame.width, frame.height);
    svg_end(out);
    return buffer_status(out, error);
}

silma_status draw_learning_rate(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    draw_one(report, out, CURVE_LEARNING_RATE, "Learning rate by epoch", inside_page);
    return buffer_status(out, error);
}

silma_status draw_speed(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    draw_one(report, out, CURVE_SPEED, "Speed by epoch", inside_page);
    return buffer_status(out, error);
}

static void add_cell(text_buffer *page, short_words value)
{
    buffer_print(page, "<td class=\"n\">%s</td>", value.text);
}

static void add_row(text_buffer *page, const silma_epoch *epoch)
{
    buffer_print(page, "<tr><td class=\"n\">%u%s</td>", epoch->epoch, epoch->best ? " *" : "");
    add_cell(page, value_text(epoch->loss));
    add_cell(page, share_text(epoch->accuracy));
    add_cell(page, share_text(epoch->true_positives));
    add_cell(page, value_text(epoch->val_loss));
    add_cell(page, share_text(epoch->val_accuracy));
    add_cell(page, share_text(epoch->val_true_positives));
    add_cell(page, value_text(epoch->learning_rate));
    add_cell(page, fixed_text(epoch->images_per_second, 0));
    add_cell(page, duration_text(epoch->seconds));
    buffer_add(page, "</tr>\n");
}

// At most so many rows: of a long training every n-th epoch, the best ones and the last.
static void add_table(text_buffer *page, const history *h, unsigned best)
{
    enum { ROWS = 40 };
    size_t step = (h->count + ROWS - 1) / ROWS;
    static const char *const headings[] = {
        "#Epoch",    "#Loss",           "#Accuracy",      "#True positives", "#Validation loss",
        "#Accuracy", "#True positives", "#Learning rate", "#Images/s",       "#Time",
        NULL};
    buffer_add(page, "<details><summary>The epochs as a table</summary>\n");
    page_table_begin(page, "Epochs", headings);
    for (size_t i = 0; i < h->count; i++)
        if (i % step == 0 || i + 1 == h->count || h->epochs[i].epoch == best) add_row(page, &h->epochs[i]);
    page_table_end(page);
    buffer_print(page, "<p class=\"small soft\">* better than all before%s</p></details>\n",
                 step > 1 ? "; the other epochs are in history.csv" : "");
}

silma_status section_training(const silma_report *report, text_buffer *page, silma_error *error)
{
    static const struct {
        curve which;
        const char *title;
    } panels[] = {
        {CURVE_LOSS, "Loss by epoch"},
        {CURVE_ACCURACY, "Accuracy by epoch"},
        {CURVE_TRUE_POSITIVES, "True positives by epoch"},
        {CURVE_LEARNING_RATE, "Learning rate by epoch"},
        {CURVE_SPEED, "Speed by epoch"},
    };
    const history *h = &report->facts.history;
    page_section_begin(page, &LINK_TRAINING, NULL);
    buffer_print(page, "<p>%sTrue positives are the images whose true class got a probability above one half.</p>\n",
                 report->facts.validation_images > 0 ? "Training images blue, validation images red and dashed. "
                                                     : "Of the training images. ");
    const char *tta = json_string_value(json_object_get(json_object_get(report->facts.config, "settings"), "tta"));
    if (report->facts.validation_images > 0 && tta && strcmp(tta, "none") != 0)
        buffer_add(
            page,
            "<p>After an epoch, validation looks at each image once: so do these curves. The finished model looks "
            "several times (tta): its accuracy above, and the sections below, may be better.</p>\n");
    buffer_add(page, "<div class=\"three\">\n");
    for (size_t i = 0; i < sizeof panels / sizeof *panels; i++) {
        page_figure_begin(page, false);
        draw_one(report, page, panels[i].which, panels[i].title, true);
        page_figure_end(page, NULL);
    }
    buffer_add(page, "</div>\n");
    add_table(page, h, report->facts.best_epoch);
    page_section_end(page);
    return buffer_status(page, error);
}
