// Files that are either there whole or not at all, and what the environment says about where they lie.
#ifndef SILMA_CORE_FILE_H
#define SILMA_CORE_FILE_H

#include "core/private.h"
#include "silma/silma.h"

typedef struct file_writer file_writer;

// Null where the variable is not set, or empty.
const char *environment_variable(const char *name);

// Opens "<path>.tmp" in the same folder: one name, so that a killed program's leftover is overwritten by the next one.
// Write errors are remembered and reported by file_writer_commit.
silma_status file_writer_open(file_writer **writer, const char *path, silma_error *error)
    SILMA_PRIVATE_API(file_writer_open);
void file_writer_write(file_writer *writer, const void *bytes, size_t count) SILMA_PRIVATE_API(file_writer_write);
void file_writer_print(file_writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Flushes, syncs, renames over `path`, syncs the folder, frees the writer. On failure the old file is untouched and
// the temporary one is removed. A null writer is not allowed.
silma_status file_writer_commit(file_writer *writer, silma_error *error) SILMA_PRIVATE_API(file_writer_commit);
// Gives up: removes the temporary file, frees the writer. Null is allowed.
void file_writer_abandon(file_writer *writer);

// Reads a whole file of at most `limit` bytes (SILMA_BAD_FILE beyond) into *bytes, followed by a zero byte that
// *count does not include. Only regular files. Free with free().
silma_status file_read(const char *path, size_t limit, char **bytes, size_t *count, silma_error *error);

// A file's bytes, to be read only. Only regular files. A mapped file that another program shortens is a SIGBUS, which a
// library cannot turn into an error: so what is not too large is read, and then it is one.
// Where memory is too short for that, it is mapped as well.
enum { FILE_VIEW_READ_MAX = 1 << 28 };

typedef struct file_view {
    const uint8_t *bytes;
    size_t size;
    void *memory, *mapped; // whichever has to be given back
} file_view;
silma_status file_view_open(file_view *view, const char *path, silma_error *error);
void file_view_close(file_view *view);

// Makes a folder and those above it, unless they are there; `mode` is that of mkdir.
silma_status folder_make(const char *folder, unsigned mode, silma_error *error);

// "<folder>/<name>", malloc'ed; null if memory is short.
char *path_join(const char *folder, const char *name) SILMA_PRIVATE_API(path_join);

// Two that write into one folder would mix their files: SILMA_IO if somebody else has locked it, and still has two
// seconds later (who was killed keeps his lock until his memory has been given back). *lock is for close(), -1 where
// the folder cannot be opened. Where the file system knows no locks nobody is told.
silma_status folder_lock(const char *folder, int *lock, silma_error *error);

#endif
