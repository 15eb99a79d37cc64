// Compressed data files: read by zlib, and never trusted.
#include "silma/codecs.h"

#include "damage.h"
#include "data/data_file.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "stored_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char IMAGES_FILE[] = "tests/data/idx/train-images-idx3-ubyte.gz",
                  LABELS_FILE[] = "tests/data/idx/train-labels-idx1-ubyte.gz";

enum { IMAGES = 5, HEIGHT = 4, WIDTH = 3, GZIP_TRAILER = 8 };

static void reads_a_compressed_data_set(void **state)
{
    (void)state;
    char *folder = stored_path("tests/data/idx");
    silma_dataset_options options = {.codecs = silma_codecs_default()};
    silma_dataset *dataset = NULL;
    assert_int_equal(silma_dataset_open(&dataset, folder, SILMA_SPLIT_TRAIN, &options, NULL), SILMA_OK);
    const silma_images *images = silma_dataset_images(dataset);
    assert_int_equal(images->count, IMAGES);
    assert_int_equal(images->height, HEIGHT);
    assert_int_equal(images->width, WIDTH);
    assert_int_equal(images->channels, 1);
    assert_int_equal(images->class_count, 3);
    for (size_t i = 0; i < IMAGES; i++) {
        assert_int_equal(images->labels[i], 2 * i % 3);
        for (size_t p = 0; p < HEIGHT * WIDTH; p++)
            assert_int_equal(images->pixels[i * HEIGHT * WIDTH + p], (37 * i + 11 * p) % 256);
    }
    silma_dataset_free(dataset);
    free(folder);
}

static void says_that_a_decoder_is_missing(void **state)
{
    (void)state;
    char *folder = stored_path("tests/data/idx");
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    assert_int_equal(silma_dataset_open(&dataset, folder, SILMA_SPLIT_TEST, NULL, &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "t10k-images-idx3-ubyte.gz: is compressed"));
    free(folder);
}

static void reads_any_part(void **state)
{
    (void)state;
    size_t count;
    uint8_t *compressed = stored_read(LABELS_FILE, &count);
    static const uint8_t CONTENTS[] = {0, 0, 8, 1, 0, 0, 0, 5, 0, 2, 1, 0, 2};
    data_file file;
    assert_int_equal(data_file_over(&file, "labels.gz", compressed, count, silma_codecs_default(), NULL), SILMA_OK);
    assert_int_equal(file.size, sizeof(CONTENTS));
    for (size_t begin = 0; begin <= sizeof(CONTENTS); begin++)
        for (size_t end = begin; end <= sizeof(CONTENTS); end++) {
            uint8_t part[sizeof(CONTENTS)];
            assert_int_equal(data_file_read(&file, begin, part, end - begin, NULL), SILMA_OK);
            if (end > begin) assert_memory_equal(part, CONTENTS + begin, end - begin);
        }
    uint8_t beyond[2];
    assert_int_equal(data_file_read(&file, sizeof(CONTENTS) - 1, beyond, 2, NULL), SILMA_BAD_FILE);
    free(compressed);
}

typedef struct idx_pair {
    uint8_t *other; // the file that stays whole
    size_t other_count;
    bool images; // what is damaged
} idx_pair;

static silma_status read_pair(const uint8_t *bytes, size_t count, void *user, silma_error *error)
{
    const idx_pair *pair = user;
    data_file damaged, whole;
    silma_status status = data_file_over(&damaged, "damaged.gz", bytes, count, silma_codecs_default(), error);
    if (status != SILMA_OK) return status;
    assert_int_equal(data_file_over(&whole, "whole.gz", pair->other, pair->other_count, silma_codecs_default(), NULL),
                     SILMA_OK);
    silma_dataset *dataset;
    assert_int_equal(dataset_create(&dataset, "damaged", NULL, NULL), SILMA_OK);
    status =
        pair->images ? idx_load(dataset, &damaged, &whole, 3, error) : idx_load(dataset, &whole, &damaged, 3, error);
    silma_dataset_free(dataset);
    return status;
}

static void damage_one(const char *damaged, const char *whole, bool images)
{
    idx_pair pair = {.images = images};
    pair.other = stored_read(whole, &pair.other_count);
    size_t count;
    uint8_t *bytes = stored_read(damaged, &count);
    assert_int_equal(read_pair(bytes, count, &pair, NULL), SILMA_OK);
    expect_truncations_fail(bytes, count, 1, "damaged.gz", read_pair, &pair);
    // All but the gzip header's date, flags and system is covered by the check sum.
    size_t refused = expect_flips_are_survived(bytes, count, 0, count, "damaged.gz", read_pair, &pair);
    assert_in_range(refused, 8 * (count - 10), 8 * count);
    size_t trailer =
        expect_flips_are_survived(bytes, count, count - GZIP_TRAILER, count, "damaged.gz", read_pair, &pair);
    assert_int_equal(trailer, 8 * GZIP_TRAILER);
    free(bytes);
    free(pair.other);
}

static void refuses_damaged_images(void **state)
{
    (void)state;
    damage_one(IMAGES_FILE, LABELS_FILE, true);
}

static void refuses_damaged_labels(void **state)
{
    (void)state;
    damage_one(LABELS_FILE, IMAGES_FILE, false);
}

static void refuses_what_follows_the_end(void **state)
{
    (void)state;
    size_t count;
    uint8_t *bytes = stored_read(LABELS_FILE, &count);
    uint8_t *longer = malloc(count + 4);
    assert_non_null(longer);
    memcpy(longer, bytes, count);
    memcpy(longer + count, bytes + count - 4, 4); // the size that is read from the end stays right
    data_file file;
    silma_error error = {0};
    assert_int_equal(data_file_over(&file, "labels.gz", longer, count + 4, silma_codecs_default(), NULL), SILMA_OK);
    uint8_t contents[13];
    assert_int_equal(data_file_read(&file, 0, contents, sizeof(contents), &error), SILMA_BAD_FILE);
    assert_non_null(strstr(error.message, "4 bytes follow the end of its gzip data"));
    free(longer);
    free(bytes);
}

static void refuses_a_size_that_gzip_cannot_hold(void **state)
{
    (void)state;
    uint8_t bytes[20] = {0x1f, 0x8b, 8};
    memset(bytes + 16, 0xff, 4);
    data_file file;
    silma_error error = {0};
    assert_int_equal(data_file_over(&file, "bomb.gz", bytes, sizeof(bytes), silma_codecs_default(), &error),
                     SILMA_BAD_FILE);
    assert_string_equal(error.message, "bomb.gz: 20 bytes of gzip cannot hold the 4294967295 that its end claims");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_compressed_data_set),
        cmocka_unit_test(says_that_a_decoder_is_missing),
        cmocka_unit_test(reads_any_part),
        cmocka_unit_test(refuses_damaged_images),
        cmocka_unit_test(refuses_damaged_labels),
        cmocka_unit_test(refuses_what_follows_the_end),
        cmocka_unit_test(refuses_a_size_that_gzip_cannot_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
