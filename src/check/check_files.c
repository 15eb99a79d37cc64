// Every file of a folder of pictures.
#define _GNU_SOURCE
#include "check/check.h"
#include "core/error.h"
#include "data/folder_decode.h"
#include "data/folder_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct looked_file {
    silma_picture_kind kind;
    silma_status status;
    char *problem; // null: none, or memory was short
} looked_file;

typedef struct file_job {
    const folder_scan *scan;
    const char *folder;
    const silma_codecs *codecs;
    looked_file *files; // (scan->count)
} file_job;

static void look_at_file(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    static const silma_preparation FULL_SIZE = {0};
    const file_job *job = argument;
    looked_file *file = &job->files[task];
    silma_error error = {0};
    silma_picture picture;
    file->status = folder_read_picture(&picture, job->scan, task, job->folder, job->codecs, &FULL_SIZE, &error);
    if (file->status != SILMA_OK) {
        file->problem = strdup(error.message);
        return;
    }
    file->kind = (silma_picture_kind){picture.height, picture.width, picture.channels, 1};
    free(picture.pixels);
}

static silma_status add_kind(silma_check *check, const silma_picture_kind *kind, silma_error *error)
{
    for (size_t i = 0; i < check->kind_count; i++) {
        silma_picture_kind *known = &check->kinds[i];
        if (known->height != kind->height || known->width != kind->width || known->channels != kind->channels) continue;
        known->count++;
        return SILMA_OK;
    }
    if (check->kind_count == CHECK_KINDS_MAX) return SILMA_OK; // rare ones beyond so many are of no interest
    silma_picture_kind *grown = reallocarray(check->kinds, check->kind_count + 1, sizeof *grown);
    if (!grown) return silma_fail_memory(error, (check->kind_count + 1) * sizeof *grown);
    check->kinds = grown;
    check->kinds[check->kind_count++] = *kind;
    return SILMA_OK;
}

static silma_status add_unreadable(silma_check *check, char *reason, silma_error *error)
{
    if (!reason) return silma_fail_memory(error, sizeof(silma_error));
    return check_add(check, &(silma_finding){.kind = SILMA_FINDING_UNREADABLE, .is_error = true, .reason = reason},
                     error);
}

static silma_status add_file(silma_check *check, looked_file *file, silma_error *error)
{
    if (file->status == SILMA_OK) return add_kind(check, &file->kind, error);
    if (file->status != SILMA_BAD_FILE && file->status != SILMA_IO)
        return silma_fail(error, file->status, "%s", file->problem ? file->problem : "out of memory");
    char *reason = file->problem;
    file->problem = NULL;
    return add_unreadable(check, reason, error);
}

// Links that lead back, FIFOs, folders that cannot be entered: the scan names them, unless there are very many.
static silma_status add_skipped(silma_check *check, const folder_scan *scan, const char *folder, silma_error *error)
{
    silma_status status = SILMA_OK;
    size_t told = 0;
    for (const char *line = scan->first_skipped; line && *line && status == SILMA_OK; told++) {
        int length = (int)strcspn(line, "\n");
        char *reason;
        if (asprintf(&reason, "%s/%.*s", folder, length, line) < 0) reason = NULL;
        status = add_unreadable(check, reason, error);
        line += length + (line[length] == '\n');
    }
    char *more;
    if (status != SILMA_OK || scan->skipped <= told) return status;
    if (asprintf(&more, "%s: %zu more files or folders that were passed over", folder, scan->skipped - told) < 0)
        more = NULL;
    return add_unreadable(check, more, error);
}

static int more_frequent(const void *first, const void *second)
{
    const silma_picture_kind *a = first, *b = second;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    if (a->height != b->height) return a->height > b->height ? -1 : 1;
    if (a->width != b->width) return a->width > b->width ? -1 : 1;
    return b->channels - a->channels;
}

silma_status check_files(silma_check *check, thread_pool *pool, const char *folder, silma_split split,
                         const silma_codecs *codecs, silma_error *error)
{
    folder_scan scan;
    silma_status status = folder_scan_read(&scan, folder, split, error);
    if (status != SILMA_OK) return status;
    file_job job = {
        .scan = &scan, .folder = folder, .codecs = codecs, .files = calloc(scan.count + 1, sizeof *job.files)};
    if (!job.files) status = silma_fail_memory(error, scan.count * sizeof *job.files);
    if (status == SILMA_OK) thread_pool_run(pool, scan.count, look_at_file, &job);
    for (size_t i = 0; i < scan.count && status == SILMA_OK; i++)
        status = add_file(check, &job.files[i], error);
    if (status == SILMA_OK) status = add_skipped(check, &scan, folder, error);
    for (size_t i = 0; job.files && i < scan.count; i++)
        free(job.files[i].problem);
    free(job.files);
    folder_scan_free(&scan);
    if (status == SILMA_OK && check->kind_count > 0)
        qsort(check->kinds, check->kind_count, sizeof *check->kinds, more_frequent);
    return status;
}
