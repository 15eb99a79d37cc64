#include "run_folder.h"

#include "options.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char RUNS_FOLDER[] = "runs";

// What a run writes, and what is made from it. Other files in the folder are the user's, and are never touched.
static const char *const run_files[] = {
    "config.json", "split.json", "history.csv", "history.jsonl", "best.safetensors", "last.safetensors", "report.html",
};
enum { RUN_FILE_COUNT = sizeof run_files / sizeof *run_files };

char *join_path(const char *folder, const char *file)
{
    size_t size = strlen(folder) + strlen(file) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", folder, file);
    return path;
}

char *folder_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    if (slash == path) return strdup("/");
    return strndup(path, (size_t)(slash - path));
}

static bool holds_file(const char *folder, const char *file)
{
    char *path = join_path(folder, file);
    bool exists = path && access(path, F_OK) == 0;
    free(path);
    return exists;
}

bool run_folder_holds_run(const char *path)
{
    return holds_file(path, "config.json");
}

// The first file of a run that the folder holds, complete run or not; null if there is none.
static const char *file_of_run(const char *path)
{
    for (size_t i = 0; i < RUN_FILE_COUNT; i++)
        if (holds_file(path, run_files[i])) return run_files[i];
    return NULL;
}

bool run_folder_holds_split(const char *path)
{
    return holds_file(path, "split.json");
}

static silma_status fail_path(problem *why, const char *path, const char *what)
{
    return problem_set(why, SILMA_IO, "%s: %s: %s", path, what, strerror(errno));
}

// mkdir -p of all but the last part of `path`.
static silma_status make_parents(const char *path, problem *why)
{
    char *copy = strdup(path);
    if (!copy) return problem_set_memory(why);
    silma_status status = SILMA_OK;
    for (char *slash = strchr(copy + 1, '/'); slash && !status; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) status = fail_path(why, copy, "cannot make the folder");
        *slash = '/';
    }
    free(copy);
    return status;
}

silma_status make_folders(const char *path, problem *why)
{
    silma_status status = make_parents(path, why);
    if (!status && mkdir(path, 0777) != 0 && errno != EEXIST) status = fail_path(why, path, "cannot make the folder");
    return status;
}

// The number of "<name>-<number>", or 0.
static uint64_t run_number(const char *entry, const char *name)
{
    size_t length = strlen(name);
    uint64_t number = 0;
    if (strncmp(entry, name, length) != 0 || entry[length] != '-') return 0;
    return parse_count(entry + length + 1, 1, UINT32_MAX, &number) ? number : 0;
}

static uint64_t last_run_number(const char *name)
{
    uint64_t last = 0;
    DIR *runs = opendir(RUNS_FOLDER);
    if (!runs) return 0;
    for (struct dirent *entry; (entry = readdir(runs));) {
        uint64_t number = run_number(entry->d_name, name);
        if (number > last) last = number;
    }
    closedir(runs);
    return last;
}

// Makes runs/<name>-<n> for the first n above all that exist. mkdir decides, so that two runs that start together get
// folders of their own.
static silma_status make_next_folder(run_folder *folder, const char *name, problem *why)
{
    enum { ATTEMPTS = 1000 };
    size_t size = sizeof RUNS_FOLDER + strlen(name) + 32;
    folder->path = malloc(size);
    if (!folder->path) return problem_set_memory(why);
    if (mkdir(RUNS_FOLDER, 0777) != 0 && errno != EEXIST) return fail_path(why, RUNS_FOLDER, "cannot make the folder");

    uint64_t number = last_run_number(name);
    for (int i = 0; i < ATTEMPTS; i++) {
        snprintf(folder->path, size, "%s/%s-%llu", RUNS_FOLDER, name, (unsigned long long)++number);
        folder->made = mkdir(folder->path, 0777) == 0;
        if (folder->made) return SILMA_OK;
        if (errno != EEXIST) break;
    }
    return fail_path(why, folder->path, "cannot make the folder");
}

// Moves the run's files from one folder to the other; those that are not there are skipped.
static silma_status move_run(const char *from, const char *to, problem *why)
{
    for (size_t i = 0; i < RUN_FILE_COUNT; i++) {
        char *source = join_path(from, run_files[i]), *target = join_path(to, run_files[i]);
        bool memory = source && target;
        bool failed = memory && rename(source, target) != 0 && errno != ENOENT;
        silma_status status = !memory  ? problem_set_memory(why)
                              : failed ? fail_path(why, source, "cannot set the old run aside")
                                       : SILMA_OK;
        free(source);
        free(target);
        if (status) return status;
    }
    return SILMA_OK;
}

