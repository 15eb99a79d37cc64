// safetensors files: what is written comes back, the bytes never change, and no damaged file does harm.
#include "formats/safetensors.h"

#include "core/sha256.h"
#include "damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const float KERNEL[6] = {1, -2, 3.5f, 0, 1e-30f, 7};
static const double STEP = 0.25;
static const uint8_t FLAGS[3] = {1, 0, 255};

typedef struct example_tensor {
    const char *name, *dtype;
    int rank;
    uint64_t shape[2];
    const void *data;
    size_t bytes;
} example_tensor;

// In the order in which the file holds them.
static const example_tensor EXAMPLE[] = {
    {"step", "F64", 0, {0}, &STEP, sizeof(STEP)},
    {"conv1.kernel", "F32", 2, {2, 3}, KERNEL, sizeof(KERNEL)},
    {"empty", "F32", 2, {0, 5}, NULL, 0},
    {"flags", "U8", 1, {3}, FLAGS, sizeof(FLAGS)},
};
enum { EXAMPLE_COUNT = sizeof(EXAMPLE) / sizeof(EXAMPLE[0]) };

static void add_example(safetensors_writer *writer, size_t index)
{
    const example_tensor *t = &EXAMPLE[index];
    silma_error error = {0};
    if (safetensors_writer_tensor(writer, t->name, t->dtype, t->rank, t->shape, t->data, &error) != SILMA_OK)
        fail_msg("%s", error.message);
}

static safetensors_writer *example_writer(bool backwards)
{
    safetensors_writer *writer = NULL;
    assert_int_equal(safetensors_writer_create(&writer, NULL), SILMA_OK);
    for (size_t i = 0; i < EXAMPLE_COUNT; i++)
        add_example(writer, backwards ? EXAMPLE_COUNT - 1 - i : i);
    const char *const pairs[2][2] = {{"text", "dense 10\n# ääkköset \"quoted\""}, {"classes", "[]"}};
    for (int i = 0; i < 2; i++) {
        const char *const *pair = pairs[backwards ? 1 - i : i];
        assert_int_equal(safetensors_writer_metadata(writer, pair[0], pair[1], NULL), SILMA_OK);
    }
    return writer;
}

static void write_example(const scratch *space, const char *name, bool backwards)
{
    safetensors_writer *writer = example_writer(backwards);
    char *path = scratch_path(space, name);
    silma_error error = {0};
    if (safetensors_writer_commit(writer, path, &error) != SILMA_OK) fail_msg("%s", error.message);
    safetensors_writer_free(writer);
    free(path);
}

static uint8_t *example_bytes(size_t *count)
{
    scratch space = scratch_make();
    write_example(&space, "a.safetensors", false);
    uint8_t *bytes = scratch_read(&space, "a.safetensors", count);
    scratch_remove(&space);
    return bytes;
}

static void gives_back_what_was_written(void **state)
{
    (void)state;
    scratch space = scratch_make();
    write_example(&space, "a.safetensors", true);
    char *path = scratch_path(&space, "a.safetensors");
    safetensors *file = NULL;
    assert_int_equal(safetensors_open(&file, path, NULL), SILMA_OK);
    assert_int_equal(safetensors_count(file), EXAMPLE_COUNT);
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        const safetensor *tensor = safetensors_at(file, i);
        assert_ptr_equal(tensor, safetensors_find(file, EXAMPLE[i].name));
        assert_string_equal(tensor->name, EXAMPLE[i].name);
        assert_string_equal(tensor->dtype, EXAMPLE[i].dtype);
        assert_int_equal(tensor->rank, EXAMPLE[i].rank);
        for (int d = 0; d < tensor->rank; d++)
            assert_int_equal(tensor->shape[d], EXAMPLE[i].shape[d]);
        assert_int_equal(tensor->bytes, EXAMPLE[i].bytes);
        if (tensor->bytes > 0) assert_memory_equal(tensor->data, EXAMPLE[i].data, tensor->bytes);
    }
    assert_int_equal((uintptr_t)safetensors_at(file, 0)->data % 8, 0);
    assert_null(safetensors_find(file, "conv1"));
    assert_string_equal(safetensors_metadata(file, "text"), "dense 10\n# ääkköset \"quoted\"");
    assert_null(safetensors_metadata(file, "no such key"));
    safetensors_close(file);
    free(path);
    scratch_remove(&space);
}

