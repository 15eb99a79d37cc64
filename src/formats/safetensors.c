// The file: u64 N | N bytes of JSON | data. The header maps each tensor's name to its dtype, its shape and the range
// [begin, end) of its bytes in the data, and "__metadata__" to a map from strings to strings.
//
// The invariant that reading establishes: sorted by offset the tensors fill the data without hole or overlap, each as
// long as its shape says, each aligned for its dtype.
#include "formats/safetensors.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are used as they lie in the file");

static const char METADATA[] = "__metadata__";

enum {
    LENGTH_BYTES = 8, // of N
    DATA_ALIGN = 8,   // the writer pads the header so that the data begins at a multiple of this
    HEADER_DEPTH = 3, // {"name": {"shape": [
    CONTAINERS = 8,   // objects and arrays that a header may have in any case, and
    ENTRY_BYTES = 16, // one more for each so many bytes
};

typedef struct dtype_info {
    const char *name;
    unsigned bytes;
    unsigned alignment;
} dtype_info;

static const dtype_info DTYPES[] = {
    {"BOOL", 1, 1}, {"U8", 1, 1},  {"I8", 1, 1},   {"F8_E4M3", 1, 1}, {"F8_E5M2", 1, 1}, {"U16", 2, 2},
    {"I16", 2, 2},  {"F16", 2, 2}, {"BF16", 2, 2}, {"U32", 4, 4},     {"I32", 4, 4},     {"F32", 4, 4},
    {"U64", 8, 8},  {"I64", 8, 8}, {"F64", 8, 8},  {"C64", 8, 4},
};

static const dtype_info *find_dtype(const char *name)
{
    for (size_t i = 0; i < sizeof(DTYPES) / sizeof(DTYPES[0]); i++)
        if (strcmp(DTYPES[i].name, name) == 0) return &DTYPES[i];
    return NULL;
}

