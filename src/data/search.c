#define _GNU_SOURCE
#include "data/search.h"

#include "core/error.h"
#include "core/file.h"
#include "data/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOTS_MAX = 4, CANDIDATES = 4, PLACES_TEXT = 512 };

static const char *const SPLIT_NAMES[] = {"training", "test"};

// ---------------------------------------------------------------------------------------------------------------------
// The folders that hold data sets

// Null if there is no home; *path is malloc'ed. Returns false if memory is short.
static bool user_folder(char **path)
{
    const char *xdg = environment_variable("XDG_DATA_HOME");
    const char *home = environment_variable("HOME");
    *path = NULL;
    if (xdg && xdg[0] == '/') return asprintf(path, "%s/silma", xdg) >= 0; // relative ones are to be ignored
    return !home || asprintf(path, "%s/.local/share/silma", home) >= 0;
}

typedef struct root_list {
    const char *paths[ROOTS_MAX]; // in the order of the search
    size_t count;
    char *user; // the one that is owned
} root_list;

static void add_root(root_list *roots, const char *path)
{
    if (path) roots->paths[roots->count++] = path;
}

static silma_status list_roots(root_list *roots, const char *data_dir, silma_error *error)
{
    *roots = (root_list){0};
    add_root(roots, data_dir);
    add_root(roots, environment_variable("SILMA_DATA"));
    if (!user_folder(&roots->user)) return silma_fail_memory(error, 64);
    add_root(roots, roots->user);
    add_root(roots, "/usr/share/datasets");
    return SILMA_OK;
}

silma_status silma_data_home(char **folder, silma_error *error)
{
    const char *own = environment_variable("SILMA_DATA");
    bool done = own ? (*folder = strdup(own)) != NULL : user_folder(folder);
    if (!done) return silma_fail_memory(error, 64);
    if (*folder) return SILMA_OK;
    return silma_fail(error, SILMA_USAGE,
                      "there is no folder for data sets: set one of SILMA_DATA, XDG_DATA_HOME and HOME");
}

// ---------------------------------------------------------------------------------------------------------------------
// By name

// A root that is the folder of another data set of the same format must not be taken for this one.
static bool names_another(const char *root, const silma_catalog_entry_type *entry)
{
    const char *slash = strrchr(root, '/');
    const silma_catalog_entry_type *named = silma_catalog_find(slash ? slash + 1 : root);
    return named && named != entry;
}

// The folders below (and at) a root where the data set may lie; null entries end the list early.
static bool list_candidates(char *folders[CANDIDATES], const char *root, const silma_catalog_entry_type *entry)
{
    const char *usual = catalog_place_of(entry)->folder;
    memset(folders, 0, CANDIDATES * sizeof(folders[0]));
    if (asprintf(&folders[0], "%s/%s", root, entry->name) < 0) return false;
    if (asprintf(&folders[1], "%s/%s/%s", root, entry->name, usual) < 0) return false;
    if (asprintf(&folders[2], "%s/%s", root, usual) < 0) return false;
    return names_another(root, entry) || asprintf(&folders[3], "%s", root) >= 0;
}

// Sets *folder to the first folder below the roots that holds the split, or to null.
static silma_status find_split(char **folder, const root_list *roots, const silma_catalog_entry_type *entry,
                               silma_split split, silma_error *error)
{
    const data_source *source = catalog_place_of(entry)->source;
    *folder = NULL;
    for (size_t r = 0; r < roots->count && !*folder; r++) {
        char *folders[CANDIDATES];
        bool listed = list_candidates(folders, roots->paths[r], entry);
        for (int i = 0; i < CANDIDATES; i++) {
            if (listed && !*folder && folders[i] && source->holds(folders[i], split))
                *folder = folders[i];
            else
                free(folders[i]);
        }
        if (!listed) return silma_fail_memory(error, 64);
    }
    return SILMA_OK;
}

static void describe_roots(char text[PLACES_TEXT], const root_list *roots)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < roots->count && used < PLACES_TEXT; i++) {
        int length = snprintf(text + used, PLACES_TEXT - used, "%s%s", i == 0 ? "" : ", ", roots->paths[i]);
        if (length < 0) return;
        used += (size_t)length;
    }
}

