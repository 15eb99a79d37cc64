// How far the probabilities can be believed.
#include "report/reliability.h"
#include "report/report_inside.h"

const page_link LINK_CONFIDENCE = {"confidence", "Confidence"};

// Outputs that are no probabilities cannot be calibrated.
bool has_confidence(const silma_report *report)
{
    return report->facts.scored && report->facts.model->g->head != ACTIVATION_LINEAR;
}

silma_status draw_reliability(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    const scores *s = &report->facts.scores;
    reliability_bin bins[RELIABILITY_BINS];
    for (size_t i = 0; i < RELIABILITY_BINS; i++)
        bins[i] = (reliability_bin){s->bins[i].confidence, s->bins[i].accuracy.value, s->bins[i].count};
    reliability diagram = {.bins = bins, .bin_count = RELIABILITY_BINS, .error = s->calibration_error};
    svg_frame frame = {
        .width = 360,
        .height = 380,
        .title = "Reliability diagram",
        .description = "How often predictions of a confidence are right, and how many there are of each",
        .inside_page = inside_page,
    };
    svg_begin(out, &frame);
    reliability_draw(out, &diagram, frame.width, frame.height);
    svg_end(out);
    return buffer_status(out, error);
}

static void add_selective(const scores *s, text_buffer *page)
{
    buffer_add(page, "<div><h3>Trusting only what is certain</h3>\n<table><thead><tr><th class=\"n\">Probability "
                     "above</th><th class=\"n\">Images</th><th class=\"n\">Right</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < SELECTIVE_COUNT; i++) {
        const selective *chosen = &s->selective[i];
        buffer_print(page, "<tr><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s",
                     fixed_text(chosen->threshold, 2).text, share_text((double)chosen->count / (double)s->count).text,
                     share_text(chosen->accuracy.value).text);
        if (chosen->count > 0)
            buffer_print(page, "<br><span class=\"low\">%s–%s</span>", fixed_text(100 * chosen->accuracy.low, 1).text,
                         fixed_text(100 * chosen->accuracy.high, 1).text);
        buffer_add(page, "</td></tr>\n");
    }
    buffer_add(page, "</tbody></table>\n<p class=\"small soft\">Small: Wilson’s 95\u00a0% intervals.</p></div>\n");
}

// What `silma calibrate` chose, if it was asked.
static void add_calibration(const silma_calibration *c, text_buffer *page)
{
    if (c->count == 0) return;
    buffer_print(page, "<p>Calibrated on %s images: temperature %s", count_text(c->count).text,
                 fixed_text(c->temperature, 3).text);
    if (c->threshold > 0)
        buffer_print(page, "; “unknown” below a probability of %s, so that at most %s of the others are wrong",
                     share_text(c->threshold).text, share_text(c->error_rate).text);
    buffer_add(page, ".</p>\n");
}

silma_status section_confidence(const silma_report *report, text_buffer *page, silma_error *error)
{
    page_section_begin(
        page, &LINK_CONFIDENCE,
        "Of all predictions with a probability of 80\u00a0%, 80\u00a0% should be right: each bar should end at "
        "its red point, on the diagonal. Lower bars: too sure of itself; higher ones: too doubtful. The "
        "expected calibration error is the mean distance, weighted by the images of each bar.");
    add_calibration(&report->facts.calibration, page);
    buffer_add(page, "<div class=\"grid\">\n");
    page_figure_begin(page, false);
    silma_status status = draw_reliability(report, page, true, error);
    page_figure_end(page, NULL);
    add_selective(&report->facts.scores, page);
    buffer_add(page, "</div>\n");
    page_section_end(page);
    return status;
}
