#define _GNU_SOURCE
#include "check/check.h"

#include "core/error.h"
#include "kernels/context.h"

#include <stdlib.h>
#include <string.h>

static const char *const KIND_NAMES[SILMA_FINDING_KINDS] = {"unreadable", "leak",       "contradiction",
                                                            "duplicate",  "one_colour", "small_class",
                                                            "imbalance",  "one_class",  "doubted_label"};

const char *silma_finding_name(silma_finding_kind kind)
{
    return KIND_NAMES[kind];
}

void silma_check_free(silma_check *check)
{
    if (!check) return;
    for (size_t i = 0; i < check->finding_count; i++)
        free((char *)check->findings[i].reason);
    free(check->findings);
    free(check->kinds);
    for (int i = 0; i < CHECK_SETS; i++)
        silma_dataset_free(check->sets[i]);
    free(check->name);
    free(check);
}

// ---------------------------------------------------------------------------------------------------------------------
// Images

static const silma_dataset *set_of(const silma_check *check, size_t image, uint32_t *index)
{
    size_t training = check->sets[SILMA_SPLIT_TRAIN]->images.count;
    bool test = image >= training;
    *index = (uint32_t)(test ? image - training : image);
    return check->sets[test ? SILMA_SPLIT_TEST : SILMA_SPLIT_TRAIN];
}

const uint8_t *check_pixels(const silma_check *check, size_t image)
{
    uint32_t index;
    const silma_dataset *set = set_of(check, image, &index);
    return set->images.pixels + index * check_image_bytes(check);
}

silma_checked_image check_image(const silma_check *check, size_t image)
{
    uint32_t index;
    const silma_dataset *set = set_of(check, image, &index);
    bool validation = index >= dataset_own_count(set);
    int class = set->images.labels ? (int)set->images.labels[index] : 0;
    return (silma_checked_image){
        .split = set == check->sets[SILMA_SPLIT_TEST] ? "test"
                 : validation                         ? "validation"
                                                      : "train",
        .index = index,
        .class_index = class,
        .class_name = set->images.class_names ? set->images.class_names[class] : NULL,
        .file = silma_dataset_image_file(set, index),
    };
}

// ---------------------------------------------------------------------------------------------------------------------
// Findings

silma_status check_add(silma_check *check, const silma_finding *finding, silma_error *error)
{
    if (check->finding_count == check->finding_capacity) {
        size_t capacity = 2 * check->finding_capacity + 64;
        silma_finding *grown = reallocarray(check->findings, capacity, sizeof *grown);
        if (!grown) {
            free((char *)finding->reason);
            return silma_fail_memory(error, capacity * sizeof *grown);
        }
        check->findings = grown;
        check->finding_capacity = capacity;
    }
    check->findings[check->finding_count++] = *finding;
    check->kind_counts[finding->kind]++;
    return SILMA_OK;
}

// By kind, errors first; then the same pixels, then what differs least, or is surest, or most out of balance.
static int compare_findings(const void *first, const void *second)
{
    const silma_finding *a = first, *b = second;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->is_error != b->is_error) return a->is_error ? -1 : 1;
    if (a->exact != b->exact) return a->exact ? -1 : 1;
    bool less_is_worse = a->kind != SILMA_FINDING_DOUBTED_LABEL && a->kind != SILMA_FINDING_IMBALANCE;
    if (a->value != b->value) return (a->value < b->value) == less_is_worse ? -1 : 1;
    if (a->image.index != b->image.index) return a->image.index < b->image.index ? -1 : 1;
    return a->reason && b->reason ? strcmp(a->reason, b->reason) : 0;
}

const silma_finding *silma_check_finding(const silma_check *check, size_t index)
{
    return index < check->finding_count ? &check->findings[index] : NULL;
}

size_t silma_check_count(const silma_check *check, silma_finding_kind kind)
{
    return check->kind_counts[kind];
}

size_t silma_check_errors(const silma_check *check)
{
    size_t errors = 0;
    for (size_t i = 0; i < check->finding_count; i++)
        errors += check->findings[i].is_error;
    return errors;
}

