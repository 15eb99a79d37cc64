#include "thesis_runs.h"

#include "progress.h"
#include "setup.h"
#include "signals.h"
#include "text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char WATCH[] = "val_accuracy"; // what decides which epoch is best, in the recipes of both networks

void thesis_runs_free(thesis_runs *runs)
{
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS; i++) {
        free(runs->list[i].folder);
        silma_dataset_free(runs->list[i].dataset);
    }
    *runs = (thesis_runs){0};
}

silma_status thesis_runs_choose(const arguments *args, thesis_runs *runs, problem *why)
{
    const char *names[SILMA_THESIS_EXPERIMENTS];
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS; i++)
        names[i] = silma_thesis_experiment(i)->name;
    size_t only = SILMA_THESIS_EXPERIMENTS;
    silma_status status = option_choice(args, "only", names, SILMA_THESIS_EXPERIMENTS, &only, why);
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS; i++) {
        runs->list[i].experiment = silma_thesis_experiment(i);
        runs->list[i].wanted = only == SILMA_THESIS_EXPERIMENTS || only == i;
    }
    return status;
}

// A data set that is not there is a matter of the page; one that is damaged ends the command.
static silma_status note_missing(const arguments *args, thesis_run *run, silma_status status, problem *why)
{
    if (status != SILMA_IO || option_given(args, "only")) return status;
    snprintf(run->problem, sizeof run->problem, "%s", why->error.message);
    if (!option_given(args, "quiet")) {
        char message[1024];
        text_printable(message, sizeof message, run->problem);
        fprintf(stderr, "%s is left out: %s\n", run->experiment->name, message);
    }
    *why = (problem){.hint = ""};
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Training

// The first `count` images alone; takes `whole` over.
static silma_status shorten(silma_dataset *whole, size_t count, silma_dataset **dataset, problem *why)
{
    silma_images images = *silma_dataset_images(whole);
    *dataset = whole;
    if (count == 0 || count >= images.count) return SILMA_OK;
    images.count = count;
    silma_status status = silma_dataset_from_memory(dataset, silma_dataset_name(whole), &images, &why->error);
    if (status) *dataset = NULL;
    silma_dataset_free(whole);
    return status;
}

static silma_status open_images(const arguments *args, thesis_run *run, problem *why)
{
    const silma_thesis_experiment_type *experiment = run->experiment;
    silma_dataset *whole = NULL;
    silma_status status = open_dataset(experiment->data, option_text(args, "data-dir"), SILMA_SPLIT_TRAIN, &whole, why);
    if (status) return note_missing(args, run, status, why);
    return shorten(whole, option_given(args, "quick") ? experiment->quick_images : 0, &run->dataset, why);
}

typedef struct wanted_settings {
    uint64_t epochs, batch, seed;
} wanted_settings;

static silma_status choose_settings(const arguments *args, const thesis_run *run, wanted_settings *wanted, problem *why)
{
    const silma_thesis_experiment_type *experiment = run->experiment;
    bool quick = option_given(args, "quick");
    *wanted = (wanted_settings){
        .epochs = quick ? experiment->quick_epochs : experiment->epochs,
        .batch = quick ? experiment->quick_batch : experiment->batch,
    };
    return option_count(args, "seed", 0, INT64_MAX, &wanted->seed, why);
}

static silma_status set_count(silma_settings *settings, const char *name, uint64_t value, problem *why)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return silma_settings_set(settings, name, text, &why->error);
}

static silma_status make_settings(const wanted_settings *wanted, silma_settings **settings, problem *why)
{
    silma_status status = silma_settings_create(settings, &why->error);
    if (!status) status = set_count(*settings, "epochs", wanted->epochs, why);
    if (!status) status = set_count(*settings, "batch", wanted->batch, why);
    if (!status) status = set_count(*settings, "seed", wanted->seed, why);
    return status;
}

