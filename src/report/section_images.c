// Predictions with their images: nine at random, the most confident mistakes, the most confused pairs.
#include "core/random.h"
#include "report/gallery.h"

const page_link LINK_PREDICTIONS = {"predictions", "Predictions"};
const page_link LINK_MISTAKES = {"mistakes", "Mistakes"};

enum { NINE = 9, MISTAKES_SHOWN = 12, PAIRS_SHOWN = 6, IMAGES_OF_A_PAIR = 6 };

static const gallery_frame NINE_FRAME = {"Nine images and what the network makes of them", 3, 120, 210, false, 0};
static const gallery_frame MISTAKES_FRAME = {"The most confident mistakes", 6, 110, 0, true, 0};
static const gallery_frame PAIRS_FRAME = {"The most confused pairs", IMAGES_OF_A_PAIR, 110, 0, true, 0};

bool has_predictions(const silma_report *report)
{
    return report->facts.scored && can_show_images(report);
}

bool has_mistakes(const silma_report *report)
{
    return has_predictions(report) && report->facts.scores.mistake_count > 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Nine at random, none twice; the same ones for the same seed

static bool is_among(const size_t *list, size_t count, size_t value)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == value) return true;
    return false;
}

static silma_status choose_nine(const silma_report *report, gallery *g, silma_error *error)
{
    const scores *s = &report->facts.scores;
    size_t chosen[NINE], count = 0, wanted = s->count < NINE ? s->count : NINE;
    silma_status status = SILMA_OK;
    for (uint64_t draw = 0; count < wanted && status == SILMA_OK; draw++) {
        size_t position = (size_t)random_below(report->facts.seed, RANDOM_SAMPLE, 1, draw, s->count);
        if (is_among(chosen, count, position)) continue;
        chosen[count++] = position;
        status = gallery_add_prediction(g, report, position, error);
        if (status == SILMA_OK) status = gallery_add_bars(g, report, position, error);
    }
    return status;
}

silma_status draw_predictions(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    gallery g = {0};
    silma_status status = choose_nine(report, &g, error);
    if (status == SILMA_OK) status = gallery_draw(&g, &NINE_FRAME, out, inside_page, report->codecs, error);
    gallery_free(&g);
    return status;
}

silma_status section_predictions(const silma_report *report, text_buffer *page, silma_error *error)
{
    page_section_begin(page, &LINK_PREDICTIONS, NULL);
    buffer_print(page,
                 "<p>Nine %s images at random: the predicted class, its probability, and in brackets the true class. "
                 "<span class=\"right\">Blue</span> is right, <span class=\"wrong\">red</span> is wrong; the true "
                 "class’s name is bold beside the bars.</p>\n",
                 report->facts.scored_training ? "training" : "validation");
    gallery g = {0};
    silma_status status = choose_nine(report, &g, error);
    if (status == SILMA_OK) status = gallery_add_to_page(&g, &NINE_FRAME, page, report->codecs, error);
    gallery_free(&g);
    page_section_end(page);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Mistakes

static silma_status choose_mistakes(const silma_report *report, gallery *g, silma_error *error)
{
    const scores *s = &report->facts.scores;
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < s->mistake_count && i < MISTAKES_SHOWN; i++)
        status = gallery_add_prediction(g, report, s->mistakes[i], error);
    return status;
}

silma_status draw_mistakes(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    gallery g = {0};
    silma_status status = choose_mistakes(report, &g, error);
    if (status == SILMA_OK) status = gallery_draw(&g, &MISTAKES_FRAME, out, inside_page, report->codecs, error);
    gallery_free(&g);
    return status;
}

// The images of a pair, the most confident first: the list of mistakes has this order.
static silma_status choose_pair(const silma_report *report, const confused_pair *pair, gallery *g, silma_error *error)
{
    const scores *s = &report->facts.scores;
    silma_status status = SILMA_OK;
    size_t found = 0;
    for (size_t i = 0; status == SILMA_OK && i < s->mistake_count && found < IMAGES_OF_A_PAIR; i++) {
        uint32_t position = s->mistakes[i];
        if (s->labels[position] != (uint32_t)pair->truth || s->predicted[position] != (uint32_t)pair->taken_for)
            continue;
        found++;
        status = gallery_add_prediction(g, report, position, error);
    }
    return status;
}

// One after the other: a pair with fewer images is followed by the next one.
silma_status draw_pairs(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    const scores *s = &report->facts.scores;
    gallery g = {0};
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < s->pair_count && i < PAIRS_SHOWN; i++)
        status = choose_pair(report, &s->pairs[i], &g, error);
    if (status == SILMA_OK) status = gallery_draw(&g, &PAIRS_FRAME, out, inside_page, report->codecs, error);
    gallery_free(&g);
    return status;
}

static silma_status add_pair(const silma_report *report, const confused_pair *pair, text_buffer *page,
                             silma_error *error)
{
    char number[CLASS_NUMBER_SIZE];
    enum { NAME_MOST = 60 }; // characters
    buffer_add(page, "<h4>“");
    buffer_escape_cut(page, run_facts_class(&report->facts, pair->truth, number), NAME_MOST);
    buffer_add(page, "” taken for “");
    buffer_escape_cut(page, run_facts_class(&report->facts, pair->taken_for, number), NAME_MOST);
    buffer_print(page, "”: %s%s, %s of the class</h4>\n", pair->count == 1 ? "once" : count_text(pair->count).text,
                 pair->count == 1 ? "" : " times", share_text(pair->share).text);
    gallery g = {0};
    silma_status status = choose_pair(report, pair, &g, error);
    if (status == SILMA_OK) status = gallery_add_to_page(&g, &PAIRS_FRAME, page, report->codecs, error);
    gallery_free(&g);
    return status;
}

silma_status section_mistakes(const silma_report *report, text_buffer *page, silma_error *error)
{
    static const float CERTAIN = 0.9f;
    const scores *s = &report->facts.scores;
    bool certain = s->confidence[s->mistakes[0]] >= CERTAIN;
    page_section_begin(page, &LINK_MISTAKES, NULL);
    buffer_print(page,
                 "<p>Predicted class, its probability, and in brackets the class that the data set says; below, which "
                 "image it is.%s</p>\n",
                 certain ? " What is wrong with so much confidence is often a wrong label." : "");
    buffer_add(page, "<h3>The most confident</h3>\n");
    gallery g = {0};
    silma_status status = choose_mistakes(report, &g, error);
    if (status == SILMA_OK) status = gallery_add_to_page(&g, &MISTAKES_FRAME, page, report->codecs, error);
    gallery_free(&g);
    buffer_add(page, "<h3>The most confused pairs</h3>\n");
    for (size_t i = 0; status == SILMA_OK && i < s->pair_count && i < PAIRS_SHOWN; i++)
        status = add_pair(report, &s->pairs[i], page, error);
    page_section_end(page);
    return status;
}
