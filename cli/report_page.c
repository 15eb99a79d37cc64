#include "report_page.h"

#include "output.h"
#include "run_folder.h"
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

silma_status report_create(silma_report **report, const char *folder, silma_context *context,
                           const silma_dataset *dataset, const char *data_problem, problem *why)
{
    silma_dataset_options data = dataset_options(NULL);
    silma_report_options options = {.codecs = data.codecs, .data_problem = data_problem};
    return silma_report_create(report, folder, context, dataset, &options, &why->error);
}

void figure_files_free(figure_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    free(files->folder);
    *files = (figure_files){0};
}

json_t *figure_files_json(const figure_files *files)
{
    json_t *paths = json_array();
    for (size_t i = 0; i < files->count; i++)
        if (json_array_append_new(paths, output_string(files->paths[i])) != 0) {
            json_decref(paths);
            return NULL;
        }
    return paths;
}

// What the callback needs.
typedef struct figure_writer {
    figure_files *files;
    bool png, force;
    problem *why;
} figure_writer;

static silma_status remember(figure_files *files, const char *path, problem *why)
{
    char **grown = realloc(files->paths, (files->count + 1) * sizeof *grown);
    if (!grown) return problem_set_memory(why);
    files->paths = grown;
    grown[files->count] = strdup(path);
    if (!grown[files->count]) return problem_set_memory(why);
    files->count++;
    return SILMA_OK;
}

static silma_status write_bytes(const figure_writer *w, const char *path, const void *bytes, size_t size)
{
    if (!w->force && access(path, F_OK) == 0) {
        problem_hint(w->why, "--force replaces it");
        return problem_set(w->why, SILMA_USAGE, "%s exists already", path);
    }
    FILE *stream = fopen(path, "w");
    bool written = stream && fwrite(bytes, 1, size, stream) == size;
    if (stream && fclose(stream) != 0) written = false;
    if (!written) return problem_set(w->why, SILMA_IO, "%s: cannot write: %s", path, strerror(errno));
    return remember(w->files, path, w->why);
}

static silma_status write_figure(const char *name, const char *svg, size_t size, void *user, silma_error *error)
{
    const figure_writer *w = user;
    (void)error; // it is the problem's
    char file[128];
    snprintf(file, sizeof file, "%s.svg", name);
    char *path = join_path(w->files->folder, file);
    if (!path) return problem_set_memory(w->why);
    silma_status status = write_bytes(w, path, svg, size);
    free(path);
    return status;
}

silma_status figure_files_write(figure_files *files, silma_report *report, const char *folder, bool png, bool force,
                                problem *why)
{
    *files = (figure_files){.folder = strdup(folder)};
    if (!files->folder) return problem_set_memory(why);
    if (!folder[0]) return problem_set(why, SILMA_USAGE, "--figures: the name of the folder is empty");
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return problem_set(why, SILMA_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    figure_writer writer = {.files = files, .png = png, .force = force, .why = why};
    return silma_report_figures(report, write_figure, &writer, &why->error);
}
