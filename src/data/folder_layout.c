#define _GNU_SOURCE
#include "data/folder_layout.h"

#include "core/error.h"
#include "core/file.h"
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Sub-folders with these names are the splits, not classes, where has_splits says so.
const char TRAIN_FOLDER[] = "train", TEST_FOLDER[] = "test";
static const char *const VALIDATION[] = {"val", "valid", "validation"};
enum { VALIDATION_NAMES = sizeof VALIDATION / sizeof *VALIDATION };

// ---------------------------------------------------------------------------------------------------------------------
// Names in a folder

void name_list_free(name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (name_list){0};
}

bool name_list_add(name_list *list, const char *name)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        char **grown = reallocarray(list->names, capacity, sizeof *grown);
        if (!grown) return false;
        list->names = grown;
        list->capacity = capacity;
    }
    list->names[list->count] = strdup(name);
    return list->names[list->count] && ++list->count;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void name_list_sort(name_list *list)
{
    if (list->count > 0) qsort(list->names, list->count, sizeof *list->names, compare_names);
}

static bool name_list_has(const name_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0) return true;
    return false;
}

// What desktops and archives leave behind is nobody's picture.
static bool is_ignored(const char *name)
{
    static const char *const LEFTOVERS[] = {"Thumbs.db", "desktop.ini", "__MACOSX"};
    for (size_t i = 0; i < sizeof LEFTOVERS / sizeof *LEFTOVERS; i++)
        if (strcmp(name, LEFTOVERS[i]) == 0) return true;
    return name[0] == '.';
}

silma_status name_list_read(name_list *list, int descriptor, const char *path, silma_error *error)
{
    DIR *stream = fdopendir(descriptor);
    if (!stream) {
        close(descriptor);
        return silma_fail_io(error, path, "cannot be read");
    }
    silma_status status = SILMA_OK;
    errno = 0;
    for (struct dirent *entry; status == SILMA_OK && (entry = readdir(stream)); errno = 0)
        if (!is_ignored(entry->d_name) && !name_list_add(list, entry->d_name))
            status = silma_fail_memory(error, strlen(entry->d_name));
    if (status == SILMA_OK && errno != 0) status = silma_fail_io(error, path, "cannot be read");
    closedir(stream);
    name_list_sort(list);
    return status;
}

// The sorted names of the sub-folders of "<folder>/<name>", or of `folder` where `name` is empty.
static silma_status list_folders(name_list *folders, const char *folder, const char *name, silma_error *error)
{
    char *path = *name ? path_join(folder, name) : strdup(folder);
    if (!path) return silma_fail_memory(error, strlen(folder));
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    name_list all = {0};
    silma_status status =
        descriptor < 0 ? silma_fail_io(error, path, "cannot be opened") : name_list_read(&all, descriptor, path, error);
    for (size_t i = 0; status == SILMA_OK && i < all.count; i++) {
        char *below = path_join(path, all.names[i]);
        struct stat info;
        bool is_folder = below && stat(below, &info) == 0 && S_ISDIR(info.st_mode);
        if (!below || (is_folder && !name_list_add(folders, all.names[i])))
            status = silma_fail_memory(error, strlen(path));
        free(below);
    }
    name_list_free(&all);
    free(path);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Classes, or splits of classes

static bool has_folders(const char *folder, const char *name)
{
    name_list below = {0};
    bool found = list_folders(&below, folder, name, NULL) == SILMA_OK && below.count > 0;
    name_list_free(&below);
    return found;
}

static bool is_split_name(const char *name)
{
    for (size_t i = 0; i < VALIDATION_NAMES; i++)
        if (strcmp(name, VALIDATION[i]) == 0) return true;
    return strcmp(name, TRAIN_FOLDER) == 0 || strcmp(name, TEST_FOLDER) == 0;
}

// A class may be called "train", and others beside it "bus" and "car". So train/ is taken for the training images only
// if it has sub-folders, and nothing is beside it, or another split.
static bool has_splits(const char *folder, const folder_layout *l)
{
    bool only_splits = true;
    for (size_t i = 0; i < l->folders.count; i++)
        only_splits &= is_split_name(l->folders.names[i]);
    if (l->train && has_folders(folder, TRAIN_FOLDER)) return only_splits || l->validation || l->test;
    if (!only_splits) return false;
    return (l->test && has_folders(folder, TEST_FOLDER)) || (l->validation && has_folders(folder, l->validation));
}

silma_status folder_layout_read(folder_layout *l, const char *folder, silma_error *error)
{
    *l = (folder_layout){0};
    silma_status status = list_folders(&l->folders, folder, "", error);
    if (status != SILMA_OK) return status;
    if (name_list_has(&l->folders, TRAIN_FOLDER)) l->train = TRAIN_FOLDER;
    if (name_list_has(&l->folders, TEST_FOLDER)) l->test = TEST_FOLDER;
    for (size_t i = 0; i < VALIDATION_NAMES; i++) {
        if (!name_list_has(&l->folders, VALIDATION[i])) continue;
        if (l->validation)
            l->second_validation = VALIDATION[i];
        else
            l->validation = VALIDATION[i];
    }
    l->split = has_splits(folder, l);
    return SILMA_OK;
}

bool folder_layout_holds(const char *folder, silma_split split)
{
    folder_layout l;
    bool found = folder_layout_read(&l, folder, NULL) == SILMA_OK;
    if (found && l.split)
        found = split == SILMA_SPLIT_TRAIN ? l.train && has_folders(folder, TRAIN_FOLDER)
                                           : l.test && has_folders(folder, TEST_FOLDER);
    else if (found)
        found = split == SILMA_SPLIT_TRAIN && l.folders.count > 0;
    name_list_free(&l.folders);
    return found;
}

silma_status folder_layout_classes(folder_layout *l, const char *folder, name_list *classes, silma_error *error)
{
    *classes = (name_list){0};
    const char *parts[] = {l->train, l->validation, l->test};
    silma_status status = SILMA_OK;
    for (size_t p = 0; status == SILMA_OK && l->split && p < 3; p++)
        if (parts[p]) status = list_folders(classes, folder, parts[p], error);
    if (!l->split) {
        *classes = l->folders;
        l->folders = (name_list){0};
    }
    name_list_sort(classes);
    size_t kept = 0;
    for (size_t i = 0; i < classes->count; i++) {
        if (kept > 0 && strcmp(classes->names[kept - 1], classes->names[i]) == 0)
            free(classes->names[i]);
        else
            classes->names[kept++] = classes->names[i];
    }
    classes->count = kept;
    if (status == SILMA_OK && kept > DATASET_MAX_CLASSES)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: has %zu sub-folders; at most %d classes are allowed", folder,
                            kept, DATASET_MAX_CLASSES);
    if (status != SILMA_OK) name_list_free(classes);
    return status;
}
