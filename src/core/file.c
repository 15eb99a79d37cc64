#define _GNU_SOURCE
#include "core/file.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_ATTEMPTS = 20 };
static const struct timespec LOCK_PAUSE = {.tv_nsec = 100000000};

struct file_writer {
    FILE *stream;
    char *path;
    char *temporary;
    int failure; // errno of the first write that failed
};

char *path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", folder, slash, name) < 0) return NULL;
    return path;
}

void file_writer_abandon(file_writer *writer)
{
    if (!writer) return;
    if (writer->stream && writer->temporary) {
        fclose(writer->stream);
        unlink(writer->temporary);
    }
    free(writer->path);
    free(writer->temporary);
    free(writer);
}

silma_status file_writer_open(file_writer **result, const char *path, silma_error *error)
{
    file_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return silma_fail_memory(error, sizeof *writer);
    writer->path = strdup(path);
    if (asprintf(&writer->temporary, "%s.tmp", path) < 0) writer->temporary = NULL;
    if (!writer->path || !writer->temporary) {
        file_writer_abandon(writer);
        return silma_fail_memory(error, strlen(path) + 32);
    }
    writer->stream = fopen(writer->temporary, "wbe");
    if (!writer->stream) {
        silma_status status = silma_fail_io(error, writer->temporary, "cannot be created");
        file_writer_abandon(writer);
        return status;
    }
    *result = writer;
    return SILMA_OK;
}

static void remember_failure(file_writer *writer)
{
    if (!writer->failure) writer->failure = errno ? errno : EIO;
}

void file_writer_write(file_writer *writer, const void *bytes, size_t count)
{
    if (count > 0 && fwrite(bytes, 1, count, writer->stream) != count) remember_failure(writer);
}

void file_writer_print(file_writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vfprintf(writer->stream, format, arguments) < 0) remember_failure(writer);
    va_end(arguments);
}

const char *environment_variable(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] != '\0' ? value : NULL;
}

static bool sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    if (!copy) return false;
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (folder < 0) return false;
    // Some file systems cannot sync a folder; the rename is as safe there as it gets.
    bool synced = fsync(folder) == 0 || errno == EINVAL || errno == EROFS;
    close(folder);
    return synced;
}

silma_status file_writer_commit(file_writer *writer, silma_error *error)
{
    if (fflush(writer->stream) != 0 || fsync(fileno(writer->stream)) != 0) remember_failure(writer);
    if (fclose(writer->stream) != 0) remember_failure(writer);
    writer->stream = NULL;
    silma_status status = SILMA_OK;
    if (writer->failure) {
        errno = writer->failure;
        status = silma_fail_io(error, writer->path, "cannot be written");
    } else if (rename(writer->temporary, writer->path) != 0) {
        status = silma_fail_io(error, writer->path, "cannot be replaced");
    } else if (!sync_folder_of(writer->path)) {
        status = silma_fail_io(error, writer->path, "its folder cannot be synced");
    }
    if (status != SILMA_OK) unlink(writer->temporary);
    file_writer_abandon(writer);
    return status;
}

// Opens a regular file: a FIFO or a device would block or never end.
static silma_status open_regular(const char *path, int *descriptor, size_t *size, silma_error *error)
{
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0) return silma_fail_io(error, path, "cannot be opened");
    struct stat info;
    if (fstat(opened, &info) != 0) {
        silma_status status = silma_fail_io(error, path, "cannot be examined");
        close(opened);
        return status;
    }
    if (!S_ISREG(info.st_mode)) {
        close(opened);
        return silma_fail(error, SILMA_BAD_FILE, "%s: is not a regular file", path);
    }
    *descriptor = opened;
    *size = (size_t)info.st_size;
    return SILMA_OK;
}

static bool read_fully(int descriptor, char *bytes, size_t count)
{
    size_t done = 0;
    while (done < count) {
        ssize_t got = read(descriptor, bytes + done, count - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) {
            errno = EIO; // the file became shorter while it was read
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

// The whole of an opened file, followed by a zero byte. Closes it.
static silma_status read_whole(int descriptor, const char *path, size_t size, char **bytes, silma_error *error)
{
    silma_status status = SILMA_OK;
    char *buffer = malloc(size + 1);
    if (!buffer)
        status = silma_fail_memory(error, size + 1);
    else if (!read_fully(descriptor, buffer, size))
        status = silma_fail_io(error, path, "cannot be read");
    close(descriptor);
    if (status != SILMA_OK) {
        free(buffer);
        return status;
    }
    buffer[size] = '\0';
    *bytes = buffer;
    return SILMA_OK;
}

silma_status file_read(const char *path, size_t limit, char **bytes, size_t *count, silma_error *error)
{
    int descriptor;
    size_t size;
    silma_status status = open_regular(path, &descriptor, &size, error);
    if (status != SILMA_OK) return status;
    if (size > limit) {
        close(descriptor);
        return silma_fail(error, SILMA_BAD_FILE, "%s: has %zu bytes; at most %zu are expected", path, size, limit);
    }
    status = read_whole(descriptor, path, size, bytes, error);
    if (status == SILMA_OK) *count = size;
    return status;
}

silma_status file_view_open(file_view *view, const char *path, silma_error *error)
{
    int descriptor;
    size_t size;
    silma_status status = open_regular(path, &descriptor, &size, error);
    if (status != SILMA_OK) return status;
    if (size <= FILE_VIEW_READ_MAX) {
        char *bytes;
        status = read_whole(descriptor, path, size, &bytes, error);
        if (status == SILMA_OK) *view = (file_view){.bytes = (uint8_t *)bytes, .size = size, .memory = bytes};
        if (status != SILMA_FAILURE) return status;
        status = open_regular(path, &descriptor, &size, error); // memory is short
        if (status != SILMA_OK) return status;
    }
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED)
        status = silma_fail_io(error, path, "cannot be mapped");
    else
        *view = (file_view){.bytes = bytes, .size = size, .mapped = bytes};
    close(descriptor);
    return status;
}

void file_view_close(file_view *view)
{
    free(view->memory);
    if (view->mapped) munmap(view->mapped, view->size);
    *view = (file_view){0};
}

static silma_status make_one(const char *folder, unsigned mode, silma_error *error)
{
    if (mkdir(folder, (mode_t)mode) != 0)
        return errno == EEXIST ? SILMA_OK : silma_fail_io(error, folder, "cannot be made");
    return sync_folder_of(folder) ? SILMA_OK : silma_fail_io(error, folder, "the folder above it cannot be synced");
}

silma_status folder_make(const char *folder, unsigned mode, silma_error *error)
{
    char *path = strdup(folder);
    if (!path) return silma_fail_memory(error, strlen(folder));
    silma_status status = SILMA_OK;
    for (char *slash = path[0] ? strchr(path + 1, '/') : NULL; slash && status == SILMA_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_one(path, mode, error);
        *slash = '/';
    }
    if (status == SILMA_OK) status = make_one(path, mode, error);
    free(path);
    return status;
}

silma_status folder_lock(const char *folder, int *lock, silma_error *error)
{
    *lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int attempt = 0; *lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) != 0; attempt++) {
        if (errno != EWOULDBLOCK) break;
        if (attempt == LOCK_ATTEMPTS)
            return silma_fail(error, SILMA_IO, "%s: is in use by another training; wait for its end, or stop it",
                              folder);
        nanosleep(&LOCK_PAUSE, NULL);
    }
    return SILMA_OK;
}
