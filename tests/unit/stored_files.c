#include "stored_files.h"

#include "core/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *stored_path(const char *name)
{
    const char *root = getenv("SILMA_SOURCE_DIR");
    char *path = path_join(root ? root : ".", name);
    assert_non_null(path);
    return path;
}

uint8_t *stored_read(const char *name, size_t *size)
{
    char *path = stored_path(name), *bytes = NULL;
    silma_error error = {0};
    if (file_read(path, 1 << 20, &bytes, size, &error) != SILMA_OK) fail_msg("%s", error.message);
    free(path);
    return (uint8_t *)bytes;
}

static void use_golden(const char *folder, const char *name, golden_use *use, void *user)
{
    char *path = path_join(folder, name);
    assert_non_null(path);
    safetensors *file = NULL;
    silma_error error = {0};
    if (safetensors_open(&file, path, &error) != SILMA_OK) fail_msg("%s", error.message);
    use(name, file, user);
    safetensors_close(file);
    free(path);
}

size_t goldens_each(const char *prefix, golden_use *use, void *user)
{
    char *folder = stored_path("tests/goldens");
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        const char *ending = strrchr(entry->d_name, '.');
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || !ending || strcmp(ending, ".safetensors") != 0)
            continue;
        use_golden(folder, entry->d_name, use, user);
        count++;
    }
    closedir(entries);
    free(folder);
    return count;
}
