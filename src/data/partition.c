// The stratified split. Experiments of other programs were made with its output: the algorithm never changes. Images
// that are nearly the same (dataset->groups) are drawn together; where there are none, each is a group of its own.
#include "data/dataset.h"

#include "core/error.h"
#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The groups of near-duplicates, and how many images they and the classes have.
typedef struct grouping {
    uint32_t *groups;    // (count) by class, each class ascending: class c has groups[starts[c]] to [starts[c + 1]]
    size_t *starts;      // (classes + 1)
    uint32_t *sizes;     // (count) images of the group that an image leads; 0: it leads none
    size_t *class_sizes; // (classes) images of a class's groups
} grouping;

// The group of an image is its first member; the group's class that member's.
static uint32_t group_of(const silma_dataset *dataset, size_t image)
{
    return dataset->groups ? dataset->groups[image] : (uint32_t)image;
}

static void sort_by_class(const silma_dataset *dataset, grouping *g)
{
    const silma_images *images = &dataset->images;
    size_t *starts = g->starts;
    size_t classes = (size_t)images->class_count;
    memset(starts, 0, (classes + 1) * sizeof(starts[0]));
    for (size_t i = 0; i < images->count; i++)
        if (group_of(dataset, i) == i) starts[images->labels[i] + 1]++;
    for (size_t c = 0; c < classes; c++)
        starts[c + 1] += starts[c];
    // starts[c] runs ahead while class c is filled, and ends where class c + 1 begins.
    for (size_t i = 0; i < images->count; i++)
        if (group_of(dataset, i) == i) g->groups[starts[images->labels[i]]++] = (uint32_t)i;
    memmove(starts + 1, starts, classes * sizeof(starts[0]));
    starts[0] = 0;
}

static void count_images(const silma_dataset *dataset, grouping *g)
{
    for (size_t i = 0; i < dataset->images.count; i++) {
        uint32_t group = group_of(dataset, i);
        g->sizes[group]++;
        g->class_sizes[dataset->images.labels[group]]++;
    }
}

// Marks groups of each class, drawn at random, until floor(fraction * m + 0.5) of its m images are marked, or as near
// to that as the groups allow. (Where all groups are of one image, these are simply the first.)
static void choose_groups(const grouping *g, size_t classes, double fraction, uint64_t seed, bool *chosen)
{
    for (size_t c = 0; c < classes; c++) {
        uint32_t *members = g->groups + g->starts[c];
        size_t count = g->starts[c + 1] - g->starts[c], taken = 0;
        random_shuffle(seed, RANDOM_SPLIT, (uint32_t)c, members, count);
        size_t wanted = (size_t)floor(fraction * (double)g->class_sizes[c] + 0.5);
        for (size_t i = 0; i < count && taken < wanted; i++) {
            size_t size = g->sizes[members[i]];
            if (size > 2 * (wanted - taken)) continue; // nearer without it
            chosen[members[i]] = true;
            taken += size;
        }
    }
}

// Marks the other images of the chosen groups; returns how many are marked.
static size_t choose_members(const silma_dataset *dataset, bool *chosen)
{
    size_t total = 0;
    for (size_t i = 0; i < dataset->images.count; i++) {
        chosen[i] = chosen[group_of(dataset, i)];
        total += chosen[i];
    }
    return total;
}

// Marks the images of the validation part and counts them.
static silma_status choose_validation(const silma_dataset *dataset, double fraction, uint64_t seed, bool *chosen,
                                      size_t *chosen_count, silma_error *error)
{
    size_t count = dataset->images.count, classes = (size_t)dataset->images.class_count;
    grouping g = {
        .groups = malloc(count * sizeof(uint32_t)),
        .starts = malloc((classes + 1) * sizeof(size_t)),
        .sizes = calloc(count, sizeof(uint32_t)),
        .class_sizes = calloc(classes + 1, sizeof(size_t)),
    };
    bool made = g.groups && g.starts && g.sizes && g.class_sizes;
    if (made) {
        sort_by_class(dataset, &g);
        count_images(dataset, &g);
        choose_groups(&g, classes, fraction, seed, chosen);
        *chosen_count = choose_members(dataset, chosen);
    }
    free(g.groups);
    free(g.starts);
    free(g.sizes);
    free(g.class_sizes);
    return made ? SILMA_OK : silma_fail_memory(error, 2 * count * sizeof(uint32_t));
}

// The data set has validation images of its own, the last ones. Without any wanted, they are in neither half.
static silma_status list_own_halves(const silma_dataset *dataset, bool wanted, silma_partition *partition,
                                    silma_error *error)
{
    size_t first = dataset->validation_first, count = wanted ? dataset->images.count - first : 0;
    *partition = (silma_partition){
        .train = malloc((first + 1) * sizeof(uint32_t)),
        .train_count = first,
        .validation = malloc((count + 1) * sizeof(uint32_t)),
        .validation_count = count,
    };
    if (!partition->train || !partition->validation) {
        silma_partition_free(partition);
        return silma_fail_memory(error, (first + count) * sizeof(uint32_t));
    }
    for (size_t i = 0; i < first; i++)
        partition->train[i] = (uint32_t)i;
    for (size_t i = 0; i < count; i++)
        partition->validation[i] = (uint32_t)(first + i);
    return SILMA_OK;
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
    if (dataset->has_validation) return list_own_halves(dataset, fraction > 0, partition, error);
    bool *chosen = calloc(images->count, sizeof(bool));
    if (!chosen) return silma_fail_memory(error, images->count);
    size_t validation_count = 0;
    silma_status status = choose_validation(dataset, fraction, seed, chosen, &validation_count, error);
    if (status == SILMA_OK) status = list_halves(chosen, images->count, validation_count, partition, error);
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