static silma_status not_found(const silma_catalog_entry_type *entry, silma_split split, const root_list *roots,
                              const char *other_half, silma_error *error)
{
    char places[PLACES_TEXT];
    describe_roots(places, roots);
    const char *package = entry->debian_package;
    const char *files = catalog_place_of(entry)->source->files[split];
    silma_split other = split == SILMA_SPLIT_TRAIN ? SILMA_SPLIT_TEST : SILMA_SPLIT_TRAIN;
    return silma_fail(
        error, SILMA_IO,
        "%s: its %s set is missing%s%s%s%s%s: looked for %s in %s and their folders %s and %s: get it with "
        "'silma data get %s'%s%s",
        entry->name, SPLIT_NAMES[split], other_half ? " (its " : "", other_half ? SPLIT_NAMES[other] : "",
        other_half ? " set is in " : "", other_half ? other_half : "", other_half ? ")" : "", files, places,
        entry->name, catalog_place_of(entry)->folder, entry->name, package ? " or Debian's package " : "",
        package ? package : "");
}

static silma_status search_by_name(data_place *place, const silma_catalog_entry_type *entry, silma_split split,
                                   const char *data_dir, silma_error *error)
{
    root_list roots;
    char *folder = NULL;
    silma_status status = list_roots(&roots, data_dir, error);
    if (status == SILMA_OK) status = find_split(&folder, &roots, entry, split, error);
    if (status == SILMA_OK && !folder) {
        silma_split other = split == SILMA_SPLIT_TRAIN ? SILMA_SPLIT_TEST : SILMA_SPLIT_TRAIN;
        status = find_split(&folder, &roots, entry, other, error);
        if (status == SILMA_OK) status = not_found(entry, split, &roots, folder, error);
        free(folder);
    }
    free(roots.user);
    if (status != SILMA_OK) return status;
    *place = (data_place){.folder = folder, .source = catalog_place_of(entry)->source, .entry = entry};
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// By path

static silma_status unknown_name(const char *name, silma_error *error)
{
    const char *meant = catalog_closest(name);
    if (meant)
        return silma_fail(error, SILMA_IO, "no data set or folder named \"%s\": did you mean \"%s\"?", name, meant);
    return silma_fail(error, SILMA_IO,
                      "no data set or folder named \"%s\": expected fashion-mnist, mnist, cifar-10, cifar-100 or the "
                      "path of a folder",
                      name);
}

static silma_status unknown_folder(const char *folder, silma_split split, silma_error *error)
{
    const data_source *other =
        source_of_folder(folder, split == SILMA_SPLIT_TRAIN ? SILMA_SPLIT_TEST : SILMA_SPLIT_TRAIN);
    if (other)
        return silma_fail(error, SILMA_IO, "%s: its %s set is missing: expected %s in this folder", folder,
                          SPLIT_NAMES[split], other->files[split]);
    return silma_fail(error, SILMA_BAD_FILE,
                      "%s: holds no data set that is known: expected a sub-folder of pictures a class, IDX files "
                      "(train-images-idx3-ubyte), CIFAR-10 (data_batch_1.bin) or CIFAR-100 (train.bin)",
                      folder);
}

static silma_status search_by_path(data_place *place, const char *path, silma_split split, silma_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        if (!strchr(path, '/')) return unknown_name(path, error);
        return silma_fail_io(error, path, "cannot be opened");
    }
    if (!S_ISDIR(info.st_mode))
        return silma_fail(error, SILMA_BAD_FILE, "%s: is not a folder: expected the folder that holds the data", path);
    const data_source *source = source_of_folder(path, split);
    if (!source) return unknown_folder(path, split, error);
    char *folder = realpath(path, NULL);
    if (!folder) return silma_fail_io(error, path, "cannot be resolved");
    *place = (data_place){.folder = folder, .source = source};
    return SILMA_OK;
}

silma_status data_search(data_place *place, const char *name_or_path, silma_split split, const char *data_dir,
                         silma_error *error)
{
    const silma_catalog_entry_type *entry = silma_catalog_find(name_or_path);
    if (entry) return search_by_name(place, entry, split, data_dir, error);
    return search_by_path(place, name_or_path, split, error);
}
