// Headings and captions.
#include "report/thesis_inside.h"

void figure_heading(thesis_page *page, int figure)
{
    const thesis_caption *caption = thesis_caption_of(figure);
    buffer_print(page->out, "<h3 id=\"figure-%d\">Figure %d <span class=\"soft small\">section %s</span></h3>\n",
                 figure, figure, caption->section);
}

void figure_caption(thesis_page *page, int figure)
{
    buffer_print(page->out, "<figcaption>Figure %d: ", figure);
    buffer_escape(page->out, thesis_caption_of(figure)->text);
    buffer_add(page->out, "</figcaption>\n");
}

silma_status figure_add_svg(const char *name, const char *svg, size_t size, void *page, silma_error *error)
{
    (void)name;
    (void)size;
    (void)error;
    svg_add_to_page(((thesis_page *)page)->out, svg);
    return SILMA_OK;
}
