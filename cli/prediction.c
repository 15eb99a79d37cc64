#include "prediction.h"

#include "output.h"
#include "setup.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

silma_status prediction_view_create(prediction_view *view, const silma_model *model, size_t top, problem *why)
{
    int classes = silma_model_class_count(model);
    *view = (prediction_view){.model = model, .class_count = classes, .top = top, .screen = terminal_of(stdout)};
    if (view->top > (size_t)classes) view->top = (size_t)classes;
    view->order = calloc((size_t)classes, sizeof *view->order);
    return view->order ? SILMA_OK : problem_set_memory(why);
}

void prediction_view_free(prediction_view *view)
{
    free(view->order);
    view->order = NULL;
}

// The most probable one is view->order[0] then.
static void sort_classes(prediction_view *view, const float *probabilities)
{
    int *order = view->order;
    for (int i = 0; i < view->class_count; i++)
        order[i] = i;
    for (size_t i = 0; i < view->top; i++) {
        size_t most = i;
        for (size_t j = i + 1; j < (size_t)view->class_count; j++)
            if (probabilities[order[j]] > probabilities[order[most]]) most = j;
        int class = order[most];
        memmove(order + i + 1, order + i, (most - i) * sizeof *order); // keeps ties in order of the classes
        order[i] = class;
    }
}

static void name_of(const prediction_view *view, int class, char name[CLASS_NAME_SIZE])
{
    class_name(name, silma_model_class_name(view->model, class), class);
}

static bool is_unknown(const prediction_view *view, const prediction *p)
{
    return silma_model_choose(view->model, p->probabilities) < 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Text

// "right", or "wrong: it is cat"; where the model did not choose, "it is cat".
static void print_truth(const prediction_view *view, int label, bool unknown)
{
    char truth[CLASS_NAME_SIZE];
    bool right = label == view->order[0] && !unknown;
    name_of(view, label, truth);
    if (!unknown)
        printf(", %s%s%s", terminal_style(&view->screen, right ? STYLE_GOOD : STYLE_ERROR), right ? "right" : "wrong",
               terminal_style(&view->screen, STYLE_PLAIN));
    if (!right) printf("%s it is %s", unknown ? "," : ":", truth);
}

static void print_heading(const prediction_view *view, const prediction *p)
{
    char best[CLASS_NAME_SIZE];
    bool unknown = is_unknown(view, p);
    name_of(view, view->order[0], best);
    printf("%s: %s%s%s", p->heading, terminal_style(&view->screen, STYLE_BOLD), unknown ? "unknown" : best,
           terminal_style(&view->screen, STYLE_PLAIN));
    if (p->label >= 0) print_truth(view, p->label, unknown);
    printf("\n");
}

void prediction_print(prediction_view *view, const prediction *p)
{
    enum { BAR_MOST = 30, BESIDE_BAR = 15 }; // columns: of the bar; of the margin, the percentage and the gaps
    int width = 0;
    char name[CLASS_NAME_SIZE];
    sort_classes(view, p->probabilities);
    print_heading(view, p);
    for (size_t k = 0; k < view->top; k++) {
        name_of(view, view->order[k], name);
        if (text_columns(name) > width) width = text_columns(name);
    }
    int bar = view->screen.interactive ? view->screen.columns - width - BESIDE_BAR : 0;
    if (bar > BAR_MOST) bar = BAR_MOST;
    for (size_t k = 0; k < view->top; k++) {
        name_of(view, view->order[k], name);
        double probability = (double)p->probabilities[view->order[k]];
        printf("  %s%*s  %9s", name, text_padding(name, width), "", text_percent(probability).text);
        if (bar > 0) printf("  %s", terminal_draw_bar(&view->screen, probability, bar).text);
        printf("\n");
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

static json_t *class_json(const prediction_view *view, int class, float probability)
{
    char name[CLASS_NAME_SIZE];
    name_of(view, class, name);
    return json_pack("{s:i, s:s, s:o}", "class", class, "name", name, "probability",
                     output_number((double)probability));
}

json_t *prediction_json(prediction_view *view, const prediction *p)
{
    sort_classes(view, p->probabilities);
    json_t *top = json_array();
    for (size_t k = 0; k < view->top; k++)
        output_append(&top, class_json(view, view->order[k], p->probabilities[view->order[k]]));
    char best[CLASS_NAME_SIZE], truth[CLASS_NAME_SIZE];
    name_of(view, view->order[0], best);
    json_t *picture =
        json_pack("{s:i, s:s, s:o, s:o, s:b}", "class", view->order[0], "name", best, "probability",
                  output_number((double)p->probabilities[view->order[0]]), "top", top, "unknown", is_unknown(view, p));
    if (p->file)
        output_set(&picture, "file", output_string(p->file));
    else
        output_set(&picture, "index", output_integer(p->index));
    if (p->label >= 0) {
        name_of(view, p->label, truth);
        output_set(&picture, "true_class", json_integer(p->label));
        output_set(&picture, "true_name", output_string(truth));
        output_set(&picture, "correct", json_boolean(p->label == view->order[0] && !is_unknown(view, p)));
    }
    return picture;
}

// ---------------------------------------------------------------------------------------------------------------------
// CSV (RFC 4180)

// Quoted where the text needs it; quotes are doubled.
static void print_field(const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        putchar(*text);
    }
    putchar('"');
}

void prediction_print_csv_heading(const prediction_view *view, bool files, bool labelled)
{
    fputs(files ? "file" : "index", stdout);
    if (labelled) fputs(",true_class,true_name", stdout);
    fputs(",unknown,class,name,probability", stdout);
    for (size_t k = 2; k <= view->top; k++)
        printf(",class_%zu,name_%zu,probability_%zu", k, k, k);
    putchar('\n');
}

static void print_csv_class(const prediction_view *view, int class)
{
    char name[CLASS_NAME_SIZE];
    name_of(view, class, name);
    printf(",%d,", class);
    print_field(name);
}

void prediction_print_csv(prediction_view *view, const prediction *p)
{
    sort_classes(view, p->probabilities);
    if (p->file)
        print_field(p->heading);
    else
        printf("%zu", p->index);
    if (p->label >= 0) print_csv_class(view, p->label);
    fputs(is_unknown(view, p) ? ",true" : ",false", stdout);
    for (size_t k = 0; k < view->top; k++) {
        print_csv_class(view, view->order[k]);
        printf(",%.9g", (double)p->probabilities[view->order[k]]);
    }
    putchar('\n');
}
