// The page of `silma trace`: words, formulas and the table of gradients are written here, so that they are there
// without a script; trace.js draws the tensors and takes outputs apart.
#include "report/mathml.h"
#include "report/trace.h"
#include "report/trace_words.h"
#include "report/words.h"

#include "core/error.h"
#include "train/option.h"

#include <math.h>
#include <string.h>

// A formula that mathml.h does not understand is a mistake in the library; the page would be without it.
typedef struct writer {
    text_buffer *out;
    const trace *t;
    bool bad_formula;
} writer;

// ---------------------------------------------------------------------------------------------------------------------
// Formulas

static void add_formula(writer *w, const formula *f)
{
    buffer_add(w->out, "<div class=\"formula\"><div class=\"math\">");
    if (!mathml_add(w->out, f->tex)) w->bad_formula = true;
    buffer_add(w->out, "</div>");
    if (f->equations) {
        bool named = f->equations[0] == 's';                   // "section ..."
        bool several = strpbrk(f->equations, ",\xe2") != NULL; // a list, or a range with its dash
        buffer_print(w->out, "<div class=\"eq\">%s%s</div>", named ? "" : several ? "eqs. " : "eq. ", f->equations);
    }
    buffer_add(w->out, "</div>");
}

static void add_formulas(writer *w, const formula *formulas)
{
    for (; formulas && formulas->tex; formulas++)
        add_formula(w, formulas);
}

static void begin_formulas(writer *w)
{
    buffer_add(w->out, "<div class=\"formulas\">");
}

