// Sources: CIFAR-10 and CIFAR-100, binary version.
#include "data/cifar.h"

#include "core/error.h"
#include "core/utf8.h"
#include "data/dataset.h"
#include "data/source.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, PLANES = 3, PLANE_BYTES = SIDE * SIDE, IMAGE_BYTES = PLANES * PLANE_BYTES };

static silma_status count_records(const data_file *file, size_t record_bytes, size_t records, size_t *count,
                                  silma_error *error)
{
    *count = file->size / record_bytes;
    if (records > 0 && file->size != records * record_bytes)
        return silma_fail(error, SILMA_BAD_FILE, "%s: has %zu bytes; expected %zu: %zu images of %zu bytes", file->path,
                          file->size, records * record_bytes, records, record_bytes);
    if (*count > 0 && file->size % record_bytes == 0) return SILMA_OK;
    return silma_fail(error, SILMA_BAD_FILE, "%s: has %zu bytes, which is not a whole number of records of %zu bytes",
                      file->path, file->size, record_bytes);
}

static void interleave_planes(const uint8_t *planes, uint8_t *pixels)
{
    for (size_t i = 0; i < PLANE_BYTES; i++)
        for (size_t c = 0; c < PLANES; c++)
            pixels[PLANES * i + c] = planes[PLANE_BYTES * c + i];
}

// Reads the file's records into `pixels` and `labels`, which have room for all of them.
static silma_status read_records(const data_file *file, size_t count, size_t label_bytes, int class_count,
                                 uint8_t *pixels, uint32_t *labels, silma_error *error)
{
    uint8_t record[CIFAR100_LABEL_BYTES + IMAGE_BYTES];
    size_t record_bytes = label_bytes + IMAGE_BYTES;
    for (size_t i = 0; i < count; i++) {
        silma_status status = data_file_read(file, i * record_bytes, record, record_bytes, error);
        if (status != SILMA_OK) return status;
        labels[i] = record[label_bytes - 1];
        if (labels[i] >= (uint32_t)class_count)
            return silma_fail(error, SILMA_BAD_FILE, "%s: byte %zu (image %zu): label %u; expected one below %d",
                              file->path, i * record_bytes + label_bytes - 1, i, labels[i], class_count);
        interleave_planes(record + label_bytes, pixels + i * IMAGE_BYTES);
    }
    return SILMA_OK;
}

silma_status cifar_load(silma_dataset *dataset, const data_file *files, size_t count, size_t label_bytes,
                        int class_count, size_t records, silma_error *error)
{
    size_t counts[CIFAR_MAX_FILES], total = 0;
    for (size_t i = 0; i < count; i++) {
        silma_status status = count_records(&files[i], label_bytes + IMAGE_BYTES, records, &counts[i], error);
        if (status != SILMA_OK) return status;
        total += counts[i]; // cannot overflow: the files are mapped
    }
    silma_status status = dataset_reserve(dataset, files[0].path, total, SIDE, SIDE, PLANES, error);
    size_t done = 0;
    for (size_t i = 0; status == SILMA_OK && i < count; i++) {
        status = read_records(&files[i], counts[i], label_bytes, class_count, dataset->pixels + done * IMAGE_BYTES,
                              dataset->labels + done, error);
        done += counts[i];
    }
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The two data sets

typedef struct cifar_kind {
    const char *name;                          // in the catalogue
    const char *files[2][CIFAR_MAX_FILES + 1]; // by silma_split, then a null
    size_t records[2];                         // of each file, as published
    size_t label_bytes;
    const char *names_file; // a class name a line; may be missing
} cifar_kind;

static const cifar_kind CIFAR10 = {
    .name = "cifar-10",
    .files = {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
              {"test_batch.bin"}},
    .records = {10000, 10000},
    .label_bytes = CIFAR10_LABEL_BYTES,
    .names_file = "batches.meta.txt",
};

static const cifar_kind CIFAR100 = {
    .name = "cifar-100",
    .files = {{"train.bin"}, {"test.bin"}},
    .records = {50000, 10000},
    .label_bytes = CIFAR100_LABEL_BYTES,
    .names_file = "fine_label_names.txt",
};

static silma_status load_images(silma_dataset *dataset, const cifar_kind *kind, int class_count,
                                const data_request *request, silma_error *error)
{
    data_file files[CIFAR_MAX_FILES] = {0};
    char *paths[CIFAR_MAX_FILES] = {0};
    const char *const *names = kind->files[request->split];
    silma_status status = SILMA_OK;
    size_t count = 0;
    for (; names[count] && status == SILMA_OK; count++) {
        paths[count] = path_join(request->folder, names[count]);
        status = paths[count] ? data_file_open(&files[count], paths[count], NULL, error)
                              : silma_fail_memory(error, PATH_MAX);
    }
    size_t records = request->entry ? kind->records[request->split] : 0;
    if (status == SILMA_OK) status = cifar_load(dataset, files, count, kind->label_bytes, class_count, records, error);
    for (size_t i = 0; i < count; i++) {
        data_file_close(&files[i]);
        free(paths[i]);
    }
    return status;
}

// Cuts the text into lines, in place; blank lines do not count. Returns their number, at most `capacity` + 1.
static int split_lines(char *text, const char **lines, int capacity)
{
    int count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        if (count == capacity) return capacity + 1;
        lines[count++] = line;
    }
    return count;
}

