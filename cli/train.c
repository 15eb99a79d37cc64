// silma train: a new run, or one that is continued.
#include "commands.h"
#include "measured.h"
#include "output.h"
#include "picture.h"
#include "pictures.h"
#include "progress.h"
#include "report_page.h"
#include "run_folder.h"
#include "setup.h"
#include "signals.h"
#include "text.h"
#include "training_start.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Names as in the `train:` section of a .silma file, with '-' for '_'.
static const option recipe_table[] = {
    {"epochs", "N", "at most this many passes over the training images"},
    {"batch", "N", "images a step"},
    {"optimizer", "\"NAME ...\"", "sgd, adagrad, rmsprop, adam or adamw, and its options: \"sgd momentum=0.9\""},
    {"lr", "RATE", "learning rate"},
    {"schedule", "\"NAME ...\"", "constant, step, cosine, onecycle or plateau, and its options: \"cosine warmup=3\""},
    {"loss", "\"NAME ...\"",
     "categorical_crossentropy, binary_crossentropy or mean_squared_error; "
     "\"... label_smoothing=0.1\""},
    {"val-split", "SHARE", "share of the training images kept for validation, such as 0.2"},
    {"early-stop", "VALUE|off", "stop when loss, accuracy, val_loss, val_accuracy, ... no longer improves"},
    {"patience", "N", "epochs without improvement before --early-stop stops"},
    {"best", "VALUE", "the recorded value that decides which weights are kept as best"},
    {"clip-norm", "NORM", "scale gradients down to this norm"},
    {"class-weights", "none|balanced|W,...", "weights of the classes in the loss"},
    {"augment", "\"NAME ...\"",
     "change the training images at random: none, light, standard, strong, or \"flip,crop=4,cutout=8\""},
    {"sampler", "shuffle|balanced", "an epoch has every image once, or every class equally often"},
    {"normalize", "unit|meanstd", "pixels from 0 to 1, or with mean 0 and deviation 1 over the training images"},
    {"tta", "none|flip|shift",
     "how eval and predict look at an image: once; and at its mirror image; four times, moved and mirrored"},
    {"seed", "N", "seed of the weights, the split and the order of the images"},
    {0},
};
static const option_group recipe_options = {"Recipe (a flag overrides the train: section of the .silma file)",
                                            recipe_table};

static const option run_table[] = {
    {"data", "NAME|DIR", "the data set: a name ('silma data list') or a folder"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"out", "DIR", "the run folder (default: runs/NETWORK-N, the next free number)"},
    {"resume", "DIR", "continue the run in this folder, to the same bits as if it had never stopped"},
    {"force", NULL, "replace the run that --out holds"},
    {"no-report", NULL, "do not write report.html into the run folder at the end"},
    {"quiet", NULL, "no progress and no settings; only the result"},
    {"json", NULL, "a line an epoch and a last line as JSON on standard output"},
    {0},
};
static const option_group run_options = {"Run", run_table};

// Everything that one call of `silma train` opens.
typedef struct session {
    silma_context *context;
    silma_dataset *dataset;
    silma_network *network;
    silma_settings *settings;
    silma_run *run;
    run_folder folder;
    bool quiet, json, no_report;
} session;

static void session_free(session *s)
{
    silma_run_free(s->run);
    silma_settings_free(s->settings);
    silma_network_free(s->network);
    silma_dataset_free(s->dataset);
    silma_context_free(s->context);
    free(s->folder.path);
}

// Sets `flag` under its name in a .silma text: --val-split is val_split. A message that begins with the name then
// begins with the flag.
static silma_status apply_flag(silma_settings *settings, const char *flag, const char *value, problem *why)
{
    char name[64];
    snprintf(name, sizeof name, "%s", flag);
    for (char *c = name; *c; c++)
        if (*c == '-') *c = '_';
    silma_status status = silma_settings_set(settings, name, value, &why->error);
    size_t length = strlen(name);
    if (status && strncmp(why->error.message, name, length) == 0 && why->error.message[length] == ':') {
        silma_error error = why->error;
        problem_set(why, status, "--%s%s", flag, error.message + length);
    }
    return status;
}

// --early-stop VALUE --patience N is "early_stop VALUE patience=N".
static silma_status apply_early_stop(const arguments *args, silma_settings *settings, problem *why)
{
    const char *watch = option_text(args, "early-stop"), *patience = option_text(args, "patience");
    char value[256];
    if (patience && !watch) {
        problem_hint(why, "name the value that is watched too: --early-stop val_loss --patience %s", patience);
        return problem_set(why, SILMA_USAGE, "--patience needs --early-stop");
    }
    if (!watch) return SILMA_OK;
    if (patience)
        snprintf(value, sizeof value, "%s patience=%s", watch, patience);
    else
        snprintf(value, sizeof value, "%s", watch);
    return apply_flag(settings, "early-stop", value, why);
}

