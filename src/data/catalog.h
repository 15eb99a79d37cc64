// What the library knows of a catalogued data set besides the public entry.
#ifndef SILMA_DATA_CATALOG_H
#define SILMA_DATA_CATALOG_H

#include "data/source.h"

typedef struct catalog_place {
    const data_source *source;
    const char *folder; // the usual name of its folder, besides the entry's own name
} catalog_place;

const catalog_place *catalog_place_of(const silma_catalog_entry_type *entry);

// The name that was probably meant, or null.
const char *catalog_closest(const char *name);

#endif