// The sum is part of the format: a file of today must have the same bytes in ten years.
static void writes_the_same_bytes_in_any_order(void **state)
{
    (void)state;
    scratch space = scratch_make();
    for (int backwards = 0; backwards < 2; backwards++) {
        write_example(&space, "a.safetensors", backwards);
        size_t count;
        uint8_t *bytes = scratch_read(&space, "a.safetensors", &count);
        char hex[SHA256_HEX_SIZE];
        sha256 sum;
        sha256_start(&sum);
        sha256_add(&sum, bytes, count);
        sha256_finish(&sum, hex);
        assert_string_equal(hex, "1adceb78f26ae5a060570272d73de6b32ba0745af7dcd1fc4a5e09f006b1dee3");
        free(bytes);
    }
    scratch_remove(&space);
}

static void writes_and_reads_a_file_without_tensors(void **state)
{
    (void)state;
    scratch space = scratch_make();
    char *path = scratch_path(&space, "none.safetensors");
    safetensors_writer *writer = NULL;
    safetensors *file = NULL;
    assert_int_equal(safetensors_writer_create(&writer, NULL), SILMA_OK);
    assert_int_equal(safetensors_writer_commit(writer, path, NULL), SILMA_OK);
    assert_int_equal(safetensors_open(&file, path, NULL), SILMA_OK);
    assert_int_equal(safetensors_count(file), 0);
    assert_null(safetensors_find(file, ""));
    assert_null(safetensors_metadata(file, ""));
    safetensors_close(file);
    safetensors_writer_free(writer);
    free(path);
    scratch_remove(&space);
}

static void refuses_to_write_nonsense(void **state)
{
    (void)state;
    scratch space = scratch_make();
    char *path = scratch_path(&space, "a.safetensors");
    safetensors_writer *writer = example_writer(false);
    silma_error error = {0};
    const uint64_t huge[] = {UINT64_MAX, 2, 2, 2, 2, 2, 2, 2, 2};
    assert_int_equal(safetensors_writer_metadata(writer, "text", "", &error), SILMA_USAGE);
    assert_string_equal(error.message, "the metadata \"text\" is set twice");
    assert_int_equal(safetensors_writer_metadata(writer, "bad", "\xff", &error), SILMA_USAGE);
    assert_int_equal(safetensors_writer_tensor(writer, "x", "F31", 0, NULL, NULL, &error), SILMA_USAGE);
    assert_int_equal(safetensors_writer_tensor(writer, "x", "F32", 9, huge, NULL, &error), SILMA_USAGE);
    assert_int_equal(safetensors_writer_tensor(writer, "x", "F32", 1, huge, NULL, &error), SILMA_USAGE);
    assert_int_equal(safetensors_writer_tensor(writer, "__metadata__", "F32", 0, NULL, KERNEL, &error), SILMA_USAGE);
    add_example(writer, 1);
    assert_int_equal(safetensors_writer_commit(writer, path, &error), SILMA_USAGE);
    assert_string_equal(error.message, "the tensor \"conv1.kernel\" is there twice");
    assert_true(scratch_is_empty_but_for(&space, ""));
    safetensors_writer_free(writer);
    free(path);
    scratch_remove(&space);
}

static void refuses_to_write_a_header_that_it_would_not_read(void **state)
{
    (void)state;
    scratch space = scratch_make();
    char *path = scratch_path(&space, "a.safetensors");
    char *text = calloc(1, SAFETENSORS_MAX_HEADER + 1);
    assert_non_null(text);
    memset(text, 'x', SAFETENSORS_MAX_HEADER);
    safetensors_writer *writer = example_writer(false);
    silma_error error = {0};
    assert_int_equal(safetensors_writer_metadata(writer, "long", text, &error), SILMA_OK);
    assert_int_equal(safetensors_writer_commit(writer, path, &error), SILMA_FAILURE);
    assert_true(scratch_is_empty_but_for(&space, ""));
    safetensors_writer_free(writer);
    free(text);
    free(path);
    scratch_remove(&space);
}

// ---------------------------------------------------------------------------------------------------------------------
// Bad files

static const char ORIGIN[] = "model.safetensors";