static bool byte_count(const dtype_info *dtype, int rank, const uint64_t *shape, size_t *bytes)
{
    *bytes = dtype->bytes;
    for (int i = 0; i < rank; i++)
        if (shape[i] > INT64_MAX || !checked_mul(*bytes, (size_t)shape[i], bytes)) return false;
    return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

struct safetensors {
    file_view view;       // empty when the caller keeps the bytes
    json_t *header;       // owns all strings
    safetensor *tensors;  // (count), in the order of the data
    safetensor **by_name; // (count), sorted
    size_t count;
};

typedef struct header_reader {
    const char *origin;
    const uint8_t *data;
    size_t data_offset; // in the file
    size_t data_size;
    silma_error *error;
} header_reader;

static silma_status bad_tensor(const header_reader *reader, const char *name, const char *problem)
{
    return silma_fail(reader->error, SILMA_BAD_FILE, "%s: header, tensor \"%s\": %s", reader->origin,
                      utf8_show(name).text, problem);
}

// jansson's trees are several times as large as their text, and its parser recurses: this keeps both in bounds.
static bool header_is_plain(const char *text, size_t count)
{
    size_t depth = 0, containers = 0;
    bool quoted = false;
    for (size_t i = 0; i < count; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\') i++;
            if (c == '"') quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            containers++;
            if (++depth > HEADER_DEPTH) return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return containers <= CONTAINERS + count / ENTRY_BYTES;
}

static silma_status parse_header(const header_reader *reader, const char *text, size_t count, json_t **header)
{
    if (count == 0 || text[0] != '{')
        return silma_fail(reader->error, SILMA_BAD_FILE, "%s: byte 8: a safetensors header begins with '{'",
                          reader->origin);
    if (!header_is_plain(text, count))
        return silma_fail(reader->error, SILMA_BAD_FILE,
                          "%s: the header is nested more deeply than a safetensors header is", reader->origin);
    json_error_t problem;
    *header = json_loadb(text, count, JSON_REJECT_DUPLICATES, &problem);
    if (*header) return SILMA_OK;
    if (json_error_code(&problem) == json_error_out_of_memory) return silma_fail_memory(reader->error, count);
    return silma_fail(reader->error, SILMA_BAD_FILE, "%s: byte %d: the header is not valid JSON: %s", reader->origin,
                      LENGTH_BYTES + problem.position, utf8_show(problem.text).text);
}

static silma_status check_metadata(const header_reader *reader, const json_t *metadata)
{
    if (!json_is_object(metadata))
        return silma_fail(reader->error, SILMA_BAD_FILE, "%s: header: \"__metadata__\" is not an object",
                          reader->origin);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
    {
        if (!json_is_string(value))
            return silma_fail(reader->error, SILMA_BAD_FILE, "%s: header: the metadata \"%s\" is not a string",
                              reader->origin, utf8_show(key).text);
    }
    return SILMA_OK;
}

static silma_status read_shape(const header_reader *reader, const json_t *shape, safetensor *tensor)
{
    if (!json_is_array(shape)) return bad_tensor(reader, tensor->name, "\"shape\" is not a list");
    size_t rank = json_array_size(shape);
    if (rank > SAFETENSORS_MAX_RANK) return bad_tensor(reader, tensor->name, "it has more than 8 dimensions");
    tensor->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dimension = json_array_get(shape, i);
        if (!json_is_integer(dimension) || json_integer_value(dimension) < 0)
            return bad_tensor(reader, tensor->name, "a dimension is not a whole number from 0 up");
        tensor->shape[i] = (uint64_t)json_integer_value(dimension);
    }
    return SILMA_OK;
}

static silma_status read_offsets(const header_reader *reader, const json_t *offsets, safetensor *tensor)
{
    const json_t *begin = json_array_get(offsets, 0); // null if it is no array
    const json_t *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return bad_tensor(reader, tensor->name, "\"data_offsets\" is not a list of two whole numbers");
    json_int_t first = json_integer_value(begin), last = json_integer_value(end);
    if (first < 0 || last < first || (uint64_t)last > reader->data_size)
        return silma_fail(
            reader->error, SILMA_BAD_FILE,
            "%s: header, tensor \"%s\": its bytes [%lld, %lld) do not lie in the file's %zu bytes of data",
            reader->origin, utf8_show(tensor->name).text, (long long)first, (long long)last, reader->data_size);
    tensor->data = reader->data + first;
    tensor->bytes = (size_t)(last - first);
    return SILMA_OK;
}

static silma_status read_tensor(const header_reader *reader, const char *name, const json_t *entry, safetensor *tensor)
{
    *tensor = (safetensor){.name = name};
    if (!json_is_object(entry) || json_object_size(entry) != 3)
        return bad_tensor(reader, name, "expected an object of \"dtype\", \"shape\" and \"data_offsets\"");
    const char *dtype_name = json_string_value(json_object_get(entry, "dtype")); // null if it is no string
    const dtype_info *dtype = dtype_name ? find_dtype(dtype_name) : NULL;
    if (!dtype) return bad_tensor(reader, name, "\"dtype\" is none of the known types");
    tensor->dtype = dtype->name;
    silma_status status = read_shape(reader, json_object_get(entry, "shape"), tensor);
    if (status == SILMA_OK) status = read_offsets(reader, json_object_get(entry, "data_offsets"), tensor);
    if (status != SILMA_OK) return status;
    size_t expected;
    if (!byte_count(dtype, tensor->rank, tensor->shape, &expected))
        return bad_tensor(reader, name, "its shape is larger than any memory");
    if (expected != tensor->bytes)
        return silma_fail(reader->error, SILMA_BAD_FILE,
                          "%s: header, tensor \"%s\": its type and shape take %zu bytes, its data_offsets %zu",
                          reader->origin, utf8_show(name).text, expected, tensor->bytes);
    size_t offset = reader->data_offset + (size_t)((const uint8_t *)tensor->data - reader->data);
    if (offset % dtype->alignment != 0)
        return silma_fail(reader->error, SILMA_BAD_FILE,
                          "%s: tensor \"%s\" begins at byte %zu, which is not aligned for %s: save it anew with a "
                          "current safetensors writer",
                          reader->origin, utf8_show(name).text, offset, dtype->name);
    return SILMA_OK;
}

static int compare_places(const void *left, const void *right)
{
    const safetensor *a = left, *b = right;
    uintptr_t first = (uintptr_t)a->data, second = (uintptr_t)b->data;
    if (first != second) return first < second ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1; // empty ones come first
    return strcmp(a->name, b->name);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp((*(safetensor *const *)left)->name, (*(safetensor *const *)right)->name);
}

static silma_status check_no_holes(const header_reader *reader, const safetensors *file)
{
    const uint8_t *expected = reader->data;
    for (size_t i = 0; i < file->count; i++) {
        const safetensor *tensor = &file->tensors[i];
        if (tensor->data != expected)
            return silma_fail(
                reader->error, SILMA_BAD_FILE,
                "%s: header, tensor \"%s\": begins at byte %td of the data, but the tensor before it ends "
                "at %td",
                reader->origin, utf8_show(tensor->name).text, (const uint8_t *)tensor->data - reader->data,
                expected - reader->data);
        expected += tensor->bytes;
    }
    size_t used = (size_t)(expected - reader->data);
    if (used == reader->data_size) return SILMA_OK;
    return silma_fail(reader->error, SILMA_BAD_FILE, "%s: holds %zu bytes of data; its tensors take %zu",
                      reader->origin, reader->data_size, used);
}

static silma_status read_tensors(safetensors *file, const header_reader *reader)
{
    const json_t *metadata = json_object_get(file->header, METADATA);
    silma_status status = metadata ? check_metadata(reader, metadata) : SILMA_OK;
    if (status != SILMA_OK) return status;
    size_t count = json_object_size(file->header) - (metadata ? 1 : 0);
    if (count > SAFETENSORS_MAX_TENSORS)
        return silma_fail(reader->error, SILMA_BAD_FILE, "%s: header: %zu tensors; at most %d are allowed",
                          reader->origin, count, SAFETENSORS_MAX_TENSORS);
    file->tensors = calloc(count + 1, sizeof(safetensor));
    file->by_name = calloc(count + 1, sizeof(safetensor *));
    if (!file->tensors || !file->by_name) return silma_fail_memory(reader->error, count * sizeof(safetensor));
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry)
    {
        if (entry == metadata) continue;
        status = read_tensor(reader, name, entry, &file->tensors[file->count++]);
        if (status != SILMA_OK) return status;
    }
    qsort(file->tensors, count, sizeof(safetensor), compare_places);
    for (size_t i = 0; i < count; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, count, sizeof(safetensor *), compare_names);
    return check_no_holes(reader, file);
}

