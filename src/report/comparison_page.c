// The page of a comparison.
#include "report/comparison.h"

#include "core/error.h"
#include "report/page.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const page_link LINK_RUNS = {"runs", "Runs"}, LINK_DIFFERENCES = {"settings", "What differs"},
                       LINK_CURVES = {"curves", "Curves"}, LINK_SEEDS = {"seeds", "Over seeds"},
                       LINK_PAIRS = {"pairs", "Pairs"};

static void add_name(text_buffer *page, const char *name)
{
    buffer_add(page, "<th scope=\"row\">");
    buffer_escape(page, name);
    buffer_add(page, "</th>");
}

static void add_number(text_buffer *page, short_words value)
{
    buffer_print(page, "<td class=\"n\">%s</td>", value.text);
}

// "89.4 % / 88.9 % to 90.0 %", the interval small.
static void add_share(text_buffer *page, double value, double low, double high)
{
    buffer_print(page, "<td class=\"n\">%s", share_text(value).text);
    if (isfinite(low))
        buffer_print(page, "<br><span class=\"low\">%s to %s</span>", share_text(low).text, share_text(high).text);
    buffer_add(page, "</td>");
}

static void add_run_row(const silma_comparison *c, size_t index, text_buffer *page)
{
    const silma_compared_run *run = &c->shown[index];
    const run_facts *facts = &c->runs[index].facts;
    buffer_add(page, "<tr>");
    add_name(page, run->label);
    buffer_add(page, "<td>");
    buffer_escape(page, run->network);
    buffer_add(page, "</td><td>");
    buffer_escape(page, run->data);
    buffer_print(page, "</td><td class=\"n\">%llu</td>", (unsigned long long)run->seed);
    add_number(page, count_text(run->parameters));
    buffer_print(page, "<td class=\"n\">%s", count_text(run->epochs).text);
    if (run->best_epoch) buffer_print(page, "<br><span class=\"low\">best: %u</span>", run->best_epoch);
    if (facts->unfinished) buffer_add(page, "<br><span class=\"low\">unfinished</span>");
    buffer_add(page, "</td>");
    add_share(page, run->accuracy, run->accuracy_low, run->accuracy_high);
    add_number(page, value_text(run->loss));
    add_number(page, share_text(run->true_positives));
    add_number(page, share_text(run->last_accuracy));
    add_number(page, duration_text(run->seconds));
    buffer_add(page, "</tr>\n");
}

static void add_runs(const silma_comparison *c, text_buffer *page)
{
    static const char *const headings[] = {"Run",     "Network",   "Data",  "#Seed",           "#Parameters",
                                           "#Epochs", "#Accuracy", "#Loss", "#True positives", "#Last accuracy",
                                           "#Time",   NULL};
    page_section_begin(
        page, &LINK_RUNS,
        "On each run's validation images, with its best weights. These were chosen on the same images, so "
        "that all of it is a little too good: <code>silma eval --split test</code> has the last word.");
    page_table_begin(page, "Runs", headings);
    for (size_t i = 0; i < c->count; i++)
        add_run_row(c, i, page);
    page_table_end(page);
    for (size_t i = 0; i < c->count; i++) {
        if (!c->shown[i].problem) continue;
        buffer_add(page, "<p class=\"small soft\">");
        buffer_escape(page, c->shown[i].label);
        buffer_add(page, ": its images were not predicted again: ");
        buffer_escape(page, c->shown[i].problem);
        buffer_add(page, "</p>\n");
    }
    page_section_end(page);
}

static bool is_same_in_all(const silma_comparison *c, const char *setting)
{
    for (size_t i = 1; i < c->count; i++)
        if (!json_equal(json_object_get(c->runs[0].facts.settings, setting),
                        json_object_get(c->runs[i].facts.settings, setting)) &&
            (json_object_get(c->runs[0].facts.settings, setting) ||
             json_object_get(c->runs[i].facts.settings, setting)))
            return false;
    return true;
}

static silma_status add_setting(const silma_comparison *c, const char *setting, text_buffer *page, silma_error *error)
{
    buffer_add(page, "<tr>");
    add_name(page, setting);
    for (size_t i = 0; i < c->count; i++) {
        char *text = setting_text(json_object_get(c->runs[i].facts.settings, setting));
        if (!text) return silma_fail_memory(error, 64);
        buffer_add(page, "<td>");
        buffer_escape(page, text);
        buffer_add(page, "</td>");
        free(text);
    }
    buffer_add(page, "</tr>\n");
    return SILMA_OK;
}

