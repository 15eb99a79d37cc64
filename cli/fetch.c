#define _GNU_SOURCE
#include "fetch.h"

#include "../src/core/error.h"

#ifndef SILMA_HAVE_CURL

silma_status fetch_dataset(const silma_catalog_entry_type *entry, const char *base_url, const char *folder,
                           fetch_progress_fn *progress, void *user, silma_error *error)
{
    (void)base_url;
    (void)progress;
    (void)user;
    return silma_fail(error, SILMA_FAILURE,
                      "%s: this build of silma cannot download: get %s by hand and unpack it into %s/%s", entry->name,
                      entry->files[0].url, folder, entry->name);
}

#else

#include "../src/core/file.h"
#include "../src/core/sha256.h"
#include "download.h"
#include "unpack.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// Everything that a download needs a name for.
typedef struct fetch_paths {
    char *work;     // <folder>/.<name>.download: what has been downloaded, and
    char *unpacked; // <work>/unpacked, which becomes
    char *final;    // <folder>/<name>
    char *lock;     // <work>/lock
} fetch_paths;

static void free_paths(fetch_paths *paths)
{
    free(paths->work);
    free(paths->unpacked);
    free(paths->final);
    free(paths->lock);
}

static silma_status make_paths(fetch_paths *paths, const char *folder, const char *name, silma_error *error)
{
    *paths = (fetch_paths){0};
    bool made = asprintf(&paths->work, "%s/.%s.download", folder, name) >= 0 &&
                asprintf(&paths->unpacked, "%s/unpacked", paths->work) >= 0 &&
                asprintf(&paths->final, "%s/%s", folder, name) >= 0 &&
                asprintf(&paths->lock, "%s/lock", paths->work) >= 0;
    if (made) return SILMA_OK;
    *paths = (fetch_paths){0}; // a failed asprintf leaves its pointer undefined
    return silma_fail_memory(error, 4 * strlen(folder));
}

// ---------------------------------------------------------------------------------------------------------------------
// Folders

static silma_status make_folder(const char *path, silma_error *error)
{
    if (mkdir(path, 0755) == 0) return SILMA_OK;
    int reason = errno;
    struct stat info;
    if (reason == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return SILMA_OK;
    errno = reason;
    return silma_fail_io(error, path, "this folder cannot be made");
}

// mkdir -p
static silma_status make_folders(const char *path, silma_error *error)
{
    char *partial = strdup(path);
    if (!partial) return silma_fail_memory(error, strlen(path) + 1);
    silma_status status = SILMA_OK;
    for (char *slash = strchr(partial + 1, '/'); slash && status == SILMA_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_folder(partial, error);
        *slash = '/';
    }
    free(partial);
    return status == SILMA_OK ? make_folder(path, error) : status;
}

// Removes a folder that holds only files. One that is not there is gone already.
static silma_status remove_folder(const char *path, silma_error *error)
{
    DIR *folder = opendir(path);
    if (!folder) return errno == ENOENT ? SILMA_OK : silma_fail_io(error, path, "cannot be opened");
    silma_status status = SILMA_OK;
    for (struct dirent *entry = readdir(folder); entry && status == SILMA_OK; entry = readdir(folder)) {
        bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!itself && unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            status = silma_fail_io(error, path, "cannot be emptied");
    }
    closedir(folder);
    if (status == SILMA_OK && rmdir(path) != 0) status = silma_fail_io(error, path, "cannot be removed");
    return status;
}

static silma_status sync_folder(const char *path, silma_error *error)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return silma_fail_io(error, path, "cannot be opened");
    // Some file systems cannot sync a folder.
    bool synced = fsync(folder) == 0 || errno == EINVAL || errno == EROFS;
    silma_status status = synced ? SILMA_OK : silma_fail_io(error, path, "cannot be synced");
    close(folder);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Check sums

static silma_status check_sum(const char *path, const char *expected, silma_error *error)
{
    char found[SHA256_HEX_SIZE];
    silma_status status = sha256_file(path, found, error);
    if (status != SILMA_OK) return status;
    if (strcmp(found, expected) == 0) return SILMA_OK;
    return silma_fail(error, SILMA_BAD_FILE,
                      "%s: its sha256 is %s; expected %s: the download is not what was published, and was removed: try "
                      "again",
                      path, found, expected);
}

static silma_status check_contents(const silma_catalog_entry_type *entry, const char *folder, silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < entry->content_count && status == SILMA_OK; i++) {
        char *path = path_join(folder, entry->contents[i].name);
        if (!path) return silma_fail_memory(error, strlen(folder));
        if (access(path, F_OK) != 0)
            status =
                silma_fail(error, SILMA_BAD_FILE, "%s: is not in the download, which was removed: try again", path);
        else
            status = check_sum(path, entry->contents[i].sha256, error);
        free(path);
    }
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The steps

typedef struct fetch_job {
    const silma_catalog_entry_type *entry;
    const char *base_url;
    fetch_paths paths;
    fetch_progress_fn *progress;
    void *user;
    silma_error *error;
} fetch_job;

static char *url_of(const fetch_job *job, const silma_catalog_file *file)
{
    return job->base_url ? path_join(job->base_url, file->name) : strdup(file->url);
}

// Downloads to "<path>.part", which is renamed when it is whole.
static silma_status download_one(const fetch_job *job, const silma_catalog_file *file, const char *path)
{
    if (access(path, F_OK) == 0) return SILMA_OK; // whole, from an earlier call
    char *url = url_of(job, file);
    char *part = NULL;
    if (asprintf(&part, "%s.part", path) < 0) part = NULL;
    silma_status status;
    if (url && part) {
        download task = {.url = url, .path = part, .name = file->name, .progress = job->progress, .user = job->user};
        status = download_file(&task, job->error);
        if (status == SILMA_OK && rename(part, path) != 0)
            status = silma_fail_io(job->error, part, "cannot be renamed");
    } else {
        status = silma_fail_memory(job->error, strlen(path));
    }
    free(url);
    free(part);
    return status;
}

static silma_status download_all(const fetch_job *job)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < job->entry->file_count && status == SILMA_OK; i++) {
        char *path = path_join(job->paths.work, job->entry->files[i].name);
        status = path ? download_one(job, &job->entry->files[i], path) : silma_fail_memory(job->error, 64);
        free(path);
    }
    return status;
}