size_t silma_check_images(const silma_check *check)
{
    return check->count;
}

size_t silma_check_images_of(const silma_check *check, const char *split)
{
    const silma_dataset *training = check->sets[SILMA_SPLIT_TRAIN];
    size_t own = dataset_own_count(training);
    if (strcmp(split, "train") == 0) return own;
    if (strcmp(split, "validation") == 0) return training->images.count - own;
    return strcmp(split, "test") == 0 ? check->count - training->images.count : 0;
}

const char *silma_check_sentence(const silma_check *check, silma_finding_kind kind)
{
    return check->sentences[kind][0] ? check->sentences[kind] : NULL;
}

const silma_picture_kind *silma_check_picture_kind(const silma_check *check, size_t index)
{
    return index < check->kind_count ? &check->kinds[index] : NULL;
}

// ---------------------------------------------------------------------------------------------------------------------
// The data sets

// Test images are prepared as the training images were, so that they can be compared.
static silma_status open_sets(silma_check *check, const char *name_or_path, const silma_dataset_options *options,
                              silma_error *error)
{
    silma_status status =
        silma_dataset_open(&check->sets[SILMA_SPLIT_TRAIN], name_or_path, SILMA_SPLIT_TRAIN, options, error);
    if (status != SILMA_OK) return status;
    const silma_dataset *training = check->sets[SILMA_SPLIT_TRAIN];
    silma_dataset_options same = *options;
    if (training->prepared) same.preparation = training->preparation;
    silma_error problem = {0};
    status = silma_dataset_open(&check->sets[SILMA_SPLIT_TEST], name_or_path, SILMA_SPLIT_TEST, &same, &problem);
    check->count = training->images.count;
    if (status == SILMA_IO) return SILMA_OK; // there is none
    if (status != SILMA_OK) return silma_fail(error, status, "%s", problem.message);
    const silma_images *a = &training->images, *b = &check->sets[SILMA_SPLIT_TEST]->images;
    if (a->height != b->height || a->width != b->width || a->channels != b->channels)
        return silma_fail(error, SILMA_BAD_FILE, "%s: its training images are %dx%dx%d, its test images %dx%dx%d",
                          name_or_path, a->height, a->width, a->channels, b->height, b->width, b->channels);
    check->count += b->count;
    return SILMA_OK;
}

static silma_status look(silma_check *check, silma_context *context, silma_model *model, silma_error *error)
{
    silma_status status = SILMA_OK;
    for (int split = 0; split < CHECK_SETS && status == SILMA_OK; split++) {
        const silma_dataset *set = check->sets[split];
        if (set && set->files)
            status = check_files(check, context->pool, set->folder, (silma_split)split, check->codecs, error);
    }
    if (status == SILMA_OK) status = check_alike(check, context->pool, error);
    if (status == SILMA_OK) status = check_one_colour(check, error);
    if (status == SILMA_OK) status = check_classes(check, error);
    if (status == SILMA_OK && model) status = check_labels(check, context, model, error);
    return status;
}

silma_status silma_check_create(silma_check **result, silma_context *context, const char *name_or_path,
                                const silma_dataset_options *options, silma_model *model, silma_error *error)
{
    silma_check *check = calloc(1, sizeof *check);
    if (!check) return silma_fail_memory(error, sizeof *check);
    silma_dataset_options lenient = options ? *options : (silma_dataset_options){0};
    lenient.strict = false; // what cannot be read is a finding
    check->codecs = lenient.codecs;
    check->name = strdup(name_or_path);
    silma_status status =
        check->name ? open_sets(check, name_or_path, &lenient, error) : silma_fail_memory(error, strlen(name_or_path));
    if (status == SILMA_OK) status = look(check, context, model, error);
    if (status != SILMA_OK) {
        silma_check_free(check);
        return status;
    }
    if (check->finding_count > 0)
        qsort(check->findings, check->finding_count, sizeof *check->findings, compare_findings);
    check_conclude(check);
    *result = check;
    return SILMA_OK;
}