// Settings of which not all runs have the same; those that only one run knows are those of another version.
static silma_status add_differences(const silma_comparison *c, text_buffer *page, silma_error *error)
{
    page_section_begin(page, &LINK_DIFFERENCES, "The settings that are not the same in all runs.");
    page_scroll_begin(page, "Settings");
    buffer_add(page, "<table><thead><tr><th>Setting</th>");
    for (size_t i = 0; i < c->count; i++) {
        buffer_add(page, "<th>");
        buffer_escape(page, c->runs[i].label);
        buffer_add(page, "</th>");
    }
    buffer_add(page, "</tr></thead>\n<tbody>\n");
    silma_status status = SILMA_OK;
    const char *name;
    json_t *value;
    bool any = false;
    json_object_foreach((json_t *)(uintptr_t)c->runs[0].facts.settings, name, value)
    {
        if (status || is_same_in_all(c, name)) continue;
        status = add_setting(c, name, page, error);
        any = true;
    }
    page_table_end(page);
    if (!any) buffer_add(page, "<p>All settings are the same.</p>\n");
    for (size_t i = 1; i < c->count; i++) {
        const char *difference = comparison_difference(&c->runs[0].facts, &c->runs[i].facts);
        if (!difference || (strcmp(difference, "network") != 0 && strcmp(difference, "data") != 0)) continue;
        buffer_add(page, "<p class=\"small\">");
        buffer_escape(page, c->runs[i].label);
        buffer_print(page, " has another %s than ", strcmp(difference, "data") == 0 ? "data set" : "network");
        buffer_escape(page, c->runs[0].label);
        buffer_add(page, ".</p>\n");
    }
    page_section_end(page);
    return status;
}

static void add_mean(text_buffer *page, silma_compared_mean m, bool percent)
{
    if (percent) {
        add_share(page, m.mean, m.low, m.high);
        return;
    }
    buffer_print(page, "<td class=\"n\">%s", value_text(m.mean).text);
    if (isfinite(m.low))
        buffer_print(page, "<br><span class=\"low\">%s to %s</span>", value_text(m.low).text, value_text(m.high).text);
    buffer_add(page, "</td>");
}

static silma_status add_seeds(const silma_comparison *c, text_buffer *page, silma_error *error)
{
    static const char *const headings[] = {"Runs",           "#Number", "#Accuracy", "#Loss", "#True positives",
                                           "#Last accuracy", NULL};
    page_section_begin(
        page, &LINK_SEEDS,
        "Runs that differ by their seed only, as one: means with their 95\u00a0% intervals (Student's t). The "
        "bands of the curves are such intervals too, as far as all of the runs came.");
    page_table_begin(page, "Means over seeds", headings);
    for (size_t i = 0; i < c->group_count; i++) {
        const silma_compared_group *g = &c->groups[i];
        buffer_add(page, "<tr><th scope=\"row\">");
        buffer_escape(page, c->shown[g->first].label);
        if (g->runs > 1) buffer_print(page, " and %zu more", g->runs - 1);
        buffer_add(page, "</th>");
        add_number(page, count_text(g->runs));
        add_mean(page, g->accuracy, true);
        add_mean(page, g->loss, false);
        add_mean(page, g->true_positives, true);
        add_mean(page, g->last_accuracy, true);
        buffer_add(page, "</tr>\n");
    }
    page_table_end(page);
    silma_status status = comparison_add_panels(c, true, page, error);
    page_section_end(page);
    return status;
}

static short_words probability_text(double p)
{
    short_words text = {"&lt; 0.001"};
    return p < 0.001 ? text : fixed_text(p, 3);
}

static void add_pair_row(const silma_comparison *c, const silma_compared_pair *pair, text_buffer *page)
{
    buffer_add(page, "<tr>");
    add_name(page, c->shown[pair->first].label);
    add_name(page, c->shown[pair->second].label);
    buffer_print(page, "<td class=\"n\">%s<br><span class=\"low\">%s to %s</span></td>",
                 fixed_text(100 * pair->difference, 2).text, fixed_text(100 * pair->difference_low, 2).text,
                 fixed_text(100 * pair->difference_high, 2).text);
    add_number(page, count_text(pair->only_first));
    add_number(page, count_text(pair->only_second));
    add_number(page, probability_text(pair->p));
    bool different = pair->p_adjusted < 0.05;
    buffer_print(page, "<td class=\"n\">%s%s%s</td></tr>\n", different ? "<strong>" : "",
                 probability_text(pair->p_adjusted).text, different ? "</strong>" : "");
}

