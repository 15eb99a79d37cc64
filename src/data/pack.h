// A pack is a file of prepared images, made once of a folder of pictures, so that the next start reads them as they
// are: a page of header, the pixels (count, height, width, channels), and an index (file and group of each image).
//
// It is written beside its name and renamed, by one process at a time; another one that wants the same pack waits. A
// pack that does not agree with the folder, or is damaged, is made anew.
#ifndef SILMA_DATA_PACK_H
#define SILMA_DATA_PACK_H

#include "core/file.h"
#include "core/sha256.h"
#include "data/folder_decode.h"

typedef struct pack {
    file_view view; // owns what follows
    folder_facts facts;
    const uint8_t *pixels;
    const uint32_t *files;  // (count) the number of each image's file in the scan
    const uint32_t *groups; // (count) as of image_sketch_groups
    char data_hash[SHA256_HEX_SIZE];
} pack;

// `scan_hash` tells the folder's contents apart (folder_scan_hash), `file_count` is their number. False if there is no
// such pack, or not a whole one; the pixels are checked only where they are read, not mapped. Close with pack_close.
bool pack_open(pack *p, const char *path, const char *scan_hash, size_t file_count);
void pack_close(pack *p);

// Four sums side by side, over every fourth 64-bit word. A quick check: whoever damages a file on purpose can do so.
enum { SUM_LANES = 4 };
typedef struct pixel_sum {
    uint64_t lanes[SUM_LANES];
    uint8_t rest[SUM_LANES * sizeof(uint64_t)]; // the bytes that do not fill a block yet
    size_t rest_count;
} pixel_sum;

typedef struct pack_writer {
    pixel_sink sink; // takes the pixels; how it failed is in `failure`
    char *temporary;
    int descriptor;
    uint64_t pixel_bytes;
    sha256 sum; // of the pixels
    pixel_sum quick_sum;
    silma_error failure;
} pack_writer;

// Begins the pack `path`. If another process is making it, *busy is true, or with `wait` returns when that has ended,
// and *busy says that it was so: it may have made the pack. SILMA_IO if nothing can be written here.
silma_status pack_writer_open(pack_writer *writer, const char *path, bool wait, bool *busy, silma_error *error);
// Writes the index, `labels` (count) being part of the hash of the data, and renames to `path`. Frees the writer.
silma_status pack_writer_commit(pack_writer *writer, const char *path, const decoded_folder *decoded,
                                const uint32_t *groups, const uint32_t *labels, const char *folder,
                                const char *scan_hash, silma_error *error);
// Gives up and removes what was written.
void pack_writer_abandon(pack_writer *writer);

// The folder that a pack was made of, as far as its header says; false if the file is no pack.
enum { PACK_FOLDER_SIZE = 1024 };
bool pack_read_folder(const char *path, char folder[PACK_FOLDER_SIZE]);

#endif
