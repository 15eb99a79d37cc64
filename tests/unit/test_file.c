// Files: whole or absent, and only regular ones.
#define _GNU_SOURCE
#include "core/file.h"

#include "scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static scratch space;

static int make_folder(void **state)
{
    (void)state;
    space = scratch_make();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(&space);
    return 0;
}

static void assert_holds(const char *path, const char *expected)
{
    char *bytes;
    size_t count;
    assert_int_equal(file_read(path, 1000, &bytes, &count, NULL), SILMA_OK);
    assert_string_equal(bytes, expected);
    assert_int_equal(count, strlen(expected));
    free(bytes);
}

static silma_status write_text(const char *path, const char *text, silma_error *error)
{
    file_writer *writer;
    silma_status status = file_writer_open(&writer, path, error);
    if (status != SILMA_OK) return status;
    file_writer_print(writer, "%s", text);
    return file_writer_commit(writer, error);
}

static void replaces_the_old_file_at_once(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "replaced");
    assert_int_equal(write_text(path, "old", NULL), SILMA_OK);
    file_writer *writer;
    assert_int_equal(file_writer_open(&writer, path, NULL), SILMA_OK);
    file_writer_write(writer, "new", 3);
    assert_holds(path, "old");
    assert_int_equal(file_writer_commit(writer, NULL), SILMA_OK);
    assert_holds(path, "new");
    free(path);
}

static void abandoned_writer_leaves_nothing(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "abandoned");
    char *temporary = scratch_path(&space, "abandoned.tmp");
    file_writer *writer;
    assert_int_equal(file_writer_open(&writer, path, NULL), SILMA_OK);
    assert_int_equal(access(temporary, F_OK), 0);
    file_writer_abandon(writer);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(temporary, F_OK), 0);
    free(path);
    free(temporary);
}

static void full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    enum { LIMIT = 4096 };
    char *path = scratch_path(&space, "full");
    char *temporary = scratch_path(&space, "full.tmp");
    assert_int_equal(write_text(path, "old", NULL), SILMA_OK);
    struct rlimit before, limited;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limited = (struct rlimit){.rlim_cur = LIMIT, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
    file_writer *writer;
    assert_int_equal(file_writer_open(&writer, path, NULL), SILMA_OK);
    static const char zeros[LIMIT * 4];
    file_writer_write(writer, zeros, sizeof zeros);
    silma_error error = {0};
    silma_status status = file_writer_commit(writer, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, SILMA_IO);
    assert_non_null(strstr(error.message, "cannot be written"));
    assert_holds(path, "old");
    assert_int_not_equal(access(temporary, F_OK), 0);
    free(path);
    free(temporary);
}

static void reads_at_most_the_limit(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "long");
    assert_int_equal(write_text(path, "0123456789", NULL), SILMA_OK);
    char *bytes;
    size_t count;
    silma_error error = {0};
    assert_int_equal(file_read(path, 9, &bytes, &count, &error), SILMA_BAD_FILE);
    assert_int_equal(file_read(path, 10, &bytes, &count, &error), SILMA_OK);
    free(bytes);
    free(path);
}

static void refuses_what_is_no_regular_file(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    char *bytes;
    size_t count;
    file_view view;
    silma_error error = {0};
    assert_int_equal(file_read(path, 10, &bytes, &count, &error), SILMA_BAD_FILE);
    assert_int_equal(file_view_open(&view, path, &error), SILMA_BAD_FILE);
    assert_int_equal(file_view_open(&view, space.folder, &error), SILMA_BAD_FILE);
    assert_int_equal(file_view_open(&view, "/nowhere/at/all", &error), SILMA_IO);
    free(path);
}

static void shows_files_of_any_size(void **state)
{
    (void)state;
    char *path = scratch_path(&space, "shown");
    file_view view;
    assert_int_equal(write_text(path, "abc", NULL), SILMA_OK);
    assert_int_equal(file_view_open(&view, path, NULL), SILMA_OK);
    assert_int_equal(view.size, 3);
    assert_memory_equal(view.bytes, "abc", 3);
    file_view_close(&view);
    assert_int_equal(write_text(path, "", NULL), SILMA_OK);
    assert_int_equal(file_view_open(&view, path, NULL), SILMA_OK);
    assert_int_equal(view.size, 0);
    file_view_close(&view);
    assert_int_equal(truncate(path, FILE_VIEW_READ_MAX + 1L), 0); // a hole: too large to be read, so it is mapped
    assert_int_equal(file_view_open(&view, path, NULL), SILMA_OK);
    assert_int_equal(view.size, FILE_VIEW_READ_MAX + 1L);
    assert_int_equal(view.bytes[view.size - 1], 0);
    file_view_close(&view);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_the_old_file_at_once),   cmocka_unit_test(abandoned_writer_leaves_nothing),
        cmocka_unit_test(full_disk_leaves_the_old_file),   cmocka_unit_test(reads_at_most_the_limit),
        cmocka_unit_test(refuses_what_is_no_regular_file), cmocka_unit_test(shows_files_of_any_size),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
