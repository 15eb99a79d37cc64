// silma compare: several runs side by side.
#include "commands.h"
#include "figure_files.h"
#include "output.h"
#include "run_folder.h"
#include "setup.h"
#include "text.h"

#include <silma/report.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUNS_MOST = 64 };

typedef struct session {
    size_t count;
    const char *const *folders; // (count)
    const char *out;
    silma_context *context;
    silma_dataset *opened[RUNS_MOST];         // null: missing, or an earlier run's
    const silma_dataset *datasets[RUNS_MOST]; // each run's
    problem missing[RUNS_MOST];               // why it has none
    silma_comparison *comparison;
    figure_files figures;
} session;

static void session_free(session *s)
{
    figure_files_free(&s->figures);
    silma_comparison_free(s->comparison);
    for (size_t i = 0; i < s->count; i++)
        silma_dataset_free(s->opened[i]);
    silma_context_free(s->context);
    free(s);
}

// ---------------------------------------------------------------------------------------------------------------------
// Opening

static bool is_same_folder(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static silma_status check(const arguments *args, session *s, problem *why)
{
    silma_status status = arguments_expect_words(args, 2, RUNS_MOST, "a list of two or more run folders", why);
    if (status) return status;
    s->count = args->word_count;
    s->folders = args->words;
    for (size_t i = 0; i < s->count; i++) {
        if (!run_folder_holds_run(s->folders[i]))
            return problem_set(why, SILMA_IO, "%s: no run in this folder: expected config.json", s->folders[i]);
        for (size_t j = 0; j < i; j++)
            if (is_same_folder(s->folders[i], s->folders[j]))
                return problem_set(why, SILMA_USAGE, "%s: is named twice", s->folders[i]);
    }
    status = figure_files_check(args, "RUN RUN", why);
    if (status) return status;
    s->out = option_given(args, "out") ? option_text(args, "out") : "compare.html";
    if (!s->out[0]) return problem_set(why, SILMA_USAGE, "--out: the name of the page is empty");
    if (access(s->out, F_OK) == 0 && !option_given(args, "force")) {
        problem_hint(why, "--force replaces it, --out FILE writes another");
        return problem_set(why, SILMA_USAGE, "%s exists already", s->out);
    }
    return SILMA_OK;
}

// A data set of the catalogue is the same for all runs that found it in the same place.
static bool is_same_data(const char *one, const char *other)
{
    char *names[2] = {NULL}, *places[2] = {NULL};
    bool same = silma_run_dataset_name(one, &names[0], &places[0], NULL) == SILMA_OK &&
                silma_run_dataset_name(other, &names[1], &places[1], NULL) == SILMA_OK && places[0] && places[1] &&
                silma_catalog_find(names[0]) && strcmp(names[0], names[1]) == 0 && strcmp(places[0], places[1]) == 0;
    for (int i = 0; i < 2; i++) {
        free(names[i]);
        free(places[i]);
    }
    return same;
}

static silma_status open_datasets(const arguments *args, session *s, problem *why)
{
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    silma_status status = read_threads(args, &options.threads, why);
    for (size_t i = 0; i < s->count && !status; i++) {
        for (size_t j = 0; j < i && !s->datasets[i]; j++)
            if (s->datasets[j] && is_same_data(s->folders[i], s->folders[j])) s->datasets[i] = s->datasets[j];
        if (s->datasets[i]) continue;
        // Without its images much of a run can still be compared.
        silma_status opened = open_run_dataset(s->folders[i], NULL, &options, &s->opened[i], &s->missing[i]);
        s->datasets[i] = opened ? NULL : s->opened[i];
    }
    return status;
}

static silma_status make_comparison(const arguments *args, session *s, problem *why)
{
    const char *reasons[RUNS_MOST];
    silma_status status = open_context(args, &s->context, why);
    if (!status) status = open_datasets(args, s, why);
    for (size_t i = 0; i < s->count; i++)
        reasons[i] = s->missing[i].error.message;
    if (!status)
        status = silma_comparison_create(&s->comparison, s->context, s->folders, s->datasets, reasons, s->count,
                                         &why->error);
    return status;
}

static silma_status write_figures(const arguments *args, session *s, problem *why)
{
    if (!option_given(args, "figures")) return SILMA_OK;
    silma_status status = figure_files_open(&s->figures, args, option_text(args, "figures"), why);
    if (!status) status = silma_comparison_figures(s->comparison, figure_files_add, &s->figures, &why->error);
    return status ? status : figure_files_commit(&s->figures, why);
}

// ---------------------------------------------------------------------------------------------------------------------
// Text

enum { LABEL_SIZE = 64 };

static void label_of(const session *s, size_t run, char label[LABEL_SIZE])
{
    text_printable(label, LABEL_SIZE, silma_comparison_run(s->comparison, run)->label);
}

static int labels_width(const session *s)
{
    int width = 5;
    char label[LABEL_SIZE];
    for (size_t i = 0; i < s->count; i++) {
        label_of(s, i, label);
        if (text_columns(label) > width) width = text_columns(label);
    }
    return width;
}

static void print_runs(const session *s, int width)
{
    const silma_compared_run *run;
    printf("%-*s  %10s  %6s  %10s  %20s  %8s  %8s  %10s\n", width, "Run", "Seed", "Epochs", "Accuracy", "95 % interval",
           "Loss", "Last", "Time");
    for (size_t i = 0; (run = silma_comparison_run(s->comparison, i)); i++) {
        char label[LABEL_SIZE], interval[80] = "-";
        label_of(s, i, label);
        if (isfinite(run->accuracy))
            snprintf(interval, sizeof interval, "%s to %s", text_percent(run->accuracy_low).text,
                     text_percent(run->accuracy_high).text);
        printf("%s%*s  %10llu  %6zu  %10s  %20s  ", label, text_padding(label, width), "",
               (unsigned long long)run->seed, run->epochs, text_percent(run->accuracy).text, interval);
        if (isfinite(run->loss))
            printf("%8.4f", run->loss);
        else
            printf("%8s", "-");
        printf("  %8s  %10s\n", text_percent(run->last_accuracy).text, text_duration(run->seconds).text);
    }
}

typedef struct chance {
    char text[16];
} chance;

// No probability is 0.
static chance chance_of(double p)
{
    chance shown = {"<0.0001"};
    if (!(p < 1e-4)) snprintf(shown.text, sizeof shown.text, "%.4f", p);
    return shown;
}

static void print_pairs(const session *s, int width)
{
    const silma_compared_pair *pair;
    bool any = false;
    for (size_t i = 0; (pair = silma_comparison_pair(s->comparison, i)); i++) {
        if (pair->problem) continue;
        if (!any)
            printf("\n%-*s  %-*s  %11s  %16s  %10s  %10s  %7s  %7s\n", width, "First", width, "Second", "Points",
                   "95 % interval", "Only first", "Only second", "p", "p, all");
        any = true;
        char first[LABEL_SIZE], second[LABEL_SIZE], interval[48];
        label_of(s, pair->first, first);
        label_of(s, pair->second, second);
        snprintf(interval, sizeof interval, "%+.2f to %+.2f", 100 * pair->difference_low, 100 * pair->difference_high);
        printf("%s%*s  %s%*s  %+11.2f  %16s  %10zu  %11zu  %7s  %7s\n", first, text_padding(first, width), "", second,
               text_padding(second, width), "", 100 * pair->difference, interval, pair->only_first, pair->only_second,
               chance_of(pair->p).text, chance_of(pair->p_adjusted).text);
    }
}

static void print_text(const session *s)
{
    int width = labels_width(s);
    print_runs(s, width);
    print_pairs(s, width);
    printf("\n");
    const char *sentence;
    for (size_t i = 0; (sentence = silma_comparison_sentence(s->comparison, i)); i++) {
        char line[1024];
        text_printable(line, sizeof line, sentence);
        printf("%s\n", line);
    }
    printf("page: %s\n", s->out);
    if (s->figures.count > 0) printf("figures: %zu files in %s\n", s->figures.count, s->figures.folder);
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

static json_t *run_json(const silma_compared_run *run)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:[o, o], s:o, s:o, s:o, s:o, s:o, s:o}", "run",
        output_string(run->folder), "network", output_string(run->network), "data", output_string(run->data), "seed",
        output_integer(run->seed), "parameters", output_integer(run->parameters), "epochs", output_integer(run->epochs),
        "best_epoch", output_integer(run->best_epoch), "seconds", output_number(run->seconds), "accuracy",
        output_number(run->accuracy), "accuracy_interval", output_number(run->accuracy_low),
        output_number(run->accuracy_high), "loss", output_number(run->loss), "true_positives",
        output_number(run->true_positives), "last_accuracy", output_number(run->last_accuracy), "images",
        output_integer(run->images), "group", output_integer(run->group), "problem", output_string(run->problem));
}

