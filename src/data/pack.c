#define _GNU_SOURCE
#include "data/pack.h"

#include "core/checked.h"
#include "core/error.h"
#include "data/dataset.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// Written and read by the same machine: numbers are in its own byte order.
enum { PACK_PAGE = 4096, HASH_DIGITS = SHA256_HEX_SIZE - 1, BYTE_ORDER_MARK = 0x01020304 };
static const char MAGIC[8] = "SILMAPK3";

typedef struct pack_header {
    char magic[8];
    uint32_t byte_order;
    uint32_t size_reason;
    uint32_t height, width, channels, resize;
    uint8_t background[4];
    uint32_t bad_files[BAD_FILES_SHOWN];
    uint64_t bad_count;
    uint64_t count;      // images
    uint64_t file_count; // of the folder
    uint64_t pixel_sums[SUM_LANES];
    char scan_hash[HASH_DIGITS];
    char data_hash[HASH_DIGITS];
    char index_hash[HASH_DIGITS];
    char folder[PACK_FOLDER_SIZE];
    char header_hash[HASH_DIGITS]; // of all that is before it
} pack_header;
static_assert(sizeof(pack_header) <= PACK_PAGE, "the header is a page");
static_assert(offsetof(pack_header, header_hash) + HASH_DIGITS == sizeof(pack_header), "no bytes that nobody set");

static bool has_hash(const void *bytes, size_t count, const char *expected)
{
    char hex[SHA256_HEX_SIZE];
    sha256_of(bytes, count, hex);
    return memcmp(hex, expected, HASH_DIGITS) == 0;
}

static void add_block(pixel_sum *sum, const uint8_t *block)
{
    uint64_t words[SUM_LANES];
    memcpy(words, block, sizeof words);
    for (int i = 0; i < SUM_LANES; i++) { // each step can be undone, so that a change of one word changes the sum
        sum->lanes[i] = (sum->lanes[i] ^ words[i]) * 0x9E3779B97F4A7C15u;
        sum->lanes[i] ^= sum->lanes[i] >> 32;
    }
}

static void pixel_sum_add(pixel_sum *sum, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        if (sum->rest_count == 0 && count >= sizeof sum->rest) {
            add_block(sum, bytes);
            bytes += sizeof sum->rest;
            count -= sizeof sum->rest;
            continue;
        }
        sum->rest[sum->rest_count++] = *bytes++;
        count--;
        if (sum->rest_count < sizeof sum->rest) continue;
        add_block(sum, sum->rest);
        sum->rest_count = 0;
    }
}

// What does not fill a block is filled with zeros.
static void pixel_sum_finish(pixel_sum *sum)
{
    if (sum->rest_count == 0) return;
    memset(sum->rest + sum->rest_count, 0, sizeof sum->rest - sum->rest_count);
    add_block(sum, sum->rest);
    sum->rest_count = 0;
}

