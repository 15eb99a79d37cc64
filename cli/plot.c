// silma plot: figures of the mathematics and of the data.
#include "commands.h"
#include "figure_files.h"
#include "output.h"
#include "setup.h"
#include "text.h"

#include <silma/report.h>

#include <stdio.h>
#include <string.h>

static silma_status plot_activations(const arguments *args, figure_files *files, problem *why)
{
    silma_context *context = NULL;
    silma_status status = open_context(args, &context, why);
    if (!status) status = silma_plot_activations(context, figure_files_add, files, &why->error);
    silma_context_free(context);
    return status;
}

// "12x12", or "12" for both.
static silma_status parse_size(const char *text, int *height, int *width, problem *why)
{
    enum { SIDE_MOST = 512 };
    char copy[32];
    uint64_t sides[2];
    bool valid = strlen(text) < sizeof copy;
    snprintf(copy, sizeof copy, "%s", text);
    char *cross = strchr(copy, 'x');
    if (cross) *cross = 0;
    valid = valid && parse_count(copy, 1, SIDE_MOST, &sides[0]);
    valid = valid && parse_count(cross ? cross + 1 : copy, 1, SIDE_MOST, &sides[1]);
    if (!valid)
        return problem_set(why, SILMA_USAGE, "--input: expected HEIGHTxWIDTH of at most %d such as 12x12, found '%s'",
                           SIDE_MOST, text);
    *height = (int)sides[0];
    *width = (int)sides[1];
    return SILMA_OK;
}

// The window as a .silma text has it: "3x3 stride=2 pad=1".
static silma_status window_text(const arguments *args, char *text, size_t size, problem *why)
{
    const char *filter = option_text(args, "filter"), *stride = option_text(args, "stride");
    const char *pad = option_text(args, "pad");
    bool named = pad && (strcmp(pad, "same") == 0 || strcmp(pad, "valid") == 0);
    char side[64] = "3x3";
    if (filter) snprintf(side, sizeof side, strchr(filter, 'x') ? "%s" : "%sx%s", filter, filter);
    int length = snprintf(text, size, "%s%s%s%s%s", side, stride ? " stride=" : "", stride ? stride : "",
                          pad ? (named ? " " : " pad=") : "", pad ? pad : "");
    if (length < 0 || (size_t)length >= size || (filter && strlen(filter) * 2 >= sizeof side) || strpbrk(text, "#\n") ||
        (filter && strchr(filter, ' ')))
        return problem_set(why, SILMA_USAGE, "--filter, --stride and --pad: expected sizes such as 3, 3x3 or same");
    return SILMA_OK;
}

static silma_status plot_connections(const arguments *args, figure_files *files, problem *why)
{
    int height = 12, width = 12;
    char window[256];
    silma_context *context = NULL;
    const char *input = option_text(args, "input");
    silma_status status = input ? parse_size(input, &height, &width, why) : SILMA_OK;
    if (!status) status = window_text(args, window, sizeof window, why);
    if (!status) status = open_context(args, &context, why);
    if (!status) status = silma_plot_connections(context, height, width, window, figure_files_add, files, &why->error);
    silma_context_free(context);
    return status;
}

