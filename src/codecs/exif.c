// EXIF is a TIFF file in a JPEG segment: "Exif", two zeros, the byte order, 42, the offset of the first directory; a
// directory is a count and entries of 12 bytes: tag, type, count, value. Offsets count from the byte order.
#include "codecs/exif.h"

#include "codecs/picture.h"

#include <stdlib.h>
#include <string.h>

enum { TIFF_HEADER = 8, ENTRY_SIZE = 12, ORIENTATION_TAG = 0x112, TYPE_SHORT = 3 };

typedef struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
} tiff;

static unsigned read_16(const tiff *file, size_t at)
{
    const uint8_t *b = file->bytes + at;
    return file->big_endian ? (unsigned)b[0] << 8 | b[1] : (unsigned)b[1] << 8 | b[0];
}

static uint32_t read_32(const tiff *file, size_t at)
{
    uint32_t first = read_16(file, at), second = read_16(file, at + 2);
    return file->big_endian ? first << 16 | second : second << 16 | first;
}

static int directory_orientation(const tiff *file, size_t at)
{
    if (at > file->size - 2) return EXIF_UPRIGHT;
    size_t count = read_16(file, at), room = (file->size - 2 - at) / ENTRY_SIZE;
    for (size_t i = 0; i < count && i < room; i++) {
        size_t entry = at + 2 + i * ENTRY_SIZE;
        if (read_16(file, entry) != ORIENTATION_TAG) continue;
        if (read_16(file, entry + 2) != TYPE_SHORT || read_32(file, entry + 4) != 1) return EXIF_UPRIGHT;
        unsigned orientation = read_16(file, entry + 8);
        return orientation >= 1 && orientation <= 8 ? (int)orientation : EXIF_UPRIGHT;
    }
    return EXIF_UPRIGHT;
}

int exif_orientation(const uint8_t *bytes, size_t size)
{
    static const char MARK[] = "Exif\0"; // and the zero that ends the string
    if (size < sizeof(MARK) + TIFF_HEADER || memcmp(bytes, MARK, sizeof(MARK)) != 0) return EXIF_UPRIGHT;
    tiff file = {.bytes = bytes + sizeof(MARK), .size = size - sizeof(MARK)};
    file.big_endian = memcmp(file.bytes, "MM", 2) == 0;
    if (!file.big_endian && memcmp(file.bytes, "II", 2) != 0) return EXIF_UPRIGHT;
    if (read_16(&file, 2) != 42) return EXIF_UPRIGHT;
    return directory_orientation(&file, read_32(&file, 4));
}

// ---------------------------------------------------------------------------------------------------------------------

// Where the upright picture's first pixel lies in the stored one, and the steps from it along an upright row and to
// the next row. Orientations 5 to 8 lie on their side: their stored rows are upright columns.
typedef struct turn {
    ptrdiff_t origin, along, down; // in pixels
} turn;

static turn turn_of(int orientation, ptrdiff_t height, ptrdiff_t width)
{
    bool on_side = orientation >= 5;
    bool right_first = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool bottom_first = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t x = right_first ? -1 : 1, y = bottom_first ? -width : width;
    turn way = {.along = on_side ? y : x, .down = on_side ? x : y};
    way.origin = (right_first ? width - 1 : 0) + (bottom_first ? (height - 1) * width : 0);
    return way;
}

silma_status exif_turn(const char *path, silma_picture *picture, int orientation, silma_error *error)
{
    if (orientation == EXIF_UPRIGHT) return SILMA_OK;
    bool on_side = orientation >= 5;
    silma_picture upright;
    silma_status status =
        picture_allocate(path, on_side ? picture->width : picture->height, on_side ? picture->height : picture->width,
                         picture->channels, &upright, error);
    if (status) return status;
    turn way = turn_of(orientation, picture->height, picture->width);
    size_t channels = (size_t)picture->channels;
    uint8_t *to = upright.pixels;
    for (int y = 0; y < upright.height; y++)
        for (int x = 0; x < upright.width; x++, to += channels)
            memcpy(to, picture->pixels + (way.origin + y * way.down + x * way.along) * (ptrdiff_t)channels, channels);
    free(picture->pixels);
    *picture = upright;
    return SILMA_OK;
}
