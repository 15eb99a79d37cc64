// Where data sets are found, and what is said where they are not.
#define _GNU_SOURCE
#include "data/dataset.h"
#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The environment of a test that looks for data: nothing but what it makes itself.
static void set_home(const scratch *space)
{
    assert_int_equal(unsetenv("SILMA_DATA"), 0);
    assert_int_equal(unsetenv("XDG_DATA_HOME"), 0);
    assert_int_equal(setenv("HOME", space->folder, 1), 0);
}

static void expect_found(const scratch *space, const char *data_dir, const char *expected)
{
    silma_dataset_options options = {0};
    char *directory = data_dir ? scratch_path(space, data_dir) : NULL;
    options.data_dir = directory;
    char *folder = NULL;
    silma_error error = {0};
    if (silma_dataset_find(&folder, "mnist", SILMA_SPLIT_TRAIN, &options, &error) != SILMA_OK)
        fail_msg("%s", error.message);
    char *path = scratch_path(space, expected);
    assert_string_equal(folder, path);
    free(path);
    free(folder);
    free(directory);
}

static void looks_in_all_places_in_order(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    static const char *const FOLDERS[] = {".local", ".local/share", ".local/share/silma", ".local/share/silma/mnist",
                                          "xdg",    "xdg/silma",    "xdg/silma/MNIST",    "xdg/silma/MNIST/raw",
                                          "own",    "own/mnist",    "own/mnist/MNIST",    "own/mnist/MNIST/raw",
                                          "option"};
    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++)
        make_folder(&space, FOLDERS[i]);
    write_idx_set(&space, ".local/share/silma/mnist");
    expect_found(&space, NULL, ".local/share/silma/mnist");
    char *xdg = scratch_path(&space, "xdg"), *own = scratch_path(&space, "own");
    assert_int_equal(setenv("XDG_DATA_HOME", xdg, 1), 0);
    write_idx_set(&space, "xdg/silma/MNIST/raw");
    expect_found(&space, NULL, "xdg/silma/MNIST/raw");
    assert_int_equal(setenv("SILMA_DATA", own, 1), 0);
    write_idx_set(&space, "own/mnist/MNIST/raw");
    expect_found(&space, NULL, "own/mnist/MNIST/raw");
    expect_found(&space, "option", "own/mnist/MNIST/raw");
    write_idx_set(&space, "option");
    expect_found(&space, "option", "option");
    assert_int_equal(setenv("XDG_DATA_HOME", "relative", 1), 0); // to be ignored, says its standard
    assert_int_equal(unsetenv("SILMA_DATA"), 0);
    expect_found(&space, NULL, ".local/share/silma/mnist");
    free(xdg);
    free(own);
    scratch_remove(&space);
}

static void does_not_take_one_data_set_for_another(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    make_folder(&space, "fashion-mnist");
    write_idx_set(&space, "fashion-mnist");
    char *folder = scratch_path(&space, "fashion-mnist"), *found = NULL;
    silma_dataset_options options = {.data_dir = folder};
    assert_int_equal(silma_dataset_find(&found, "fashion-mnist", SILMA_SPLIT_TRAIN, &options, NULL), SILMA_OK);
    free(found);
    assert_int_equal(silma_dataset_find(&found, "mnist", SILMA_SPLIT_TRAIN, &options, NULL), SILMA_IO);
    free(folder);
    scratch_remove(&space);
}

static void says_how_to_get_a_missing_test_batch(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    make_folder(&space, "cifar-10-batches-bin");
    write_cifar10_train(&space, "cifar-10-batches-bin");
    silma_dataset *dataset = NULL;
    silma_dataset_options options = {.data_dir = space.folder};
    silma_error error = {0};
    assert_int_equal(silma_dataset_open(&dataset, "cifar-10", SILMA_SPLIT_TEST, &options, &error), SILMA_IO);
    char expected[1024];
    int length = snprintf(expected, sizeof(expected),
                          "cifar-10: its test set is missing (its training set is in %s/cifar-10-batches-bin): looked "
                          "for test_batch.bin in %s, %s/.local/share/silma, /usr/share/datasets and their folders "
                          "cifar-10 and cifar-10-batches-bin: get it with 'silma data get cifar-10'",
                          space.folder, space.folder, space.folder);
    assert_in_range(length, 1, sizeof(expected) - 1);
    assert_string_equal(error.message, expected);
    expect_failure(&space, "cifar-10-batches-bin", SILMA_SPLIT_TEST, SILMA_IO,
                   "its test set is missing: expected test_batch.bin in this folder");
    // By its name CIFAR-10 is what was published: 10,000 images a file.
    assert_int_equal(silma_dataset_open(&dataset, "cifar-10", SILMA_SPLIT_TRAIN, &options, &error), SILMA_BAD_FILE);
    assert_non_null(strstr(error.message, "data_batch_1.bin: has 9219 bytes; expected 30730000: 10000 images"));
    scratch_remove(&space);
}