static silma_status plot_samples(const arguments *args, figure_files *files, problem *why)
{
    enum { COUNT_DEFAULT = 25, COUNT_MOST = 400 };
    static const char *const split_names[] = {"train", "test"};
    uint64_t seed = 0, count = COUNT_DEFAULT;
    size_t split = SILMA_SPLIT_TRAIN;
    const char *name = option_text(args, "data");
    if (!name) {
        problem_hint(why, "silma plot samples --data fashion-mnist");
        return problem_set(why, SILMA_USAGE, "--data is missing");
    }
    silma_status status = option_count(args, "seed", 0, UINT64_MAX, &seed, why);
    if (!status) status = option_count(args, "count", 1, COUNT_MOST, &count, why);
    if (!status) status = option_choice(args, "split", split_names, 2, &split, why);
    if (status) return status;
    silma_dataset *dataset = NULL;
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    status = open_dataset(name, options.data_dir, (silma_split)split, &dataset, why);
    if (!status)
        status = silma_plot_samples(dataset, (size_t)count, seed, options.codecs, figure_files_add, files, &why->error);
    silma_dataset_free(dataset);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------

typedef struct plot {
    const char *name;
    silma_status (*draw)(const arguments *args, figure_files *files, problem *why);
    const char *options[8]; // of its own
} plot;

static const plot plots[] = {
    {"activations", plot_activations, {NULL}},
    {"connections", plot_connections, {"input", "filter", "stride", "pad"}},
    {"samples", plot_samples, {"data", "data-dir", "split", "count", "seed"}},
};
enum { PLOT_COUNT = sizeof plots / sizeof *plots };

// Null, and what is wrong, where there is none.
static const plot *find_plot(const char *name, problem *why)
{
    const char *names[PLOT_COUNT];
    for (size_t i = 0; i < PLOT_COUNT; i++) {
        names[i] = plots[i].name;
        if (strcmp(name, names[i]) == 0) return &plots[i];
    }
    const char *closest = text_closest(name, names, PLOT_COUNT);
    if (closest) problem_hint(why, "did you mean '%s'?", closest);
    problem_set(why, SILMA_USAGE, "expected activations, connections or samples, found '%s'", name);
    return NULL;
}

// An option of another plot is a mistake.
static silma_status check_options(const arguments *args, const plot *wanted, problem *why)
{
    for (size_t i = 0; i < PLOT_COUNT; i++)
        for (const char *const *name = plots[i].options; *name && &plots[i] != wanted; name++)
            if (option_given(args, *name))
                return problem_set(why, SILMA_USAGE, "--%s is about 'silma plot %s'", *name, plots[i].name);
    return SILMA_OK;
}

static silma_status run(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 1, 1, "activations, connections or samples", why);
    if (status) return status;
    const plot *wanted = find_plot(args->words[0], why);
    if (!wanted) return SILMA_USAGE;
    status = check_options(args, wanted, why);
    if (status) return status;
    const char *folder = option_given(args, "out") ? option_text(args, "out") : ".";
    figure_files files = {0};
    status = figure_files_open(&files, args, folder, why);
    if (!status) status = wanted->draw(args, &files, why);
    if (!status) status = figure_files_commit(&files, why);
    if (!status && option_given(args, "json"))
        status = output_json(json_pack("{s:o}", "figures", figure_files_json(&files)), why);
    else if (!status)
        figure_files_print(&files);
    figure_files_free(&files);
    return status;
}

static const option table[] = {
    {"out", "DIR", "the folder for the files (default: the current one)"},
    {"png", NULL, "PNG files beside the SVG files"},
    {"force", NULL, "replace files that exist"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option connections_table[] = {
    {"input", "HxW", "the pixels (default: 12x12)"},
    {"filter", "N|HxW", "the size of the filter (default: 3)"},
    {"stride", "N|HxW", "its steps (default: 1)"},
    {"pad", "valid|same|N|HxW|T,L,B,R", "padding (default: valid, which is none)"},
    {0},
};
static const option samples_table[] = {
    {"data", "NAME|DIR", "the data set"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"split", "train|test", "which of its images (default: train)"},
    {"count", "N", "how many (default: 25)"},
    {"seed", "N", "draws others (default: 0)"},
    {0},
};
static const option_group options = {"Options", table};
static const option_group connections_options = {"Connections", connections_table};
static const option_group samples_options = {"Samples", samples_table};

const command plot_command = {
    .name = "plot",
    .synopsis = "activations [options]\nconnections [--input HxW] [--filter N] [--stride N] [--pad P] [options]\n"
                "samples --data NAME|DIR [--count N] [--seed N] [options]",
    .summary = "draw the mathematics and the data as figures",
    .details = "Writes SVG files and prints their names.\n"
               "activations: each activation function and its derivative, as the kernels compute them, and the\n"
               "negative logarithm (figures 3 to 7 of the thesis).\n"
               "connections: how many outputs of a filter each pixel feeds (figure 11, equations 60 and 61).\n"
               "samples: random images of a data set with their classes (figures 17 and 26).",
    .groups = {&options, &connections_options, &samples_options, &machine_options},
    .run = run,
};
