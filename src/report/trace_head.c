// The head of the page of `silma trace`: what goes through which network, what comes of it, and where to find what.
#include "report/trace.h"
#include "report/trace_words.h"
#include "report/words.h"

#include "train/option.h"

#include <math.h>
#include <string.h>

enum { BARS_MOST = 10 };

static void add_name(text_buffer *out, const trace *t, uint32_t label)
{
    enum { NAME_MOST = 60 };
    char number[TRACE_NUMBER_SIZE];
    buffer_escape_cut(out, trace_class_name(t, label, number), NAME_MOST);
}

static void add_bar(text_buffer *out, const trace *t, size_t i, bool is_true)
{
    double share = fmin(fmax((double)t->probabilities[i], 0), 1);
    char percent[NUMBER_TEXT_MAX];
    buffer_print(out, "<li%s><span class=\"who\">", is_true ? " class=\"true\"" : "");
    if (trace_outputs(t) > 1)
        add_name(out, t, (uint32_t)i);
    else if (t->one_against_rest)
        add_name(out, t, t->label);
    else
        add_name(out, t, 1);
    buffer_print(out, "</span><span class=\"bar\"><span style=\"width:%s%%\"></span></span><span class=\"much\">",
                 number_text_rounded(100 * share, 3, percent));
    buffer_print(out, "%s %%</span></li>\n", fixed_text(100 * share, 1).text);
}

// The output that follows `after` by falling probability; outputs of the same one by number. SIZE_MAX: the first.
static size_t next_output(const trace *t, size_t after)
{
    size_t best = SIZE_MAX;
    const float *r = t->probabilities;
    for (size_t i = 0; i < trace_outputs(t); i++) {
        bool later = after == SIZE_MAX || r[i] < r[after] || (r[i] == r[after] && i > after);
        if (later && (best == SIZE_MAX || r[i] > r[best])) best = i;
    }
    return best;
}

// The classes by falling probability, at most BARS_MOST, and the true one.
static void add_bars(text_buffer *out, const trace *t)
{
    size_t shown = 0, i = SIZE_MAX;
    bool single = trace_outputs(t) == 1, true_shown = single;
    buffer_add(out, "<ol class=\"bars\" aria-label=\"Probabilities\">\n");
    for (; shown < BARS_MOST && shown < trace_outputs(t); shown++) {
        i = next_output(t, i);
        bool is_true = single ? t->targets[0] > 0.5f : i == t->label;
        true_shown = true_shown || is_true;
        add_bar(out, t, i, is_true);
    }
    if (!true_shown) add_bar(out, t, t->label, true);
    buffer_add(out, "</ol>\n");
}

static const char *network_name(const trace *t)
{
    const char *slash = strrchr(t->g->origin, '/');
    return slash ? slash + 1 : t->g->origin;
}

// Where dropout or batch normalisation make a prediction something else than a training step.
static void add_prediction(text_buffer *out, const trace *t)
{
    size_t best = 0;
    double change = 0;
    for (size_t i = 0; i < trace_outputs(t); i++) {
        if (t->predicted[i] > t->predicted[best]) best = i;
        change = fmax(change, fabs((double)t->predicted[i] - (double)t->probabilities[i]));
    }
    if (change < 1e-4) return;
    buffer_add(out, "<p class=\"note\">This is a training step, with what is dropped and normalised in training. A "
                    "prediction with the same weights gives ");
    if (trace_outputs(t) > 1) {
        buffer_add(out, "<b>");
        add_name(out, t, (uint32_t)best);
        buffer_add(out, "</b> ");
    }
    trace_add_rounded(out, 100 * (double)t->predicted[best], 3);
    buffer_add(out, " %.</p>\n");
}

static void add_verdict(text_buffer *out, const trace *t)
{
    size_t best = next_output(t, SIZE_MAX);
    buffer_add(out, "<p class=\"verdict\">");
    if (trace_outputs(t) > 1) {
        buffer_add(out, "The network takes it for <b>");
        add_name(out, t, (uint32_t)best);
        buffer_print(out, "</b>: %s. ", best == t->label ? "right" : "wrong");
    } else if (t->one_against_rest) {
        buffer_add(out, "With a single output the network answers one question: is it a <b>");
        add_name(out, t, t->label);
        buffer_add(out, "</b>? It is, so <i>y</i> = 1. ");
    }
    buffer_add(out, "The loss is <b>");
    trace_add_number(out, t->loss);
    buffer_add(out, "</b>; after one step of the optimiser, on this image alone, it is <b>");
    trace_add_number(out, t->loss_after);
    buffer_add(out, "</b>.</p>\n");
    add_prediction(out, t);
}

