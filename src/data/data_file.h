// A file of a data set, plain or compressed by gzip: its contents can be read in pieces, and their size is known
// before anything is allocated.
#ifndef SILMA_DATA_DATA_FILE_H
#define SILMA_DATA_DATA_FILE_H

#include "core/file.h"

typedef struct data_file {
    const char *path; // for messages; borrowed
    file_view view;
    size_t size;                // of the contents: what is in the file, or what its gzip trailer says
    const silma_codecs *codecs; // null: the file is plain
} data_file;

// A path that ends in ".gz" is compressed, and `codecs` must then have gunzip.
silma_status data_file_open(data_file *file, const char *path, const silma_codecs *codecs, silma_error *error);
// The same over bytes that the caller keeps; such a file is not closed.
silma_status data_file_over(data_file *file, const char *path, const uint8_t *bytes, size_t size,
                            const silma_codecs *codecs, silma_error *error);
void data_file_close(data_file *file);

// Fills `bytes` with the contents' bytes [offset, offset + count). SILMA_BAD_FILE where the contents are shorter.
// A read that ends with the contents also checks gzip's check sum and that nothing follows.
silma_status data_file_read(const data_file *file, size_t offset, void *bytes, size_t count, silma_error *error);

#endif
