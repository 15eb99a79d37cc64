// The top of the page, the comparison of the four cases (figure 35), and how each was trained.
#include "report/heat_map.h"
#include "report/thesis_inside.h"

#include <math.h>
#include <stdlib.h>

static bool has_result(const thesis_outcome *outcome)
{
    return !outcome->left_out && outcome->has_run && outcome->facts.history.count > 0;
}

static void item_begin(text_buffer *out, const char *kind)
{
    buffer_print(out, "<li class=\"%s\">", kind);
}

static void item_end(text_buffer *out)
{
    buffer_add(out, "</li>\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// In words

static void say_shortened(text_buffer *out, const thesis_page *page)
{
    bool shortened = false;
    for (int i = 0; i < THESIS_EXPERIMENTS; i++)
        shortened = shortened || (has_result(&page->outcomes[i]) && page->outcomes[i].shortened);
    if (!shortened) return;
    item_begin(out, "result caution");
    buffer_add(out,
               "This page shows <b>shortened runs</b>, for a first look: fewer epochs, fewer images or smaller "
               "batches than in the thesis. Their values are not those of its experiments. <code>silma thesis</code> "
               "makes the full ones.");
    item_end(out);
}

static void say_left_out(text_buffer *out, const thesis_page *page)
{
    for (int i = 0; i < THESIS_EXPERIMENTS; i++) {
        const thesis_outcome *outcome = &page->outcomes[i];
        if (outcome->left_out || has_result(outcome)) continue;
        item_begin(out, "caution");
        buffer_print(out, "%s is missing", outcome->says->title);
        if (outcome->problem) {
            buffer_add(out, ": ");
            buffer_escape(out, outcome->problem);
        }
        if (!outcome->dataset)
            buffer_print(out, ". <code>silma data get %s</code> fetches its images", outcome->says->base.data);
        buffer_add(out, ".");
        item_end(out);
    }
}

static void say_unfinished(text_buffer *out, const thesis_page *page)
{
    for (int i = 0; i < THESIS_EXPERIMENTS; i++) {
        const thesis_outcome *outcome = &page->outcomes[i];
        if (!has_result(outcome) || !outcome->facts.unfinished) continue;
        item_begin(out, "caution");
        buffer_print(out, "%s is not finished: it stands after %zu of at most %u epochs.", outcome->says->title,
                     outcome->facts.history.count, outcome->facts.epochs_wanted);
        item_end(out);
    }
}

static silma_status say_params(text_buffer *out, silma_error *error)
{
    size_t agreeing, all;
    silma_status status = count_agreeing(&agreeing, &all, error);
    if (status != SILMA_OK) return status;
    item_begin(out, agreeing == all ? "good" : "caution");
    buffer_print(out,
                 "Layers, output sizes and parameter counts: %zu of %zu agree with the thesis’s tables (figures 13, "
                 "15, 18, 22, 27, 31).",
                 agreeing, all);
    item_end(out);
    return SILMA_OK;
}

static void say_accuracy(text_buffer *out, const thesis_outcome *outcome)
{
    if (!outcome->has_evaluation) return;
    item_begin(out, "");
    buffer_print(out, "<a href=\"#%s\">%s</a>: %s of the validation images right after the last epoch",
                 outcome->says->base.name, outcome->says->title, share_text(outcome->evaluation.accuracy).text);
    buffer_print(out, ", %s in the thesis", thesis_accuracy_text(outcome->says).text);
    if (outcome->facts.best_epoch > 0)
        buffer_print(out, "; at best %s (epoch %u).",
                     share_text(outcome->facts.history.epochs[outcome->facts.best_epoch - 1].val_accuracy).text,
                     outcome->facts.best_epoch);
    else
        buffer_add(out, ".");
    item_end(out);
}

// ---------------------------------------------------------------------------------------------------------------------
// As a table

static void add_result_row(text_buffer *out, const thesis_outcome *outcome)
{
    const thesis_table *table = thesis_table_of(outcome->says->table);
    const run_facts *facts = &outcome->facts;
    buffer_print(out, "<tr><th scope=\"row\"><a href=\"#%s\">%s</a></th><td class=\"n\">%s</td><td class=\"n\">%s</td>",
                 outcome->says->base.name, outcome->says->short_title,
                 count_text(table->params - table->non_trainable).text, thesis_accuracy_text(outcome->says).text);
    if (!has_result(outcome)) {
        buffer_add(out,
                   "<td class=\"n\">–</td><td class=\"n\">–</td><td class=\"n\">–</td><td class=\"n\">–</td></tr>\n");
        return;
    }
    double last = outcome->has_evaluation ? outcome->evaluation.accuracy : NAN;
    double best = facts->best_epoch > 0 ? facts->history.epochs[facts->best_epoch - 1].val_accuracy : NAN;
    buffer_print(out, "<td class=\"n\">%s</td>", share_text(last).text);
    buffer_print(out, "<td class=\"n\">%s</td>", share_text(best).text);
    buffer_print(out, "<td class=\"n\">%zu%s</td><td class=\"n\">%s</td></tr>\n", facts->history.count,
                 outcome->shortened ? " (shortened)" : "", duration_text(facts->seconds).text);
}

static void add_results(text_buffer *out, const thesis_page *page)
{
    page_scroll_begin(out, "The experiments");
    buffer_add(out, "<table><thead><tr><th>Experiment</th><th class=\"n\">Trainable<br>parameters</th><th "
                    "class=\"n\">Accuracy<br>thesis</th><th class=\"n\">Silma, last<br>epoch</th><th "
                    "class=\"n\">Silma, best<br>epoch</th><th class=\"n\">Epochs</th><th class=\"n\">Time</th></tr>"
                    "</thead>\n<tbody>\n");
    for (int i = 0; i < THESIS_EXPERIMENTS; i++)
        if (!page->outcomes[i].left_out) add_result_row(out, &page->outcomes[i]);
    buffer_add(out, "</tbody></table>\n");
    page_scroll_end(out);
    buffer_add(out,
               "<p class=\"small soft\">Accuracy on the validation images, a fifth of the training images. The "
               "thesis’s are the means of the diagonals of its confusion matrices, or what its text says. Times are "
               "by the clock, whatever else the machine was doing.</p>\n");
}

silma_status part_summary(thesis_page *page, silma_error *error)
{
    text_buffer *out = page->out;
    buffer_add(out, "<ul class=\"summary\">\n");
    say_shortened(out, page);
    say_left_out(out, page);
    say_unfinished(out, page);
    silma_status status = say_params(out, error);
    for (int i = 0; i < THESIS_EXPERIMENTS; i++)
        if (has_result(&page->outcomes[i])) say_accuracy(out, &page->outcomes[i]);
    buffer_add(out, "</ul>\n");
    add_results(out, page);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Figure 35

static void add_case(text_buffer *out, const thesis_outcome *outcome)
{
    const thesis_table *table = thesis_table_of(outcome->says->table);
    buffer_print(out, "<figure>\n<p><b>%s</b><br>Trainable parameters: %s<br>", outcome->says->short_title,
                 count_text(table->params - table->non_trainable).text);
    if (outcome->has_evaluation) buffer_print(out, "Right: %s; ", share_text(outcome->evaluation.accuracy).text);
    buffer_print(out, "in the thesis: %s</p>\n", thesis_accuracy_text(outcome->says).text);
    if (outcome_has_classes(outcome)) {
        heat_map map = {
            .class_count = THESIS_CLASSES,
            .counts = outcome->evaluation.confusion,
            .percent = true,
        };
        heat_map_add_figure(out, &map, (svg_frame){.title = outcome->says->title, .inside_page = true});
    } else {
        buffer_print(out, "<p class=\"soft\">Not made: see <a href=\"#%s\">its part</a>.</p>\n",
                     outcome->says->base.name);
    }
    buffer_add(out, "</figure>\n");
}

silma_status part_comparison(thesis_page *page, silma_error *error)
{
    static const page_link link = {"comparison", "Summary: the four cases"};
    text_buffer *out = page->out;
    page_section_begin(out, &link, "Section 5.3 of the thesis.");
    figure_heading(page, 35);
    buffer_add(out,
               "<figure>\n<div class=\"grid\" style=\"grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),"
               "1fr))\">\n");
    for (int i = 0; i < THESIS_EXPERIMENTS; i++)
        if (!page->outcomes[i].left_out) add_case(out, &page->outcomes[i]);
    buffer_add(out, "</div>\n");
    figure_caption(page, 35);
    buffer_add(out,
               "</figure>\n<p class=\"small\">In per cent of the true class; the classes are numbered from 0 in the "
               "order of the figures above. The trainable parameters are the thesis’s, and Silma’s: see the tables "
               "above.</p>\n");
    page_section_end(out);
    return buffer_status(out, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// How each was trained

static void add_row(text_buffer *out, const char *name, const char *value)
{
    buffer_add(out, "<tr><th scope=\"row\">");
    buffer_escape(out, name);
    buffer_add(out, "</th><td>");
    buffer_escape(out, value);
    buffer_add(out, "</td></tr>\n");
}

static void add_settings(text_buffer *out, const run_facts *facts)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)facts->settings, name, value)
    {
        char *text = setting_text(value);
        add_row(out, name, text ? text : "");
        free(text);
    }
}

static void add_run(text_buffer *out, const thesis_outcome *outcome)
{
    const run_facts *facts = &outcome->facts;
    buffer_print(out, "<details><summary>%s</summary>\n", outcome->says->title);
    page_scroll_begin(out, "Settings");
    buffer_add(out, "<table><tbody>\n");
    add_row(out, "network", facts->model_name);
    add_row(out, "data set", facts->data_name);
    add_row(out, "images for training", count_text(facts->train_images).text);
    add_row(out, "images for validation", count_text(facts->validation_images).text);
    add_settings(out, facts);
    add_row(out, "epochs trained", count_text(facts->history.count).text);
    add_row(out, "time", duration_text(facts->seconds).text);
    add_row(out, "threads", count_text((size_t)facts->threads).text);
    add_row(out, "kernels", facts->isa);
    add_row(out, "silma", facts->version);
    add_row(out, "sha256 of the data", facts->data_hash);
    add_row(out, "sha256 of the best model", facts->model_hash);
    buffer_add(out, "</tbody></table>\n");
    page_scroll_end(out);
    buffer_add(out, "</details>\n");
}

void part_runs(thesis_page *page)
{
    static const page_link link = {"runs", "How it was trained"};
    page_section_begin(page->out, &link,
                       "Adam at 1e-3 with Keras’s defaults, categorical cross-entropy, the images scaled to [0, 1], a "
                       "stratified split 80 : 20, early stopping on the training loss. Every setting of each run, its "
                       "seed and its time:");
    for (int i = 0; i < THESIS_EXPERIMENTS; i++)
        if (has_result(&page->outcomes[i])) add_run(page->out, &page->outcomes[i]);
    buffer_add(page->out,
               "<p>Repeat it with <code>silma thesis</code>; <code>silma thesis --quick</code> is a shortened "
               "run of a few minutes.</p>\n");
    page_section_end(page->out);
}
