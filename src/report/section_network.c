// The network as a table, as a drawing, and as text.
#include "report/drawing.h"
#include "report/report_inside.h"

const page_link LINK_NETWORK = {"network", "Network"};

silma_status draw_network(const silma_report *report, text_buffer *out, bool inside_page, silma_error *error)
{
    return drawing_add(out, report->facts.network, inside_page, error);
}

static void add_layer(text_buffer *page, const silma_network *network, size_t index)
{
    silma_layer_info info;
    silma_network_layer(network, index, &info);
    buffer_add(page, "<tr><th scope=\"row\">");
    buffer_escape(page, info.name);
    buffer_add(page, "</th><td>");
    buffer_escape(page, info.type);
    buffer_add(page, " ");
    buffer_escape(page, info.description);
    buffer_add(page, "</td><td class=\"n\">");
    if (info.height > 0) buffer_print(page, "%d×%d×", info.height, info.width);
    buffer_print(page, "%d</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n", info.channels,
                 count_text(info.trainable_params + info.non_trainable_params).text,
                 count_text((size_t)info.multiply_adds).text);
}

static void add_table(text_buffer *page, const silma_network *network)
{
    size_t trainable = 0, other = 0;
    uint64_t multiply_adds = 0;
    static const char *const headings[] = {"Name", "Layer", "#Output", "#Parameters", "#Multiply-adds", NULL};
    page_table_begin(page, "Layers", headings);
    for (size_t i = 0; i < silma_network_layer_count(network); i++) {
        silma_layer_info info;
        silma_network_layer(network, i, &info);
        trainable += info.trainable_params;
        other += info.non_trainable_params;
        multiply_adds += info.multiply_adds;
        add_layer(page, network, i);
    }
    buffer_print(page,
                 "</tbody><tfoot><tr><th scope=\"row\">Total</th><td></td><td></td><td class=\"n\">%s</td><td "
                 "class=\"n\">%s</td></tr></tfoot></table>",
                 count_text(trainable + other).text, count_text((size_t)multiply_adds).text);
    page_scroll_end(page);
    if (other > 0)
        buffer_print(page, "<p class=\"small soft\">%s of the parameters are trained, %s are moving averages.</p>\n",
                     count_text(trainable).text, count_text(other).text);
    else
        buffer_add(page, "<p class=\"small soft\">All parameters are trained.</p>\n");
}

silma_status section_network(const silma_report *report, text_buffer *page, silma_error *error)
{
    const silma_network *network = report->facts.network;
    page_section_begin(page, &LINK_NETWORK, NULL);
    buffer_add(page, "<div class=\"two\">\n<div>\n");
    add_table(page, network);
    buffer_add(page, "</div>\n");
    page_figure_begin(page, true);
    silma_status status = draw_network(report, page, true, error);
    page_figure_end(page, "Layers from top to bottom; at the right of each box the shape of its output.");
    buffer_add(page, "</div>\n");
    buffer_add(page, "<details><summary>The network’s text</summary>\n<pre><code>");
    page_add_lines(page, report->facts.network_text);
    buffer_add(page, "</code></pre></details>\n");
    page_section_end(page);
    return status;
}
