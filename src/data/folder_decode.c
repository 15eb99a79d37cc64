#define _GNU_SOURCE
#include "data/folder_decode.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/file.h"
#include "core/threads.h"
#include "data/dataset.h"
#include "data/picture_file.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    OWN_SIDE_MOST = 256,   // larger pictures are not taken at their own size unless asked for
    DEFAULT_SIDE = 64,     // where they have no size in common
    BATCH_IMAGES = 512,    // decoded between two visits to the sink
    BATCH_BYTES = 1 << 26, // at most
};

// ---------------------------------------------------------------------------------------------------------------------
// One picture

silma_status folder_read_picture(silma_picture *picture, const folder_scan *scan, size_t index, const char *folder,
                                 const silma_codecs *codecs, const silma_preparation *preparation, silma_error *error)
{
    char *path = path_join(folder, folder_scan_path(scan, index));
    if (!path) return silma_fail_memory(error, strlen(folder));
    silma_status status = picture_file_decode(picture, path, codecs, preparation, error);
    free(path);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// All of them

typedef struct decoder {
    decoded_folder *decoded;
    const folder_scan *scan;
    const char *folder;
    const silma_dataset_options *options;
    pixel_sink *sink;
    thread_pool *pool;
    bool own_size;   // the size is that of the first picture, as long as all have it
    bool own_colour; // grey, as long as all are
    atomic_bool other_size, colour_found;
    // One batch:
    size_t first;
    size_t image_bytes;
    uint8_t *pixels;        // (batch, height, width, channels)
    image_sketch *sketches; // (batch)
    silma_error *errors;    // (batch)
    silma_error *error;
} decoder;

// Whether the pictures are all of the kind that was taken for granted, as far as this one tells.
static bool is_as_expected(decoder *d, const silma_picture *picture)
{
    const silma_preparation *p = &d->decoded->facts.preparation;
    bool other_size = d->own_size && (picture->height != p->height || picture->width != p->width);
    bool colour_found = d->own_colour && picture->channels >= 3;
    if (other_size) atomic_store(&d->other_size, true);
    if (colour_found) atomic_store(&d->colour_found, true);
    return !other_size && !colour_found;
}

static void decode_one(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    static const silma_preparation FULL_SIZE = {0};
    decoder *d = argument;
    const silma_preparation *p = &d->decoded->facts.preparation;
    silma_picture picture;
    if (atomic_load(&d->other_size) || atomic_load(&d->colour_found)) return; // nothing of this pass will be kept
    silma_error *error = &d->errors[task];
    error->status = folder_read_picture(&picture, d->scan, d->first + task, d->folder, d->options->codecs,
                                        d->own_size ? &FULL_SIZE : p, error);
    if (error->status != SILMA_OK) return;
    uint8_t *pixels = d->pixels + task * d->image_bytes;
    if (is_as_expected(d, &picture)) {
        error->status = silma_picture_prepare(&picture, p, pixels, error);
        if (error->status == SILMA_OK) d->sketches[task] = image_sketch_of(pixels, p->height, p->width, p->channels);
    }
    free(picture.pixels);
}

static bool is_files_fault(silma_status status)
{
    return status == SILMA_BAD_FILE || status == SILMA_IO;
}

// What is the file's fault is left out; what is not ends the decoding.
static silma_status take_bad(decoder *d, size_t file, const silma_error *problem)
{
    folder_facts *facts = &d->decoded->facts;
    if (d->options->strict || !is_files_fault(problem->status))
        return silma_fail(d->error, problem->status, "%s", problem->message);
    if (facts->bad_count < BAD_FILES_SHOWN) facts->bad_files[facts->bad_count] = (uint32_t)file;
    facts->bad_count++;
    return SILMA_OK;
}

// The images of a batch, those that could not be read taken out.
static silma_status take_batch(decoder *d, size_t count)
{
    decoded_folder *decoded = d->decoded;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (d->errors[i].status != SILMA_OK) {
            silma_status status = take_bad(d, d->first + i, &d->errors[i]);
            if (status != SILMA_OK) return status;
            continue;
        }
        if (kept < i) memmove(d->pixels + kept * d->image_bytes, d->pixels + i * d->image_bytes, d->image_bytes);
        decoded->files[decoded->facts.count + kept] = (uint32_t)(d->first + i);
        decoded->sketches[decoded->facts.count + kept] = d->sketches[i];
        kept++;
    }
    decoded->facts.count += kept;
    return d->sink->add(d->sink, d->pixels, kept * d->image_bytes, d->error);
}

static silma_status decode_batches(decoder *d, size_t batch)
{
    silma_status status = d->sink->begin(d->sink, &d->decoded->facts.preparation, d->error);
    for (d->first = 0; status == SILMA_OK && d->first < d->scan->count; d->first += batch) {
        size_t left = d->scan->count - d->first;
        size_t count = left < batch ? left : batch;
        thread_pool_run(d->pool, count, decode_one, d);
        if (atomic_load(&d->other_size) || atomic_load(&d->colour_found)) return SILMA_OK;
        status = take_batch(d, count);
    }
    return status;
}

