// Images from memory, their hash, and how they are split.
#include "core/sha256.h"
#include "data/split_file.h"
#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void copies_images_from_memory(void **state)
{
    (void)state;
    uint8_t pixels[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    uint32_t labels[2] = {1, 0};
    const char *names[2] = {"cat", "dog"};
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = 2,
                           .height = 1,
                           .width = 2,
                           .channels = 3,
                           .class_names = names,
                           .class_count = 2};
    silma_dataset *dataset = NULL;
    assert_int_equal(silma_dataset_from_memory(&dataset, "pets", &images, NULL), SILMA_OK);
    pixels[0] = 99;
    labels[0] = 99;
    names[0] = "bird";
    const silma_images *copy = silma_dataset_images(dataset);
    assert_int_equal(copy->pixels[0], 0);
    assert_int_equal(copy->pixels[11], 11);
    assert_int_equal(copy->labels[0], 1);
    assert_string_equal(copy->class_names[0], "cat");
    assert_null(silma_dataset_folder(dataset));
    // printf '\0\1\2\3\4\5\6\7\10\11\12\13''\1\0\0\0''\0\0\0\0' | sha256sum
    assert_string_equal(silma_dataset_hash(dataset),
                        "b67207fc2adc8a9f6ec4af197434ebcc8bfcf289a763828c386f307e42e4ed9b");
    assert_string_equal(silma_dataset_hash(dataset),
                        "b67207fc2adc8a9f6ec4af197434ebcc8bfcf289a763828c386f307e42e4ed9b");
    silma_dataset_free(dataset);
}

static void refuses_nonsense_from_memory(void **state)
{
    (void)state;
    const uint8_t pixels[4] = {0};
    const uint32_t labels[1] = {2};
    const char *const names[2] = {"a", "b\n"};
    const silma_images good = {.pixels = pixels, .count = 1, .height = 2, .width = 2, .channels = 1, .class_count = 2};
    silma_images bad[7];
    for (size_t i = 0; i < 7; i++)
        bad[i] = good;
    bad[0].pixels = NULL;
    bad[1].count = 0;
    bad[2].height = -2;
    bad[3].channels = 1 << 20;
    bad[4].labels = labels;
    bad[5].class_names = names;
    bad[6].class_count = 1 << 20;
    for (size_t i = 0; i < 7; i++) {
        silma_dataset *dataset = NULL;
        silma_error error = {0};
        assert_int_equal(silma_dataset_from_memory(&dataset, "bad", &bad[i], &error), SILMA_USAGE);
        assert_int_equal(error.status, SILMA_USAGE);
        assert_int_equal(strncmp(error.message, "bad: ", 5), 0);
    }
    silma_dataset *dataset = NULL;
    silma_partition partition;
    assert_int_equal(silma_dataset_from_memory(&dataset, "no labels", &good, NULL), SILMA_OK);
    assert_null(silma_dataset_images(dataset)->labels);
    assert_int_equal(silma_dataset_partition(dataset, 0.5, 0, &partition, NULL), SILMA_USAGE);
    silma_dataset_free(dataset);
}

// A label for each of 1,000 images, classes of different sizes.
static void fill_labels(uint32_t labels[1000])
{
    for (uint32_t i = 0; i < 1000; i++)
        labels[i] = (i * i + 3 * i) % 17 % 7;
}

static void add_list(sha256 *sum, const uint32_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "%u,", indices[i]);
        sha256_add(sum, text, (size_t)length);
    }
}

// Other programs trained on these splits: the sums must never change.
static void splits_as_it_always_did(void **state)
{
    (void)state;
    static const char *const SUMS[2] = {"4b00987317aec1d9f1c64e955b7d5d1335040523bf33f301039668a9ad6fae81",
                                        "5e20ac7a6f64075f89e365b71c7ce556fef4ad449f933d532a46849506f13905"};
    uint32_t labels[1000];
    fill_labels(labels);
    silma_dataset *dataset = dataset_of_labels(labels, 1000, 8);
    for (uint64_t seed = 0; seed < 2; seed++) {
        silma_partition partition;
        assert_int_equal(silma_dataset_partition(dataset, 0.2, seed, &partition, NULL), SILMA_OK);
        char hex[SHA256_HEX_SIZE];
        sha256 sum;
        sha256_start(&sum);
        add_list(&sum, partition.train, partition.train_count);
        add_list(&sum, partition.validation, partition.validation_count);
        sha256_finish(&sum, hex);
        assert_string_equal(hex, SUMS[seed]);
        silma_partition_free(&partition);
    }
    silma_dataset_free(dataset);
}

