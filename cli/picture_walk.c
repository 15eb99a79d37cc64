#include "picture_walk.h"

#include "run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct folder_identity {
    dev_t device;
    ino_t inode; // 0: a free slot; no folder has it
} folder_identity;

typedef struct walk {
    const picture_visitor *visitor;
    // All folders so far, a hash table at most half full: links may make a tree a loop, or exponentially large.
    folder_identity *seen; // (seen_slots), a power of two
    size_t seen_slots, seen_count;
} walk;

// The slot that holds the folder, or the free one where it belongs.
static folder_identity *find_slot(folder_identity *slots, size_t count, dev_t device, ino_t inode)
{
    size_t at = (size_t)((inode ^ ((uint64_t)device << 32)) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
    for (;; at++) {
        folder_identity *slot = &slots[at & (count - 1)];
        if (slot->inode == 0 || (slot->inode == inode && slot->device == device)) return slot;
    }
}

static silma_status grow_seen(walk *w, problem *why)
{
    size_t slots = w->seen_slots ? 2 * w->seen_slots : 64;
    folder_identity *grown = calloc(slots, sizeof *grown);
    if (!grown) return problem_set_memory(why);
    for (size_t i = 0; i < w->seen_slots; i++)
        if (w->seen[i].inode) *find_slot(grown, slots, w->seen[i].device, w->seen[i].inode) = w->seen[i];
    free(w->seen);
    w->seen = grown;
    w->seen_slots = slots;
    return SILMA_OK;
}

// *first: it had not been seen before.
static silma_status remember(walk *w, const struct stat *info, bool *first, problem *why)
{
    silma_status status = !w->seen || 2 * w->seen_count >= w->seen_slots ? grow_seen(w, why) : SILMA_OK;
    if (status || !w->seen) return status;
    folder_identity *slot = find_slot(w->seen, w->seen_slots, info->st_dev, info->st_ino);
    *first = slot->inode == 0;
    w->seen_count += *first;
    *slot = (folder_identity){info->st_dev, info->st_ino};
    return SILMA_OK;
}

static silma_status report_bad(const walk *w, const char *path, const char *what, problem *why)
{
    silma_error reason = {.status = SILMA_IO};
    snprintf(reason.message, sizeof reason.message, "%s: %s", path, what);
    return w->visitor->bad(w->visitor->user, path, &reason, why);
}

static int is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "Thumbs.db") != 0 &&
           strcmp(entry->d_name, "desktop.ini") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static silma_status walk_folder(walk *w, const char *path, problem *why);

// An entry of a folder. Links that lead nowhere come out when the file is read.
static silma_status walk_entry(walk *w, const char *path, unsigned char type, problem *why)
{
    struct stat info;
    bool may_be_folder = type == DT_DIR || type == DT_LNK || type == DT_UNKNOWN;
    if (!may_be_folder || stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return w->visitor->file(w->visitor->user, path, why);
    bool first = false;
    silma_status status = remember(w, &info, &first, why);
    return !status && first ? walk_folder(w, path, why) : status;
}

// NOLINTNEXTLINE(misc-no-recursion): no deeper than the system lets a path be
static silma_status walk_folder(walk *w, const char *path, problem *why)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_wanted, by_bytes);
    if (count < 0) {
        char reason[128];
        snprintf(reason, sizeof reason, "the folder cannot be read: %s", strerror(errno));
        return report_bad(w, path, reason, why);
    }
    silma_status status = count == 0 ? report_bad(w, path, "the folder holds no pictures", why) : SILMA_OK;
    for (int i = 0; i < count; i++) {
        char *entry = status ? NULL : join_path(path, entries[i]->d_name);
        if (!status) status = entry ? walk_entry(w, entry, entries[i]->d_type, why) : problem_set_memory(why);
        free(entry);
        free(entries[i]);
    }
    free(entries);
    return status;
}

silma_status picture_walk(const char *path, const picture_visitor *visitor, problem *why)
{
    walk w = {.visitor = visitor};
    silma_status status = walk_entry(&w, path, DT_UNKNOWN, why);
    free(w.seen);
    return status;
}