// Where the index begins; false if no file could be that large.
static bool index_offset(const pack_header *h, size_t *offset)
{
    size_t bytes;
    return checked_mul(h->height, h->width, &bytes) && checked_mul(bytes, h->channels, &bytes) &&
           checked_mul(bytes, h->count, &bytes) && checked_align(bytes, PACK_PAGE, &bytes) &&
           checked_add(bytes, PACK_PAGE, offset);
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

static bool is_header(const pack_header *h)
{
    return memcmp(h->magic, MAGIC, sizeof MAGIC) == 0 && h->byte_order == BYTE_ORDER_MARK &&
           has_hash(h, offsetof(pack_header, header_hash), h->header_hash);
}

static bool sizes_are_sound(const pack_header *h)
{
    return h->height - 1 < DATASET_MAX_SIDE && h->width - 1 < DATASET_MAX_SIDE &&
           (h->channels == 1 || h->channels == 3) && h->resize <= SILMA_RESIZE_CROP &&
           h->size_reason <= SIZE_BECAUSE_MIXED && h->count >= 1 && h->count <= h->file_count &&
           h->file_count <= UINT32_MAX && h->bad_count == h->file_count - h->count;
}

// Files ascend; a group begins with itself.
static bool index_is_sound(const pack *p, size_t file_count)
{
    for (size_t i = 0; i < p->facts.count; i++) {
        if (p->files[i] >= file_count || (i > 0 && p->files[i] <= p->files[i - 1])) return false;
        if (p->groups[i] > i || p->groups[p->groups[i]] != p->groups[i]) return false;
    }
    for (size_t i = 0; i < p->facts.bad_count && i < BAD_FILES_SHOWN; i++)
        if (p->facts.bad_files[i] >= file_count) return false;
    return true;
}

static void take_header(pack *p, const pack_header *h)
{
    p->facts = (folder_facts){
        .preparation = {.height = (int)h->height,
                        .width = (int)h->width,
                        .channels = (int)h->channels,
                        .resize = (silma_resize)h->resize},
        .size_reason = (size_reason)h->size_reason,
        .count = h->count,
        .bad_count = h->bad_count,
    };
    memcpy(p->facts.preparation.background, h->background, sizeof p->facts.preparation.background);
    memcpy(p->facts.bad_files, h->bad_files, sizeof p->facts.bad_files);
    memcpy(p->data_hash, h->data_hash, HASH_DIGITS);
    p->data_hash[HASH_DIGITS] = '\0';
}

static bool pixels_are_sound(const pack *p, const pack_header *h)
{
    pixel_sum sum = {0};
    pixel_sum_add(&sum, p->view.bytes + PACK_PAGE, (size_t)h->height * h->width * h->channels * h->count);
    pixel_sum_finish(&sum);
    return memcmp(sum.lanes, h->pixel_sums, sizeof sum.lanes) == 0;
}

static bool read_pack(pack *p, const char *scan_hash, size_t file_count)
{
    pack_header h;
    if (p->view.size < PACK_PAGE) return false;
    memcpy(&h, p->view.bytes, sizeof h);
    size_t offset, index_bytes;
    if (!is_header(&h) || !sizes_are_sound(&h) || h.file_count != file_count) return false;
    if (memcmp(h.scan_hash, scan_hash, HASH_DIGITS) != 0 || !index_offset(&h, &offset)) return false;
    if (!checked_mul(2 * sizeof(uint32_t), h.count, &index_bytes)) return false;
    if (p->view.size < offset || p->view.size - offset != index_bytes) return false;
    if (!has_hash(p->view.bytes + offset, index_bytes, h.index_hash)) return false;
    if (!p->view.mapped && !pixels_are_sound(p, &h)) return false;
    take_header(p, &h);
    p->pixels = p->view.bytes + PACK_PAGE;
    p->files = (const uint32_t *)(const void *)(p->view.bytes + offset);
    p->groups = p->files + h.count;
    return index_is_sound(p, file_count);
}

bool pack_open(pack *p, const char *path, const char *scan_hash, size_t file_count)
{
    *p = (pack){0};
    if (file_view_open(&p->view, path, NULL) != SILMA_OK) return false;
    if (read_pack(p, scan_hash, file_count)) return true;
    pack_close(p);
    return false;
}

void pack_close(pack *p)
{
    file_view_close(&p->view);
    *p = (pack){0};
}

bool pack_read_folder(const char *path, char folder[PACK_FOLDER_SIZE])
{
    pack_header h;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return false;
    bool is_pack = pread(descriptor, &h, sizeof h, 0) == (ssize_t)sizeof h && is_header(&h);
    close(descriptor);
    if (is_pack) memcpy(folder, h.folder, PACK_FOLDER_SIZE);
    return is_pack;
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

static bool write_fully(int descriptor, const void *bytes, size_t count)
{
    const uint8_t *next = bytes;
    while (count > 0) {
        ssize_t written = write(descriptor, next, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        next += written;
        count -= (size_t)written;
    }
    return true;
}

static silma_status fail_writing(pack_writer *writer, silma_error *error)
{
    silma_status status = silma_fail_io(&writer->failure, writer->temporary, "cannot be written");
    return silma_fail(error, status, "%s", writer->failure.message);
}

static silma_status begin_pack(pixel_sink *sink, const silma_preparation *preparation, silma_error *error)
{
    (void)preparation;
    pack_writer *writer = (pack_writer *)sink;
    writer->pixel_bytes = 0;
    sha256_start(&writer->sum);
    writer->quick_sum = (pixel_sum){0};
    if (ftruncate(writer->descriptor, PACK_PAGE) != 0 || lseek(writer->descriptor, PACK_PAGE, SEEK_SET) != PACK_PAGE)
        return fail_writing(writer, error);
    return SILMA_OK;
}

static silma_status add_to_pack(pixel_sink *sink, const uint8_t *pixels, size_t bytes, silma_error *error)
{
    pack_writer *writer = (pack_writer *)sink;
    if (!write_fully(writer->descriptor, pixels, bytes)) return fail_writing(writer, error);
    sha256_add(&writer->sum, pixels, bytes);
    pixel_sum_add(&writer->quick_sum, pixels, bytes);
    // The disk begins at once, so that little is left when all has to be there.
    (void)sync_file_range(writer->descriptor, (off_t)(PACK_PAGE + writer->pixel_bytes), (off_t)bytes,
                          SYNC_FILE_RANGE_WRITE);
    writer->pixel_bytes += bytes;
    return SILMA_OK;
}

static void free_writer(pack_writer *writer)
{
    if (writer->descriptor >= 0) close(writer->descriptor); // and unlocks
    free(writer->temporary);
    writer->descriptor = -1;
    writer->temporary = NULL;
}

// The lock is on the file: if its last owner renamed or removed it meanwhile, it is no longer the one of this name.
static bool is_still_there(const pack_writer *writer)
{
    struct stat opened, named;
    return fstat(writer->descriptor, &opened) == 0 && stat(writer->temporary, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static silma_status lock(pack_writer *writer, bool wait, bool *busy, silma_error *error)
{
    do {
        if (writer->descriptor >= 0) close(writer->descriptor);
        writer->descriptor = open(writer->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (writer->descriptor < 0) return silma_fail_io(error, writer->temporary, "cannot be created");
        if (flock(writer->descriptor, LOCK_EX | LOCK_NB) == 0) continue;
        if (errno != EWOULDBLOCK) return silma_fail_io(error, writer->temporary, "cannot be locked");
        *busy = true;
        if (!wait) return SILMA_OK;
        if (flock(writer->descriptor, LOCK_EX) != 0) return silma_fail_io(error, writer->temporary, "cannot be locked");
    } while (!is_still_there(writer));
    return SILMA_OK;
}

silma_status pack_writer_open(pack_writer *writer, const char *path, bool wait, bool *busy, silma_error *error)
{
    *writer = (pack_writer){.sink = {.begin = begin_pack, .add = add_to_pack}, .descriptor = -1};
    *busy = false;
    if (asprintf(&writer->temporary, "%s.tmp", path) < 0) {
        writer->temporary = NULL;
        return silma_fail_memory(error, strlen(path));
    }
    silma_status status = lock(writer, wait, busy, error);
    if (status != SILMA_OK || (*busy && !wait)) free_writer(writer);
    return status;
}

void pack_writer_abandon(pack_writer *writer)
{
    if (writer->temporary) unlink(writer->temporary);
    free_writer(writer);
}

static void fill_header(pack_header *h, const folder_facts *facts, const char *folder)
{
    const silma_preparation *p = &facts->preparation;
    *h = (pack_header){
        .byte_order = BYTE_ORDER_MARK,
        .size_reason = (uint32_t)facts->size_reason,
        .height = (uint32_t)p->height,
        .width = (uint32_t)p->width,
        .channels = (uint32_t)p->channels,
        .resize = (uint32_t)p->resize,
        .bad_count = facts->bad_count,
        .count = facts->count,
        .file_count = facts->count + facts->bad_count,
    };
    memcpy(h->magic, MAGIC, sizeof MAGIC);
    memcpy(h->background, p->background, sizeof p->background);
    memcpy(h->bad_files, facts->bad_files, sizeof facts->bad_files);
    snprintf(h->folder, sizeof h->folder, "%s", folder);
}

static bool write_index(pack_writer *writer, pack_header *h, const uint32_t *files, const uint32_t *groups)
{
    size_t offset, bytes = h->count * sizeof *files;
    char hex[SHA256_HEX_SIZE];
    sha256 sum;
    sha256_start(&sum);
    sha256_add(&sum, files, bytes);
    sha256_add(&sum, groups, bytes);
    sha256_finish(&sum, hex);
    memcpy(h->index_hash, hex, HASH_DIGITS);
    errno = EFBIG;
    return index_offset(h, &offset) && lseek(writer->descriptor, (off_t)offset, SEEK_SET) == (off_t)offset &&
           write_fully(writer->descriptor, files, bytes) && write_fully(writer->descriptor, groups, bytes);
}

static bool write_header(pack_writer *writer, pack_header *h)
{
    char hex[SHA256_HEX_SIZE];
    sha256_of(h, offsetof(pack_header, header_hash), hex);
    memcpy(h->header_hash, hex, HASH_DIGITS);
    return lseek(writer->descriptor, 0, SEEK_SET) == 0 && write_fully(writer->descriptor, h, sizeof *h) &&
           fsync(writer->descriptor) == 0;
}

silma_status pack_writer_commit(pack_writer *writer, const char *path, const decoded_folder *decoded,
                                const uint32_t *groups, const uint32_t *labels, const char *folder,
                                const char *scan_hash, silma_error *error)
{
    pack_header h;
    char hex[SHA256_HEX_SIZE];
    fill_header(&h, &decoded->facts, folder);
    dataset_hash_labels(&writer->sum, labels, decoded->facts.count);
    sha256_finish(&writer->sum, hex);
    memcpy(h.data_hash, hex, HASH_DIGITS);
    memcpy(h.scan_hash, scan_hash, HASH_DIGITS);
    pixel_sum_finish(&writer->quick_sum);
    memcpy(h.pixel_sums, writer->quick_sum.lanes, sizeof h.pixel_sums);
    bool written = write_index(writer, &h, decoded->files, groups) && write_header(writer, &h);
    if (!written || rename(writer->temporary, path) != 0) {
        silma_status status = silma_fail_io(error, path, "cannot be written");
        pack_writer_abandon(writer);
        return status;
    }
    free_writer(writer);
    return SILMA_OK;
}
