// The stratified split. Experiments of other programs were made with its output: the algorithm never changes.
#include "data/dataset.h"

#include "core/error.h"
#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Sorts the images by class, each class ascending: class c has indices[starts[c]] to indices[starts[c + 1]].
static void group_by_class(const silma_images *images, uint32_t *indices, size_t *starts)
{
    size_t classes = (size_t)images->class_count;
    memset(starts, 0, (classes + 1) * sizeof(starts[0]));
    for (size_t i = 0; i < images->count; i++)
        starts[images->labels[i] + 1]++;
    for (size_t c = 0; c < classes; c++)
        starts[c + 1] += starts[c];
    // starts[c] runs ahead while class c is filled, and ends where class c + 1 begins.
    for (size_t i = 0; i < images->count; i++)
        indices[starts[images->labels[i]]++] = (uint32_t)i;
    memmove(starts + 1, starts, classes * sizeof(starts[0]));
    starts[0] = 0;
}

// Marks floor(fraction * m + 0.5) images of each class, drawn at random.
static size_t choose_validation(const silma_images *images, double fraction, uint64_t seed, uint32_t *indices,
                                const size_t *starts, bool *chosen)
{
    size_t total = 0;
    for (size_t c = 0; c < (size_t)images->class_count; c++) {
        uint32_t *members = indices + starts[c];
        size_t count = starts[c + 1] - starts[c];
        random_shuffle(seed, RANDOM_SPLIT, (uint32_t)c, members, count);
        size_t taken = (size_t)floor(fraction * (double)count + 0.5);
        for (size_t i = 0; i < taken; i++)
            chosen[members[i]] = true;
        total += taken;
    }
    return total;
}

static silma_status list_halves(const bool *chosen, size_t count, size_t validation_count, silma_partition *partition,
                                silma_error *error)
{
    *partition = (silma_partition){
        .train = malloc((count - validation_count + 1) * sizeof(uint32_t)),
        .validation = malloc((validation_count + 1) * sizeof(uint32_t)),
    };
    if (!partition->train || !partition->validation) {
        silma_partition_free(partition);
        return silma_fail_memory(error, count * sizeof(uint32_t));
    }
    for (size_t i = 0; i < count; i++) {
        if (chosen[i])
            partition->validation[partition->validation_count++] = (uint32_t)i;
        else
            partition->train[partition->train_count++] = (uint32_t)i;
    }
    return SILMA_OK;
}

silma_status silma_dataset_partition(const silma_dataset *dataset, double fraction, uint64_t seed,
                                     silma_partition *partition, silma_error *error)
{
    const silma_images *images = &dataset->images;
    if (!(fraction >= 0 && fraction <= 1))
        return silma_fail(error, SILMA_USAGE, "a validation split of %g: expected a number from 0 to 1", fraction);
    if (!images->labels)
        return silma_fail(error, SILMA_USAGE, "%s: has no labels, so it cannot be split by class", dataset->name);
    uint32_t *indices = malloc(images->count * sizeof(uint32_t));
    size_t *starts = malloc(((size_t)images->class_count + 1) * sizeof(size_t));
    bool *chosen = calloc(images->count, sizeof(bool));
    silma_status status;
    if (indices && starts && chosen) {
        group_by_class(images, indices, starts);
        size_t validation_count = choose_validation(images, fraction, seed, indices, starts, chosen);
        status = list_halves(chosen, images->count, validation_count, partition, error);
    } else {
        status = silma_fail_memory(error, images->count * sizeof(uint32_t));
    }
    free(indices);
    free(starts);
    free(chosen);
    return status;
}

void silma_partition_free(silma_partition *partition)
{
    if (!partition) return;
    free(partition->train);
    free(partition->validation);
    *partition = (silma_partition){0};
}
