// The tables of layers: the thesis's rows beside Silma's.
#include "report/drawing.h"
#include "report/thesis_inside.h"

#include <stdio.h>

static void shape_print(char text[48], int height, int width, int channels)
{
    if (height == 0)
        snprintf(text, 48, "%d", channels);
    else
        snprintf(text, 48, "%d×%d×%d", height, width, channels);
}

static bool same_shape(const thesis_row *row, const silma_layer_info *info)
{
    return row->height == info->height && row->width == info->width &&
           row->channels * (row->halves ? 2 : 1) == info->channels;
}

static size_t layer_params(const silma_layer_info *info)
{
    return info->trainable_params + info->non_trainable_params;
}

static bool agrees(const thesis_row *row, const silma_layer_info *info)
{
    return layer_params(info) == row->params && same_shape(row, info);
}

static void add_row(text_buffer *out, const thesis_row *row, const silma_network *network)
{
    char size[48];
    shape_print(size, row->height, row->width, row->channels);
    buffer_add(out, "<tr><th scope=\"row\">");
    buffer_escape(out, row->name);
    buffer_print(out, "</th><td class=\"n\">%s%s</td>", row->halves ? "2 × " : "", size);
    silma_layer_info info = {.name = NULL};
    if (row->layer >= 0) silma_network_layer(network, (size_t)row->layer, &info);
    if (info.name) {
        shape_print(size, info.height, info.width, info.channels);
        buffer_print(out, "<td class=\"n\">%s%s</td>", size, same_shape(row, &info) ? "" : " ≠");
    } else {
        buffer_add(out, "<td class=\"n soft\">in the layer before</td>");
    }
    buffer_print(out, "<td class=\"n\">%s</td><td class=\"n\">%s</td>", count_text(row->params).text,
                 info.name ? count_text(layer_params(&info)).text : "0");
    bool same = info.name ? agrees(row, &info) : row->params == 0;
    buffer_print(out, "<td>%s</td></tr>\n", same ? "agrees" : "<b class=\"wrong\">differs</b>");
}

typedef struct network_params {
    size_t trainable, non_trainable;
} network_params;

static network_params params_of(const silma_network *network)
{
    network_params sum = {0};
    for (size_t i = 0; i < silma_network_layer_count(network); i++) {
        silma_layer_info info;
        silma_network_layer(network, i, &info);
        sum.trainable += info.trainable_params;
        sum.non_trainable += info.non_trainable_params;
    }
    return sum;
}

static void add_total(text_buffer *out, const char *name, size_t thesis, size_t silma)
{
    buffer_print(out,
                 "<tr><th scope=\"row\">%s</th><td></td><td></td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                 "<td>%s</td></tr>\n",
                 name, count_text(thesis).text, count_text(silma).text,
                 thesis == silma ? "agrees" : "<b class=\"wrong\">differs</b>");
}

static void add_totals(text_buffer *out, const thesis_table *table, const silma_network *network)
{
    network_params silma = params_of(network);
    add_total(out, "Total", table->params, silma.trainable + silma.non_trainable);
    if (!table->splits_total) return;
    add_total(out, "Trainable", table->params - table->non_trainable, silma.trainable);
    add_total(out, "Not trainable", table->non_trainable, silma.non_trainable);
}

static const char *remark_of(int figure)
{
    switch (figure) {
    case 13:
        return "The thesis’s first row of outputs is the image itself; the softmax is a layer of its own there, and "
               "the "
               "activation of the last dense layer here.";
    case 15:
        return "Where a reader stumbles: the thesis states input 224, filter 11, stride 4, padding 0 and output 55 for "
               "the first layer, but with its own formula (section 3.2.1) these give ⌊(224 − 11) / 4⌋ + 1 = 54. "
               "Silma’s network pads by 2, which gives ⌊(224 + 2·2 − 11) / 4⌋ + 1 = 55 and changes no parameter. What "
               "the thesis draws as two halves, once on two graphics cards, is one layer with two groups here.";
    case 18:
        return "The figure’s total can be read as 484,018; the text says 404,010, and so do the rows added up.";
    case 22:
    case 31:
        return "Batch normalisation stands after the activation, as in the notebook that made the thesis’s figures and "
               "as the table has it; section 3.2.3 says that it typically stands before. What is not trainable are its "
               "moving means and variances, 2 · (2·32 + 2·64) = 384.";
    default:
        return NULL;
    }
}

