// The folder of a run: finding a free name, replacing an old run only when the new one stands, reading what it holds.
#ifndef SILMA_CLI_RUN_FOLDER_H
#define SILMA_CLI_RUN_FOLDER_H

#include "problem.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct run_folder {
    char *path;
    bool made;   // by run_folder_prepare
    char *aside; // folder that holds the files of the run that is being replaced; null: none
} run_folder;

// `out`, or runs/<name>-<n> with the next free number where `out` is null. A folder that holds a run already is
// SILMA_USAGE, or with `force` its run is set aside. After it, call run_folder_keep or run_folder_restore.
silma_status run_folder_prepare(run_folder *folder, const char *out, const char *name, bool force, problem *why);
// The new run stands: the old one is deleted. Frees what `folder` holds, except path.
void run_folder_keep(run_folder *folder);
// There is no new run: all is as it was before. Frees what `folder` holds, except path.
void run_folder_restore(run_folder *folder);

bool run_folder_holds_run(const char *path);
bool run_folder_holds_split(const char *path);

// config.json. SILMA_IO if it cannot be read, SILMA_BAD_FILE if it is not JSON.
silma_status run_folder_read_config(const char *folder, json_t **config, problem *why);

// How many images config.json says: "train_images", "validation_images".
uint64_t run_folder_count(const json_t *config, const char *name);

// What history.jsonl tells about a run.
typedef struct run_history {
    unsigned epochs;     // finished
    double seconds;      // that they took
    unsigned best_epoch; // 0: none yet
    double best_value;   // of the value that decides
} run_history;
// `watch` is the recorded value that decides which epoch is best.
silma_status run_folder_history(const char *folder, const char *watch, run_history *history, problem *why);

// mkdir -p
silma_status make_folders(const char *path, problem *why);

// "folder/file", or null if out of memory. Free with free().
char *join_path(const char *folder, const char *file);
// The folder part of a path, "." if it has none. Null if out of memory. Free with free().
char *folder_of_path(const char *path);

#endif
