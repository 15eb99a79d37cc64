// Source: a folder of pictures, a sub-folder a class.
#define _GNU_SOURCE
#include "core/error.h"
#include "core/utf8.h"
#include "data/dataset.h"
#include "data/folder_decode.h"
#include "data/folder_scan.h"
#include "data/notice.h"
#include "data/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------------------------------
// What the scan tells

// A name of a class is printable UTF-8: in one that is not, the bytes beyond ASCII become \xNN.
static char *printable_name(const char *name)
{
    if (utf8_is_printable(name, strlen(name))) return strdup(name);
    char *text = malloc(4 * strlen(name) + 1), *end = text;
    for (; text && *name; name++) {
        unsigned char byte = (unsigned char)*name;
        bool plain = byte >= 0x20 && byte < 0x7F;
        end += plain ? snprintf(end, 2, "%c", byte) : snprintf(end, 5, "\\x%02x", byte);
    }
    if (text) *end = '\0';
    return text;
}

static silma_status set_classes(silma_dataset *dataset, const folder_scan *scan, silma_error *error)
{
    char **names = calloc((size_t)scan->class_count, sizeof *names);
    bool made = names != NULL;
    for (int i = 0; made && i < scan->class_count; i++)
        made = (names[i] = printable_name(scan->classes[i])) != NULL;
    silma_status status = made ? dataset_set_classes(dataset, (const char *const *)names, scan->class_count, error)
                               : silma_fail_memory(error, (size_t)scan->class_count * sizeof *names);
    for (int i = 0; names && i < scan->class_count; i++)
        free(names[i]);
    free(names);
    return status;
}

// What was passed over while looking for files.
static silma_status tell_skipped(const folder_scan *scan, const char *folder, const silma_dataset_options *options,
                                 silma_error *error)
{
    if (scan->skipped == 0) return SILMA_OK;
    size_t told = 0;
    for (const char *line = scan->first_skipped; line && *line; told++) {
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
// Pixels in memory

typedef struct memory_sink {
    pixel_sink sink;
    size_t image_count; // at most
    uint8_t *pixels;
    size_t used;
} memory_sink;

static silma_status begin_memory(pixel_sink *sink, const silma_preparation *p, silma_error *error)
{
    memory_sink *memory = (memory_sink *)sink;
    size_t image = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    free(memory->pixels);
    memory->used = 0;
    memory->pixels = image <= SIZE_MAX / memory->image_count ? malloc(image * memory->image_count) : NULL;
    return memory->pixels ? SILMA_OK : silma_fail_memory(error, image * memory->image_count);
}

static silma_status add_to_memory(pixel_sink *sink, const uint8_t *pixels, size_t bytes, silma_error *error)
{
    (void)error;
    memory_sink *memory = (memory_sink *)sink;
    memcpy(memory->pixels + memory->used, pixels, bytes);
    memory->used += bytes;
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The data set

static void set_images(silma_dataset *dataset, const decoded_folder *decoded)
{
    const silma_preparation *p = &decoded->preparation;
    dataset->preparation = *p;
    dataset->prepared = true;
    dataset->images.count = decoded->count;
    dataset->images.height = p->height;
    dataset->images.width = p->width;
    dataset->images.channels = p->channels;
}

// Label and file of each image.
static silma_status set_labels(silma_dataset *dataset, folder_scan *scan, const uint32_t *files, silma_error *error)
{
    size_t count = dataset->images.count;
    dataset->labels = reallocarray(NULL, count, sizeof *dataset->labels);
    dataset->files = reallocarray(NULL, count, sizeof *dataset->files);
    if (!dataset->labels || !dataset->files) return silma_fail_memory(error, count * sizeof *dataset->files);
    dataset->images.labels = dataset->labels;
    dataset->file_names = scan->text;
    scan->text = NULL;
    for (size_t i = 0; i < count; i++) {
        const scanned_file *file = &scan->files[files[i]];
        dataset->labels[i] = file->label;
        dataset->files[i] = dataset->file_names + file->path;
        if (scan->has_validation && files[i] >= scan->validation_first && dataset->validation_first == 0)
            dataset->validation_first = i;
    }
    return SILMA_OK;
}

static silma_status set_groups(silma_dataset *dataset, const image_sketch *sketches, silma_error *error)
{
    size_t count = dataset->images.count;
    dataset->groups = reallocarray(NULL, count, sizeof *dataset->groups);
    if (!dataset->groups) return silma_fail_memory(error, count * sizeof *dataset->groups);
    return image_sketch_groups(sketches, count, dataset->groups, error);
}

static silma_status decode_to_memory(silma_dataset *dataset, folder_scan *scan, const data_request *request,
                                     silma_error *error)
{
    memory_sink memory = {.sink = {begin_memory, add_to_memory}, .image_count = scan->count};
    decoded_folder decoded;
    silma_status status = folder_decode(&decoded, scan, request->folder, request->options, &memory.sink, error);
    if (status != SILMA_OK) {
        free(memory.pixels);
        return status;
    }
    uint8_t *smaller = realloc(memory.pixels, memory.used);
    dataset->pixels = smaller ? smaller : memory.pixels;
    dataset->images.pixels = dataset->pixels;
    set_images(dataset, &decoded);
    status = set_labels(dataset, scan, decoded.files, error);
    if (status == SILMA_OK) status = set_groups(dataset, decoded.sketches, error);
    decoded_folder_free(&decoded);
    return status;
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

static silma_status image_folder_load(silma_dataset *dataset, const data_request *request, silma_error *error)
{
    folder_scan scan;
    silma_status status = folder_scan_read(&scan, request->folder, request->split, error);
    if (status != SILMA_OK) return status;
    status = check_scan(&scan, request->folder, request->split, error);
    if (status == SILMA_OK) status = tell_skipped(&scan, request->folder, request->options, error);
    if (status == SILMA_OK) status = set_classes(dataset, &scan, error);
    if (status == SILMA_OK) status = decode_to_memory(dataset, &scan, request, error);
    if (status == SILMA_OK) status = tell_empty(dataset, &scan, request->folder, request->options, error);
    folder_scan_free(&scan);
    return status;
}

const data_source image_folder_source = {
    .files = {"train/ with a sub-folder a class", "test/ with a sub-folder a class"},
    .holds = folder_scan_finds,
    .load = image_folder_load,
};
