#define _GNU_SOURCE
#include "data/folder_images.h"

#include "core/error.h"
#include "data/cache.h"
#include "data/notice.h"
#include "data/pack.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------------------------------
// What is the same wherever the pixels are

static void set_images(silma_dataset *dataset, const folder_facts *facts, const uint8_t *pixels)
{
    const silma_preparation *p = &facts->preparation;
    dataset->preparation = *p;
    dataset->prepared = true;
    dataset->images.pixels = pixels;
    dataset->images.count = facts->count;
    dataset->images.height = p->height;
    dataset->images.width = p->width;
    dataset->images.channels = p->channels;
}

// Label and file of each image.
static silma_status set_labels(silma_dataset *dataset, const folder_scan *scan, const uint32_t *files,
                               silma_error *error)
{
    size_t count = dataset->images.count;
    dataset->labels = reallocarray(NULL, count, sizeof *dataset->labels);
    dataset->files = reallocarray(NULL, count, sizeof *dataset->files);
    if (!dataset->labels || !dataset->files) return silma_fail_memory(error, count * sizeof *dataset->files);
    dataset->images.labels = dataset->labels;
    dataset->has_validation = scan->has_validation;
    dataset->validation_first = 0;
    for (size_t i = 0; i < count; i++) {
        const scanned_file *file = &scan->files[files[i]];
        dataset->labels[i] = file->label;
        dataset->files[i] = scan->text + file->path;
        if (files[i] < scan->validation_first) dataset->validation_first = i + 1;
    }
    return SILMA_OK;
}

