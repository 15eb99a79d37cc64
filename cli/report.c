// silma report: a run as a page to look at.
#include "commands.h"
#include "figure_files.h"
#include "output.h"
#include "report_page.h"
#include "run_folder.h"
#include "setup.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct session {
    const char *folder;
    char *out;
    silma_context *context;
    silma_dataset *dataset;
    silma_report *report;
    figure_files figures;
} session;

static void session_free(session *s)
{
    figure_files_free(&s->figures);
    report_free(s->report);
    silma_dataset_free(s->dataset);
    silma_context_free(s->context);
    free(s->out);
}

static silma_status check_folder(const arguments *args, session *s, problem *why)
{
    silma_status status = arguments_expect_words(args, 1, 1, "a run folder, such as runs/cnn-1", why);
    if (status) return status;
    s->folder = args->words[0];
    if (!run_folder_holds_run(s->folder))
        return problem_set(why, SILMA_IO, "%s: no run in this folder: expected config.json", s->folder);
    status = figure_files_check(args, s->folder, why);
    if (status) return status;
    const char *out = option_text(args, "out");
    s->out = out ? strdup(out) : join_path(s->folder, "report.html");
    if (!s->out) return problem_set_memory(why);
    if (!s->out[0]) return problem_set(why, SILMA_USAGE, "--out: the name of the page is empty");
    // A report of the same run is made again without asking; any other file stays.
    if (out && access(out, F_OK) == 0 && !option_given(args, "force")) {
        problem_hint(why, "--force replaces it");
        return problem_set(why, SILMA_USAGE, "%s exists already", out);
    }
    return SILMA_OK;
}

static silma_status make_report(const arguments *args, session *s, problem *why)
{
    problem missing = {.hint = ""};
    silma_status status = open_context(args, &s->context, why);
    if (status) return status;
    // Without its images much of a run can still be shown.
    silma_dataset_options data = dataset_options(option_text(args, "data-dir"));
    status = read_threads(args, &data.threads, why);
    if (status) return status;
    silma_status opened = open_run_dataset(s->folder, NULL, &data, &s->dataset, &missing);
    if (opened && !option_given(args, "quiet"))
        fprintf(stderr, "silma: report: without images: %s\n", missing.error.message);
    return report_create(&s->report, s->folder, s->context, s->dataset, opened ? missing.error.message : NULL, why);
}

static silma_status write_figures(const arguments *args, session *s, problem *why)
{
    if (!option_given(args, "figures")) return SILMA_OK;
    silma_status status = figure_files_open(&s->figures, args, option_text(args, "figures"), why);
    if (!status) status = silma_report_figures(s->report, figure_files_add, &s->figures, &why->error);
    return status ? status : figure_files_commit(&s->figures, why);
}

static silma_status print_json(const session *s, problem *why)
{
    json_t *summary = json_array();
    const char *sentence;
    for (size_t i = 0; (sentence = silma_report_sentence(s->report, i)); i++)
        output_append(&summary, output_string(sentence));
    return output_json(json_pack("{s:o, s:o, s:o}", "report", output_string(s->out), "figures",
                                 figure_files_json(&s->figures), "summary", summary),
                       why);
}

static void print_text(const session *s)
{
    const char *sentence;
    for (size_t i = 0; (sentence = silma_report_sentence(s->report, i)); i++) {
        char line[1024];
        text_printable(line, sizeof line, sentence);
        printf("%s\n", line);
    }
    printf("report: %s\n", s->out);
    if (s->figures.count > 0) printf("figures: %zu files in %s\n", s->figures.count, s->figures.folder);
}

static silma_status run(const arguments *args, problem *why)
{
    session s = {0};
    silma_status status = check_folder(args, &s, why);
    if (!status) status = make_report(args, &s, why);
    if (!status) status = report_write(s.report, s.out, why);
    if (!status) status = write_figures(args, &s, why);
    if (!status && option_given(args, "json"))
        status = print_json(&s, why);
    else if (!status && !option_given(args, "quiet"))
        print_text(&s);
    session_free(&s);
    return status;
}

static const option table[] = {
    {"out", "FILE", "the page (default: report.html in the run folder)"},
    {"figures", "DIR", "each figure as an SVG file too"},
    {"png", NULL, "and as a PNG file"},
    {"force", NULL, "replace files that exist"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"quiet", NULL, "no summary"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command report_command = {
    .name = "report",
    .synopsis = "RUN [options]",
    .summary = "show a run as one page to look at",
    .details = "Writes one HTML file that needs no other: what to conclude, curves, confusion matrix, scores of\n"
               "each class, predictions and mistakes with their images, calibration, filters, what the network\n"
               "looks at, the network, the data, all settings and the command that repeats the run. Where the\n"
               "data set is not found, what needs its images is left out.",
    .groups = {&options, &machine_options},
    .run = run,
};
