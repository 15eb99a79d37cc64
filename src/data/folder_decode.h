// The pictures of a folder, decoded and prepared by several threads, in the folder's order.
#ifndef SILMA_DATA_FOLDER_DECODE_H
#define SILMA_DATA_FOLDER_DECODE_H

#include "core/private.h"
#include "data/folder_scan.h"
#include "data/image_sketch.h"

enum { BAD_FILES_SHOWN = 3 };

// Where the pixels go. A function that fails ends the decoding.
typedef struct pixel_sink pixel_sink;
struct pixel_sink {
    // Before the first image, and again when all that was added is to be forgotten: the pictures turned out to be of
    // another kind than the first one.
    silma_status (*begin)(pixel_sink *sink, const silma_preparation *preparation, silma_error *error);
    silma_status (*add)(pixel_sink *sink, const uint8_t *pixels, size_t bytes, silma_error *error);
};

typedef enum size_reason {
    SIZE_AS_EXPECTED = 0, // the one that was asked for, or the pictures' own
    SIZE_BECAUSE_LARGE,   // the default size, because their own is large
    SIZE_BECAUSE_MIXED,   // the default size, because they have none in common
} size_reason;

// What was found out about the pictures, besides their pixels.
typedef struct folder_facts {
    silma_preparation preparation; // without zeros
    size_reason size_reason;
    size_t count;                        // images
    size_t bad_count;                    // files that could not be read
    uint32_t bad_files[BAD_FILES_SHOWN]; // the first of them
} folder_facts;

typedef struct decoded_folder {
    folder_facts facts;
    uint32_t *files;        // (count) the number of each one's file in the scan
    image_sketch *sketches; // (count)
} decoded_folder;

// `folder` is where the scan's paths begin. Files that cannot be read are left out, or with options->strict the reason
// to fail. SILMA_BAD_FILE if none can be read. Free with decoded_folder_free.
silma_status folder_decode(decoded_folder *decoded, const folder_scan *scan, const char *folder,
                           const silma_dataset_options *options, pixel_sink *sink, silma_error *error);
void decoded_folder_free(decoded_folder *decoded);

// Reads the picture of file `index`, as near the size that `preparation` asks for as its format allows at little cost,
// but large enough to be resized from; a height of 0 asks for the full size.
silma_status folder_read_picture(silma_picture *picture, const folder_scan *scan, size_t index, const char *folder,
                                 const silma_codecs *codecs, const silma_preparation *preparation, silma_error *error)
    SILMA_PRIVATE_API(folder_read_picture);

#endif
