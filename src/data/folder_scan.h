// What lies in a folder of pictures: a sub-folder a class, possibly below train/, val/ and test/. Only names, sizes and
// times are looked at; no file is opened.
#ifndef SILMA_DATA_FOLDER_SCAN_H
#define SILMA_DATA_FOLDER_SCAN_H

#include "core/private.h"
#include "core/sha256.h"
#include "silma/silma.h"

typedef struct scanned_file {
    size_t path; // where its path, relative to the folder, begins in folder_scan.text
    uint32_t label;
    uint64_t size;
    int64_t seconds, nanoseconds; // when it was changed last
} scanned_file;

typedef struct folder_scan {
    char *text; // the paths, each ended by a zero
    size_t text_size, text_capacity;
    scanned_file *files; // (count) by class, then by path; those of val/ after all the others
    size_t count, capacity;
    size_t validation_first; // the first file of val/; `count` where there are none
    bool has_validation;     // there is a val/
    char **classes;          // (class_count) the names of the sub-folders, sorted by their bytes
    int class_count;
    // What was passed over: links to a folder that was read already, FIFOs, unreadable folders.
    size_t skipped;
    char *first_skipped; // the first 1,000 of them, a line each; may be null
} folder_scan;

// Lists the files of a split. Everything that a class's folder holds belongs to it, however deep, except hidden files
// and those that desktops leave behind (Thumbs.db, desktop.ini). Free with folder_scan_free.
silma_status folder_scan_read(folder_scan *scan, const char *folder, silma_split split, silma_error *error)
    SILMA_PRIVATE_API(folder_scan_read);
void folder_scan_free(folder_scan *scan) SILMA_PRIVATE_API(folder_scan_free);

const char *folder_scan_path(const folder_scan *scan, size_t index);

// Of the classes, and of path, size and time of every file.
void folder_scan_hash(const folder_scan *scan, char hex[SHA256_HEX_SIZE]);

#endif
