// From a name to a loaded data set.
#include "core/error.h"
#include "data/dataset.h"
#include "data/search.h"

#include <stdlib.h>
#include <string.h>

static const char *name_of(const data_place *place)
{
    if (place->entry) return place->entry->name;
    const char *slash = strrchr(place->folder, '/');
    return slash && slash[1] != '\0' ? slash + 1 : place->folder;
}

static silma_status load(silma_dataset **result, const data_place *place, silma_split split,
                         const silma_dataset_options *options, silma_error *error)
{
    silma_dataset *dataset;
    silma_status status = dataset_create(&dataset, name_of(place), place->folder, error);
    if (status != SILMA_OK) return status;
    data_request request = {
        .folder = place->folder,
        .split = split,
        .entry = place->entry,
        .codecs = options->codecs,
        .options = options,
    };
    status = place->source->load(dataset, &request, error);
    if (status != SILMA_OK) {
        silma_dataset_free(dataset);
        return status;
    }
    *result = dataset;
    return SILMA_OK;
}

static silma_status search(data_place *place, const char *name_or_path, silma_split split,
                           const silma_dataset_options *options, silma_error *error)
{
    if (split != SILMA_SPLIT_TRAIN && split != SILMA_SPLIT_TEST)
        return silma_fail(error, SILMA_USAGE, "%d is not a split of a data set", (int)split);
    return data_search(place, name_or_path, split, options->data_dir, error);
}

silma_status silma_dataset_open(silma_dataset **dataset, const char *name_or_path, silma_split split,
                                const silma_dataset_options *options, silma_error *error)
{
    static const silma_dataset_options DEFAULTS = {0};
    if (!options) options = &DEFAULTS;
    data_place place;
    silma_status status = search(&place, name_or_path, split, options, error);
    if (status != SILMA_OK) return status;
    status = load(dataset, &place, split, options, error);
    free(place.folder);
    return status;
}

silma_status silma_dataset_find(char **folder, const char *name_or_path, silma_split split,
                                const silma_dataset_options *options, silma_error *error)
{
    static const silma_dataset_options DEFAULTS = {0};
    data_place place;
    silma_status status = search(&place, name_or_path, split, options ? options : &DEFAULTS, error);
    if (status == SILMA_OK) *folder = place.folder;
    return status;
}