static void a_split_is_stratified_ascending_and_whole(void **state)
{
    (void)state;
    static const double FRACTIONS[] = {0, 0.1, 0.5, 0.75, 1};
    uint32_t labels[1000];
    fill_labels(labels);
    silma_dataset *dataset = dataset_of_labels(labels, 1000, 8);
    for (size_t f = 0; f < sizeof(FRACTIONS) / sizeof(FRACTIONS[0]); f++) {
        silma_partition p;
        assert_int_equal(silma_dataset_partition(dataset, FRACTIONS[f], 5, &p, NULL), SILMA_OK);
        assert_int_equal(p.train_count + p.validation_count, 1000);
        size_t sizes[8] = {0}, taken[8] = {0}, t = 0, v = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            bool in_validation = v < p.validation_count && p.validation[v] == i;
            sizes[labels[i]]++;
            taken[labels[i]] += in_validation;
            if (in_validation)
                v++;
            else
                assert_int_equal(p.train[t++], i);
        }
        for (size_t c = 0; c < 8; c++)
            assert_int_equal(taken[c], (size_t)(FRACTIONS[f] * (double)sizes[c] + 0.5));
        silma_partition_free(&p);
    }
    silma_partition p;
    assert_int_equal(silma_dataset_partition(dataset, 1.1, 0, &p, NULL), SILMA_USAGE);
    assert_int_equal(silma_dataset_partition(dataset, -0.1, 0, &p, NULL), SILMA_USAGE);
    assert_int_equal(silma_dataset_partition(dataset, 0.0 / 0.0, 0, &p, NULL), SILMA_USAGE);
    silma_dataset_free(dataset);
}

static void writes_and_reads_split_files(void **state)
{
    (void)state;
    scratch space = scratch_make();
    char *path = scratch_path(&space, "split.json");
    uint32_t train[3] = {0, 2, 4000000000u}, validation[2] = {1, 3};
    silma_partition written = {.train = train, .train_count = 3, .validation = validation, .validation_count = 2}, read;
    assert_int_equal(split_file_write(path, &written, NULL), SILMA_OK);
    size_t count;
    uint8_t *bytes = scratch_read(&space, "split.json", &count);
    assert_string_equal((char *)bytes, "{\"train\":[0,2,4000000000],\"validation\":[1,3]}\n");
    free(bytes);
    assert_int_equal(split_file_read(path, 4, &read, NULL), SILMA_BAD_FILE); // 4000000000 is out of bounds
    train[2] = 4;
    assert_int_equal(split_file_write(path, &written, NULL), SILMA_OK);
    assert_int_equal(split_file_read(path, 5, &read, NULL), SILMA_OK);
    assert_int_equal(read.train_count, 3);
    assert_int_equal(read.validation_count, 2);
    assert_memory_equal(read.train, train, sizeof(train));
    assert_memory_equal(read.validation, validation, sizeof(validation));
    silma_partition_free(&read);
    free(path);
    scratch_remove(&space);
}

static void refuses_bad_split_files(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "is not valid JSON"},
        {"[]", "expected a list \"train\""},
        {"{\"train\":[0]}", "expected a list \"validation\""},
        {"{\"train\":[0],\"validation\":3}", "expected a list \"validation\""},
        {"{\"train\":[0,10],\"validation\":[]}", "entry 1 of \"train\" is not a number from 0 to 9"},
        {"{\"train\":[0,-1],\"validation\":[]}", "entry 1 of \"train\" is not a number from 0 to 9"},
        {"{\"train\":[0.5],\"validation\":[]}", "entry 0 of \"train\" is not a number from 0 to 9"},
        {"{\"train\":[0,1],\"validation\":[2,1]}", "entry 1 of \"validation\": image 1 is there twice"},
        {"{\"train\":[0,0],\"validation\":[]}", "entry 1 of \"train\": image 0 is there twice"},
    };
    scratch space = scratch_make();
    char *path = scratch_path(&space, "split.json");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        scratch_write(&space, "split.json", CASES[i][0], strlen(CASES[i][0]));
        silma_partition partition;
        silma_error error = {0};
        assert_int_equal(split_file_read(path, 10, &partition, &error), SILMA_BAD_FILE);
        if (!strstr(error.message, CASES[i][1]) || !strstr(error.message, path)) fail_msg("%s", error.message);
    }
    free(path);
    scratch_remove(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_images_from_memory),    cmocka_unit_test(refuses_nonsense_from_memory),
        cmocka_unit_test(splits_as_it_always_did),      cmocka_unit_test(a_split_is_stratified_ascending_and_whole),
        cmocka_unit_test(writes_and_reads_split_files), cmocka_unit_test(refuses_bad_split_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
