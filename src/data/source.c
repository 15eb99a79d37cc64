#include "data/source.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static const data_source *const SOURCES[] = {
    &idx_source, &cifar10_source, &cifar100_source,
    &image_folder_source, // the last: any folder with sub-folders may be one
};

const data_source *source_of_folder(const char *folder, silma_split split)
{
    for (size_t i = 0; i < sizeof(SOURCES) / sizeof(SOURCES[0]); i++)
        if (SOURCES[i]->holds(folder, split)) return SOURCES[i];
    return NULL;
}

bool folder_has(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0;
}
