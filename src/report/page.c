#include "report/page.h"

#include "report/svg.h"

#include <string.h>

static const char HEAD[] = "<!doctype html>\n"
                           "<html lang=\"en\">\n"
                           "<head>\n"
                           "<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                           "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                           "<meta name=\"color-scheme\" content=\"light dark\">\n"
                           "<meta name=\"referrer\" content=\"no-referrer\">\n"
                           "<link rel=\"icon\" href=\"data:,\">\n";

// The dark theme's; the figures have their own.
static const char DARK_VARIABLES[] =
    "--page:#0d1117;--text:#e6edf3;--soft:#9da7b3;--line:#30363d;--panel:#161b22;"
    "--blue:#79b8ff;--red:#ff8f85;--good:#5fd195;--caution:#e0a84a;--shadow:#9da7b366;";

static const char STYLE[] =
    ":root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--soft:#57606a;--line:#d8dee4;--panel:#f6f8fa;"
    "--blue:#0b57b8;--red:#b3261e;--good:#1a7f4b;--caution:#9a6400;--shadow:#57606a66}\n"
    "*{box-sizing:border-box}\n"
    "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\n"
    "body{margin:0 auto;padding:1.5rem 1.25rem 4rem;max-width:74rem;background:var(--page);color:var(--text);"
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;"
    "overflow-wrap:anywhere}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .25rem}\n"
    "h2{font-size:1.35rem;line-height:1.25;margin:2.75rem 0 .5rem;padding-top:.75rem;border-top:1px solid "
    "var(--line)}\n"
    "h3{font-size:1.05rem;margin:1.5rem 0 .4rem}\n"
    "p{margin:.5rem 0;max-width:48rem}\n"
    "a{color:var(--blue)}\n"
    ":focus-visible{outline:3px solid var(--blue);outline-offset:2px;border-radius:3px}\n"
    ".soft{color:var(--soft)}.small{font-size:.875rem}.right{color:var(--blue)}.wrong{color:var(--red)}\n"
    "nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;margin:1rem 0 "
    "0;padding:0;font-size:.925rem}\n"
    ".summary{list-style:none;margin:1.25rem 0;padding:0}\n"
    ".summary li{margin:.45rem 0;padding:.1rem 0 .1rem .8rem;border-left:4px solid var(--line);max-width:52rem}\n"
    ".summary .result{font-size:1.2rem;border-color:var(--blue)}\n"
    ".summary .good{border-color:var(--good)}.summary .caution{border-color:var(--caution)}\n"
    ".summary .caution::before{content:\"Note: \";font-weight:600;color:var(--caution)}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.25rem,1fr));gap:.75rem;margin:1.25rem 0;"
    "padding:0}\n"
    ".tiles div{background:var(--panel);border-radius:8px;padding:.7rem .9rem;margin:0}\n"
    ".tiles dt{font-size:.85rem;color:var(--soft)}.tiles "
    "dd{margin:0;white-space:nowrap;font-size:1.15rem;font-weight:600;"
    "font-variant-numeric:tabular-nums}.tiles dd small{display:block;font-size:.8rem;font-weight:400;"
    "color:var(--soft)}\n"
    "figure{margin:1rem 0}figure svg{display:block;max-width:100%;height:auto}\n"
    "figcaption{font-size:.9rem;color:var(--soft);max-width:48rem;margin-top:.4rem}\n"
    ".scroll{overflow-x:auto;max-width:100%}.scroll svg{max-width:none}\n"
    // A shadow at the side where there is more: it lies still, and what covers it moves with the content.
    "@media screen{.scroll{background:linear-gradient(90deg,var(--page) 50%,transparent) 0 0/2.5rem 100% no-repeat "
    "local,linear-gradient(-90deg,var(--page) 50%,transparent) 100% 0/2.5rem 100% no-repeat "
    "local,linear-gradient(90deg,var(--shadow),transparent) 0 0/.9rem 100% no-repeat "
    "scroll,linear-gradient(-90deg,var(--shadow),transparent) 100% 0/.9rem 100% no-repeat scroll}}\n"
    ".three{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(21rem,100%),1fr));gap:.5rem 1.25rem}\n"
    ".three figure{margin:.5rem 0}\n"
    "table{border-collapse:collapse;font-size:.925rem;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:left;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}\n"
    "th{font-weight:600}thead th{color:var(--soft);vertical-align:bottom}\n"
    "td.n,th.n{text-align:right;white-space:nowrap}td.whole{white-space:nowrap}\n"
    "td .low{color:var(--soft);font-size:.825em;white-space:nowrap}\n"
    ".two{display:flex;flex-wrap:wrap;gap:.75rem 2.5rem;align-items:flex-start}.two>*{min-width:0;max-width:100%}\n"
    // A long caption does not make its figure wider.
    ".two figcaption,.two .small{width:0;min-width:100%}\n"
    "table{overflow-wrap:normal}tbody th{font-weight:400;max-width:22rem;min-width:6.5rem;overflow-wrap:anywhere}"
    "td{overflow-wrap:anywhere;max-width:36rem}.scroll td{overflow-wrap:break-word;max-width:22rem}\n"
    ".facts th{white-space:nowrap}th.name,td.name{min-width:8.5rem}\n"
    "tfoot td,tfoot th{border-bottom:0;font-weight:600}\n";