// One pass over all files. It may end early because pictures turned out to be of another kind.
static silma_status decode_all(decoder *d)
{
    const silma_preparation *p = &d->decoded->facts.preparation;
    d->image_bytes = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    size_t batch = BATCH_BYTES / d->image_bytes;
    if (batch > BATCH_IMAGES) batch = BATCH_IMAGES;
    if (batch < thread_pool_size(d->pool)) batch = thread_pool_size(d->pool);
    size_t bytes;
    if (!checked_mul(batch, d->image_bytes, &bytes)) return silma_fail_memory(d->error, SIZE_MAX);
    d->pixels = malloc(bytes);
    d->sketches = calloc(batch, sizeof *d->sketches);
    d->errors = calloc(batch, sizeof *d->errors);
    silma_status status =
        d->pixels && d->sketches && d->errors ? decode_batches(d, batch) : silma_fail_memory(d->error, bytes);
    free(d->pixels);
    free(d->sketches);
    free(d->errors);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The size and the colours, where they were not given

static void use_default_size(decoder *d, size_reason reason)
{
    folder_facts *facts = &d->decoded->facts;
    d->own_size = false;
    facts->size_reason = reason;
    facts->preparation.height = facts->preparation.width = DEFAULT_SIDE;
}

// Asks the first picture that can be read.
static silma_status expect_kind(decoder *d)
{
    static const silma_preparation FULL_SIZE = {0};
    silma_preparation *p = &d->decoded->facts.preparation;
    silma_error each = {0}, problem = {0};
    silma_picture first;
    bool fatal = false;
    silma_status status = SILMA_BAD_FILE;
    for (size_t i = 0; i < d->scan->count && status != SILMA_OK && !fatal; i++) {
        status = folder_read_picture(&first, d->scan, i, d->folder, d->options->codecs, &FULL_SIZE, &each);
        fatal = status != SILMA_OK && (d->options->strict || !is_files_fault(status));
        if (i == 0 || fatal) problem = each;
    }
    if (fatal) return silma_fail(d->error, problem.status, "%s", problem.message);
    if (status != SILMA_OK)
        return silma_fail(d->error, SILMA_BAD_FILE, "%s: none of its %zu files is a picture that can be read; %s",
                          d->folder, d->scan->count, problem.message);
    d->own_size = p->height == 0;
    d->own_colour = p->channels == 0 && first.channels < 3;
    if (p->channels == 0) p->channels = first.channels < 3 ? 1 : 3;
    if (d->own_size) {
        p->height = first.height;
        p->width = first.width;
    }
    if (d->own_size && (p->height > OWN_SIDE_MOST || p->width > OWN_SIDE_MOST)) use_default_size(d, SIZE_BECAUSE_LARGE);
    free(first.pixels);
    return SILMA_OK;
}

// Decodes as often as the pictures turn out to be of another kind: each time one thing less is taken for granted.
static silma_status decode(decoder *d)
{
    silma_status status = expect_kind(d);
    while (status == SILMA_OK) {
        d->decoded->facts.count = d->decoded->facts.bad_count = 0;
        atomic_store(&d->other_size, false);
        atomic_store(&d->colour_found, false);
        status = decode_all(d);
        bool other_size = atomic_load(&d->other_size), colour_found = atomic_load(&d->colour_found);
        if (status != SILMA_OK || (!other_size && !colour_found)) break;
        if (other_size) use_default_size(d, SIZE_BECAUSE_MIXED);
        if (colour_found) {
            d->own_colour = false;
            d->decoded->facts.preparation.channels = 3;
        }
    }
    return status;
}

// Sizes of 0 are found in the pictures.
static silma_status check_preparation(const silma_preparation *p, silma_error *error)
{
    bool found = p->height == 0 && p->width == 0;
    bool given = p->height >= 1 && p->height <= DATASET_MAX_SIDE && p->width >= 1 && p->width <= DATASET_MAX_SIDE;
    bool colours = p->channels == 0 || p->channels == 1 || p->channels == 3;
    if ((found || given) && colours) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE, "pictures cannot be prepared as %dx%dx%d, resize %d", p->height, p->width,
                      p->channels, (int)p->resize);
}

silma_status folder_decode(decoded_folder *decoded, const folder_scan *scan, const char *folder,
                           const silma_dataset_options *options, pixel_sink *sink, silma_error *error)
{
    silma_status status = check_preparation(&options->preparation, error);
    if (status != SILMA_OK) return status;
    *decoded = (decoded_folder){
        .facts.preparation = options->preparation,
        .files = reallocarray(NULL, scan->count + 1, sizeof *decoded->files),
        .sketches = reallocarray(NULL, scan->count + 1, sizeof *decoded->sketches),
    };
    decoder d = {.decoded = decoded, .scan = scan, .folder = folder, .options = options, .sink = sink, .error = error};
    status = decoded->files && decoded->sketches ? thread_pool_create(&d.pool, options->threads, error)
                                                 : silma_fail_memory(error, scan->count);
    if (status == SILMA_OK) status = decode(&d);
    thread_pool_free(d.pool);
    if (status == SILMA_OK && decoded->facts.count == 0)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: none of its files is a picture that can be read", folder);
    if (status != SILMA_OK) decoded_folder_free(decoded);
    return status;
}

void decoded_folder_free(decoded_folder *decoded)
{
    free(decoded->files);
    free(decoded->sketches);
    *decoded = (decoded_folder){0};
}
