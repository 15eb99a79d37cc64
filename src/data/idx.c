// Source: IDX files, plain or compressed by gzip, under the names that MNIST and Fashion-MNIST gave them.
#include "data/idx.h"

#include "core/checked.h"
#include "core/error.h"
#include "data/catalog.h"
#include "data/dataset.h"
#include "data/source.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNSIGNED_BYTES = 8, IMAGES_RANK = 3, LABELS_RANK = 1, LABELS_HEADER = 8 };

static size_t header_bytes(int rank)
{
    return 4 + 4 * (size_t)rank;
}

// Reads the header and checks that the file is exactly as long as it says.
static silma_status read_header(const data_file *file, int rank, size_t *shape, silma_error *error)
{
    uint8_t header[4 + 4 * IMAGES_RANK];
    silma_status status = data_file_read(file, 0, header, header_bytes(rank), error);
    if (status != SILMA_OK) return status;
    if (header[0] != 0 || header[1] != 0)
        return silma_fail(error, SILMA_BAD_FILE, "%s: byte 0: an IDX file begins with two zero bytes, not %02x %02x",
                          file->path, header[0], header[1]);
    if (header[2] != UNSIGNED_BYTES)
        return silma_fail(error, SILMA_BAD_FILE, "%s: byte 2: type %02x; expected 08, unsigned bytes", file->path,
                          header[2]);
    if (header[3] != rank)
        return silma_fail(error, SILMA_BAD_FILE, "%s: byte 3: %u dimensions; expected %d", file->path, header[3], rank);
    size_t implied = 1;
    bool fits = true;
    for (int i = 0; i < rank; i++) {
        const uint8_t *bytes = header + 4 + 4 * i;
        shape[i] = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
        fits = fits && checked_mul(implied, shape[i], &implied);
    }
    fits = fits && checked_add(implied, header_bytes(rank), &implied);
    if (fits && implied == file->size) return SILMA_OK;
    if (!fits) return silma_fail(error, SILMA_BAD_FILE, "%s: byte 4: sizes larger than any memory", file->path);
    return silma_fail(error, SILMA_BAD_FILE, "%s: byte 4: its header makes %zu bytes, but it has %zu", file->path,
                      implied, file->size);
}

static silma_status read_labels(const data_file *file, uint32_t *labels, size_t count, int class_count,
                                silma_error *error)
{
    uint8_t *bytes = malloc(count);
    if (!bytes) return silma_fail_memory(error, count);
    silma_status status = data_file_read(file, LABELS_HEADER, bytes, count, error);
    for (size_t i = 0; status == SILMA_OK && i < count; i++) {
        labels[i] = bytes[i];
        if (class_count > 0 && bytes[i] >= class_count)
            status = silma_fail(error, SILMA_BAD_FILE, "%s: byte %zu: label %u; expected one below %d", file->path,
                                LABELS_HEADER + i, bytes[i], class_count);
    }
    free(bytes);
    return status;
}