static silma_status apply_recipe(const arguments *args, silma_settings *settings, problem *why)
{
    const char *optimizer = option_text(args, "optimizer");
    if (option_given(args, "lr") && optimizer && strstr(optimizer, "lr="))
        return problem_set(why, SILMA_USAGE, "--optimizer and --lr both give a learning rate");
    for (const option *o = recipe_table; o->name; o++) {
        bool early_stop = strcmp(o->name, "early-stop") == 0 || strcmp(o->name, "patience") == 0;
        const char *value = option_text(args, o->name);
        if (early_stop || !value) continue;
        silma_status status = apply_flag(settings, o->name, value, why);
        if (status) return status;
    }
    return apply_early_stop(args, settings, why);
}

static silma_status create_run(const arguments *args, session *s, problem *why)
{
    signals_catch(); // from here on files are written; before, Ctrl-C may end the command at once
    silma_status status = run_folder_prepare(&s->folder, option_text(args, "out"), silma_network_name(s->network),
                                             option_given(args, "force"), why);
    if (status) return status;
    status = silma_run_create(&s->run, s->context, s->network, s->dataset, s->settings, s->folder.path, &why->error);
    if (status)
        run_folder_restore(&s->folder);
    else
        run_folder_keep(&s->folder);
    return status;
}

static silma_status check_new(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 1, 1, "a network (a zoo name or a .silma file)", why);
    if (!status && option_given(args, "force") && !option_given(args, "out"))
        status = problem_set(why, SILMA_USAGE, "--force needs --out: which run to replace");
    if (status || option_given(args, "data")) return status;
    problem_hint(why, "silma train %s --data fashion-mnist; 'silma data list' shows what there is", args->words[0]);
    return problem_set(why, SILMA_USAGE, "--data is missing: which images to train on");
}

static silma_status open_new_dataset(const arguments *args, session *s, problem *why)
{
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    silma_status status = read_picture_options(args, &options, why);
    if (!status) status = read_threads(args, &options.threads, why);
    if (status) return status;
    take_network_size(args->words[0], &options);
    status = silma_dataset_open(&s->dataset, option_text(args, "data"), SILMA_SPLIT_TRAIN, &options, &why->error);
    return status ? status : check_picture_options(args, s->dataset, why);
}

static silma_status open_new(const arguments *args, session *s, problem *why)
{
    silma_status status = check_new(args, why);
    if (!status) status = open_context(args, &s->context, why);
    if (!status) status = open_new_dataset(args, s, why);
    if (status) return status;
    silma_input input = dataset_input(s->dataset);
    status = open_network(args->words[0], &input, &s->network, why);
    if (!status) status = create_run(args, s, why);
    return status;
}

static silma_status check_resume(const arguments *args, const char *folder, problem *why)
{
    silma_status status = arguments_expect_words(args, 0, 0, "", why);
    if (status) {
        problem_hint(why, "a run knows its network: silma train --resume %s", folder);
        return status;
    }
    if (option_given(args, "out") || option_given(args, "force"))
        return problem_set(why, SILMA_USAGE, "--resume excludes --out and --force: a run continues in its own folder");
    static const char *const stored[] = {"size", "resize", "background", "color"};
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++)
        if (option_given(args, stored[i]))
            return problem_set(why, SILMA_USAGE, "--resume excludes --%s: the run's pictures stay as they are",
                               stored[i]);
    if (run_folder_holds_run(folder)) return SILMA_OK;
    return problem_set(why, SILMA_IO, "%s: no run in this folder: expected config.json and last.safetensors", folder);
}

static void tell_other_kernels(const json_t *before, const session *s)
{
    json_t *now = json_loads(silma_run_config(s->run), 0, NULL);
    const json_t *isa = json_object_get(before, "isa"), *winograd = json_object_get(before, "winograd");
    bool same = json_equal(isa, json_object_get(now, "isa")) &&
                (!winograd || json_equal(winograd, json_object_get(now, "winograd")));
    json_decref(now);
    if (same || s->quiet) return;
    fprintf(stderr,
            "notice: the run was trained with the kernels %s%s until now: with others it does not continue to the same "
            "bits\n",
            json_is_string(isa) ? json_string_value(isa) : "of another program",
            json_is_false(winograd) ? " without Winograd" : "");
}

