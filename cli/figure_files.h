// Figures on their way into files: all are collected first, so that nothing is written where one of them cannot be.
#ifndef SILMA_CLI_FIGURE_FILES_H
#define SILMA_CLI_FIGURE_FILES_H

#include "options.h"

#include <jansson.h>

typedef struct figure_file {
    char *path;
    char *bytes; // null once written
    size_t size;
} figure_file;

typedef struct figure_files {
    char *folder;
    bool png, force;
    figure_file *list; // (count)
    size_t count;
    problem *why; // where hints go
} figure_files;

// SILMA_USAGE where --png is given without --figures (`words`: the other words of a command line to show), or this
// build has no raster.c.
silma_status figure_files_check(const arguments *args, const char *words, problem *why);
// Makes the folder, for files as --png and --force say. Free with figure_files_free, also after a failure.
silma_status figure_files_open(figure_files *files, const arguments *args, const char *folder, problem *why);

// A silma_figure_fn; `user` is the figure_files. Adds <folder>/<name>.svg, and with `png` <name>.png too.
silma_status figure_files_add(const char *name, const char *svg, size_t size, void *user, silma_error *error);

// Writes them all. SILMA_USAGE, and nothing is written, where one of them exists and `force` is not set.
silma_status figure_files_commit(figure_files *files, problem *why);

json_t *figure_files_json(const figure_files *files); // an array of paths; null if memory is short
void figure_files_print(const figure_files *files);   // a path a line on standard output
void figure_files_free(figure_files *files);

#endif
