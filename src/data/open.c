// From a name to a loaded data set.
#include "core/error.h"
#include "data/dataset.h"
#include "data/notice.h"
#include "data/search.h"

#include <stdlib.h>
#include <string.h>

static const char *name_of(const data_place *place)
{
    if (place->entry) return place->entry->name;
    const char *slash = strrchr(place->folder, '/');
    return slash && slash[1] != '\0' ? slash + 1 : place->folder;
}

// Training on classes out of balance is no mistake, but seldom what is wanted.
static silma_status tell_balance(const silma_dataset *dataset, const silma_dataset_options *options, silma_error *error)
{
    enum { IMBALANCE = 10 };
    const silma_images *images = &dataset->images;
    if (!options->notice || images->class_count < 2) return SILMA_OK;
    size_t *counts = calloc((size_t)images->class_count, sizeof(size_t));
    if (!counts) return silma_fail_memory(error, (size_t)images->class_count * sizeof(size_t));
    for (size_t i = 0; i < images->count; i++)
        counts[images->labels[i]]++;
    int least = -1, most = 0;
    for (int i = 0; i < images->class_count; i++) {
        if (counts[i] > counts[most]) most = i;
        if (counts[i] > 0 && (least < 0 || counts[i] < counts[least])) least = i;
    }
    if (images->class_names && counts[most] >= IMBALANCE * counts[least])
        notice(options, "%s: class '%s' has %zu images, '%s' only %zu: --class-weights balanced makes up for it",
               dataset->name, images->class_names[most], counts[most], images->class_names[least], counts[least]);
    free(counts);
    return SILMA_OK;
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
    if (status == SILMA_OK && split == SILMA_SPLIT_TRAIN) status = tell_balance(dataset, options, error);
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
