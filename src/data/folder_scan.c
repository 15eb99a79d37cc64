#define _GNU_SOURCE
#include "data/folder_scan.h"

#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SKIPPED_NAMED = 1000, FOLDERS_DEEP = 64 };

// Sub-folders with these names are the splits, not classes, where pick_layout says so.
static const char TRAIN[] = "train", TEST[] = "test";
static const char *const VALIDATION[] = {"val", "valid", "validation"};
enum { VALIDATION_NAMES = sizeof VALIDATION / sizeof *VALIDATION };

// ---------------------------------------------------------------------------------------------------------------------
// Names in a folder

typedef struct name_list {
    char **names;
    size_t count, capacity;
} name_list;

static void name_list_free(name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (name_list){0};
}

static bool name_list_add(name_list *list, const char *name)
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

// The sorted names in an opened folder, which it closes.
static silma_status list_names(name_list *list, int descriptor, const char *path, silma_error *error)
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
        descriptor < 0 ? silma_fail_io(error, path, "cannot be opened") : list_names(&all, descriptor, path, error);
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

typedef struct layout {
    bool split;                            // train/, val/, test/ hold the classes
    const char *train, *validation, *test; // those that are there; null: not
    const char *second_validation;         // and none may be
    name_list folders;                     // of the folder itself
} layout;

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
    return strcmp(name, TRAIN) == 0 || strcmp(name, TEST) == 0;
}

// A class may be called "train", and others beside it "bus" and "car". So train/ is taken for the training images only
// if it has sub-folders, and nothing is beside it, or another split.
static bool has_splits(const char *folder, const layout *l)
{
    bool only_splits = true;
    for (size_t i = 0; i < l->folders.count; i++)
        only_splits &= is_split_name(l->folders.names[i]);
    if (l->train && has_folders(folder, TRAIN)) return only_splits || l->validation || l->test;
    if (!only_splits) return false;
    return (l->test && has_folders(folder, TEST)) || (l->validation && has_folders(folder, l->validation));
}

// Free l->folders with name_list_free, also after a failure.
static silma_status read_layout(layout *l, const char *folder, silma_error *error)
{
    *l = (layout){0};
    silma_status status = list_folders(&l->folders, folder, "", error);
    if (status != SILMA_OK) return status;
    if (name_list_has(&l->folders, TRAIN)) l->train = TRAIN;
    if (name_list_has(&l->folders, TEST)) l->test = TEST;
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

bool folder_scan_finds(const char *folder, silma_split split)
{
    layout l;
    bool found = read_layout(&l, folder, NULL) == SILMA_OK;
    if (found && l.split)
        found =
            split == SILMA_SPLIT_TRAIN ? l.train && has_folders(folder, TRAIN) : l.test && has_folders(folder, TEST);
    else if (found)
        found = split == SILMA_SPLIT_TRAIN && l.folders.count > 0;
    name_list_free(&l.folders);
    return found;
}

// ---------------------------------------------------------------------------------------------------------------------
// Folders that were read already

// Links may make a loop, and a few that point at each other more paths than anybody could walk: each folder is read
// once. Those of the classes are entered here before any is walked, so that a link in one cannot claim another.
typedef struct folder_id {
    uint64_t device, inode;
    bool used;
} folder_id;

typedef struct folder_set {
    folder_id *slots; // a power of two of them, at most half full
    size_t count, capacity;
} folder_set;

static folder_id *find_slot(folder_id *slots, size_t capacity, uint64_t device, uint64_t inode)
{
    size_t place = (size_t)((inode ^ device << 32) * 0x9E3779B97F4A7C15u >> 16) & (capacity - 1);
    while (slots[place].used && (slots[place].device != device || slots[place].inode != inode))
        place = (place + 1) & (capacity - 1);
    return &slots[place];
}

static bool folder_set_grow(folder_set *set)
{
    size_t capacity = set->capacity ? 2 * set->capacity : 64;
    folder_id *slots = calloc(capacity, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i].used) *find_slot(slots, capacity, set->slots[i].device, set->slots[i].inode) = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return true;
}