static void end_formulas(writer *w)
{
    buffer_add(w->out, "</div>\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// Layers

static void add_layer_title(writer *w, size_t i, bool back)
{
    const layer *l = &w->t->g->layers[i];
    text_buffer *out = w->out;
    char text[160] = "";
    if (l->type->describe) l->type->describe(l, text, sizeof text);
    buffer_print(out, "<h3>%s", back ? "<span class=\"arrow\" aria-hidden=\"true\">←</span> " : "");
    buffer_escape(out, l->name);
    buffer_add(out, " <code>");
    buffer_escape(out, l->type->name);
    buffer_add(out, " ");
    buffer_escape(out, text);
    const graph *g = w->t->g;
    bool carries_head = g->head != ACTIVATION_LINEAR && i == g->output_layer && i + 1 == g->layer_count;
    if (carries_head) buffer_print(out, " %s", activation_name(g->head));
    buffer_add(out, "</code></h3>\n");
}

static void add_sizes(writer *w, size_t i)
{
    const layer *l = &w->t->g->layers[i];
    text_buffer *out = w->out;
    size_t parameters = 0;
    for (int p = 0; p < l->parameter_count; p++)
        parameters += l->parameters[p].trainable ? l->parameters[p].count : 0;
    buffer_add(out, "<p class=\"sizes\">");
    for (size_t input = 0; input < l->input_count; input++) {
        buffer_add(out, input ? " and " : "");
        trace_add_shape(out, w->t->g->layers[l->inputs[input]].out);
    }
    if (l->input_count > 0) buffer_add(out, " → ");
    trace_add_shape(out, l->out);
    buffer_add(out, ": ");
    buffer_add(out, count_text(shape_count(l->out)).text);
    buffer_add(out, shape_count(l->out) == 1 ? " value" : " values");
    if (parameters > 0) {
        buffer_add(out, ", ");
        buffer_add(out, count_text(parameters).text);
        buffer_add(out, " weights to learn");
    }
    buffer_add(out, "</p>\n");
}

static void add_note(writer *w, const char *note)
{
    if (!note) return;
    buffer_add(w->out, "<p class=\"note\">");
    buffer_escape(w->out, note);
    buffer_add(w->out, "</p>\n");
}

static void add_input(writer *w)
{
    const layer *l = &w->t->g->layers[0];
    char scale[NUMBER_TEXT_MAX];
    buffer_add(w->out, "<section class=\"card\" id=\"layer0\">\n");
    add_layer_title(w, 0, false);
    buffer_add(w->out, "<p class=\"sizes\">");
    buffer_add(w->out, count_text(shape_count(l->out)).text);
    buffer_print(w->out,
                 " values. A pixel p, 0 to 255, enters as x = %s p (plus a shift where the model "
                 "has one).</p>\n",
                 number_text_rounded((double)w->t->model->scale[0], 4, scale));
    buffer_add(w->out, "<div class=\"work\" data-work=\"forward\" data-layer=\"0\"></div>\n</section>\n");
}

static void add_forward(writer *w, size_t i)
{
    const explanation *e = &w->t->exact.layers[i].e;
    buffer_print(w->out, "<section class=\"card\" id=\"layer%zu\">\n", i);
    add_layer_title(w, i, false);
    add_sizes(w, i);
    const formula *f = activation_formulas(e->act.kind);
    static const formula apply = {"a = f(z)", "10, 33"};
    if (e->forward) {
        begin_formulas(w);
        add_formulas(w, e->forward);
        if (f && e->rule == RULE_SUM) add_formula(w, &apply);
        if (f) add_formula(w, f);
        end_formulas(w);
    }
    add_note(w, e->note);
    if (i == w->t->g->output_layer && w->t->g->head != ACTIVATION_LINEAR) {
        buffer_print(w->out,
                     "<p class=\"note\">Its %s stands with the loss, below: the two are differentiated together.</p>\n",
                     activation_name(w->t->g->head));
    }
    buffer_print(w->out, "<div class=\"work\" data-work=\"forward\" data-layer=\"%zu\"></div>\n</section>\n", i);
}

static const char *symbol_of(const char *parameter_name)
{
    static const char *const symbols[][2] = {
        {"kernel", "w"}, {"bias", "b"}, {"gamma", "γ"}, {"beta", "β"}, {"slope", "b"}};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (strcmp(symbols[i][0], parameter_name) == 0) return symbols[i][1];
    return parameter_name;
}

// The output of the last layer goes into the loss as z, together with the head.
static const char *output_symbol(const trace *t, const trace_check *c)
{
    if (c->layer == 0) return "x";
    if (c->what == EXACT_SUM || (c->layer == t->g->output_layer && t->g->head != ACTIVATION_LINEAR)) return "z";
    return t->exact.layers[c->layer].e.rule == RULE_SUM ? "a" : "y";
}

static void add_check_row(writer *w, const trace_check *c)
{
    const layer *l = &w->t->g->layers[c->layer];
    text_buffer *out = w->out;
    const parameter *p = c->parameter >= 0 ? &l->parameters[c->parameter] : NULL;
    buffer_print(out, "<tr><th scope=\"row\">∂E/∂<i>%s</i> <span>",
                 c->parameter >= 0 ? symbol_of(l->parameters[c->parameter].name) : output_symbol(w->t, c));
    if (p) {
        buffer_print(out, "%s ", p->name);
        trace_add_indices(out, p, c->index);
    } else {
        trace_add_place(out, l->out, c->index);
    }
    buffer_add(out, "</span></th><td data-label=\"Silma\">");
    trace_add_number(out, c->analytic);
    buffer_add(out, "</td><td data-label=\"numerical\">");
    if (c->numerical.kink) {
        trace_add_number(out, c->numerical.left);
        buffer_add(out, " | ");
        trace_add_number(out, c->numerical.right);
    } else {
        trace_add_number(out, c->numerical.value);
    }
    buffer_add(out, "</td><td data-label=\"relative error\">");
    trace_add_rounded(out, c->error, 2);
    buffer_print(out, "%s</td></tr>\n", c->numerical.kink ? "<sup>*</sup>" : "");
}

static void add_checks(writer *w, size_t i)
{
    const trace *t = w->t;
    bool any = false, kink = false;
    for (size_t c = 0; c < t->check_count; c++) {
        if (t->checks[c].layer != i) continue;
        if (!any)
            buffer_add(w->out, "<table class=\"checks\"><caption>The same by difference quotients</caption><thead><tr>"
                               "<th scope=\"col\">Gradient</th><th scope=\"col\">Silma</th><th scope=\"col\">Numerical"
                               "</th><th scope=\"col\">Relative error</th></tr></thead><tbody>\n");
        any = true;
        kink = kink || t->checks[c].numerical.kink;
        add_check_row(w, &t->checks[c]);
    }
    if (any) buffer_add(w->out, "</tbody></table>\n");
    if (kink)
        buffer_add(w->out,
                   "<p class=\"note\"><sup>*</sup> E has a kink here: a rectifier stands exactly at z = 0, or two "
                   "pixels of a window are equally great. There is no derivative, only one from the left and one "
                   "from the right; Silma follows one of the two.</p>\n");
}

static void add_backward(writer *w, size_t i)
{
    const explanation *e = &w->t->exact.layers[i].e;
    const formula *f = activation_formulas(e->act.kind);
    bool conv = e->rule == RULE_SUM && e->window.oh * e->window.ow > 1;
    static const formula local = {"\\delta_j = \\frac{\\partial E}{\\partial z_j} = \\frac{\\partial E}{\\partial a_j} "
                                  "f'(z_j)",
                                  "40, 43"};
    static const formula local_map = {"\\delta_{m,n}^{t} = \\frac{\\partial E}{\\partial z_{m,n}^{t}} = "
                                      "\\frac{\\partial E}{\\partial a_{m,n}^{t}} f'(z_{m,n}^{t})",
                                      "43, 63"};
    buffer_print(w->out, "<section class=\"card back\" id=\"back%zu\">\n", i);
    add_layer_title(w, i, true);
    if (f || e->parameters || e->input) {
        begin_formulas(w);
        if (f && e->rule == RULE_SUM) add_formula(w, conv ? &local_map : &local);
        if (f) add_formula(w, f + 1);
        add_formulas(w, e->parameters);
        add_formulas(w, e->input);
        end_formulas(w);
    }
    buffer_print(w->out, "<div class=\"work\" data-work=\"backward\" data-layer=\"%zu\"></div>\n", i);
    add_checks(w, i);
    buffer_add(w->out, "</section>\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// Loss, update, checks

static void add_loss(writer *w)
{
    const trace *t = w->t;
    char text[LOSS_TEXT_MAX];
    loss_describe(&t->settings.loss, text);
    buffer_add(w->out, "<h2 id=\"loss\">Prediction and loss</h2>\n<section class=\"card\">\n<h3>loss <code>");
    buffer_escape(w->out, text);
    buffer_add(w->out, "</code></h3>\n");
    begin_formulas(w);
    const formula *head = activation_formulas(t->g->head);
    if (head) add_formula(w, head);
    add_formulas(w, trace_loss_formulas(t->settings.loss.kind, t->g->head, trace_outputs(t)));
    end_formulas(w);
    buffer_add(w->out, "<div class=\"work\" data-work=\"loss\"></div>\n</section>\n");
}

static void add_update_row(writer *w, const trace_check *c)
{
    const trace *t = w->t;
    const layer *l = &t->g->layers[c->layer];
    const parameter *p = &l->parameters[c->parameter];
    double before = (double)t->run.weights[p->offset + c->index], after = (double)t->updated[p->offset + c->index];
    text_buffer *out = w->out;
    buffer_add(out, "<tr><th scope=\"row\">");
    buffer_escape(out, l->name);
    buffer_print(out, ".%s <span>", p->name);
    trace_add_indices(out, p, c->index);
    buffer_add(out, "</span></th><td data-label=\"gradient\">");
    trace_add_number(out, c->analytic);
    buffer_add(out, "</td><td data-label=\"before\">");
    trace_add_number(out, before);
    buffer_add(out, "</td><td data-label=\"step\">");
    trace_add_number(out, after - before);
    buffer_add(out, "</td><td data-label=\"after\">");
    trace_add_number(out, after);
    buffer_add(out, "</td></tr>\n");
}

static void add_update(writer *w)
{
    const trace *t = w->t;
    text_buffer *out = w->out;
    char text[OPTIMIZER_TEXT_MAX];
    optimizer_describe(&t->settings.optimizer, text);
    buffer_add(out, "<h2 id=\"step\">The optimiser's step</h2>\n<section class=\"card\">\n<h3>optimizer <code>");
    buffer_escape(out, text);
    buffer_add(out, "</code></h3>\n");
    begin_formulas(w);
    add_formulas(w, trace_optimizer_formulas(&t->settings.optimizer));
    end_formulas(w);
    buffer_add(out,
               "<p class=\"note\">The first step, t = 1, from averages that hold nothing yet, at the learning rate "
               "before any schedule.");
    if (t->gradient_scale < 1) {
        buffer_add(out, " The gradient's norm is ");
        trace_add_number(out, t->gradient_norm);
        buffer_add(out, ", more than clip_norm allows: all of it is multiplied by ");
        trace_add_number(out, (double)t->gradient_scale);
        buffer_add(out, " first.");
    }
    if (t->settings.optimizer.weight_decay > 0)
        buffer_add(out, " Before it, weight decay takes its share of every weight: w − η λ w.");
    buffer_add(out,
               "</p>\n<div class=\"work\" data-work=\"update\"></div>\n<table class=\"checks\"><caption>The weight of "
               "the greatest gradient in each tensor</caption><thead><tr><th scope=\"col\">Weight</th><th "
               "scope=\"col\">Gradient</th><th scope=\"col\">Before</th><th scope=\"col\">Step</th><th "
               "scope=\"col\">After</th></tr></thead><tbody>\n");
    for (size_t c = 0; c < t->check_count; c++)
        if (t->checks[c].parameter >= 0) add_update_row(w, &t->checks[c]);
    buffer_add(out,
               "</tbody></table>\n<p>The whole step moves every weight at once, and the loss of this image from <b>");
    trace_add_number(out, t->loss);
    buffer_add(out, "</b> to <b>");
    trace_add_number(out, t->loss_after);
    buffer_add(out, "</b>.</p>\n</section>\n");
}

static void add_proof(writer *w)
{
    const trace *t = w->t;
    text_buffer *out = w->out;
    double worst = 0;
    for (size_t c = 0; c < t->check_count; c++)
        worst = fmax(worst, t->checks[c].error);
    buffer_add(out,
               "<h2 id=\"proof\">How this was checked</h2>\n<section class=\"card\"><ul>\n<li>The numbers come from "
               "the reference kernels: plain loops straight from the equations, sums in double precision.</li>\n");
    if (t->fast_name) {
        buffer_print(out,
                     "<li>The fast kernels (%s) gave the same outputs and gradients: the greatest difference, by the "
                     "greatest value of its tensor, is ",
                     t->fast_name);
        trace_add_number(out, t->fast_difference);
        buffer_add(out, ".</li>\n");
    }
    buffer_add(out, "<li>All outputs were computed once more in double precision from the formulas alone, by code that "
                    "shares nothing with the kernels: the greatest difference is ");
    trace_add_number(out, t->exact_difference);
    buffer_print(out,
                 ".</li>\n<li>%zu gradients stand beside a numerical derivative, (E(w + h) − E(w − h)) / 2h in double "
                 "precision; the greatest relative error is ",
                 t->check_count);
    trace_add_number(out, worst);
    buffer_add(out, " (of a gradient that is rounding alone, relative to Σ|∂E/∂z|).</li>\n<li>The sums that "
                    "this page works out are computed anew in the browser, from the same inputs "
                    "and weights; the engine's own result stands beside each.</li>\n</ul></section>\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// The whole

silma_status trace_add_page(text_buffer *buffer, const trace *t, silma_error *error)
{
    writer w = {.out = buffer, .t = t};
    trace_begin_document(buffer, t);
    trace_add_header(buffer, t);
    trace_add_navigation(buffer, t);
    buffer_add(buffer, "<main>\n<h2 id=\"forward\">Forward</h2>\n");
    add_input(&w);
    for (size_t i = 1; i < t->run.count; i++)
        add_forward(&w, i);
    add_loss(&w);
    buffer_add(buffer,
               "<h2 id=\"back\">Backward</h2>\n<p class=\"lead\">From the loss back to the image, by the chain "
               "rule: each layer takes ∂E/∂a of its output, finds the gradients of its own weights, and hands ∂E/∂x "
               "to the layer before it.</p>\n");
    for (size_t i = t->run.count - 1; i > 0; i--)
        add_backward(&w, i);
    buffer_add(buffer, "<section class=\"card back\" id=\"back0\">\n");
    add_layer_title(&w, 0, true);
    buffer_add(buffer,
               "<p class=\"sizes\">How the loss would change with each pixel: nothing learns from it, but it shows "
               "where the network looks.</p>\n<div class=\"work\" data-work=\"backward\" data-layer=\"0\"></div>\n");
    add_checks(&w, 0);
    buffer_add(buffer, "</section>\n");
    add_update(&w);
    add_proof(&w);
    buffer_add(buffer, "</main>\n<footer><p>Made by <b>silma trace</b> ");
    buffer_add(buffer, silma_version());
    buffer_add(buffer, ". Everything on this page is in this file; it asks nobody for anything.</p></footer>\n<script "
                       "type=\"application/json\" id=\"trace\">");
    silma_status status = trace_add_json(buffer, t, error);
    buffer_add(buffer, "</script>\n<script>\n");
    buffer_add(buffer, trace_js);
    buffer_add(buffer, "</script>\n</body>\n</html>\n");
    if (status == SILMA_OK && w.bad_formula)
        status = silma_fail(error, SILMA_FAILURE, "a layer's formula is not in the TeX that report/mathml.h reads");
    return status;
}
