// silma thesis: the thesis's experiments, tables and figures, on one page.
#include "commands.h"
#include "output.h"
#include "setup.h"
#include "signals.h"
#include "text.h"
#include "thesis_runs.h"

#include <silma/report.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const option thesis_table[] = {
    {"quick", NULL, "a shortened run for a first look, about two minutes on two cores; the page says so"},
    {"only", "NAME", "one experiment: cifar-ann, cifar-cnn, fashion-ann or fashion-cnn, and what needs no training"},
    {"out", "DIR", "where the runs and thesis.html go (default: thesis, with --quick thesis-quick)"},
    {"runs", "DIR",
     "train nothing: take the runs DIR/NAME-seedN (N is --seed's) or DIR/NAME, as 'silma train' left them"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"seed", "N", "seed of the weights, the split and the order of the images (default: 0)"},
    {"force", NULL, "train again, replacing the runs that are there; otherwise they are continued"},
    {"quiet", NULL, "no progress; only the result"},
    {"json", NULL, "the result as one JSON object on standard output"},
    {0},
};
static const option_group thesis_options = {"Thesis", thesis_table};

static const char *out_folder(const arguments *args)
{
    const char *out = option_text(args, "out");
    return out ? out : option_given(args, "quick") ? "thesis-quick" : "thesis";
}

static silma_status check_options(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 0, 0, "", why);
    if (status) return status;
    bool trains = option_given(args, "quick") || option_given(args, "force");
    if (option_given(args, "runs") && trains)
        return problem_set(why, SILMA_USAGE, "--runs takes runs as they are: it excludes --quick and --force");
    if (!out_folder(args)[0]) return problem_set(why, SILMA_USAGE, "--out: the name of the folder is empty");
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The result

static silma_status print_json(const thesis_runs *runs, const char *page, problem *why)
{
    json_t *list = json_array();
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS; i++) {
        const thesis_run *run = &runs->list[i];
        if (!run->wanted) continue;
        output_append(&list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "experiment", run->experiment->name,
                                       "run", output_string(run->folder), "epochs", output_integer(run->history.epochs),
                                       "seconds", output_number(run->history.seconds), "best_epoch",
                                       output_integer(run->history.best_epoch), "best_value",
                                       output_number(run->history.best_value), "problem",
                                       output_string(run->problem[0] ? run->problem : NULL)));
    }
    return output_json(json_pack("{s:o, s:o}", "page", output_string(page), "results", list), why);
}

static void print_result(const thesis_runs *runs, const char *page)
{
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS; i++) {
        const thesis_run *run = &runs->list[i];
        const char *name = run->experiment->name;
        if (!run->wanted) continue;
        if (!run->folder || run->history.epochs == 0)
            printf("%-12s no run\n", name);
        else
            printf("%-12s %u epoch%s in %s; best validation accuracy %.4f (epoch %u)\n", name, run->history.epochs,
                   run->history.epochs == 1 ? "" : "s", text_duration(run->history.seconds).text,
                   run->history.best_value, run->history.best_epoch);
    }
    printf("page: %s\n", page);
}

// ---------------------------------------------------------------------------------------------------------------------
// The command

static silma_status write_page(const thesis_runs *runs, silma_context *context, const char *path, problem *why)
{
    silma_thesis_options options = {.codecs = dataset_options(NULL).codecs};
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS; i++) {
        const thesis_run *run = &runs->list[i];
        options.parts[i] = (silma_thesis_part){
            .left_out = !run->wanted,
            .folder = run->folder,
            .dataset = run->dataset,
            .problem = run->problem[0] ? run->problem : NULL,
        };
    }
    return silma_thesis_write(context, &options, path, &why->error);
}

// Only an option that changes what is done has to be repeated.
static void hint_again(const arguments *args, problem *why)
{
    static const char *const repeated[] = {"quick", "only", "out", "data-dir", "seed"};
    char line[400] = "silma thesis";
    size_t used = strlen(line);
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        const char *value = option_text(args, repeated[i]);
        char quoted[256] = "";
        if (!value) continue;
        if (value[0]) text_shell_quote(quoted, sizeof quoted, value);
        int length = snprintf(line + used, sizeof line - used, " --%s%s%s", repeated[i], quoted[0] ? " " : "", quoted);
        if (length > 0 && used + (size_t)length < sizeof line) used += (size_t)length;
    }
    problem_set(why, SILMA_INTERRUPTED, "stopped by %s; everything is saved in %s", signals_name(), out_folder(args));
    problem_hint(why, "continue with: %s", line);
}

static silma_status make(const arguments *args, silma_context *context, const char *page, thesis_runs *runs,
                         problem *why)
{
    const char *from = option_text(args, "runs");
    silma_status status =
        from ? thesis_runs_find(args, from, runs, why) : thesis_runs_train(args, out_folder(args), context, runs, why);
    if (status == SILMA_INTERRUPTED) hint_again(args, why);
    if (!status) status = make_folders(out_folder(args), why);
    if (!status) status = write_page(runs, context, page, why);
    if (status) return status;
    if (option_given(args, "json")) return print_json(runs, page, why);
    print_result(runs, page);
    return SILMA_OK;
}

static silma_status run(const arguments *args, problem *why)
{
    thesis_runs runs = {0};
    silma_context *context = NULL;
    char *page = NULL;
    silma_status status = check_options(args, why);
    if (!status) status = thesis_runs_choose(args, &runs, why);
    if (!status) status = open_context(args, &context, why);
    if (!status) {
        page = join_path(out_folder(args), "thesis.html");
        status = page ? make(args, context, page, &runs, why) : problem_set_memory(why);
    }
    free(page);
    thesis_runs_free(&runs);
    silma_context_free(context);
    return status;
}

const command thesis_command = {
    .name = "thesis",
    .synopsis = "[--quick] [--only NAME] [--out DIR] [options]\n--runs DIR [--only NAME] [--out DIR] [options]",
    .summary = "repeat the thesis's experiments, tables and figures",
    .details =
        "Trains the thesis's four experiments, each in a run folder DIR/NAME, and writes DIR/thesis.html: every\n"
        "table and figure with Silma's values beside the thesis's. Ctrl-C saves; the same command goes on where\n"
        "it was stopped. A data set that is missing leaves its experiments out, and the page says how to get it.",
    .groups = {&thesis_options, &machine_options},
    .run = run,
};
