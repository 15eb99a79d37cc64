#include "data/data_file.h"

#include "core/error.h"

#include <string.h>

enum {
    GZIP_LEAST_BYTES = 18, // header 10, CRC 4, size 4
    GZIP_SIZE_BYTES = 4,
    GZIP_MOST_RATIO = 1032, // deflate codes at most 258 bytes by 2 bits
};

static bool ends_in_gz(const char *path)
{
    size_t length = strlen(path);
    return length > 3 && strcmp(path + length - 3, ".gz") == 0;
}

// The size of the contents modulo 2^32, from the file's last four bytes. It may lie: the IDX header must agree with
// it before anything is allocated, and the decompressed bytes with both.
static silma_status read_gzip_size(data_file *file, silma_error *error)
{
    size_t compressed = file->view.size;
    if (compressed < GZIP_LEAST_BYTES)
        return silma_fail(error, SILMA_BAD_FILE, "%s: has %zu bytes; a gzip file has at least %d", file->path,
                          compressed, GZIP_LEAST_BYTES);
    const uint8_t *last = file->view.bytes + compressed - GZIP_SIZE_BYTES;
    file->size = last[0] | (size_t)last[1] << 8 | (size_t)last[2] << 16 | (size_t)last[3] << 24;
    if (file->size / GZIP_MOST_RATIO > compressed)
        return silma_fail(error, SILMA_BAD_FILE, "%s: %zu bytes of gzip cannot hold the %zu that its end claims",
                          file->path, compressed, file->size);
    return SILMA_OK;
}

silma_status data_file_over(data_file *file, const char *path, const uint8_t *bytes, size_t size,
                            const silma_codecs *codecs, silma_error *error)
{
    *file = (data_file){.path = path, .view = {.bytes = bytes, .size = size}, .size = size};
    if (!ends_in_gz(path)) return SILMA_OK;
    if (!codecs || !codecs->gunzip)
        return silma_fail(error, SILMA_USAGE,
                          "%s: is compressed, and this program has no gzip decoder: decompress it with gunzip", path);
    file->codecs = codecs;
    return read_gzip_size(file, error);
}

silma_status data_file_open(data_file *file, const char *path, const silma_codecs *codecs, silma_error *error)
{
    file_view view;
    silma_status status = file_view_open(&view, path, error);
    if (status != SILMA_OK) return status;
    status = data_file_over(file, path, view.bytes, view.size, codecs, error);
    if (status != SILMA_OK) {
        file_view_close(&view);
        *file = (data_file){0};
        return status;
    }
    file->view = view; // data_file_over's does not own the bytes
    return SILMA_OK;
}

void data_file_close(data_file *file)
{
    file_view_close(&file->view);
    *file = (data_file){0};
}

silma_status data_file_read(const data_file *file, size_t offset, void *bytes, size_t count, silma_error *error)
{
    if (offset > file->size || count > file->size - offset)
        return silma_fail(error, SILMA_BAD_FILE, "%s: has %zu bytes; at least %zu are expected", file->path, file->size,
                          offset + count);
    if (file->codecs)
        return file->codecs->gunzip(file->path, file->view.bytes, file->view.size, offset, bytes, count,
                                    offset + count == file->size, error);
    if (count > 0) memcpy(bytes, file->view.bytes + offset, count);
    return SILMA_OK;
}