static const char STYLE_OF_PARTS[] =
    "pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans "
    "Mono\",monospace;font-size:.875rem}\n"
    "pre{background:var(--panel);border-radius:8px;padding:.8rem 1rem;overflow-x:auto;white-space:pre-wrap;"
    "overflow-wrap:anywhere;max-width:100%}\n"
    "summary{cursor:pointer;padding:.3rem 0;color:var(--blue);font-weight:600}\n"
    "details{margin:.75rem 0}\n"
    ".switch{border:0;margin:.75rem 0 .25rem;padding:0;display:flex;gap:1.25rem;flex-wrap:wrap}\n"
    ".switch label{cursor:pointer}.switch input{accent-color:var(--blue)}\n"
    ".either:has(.pick-b:checked) .a,.either:not(:has(.pick-b:checked)) .b{display:none}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(22rem,100%),1fr));gap:1rem 1.5rem;"
    "margin:1rem 0}\n"
    "h4{font-size:.975rem;font-weight:600;margin:1.1rem 0 .4rem}\n"
    ".gallery{display:flex;flex-wrap:wrap;align-items:flex-start;gap:.9rem 1rem;margin:.75rem 0}\n"
    ".gallery figure{margin:0;max-width:100%}.gallery figcaption{margin-top:.2rem;font-size:.85rem;line-height:1.3}\n"
    ".gallery .right{color:var(--blue)}.gallery .wrong{color:var(--red)}.gallery .plain{color:var(--soft)}\n"
    ".gallery .together{display:flex;gap:1rem}.gallery .whole{white-space:nowrap}.gallery "
    "small{display:block;color:var(--soft)}\n"
    ".gallery .beside{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 8px;align-items:center;"
    "margin-right:1rem}.gallery .beside figcaption{grid-column:1/-1}\n"
    "footer{margin-top:3rem;padding-top:.75rem;border-top:1px solid var(--line);font-size:.875rem;color:var(--soft)}\n"
    "@media (max-width:40rem){body{padding:1rem .9rem 3rem;font-size:15px}h1{font-size:1.5rem}h2{font-size:1.2rem}"
    ".tiles{grid-template-columns:repeat(2,1fr)}th,td{padding-right:.55rem}}\n"
    // On A4 three curves stand side by side, as on a screen, and eight pictures.
    "@media print{body{max-width:none;padding:0;zoom:.75;font-size:13.5pt}nav,.switch,details:not([open]){display:none}"
    "h2,h3,h4,h2+p{break-after:avoid}h2{margin-top:1.5rem}figure,tr,p,.tiles div,.summary li{break-inside:avoid}"
    ".three{grid-template-columns:repeat(3,1fr)}.gallery,.gallery .together{gap:.5rem}.gallery "
    ".beside{margin-right:.5rem}"
    "a{color:inherit;text-decoration:none}.tiles{grid-template-columns:repeat(4,1fr)}"
    ".scroll{overflow:visible}.scroll svg{max-width:100%}}\n";