// Returns false if memory is short. *added is false where it was there already.
static bool folder_set_add(folder_set *set, const struct stat *info, bool *added)
{
    if (2 * set->count >= set->capacity && !folder_set_grow(set)) return false;
    folder_id *slot = find_slot(set->slots, set->capacity, (uint64_t)info->st_dev, (uint64_t)info->st_ino);
    *added = !slot->used;
    if (*added) set->count++;
    *slot = (folder_id){.device = (uint64_t)info->st_dev, .inode = (uint64_t)info->st_ino, .used = true};
    return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Files

typedef struct walker {
    folder_scan *scan;
    int root; // the folder's descriptor
    folder_set seen;
    uint32_t label;
    silma_error *error;
} walker;

static silma_status add_file(walker *w, const char *path, const struct stat *info)
{
    folder_scan *scan = w->scan;
    size_t length = strlen(path) + 1;
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity ? 2 * scan->capacity : 1024;
        scanned_file *grown = reallocarray(scan->files, capacity, sizeof *grown);
        if (!grown) return silma_fail_memory(w->error, capacity * sizeof *grown);
        scan->files = grown;
        scan->capacity = capacity;
    }
    if (scan->text_capacity - scan->text_size < length) {
        size_t capacity = 2 * scan->text_capacity + length + 65536;
        char *grown = realloc(scan->text, capacity);
        if (!grown) return silma_fail_memory(w->error, capacity);
        scan->text = grown;
        scan->text_capacity = capacity;
    }
    memcpy(scan->text + scan->text_size, path, length);
    scan->files[scan->count++] = (scanned_file){
        .path = scan->text_size,
        .label = w->label,
        .size = (uint64_t)info->st_size,
        .seconds = info->st_mtim.tv_sec,
        .nanoseconds = info->st_mtim.tv_nsec,
    };
    scan->text_size += length;
    return SILMA_OK;
}

// "<path>: <reason>", counted; the first of them are kept.
static silma_status skip(walker *w, const char *path, const char *reason)
{
    folder_scan *scan = w->scan;
    if (scan->skipped++ >= SKIPPED_NAMED) return SILMA_OK;
    char *longer = NULL;
    int length = asprintf(&longer, "%s%s%s: %s", scan->first_skipped ? scan->first_skipped : "",
                          scan->first_skipped ? "\n" : "", utf8_show(path).text, reason);
    if (length < 0) return silma_fail_memory(w->error, strlen(path));
    free(scan->first_skipped);
    scan->first_skipped = longer;
    return SILMA_OK;
}

static const char SEEN[] = "is a folder that is read already, by another name";

static silma_status walk(walker *w, const char *path, int depth);

// One name in the folder `path`: a file is listed, a folder joins `folders`, anything else is skipped.
static silma_status add_entry(walker *w, int folder, const char *path, const char *name, name_list *folders)
{
    char *below = path_join(path, name);
    if (!below) return silma_fail_memory(w->error, strlen(path));
    struct stat info;
    silma_status status = SILMA_OK;
    if (fstatat(folder, name, &info, 0) != 0)
        status = skip(w, below, errno == ELOOP ? "is a link that leads in a circle" : strerror(errno));
    else if (S_ISDIR(info.st_mode))
        status = name_list_add(folders, below) ? SILMA_OK : silma_fail_memory(w->error, strlen(below));
    else if (S_ISREG(info.st_mode))
        status = add_file(w, below, &info);
    else
        status = skip(w, below, "is neither a file nor a folder");
    free(below);
    return status;
}

