// The frame of an HTML page that needs no other file: styles for light and dark, narrow and wide, and paper; a policy
// that forbids it to load or run anything. There is no script in it at all: choices are radio buttons and <details>.
#ifndef SILMA_REPORT_PAGE_H
#define SILMA_REPORT_PAGE_H

#include "report/text_buffer.h"

// `title` and `subtitle` are plain text, escaped here.
void page_begin(text_buffer *page, const char *title, const char *subtitle);
void page_end(text_buffer *page);

typedef struct page_link {
    const char *id, *title;
} page_link;
void page_contents(text_buffer *page, const page_link *links, size_t count);

// A section with a heading that links lead to; `lead` is HTML under the heading, or null.
void page_section_begin(text_buffer *page, const page_link *link, const char *lead);
void page_section_end(text_buffer *page);

// Around an SVG. `scrolls`: it keeps its size, and scrolls sideways where the page is narrow. `caption` is HTML, or
// null.
void page_figure_begin(text_buffer *page, bool scrolls);
void page_figure_end(text_buffer *page, const char *caption);

// Around a table that may be wider than a phone.
void page_scroll_begin(text_buffer *page, const char *label);
void page_scroll_end(text_buffer *page);

// A table in that; those of its headings (HTML, ended by null) that begin with '#' are above numbers.
void page_table_begin(text_buffer *page, const char *label, const char *const *headings);
void page_table_end(text_buffer *page);

// Text of several lines, escaped: for <pre>.
void page_add_lines(text_buffer *page, const char *text);

#endif