static void tells_names_from_folders(void **state)
{
    (void)state;
    scratch space = scratch_make();
    set_home(&space);
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    assert_int_equal(silma_dataset_open(&dataset, "fashon-mnist", SILMA_SPLIT_TRAIN, NULL, &error), SILMA_IO);
    assert_string_equal(error.message, "no data set or folder named \"fashon-mnist\": did you mean \"fashion-mnist\"?");
    assert_int_equal(silma_dataset_open(&dataset, "photographs", SILMA_SPLIT_TRAIN, NULL, &error), SILMA_IO);
    assert_non_null(
        strstr(error.message, "expected fashion-mnist, mnist, cifar-10, cifar-100 or the path of a folder"));
    expect_failure(&space, "nowhere", SILMA_SPLIT_TRAIN, SILMA_IO, "nowhere: cannot be opened: No such file");
    expect_failure(&space, "", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "holds no data set that is known");
    scratch_write(&space, "file", "", 0);
    expect_failure(&space, "file", SILMA_SPLIT_TRAIN, SILMA_BAD_FILE, "is not a folder");
    assert_int_equal(silma_dataset_open(&dataset, "mnist", (silma_split)2, NULL, &error), SILMA_USAGE);
    scratch_remove(&space);
}

static void names_the_folder_for_downloads(void **state)
{
    (void)state;
    char *folder = NULL;
    assert_int_equal(setenv("HOME", "/home/h", 1), 0);
    assert_int_equal(unsetenv("XDG_DATA_HOME"), 0);
    assert_int_equal(setenv("SILMA_DATA", "/d", 1), 0);
    assert_int_equal(silma_data_home(&folder, NULL), SILMA_OK);
    assert_string_equal(folder, "/d");
    free(folder);
    assert_int_equal(unsetenv("SILMA_DATA"), 0);
    assert_int_equal(silma_data_home(&folder, NULL), SILMA_OK);
    assert_string_equal(folder, "/home/h/.local/share/silma");
    free(folder);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(silma_data_home(&folder, NULL), SILMA_USAGE);
}

static void the_catalogue_is_complete(void **state)
{
    (void)state;
    size_t count = 0;
    for (const silma_catalog_entry_type *entry; (entry = silma_catalog_entry(count)); count++) {
        assert_ptr_equal(silma_catalog_find(entry->name), entry);
        assert_true(entry->file_count > 0);
        for (size_t i = 0; i < entry->file_count; i++) {
            const char *slash = strrchr(entry->files[i].url, '/');
            assert_string_equal(slash + 1, entry->files[i].name);
            assert_int_equal(strspn(entry->files[i].sha256, "0123456789abcdef"), 64);
            assert_int_equal(strspn(entry->files[i].md5, "0123456789abcdef"), 32);
        }
        for (size_t i = 0; i < entry->content_count; i++)
            assert_int_equal(strspn(entry->contents[i].sha256, "0123456789abcdef"), 64);
        for (int i = 1; entry->class_names && entry->class_count == 100 && i < 100; i++)
            assert_true(strcmp(entry->class_names[i - 1], entry->class_names[i]) < 0); // CIFAR-100's are sorted
    }
    assert_int_equal(count, 4);
    assert_null(silma_catalog_find("cifar"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_in_all_places_in_order),
        cmocka_unit_test(does_not_take_one_data_set_for_another),
        cmocka_unit_test(says_how_to_get_a_missing_test_batch),
        cmocka_unit_test(tells_names_from_folders),
        cmocka_unit_test(names_the_folder_for_downloads),
        cmocka_unit_test(the_catalogue_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