static silma_status read_file(safetensors *file, const uint8_t *bytes, size_t size, const char *origin,
                              silma_error *error)
{
    if (size < LENGTH_BYTES)
        return silma_fail(error, SILMA_BAD_FILE, "%s: has %zu bytes; a safetensors file has at least 10", origin, size);
    uint64_t length;
    memcpy(&length, bytes, LENGTH_BYTES);
    size_t rest = size - LENGTH_BYTES;
    if (rest > 0 && bytes[LENGTH_BYTES] != '{')
        return silma_fail(error, SILMA_BAD_FILE, "%s: byte 8: a safetensors header begins with '{'", origin);
    if (length > rest)
        return silma_fail(error, SILMA_BAD_FILE,
                          "%s: byte 0: its header is said to have %" PRIu64 " bytes, but only %zu follow", origin,
                          length, rest);
    if (length > SAFETENSORS_MAX_HEADER)
        return silma_fail(error, SILMA_BAD_FILE, "%s: byte 0: its header has %" PRIu64 " bytes; at most %d are allowed",
                          origin, length, SAFETENSORS_MAX_HEADER);
    size_t count = (size_t)length;
    header_reader reader = {
        .origin = origin,
        .data = bytes + LENGTH_BYTES + count,
        .data_offset = LENGTH_BYTES + count,
        .data_size = rest - count,
        .error = error,
    };
    silma_status status = parse_header(&reader, (const char *)bytes + LENGTH_BYTES, count, &file->header);
    return status == SILMA_OK ? read_tensors(file, &reader) : status;
}

silma_status safetensors_read(safetensors **result, const uint8_t *bytes, size_t size, const char *origin,
                              silma_error *error)
{
    safetensors *file = calloc(1, sizeof(*file));
    if (!file) return silma_fail_memory(error, sizeof(*file));
    silma_status status = read_file(file, bytes, size, origin, error);
    if (status != SILMA_OK) {
        safetensors_close(file);
        return status;
    }
    *result = file;
    return SILMA_OK;
}

