#define _GNU_SOURCE
#include "data/folder_scan.h"

#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"
#include "data/folder_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SKIPPED_NAMED = 1000, FOLDERS_DEEP = 64 };

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
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0); // name_list_read closes it
    silma_status status = SILMA_OK;
    if (copy < 0 || name_list_read(&names, copy, path, &unreadable) != SILMA_OK)
        status = skip(w, path, strerror(errno));
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

static silma_status walk_split(walker *w, const folder_layout *l, silma_split split)
{
    const char *part = !l->split ? "" : split == SILMA_SPLIT_TEST ? TEST_FOLDER : TRAIN_FOLDER;
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
    folder_layout l;
    name_list classes = {0};
    walker w = {.scan = scan, .root = -1, .error = error};
    silma_status status = folder_layout_read(&l, folder, error);
    if (status == SILMA_OK && l.split && l.second_validation)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: has %s and %s: which of them holds the validation images?",
                            folder, l.validation, l.second_validation);
    if (status == SILMA_OK) status = folder_layout_classes(&l, folder, &classes, error);
    scan->classes = classes.names;
    scan->class_count = (int)classes.count;
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