static silma_status parse_names(silma_dataset *dataset, const char *path, char *text, size_t size, int class_count,
                                silma_error *error)
{
    if (memchr(text, '\0', size)) return silma_fail(error, SILMA_BAD_FILE, "%s: holds a zero byte", path);
    const char **lines = malloc((size_t)class_count * sizeof(char *));
    if (!lines) return silma_fail_memory(error, (size_t)class_count * sizeof(char *));
    silma_status status = SILMA_OK;
    int count = split_lines(text, lines, class_count);
    if (count != class_count)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: holds %s %d class names; expected %d", path,
                            count > class_count ? "at least" : "only", count, class_count);
    for (int i = 0; status == SILMA_OK && i < count; i++)
        if (!utf8_is_printable(lines[i], strlen(lines[i])))
            status = silma_fail(error, SILMA_BAD_FILE, "%s: class %d: its name is not printable UTF-8", path, i);
    if (status == SILMA_OK) status = dataset_set_classes(dataset, lines, count, error);
    free(lines);
    return status;
}

static silma_status load_names(silma_dataset *dataset, const cifar_kind *kind, const silma_catalog_entry_type *entry,
                               const data_request *request, silma_error *error)
{
    enum { NAMES_LIMIT = 1 << 16 };
    if (!folder_has(request->folder, kind->names_file))
        return dataset_set_classes(dataset, entry->class_names, entry->class_count, error);
    char *path = path_join(request->folder, kind->names_file);
    if (!path) return silma_fail_memory(error, PATH_MAX);
    char *text = NULL;
    size_t size;
    silma_status status = file_read(path, NAMES_LIMIT, &text, &size, error);
    if (status == SILMA_OK) status = parse_names(dataset, path, text, size, entry->class_count, error);
    free(text);
    free(path);
    return status;
}

static silma_status load_kind(silma_dataset *dataset, const cifar_kind *kind, const data_request *request,
                              silma_error *error)
{
    const silma_catalog_entry_type *entry = silma_catalog_find(kind->name);
    silma_status status = load_images(dataset, kind, entry->class_count, request, error);
    return status == SILMA_OK ? load_names(dataset, kind, entry, request, error) : status;
}

static bool cifar10_holds(const char *folder, silma_split split)
{
    return folder_has(folder, CIFAR10.files[split][0]);
}

static bool cifar100_holds(const char *folder, silma_split split)
{
    return folder_has(folder, CIFAR100.files[split][0]);
}

static silma_status cifar10_load(silma_dataset *dataset, const data_request *request, silma_error *error)
{
    return load_kind(dataset, &CIFAR10, request, error);
}

static silma_status cifar100_load(silma_dataset *dataset, const data_request *request, silma_error *error)
{
    return load_kind(dataset, &CIFAR100, request, error);
}

const data_source cifar10_source = {
    .files = {"data_batch_1.bin to data_batch_5.bin", "test_batch.bin"},
    .holds = cifar10_holds,
    .load = cifar10_load,
};

const data_source cifar100_source = {
    .files = {"train.bin", "test.bin"},
    .holds = cifar100_holds,
    .load = cifar100_load,
};
