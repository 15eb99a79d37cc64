// A source is a format of data sets: it tells whether a folder holds its files, and loads them. A new format is one
// new file and one line in source.c.
#ifndef SILMA_DATA_SOURCE_H
#define SILMA_DATA_SOURCE_H

#include "silma/silma.h"

typedef struct data_request {
    const char *folder;
    silma_split split;
    const silma_catalog_entry_type *entry; // what was asked for by name; null where a folder was
    const silma_codecs *codecs;            // may be null
    const silma_dataset_options *options;
} data_request;

typedef struct data_source {
    const char *files[2]; // what it needs for each silma_split, for messages
    bool (*holds)(const char *folder, silma_split split);
    // Fills the images, labels and classes of an empty data set.
    silma_status (*load)(silma_dataset *dataset, const data_request *request, silma_error *error);
} data_source;

extern const data_source idx_source;
extern const data_source cifar10_source;
extern const data_source cifar100_source;
extern const data_source image_folder_source;

// The first source that finds this split in the folder, or null.
const data_source *source_of_folder(const char *folder, silma_split split);

// Whether there is such a file, of whatever kind.
bool folder_has(const char *folder, const char *name);

#endif
