#include "codecs/gzip.h"

#include "codecs/fail.h"

#define ZLIB_CONST
#include <limits.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16 }; // zlib: the largest window, and gzip's header rather than its own

typedef struct gzip_reader {
    z_stream stream;
    const uint8_t *compressed; // what the stream has not been given yet
    size_t left;
    bool ended;
    bool short_of_memory;
} gzip_reader;

static silma_status bad_stream(const gzip_reader *reader, const char *path, size_t size, silma_error *error)
{
    size_t place = size - reader->left - reader->stream.avail_in;
    if (reader->short_of_memory)
        return codec_fail(error, SILMA_FAILURE, "%s: out of memory for decompressing it", path);
    return codec_fail(error, SILMA_BAD_FILE, "%s: byte %zu: its gzip data is damaged: %s", path, place,
                      reader->stream.msg ? reader->stream.msg : "it ends too early");
}

// Inflates until `count` bytes are there or the data ends; returns how many came. Sizes above UINT_MAX go in pieces.
static size_t inflate_some(gzip_reader *reader, uint8_t *bytes, size_t count, bool *damaged)
{
    size_t done = 0;
    *damaged = false;
    while (done < count && !reader->ended) {
        z_stream *stream = &reader->stream;
        if (stream->avail_in == 0) {
            uInt piece = reader->left > UINT_MAX ? UINT_MAX : (uInt)reader->left;
            stream->next_in = reader->compressed;
            stream->avail_in = piece;
            reader->compressed += piece;
            reader->left -= piece;
        }
        uInt room = count - done > UINT_MAX ? UINT_MAX : (uInt)(count - done);
        stream->next_out = bytes + done;
        stream->avail_out = room;
        int result = inflate(stream, Z_NO_FLUSH);
        done += room - stream->avail_out;
        reader->ended = result == Z_STREAM_END;
        if (result == Z_OK || result == Z_STREAM_END) continue;
        *damaged = true;
        reader->short_of_memory = result == Z_MEM_ERROR;
        break;
    }
    return done;
}

// A file of several members holds their contents one after another; its last four bytes know the last one's size only,
// so that there is no telling how much memory it takes before it is decompressed.
static silma_status too_few_bytes(const gzip_reader *reader, const char *path, size_t size, silma_error *error)
{
    size_t left = reader->left + reader->stream.avail_in;
    if (reader->ended && left >= 2 && reader->stream.next_in[0] == 0x1F && reader->stream.next_in[1] == 0x8B)
        return codec_fail(error, SILMA_BAD_FILE,
                          "%s: byte %zu: a second gzip member begins, which is not read here: decompress the file with "
                          "gunzip",
                          path, size - left);
    return codec_fail(error, SILMA_BAD_FILE, "%s: decompresses to fewer bytes than its header makes", path);
}

static bool skip_bytes(gzip_reader *reader, size_t skip, bool *damaged)
{
    uint8_t scratch[4096];
    while (skip > 0) {
        size_t piece = skip < sizeof(scratch) ? skip : sizeof(scratch);
        if (inflate_some(reader, scratch, piece, damaged) != piece) return false;
        skip -= piece;
    }
    return true;
}

// The end of the data, its check sum and its size are only seen by asking for one more byte.
static silma_status check_end(gzip_reader *reader, const char *path, size_t size, silma_error *error)
{
    uint8_t extra;
    bool damaged = false;
    size_t more = inflate_some(reader, &extra, 1, &damaged);
    if (damaged) return bad_stream(reader, path, size, error);
    if (more > 0)
        return codec_fail(error, SILMA_BAD_FILE, "%s: decompresses to more bytes than its header makes", path);
    size_t left = reader->left + reader->stream.avail_in;
    if (left == 0) return SILMA_OK;
    return codec_fail(error, SILMA_BAD_FILE, "%s: byte %zu: %zu bytes follow the end of its gzip data", path,
                      size - left, left);
}

silma_status gzip_decompress(const char *path, const uint8_t *compressed, size_t size, size_t skip, uint8_t *bytes,
                             size_t count, bool to_end, silma_error *error)
{
    gzip_reader reader = {.compressed = compressed, .left = size};
    if (inflateInit2(&reader.stream, GZIP_WINDOW) != Z_OK)
        return codec_fail(error, SILMA_FAILURE, "%s: out of memory for decompressing it", path);
    bool damaged = false;
    silma_status status = SILMA_OK;
    if (!skip_bytes(&reader, skip, &damaged) || inflate_some(&reader, bytes, count, &damaged) != count)
        status = damaged ? bad_stream(&reader, path, size, error) : too_few_bytes(&reader, path, size, error);
    else if (to_end)
        status = check_end(&reader, path, size, error);
    inflateEnd(&reader.stream);
    return status;
}