silma_status figure_table(thesis_page *page, int figure, silma_error *error)
{
    const thesis_table *table = thesis_table_of(figure);
    silma_network *network = NULL;
    silma_status status = silma_network_open(&network, table->network, &table->input, error);
    if (status != SILMA_OK) return status;
    text_buffer *out = page->out;
    figure_heading(page, figure);
    buffer_add(out, "<figure>\n");
    page_scroll_begin(out, "Layers");
    buffer_add(out, "<table><thead><tr><th>Layer</th><th class=\"n\">Output<br>thesis</th><th "
                    "class=\"n\">Output<br>Silma</th><th class=\"n\">Parameters<br>thesis</th><th "
                    "class=\"n\">Parameters<br>Silma</th><th></th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < table->row_count; i++)
        add_row(out, &table->rows[i], network);
    buffer_add(out, "</tbody><tfoot>\n");
    add_totals(out, table, network);
    buffer_add(out, "</tfoot></table>\n");
    page_scroll_end(out);
    figure_caption(page, figure);
    buffer_add(out, "</figure>\n");
    if (remark_of(figure)) buffer_print(out, "<p class=\"small\">%s</p>\n", remark_of(figure));
    silma_network_free(network);
    return buffer_status(out, error);
}

silma_status count_agreeing(size_t *agreeing, size_t *all, silma_error *error)
{
    static const int figures[] = {13, 15, 18, 22, 27, 31};
    *agreeing = *all = 0;
    for (size_t f = 0; f < sizeof figures / sizeof *figures; f++) {
        const thesis_table *table = thesis_table_of(figures[f]);
        silma_network *network = NULL;
        silma_status status = silma_network_open(&network, table->network, &table->input, error);
        if (status != SILMA_OK) return status;
        for (size_t i = 0; i < table->row_count; i++) {
            silma_layer_info info;
            if (table->rows[i].layer < 0) continue;
            silma_network_layer(network, (size_t)table->rows[i].layer, &info);
            ++*all;
            *agreeing += agrees(&table->rows[i], &info);
        }
        network_params sum = params_of(network);
        *all += 2;
        *agreeing += sum.trainable == table->params - table->non_trainable;
        *agreeing += sum.non_trainable == table->non_trainable;
        silma_network_free(network);
    }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// LeNet-5 and AlexNet

static silma_status figure_drawing(thesis_page *page, int figure, const char *name, const silma_input *input,
                                   silma_error *error)
{
    silma_network *network = NULL;
    silma_status status = silma_network_open(&network, name, input, error);
    if (status != SILMA_OK) return status;
    figure_heading(page, figure);
    buffer_add(page->out, "<figure>\n");
    status = drawing_add(page->out, network, true, error);
    figure_caption(page, figure);
    buffer_add(page->out, "</figure>\n<p class=\"small\">Silma draws a network from top to bottom, without asterisks: "
                          "each box is a layer with its options and its output’s size. The two halves are "
                          "<code>groups=2</code>. The first convolution pads by 2 (see figure 15).</p>\n");
    silma_network_free(network);
    return status;
}

static silma_status add_compared(text_buffer *out, const char *title, int figure, const char *task,
                                 const char *features, silma_error *error)
{
    const thesis_table *table = thesis_table_of(figure);
    silma_network *network = NULL;
    silma_status status = silma_network_open(&network, table->network, &table->input, error);
    if (status != SILMA_OK) return status;
    size_t weighted = 0;
    uint64_t multiply_adds = 0;
    for (size_t i = 0; i < silma_network_layer_count(network); i++) {
        silma_layer_info info;
        silma_network_layer(network, i, &info);
        weighted += info.trainable_params > 0;
        multiply_adds += info.multiply_adds;
    }
    network_params sum = params_of(network);
    buffer_print(out,
                 "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td class=\"n\">%zu</td><td class=\"n\">%s</td>"
                 "<td class=\"n\">%s</td></tr>\n",
                 title, task, features, weighted, count_text(sum.trainable).text,
                 count_text((size_t)multiply_adds).text);
    silma_network_free(network);
    return SILMA_OK;
}

static silma_status figure_16(thesis_page *page, silma_error *error)
{
    text_buffer *out = page->out;
    figure_heading(page, 16);
    buffer_add(out, "<figure>\n");
    page_scroll_begin(out, "LeNet-5 and AlexNet");
    buffer_add(out, "<table><thead><tr><th>Network</th><th>Task (thesis)</th><th>Features (thesis)</th><th "
                    "class=\"n\">Layers with<br>weights (Silma)</th><th class=\"n\">Parameters<br>(Silma)</th><th "
                    "class=\"n\">Multiply-adds<br>an image (Silma)</th></tr></thead>\n<tbody>\n");
    silma_status status = add_compared(out, "LeNet-5", 13,
                                       "Small-scale tasks, simple datasets like MNIST. Simpler, "
                                       "fewer layers and parameters.",
                                       "Early use of CNNs, basic layers.", error);
    if (status == SILMA_OK)
        status = add_compared(out, "AlexNet", 15,
                              "Large-scale tasks, complex datasets like ImageNet. Deeper, more "
                              "layers, significantly more parameters.",
                              "Introduced ReLU activation, dropout for regularization and GPU acceleration.", error);
    buffer_add(out, "</tbody></table>\n");
    page_scroll_end(out);
    figure_caption(page, 16);
    buffer_add(out, "</figure>\n");
    return status;
}

silma_status part_examples(thesis_page *page, silma_error *error)
{
    static const page_link link = {"examples", "Examples: LeNet-5 and AlexNet"};
    page_section_begin(page->out, &link,
                       "Section 3.6 of the thesis. <code>silma summary lenet5</code> and <code>silma "
                       "summary alexnet</code> print the same tables.");
    silma_status status = figure_table(page, 13, error);
    if (status == SILMA_OK) status = figure_drawing(page, 14, "alexnet", &thesis_table_of(15)->input, error);
    if (status == SILMA_OK) status = figure_table(page, 15, error);
    if (status == SILMA_OK) status = figure_16(page, error);
    page_section_end(page->out);
    return status;
}
