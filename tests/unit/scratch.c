#define _GNU_SOURCE
#include "scratch.h"

#include "core/file.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

scratch scratch_make(void)
{
    const char *parent = getenv("TMPDIR");
    scratch space;
    int length = snprintf(space.folder, sizeof(space.folder), "%s/silma-test-XXXXXX", parent ? parent : "/tmp");
    assert_in_range(length, 1, sizeof(space.folder) - 1);
    assert_non_null(mkdtemp(space.folder));
    return space;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void scratch_remove(const scratch *space)
{
    assert_int_equal(nftw(space->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

char *scratch_path(const scratch *space, const char *name)
{
    char *path = path_join(space->folder, name);
    assert_non_null(path);
    return path;
}

void scratch_write(const scratch *space, const char *name, const void *bytes, size_t count)
{
    char *path = scratch_path(space, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    free(path);
}

uint8_t *scratch_read(const scratch *space, const char *name, size_t *count)
{
    char *path = scratch_path(space, name);
    char *bytes = NULL;
    assert_int_equal(file_read(path, SIZE_MAX / 2, &bytes, count, NULL), SILMA_OK);
    free(path);
    return (uint8_t *)bytes;
}

bool scratch_is_empty_but_for(const scratch *space, const char *name)
{
    DIR *folder = opendir(space->folder);
    assert_non_null(folder);
    bool alone = true;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        alone = alone && (entry->d_name[0] == '.' || strcmp(entry->d_name, name) == 0);
    closedir(folder);
    return alone;
}
