#include "figure_files.h"

#include "output.h"
#include "raster.h"
#include "run_folder.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

silma_status figure_files_check(const arguments *args, const char *words, problem *why)
{
    if (!option_given(args, "png")) return SILMA_OK;
    if (option_given(args, "figures")) return raster_check(why);
    problem_hint(why, "silma %s %s --figures figures --png", args->command->name, words);
    return problem_set(why, SILMA_USAGE, "--png needs --figures: where to put the pictures");
}

silma_status figure_files_open(figure_files *files, const arguments *args, const char *folder, problem *why)
{
    *files = (figure_files){.png = option_given(args, "png"), .force = option_given(args, "force"), .why = why};
    silma_status status = files->png ? raster_check(why) : SILMA_OK;
    if (status) return status;
    if (!folder[0]) return problem_set(why, SILMA_USAGE, "the name of the folder is empty");
    files->folder = strdup(folder);
    if (!files->folder) return problem_set_memory(why);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return problem_set(why, SILMA_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    return SILMA_OK;
}

void figure_files_free(figure_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].path);
        free(files->list[i].bytes);
    }
    free(files->list);
    free(files->folder);
    *files = (figure_files){0};
}

// As <folder>/<file>.
static silma_status add_bytes(figure_files *files, const char *file, const void *bytes, size_t size, problem *why)
{
    figure_file *grown = reallocarray(files->list, files->count + 1, sizeof *grown);
    if (!grown) return problem_set_memory(why);
    files->list = grown;
    bool here = strcmp(files->folder, ".") == 0;
    figure_file added = {.path = here ? strdup(file) : join_path(files->folder, file), .bytes = malloc(size + 1)};
    if (!added.path || !added.bytes) {
        free(added.path);
        free(added.bytes);
        return problem_set_memory(why);
    }
    memcpy(added.bytes, bytes, size);
    added.size = size;
    files->list[files->count++] = added;
    return SILMA_OK;
}

silma_status figure_files_add(const char *name, const char *svg, size_t size, void *user, silma_error *error)
{
    figure_files *files = user;
    problem why = {.hint = ""};
    char file[128];
    snprintf(file, sizeof file, "%s.svg", name);
    silma_status status = add_bytes(files, file, svg, size, &why);
    uint8_t *png = NULL;
    size_t png_size = 0;
    if (!status && files->png) status = raster_png(file, svg, size, &png, &png_size, &why);
    snprintf(file, sizeof file, "%s.png", name);
    if (!status && files->png) status = add_bytes(files, file, png, png_size, &why);
    free(png);
    if (status && error) *error = why.error;
    if (status) memcpy(files->why->hint, why.hint, sizeof why.hint);
    return status;
}

// Aside first, then renamed: a file is there whole or not at all.
static silma_status write_file(const figure_file *file, problem *why)
{
    size_t size = strlen(file->path) + sizeof ".tmp";
    char *aside = malloc(size);
    if (!aside) return problem_set_memory(why);
    snprintf(aside, size, "%s.tmp", file->path);
    FILE *stream = fopen(aside, "wbe");
    bool written = stream && fwrite(file->bytes, 1, file->size, stream) == file->size && fflush(stream) == 0 &&
                   fsync(fileno(stream)) == 0;
    int reason = errno;
    if (stream && fclose(stream) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(aside, file->path) != 0) {
        written = false;
        reason = errno;
    }
    if (!written && stream) unlink(aside);
    free(aside);
    return written ? SILMA_OK : problem_set(why, SILMA_IO, "%s: cannot write: %s", file->path, strerror(reason));
}

silma_status figure_files_commit(figure_files *files, problem *why)
{
    for (size_t i = 0; i < files->count && !files->force; i++)
        if (access(files->list[i].path, F_OK) == 0) {
            problem_hint(why, "--force replaces it");
            return problem_set(why, SILMA_USAGE, "%s exists already", files->list[i].path);
        }
    for (size_t i = 0; i < files->count; i++) {
        silma_status status = write_file(&files->list[i], why);
        if (status) return status;
        free(files->list[i].bytes);
        files->list[i].bytes = NULL;
    }
    return SILMA_OK;
}

json_t *figure_files_json(const figure_files *files)
{
    json_t *paths = json_array();
    for (size_t i = 0; i < files->count; i++)
        output_append(&paths, output_string(files->list[i].path));
    return paths;
}

void figure_files_print(const figure_files *files)
{
    char line[1024];
    for (size_t i = 0; i < files->count; i++) {
        text_printable(line, sizeof line, files->list[i].path);
        printf("%s\n", line);
    }
}
