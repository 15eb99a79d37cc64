// Figures 3 to 7: functions and their derivatives; figure 11: connections.
#include "report/thesis_inside.h"

#include <string.h>

typedef struct function_figure {
    int figure;
    const char *plot; // of silma_plot_activations
} function_figure;

static const function_figure FUNCTIONS[] = {
    {3, "sigmoid"}, {4, "relu"}, {5, "leaky_relu"}, {6, "elu"}, {7, "negative_logarithm"},
};

// In the order in which the functions come; those that the thesis does not show are left out.
static silma_status add_function(const char *name, const char *svg, size_t size, void *user, silma_error *error)
{
    thesis_page *page = user;
    (void)size;
    (void)error;
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
        if (strcmp(FUNCTIONS[i].plot, name) != 0) continue;
        buffer_add(page->out, "<div>\n");
        figure_heading(page, FUNCTIONS[i].figure);
        buffer_add(page->out, "<figure>\n");
        svg_add_to_page(page->out, svg);
        figure_caption(page, FUNCTIONS[i].figure);
        buffer_add(page->out, "</figure>\n</div>\n");
    }
    return SILMA_OK;
}

silma_status part_functions(thesis_page *page, silma_error *error)
{
    static const page_link link = {"functions", "Activation and error functions"};
    page_section_begin(page->out, &link,
                       "Sections 2.2 and 2.3 of the thesis. The values are those of the kernels that train: function "
                       "blue, derivative red.");
    buffer_add(page->out, "<div class=\"three\">\n");
    silma_status status = silma_plot_activations(page->context, add_function, page, error);
    buffer_add(page->out, "</div>\n");
    page_section_end(page->out);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Figure 11

enum { SIDE = 12, FILTER = 3 };
static const char WINDOW[] = "3x3";

static int least(int a, int b)
{
    return a < b ? a : b;
}

// Equation 61, with coordinates from 1 at the nearest corner.
static uint32_t by_equation(int row, int column)
{
    int i = least(row, SIDE - 1 - row) + 1, j = least(column, SIDE - 1 - column) + 1;
    return (uint32_t)(least(i, FILTER) * least(j, FILTER));
}

silma_status part_connections(thesis_page *page, silma_error *error)
{
    static const page_link link = {"connections", "Connections of a convolution"};
    uint32_t counts[SIDE * SIDE];
    size_t agreeing = 0;
    silma_status status = silma_connections(page->context, SIDE, SIDE, WINDOW, counts, error);
    if (status != SILMA_OK) return status;
    for (int i = 0; i < SIDE * SIDE; i++)
        agreeing += counts[i] == by_equation(i / SIDE, i % SIDE);
    page_section_begin(page->out, &link, "Section 3.5.1 of the thesis, equations 60 and 61.");
    figure_heading(page, 11);
    buffer_add(page->out, "<figure>\n");
    status = silma_plot_connections(page->context, SIDE, SIDE, WINDOW, figure_add_svg, page, error);
    figure_caption(page, 11);
    buffer_print(page->out,
                 "</figure>\n<p class=\"small\">Counted by the kernels: with every weight and every gradient one, the "
                 "gradient of a pixel (equation 69) is the number of its connections. Of the %d pixels, %zu agree with "
                 "min(i, f) · min(j, f) of equation 61.</p>\n",
                 SIDE * SIDE, agreeing);
    page_section_end(page->out);
    return status;
}