static silma_status open_resumed(const arguments *args, session *s, problem *why)
{
    const char *folder = option_text(args, "resume");
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    options.strict = option_given(args, "strict");
    silma_status status = check_resume(args, folder, why);
    if (!status) status = read_threads(args, &options.threads, why);
    if (!status) status = open_run_context(args, folder, &s->context, why);
    if (status) return status;
    s->folder.path = strdup(folder);
    if (!s->folder.path) return problem_set_memory(why);
    status = open_run_dataset(folder, option_text(args, "data"), &options, &s->dataset, why);
    signals_catch();
    json_t *before = NULL;
    if (!status) status = run_folder_read_config(folder, &before, why);
    if (!status) status = silma_run_resume(&s->run, s->context, s->dataset, s->settings, folder, &why->error);
    if (!status) tell_other_kernels(before, s);
    json_decref(before);
    return status;
}

// What is told at the end of a run.
typedef struct outcome {
    run_history history;
    const char *watch; // the value that decided on the best epoch
    const char *tta;
    double tta_accuracy; // of the best model, with all its looks at each validation image; NAN: there is but one
    char *page;          // the report's path, or null
    bool stopped_early;
} outcome;

static bool has_test_set(const session *s)
{
    const char *folder = silma_dataset_folder(s->dataset), *name = silma_dataset_name(s->dataset);
    const char *asked = !folder || silma_catalog_find(name) ? name : folder;
    char *found = NULL;
    bool has = !silma_dataset_find(&found, asked, SILMA_SPLIT_TEST, &(silma_dataset_options){.data_dir = folder}, NULL);
    free(found);
    return has;
}

static void print_next(const session *s)
{
    char folder[512];
    text_shell_quote(folder, sizeof folder, s->folder.path);
    if (has_test_set(s)) {
        printf("next:\n  silma eval %s/best.safetensors\n  silma predict %s/best.safetensors --index 0-8\n", folder,
               folder);
        return;
    }
    printf("next:\n  silma eval %s/best.safetensors --split validation\n  silma predict %s/best.safetensors PICTURE\n",
           folder, folder);
}

static void print_end(const session *s, const outcome *end, bool trained)
{
    const run_history *history = &end->history;
    if (!trained && end->stopped_early)
        printf("nothing was left to train: the run has stopped early (--early-stop off trains on)\n");
    else if (!trained)
        printf("nothing was left to train: the run is complete (--epochs N trains on)\n");
    printf("trained %u epoch%s in %s", history->epochs, history->epochs == 1 ? "" : "s",
           text_duration(history->seconds).text);
    if (history->best_epoch > 0)
        printf("; best: epoch %u, %s %.4f", history->best_epoch, end->watch, history->best_value);
    if (!isnan(end->tta_accuracy))
        printf("\nbest model on the validation images, with tta %s: accuracy %.4f", end->tta, end->tta_accuracy);
    printf("\nrun folder: %s\n", s->folder.path);
    if (end->page) printf("report: %s\n", end->page);
    print_next(s);
}

static silma_status print_end_json(const session *s, const outcome *end, problem *why)
{
    const run_history *history = &end->history;
    json_t *line = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "event", "done", "run",
                             output_string(s->folder.path), "epochs", output_integer(history->epochs), "seconds",
                             output_number(history->seconds), "best_epoch", output_integer(history->best_epoch),
                             "best_by", output_string(end->watch), "best_value", output_number(history->best_value),
                             "tta_accuracy", output_number(end->tta_accuracy), "report", output_string(end->page));
    return output_json(line, why);
}

// Curves and confusion matrix, where standard output is a terminal; `report` may be null.
static void show_pictures(const session *s, const silma_report *report)
{
    terminal screen = terminal_of(stdout);
    if (!screen.interactive || s->quiet || s->json) return;
    size_t count;
    const silma_epoch *epochs = silma_run_history(s->run, &count);
    printf("\n");
    picture_curves(&screen, stdout, epochs, count);
    const silma_evaluation *evaluation = report_evaluation(report);
    if (evaluation) {
        printf("\n");
        picture_confusion(&screen, stdout, evaluation, report_class, report);
    }
    printf("\n");
}

// Null where there is none to be written: that is no failure of the training.
static silma_report *write_report(const session *s, char **path)
{
    problem why = {.hint = ""};
    silma_report *report = NULL;
    silma_status status = SILMA_OK;
    *path = s->no_report || !pages_are_built ? NULL : join_path(s->folder.path, "report.html");
    if (*path) status = report_create(&report, s->folder.path, s->context, s->dataset, NULL, &why);
    if (*path && !status) status = report_write(report, *path, &why);
    if (status) {
        fprintf(stderr, "silma: train: the run is saved, but not its report: %s\n", why.error.message);
        free(*path);
        *path = NULL;
    }
    return report;
}