static json_t *mean_json(silma_compared_mean m)
{
    return json_pack("{s:o, s:o, s:[o, o]}", "mean", output_number(m.mean), "deviation", output_number(m.deviation),
                     "interval", output_number(m.low), output_number(m.high));
}

static json_t *group_json(const silma_compared_group *g)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "first", output_integer(g->first), "runs",
                     output_integer(g->runs), "accuracy", mean_json(g->accuracy), "loss", mean_json(g->loss),
                     "true_positives", mean_json(g->true_positives), "last_accuracy", mean_json(g->last_accuracy));
}

static json_t *pair_json(const silma_compared_pair *p)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:[o, o], s:o, s:o}", "first", output_integer(p->first),
                     "second", output_integer(p->second), "problem", output_string(p->problem), "images",
                     output_integer(p->images), "only_first", output_integer(p->only_first), "only_second",
                     output_integer(p->only_second), "difference", output_number(p->difference), "difference_interval",
                     output_number(p->difference_low), output_number(p->difference_high), "p", output_number(p->p),
                     "p_adjusted", output_number(p->p_adjusted));
}

static silma_status print_json(const session *s, problem *why)
{
    json_t *runs = json_array(), *groups = json_array(), *pairs = json_array(), *summary = json_array();
    const silma_compared_run *run;
    const silma_compared_group *group;
    const silma_compared_pair *pair;
    const char *sentence;
    for (size_t i = 0; (run = silma_comparison_run(s->comparison, i)); i++)
        output_append(&runs, run_json(run));
    for (size_t i = 0; (group = silma_comparison_group(s->comparison, i)); i++)
        output_append(&groups, group_json(group));
    for (size_t i = 0; (pair = silma_comparison_pair(s->comparison, i)); i++)
        output_append(&pairs, pair_json(pair));
    for (size_t i = 0; (sentence = silma_comparison_sentence(s->comparison, i)); i++)
        output_append(&summary, output_string(sentence));
    return output_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "page", output_string(s->out), "figures",
                                 figure_files_json(&s->figures), "runs", runs, "groups", groups, "pairs", pairs,
                                 "summary", summary),
                       why);
}