// A file of this header and so many bytes of data, read. The bytes lie in a block of exactly their size.
static silma_status read_header(const char *header, size_t data, silma_error *error)
{
    uint64_t length = strlen(header);
    size_t size = sizeof(length) + (size_t)length + data;
    uint8_t *bytes = calloc(1, size);
    assert_non_null(bytes);
    memcpy(bytes, &length, sizeof(length));
    memcpy(bytes + sizeof(length), header, (size_t)length);
    safetensors *file = NULL;
    silma_status status = safetensors_read(&file, bytes, size, ORIGIN, error);
    if (status == SILMA_OK) safetensors_close(file);
    free(bytes);
    return status;
}

typedef struct bad_header {
    const char *header;
    size_t data;
    const char *message;
} bad_header;

static const bad_header BAD_HEADERS[] = {
    {"", 0, "begins with '{'"},
    {" {}", 0, "begins with '{'"},
    {"[]", 0, "begins with '{'"},
    {"{", 0, "not valid JSON"},
    {"{} {}", 0, "not valid JSON"},
    {"{}", 1, "holds 1 bytes of data; its tensors take 0"},
    {"{\"__metadata__\":3}", 0, "\"__metadata__\" is not an object"},
    {"{\"__metadata__\":{\"a\":3}}", 0, "the metadata \"a\" is not a string"},
    {"{\"__metadata__\":{\"a\":\"\\u0000\"}}", 0, "not valid JSON"},
    {"{\"a\":{\"b\":{\"c\":{}}}}", 0, "nested more deeply"},
    {"{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}", 0, "nested more deeply"},
    {"{\"a\":3}", 0, "expected an object"},
    {"{\"a\":{}}", 0, "expected an object"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"extra\":1}}", 4, "expected an object"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "none of the known types"},
    {"{\"a\":{\"dtype\":32,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "none of the known types"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "\"shape\" is not a list"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "not a whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "not a whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "more than 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "larger than any"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807],\"data_offsets\":[0,0]}}", 0, "larger than any"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551615],\"data_offsets\":[0,0]}}", 0, "not valid JSON"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483648],\"data_offsets\":[0,4]}}", 4, "take 8589934592 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":4}}", 4, "\"data_offsets\" is not"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0]}}", 4, "\"data_offsets\" is not"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,0]}}", 4, "do not lie in the file's 4 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[-4,0]}}", 4, "do not lie in the file's 4 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]}}", 4, "do not lie in the file's 4 bytes"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[1,5]}}", 5, "begins at byte 1 of the data"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, "tensor \"b\": begins at byte 1 of the data, but the tensor before it ends at 2"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
     2, "tensor \"b\": begins at byte 0"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
     4, "not valid JSON: duplicate object key"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3, "holds 3 bytes of data"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "not aligned for F32"},
    {"{\"a\\u001b[31m\\n\":{}}", 0, "tensor \"a?[31m?\": expected"},
};

static void says_what_is_wrong_with_a_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(BAD_HEADERS) / sizeof(BAD_HEADERS[0]); i++) {
        silma_error error = {0};
        silma_status status = read_header(BAD_HEADERS[i].header, BAD_HEADERS[i].data, &error);
        if (status != SILMA_BAD_FILE) fail_msg("%s: status %d", BAD_HEADERS[i].header, (int)status);
        bool named = strncmp(error.message, ORIGIN, strlen(ORIGIN)) == 0;
        if (!named || !strstr(error.message, BAD_HEADERS[i].message))
            fail_msg("%s: \"%s\"", BAD_HEADERS[i].header, error.message);
    }
}

static void takes_every_legal_header(void **state)
{
    (void)state;
    assert_int_equal(read_header("{}", 0, NULL), SILMA_OK);
    assert_int_equal(read_header("{}      ", 0, NULL), SILMA_OK);
    assert_int_equal(read_header("{\"__metadata__\":{}}", 0, NULL), SILMA_OK);
    assert_int_equal(
        read_header("{\"a\":{\"shape\":[0,9223372036854775807],\"dtype\":\"I8\",\"data_offsets\":[0,0]}}", 0, NULL),
        SILMA_OK);
    assert_int_equal(read_header("{\"\":{\"shape\":[3],\"dtype\":\"BOOL\",\"data_offsets\":[0,3]}}", 3, NULL),
                     SILMA_OK);
}