silma_status safetensors_open(safetensors **result, const char *path, silma_error *error)
{
    file_view view;
    silma_status status = file_view_open(&view, path, error);
    if (status != SILMA_OK) return status;
    status = safetensors_read(result, view.bytes, view.size, path, error);
    if (status != SILMA_OK) {
        file_view_close(&view);
        return status;
    }
    (*result)->view = view;
    return SILMA_OK;
}

void safetensors_close(safetensors *file)
{
    if (!file) return;
    json_decref(file->header);
    free(file->tensors);
    free(file->by_name);
    file_view_close(&file->view);
    free(file);
}

size_t safetensors_count(const safetensors *file)
{
    return file->count;
}

const safetensor *safetensors_at(const safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const safetensor *safetensors_find(const safetensors *file, const char *name)
{
    const safetensor key = {.name = name};
    const safetensor *wanted = &key;
    safetensor *const *found = bsearch(&wanted, file->by_name, file->count, sizeof(safetensor *), compare_names);
    return found ? *found : NULL;
}

const char *safetensors_metadata(const safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, METADATA), key));
}

json_t *safetensors_json(const safetensors *file, const char *key)
{
    const char *text = safetensors_metadata(file, key);
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

typedef struct pending_tensor {
    char *name;
    const dtype_info *dtype;
    safetensor tensor;
} pending_tensor;

struct safetensors_writer {
    json_t *metadata;
    pending_tensor *tensors;
    size_t count, capacity;
};

silma_status safetensors_writer_create(safetensors_writer **result, silma_error *error)
{
    safetensors_writer *writer = calloc(1, sizeof(*writer));
    if (writer) writer->metadata = json_object();
    if (!writer || !writer->metadata) {
        safetensors_writer_free(writer);
        return silma_fail_memory(error, sizeof(*writer));
    }
    *result = writer;
    return SILMA_OK;
}

void safetensors_writer_free(safetensors_writer *writer)
{
    if (!writer) return;
    for (size_t i = 0; i < writer->count; i++)
        free(writer->tensors[i].name);
    free(writer->tensors);
    json_decref(writer->metadata);
    free(writer);
}

silma_status safetensors_writer_metadata(safetensors_writer *writer, const char *key, const char *value,
                                         silma_error *error)
{
    if (json_object_get(writer->metadata, key))
        return silma_fail(error, SILMA_USAGE, "the metadata \"%s\" is set twice", utf8_show(key).text);
    if (json_object_set_new(writer->metadata, key, json_string(value)) == 0) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE, "the metadata \"%s\" cannot be stored: it is not valid UTF-8",
                      utf8_show(key).text);
}

silma_status safetensors_writer_json(safetensors_writer *writer, const char *key, json_t *value, size_t digits,
                                     silma_error *error)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(digits)) : NULL;
    json_decref(value);
    if (!text) return silma_fail(error, SILMA_FAILURE, "the metadata \"%s\" cannot be written as JSON", key);
    silma_status status = safetensors_writer_metadata(writer, key, text, error);
    free(text);
    return status;
}

static silma_status make_room(safetensors_writer *writer, silma_error *error)
{
    if (writer->count < writer->capacity) return SILMA_OK;
    if (writer->count >= SAFETENSORS_MAX_TENSORS)
        return silma_fail(error, SILMA_USAGE, "a safetensors file holds at most %d tensors", SAFETENSORS_MAX_TENSORS);
    size_t capacity = writer->capacity ? 2 * writer->capacity : 16;
    pending_tensor *tensors = realloc(writer->tensors, capacity * sizeof(pending_tensor));
    if (!tensors) return silma_fail_memory(error, capacity * sizeof(pending_tensor));
    writer->tensors = tensors;
    writer->capacity = capacity;
    return SILMA_OK;
}

silma_status safetensors_writer_tensor(safetensors_writer *writer, const char *name, const char *dtype, int rank,
                                       const uint64_t *shape, const void *data, silma_error *error)
{
    pending_tensor pending = {.dtype = find_dtype(dtype)};
    if (!pending.dtype) return silma_fail(error, SILMA_USAGE, "tensor \"%s\": unknown type %s", name, dtype);
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK || strcmp(name, METADATA) == 0)
        return silma_fail(error, SILMA_USAGE, "tensor \"%s\" of rank %d cannot be stored", name, rank);
    pending.tensor = (safetensor){.dtype = pending.dtype->name, .rank = rank, .data = data};
    if (rank > 0) memcpy(pending.tensor.shape, shape, (size_t)rank * sizeof(shape[0]));
    if (!byte_count(pending.dtype, rank, shape, &pending.tensor.bytes))
        return silma_fail(error, SILMA_USAGE, "tensor \"%s\" is larger than any memory", name);
    silma_status status = make_room(writer, error);
    if (status != SILMA_OK) return status;
    pending.name = strdup(name);
    if (!pending.name) return silma_fail_memory(error, strlen(name) + 1);
    pending.tensor.name = pending.name;
    writer->tensors[writer->count++] = pending;
    return SILMA_OK;
}

