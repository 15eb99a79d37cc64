// The thesis on one page: gathers what there is, and writes its parts in the thesis's order.
#include "report/thesis_inside.h"

static const char TITLE[] = "The thesis, reproduced";
static const char SUBTITLE[] =
    "J. Jäppinen, “The mathematics of neural networks behind image recognition”, University of Turku, 2024: its tables "
    "and figures from Silma’s own runs, beside its values.";

// ---------------------------------------------------------------------------------------------------------------------
// The page

static bool wanted(const thesis_page *page, thesis_experiment which)
{
    return !page->outcomes[which].left_out;
}

// Either has the data set and its samples.
static const thesis_outcome *data_of(const thesis_page *page, thesis_experiment ann, thesis_experiment cnn)
{
    if (!wanted(page, ann)) return wanted(page, cnn) ? &page->outcomes[cnn] : NULL;
    return page->outcomes[ann].dataset || !wanted(page, cnn) ? &page->outcomes[ann] : &page->outcomes[cnn];
}

static bool figure_is_shown(const thesis_page *page, int figure)
{
    for (int i = 0; i < THESIS_EXPERIMENTS; i++) {
        const thesis_case *c = &THESIS_CASES[i];
        bool its = figure == c->table || figure == c->curves || figure == c->confusion || figure == c->pictures;
        if (its && !wanted(page, (thesis_experiment)i)) return false;
    }
    if (figure == 17) return wanted(page, THESIS_CIFAR_ANN) || wanted(page, THESIS_CIFAR_CNN);
    if (figure == 26) return wanted(page, THESIS_FASHION_ANN) || wanted(page, THESIS_FASHION_CNN);
    return thesis_caption_of(figure) != NULL;
}

static void add_figure_links(thesis_page *page)
{
    text_buffer *out = page->out;
    buffer_add(out, "<nav aria-label=\"Figures\"><ul>\n<li class=\"soft\">Figures:</li>\n");
    for (int figure = 1; figure <= 35; figure++)
        if (figure_is_shown(page, figure))
            buffer_print(out, "<li><a href=\"#figure-%d\">%d</a></li>\n", figure, figure);
    buffer_add(out, "</ul></nav>\n");
}

static void add_contents(thesis_page *page)
{
    page_link links[THESIS_EXPERIMENTS + 7];
    size_t count = 0;
    links[count++] = (page_link){"functions", "Functions"};
    links[count++] = (page_link){"connections", "Connections"};
    links[count++] = (page_link){"examples", "LeNet-5 and AlexNet"};
    if (wanted(page, THESIS_CIFAR_ANN) || wanted(page, THESIS_CIFAR_CNN))
        links[count++] = (page_link){"cifar-10", "CIFAR-10"};
    for (int i = THESIS_CIFAR_ANN; i <= THESIS_CIFAR_CNN; i++)
        if (wanted(page, (thesis_experiment)i))
            links[count++] = (page_link){THESIS_CASES[i].base.name, THESIS_CASES[i].short_title};
    if (wanted(page, THESIS_FASHION_ANN) || wanted(page, THESIS_FASHION_CNN))
        links[count++] = (page_link){"fashion-mnist", "Fashion-MNIST"};
    for (int i = THESIS_FASHION_ANN; i <= THESIS_FASHION_CNN; i++)
        if (wanted(page, (thesis_experiment)i))
            links[count++] = (page_link){THESIS_CASES[i].base.name, THESIS_CASES[i].short_title};
    links[count++] = (page_link){"comparison", "The four cases"};
    links[count++] = (page_link){"runs", "How it was trained"};
    page_contents(page->out, links, count);
    add_figure_links(page);
}

static silma_status add_chapter(thesis_page *page, const page_link *link, int samples, thesis_experiment ann,
                                thesis_experiment cnn, silma_error *error)
{
    const thesis_outcome *data = data_of(page, ann, cnn);
    if (!data) return SILMA_OK;
    page_section_begin(page->out, link, NULL);
    silma_status status = part_data(page, samples, data, error);
    page_section_end(page->out);
    if (status == SILMA_OK && wanted(page, ann)) status = part_experiment(page, &page->outcomes[ann], error);
    if (status == SILMA_OK && wanted(page, cnn)) status = part_experiment(page, &page->outcomes[cnn], error);
    return status;
}

static silma_status add_parts(thesis_page *page, silma_error *error)
{
    static const page_link cifar = {"cifar-10", "CIFAR-10"}, fashion = {"fashion-mnist", "Fashion-MNIST"};
    silma_status status = part_functions(page, error);
    if (status == SILMA_OK) status = part_connections(page, error);
    if (status == SILMA_OK) status = part_examples(page, error);
    if (status == SILMA_OK) status = add_chapter(page, &cifar, 17, THESIS_CIFAR_ANN, THESIS_CIFAR_CNN, error);
    if (status == SILMA_OK) status = add_chapter(page, &fashion, 26, THESIS_FASHION_ANN, THESIS_FASHION_CNN, error);
    if (status == SILMA_OK) status = part_comparison(page, error);
    part_runs(page);
    return status;
}

static silma_status add_page(thesis_page *page, silma_error *error)
{
    page_begin(page->out, TITLE, SUBTITLE);
    silma_status status = part_summary(page, error);
    add_contents(page);
    if (status == SILMA_OK) status = add_parts(page, error);
    page_end(page->out);
    return status;
}

silma_status silma_thesis_write(silma_context *context, const silma_thesis_options *options, const char *path,
                                silma_error *error)
{
    text_buffer text = {0};
    thesis_page page = {.out = &text, .context = context, .codecs = options->codecs};
    silma_status status = SILMA_OK;
    for (int i = 0; i < THESIS_EXPERIMENTS && status == SILMA_OK; i++)
        status = outcome_gather(&page.outcomes[i], (thesis_experiment)i, &options->parts[i], context, error);
    if (status == SILMA_OK) status = add_page(&page, error);
    if (status == SILMA_OK) status = buffer_write(&text, path, error);
    for (int i = 0; i < THESIS_EXPERIMENTS; i++)
        outcome_free(&page.outcomes[i]);
    buffer_free(&text);
    return status;
}
