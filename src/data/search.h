// Where a data set lies.
#ifndef SILMA_DATA_SEARCH_H
#define SILMA_DATA_SEARCH_H

#include "data/source.h"

typedef struct data_place {
    char *folder;
    const data_source *source;
    const silma_catalog_entry_type *entry; // null where it was asked for by its path
} data_place;

// Finds a data set as silma_dataset_open describes. Free place->folder with free().
silma_status data_search(data_place *place, const char *name_or_path, silma_split split, const char *data_dir,
                         silma_error *error);

#endif