silma_status idx_load(silma_dataset *dataset, const data_file *images, const data_file *labels, int class_count,
                      silma_error *error)
{
    size_t shape[IMAGES_RANK], label_count;
    silma_status status = read_header(images, IMAGES_RANK, shape, error);
    if (status == SILMA_OK) status = read_header(labels, LABELS_RANK, &label_count, error);
    if (status != SILMA_OK) return status;
    if (label_count != shape[0])
        return silma_fail(error, SILMA_BAD_FILE, "%s: byte 4: %zu labels, but there are %zu images in %s", labels->path,
                          label_count, shape[0], images->path);
    status = dataset_reserve(dataset, images->path, shape[0], shape[1], shape[2], 1, error);
    if (status != SILMA_OK) return status;
    status = data_file_read(images, header_bytes(IMAGES_RANK), dataset->pixels, shape[0] * shape[1] * shape[2], error);
    if (status != SILMA_OK) return status;
    return read_labels(labels, dataset->labels, label_count, class_count, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// Finding the files

static const char *const IMAGE_FILES[2][4] = {
    {"train-images-idx3-ubyte", "train-images.idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte.gz"},
    {"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte", "t10k-images-idx3-ubyte.gz", "t10k-images.idx3-ubyte.gz"},
};
static const char *const LABEL_FILES[2][4] = {
    {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte", "train-labels-idx1-ubyte.gz", "train-labels.idx1-ubyte.gz"},
    {"t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte", "t10k-labels-idx1-ubyte.gz", "t10k-labels.idx1-ubyte.gz"},
};

static const char *first_present(const char *folder, const char *const names[4])
{
    for (int i = 0; i < 4; i++)
        if (folder_has(folder, names[i])) return names[i];
    return NULL;
}

static bool idx_holds(const char *folder, silma_split split)
{
    return first_present(folder, IMAGE_FILES[split]) != NULL;
}

// A file that is not there is opened under its plain name, for the message's sake.
static silma_status open_first(data_file *file, char **path, const char *const names[4], const data_request *request,
                               silma_error *error)
{
    const char *name = first_present(request->folder, names);
    *path = path_join(request->folder, name ? name : names[0]);
    if (!*path) return silma_fail_memory(error, PATH_MAX);
    return data_file_open(file, *path, request->codecs, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// The classes

static uint32_t largest(const uint32_t *labels, size_t count)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = labels[i] > most ? labels[i] : most;
    return most;
}

// The largest label of the other split, so that the training and the test set of unknown data have the same classes.
static silma_status largest_of_other_split(const data_request *request, uint32_t *most, silma_error *error)
{
    const char *const *names = LABEL_FILES[request->split == SILMA_SPLIT_TRAIN ? SILMA_SPLIT_TEST : SILMA_SPLIT_TRAIN];
    *most = 0;
    if (!first_present(request->folder, names)) return SILMA_OK;
    data_file file = {0};
    char *path = NULL;
    uint32_t *labels = NULL;
    size_t count;
    silma_status status = open_first(&file, &path, names, request, error);
    if (status == SILMA_OK) status = read_header(&file, LABELS_RANK, &count, error);
    if (status == SILMA_OK && count > 0) {
        labels = malloc(count * sizeof(uint32_t));
        status = labels ? read_labels(&file, labels, count, 0, error) : silma_fail_memory(error, count);
        if (status == SILMA_OK) *most = largest(labels, count);
    }
    free(labels);
    data_file_close(&file);
    free(path);
    return status;
}

// A folder that is named like a data set of the catalogue is taken for it.
static const silma_catalog_entry_type *entry_of(const data_request *request)
{
    if (request->entry) return request->entry;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s", request->folder);
    if (length < 0 || (size_t)length >= sizeof(path)) return NULL;
    const silma_catalog_entry_type *entry = silma_catalog_find(basename(path));
    return entry && catalog_place_of(entry)->source == &idx_source ? entry : NULL;
}

static silma_status idx_source_load(silma_dataset *dataset, const data_request *request, silma_error *error)
{
    const silma_catalog_entry_type *entry = entry_of(request);
    data_file images = {0}, labels = {0};
    char *images_path = NULL, *labels_path = NULL;
    silma_status status = open_first(&images, &images_path, IMAGE_FILES[request->split], request, error);
    if (status == SILMA_OK) status = open_first(&labels, &labels_path, LABEL_FILES[request->split], request, error);
    if (status == SILMA_OK) status = idx_load(dataset, &images, &labels, entry ? entry->class_count : 0, error);
    data_file_close(&images);
    data_file_close(&labels);
    free(images_path);
    free(labels_path);
    if (status != SILMA_OK) return status;
    if (entry) return dataset_set_classes(dataset, entry->class_names, entry->class_count, error);
    uint32_t other;
    status = largest_of_other_split(request, &other, error);
    if (status != SILMA_OK) return status;
    uint32_t own = largest(dataset->labels, dataset->images.count);
    return dataset_set_classes(dataset, NULL, 1 + (int)(own > other ? own : other), error);
}

const data_source idx_source = {
    .files = {"train-images-idx3-ubyte and train-labels-idx1-ubyte (or both with .gz)",
              "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (or both with .gz)"},
    .holds = idx_holds,
    .load = idx_source_load,
};