static silma_status set_aside(run_folder *folder, problem *why)
{
    silma_status unused = silma_run_check_unused(folder->path, &why->error);
    if (unused) return unused;
    folder->aside = join_path(folder->path, "replaced-XXXXXX");
    if (!folder->aside) return problem_set_memory(why);
    if (!mkdtemp(folder->aside)) {
        silma_status status = fail_path(why, folder->path, "cannot set the old run aside");
        free(folder->aside);
        folder->aside = NULL;
        return status;
    }
    return move_run(folder->path, folder->aside, why);
}

static silma_status use_given_folder(run_folder *folder, const char *out, bool force, problem *why)
{
    if (!out[0]) return problem_set(why, SILMA_USAGE, "--out: the name of the folder is empty");
    folder->path = strdup(out);
    if (!folder->path) return problem_set_memory(why);
    const char *file = file_of_run(out);
    if (file && force) return set_aside(folder, why);
    if (file && run_folder_holds_run(out)) {
        problem_hint(why, "--resume %s continues it, --force replaces it", out);
        return problem_set(why, SILMA_USAGE, "%s holds a run already", out);
    }
    if (file) {
        problem_hint(why, "--force replaces it");
        return problem_set(why, SILMA_USAGE, "%s holds a file %s already", out, file);
    }
    silma_status status = make_parents(out, why);
    if (status) return status;
    folder->made = mkdir(out, 0777) == 0;
    if (!folder->made && errno != EEXIST) return fail_path(why, out, "cannot make the folder");
    return SILMA_OK;
}

silma_status run_folder_prepare(run_folder *folder, const char *out, const char *name, bool force, problem *why)
{
    *folder = (run_folder){0};
    silma_status status = out ? use_given_folder(folder, out, force, why) : make_next_folder(folder, name, why);
    if (status) run_folder_restore(folder);
    return status;
}

static void remove_run(const char *folder)
{
    for (size_t i = 0; i < RUN_FILE_COUNT; i++) {
        char *path = join_path(folder, run_files[i]);
        if (path) unlink(path);
        free(path);
    }
}

void run_folder_keep(run_folder *folder)
{
    if (!folder->aside) return;
    remove_run(folder->aside);
    rmdir(folder->aside);
    free(folder->aside);
    folder->aside = NULL;
}

void run_folder_restore(run_folder *folder)
{
    problem ignored; // where moving back fails, the files stay whole in the folder aside
    if (folder->made) {
        remove_run(folder->path);
        rmdir(folder->path);
        folder->made = false;
    }
    if (!folder->aside) return;
    remove_run(folder->path);
    if (!move_run(folder->aside, folder->path, &ignored)) rmdir(folder->aside);
    free(folder->aside);
    folder->aside = NULL;
}

silma_status run_folder_read_config(const char *folder, json_t **config, problem *why)
{
    char *path = join_path(folder, "config.json");
    if (!path) return problem_set_memory(why);
    silma_status status = SILMA_OK;
    json_error_t error;
    FILE *stream = fopen(path, "r");
    *config = stream ? json_loadf(stream, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (!stream)
        status = fail_path(why, path, "cannot open");
    else if (!*config)
        status = problem_set(why, SILMA_BAD_FILE, "%s:%d: not JSON: %s", path, error.line, error.text);
    if (stream) fclose(stream);
    free(path);
    return status;
}

uint64_t run_folder_count(const json_t *config, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(json_object_get(config, "data"), name));
}

static double watched_value(const silma_epoch *epoch, const char *watch)
{
    const struct {
        const char *name;
        double value;
    } values[] = {
        {"loss", epoch->loss},
        {"accuracy", epoch->accuracy},
        {"val_loss", epoch->val_loss},
        {"val_accuracy", epoch->val_accuracy},
        {"true_positives", epoch->true_positives},
        {"val_true_positives", epoch->val_true_positives},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i].name, watch) == 0) return values[i].value;
    return NAN;
}

silma_status run_folder_history(const char *folder, const char *watch, run_history *history, problem *why)
{
    silma_epoch *epochs = NULL;
    size_t count = 0;
    *history = (run_history){.best_value = NAN};
    silma_status status = silma_run_read_history(folder, &epochs, &count, &why->error);
    for (size_t i = 0; i < count; i++) {
        history->epochs++;
        history->seconds += epochs[i].seconds;
        if (!epochs[i].best) continue;
        history->best_epoch = epochs[i].epoch;
        history->best_value = watched_value(&epochs[i], watch);
    }
    free(epochs);
    return status;
}