static void add_about(text_buffer *out, const trace *t)
{
    buffer_add(out, "<p class=\"about\">Image ");
    buffer_print(out, "%zu of ", t->image_index);
    buffer_escape(out, t->data_name);
    if (t->part) buffer_print(out, " (%s)", t->part);
    if (t->image_file) {
        buffer_add(out, ", <code>");
        buffer_escape(out, t->image_file);
        buffer_add(out, "</code>");
    }
    buffer_add(out, ", of class <b>");
    add_name(out, t, t->label);
    buffer_add(out, "</b>");
    if (t->resized) buffer_print(out, ", made smaller: %d×%d×%d", t->height, t->width, t->channels);
    if (t->padded) buffer_print(out, ", set into %d×%d", t->height, t->width);
    buffer_add(out, ", goes once through <b>");
    buffer_escape(out, network_name(t));
    buffer_add(out, "</b>, ");
    size_t trainable, other;
    uint64_t multiply_adds;
    graph_count(t->g, &trainable, &other, &multiply_adds);
    buffer_add(out, "a network of ");
    buffer_add(out, count_text(trainable).text);
    buffer_add(out, " weights (");
    if (t->has_seed)
        buffer_print(out, "untrained: random ones, seed %llu", (unsigned long long)t->settings.seed);
    else
        buffer_add(out, "trained");
    buffer_add(out,
               "): forward to a prediction and its loss, backward to the gradient of every weight, and one step of "
               "the optimiser. Every number is the one that Silma computes when it trains. Indices count from 1, "
               "equations as in the thesis <cite>The mathematics of neural networks behind image recognition</cite>"
               ".</p>\n");
}

void trace_add_header(text_buffer *out, const trace *t)
{
    buffer_add(out,
               "<header class=\"top\">\n<p class=\"kicker\">silma trace</p>\n<h1>One image, worked through</h1>\n");
    add_about(out, t);
    buffer_add(out,
               "<div class=\"summary\"><figure><canvas id=\"picture\" role=\"img\" aria-label=\"The image\"></canvas>"
               "</figure><div>\n");
    add_verdict(out, t);
    add_bars(out, t);
    buffer_add(out,
               "</div></div>\n<p class=\"how\">Click any square of a picture below, or go to a picture with the Tab "
               "key, move with the arrow keys (Page Up and Page Down: another map) and press Enter: its own sum is "
               "worked out beside it.</p>\n<noscript><p class=\"note\">The pictures and the sums need JavaScript, "
               "which is switched off here. Formulas and tables are complete.</p></noscript>\n</header>\n");
}

void trace_add_navigation(text_buffer *out, const trace *t)
{
    buffer_add(out, "<nav aria-label=\"Layers\"><ol>\n");
    for (size_t i = 0; i < t->run.count; i++) {
        const layer *l = &t->g->layers[i];
        buffer_print(out, "<li><a href=\"#layer%zu\"><b>", i);
        buffer_escape(out, l->name);
        buffer_add(out, "</b> <span>");
        trace_add_shape(out, l->out);
        buffer_add(out, "</span></a></li>\n");
    }
    buffer_add(out,
               "<li><a href=\"#loss\"><b>loss</b> <span>E</span></a></li>\n<li><a href=\"#back\"><b>backward</b> "
               "<span>∂E</span></a></li>\n<li><a href=\"#step\"><b>update</b> <span>w</span></a></li>\n</ol></nav>\n");
}

void trace_begin_document(text_buffer *out, const trace *t)
{
    buffer_print(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<meta name=\"generator\" content=\"silma trace %s\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
        silma_version());
    buffer_print(out, "Image %zu through ", t->image_index);
    buffer_escape(out, network_name(t));
    buffer_add(out, "</title>\n<style>\n");
    buffer_add(out, trace_css);
    buffer_add(out, "</style>\n</head>\n<body>\n");
}