static silma_status check_setting(const json_t *config, const char *folder, const char *name, uint64_t wanted,
                                  problem *why)
{
    const json_t *stored = json_object_get(json_object_get(config, "settings"), name);
    if (json_is_integer(stored) && (uint64_t)json_integer_value(stored) == wanted) return SILMA_OK;
    problem_hint(why, "another --out leaves it as it is, --force replaces it");
    return problem_set(why, SILMA_USAGE, "%s holds a run of other settings: %s is %lld, not %s", folder, name,
                       (long long)json_integer_value(stored), text_count(wanted).text);
}

// A run that is continued must be one of this experiment, as long as it is asked for now.
static silma_status check_settings(const thesis_run *run, const wanted_settings *wanted, problem *why)
{
    json_t *config = NULL;
    const char *folder = run->folder, *network = run->experiment->network;
    silma_status status = run_folder_read_config(folder, &config, why);
    if (status) return status;
    const char *model = json_string_value(json_object_get(config, "model"));
    if (!model || strcmp(model, network) != 0) {
        problem_hint(why, "another --out leaves it as it is, --force replaces it");
        status = problem_set(why, SILMA_USAGE, "%s holds a run of another network than %s", folder, network);
    }
    if (!status) status = check_setting(config, folder, "epochs", wanted->epochs, why);
    if (!status) status = check_setting(config, folder, "batch", wanted->batch, why);
    if (!status) status = check_setting(config, folder, "seed", wanted->seed, why);
    json_decref(config);
    return status;
}

static silma_status create_run(const arguments *args, silma_context *context, const silma_settings *settings,
                               thesis_run *entry, silma_run **run, problem *why)
{
    run_folder folder;
    silma_network *network = NULL;
    silma_input input = dataset_input(entry->dataset);
    silma_status status = open_network(entry->experiment->network, &input, &network, why);
    if (!status)
        status = run_folder_prepare(&folder, entry->folder, entry->experiment->name, option_given(args, "force"), why);
    if (status) {
        silma_network_free(network);
        return status;
    }
    status = silma_run_create(run, context, network, entry->dataset, settings, entry->folder, &why->error);
    if (status)
        run_folder_restore(&folder);
    else
        run_folder_keep(&folder);
    free(folder.path);
    silma_network_free(network);
    return status;
}

static silma_status open_run(const arguments *args, silma_context *context, thesis_run *entry, silma_run **run,
                             problem *why)
{
    wanted_settings wanted;
    silma_settings *settings = NULL;
    bool resumed = run_folder_holds_run(entry->folder) && !option_given(args, "force");
    silma_status status = choose_settings(args, entry, &wanted, why);
    if (!status && resumed) status = check_settings(entry, &wanted, why);
    if (!status) status = make_settings(&wanted, &settings, why);
    if (!status && resumed)
        status = silma_run_resume(run, context, entry->dataset, settings, entry->folder, &why->error);
    else if (!status)
        status = create_run(args, context, settings, entry, run, why);
    silma_settings_free(settings);
    return status;
}

static silma_status train_run(const arguments *args, silma_context *context, thesis_run *entry, problem *why)
{
    const silma_thesis_experiment_type *experiment = entry->experiment;
    bool quiet = option_given(args, "quiet");
    silma_run *run = NULL;
    silma_status status = open_run(args, context, entry, &run, why);
    if (status) return status;
    progress_display display = progress_begin(quiet, false);
    if (!quiet)
        fprintf(stderr, "%s: %s on %s, in %s\n", experiment->name, experiment->network, experiment->data,
                entry->folder);
    status = silma_run_train(run, progress_show, &display, &why->error);
    progress_clear(&display);
    silma_run_free(run);
    if (!status && !quiet && display.epochs == 0) fprintf(stderr, "%s: is finished already\n", experiment->name);
    return status;
}

static silma_status train_experiment(const arguments *args, const char *out, silma_context *context, thesis_run *run,
                                     problem *why)
{
    silma_status status = open_images(args, run, why);
    if (status || !run->dataset) return status;
    run->folder = join_path(out, run->experiment->name);
    if (!run->folder) return problem_set_memory(why);
    status = train_run(args, context, run, why);
    return status ? status : run_folder_history(run->folder, WATCH, &run->history, why);
}