// By alignment of the type, descending, so that every tensor is aligned; then by name.
static int compare_pending(const void *left, const void *right)
{
    const pending_tensor *a = left, *b = right;
    if (a->dtype->alignment != b->dtype->alignment) return a->dtype->alignment > b->dtype->alignment ? -1 : 1;
    return strcmp(a->name, b->name);
}

static json_t *describe_tensor(const safetensor *tensor, size_t begin, size_t end)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->dtype, "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)end);
}

static silma_status describe_tensors(const safetensors_writer *writer, json_t *header, silma_error *error)
{
    size_t begin = 0;
    for (size_t i = 0; i < writer->count; i++) {
        const safetensor *tensor = &writer->tensors[i].tensor;
        if (json_object_get(header, tensor->name))
            return silma_fail(error, SILMA_USAGE, "the tensor \"%s\" is there twice", utf8_show(tensor->name).text);
        size_t end;
        if (!checked_add(begin, tensor->bytes, &end) || end > INT64_MAX)
            return silma_fail(error, SILMA_USAGE, "the tensors are larger than any file");
        if (json_object_set_new(header, tensor->name, describe_tensor(tensor, begin, end)) != 0)
            return silma_fail(error, SILMA_FAILURE,
                              "the tensor \"%s\" cannot be described: memory is short, or its "
                              "name is not valid UTF-8",
                              utf8_show(tensor->name).text);
        begin = end;
    }
    return SILMA_OK;
}

// The header as text; its keys are sorted. Free with free().
static silma_status make_header(const safetensors_writer *writer, char **text, silma_error *error)
{
    json_t *header = json_object();
    if (!header) return silma_fail_memory(error, 64);
    silma_status status = SILMA_OK;
    if (json_object_size(writer->metadata) > 0 && json_object_set(header, METADATA, writer->metadata) != 0)
        status = silma_fail_memory(error, 64);
    if (status == SILMA_OK) status = describe_tensors(writer, header, error);
    if (status == SILMA_OK) {
        *text = json_dumps(header, JSON_COMPACT | JSON_SORT_KEYS);
        if (!*text) status = silma_fail_memory(error, SAFETENSORS_MAX_HEADER);
    }
    json_decref(header);
    return status;
}

static silma_status write_file(const safetensors_writer *writer, const char *header, const char *path,
                               silma_error *error)
{
    static const char SPACES[DATA_ALIGN] = "        ";
    size_t length = strlen(header);
    uint64_t padded = (length + DATA_ALIGN - 1) / DATA_ALIGN * DATA_ALIGN;
    if (padded > SAFETENSORS_MAX_HEADER)
        return silma_fail(error, SILMA_FAILURE, "%s: its header would take %" PRIu64 " bytes; at most %d are allowed",
                          path, padded, SAFETENSORS_MAX_HEADER);
    file_writer *file;
    silma_status status = file_writer_open(&file, path, error);
    if (status != SILMA_OK) return status;
    file_writer_write(file, &padded, LENGTH_BYTES);
    file_writer_write(file, header, length);
    file_writer_write(file, SPACES, (size_t)padded - length);
    for (size_t i = 0; i < writer->count; i++)
        file_writer_write(file, writer->tensors[i].tensor.data, writer->tensors[i].tensor.bytes);
    return file_writer_commit(file, error);
}

silma_status safetensors_writer_commit(safetensors_writer *writer, const char *path, silma_error *error)
{
    if (writer->count > 0) qsort(writer->tensors, writer->count, sizeof(pending_tensor), compare_pending);
    char *header = NULL;
    silma_status status = make_header(writer, &header, error);
    if (status != SILMA_OK) return status;
    status = write_file(writer, header, path, error);
    free(header);
    return status;
}