static silma_status evaluate_best(const session *s, silma_evaluation *evaluation, problem *why)
{
    silma_model *model = NULL;
    uint32_t *indices = NULL;
    size_t count = 0;
    char *path = join_path(s->folder.path, "best.safetensors");
    silma_status status = path ? silma_model_load(&model, path, &why->error) : problem_set_memory(why);
    if (!status) status = open_validation(path, s->dataset, &indices, &count, why);
    if (!status) status = silma_evaluate(model, s->context, s->dataset, indices, count, evaluation, &why->error);
    silma_model_free(model);
    free(indices);
    free(path);
    return status;
}

// Validation took one look at each image. The report, if there is one, has seen them as the model does.
static silma_status measure_looks(const session *s, const silma_report *report, outcome *end, problem *why)
{
    const silma_evaluation *seen = report_evaluation(report);
    silma_evaluation evaluation = {0};
    if (end->history.best_epoch == 0 || !end->tta || strcmp(end->tta, "none") == 0) return SILMA_OK;
    silma_status status = seen ? SILMA_OK : evaluate_best(s, &evaluation, why);
    if (!status) end->tta_accuracy = seen ? seen->accuracy : evaluation.accuracy;
    silma_evaluation_free(&evaluation);
    return status;
}

static silma_status finish(const session *s, const json_t *config, bool trained, problem *why)
{
    const json_t *settings = json_object_get(config, "settings");
    outcome end = {.watch = json_string_value(json_object_get(settings, "best")),
                   .tta = json_string_value(json_object_get(settings, "tta")),
                   .tta_accuracy = NAN};
    if (!end.watch) end.watch = "accuracy";
    silma_status status = run_folder_history(s->folder.path, end.watch, &end.history, why);
    if (status) return status;
    end.stopped_early = end.history.epochs < json_integer_value(json_object_get(settings, "epochs"));
    silma_report *report = write_report(s, &end.page);
    show_pictures(s, report);
    if (run_folder_count(config, "validation_images") > 0) status = measure_looks(s, report, &end, why);
    report_free(report);
    if (!status && s->json) status = print_end_json(s, &end, why);
    if (!status && !s->json) print_end(s, &end, trained);
    free(end.page);
    return status;
}

// What to do after training stopped early, beside what the error says.
static void hint_after(silma_status status, const session *s, problem *why)
{
    char folder[256];
    text_shell_quote(folder, sizeof folder, s->folder.path);
    if (status == SILMA_INTERRUPTED) {
        problem_set(why, status, "stopped by %s; everything is saved in %s", signals_name(), s->folder.path);
        problem_hint(why, "continue with: silma train --resume %s", folder);
    } else if (status == SILMA_DIVERGED) {
        problem_hint(why, "what the last good epoch left is in %s", s->folder.path);
    } else if (status == SILMA_IO) {
        problem_hint(why, "what was saved before is whole; then continue with: silma train --resume %s", folder);
    }
}

static silma_status train(const session *s, const json_t *config, problem *why)
{
    progress_display display = progress_begin(s->quiet, s->json);
    if (!s->quiet) training_print_start(&(training){s->context, s->dataset, s->folder.path}, config);
    silma_status status = silma_run_train(s->run, progress_show, &display, &why->error);
    progress_clear(&display);
    if (!status) return finish(s, config, display.epochs > 0, why);
    hint_after(status, s, why);
    return status;
}

static silma_status run(const arguments *args, problem *why)
{
    session s = {
        .quiet = option_given(args, "quiet"),
        .json = option_given(args, "json"),
        .no_report = option_given(args, "no-report"),
    };
    silma_status status = silma_settings_create(&s.settings, &why->error);
    if (!status) status = apply_recipe(args, s.settings, why);
    if (!status) status = option_given(args, "resume") ? open_resumed(args, &s, why) : open_new(args, &s, why);
    if (!status) {
        json_t *config = json_loads(silma_run_config(s.run), 0, NULL);
        status = config ? train(&s, config, why) : problem_set_memory(why);
        json_decref(config);
    }
    if (status == SILMA_FAILURE && strstr(why->error.message, "out of memory"))
        problem_hint(why, "a smaller --batch needs less memory; 'silma summary' tells how much");
    session_free(&s);
    return status;
}

const command train_command = {
    .name = "train",
    .synopsis = "NETWORK|FILE.silma --data NAME|DIR [options]\n--resume DIR [options]",
    .summary = "train a network on a data set",
    .details = "Trains a network of the zoo ('silma models') or a .silma file. The run folder receives\n"
               "config.json, split.json, history.csv, history.jsonl, best.safetensors, last.safetensors and, at the\n"
               "end, report.html.\n"
               "Ctrl-C finishes the step, saves everything and says how to continue; a second Ctrl-C ends at once.",
    .groups = {&run_options, &recipe_options, &picture_options, &machine_options},
    .run = run,
};
