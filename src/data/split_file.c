#include "data/split_file.h"

#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

enum { INDEX_CHARACTERS = 16, OTHER_CHARACTERS = 4096 }; // what a file may have for each image, and besides

static void write_list(file_writer *writer, const char *name, const uint32_t *indices, size_t count)
{
    file_writer_print(writer, "\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        file_writer_print(writer, i == 0 ? "%" PRIu32 : ",%" PRIu32, indices[i]);
    file_writer_print(writer, "]");
}

silma_status split_file_write(const char *path, const silma_partition *partition, silma_error *error)
{
    file_writer *writer;
    silma_status status = file_writer_open(&writer, path, error);
    if (status != SILMA_OK) return status;
    file_writer_print(writer, "{");
    write_list(writer, "train", partition->train, partition->train_count);
    file_writer_print(writer, ",");
    write_list(writer, "validation", partition->validation, partition->validation_count);
    file_writer_print(writer, "}\n");
    return file_writer_commit(writer, error);
}

typedef struct split_reader {
    const char *path;
    bool *seen; // (image_count)
    size_t image_count;
    silma_error *error;
} split_reader;

static silma_status read_list(const split_reader *reader, const json_t *root, const char *name, uint32_t **indices,
                              size_t *count)
{
    const json_t *list = json_object_get(root, name);
    if (!json_is_array(list))
        return silma_fail(reader->error, SILMA_BAD_FILE, "%s: expected a list \"%s\" of image numbers", reader->path,
                          name);
    size_t length = json_array_size(list);
    *indices = malloc((length + 1) * sizeof(uint32_t));
    if (!*indices) return silma_fail_memory(reader->error, (length + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < length; i++) {
        const json_t *value = json_array_get(list, i);
        json_int_t index = json_is_integer(value) ? json_integer_value(value) : -1;
        if (index < 0 || (uint64_t)index >= reader->image_count)
            return silma_fail(reader->error, SILMA_BAD_FILE, "%s: entry %zu of \"%s\" is not a number from 0 to %zu",
                              reader->path, i, name, reader->image_count - 1);
        if (reader->seen[index])
            return silma_fail(reader->error, SILMA_BAD_FILE, "%s: entry %zu of \"%s\": image %lld is there twice",
                              reader->path, i, name, (long long)index);
        reader->seen[index] = true;
        (*indices)[i] = (uint32_t)index;
    }
    *count = length;
    return SILMA_OK;
}

static silma_status parse_split(const split_reader *reader, const char *text, size_t count, silma_partition *partition)
{
    json_error_t problem;
    json_t *root = json_loadb(text, count, JSON_REJECT_DUPLICATES, &problem);
    if (!root)
        return silma_fail(reader->error, SILMA_BAD_FILE, "%s:%d: is not valid JSON: %s", reader->path, problem.line,
                          utf8_show(problem.text).text);
    *partition = (silma_partition){0};
    silma_status status = read_list(reader, root, "train", &partition->train, &partition->train_count);
    if (status == SILMA_OK)
        status = read_list(reader, root, "validation", &partition->validation, &partition->validation_count);
    json_decref(root);
    if (status != SILMA_OK) silma_partition_free(partition);
    return status;
}

silma_status split_file_read(const char *path, size_t image_count, silma_partition *partition, silma_error *error)
{
    char *text;
    size_t count;
    silma_status status = file_read(path, image_count * INDEX_CHARACTERS + OTHER_CHARACTERS, &text, &count, error);
    if (status != SILMA_OK) return status;
    split_reader reader = {
        .path = path,
        .seen = calloc(image_count + 1, sizeof(bool)),
        .image_count = image_count,
        .error = error,
    };
    status = reader.seen ? parse_split(&reader, text, count, partition) : silma_fail_memory(error, image_count);
    free(reader.seen);
    free(text);
    return status;
}
