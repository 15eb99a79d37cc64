// Source: a folder of pictures, a sub-folder a class.
#define _GNU_SOURCE
#include "core/error.h"
#include "core/utf8.h"
#include "data/dataset.h"
#include "data/folder_images.h"
#include "data/folder_layout.h"
#include "data/notice.h"
#include "data/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------------------------------
// What the scan tells

static silma_status set_classes(silma_dataset *dataset, const folder_scan *scan, silma_error *error)
{
    char **names = calloc((size_t)scan->class_count, sizeof *names);
    bool made = names != NULL;
    for (int i = 0; made && i < scan->class_count; i++)
        made = (names[i] = utf8_printable(scan->classes[i])) != NULL;
    silma_status status = made ? dataset_set_classes(dataset, (const char *const *)names, scan->class_count, error)
                               : silma_fail_memory(error, (size_t)scan->class_count * sizeof *names);
    for (int i = 0; names && i < scan->class_count; i++)
        free(names[i]);
    free(names);
    return status;
}

// What was passed over while looking for files: the first few by name.
static silma_status tell_skipped(const folder_scan *scan, const char *folder, const silma_dataset_options *options,
                                 silma_error *error)
{
    enum { SKIPPED_SHOWN = 3 };
    size_t told = 0;
    for (const char *line = scan->first_skipped; line && *line && told < SKIPPED_SHOWN; told++) {
        int length = (int)strcspn(line, "\n");
        if (options->strict) return silma_fail(error, SILMA_BAD_FILE, "%s/%.*s", folder, length, line);
        notice(options, "%s/%.*s: left out", folder, length, line);
        line += length + (line[length] == '\n');
    }
    if (scan->skipped > told)
        notice(options, "%s: %zu more files or folders were left out", folder, scan->skipped - told);
    return SILMA_OK;
}

static silma_status check_scan(const folder_scan *scan, const char *folder, silma_split split, silma_error *error)
{
    if (scan->count > UINT32_MAX)
        return silma_fail(error, SILMA_BAD_FILE, "%s: holds %zu files; at most %u are allowed", folder, scan->count,
                          UINT32_MAX);
    if (scan->count > 0 && scan->validation_first > 0) return SILMA_OK;
    return silma_fail(error, SILMA_BAD_FILE, "%s: its sub-folders hold no %s pictures", folder,
                      split == SILMA_SPLIT_TEST ? "test" : "training");
}

// ---------------------------------------------------------------------------------------------------------------------
// What the pictures tell

static void tell_size(const folder_facts *facts, const data_request *request)
{
    if (facts->size_reason == SIZE_AS_EXPECTED) return;
    notice(request->options, "%s: the pictures %s, so all are resized to %dx%d (--size chooses another size)",
           request->folder, facts->size_reason == SIZE_BECAUSE_LARGE ? "are large" : "differ in size",
           facts->preparation.height, facts->preparation.width);
}

// The first files that cannot be read, each with its reason: they are read once more, because the cache does not keep
// reasons.
static silma_status tell_bad(const folder_facts *facts, const folder_scan *scan, const data_request *request,
                             silma_error *error)
{
    for (size_t i = 0; i < facts->bad_count && i < BAD_FILES_SHOWN; i++) {
        silma_picture picture;
        silma_error why;
        silma_status status = folder_read_picture(&picture, scan, facts->bad_files[i], request->folder, request->codecs,
                                                  &facts->preparation, &why);
        if (status == SILMA_OK) free(picture.pixels);
        if (status == SILMA_OK) continue;
        if (request->options->strict) return silma_fail(error, status, "%s", why.message);
        notice(request->options, "%s: left out", why.message);
    }
    if (facts->bad_count > BAD_FILES_SHOWN)
        notice(request->options, "%s: %zu more files were left out because they cannot be read", request->folder,
               facts->bad_count - BAD_FILES_SHOWN);
    return SILMA_OK;
}

// A class without images is no error: the network has an output for it that never learns.
static silma_status tell_empty(const silma_dataset *dataset, const folder_scan *scan, const char *folder,
                               const silma_dataset_options *options, silma_error *error)
{
    size_t *counts = calloc((size_t)scan->class_count, sizeof *counts);
    if (!counts) return silma_fail_memory(error, (size_t)scan->class_count * sizeof *counts);
    for (size_t i = 0; i < dataset->images.count; i++)
        counts[dataset->labels[i]]++;
    for (int i = 0; i < scan->class_count; i++)
        if (counts[i] == 0) notice(options, "%s: class '%s' has no pictures", folder, dataset->images.class_names[i]);
    free(counts);
    return SILMA_OK;
}

// The place of a class among those that the caller gave, or -1.
static int place_of(const char *name, const silma_dataset_options *options)
{
    for (int i = 0; i < options->class_count; i++)
        if (strcmp(name, options->class_names[i]) == 0) return i;
    return -1;
}

static silma_status map_labels(silma_dataset *dataset, const data_request *request, uint32_t *places,
                               silma_error *error)
{
    const silma_images *images = &dataset->images;
    bool same = images->class_count == request->options->class_count;
    for (int i = 0; i < images->class_count; i++) {
        int place = place_of(images->class_names[i], request->options);
        if (place < 0)
            return silma_fail(error, SILMA_USAGE, "%s: its sub-folder '%s' is none of the model's %d classes",
                              request->folder, images->class_names[i], request->options->class_count);
        places[i] = (uint32_t)place;
        same = same && place == i;
    }
    if (same) return SILMA_OK;
    for (size_t i = 0; i < images->count; i++)
        dataset->labels[i] = places[dataset->labels[i]];
    dataset->hash[0] = '\0'; // the labels are part of it
    dataset_free_classes(dataset);
    return dataset_set_classes(dataset, request->options->class_names, request->options->class_count, error);
}

// Labels that mean what the caller's classes do.
static silma_status take_callers_classes(silma_dataset *dataset, const data_request *request, silma_error *error)
{
    if (!request->options->class_names) return SILMA_OK;
    uint32_t *places = calloc((size_t)dataset->images.class_count, sizeof *places);
    if (!places) return silma_fail_memory(error, (size_t)dataset->images.class_count * sizeof *places);
    silma_status status = map_labels(dataset, request, places, error);
    free(places);
    return status;
}

static silma_status image_folder_load(silma_dataset *dataset, const data_request *request, silma_error *error)
{
    folder_scan scan;
    folder_facts facts;
    silma_status status = folder_scan_read(&scan, request->folder, request->split, error);
    if (status != SILMA_OK) return status;
    status = check_scan(&scan, request->folder, request->split, error);
    if (status == SILMA_OK) status = tell_skipped(&scan, request->folder, request->options, error);
    if (status == SILMA_OK) status = set_classes(dataset, &scan, error);
    if (status == SILMA_OK) status = folder_images_load(dataset, &scan, request, &facts, error);
    if (status == SILMA_OK) tell_size(&facts, request);
    if (status == SILMA_OK) status = tell_bad(&facts, &scan, request, error);
    if (status == SILMA_OK) status = tell_empty(dataset, &scan, request->folder, request->options, error);
    if (status == SILMA_OK) status = take_callers_classes(dataset, request, error);
    if (status == SILMA_OK) { // dataset->files points into it
        dataset->file_names = scan.text;
        scan.text = NULL;
    }
    folder_scan_free(&scan);
    return status;
}

const data_source image_folder_source = {
    .files = {"train/ with a sub-folder a class", "test/ with a sub-folder a class"},
    .holds = folder_layout_holds,
    .load = image_folder_load,
};