// ---------------------------------------------------------------------------------------------------------------------

static silma_status run(const arguments *args, problem *why)
{
    session *s = calloc(1, sizeof *s);
    if (!s) return problem_set_memory(why);
    silma_status status = check(args, s, why);
    if (!status) status = make_comparison(args, s, why);
    if (!status) status = silma_comparison_write(s->comparison, s->out, &why->error);
    if (!status) status = write_figures(args, s, why);
    if (!status && option_given(args, "json"))
        status = print_json(s, why);
    else if (!status)
        print_text(s);
    session_free(s);
    return status;
}

static const option table[] = {
    {"out", "FILE", "the page (default: compare.html in the current folder)"},
    {"figures", "DIR", "each figure as an SVG file too"},
    {"png", NULL, "and as a PNG file"},
    {"force", NULL, "replace files that exist"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command compare_command = {
    .name = "compare",
    .synopsis = "RUN RUN... [options]",
    .summary = "tell progress from noise between runs",
    .details = "Writes a page with the curves of several runs over each other, their best accuracies, what differs in\n"
               "their settings, means with 95 % intervals over runs that differ by their seed only, and for each pair\n"
               "with the same validation images McNemar's test of whether one is better. Prints the same as tables.",
    .groups = {&options, &machine_options},
    .run = run,
};