silma_status thesis_runs_train(const arguments *args, const char *out, silma_context *context, thesis_runs *runs,
                               problem *why)
{
    signals_catch(); // from here on files are written
    // The perceptrons first, which take minutes: there is something to look at soon.
    for (int convolutional = 0; convolutional < 2; convolutional++)
        for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS; i++) {
            thesis_run *run = &runs->list[i];
            if (!run->wanted || (strcmp(run->experiment->network, "cnn") == 0) != convolutional) continue;
            silma_status status = train_experiment(args, out, context, run, why);
            if (status) return status;
        }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs from elsewhere

// Null where there is none, or memory is short.
static char *find_folder(const char *from, const char *name, uint64_t seed)
{
    char with_seed[64];
    snprintf(with_seed, sizeof with_seed, "%s-seed%llu", name, (unsigned long long)seed);
    const char *const names[] = {with_seed, name};
    for (size_t i = 0; i < 2; i++) {
        char *folder = join_path(from, names[i]);
        if (folder && run_folder_holds_run(folder)) return folder;
        free(folder);
    }
    return NULL;
}

static bool holds_any(const thesis_runs *runs, const char *from, uint64_t seed)
{
    bool found = false;
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS && !found; i++) {
        char *folder = find_folder(from, runs->list[i].experiment->name, seed);
        found = folder != NULL;
        free(folder);
    }
    return found;
}

// A shortened run was trained on the first images of its data set alone.
static silma_status shorten_to_run(const char *folder, silma_dataset **dataset, problem *why)
{
    json_t *config = NULL;
    silma_status status = run_folder_read_config(folder, &config, why);
    if (status) return status;
    uint64_t count = run_folder_count(config, "train_images") + run_folder_count(config, "validation_images");
    json_decref(config);
    return count > 0 ? shorten(*dataset, (size_t)count, dataset, why) : SILMA_OK;
}

static silma_status find_run(const arguments *args, const char *from, uint64_t seed, thesis_run *run, problem *why)
{
    const silma_thesis_experiment_type *experiment = run->experiment;
    const char *data_dir = option_text(args, "data-dir");
    silma_dataset_options options = dataset_options(data_dir);
    run->folder = find_folder(from, experiment->name, seed);
    silma_status status;
    if (run->folder) {
        status = open_run_dataset(run->folder, NULL, &options, &run->dataset, why);
        if (status)
            status = note_missing(args, run, status, why);
        else
            status = shorten_to_run(run->folder, &run->dataset, why);
        return status ? status : run_folder_history(run->folder, WATCH, &run->history, why);
    }
    status = problem_set(why, SILMA_IO, "%s: no run %s-seed%llu or %s in this folder", from, experiment->name,
                         (unsigned long long)seed, experiment->name);
    status = note_missing(args, run, status, why);
    if (status) return status;
    problem ignored; // samples of its images are shown even so
    if (open_dataset(experiment->data, data_dir, SILMA_SPLIT_TRAIN, &run->dataset, &ignored)) run->dataset = NULL;
    return SILMA_OK;
}

silma_status thesis_runs_find(const arguments *args, const char *from, thesis_runs *runs, problem *why)
{
    uint64_t seed = 0;
    silma_status status = option_count(args, "seed", 0, INT64_MAX, &seed, why);
    if (!status && !holds_any(runs, from, seed)) {
        problem_hint(why, "'silma thesis' without --runs trains them");
        return problem_set(why, SILMA_IO,
                           "%s: no run of an experiment in this folder, such as fashion-ann or fashion-ann-seed%llu",
                           from, (unsigned long long)seed);
    }
    for (size_t i = 0; i < SILMA_THESIS_EXPERIMENTS && !status; i++)
        if (runs->list[i].wanted) status = find_run(args, from, seed, &runs->list[i], why);
    return status;
}
