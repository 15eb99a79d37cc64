#include "unpack.h"

#ifdef SILMA_HAVE_CURL

#include "../src/core/error.h"
#include "../src/core/file.h"
#include "../src/core/utf8.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ENTRIES = 1000, CHUNK = 1 << 16 };
static const uint64_t MAX_BYTES = (uint64_t)1 << 30;

typedef struct unpacker {
    struct archive *archive;
    const char *path;
    const char *folder;
    uint64_t bytes;
    silma_error *error;
} unpacker;

static silma_status bad_archive(const unpacker *work)
{
    const char *reason = archive_error_string(work->archive);
    return silma_fail(work->error, SILMA_BAD_FILE, "%s: cannot be unpacked: %s", work->path,
                      reason ? utf8_show(reason).text : "it is damaged");
}

static bool write_fully(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written <= 0) return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

static silma_status copy_data(unpacker *work, int file, const char *path)
{
    char *chunk = malloc(CHUNK);
    if (!chunk) return silma_fail_memory(work->error, CHUNK);
    silma_status status = SILMA_OK;
    for (;;) {
        la_ssize_t got = archive_read_data(work->archive, chunk, CHUNK);
        if (got < 0) status = bad_archive(work);
        if (got <= 0) break;
        work->bytes += (uint64_t)got;
        if (work->bytes > MAX_BYTES)
            status = silma_fail(work->error, SILMA_BAD_FILE, "%s: unpacks to more than any data set of the catalogue",
                                work->path);
        else if (!write_fully(file, chunk, (size_t)got))
            status = silma_fail_io(work->error, path, "cannot be written");
        if (status != SILMA_OK) break;
    }
    free(chunk);
    if (status == SILMA_OK && fsync(file) != 0) status = silma_fail_io(work->error, path, "cannot be written");
    return status;
}

static silma_status write_entry(unpacker *work, const char *name)
{
    char *path = path_join(work->folder, name);
    if (!path) return silma_fail_memory(work->error, PATH_MAX);
    silma_status status;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (file < 0 && errno == EEXIST) {
        status = silma_fail(work->error, SILMA_BAD_FILE, "%s: refused: it holds two files \"%s\"", work->path,
                            utf8_show(name).text);
    } else if (file < 0) {
        status = silma_fail_io(work->error, path, "cannot be created");
    } else {
        status = copy_data(work, file, path);
        if (close(file) != 0 && status == SILMA_OK) status = silma_fail_io(work->error, path, "cannot be written");
    }
    free(path);
    return status;
}

static bool climbs(const char *name)
{
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return true;
    }
    return false;
}

static silma_status unpack_entry(unpacker *work, struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    if (!name || name[0] == '/' || name[0] == '\0' || climbs(name))
        return silma_fail(work->error, SILMA_BAD_FILE, "%s: refused: it holds a file \"%s\", outside of its folder",
                          work->path, name ? utf8_show(name).text : "");
    if (archive_entry_filetype(entry) == AE_IFDIR) return SILMA_OK;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) || archive_entry_symlink(entry))
        return silma_fail(work->error, SILMA_BAD_FILE, "%s: refused: \"%s\" in it is not a plain file", work->path,
                          utf8_show(name).text);
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    return last[0] == '.' || last[0] == '\0' ? SILMA_OK : write_entry(work, last);
}

static silma_status unpack_tar(unpacker *work)
{
    for (int count = 0; count < MAX_ENTRIES; count++) {
        struct archive_entry *entry;
        int result = archive_read_next_header(work->archive, &entry);
        if (result == ARCHIVE_EOF) return SILMA_OK;
        if (result != ARCHIVE_OK) return bad_archive(work);
        silma_status status = unpack_entry(work, entry);
        if (status != SILMA_OK) return status;
    }
    return silma_fail(work->error, SILMA_BAD_FILE, "%s: refused: it holds more than %d files", work->path, MAX_ENTRIES);
}

static silma_status unpack_single(unpacker *work)
{
    const char *slash = strrchr(work->path, '/');
    char name[NAME_MAX + 1];
    int length = snprintf(name, sizeof(name), "%s", slash ? slash + 1 : work->path);
    if (length < 4 || length > NAME_MAX || strcmp(name + length - 3, ".gz") != 0)
        return silma_fail(work->error, SILMA_BAD_FILE, "%s: expected a name that ends in .gz", work->path);
    name[length - 3] = '\0';
    struct archive_entry *entry;
    if (archive_read_next_header(work->archive, &entry) != ARCHIVE_OK) return bad_archive(work);
    return write_entry(work, name);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), ending = strlen(end);
    return length >= ending && strcmp(text + length - ending, end) == 0;
}

silma_status unpack_file(const char *path, const char *folder, silma_error *error)
{
    bool is_tar = ends_with(path, ".tar.gz");
    struct archive *archive = archive_read_new();
    if (!archive) return silma_fail_memory(error, CHUNK);
    unpacker work = {.archive = archive, .path = path, .folder = folder, .error = error};
    silma_status status;
    bool ready =
        archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
        (is_tar ? archive_read_support_format_tar(archive) : archive_read_support_format_raw(archive)) == ARCHIVE_OK &&
        archive_read_open_filename(archive, path, CHUNK) == ARCHIVE_OK;
    if (!ready)
        status = bad_archive(&work);
    else
        status = is_tar ? unpack_tar(&work) : unpack_single(&work);
    if (archive_read_free(archive) != ARCHIVE_OK && status == SILMA_OK)
        status = silma_fail(error, SILMA_BAD_FILE, "%s: cannot be unpacked to its end", path);
    return status;
}

#endif
