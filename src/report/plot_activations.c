// Figures 3 to 7: each activation function and its derivative, and the negative logarithm.
#include "kernels/context.h"
#include "report/line_chart.h"

#include "core/error.h"
#include "silma/report.h"

#include <math.h>
#include <stdlib.h>

typedef struct plotted_function {
    const char *name, *title, *description;
    activation act;
    double reach; // drawn from -reach to reach
} plotted_function;

static const plotted_function functions[] = {
    {"sigmoid",
     "Sigmoid and its derivative",
     "Figure 3 of the thesis, equations 11 and 12",
     {ACTIVATION_SIGMOID, 0},
     6},
    {"relu", "ReLU and its derivative", "Figure 4 of the thesis, equations 13 and 14", {ACTIVATION_RELU, 0}, 3},
    {"leaky_relu",
     "Leaky ReLU and its derivative, slope 0.1",
     "Figure 5 of the thesis, equations 15 to 18; the slope is 0.1 instead of 0.01 so that it is seen",
     {ACTIVATION_LEAKY_RELU, 0.1F},
     3},
    {"elu", "ELU and its derivative, alpha 1", "Figure 6 of the thesis, equations 19 and 20", {ACTIVATION_ELU, 1}, 3},
    {"tanh", "Hyperbolic tangent and its derivative", NULL, {ACTIVATION_TANH, 0}, 4},
    {"gelu", "GELU and its derivative", NULL, {ACTIVATION_GELU, 0}, 4},
    {"silu", "SiLU and its derivative", NULL, {ACTIVATION_SILU, 0}, 6},
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

enum { HALF = 120, POINTS = 2 * (HALF + 1) + 1, WIDTH = 420, HEIGHT = 320 };

// What the kernels work on, aligned as they want it.
typedef struct samples {
    _Alignas(64) float z[POINTS];
    _Alignas(64) float value[POINTS];
    _Alignas(64) float slope[POINTS];
    _Alignas(64) float ones[POINTS];
} samples;

// Points from -reach to reach, and close to 0 on both sides of it, where a derivative may jump.
static void fill_points(samples *s, double reach)
{
    static const double CLOSE = 1e-6;
    for (int i = 0; i < HALF; i++) {
        s->z[i] = (float)(-reach * (HALF - i) / HALF);
        s->z[POINTS - 1 - i] = -s->z[i];
    }
    s->z[HALF] = (float)-CLOSE;
    s->z[HALF + 1] = 0;
    s->z[HALF + 2] = (float)CLOSE;
    for (int i = 0; i < POINTS; i++)
        s->ones[i] = 1;
}

static silma_status send(text_buffer *out, const char *name, silma_figure_fn *figure, void *user, silma_error *error)
{
    silma_status status = buffer_status(out, error);
    if (!status) status = figure(name, out->text, out->length, user, error);
    buffer_free(out);
    return status;
}

static silma_status plot_function(const silma_context *context, const plotted_function *f, samples *s,
                                  silma_figure_fn *figure, void *user, silma_error *error)
{
    static const float JUMP = 0.01F;
    fill_points(s, f->reach);
    context->k->activation_forward(context->pool, f->act, POINTS, s->z, s->value);
    context->k->activation_backward(context->pool, f->act, POINTS, s->z, s->value, s->ones, s->slope);
    if (fabsf(s->slope[HALF] - s->slope[HALF + 2]) > JUMP) s->slope[HALF + 1] = NAN;

    double x[POINTS], value[POINTS], slope[POINTS];
    for (int i = 0; i < POINTS; i++) {
        x[i] = (double)s->z[i];
        value[i] = (double)s->value[i];
        slope[i] = (double)s->slope[i];
    }
    const chart_series series[] = {
        {.name = "f(z)", .x = x, .y = value, .count = POINTS, .colour = 0},
        {.name = "f\xE2\x80\xB2(z)", .x = x, .y = slope, .count = POINTS, .colour = 1},
    };
    const line_chart chart = {
        .title = f->title, .x_label = "z", .series = series, .series_count = 2, .zero_lines = true};
    text_buffer out = {0};
    svg_begin(&out, &(svg_frame){WIDTH, HEIGHT, f->title, f->description, false});
    line_chart_draw(&out, &chart, WIDTH, HEIGHT);
    svg_end(&out);
    return send(&out, f->name, figure, user, error);
}

static silma_status plot_negative_logarithm(silma_figure_fn *figure, void *user, silma_error *error)
{
    static const double LEAST = 0.005, MOST = 1;
    static const char TITLE[] = "Negative logarithm";
    double x[POINTS], y[POINTS];
    x[0] = 0; // infinity is not drawn
    y[0] = NAN;
    for (int i = 1; i < POINTS; i++) {
        x[i] = LEAST * pow(MOST / LEAST, (double)(i - 1) / (POINTS - 2)); // closer where it is steep
        y[i] = -log(x[i]);
    }
    const chart_series series = {.name = "−log x", .x = x, .y = y, .count = POINTS};
    const line_chart chart = {.title = TITLE, .x_label = "x", .series = &series, .series_count = 1, .zero_lines = true};
    text_buffer out = {0};
    svg_begin(&out, &(svg_frame){WIDTH, HEIGHT, TITLE,
                                 "Figure 7 of the thesis: what the cross-entropy asks for a true class that was given "
                                 "the probability x",
                                 false});
    line_chart_draw(&out, &chart, WIDTH, HEIGHT);
    svg_end(&out);
    return send(&out, "negative_logarithm", figure, user, error);
}

silma_status silma_plot_activations(const silma_context *context, silma_figure_fn *figure, void *user,
                                    silma_error *error)
{
    samples *s = aligned_alloc(_Alignof(samples), sizeof *s);
    if (!s) return silma_fail_memory(error, sizeof *s);
    silma_status status = SILMA_OK;
    for (int i = 0; i < FUNCTION_COUNT && !status; i++)
        status = plot_function(context, &functions[i], s, figure, user, error);
    free(s);
    return status ? status : plot_negative_logarithm(figure, user, error);
}
