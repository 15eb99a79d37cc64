// The split of a run as a file that other programs can read: {"train":[0,2,...],"validation":[1,...]}.
#ifndef SILMA_DATA_SPLIT_FILE_H
#define SILMA_DATA_SPLIT_FILE_H

#include "silma/silma.h"

silma_status split_file_write(const char *path, const silma_partition *partition, silma_error *error);
// SILMA_BAD_FILE unless every index lies below `image_count` and none is there twice. An image may be in neither list.
// Free with silma_partition_free.
silma_status split_file_read(const char *path, size_t image_count, silma_partition *partition, silma_error *error);

#endif
