#define _GNU_SOURCE
#include "data/cache.h"

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "data/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_DIGITS = 32 };

silma_status silma_cache_folder(char **folder, silma_error *error)
{
    const char *own = environment_variable("SILMA_CACHE"), *xdg = environment_variable("XDG_CACHE_HOME"),
               *home = environment_variable("HOME");
    *folder = NULL;
    int length = 0;
    if (own)
        length = asprintf(folder, "%s", own);
    else if (xdg && xdg[0] == '/') // relative ones are to be ignored
        length = asprintf(folder, "%s/silma", xdg);
    else if (home)
        length = asprintf(folder, "%s/.cache/silma", home);
    else
        return silma_fail(error, SILMA_USAGE,
                          "there is no folder for the cache: set one of SILMA_CACHE, XDG_CACHE_HOME and HOME");
    return length < 0 ? silma_fail_memory(error, 64) : SILMA_OK;
}

silma_status cache_pack_path(char **path, const char *folder, silma_split split, const silma_preparation *p,
                             silma_error *error)
{
    char *cache, *key = NULL, hex[SHA256_HEX_SIZE];
    silma_status status = silma_cache_folder(&cache, error);
    if (status != SILMA_OK) return status;
    status = folder_make(cache, 0700, error); // pictures may be private
    int length = asprintf(&key, "%d %dx%dx%d %d %02x%02x%02x %s", (int)split, p->height, p->width, p->channels,
                          (int)p->resize, p->background[0], p->background[1], p->background[2], folder);
    if (length < 0) key = NULL;
    if (status == SILMA_OK && key) {
        sha256_of(key, (size_t)length, hex);
        length = asprintf(path, "%s/%.*s.pack", cache, NAME_DIGITS, hex);
    }
    free(key);
    free(cache);
    return status == SILMA_OK && length < 0 ? silma_fail_memory(error, strlen(folder)) : status;
}

void cache_link(const char *path, const char *made)
{
    char *link = NULL;
    if (strcmp(path, made) == 0 || asprintf(&link, "%s.link", path) < 0) return;
    unlink(link);
    if (symlink(strrchr(made, '/') + 1, link) != 0 || rename(link, path) != 0) unlink(link);
    free(link);
}

// ---------------------------------------------------------------------------------------------------------------------
// Cleaning

// "<32 hexadecimal digits>.pack", or that and what follows while it is made.
static bool is_own_name(const char *name)
{
    static const char *const ENDINGS[] = {".pack", ".pack.tmp", ".pack.link"};
    if (strspn(name, "0123456789abcdef") != NAME_DIGITS) return false;
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (strcmp(name + NAME_DIGITS, ENDINGS[i]) == 0) return true;
    return false;
}

// A pack that its maker was killed over: nobody holds its lock. Removed under the lock, so that whoever waits for it
// begins a new one.
static void remove_abandoned(const char *path)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) return;
    struct stat opened, named; // meanwhile its maker may have renamed it, and another begun one of that name
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 &&
        opened.st_dev == named.st_dev && opened.st_ino == named.st_ino)
        unlink(path);
    close(descriptor);
}

void cache_remove_abandoned(const char *pack_path)
{
    static const char ENDING[] = ".pack.tmp";
    const char *slash = strrchr(pack_path, '/');
    char *cache = slash ? strndup(pack_path, (size_t)(slash - pack_path)) : NULL;
    DIR *stream = cache ? opendir(cache) : NULL;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (!is_own_name(entry->d_name) || strcmp(entry->d_name + NAME_DIGITS, ENDING) != 0) continue;
        char *path = path_join(cache, entry->d_name);
        if (path) remove_abandoned(path);
        free(path);
    }
    if (stream) closedir(stream);
    free(cache);
}

// Another process may be writing it.
static bool is_locked(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool locked = descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (descriptor >= 0) close(descriptor);
    return locked;
}

static silma_status clean_one(const char *path, silma_cache_fn *deleted, void *user, silma_error *error)
{
    struct stat info;
    char folder[PACK_FOLDER_SIZE];
    if (lstat(path, &info) != 0 || (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) || is_locked(path))
        return SILMA_OK;
    bool is_pack = S_ISREG(info.st_mode) && pack_read_folder(path, folder);
    if (unlink(path) != 0) return errno == ENOENT ? SILMA_OK : silma_fail_io(error, path, "cannot be deleted");
    if (deleted) deleted(path, (uint64_t)(S_ISREG(info.st_mode) ? info.st_size : 0), is_pack ? folder : NULL, user);
    return SILMA_OK;
}

static silma_status clean_folder(DIR *stream, const char *cache, silma_cache_fn *deleted, void *user,
                                 silma_error *error)
{
    silma_status status = SILMA_OK;
    for (struct dirent *entry; status == SILMA_OK && (entry = readdir(stream));) {
        if (!is_own_name(entry->d_name)) continue;
        char *path = path_join(cache, entry->d_name);
        status = path ? clean_one(path, deleted, user, error) : silma_fail_memory(error, strlen(cache));
        free(path);
    }
    return status;
}

silma_status silma_cache_clean(silma_cache_fn *deleted, void *user, silma_error *error)
{
    char *cache;
    silma_status status = silma_cache_folder(&cache, error);
    if (status != SILMA_OK) return status;
    DIR *stream = opendir(cache);
    if (stream)
        status = clean_folder(stream, cache, deleted, user, error);
    else if (errno != ENOENT)
        status = silma_fail_io(error, cache, "cannot be opened");
    if (stream) closedir(stream);
    free(cache);
    return status;
}