void page_begin(text_buffer *page, const char *title, const char *subtitle)
{
    buffer_add(page, HEAD);
    buffer_add(page, "<title>");
    buffer_escape(page, title);
    buffer_add(page, "</title>\n");
    buffer_add(page, "<style>\n");
    buffer_add(page, STYLE);
    buffer_add(page, STYLE_OF_PARTS);
    svg_add_style(page);
    // Paper is white, whatever the screen shows.
    buffer_print(page, "\n@media screen and (prefers-color-scheme:dark){:root{%s%s}}\n</style>\n", DARK_VARIABLES,
                 SVG_DARK_VARIABLES);
    buffer_add(page, "</head>\n<body>\n<header>\n<h1>");
    buffer_escape(page, title);
    buffer_add(page, "</h1>\n<p class=\"soft\">");
    buffer_escape(page, subtitle);
    buffer_add(page, "</p>\n</header>\n");
}

void page_end(text_buffer *page)
{
    buffer_print(page, "<footer>Written by silma %s.</footer>\n</body>\n</html>\n", silma_version());
}

void page_contents(text_buffer *page, const page_link *links, size_t count)
{
    buffer_add(page, "<nav aria-label=\"Contents\"><ul>\n");
    for (size_t i = 0; i < count; i++)
        buffer_print(page, "<li><a href=\"#%s\">%s</a></li>\n", links[i].id, links[i].title);
    buffer_add(page, "</ul></nav>\n");
}

void page_section_begin(text_buffer *page, const page_link *link, const char *lead)
{
    buffer_print(page, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", link->id, link->id, link->title);
    if (lead) buffer_print(page, "<p>%s</p>\n", lead);
}

void page_section_end(text_buffer *page)
{
    buffer_add(page, "</section>\n");
}

void page_scroll_begin(text_buffer *page, const char *label)
{
    buffer_add(page, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    buffer_escape(page, label);
    buffer_add(page, "\">");
}

void page_scroll_end(text_buffer *page)
{
    buffer_add(page, "</div>\n");
}

void page_table_begin(text_buffer *page, const char *label, const char *const *headings)
{
    page_scroll_begin(page, label);
    buffer_add(page, "<table><thead><tr>");
    for (; *headings; headings++)
        if (**headings == '#')
            buffer_print(page, "<th class=\"n\">%s</th>", *headings + 1);
        else
            buffer_print(page, "<th>%s</th>", *headings);
    buffer_add(page, "</tr></thead>\n<tbody>\n");
}

void page_table_end(text_buffer *page)
{
    buffer_add(page, "</tbody></table>");
    page_scroll_end(page);
}

void page_figure_begin(text_buffer *page, bool scrolls)
{
    buffer_add(page, "<figure>");
    if (scrolls)
        page_scroll_begin(page, "Figure");
    else
        buffer_add(page, "<div>");
    buffer_add(page, "\n");
}

void page_figure_end(text_buffer *page, const char *caption)
{
    buffer_add(page, "</div>\n");
    if (caption) buffer_print(page, "<figcaption>%s</figcaption>\n", caption);
    buffer_add(page, "</figure>\n");
}

void page_add_lines(text_buffer *page, const char *text)
{
    text_buffer line = {0};
    while (*text) {
        size_t length = strcspn(text, "\n");
        line.length = 0;
        buffer_add_bytes(&line, text, length);
        if (line.text) buffer_escape(page, line.text);
        text += length;
        if (*text) buffer_add_bytes(page, text++, 1);
    }
    page->failed = page->failed || line.failed;
    buffer_free(&line);
}