static silma_status unpack_one(const fetch_job *job, const silma_catalog_file *file)
{
    char *path = path_join(job->paths.work, file->name);
    if (!path) return silma_fail_memory(job->error, 64);
    silma_status status = SILMA_OK;
    if (job->entry->content_count == 0) status = check_sum(path, file->sha256, job->error);
    if (status == SILMA_OK) status = unpack_file(path, job->paths.unpacked, job->error);
    free(path);
    return status;
}

static silma_status unpack_all(const fetch_job *job)
{
    silma_status status = remove_folder(job->paths.unpacked, job->error);
    if (status == SILMA_OK) status = make_folder(job->paths.unpacked, job->error);
    for (size_t i = 0; i < job->entry->file_count && status == SILMA_OK; i++)
        status = unpack_one(job, &job->entry->files[i]);
    if (status == SILMA_OK) status = check_contents(job->entry, job->paths.unpacked, job->error);
    if (status == SILMA_OK) status = sync_folder(job->paths.unpacked, job->error);
    return status;
}

static silma_status finish(const fetch_job *job, const char *folder)
{
    if (rename(job->paths.unpacked, job->paths.final) != 0)
        return silma_fail_io(job->error, job->paths.final, "cannot be put in place");
    silma_status status = sync_folder(folder, job->error);
    return status == SILMA_OK ? remove_folder(job->paths.work, job->error) : status;
}

static silma_status fetch_locked(const fetch_job *job, const char *folder)
{
    silma_status status = download_all(job);
    if (status == SILMA_OK) status = unpack_all(job);
    if (status == SILMA_OK) return finish(job, folder);
    // What is there is kept, to be continued, unless it is damaged. The error to tell is the one that there is already,
    // whatever comes of the removal.
    bool removed = remove_folder(job->paths.unpacked, NULL) == SILMA_OK;
    if (status == SILMA_BAD_FILE && removed) (void)remove_folder(job->paths.work, NULL);
    return status;
}

// Two processes must not write to the same files. The lock goes with its descriptor.
static silma_status lock_work(const fetch_paths *paths, int *lock, silma_error *error)
{
    *lock = open(paths->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*lock < 0) return silma_fail_io(error, paths->lock, "cannot be created");
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0) return SILMA_OK;
    silma_status status = errno == EWOULDBLOCK
                              ? silma_fail(error, SILMA_IO, "%s: another download of it is running", paths->final)
                              : silma_fail_io(error, paths->lock, "cannot be locked");
    close(*lock);
    return status;
}

static silma_status fetch_into(fetch_job *job, const char *folder)
{
    const fetch_paths *paths = &job->paths;
    struct stat info;
    if (lstat(paths->final, &info) == 0)
        return silma_fail(job->error, SILMA_USAGE, "%s: is there already: remove it to download it anew", paths->final);
    int lock;
    silma_status status = make_folders(folder, job->error);
    if (status == SILMA_OK) status = make_folder(paths->work, job->error);
    if (status == SILMA_OK) status = lock_work(paths, &lock, job->error);
    if (status != SILMA_OK) return status;
    status = fetch_locked(job, folder);
    close(lock);
    return status;
}

silma_status fetch_dataset(const silma_catalog_entry_type *entry, const char *base_url, const char *folder,
                           fetch_progress_fn *progress, void *user, silma_error *error)
{
    fetch_job job = {.entry = entry, .base_url = base_url, .progress = progress, .user = user, .error = error};
    silma_status status = make_paths(&job.paths, folder, entry->name, error);
    if (status != SILMA_OK) return status;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        status = fetch_into(&job, folder);
        curl_global_cleanup();
    } else {
        status = silma_fail(error, SILMA_FAILURE, "libcurl cannot be started");
    }
    free_paths(&job.paths);
    return status;
}

#endif
