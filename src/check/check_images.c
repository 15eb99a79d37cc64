// What single images, their classes and their labels tell.
#include "check/check.h"
#include "core/error.h"

#include <stdlib.h>

// ---------------------------------------------------------------------------------------------------------------------
// Pictures of one colour

static bool has_one_colour(const uint8_t *pixels, size_t bytes, size_t channels)
{
    enum { NOISE = 2 };
    for (size_t i = channels; i < bytes; i++)
        if (abs((int)pixels[i] - (int)pixels[i % channels]) > NOISE) return false;
    return true;
}

silma_status check_one_colour(silma_check *check, silma_error *error)
{
    size_t bytes = check_image_bytes(check), channels = (size_t)check->sets[SILMA_SPLIT_TRAIN]->images.channels;
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < check->count && status == SILMA_OK && bytes > channels; i++)
        if (has_one_colour(check_pixels(check, i), bytes, channels))
            status = check_add(
                check, &(silma_finding){.kind = SILMA_FINDING_ONE_COLOUR, .image = check_image(check, i)}, error);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Classes

static silma_checked_image class_of(const silma_images *images, int class)
{
    return (silma_checked_image){
        .split = "train",
        .class_index = class,
        .class_name = images->class_names ? images->class_names[class] : NULL,
    };
}

static silma_status add_classes(silma_check *check, const size_t *counts, silma_error *error)
{
    enum { FEW = 20, TIMES = 10 };
    const silma_images *images = &check->sets[SILMA_SPLIT_TRAIN]->images;
    silma_status status = SILMA_OK;
    int largest = 0, smallest = 0, with_images = 0;
    for (int c = 0; c < images->class_count && status == SILMA_OK; c++) {
        if (counts[c] > counts[largest]) largest = c;
        if (counts[c] < counts[smallest]) smallest = c;
        with_images += counts[c] > 0;
        silma_finding few = {.kind = SILMA_FINDING_SMALL_CLASS, .is_error = counts[c] == 0};
        few.image = class_of(images, c);
        few.value = (double)counts[c];
        if (counts[c] < FEW) status = check_add(check, &few, error);
    }
    silma_finding alone = {.kind = SILMA_FINDING_ONE_CLASS, .is_error = true, .image = class_of(images, largest)};
    alone.value = (double)counts[largest];
    if (status == SILMA_OK && with_images == 1) status = check_add(check, &alone, error);
    if (status != SILMA_OK || counts[smallest] == 0 || counts[largest] < TIMES * counts[smallest]) return status;
    silma_finding imbalance = {.kind = SILMA_FINDING_IMBALANCE};
    imbalance.image = class_of(images, smallest);
    imbalance.other = class_of(images, largest);
    imbalance.value = (double)counts[largest] / (double)counts[smallest];
    return check_add(check, &imbalance, error);
}

silma_status check_classes(silma_check *check, silma_error *error)
{
    const silma_dataset *training = check->sets[SILMA_SPLIT_TRAIN];
    const silma_images *images = &training->images;
    if (!images->labels || images->class_count < 1) return SILMA_OK;
    size_t *counts = calloc((size_t)images->class_count, sizeof *counts);
    if (!counts) return silma_fail_memory(error, (size_t)images->class_count * sizeof *counts);
    size_t end = dataset_own_count(training);
    for (size_t i = 0; i < end; i++)
        counts[images->labels[i]]++;
    silma_status status = add_classes(check, counts, error);
    free(counts);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Labels that a model doubts

enum { ASKED_AT_ONCE = 8192 };

static silma_status judge_label(silma_check *check, size_t image, const float *probabilities, int classes,
                                silma_error *error)
{
    static const float SURE = 0.9f;
    silma_finding f = {.kind = SILMA_FINDING_DOUBTED_LABEL, .image = check_image(check, image)};
    for (int c = 1; c < classes; c++)
        if (probabilities[c] > probabilities[f.doubted_class]) f.doubted_class = c;
    f.value = (double)probabilities[f.doubted_class];
    bool doubted = f.doubted_class != f.image.class_index && probabilities[f.doubted_class] >= SURE;
    return doubted ? check_add(check, &f, error) : SILMA_OK;
}

static silma_status ask_set(silma_check *check, size_t first, const silma_dataset *set, silma_context *context,
                            silma_model *model, float *probabilities, silma_error *error)
{
    int classes = silma_model_class_count(model);
    uint32_t indices[ASKED_AT_ONCE];
    silma_status status = SILMA_OK;
    for (size_t done = 0; done < set->images.count && status == SILMA_OK; done += ASKED_AT_ONCE) {
        size_t left = set->images.count - done, n = left < ASKED_AT_ONCE ? left : ASKED_AT_ONCE;
        for (size_t i = 0; i < n; i++)
            indices[i] = (uint32_t)(done + i);
        status = silma_model_predict_dataset(model, context, set, indices, n, probabilities, error);
        for (size_t i = 0; i < n && status == SILMA_OK; i++)
            status = judge_label(check, first + done + i, probabilities + i * (size_t)classes, classes, error);
    }
    return status;
}

silma_status check_labels(silma_check *check, silma_context *context, silma_model *model, silma_error *error)
{
    int classes = silma_model_class_count(model), found = check->sets[SILMA_SPLIT_TRAIN]->images.class_count;
    if (classes != found)
        return silma_fail(error, SILMA_USAGE, "the model tells %d classes apart, but %s has %d", classes, check->name,
                          found);
    float *probabilities = calloc(ASKED_AT_ONCE * (size_t)classes, sizeof *probabilities);
    if (!probabilities) return silma_fail_memory(error, ASKED_AT_ONCE * (size_t)classes * sizeof *probabilities);
    silma_status status = SILMA_OK;
    size_t first = 0;
    for (int split = 0; split < CHECK_SETS && status == SILMA_OK; split++) {
        const silma_dataset *set = check->sets[split];
        if (!set || !set->images.labels) continue;
        status = ask_set(check, first, set, context, model, probabilities, error);
        first += set->images.count;
    }
    free(probabilities);
    return status;
}