static silma_status copy_groups(silma_dataset *dataset, const uint32_t *groups, silma_error *error)
{
    size_t count = dataset->images.count;
    dataset->groups = reallocarray(NULL, count, sizeof *groups);
    if (!dataset->groups) return silma_fail_memory(error, count * sizeof *groups);
    memcpy(dataset->groups, groups, count * sizeof *groups);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// In memory

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

static silma_status load_into_memory(silma_dataset *dataset, const folder_scan *scan, const data_request *request,
                                     folder_facts *facts, silma_error *error)
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
    set_images(dataset, &decoded.facts, dataset->pixels);
    status = set_labels(dataset, scan, decoded.files, error);
    if (status == SILMA_OK) status = copy_groups(dataset, decoded.files, error); // room for them
    if (status == SILMA_OK) status = image_sketch_groups(decoded.sketches, decoded.facts.count, dataset->groups, error);
    *facts = decoded.facts;
    decoded_folder_free(&decoded);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// In the cache

// The data set takes the pack's bytes.
static silma_status take_pack(silma_dataset *dataset, const folder_scan *scan, pack *p, folder_facts *facts,
                              silma_error *error)
{
    *facts = p->facts;
    dataset->pack = p->view;
    p->view = (file_view){0};
    memcpy(dataset->hash, p->data_hash, SHA256_HEX_SIZE);
    set_images(dataset, facts, p->pixels);
    silma_status status = set_labels(dataset, scan, p->files, error);
    return status == SILMA_OK ? copy_groups(dataset, p->groups, error) : status;
}

// A file that could not be read then, but can be now: another program than the one that made the pack decodes more.
static bool is_outdated(const pack *p, const folder_scan *scan, const data_request *request)
{
    bool outdated = false;
    for (size_t i = 0; i < p->facts.bad_count && i < BAD_FILES_SHOWN && !outdated; i++) {
        silma_picture picture;
        outdated = folder_read_picture(&picture, scan, p->facts.bad_files[i], request->folder, request->codecs,
                                       &p->facts.preparation, NULL) == SILMA_OK;
        if (outdated) free(picture.pixels);
    }
    return outdated;
}

// A pack to be made, and what it is made of.
typedef struct packing {
    const folder_scan *scan;
    const data_request *request;
    const char *path;
    char scan_hash[SHA256_HEX_SIZE];
    pack_writer writer;
    bool failed; // it is the cache that failed
} packing;

// Where the pack lies depends on the size and the colours that the pictures were found to have.
static silma_status commit(packing *k, const decoded_folder *decoded, const uint32_t *groups, const uint32_t *labels,
                           pack *p, silma_error *error)
{
    char *made;
    silma_status status =
        cache_pack_path(&made, k->request->folder, k->request->split, &decoded->facts.preparation, error);
    if (status != SILMA_OK) {
        pack_writer_abandon(&k->writer);
        return status;
    }
    status = pack_writer_commit(&k->writer, made, decoded, groups, labels, k->request->folder, k->scan_hash, error);
    if (status == SILMA_OK) cache_link(k->path, made);
    if (status == SILMA_OK && !pack_open(p, made, k->scan_hash, k->scan->count))
        status = silma_fail(error, SILMA_IO, "%s: cannot be read back", made);
    free(made);
    k->failed = status != SILMA_OK;
    return status;
}

static silma_status group_and_commit(packing *k, const decoded_folder *decoded, pack *p, silma_error *error)
{
    size_t count = decoded->facts.count;
    uint32_t *groups = reallocarray(NULL, count, sizeof *groups);
    uint32_t *labels = reallocarray(NULL, count, sizeof *labels);
    silma_status status = groups && labels ? image_sketch_groups(decoded->sketches, count, groups, error)
                                           : silma_fail_memory(error, count * sizeof *groups);
    for (size_t i = 0; status == SILMA_OK && i < count; i++)
        labels[i] = k->scan->files[decoded->files[i]].label;
    if (status == SILMA_OK)
        status = commit(k, decoded, groups, labels, p, error);
    else
        pack_writer_abandon(&k->writer);
    free(groups);
    free(labels);
    return status;
}

// Decodes into a pack that has been begun.
static silma_status fill_pack(packing *k, pack *p, silma_error *error)
{
    decoded_folder decoded;
    silma_status status =
        folder_decode(&decoded, k->scan, k->request->folder, k->request->options, &k->writer.sink, error);
    if (status != SILMA_OK) {
        k->failed = k->writer.failure.status != SILMA_OK;
        pack_writer_abandon(&k->writer);
        return status;
    }
    status = group_and_commit(k, &decoded, p, error);
    decoded_folder_free(&decoded);
    return status;
}

// Makes the pack, or waits for the process that is making it.
static silma_status make_pack(packing *k, pack *p, silma_error *error)
{
    bool busy;
    cache_remove_abandoned(k->path);
    silma_status status = pack_writer_open(&k->writer, k->path, false, &busy, error);
    if (status == SILMA_OK && busy) {
        notice(k->request->options, "%s: another process is decoding these pictures; waiting for it",
               k->request->folder);
        status = pack_writer_open(&k->writer, k->path, true, &busy, error);
    }
    k->failed = status != SILMA_OK;
    if (status != SILMA_OK) return status;
    if (busy && pack_open(p, k->path, k->scan_hash, k->scan->count)) {
        pack_writer_abandon(&k->writer);
        return SILMA_OK;
    }
    return fill_pack(k, p, error);
}

static silma_status load_from_cache(silma_dataset *dataset, const folder_scan *scan, packing *k, folder_facts *facts,
                                    silma_error *error)
{
    pack p;
    folder_scan_hash(scan, k->scan_hash);
    bool found = pack_open(&p, k->path, k->scan_hash, scan->count);
    if (found && is_outdated(&p, scan, k->request)) {
        pack_close(&p);
        found = false;
    }
    silma_status status = found ? SILMA_OK : make_pack(k, &p, error);
    if (status != SILMA_OK) return status;
    status = take_pack(dataset, scan, &p, facts, error);
    pack_close(&p);
    return status;
}

silma_status folder_images_load(silma_dataset *dataset, const folder_scan *scan, const data_request *request,
                                folder_facts *facts, silma_error *error)
{
    const silma_dataset_options *options = request->options;
    if (options->no_cache) return load_into_memory(dataset, scan, request, facts, error);
    silma_error why = {0};
    char *path = NULL;
    silma_status status = cache_pack_path(&path, request->folder, request->split, &options->preparation, &why);
    packing k = {.scan = scan, .request = request, .path = path, .failed = status != SILMA_OK};
    if (status == SILMA_OK) status = load_from_cache(dataset, scan, &k, facts, &why);
    free(path);
    if (status == SILMA_OK) return SILMA_OK;
    if (!k.failed) return silma_fail(error, status, "%s", why.message);
    notice(options, "%s: the images are kept in memory, and decoded again the next time", why.message);
    return load_into_memory(dataset, scan, request, facts, error);
}
