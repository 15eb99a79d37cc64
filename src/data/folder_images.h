// The images of a folder of pictures: from the cache, or decoded and kept there, or where that cannot be written, in
// memory.
#ifndef SILMA_DATA_FOLDER_IMAGES_H
#define SILMA_DATA_FOLDER_IMAGES_H

#include "data/dataset.h"
#include "data/folder_decode.h"
#include "data/source.h"

// Fills all of the data set but its classes. Its files' names are the scan's.
silma_status folder_images_load(silma_dataset *dataset, const folder_scan *scan, const data_request *request,
                                folder_facts *facts, silma_error *error);

#endif
