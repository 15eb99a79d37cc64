#include "predict_files.h"

#include "output.h"
#include "picture_walk.h"
#include "setup.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH_FIRST = 16, // pictures until the first are shown; large ones take long
    BATCH_MOST = 256,
    STDIN_MOST = 1 << 30, // bytes
};
static const char STDIN_NAME[] = "standard input";

typedef struct file_session {
    silma_model *model;
    silma_context *context;
    prediction_view *view;
    prediction_format format;
    bool held;         // so far there was one bad file and no other: it may become the command's own message
    silma_error first; // what was wrong with it
    // The batch that is being collected:
    silma_picture_file files[BATCH_MOST];
    char *paths[BATCH_MOST];
    size_t count, wanted;
    float *probabilities; // (BATCH_MOST, class_count)
    silma_error *errors;  // (BATCH_MOST)
    size_t read, bad;     // pictures so far
} file_session;

// ---------------------------------------------------------------------------------------------------------------------
// Showing

static void tell(const silma_error *reason)
{
    const problem told = {.error = *reason};
    problem_print(&told, "predict");
}

static void release_held(file_session *s)
{
    if (s->held) tell(&s->first);
    s->held = false;
}

static silma_status show_bad(file_session *s, const char *path, const silma_error *reason, problem *why)
{
    release_held(s);
    if (s->read + s->bad == 0) {
        s->held = true;
        s->first = *reason;
    } else {
        tell(reason);
    }
    s->bad++;
    if (s->format != FORMAT_JSON) return SILMA_OK;
    return output_json(json_pack("{s:o, s:o}", "file", output_string(path), "error", output_string(reason->message)),
                       why);
}

static silma_status show_picture(file_session *s, const char *path, const float *probabilities, problem *why)
{
    release_held(s);
    s->read++;
    size_t size = TEXT_ESCAPED * strlen(path) + 1;
    char *heading = malloc(size);
    if (!heading) return problem_set_memory(why);
    text_printable(heading, size, path);
    prediction p = {.probabilities = probabilities, .heading = heading, .file = path, .label = -1};
    silma_status status = SILMA_OK;
    if (s->format == FORMAT_JSON)
        status = output_json(prediction_json(s->view, &p), why);
    else if (s->format == FORMAT_CSV)
        prediction_print_csv(s->view, &p);
    else
        prediction_print(s->view, &p);
    free(heading);
    return status;
}

static void clear_batch(file_session *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->paths[i]);
    s->count = 0;
}

static silma_status flush_batch(file_session *s, problem *why)
{
    if (s->count == 0) return SILMA_OK;
    silma_status status = silma_model_predict_files(s->model, s->context, dataset_options(NULL).codecs, s->files,
                                                    s->count, s->probabilities, s->errors, &why->error);
    for (size_t i = 0; i < s->count && !status; i++) {
        const float *row = s->probabilities + i * (size_t)s->view->class_count;
        status = s->errors[i].status ? show_bad(s, s->files[i].path, &s->errors[i], why)
                                     : show_picture(s, s->files[i].path, row, why);
    }
    clear_batch(s);
    s->wanted = s->wanted < BATCH_MOST / 2 ? 2 * s->wanted : BATCH_MOST;
    if (status || (fflush(stdout) == 0 && !output_is_broken())) return status;
    return problem_set(why, output_is_broken() ? SILMA_INTERRUPTED : SILMA_IO, "standard output: cannot write: %s",
                       strerror(errno));
}

// ---------------------------------------------------------------------------------------------------------------------
// Collecting

static silma_status take_file(void *user, const char *path, problem *why)
{
    file_session *s = user;
    char *copy = strdup(path);
    if (!copy) return problem_set_memory(why);
    s->paths[s->count] = copy;
    s->files[s->count++] = (silma_picture_file){.path = copy};
    return s->count == s->wanted ? flush_batch(s, why) : SILMA_OK;
}

// In its place among the others.
static silma_status take_bad(void *user, const char *path, const silma_error *reason, problem *why)
{
    file_session *s = user;
    silma_status status = flush_batch(s, why);
    return status ? status : show_bad(s, path, reason, why);
}

// All of standard input, in memory that grows; null with a reason where that fails. Free with free().
static uint8_t *read_stdin(size_t *size, silma_error *reason)
{
    size_t capacity = 0;
    uint8_t *bytes = NULL;
    for (*size = 0;;) {
        if (*size == capacity) {
            capacity = capacity ? 2 * capacity : 1 << 16;
            uint8_t *grown = capacity <= STDIN_MOST ? realloc(bytes, capacity) : NULL;
            if (!grown) break;
            bytes = grown;
        }
        ssize_t got = read(STDIN_FILENO, bytes + *size, capacity - *size);
        if (got == 0) return bytes;
        if (got > 0) *size += (size_t)got;
        if (got < 0 && errno != EINTR) break;
    }
    const char *what = *size == capacity / 2 && *size > 0 ? "has too many bytes" : strerror(errno);
    reason->status = SILMA_IO;
    snprintf(reason->message, sizeof reason->message, "%s: cannot be read: %s", STDIN_NAME, what);
    free(bytes);
    return NULL;
}

static silma_status take_stdin(file_session *s, problem *why)
{
    size_t size;
    silma_error reason = {0};
    silma_status status = flush_batch(s, why);
    if (status) return status;
    uint8_t *bytes = read_stdin(&size, &reason);
    if (!bytes) return show_bad(s, STDIN_NAME, &reason, why);
    s->paths[0] = NULL;
    s->files[0] = (silma_picture_file){.path = STDIN_NAME, .bytes = bytes, .size = size};
    s->count = 1;
    status = flush_batch(s, why);
    free(bytes);
    return status;
}

static silma_status take_paths(file_session *s, const char *const *paths, size_t count, problem *why)
{
    const picture_visitor visitor = {.file = take_file, .bad = take_bad, .user = s};
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = strcmp(paths[i], "-") == 0 ? take_stdin(s, why) : picture_walk(paths[i], &visitor, why);
    return status ? status : flush_batch(s, why);
}

static silma_status summarise(const file_session *s, problem *why)
{
    if (s->bad == 0) return SILMA_OK;
    if (!s->held)
        return problem_set(why, SILMA_BAD_FILE, "%s of %s could not be read", text_count(s->bad).text,
                           text_count(s->bad + s->read).text);
    why->error = s->first;
    return SILMA_BAD_FILE;
}

silma_status predict_paths(silma_model *model, silma_context *context, prediction_view *view, prediction_format format,
                           const char *const *paths, size_t path_count, problem *why)
{
    file_session *s = calloc(1, sizeof *s);
    if (!s) return problem_set_memory(why);
    *s = (file_session){.model = model, .context = context, .view = view, .format = format};
    s->wanted = BATCH_FIRST;
    s->probabilities = reallocarray(NULL, (size_t)view->class_count, BATCH_MOST * sizeof *s->probabilities);
    s->errors = calloc(BATCH_MOST, sizeof *s->errors);
    silma_status status = s->probabilities && s->errors ? SILMA_OK : problem_set_memory(why);
    if (!status && format == FORMAT_CSV) prediction_print_csv_heading(view, true, false);
    if (!status) status = take_paths(s, paths, path_count, why);
    if (!status) status = summarise(s, why);
    clear_batch(s);
    free(s->probabilities);
    free(s->errors);
    free(s);
    return status;
}