static void add_untested(const silma_comparison *c, size_t count, text_buffer *page)
{
    static const char *const headings[] = {"First", "Second", "Why not", NULL};
    buffer_print(page, "<details><summary>%zu pair%s that cannot be tested</summary>\n", count, count == 1 ? "" : "s");
    page_table_begin(page, "Untested pairs", headings);
    for (size_t i = 0; i < c->pair_count; i++) {
        if (!c->pairs[i].problem) continue;
        buffer_add(page, "<tr>");
        add_name(page, c->shown[c->pairs[i].first].label);
        add_name(page, c->shown[c->pairs[i].second].label);
        buffer_print(page, "<td>%s</td></tr>\n", c->pairs[i].problem);
    }
    page_table_end(page);
    buffer_add(page, "</details>\n");
}

static void add_pairs(const silma_comparison *c, text_buffer *page)
{
    static const char *const headings[] = {
        "First",         "Second", "#Difference, points", "#Only first right", "#Only second right", "#p",
        "#p, all pairs", NULL};
    page_section_begin(
        page, &LINK_PAIRS,
        "McNemar's test, of runs with the same validation images: only images that one of the two gets "
        "right and the other wrong can tell them apart. p is how often two equally good models would "
        "differ at least as much by chance; the last column allows for the number of pairs (Holm). Below "
        "0.05 (bold) the difference is more than noise.");
    size_t tested = 0;
    for (size_t i = 0; i < c->pair_count; i++) {
        if (c->pairs[i].problem) continue;
        if (tested++ == 0) page_table_begin(page, "Pairs", headings);
        add_pair_row(c, &c->pairs[i], page);
    }
    if (tested > 0) page_table_end(page);
    if (tested < c->pair_count) add_untested(c, c->pair_count - tested, page);
    page_section_end(page);
}

// ---------------------------------------------------------------------------------------------------------------------

static void add_sentences(const silma_comparison *c, text_buffer *page)
{
    buffer_add(page, "<ul class=\"summary\" aria-label=\"Summary\">\n");
    for (size_t i = 0; i < c->sentence_count; i++) {
        buffer_print(page, "<li class=\"%s\">", i == 0 ? "result" : "note");
        buffer_escape(page, c->sentences[i]);
        buffer_add(page, "</li>\n");
    }
    buffer_add(page, "</ul>\n");
}

static silma_status add_page(const silma_comparison *c, text_buffer *page, silma_error *error)
{
    page_link links[5];
    size_t count = 0;
    links[count++] = LINK_RUNS;
    links[count++] = LINK_DIFFERENCES;
    links[count++] = LINK_CURVES;
    if (comparison_has_seeds(c)) links[count++] = LINK_SEEDS;
    links[count++] = LINK_PAIRS;
    char title[64];
    snprintf(title, sizeof title, "Comparison of %zu runs", c->count);
    page_begin(page, title, "Several runs side by side, so that noise is not taken for progress");
    page_contents(page, links, count);
    buffer_add(page, "<main>\n");
    add_sentences(c, page);
    add_runs(c, page);
    silma_status status = add_differences(c, page, error);
    if (status) return status;
    page_section_begin(page, &LINK_CURVES,
                       c->count > COMPARISON_NAMED_MOST
                           ? "A line for each run; runs that differ by their seed only share a colour."
                           : "A line for each run.");
    status = comparison_add_panels(c, false, page, error);
    page_section_end(page);
    if (!status && comparison_has_seeds(c)) status = add_seeds(c, page, error);
    if (status) return status;
    add_pairs(c, page);
    buffer_add(page, "</main>\n");
    page_end(page);
    return SILMA_OK;
}

silma_status silma_comparison_write(const silma_comparison *c, const char *path, silma_error *error)
{
    text_buffer page = {0};
    silma_status status = add_page(c, &page, error);
    if (!status) status = buffer_write(&page, path, error);
    buffer_free(&page);
    return status;
}