static silma_status walk_opened(walker *w, int folder, const char *path, int depth)
{
    name_list names = {0}, folders = {0};
    silma_error unreadable;
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0); // list_names closes it
    silma_status status = SILMA_OK;
    if (copy < 0 || list_names(&names, copy, path, &unreadable) != SILMA_OK) status = skip(w, path, strerror(errno));
    for (size_t i = 0; status == SILMA_OK && i < names.count; i++)
        status = add_entry(w, folder, path, names.names[i], &folders);
    close(folder);
    for (size_t i = 0; status == SILMA_OK && i < folders.count; i++)
        status = walk(w, folders.names[i], depth + 1);
    name_list_free(&names);
    name_list_free(&folders);
    return status;
}

static silma_status walk(walker *w, const char *path, int depth)
{
    if (depth > FOLDERS_DEEP) return skip(w, path, "lies too deep");
    int folder = openat(w->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return skip(w, path, strerror(errno));
    struct stat info;
    bool added = depth == 0; // by enter_classes
    if (!added && (fstat(folder, &info) != 0 || !folder_set_add(&w->seen, &info, &added))) {
        close(folder);
        return silma_fail_memory(w->error, sizeof info);
    }
    if (added) return walk_opened(w, folder, path, depth);
    close(folder);
    return skip(w, path, SEEN);
}

static int compare_paths(const void *a, const void *b, void *text)
{
    return strcmp((const char *)text + ((const scanned_file *)a)->path,
                  (const char *)text + ((const scanned_file *)b)->path);
}

static char *class_path(const folder_scan *scan, const char *part, int class)
{
    return *part ? path_join(part, scan->classes[class]) : strdup(scan->classes[class]);
}

// Enters the folder at `path` as seen. *usable: it is there, and not the folder of another class as well.
static silma_status enter_folder(walker *w, const char *path, bool *usable)
{
    struct stat info;
    *usable = false;
    if (fstatat(w->root, path, &info, 0) != 0) return errno == ENOENT ? SILMA_OK : skip(w, path, strerror(errno));
    if (!S_ISDIR(info.st_mode)) return SILMA_OK;
    if (!folder_set_add(&w->seen, &info, usable)) return silma_fail_memory(w->error, sizeof info);
    return *usable ? SILMA_OK : skip(w, path, SEEN);
}

// `usable` (class_count): a class may be missing from one of the splits.
static silma_status enter_classes(walker *w, const char *part, bool *usable)
{
    bool ignored;
    silma_status status = enter_folder(w, *part ? part : ".", &ignored);
    for (int i = 0; status == SILMA_OK && i < w->scan->class_count; i++) {
        char *path = class_path(w->scan, part, i);
        status = path ? enter_folder(w, path, &usable[i]) : silma_fail_memory(w->error, strlen(part));
        free(path);
    }
    return status;
}

// The files of every class below `part` ("train", or "" for the folder itself), each class sorted by path.
static silma_status walk_classes(walker *w, const char *part, const bool *usable)
{
    folder_scan *scan = w->scan;
    silma_status status = SILMA_OK;
    for (int i = 0; status == SILMA_OK && i < scan->class_count; i++) {
        if (!usable[i]) continue;
        char *path = class_path(scan, part, i);
        if (!path) return silma_fail_memory(w->error, strlen(part));
        size_t first = scan->count;
        w->label = (uint32_t)i;
        status = walk(w, path, 0);
        if (scan->count > first)
            qsort_r(scan->files + first, scan->count - first, sizeof *scan->files, compare_paths, scan->text);
        free(path);
    }
    return status;
}

// The classes are those of all splits together, so that a label means the same in each.
static silma_status collect_classes(folder_scan *scan, layout *l, const char *folder, silma_error *error)
{
    name_list classes = {0};
    const char *parts[] = {l->train, l->validation, l->test};
    silma_status status = SILMA_OK;
    for (size_t p = 0; status == SILMA_OK && l->split && p < 3; p++)
        if (parts[p]) status = list_folders(&classes, folder, parts[p], error);
    if (!l->split) {
        classes = l->folders;
        l->folders = (name_list){0};
    }
    name_list_sort(&classes);
    size_t kept = 0;
    for (size_t i = 0; i < classes.count; i++) {
        if (kept > 0 && strcmp(classes.names[kept - 1], classes.names[i]) == 0)
            free(classes.names[i]);
        else
            classes.names[kept++] = classes.names[i];
    }
    classes.count = kept;
    if (status == SILMA_OK && kept > DATASET_MAX_CLASSES)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: has %zu sub-folders; at most %d classes are allowed", folder,
                            kept, DATASET_MAX_CLASSES);
    if (status != SILMA_OK) {
        name_list_free(&classes);
        return status;
    }
    scan->classes = classes.names;
    scan->class_count = (int)classes.count;
    return SILMA_OK;
}