static silma_status read_bytes(const uint8_t *bytes, size_t count, void *user, silma_error *error)
{
    (void)user;
    safetensors *file = NULL;
    silma_status status = safetensors_read(&file, bytes, count, ORIGIN, error);
    if (status == SILMA_OK) safetensors_close(file);
    return status;
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    size_t count;
    uint8_t *bytes = example_bytes(&count);
    assert_int_equal(read_bytes(bytes, count, NULL, NULL), SILMA_OK);
    expect_truncations_fail(bytes, count, 1, ORIGIN, read_bytes, NULL);
    free(bytes);
}

static void survives_every_flipped_bit(void **state)
{
    (void)state;
    size_t count;
    uint8_t *bytes = example_bytes(&count);
    uint64_t header;
    memcpy(&header, bytes, sizeof(header));
    size_t refused = expect_flips_are_survived(bytes, count, 0, 8 + (size_t)header, ORIGIN, read_bytes, NULL);
    assert_true(refused > 4 * (size_t)header); // what remains are names, metadata and spaces
    assert_int_equal(expect_flips_are_survived(bytes, count, 8 + (size_t)header, count, ORIGIN, read_bytes, NULL), 0);
    free(bytes);
}

static void refuses_trailing_bytes(void **state)
{
    (void)state;
    size_t count;
    uint8_t *bytes = example_bytes(&count);
    uint8_t *longer = calloc(1, count + 1);
    assert_non_null(longer);
    memcpy(longer, bytes, count);
    assert_int_equal(read_bytes(longer, count + 1, NULL, NULL), SILMA_BAD_FILE);
    free(longer);
    free(bytes);
}

static void tells_a_missing_file_from_a_bad_one(void **state)
{
    (void)state;
    scratch space = scratch_make();
    char *path = scratch_path(&space, "missing.safetensors");
    safetensors *file = NULL;
    silma_error error = {0};
    assert_int_equal(safetensors_open(&file, path, &error), SILMA_IO);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(safetensors_open(&file, space.folder, &error), SILMA_BAD_FILE);
    scratch_write(&space, "missing.safetensors", "", 0);
    assert_int_equal(safetensors_open(&file, path, &error), SILMA_BAD_FILE);
    free(path);
    scratch_remove(&space);
}

static void a_full_disk_leaves_the_old_file_whole(void **state)
{
    (void)state;
    scratch space = scratch_make();
    write_example(&space, "a.safetensors", false);
    size_t old_count, new_count;
    uint8_t *old = scratch_read(&space, "a.safetensors", &old_count);
    char *path = scratch_path(&space, "a.safetensors");
    safetensors_writer *writer = example_writer(false);
    assert_int_equal(safetensors_writer_metadata(writer, "more", "than before", NULL), SILMA_OK);
    for (size_t room = 0; room < old_count; room += 13) {
        silma_error error = {0};
        limit_file_size(room);
        silma_status status = safetensors_writer_commit(writer, path, &error);
        limit_file_size(SIZE_MAX);
        assert_int_equal(status, SILMA_IO);
        assert_non_null(strstr(error.message, path));
        uint8_t *now = scratch_read(&space, "a.safetensors", &new_count);
        assert_int_equal(new_count, old_count);
        assert_memory_equal(now, old, old_count);
        assert_true(scratch_is_empty_but_for(&space, "a.safetensors"));
        free(now);
    }
    assert_int_equal(safetensors_writer_commit(writer, path, NULL), SILMA_OK);
    safetensors_writer_free(writer);
    free(path);
    free(old);
    scratch_remove(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_written),
        cmocka_unit_test(writes_the_same_bytes_in_any_order),
        cmocka_unit_test(writes_and_reads_a_file_without_tensors),
        cmocka_unit_test(refuses_to_write_nonsense),
        cmocka_unit_test(refuses_to_write_a_header_that_it_would_not_read),
        cmocka_unit_test(says_what_is_wrong_with_a_header),
        cmocka_unit_test(takes_every_legal_header),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_flipped_bit),
        cmocka_unit_test(refuses_trailing_bytes),
        cmocka_unit_test(tells_a_missing_file_from_a_bad_one),
        cmocka_unit_test(a_full_disk_leaves_the_old_file_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