static silma_status walk_parts(walker *w, const char *part, const char *validation, bool *usable)
{
    folder_scan *scan = w->scan;
    bool *usable_for_validation = usable + scan->class_count;
    silma_status status = enter_classes(w, part, usable);
    if (status == SILMA_OK && validation) status = enter_classes(w, validation, usable_for_validation);
    if (status == SILMA_OK) status = walk_classes(w, part, usable);
    scan->validation_first = scan->count;
    scan->has_validation = validation != NULL;
    if (status == SILMA_OK && validation) status = walk_classes(w, validation, usable_for_validation);
    return status;
}

static silma_status walk_split(walker *w, const layout *l, silma_split split)
{
    const char *part = !l->split ? "" : split == SILMA_SPLIT_TEST ? TEST : TRAIN;
    const char *validation = l->split && split == SILMA_SPLIT_TRAIN ? l->validation : NULL;
    bool *usable = calloc(2 * (size_t)w->scan->class_count + 1, sizeof *usable);
    if (!usable) return silma_fail_memory(w->error, 2 * (size_t)w->scan->class_count);
    silma_status status = walk_parts(w, part, validation, usable);
    free(usable);
    return status;
}

silma_status folder_scan_read(folder_scan *scan, const char *folder, silma_split split, silma_error *error)
{
    *scan = (folder_scan){0};
    layout l;
    walker w = {.scan = scan, .root = -1, .error = error};
    silma_status status = read_layout(&l, folder, error);
    if (status == SILMA_OK && l.split && l.second_validation)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: has %s and %s: which of them holds the validation images?",
                            folder, l.validation, l.second_validation);
    if (status == SILMA_OK) status = collect_classes(scan, &l, folder, error);
    if (status == SILMA_OK) {
        w.root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        status = w.root < 0 ? silma_fail_io(error, folder, "cannot be opened") : walk_split(&w, &l, split);
    }
    if (w.root >= 0) close(w.root);
    free(w.seen.slots);
    name_list_free(&l.folders);
    if (status != SILMA_OK) folder_scan_free(scan);
    return status;
}

void folder_scan_free(folder_scan *scan)
{
    for (int i = 0; i < scan->class_count; i++)
        free(scan->classes[i]);
    free(scan->classes);
    free(scan->text);
    free(scan->files);
    free(scan->first_skipped);
    *scan = (folder_scan){0};
}

const char *folder_scan_path(const folder_scan *scan, size_t index)
{
    return scan->text + scan->files[index].path;
}

void folder_scan_hash(const folder_scan *scan, char hex[SHA256_HEX_SIZE])
{
    sha256 sum;
    sha256_start(&sum);
    for (int i = 0; i < scan->class_count; i++)
        sha256_add(&sum, scan->classes[i], strlen(scan->classes[i]) + 1);
    for (size_t i = 0; i < scan->count; i++) {
        const scanned_file *file = &scan->files[i];
        const char *path = folder_scan_path(scan, i);
        int64_t numbers[] = {(int64_t)file->label, (int64_t)file->size, file->seconds, file->nanoseconds};
        sha256_add(&sum, path, strlen(path) + 1);
        sha256_add(&sum, numbers, sizeof numbers);
    }
    uint64_t first = scan->validation_first;
    sha256_add(&sum, &first, sizeof first);
    sha256_finish(&sum, hex);
}
