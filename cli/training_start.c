#include "training_start.h"

#include "run_folder.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_setting(const char *name, const json_t *value)
{
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                                       : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    char printable[512];
    text_printable(printable, sizeof printable, text ? text : "");
    fprintf(stderr, "  %-14s %s\n", name, printable);
    free(text);
}

// Says so where images are set into larger ones: a network of 32x32 takes images of 28x28 like that.
static void print_padding(const silma_images *images, const json_t *config)
{
    const json_t *input = json_object_get(config, "input");
    int height = (int)json_integer_value(json_array_get(input, 0));
    int width = (int)json_integer_value(json_array_get(input, 1));
    if (images->height > height || images->width > width) return; // it takes the pixels as a vector
    if (images->height == height && images->width == width) return;
    fprintf(stderr, "note: each image of %dx%d is set into the middle of a black one of %dx%d, the network's input\n",
            images->height, images->width, height, width);
}

// The largest and the smallest class that have training images; their counts are 0 where these cannot be told.
typedef struct class_range {
    size_t largest, smallest;
    size_t most, least;
} class_range;

static class_range find_class_range(const silma_images *images, const char *folder)
{
    class_range range = {0};
    silma_partition parts = {0};
    if (silma_run_read_partition(folder, images->count, &parts, NULL)) return range;
    size_t classes = (size_t)images->class_count;
    size_t *counts = images->labels ? calloc(classes, sizeof *counts) : NULL;
    for (size_t i = 0; counts && i < parts.train_count; i++)
        counts[images->labels[parts.train[i]]]++;
    silma_partition_free(&parts);
    if (!counts) return range;
    for (size_t c = 0; c < classes; c++) {
        if (counts[c] > range.most) range.most = counts[range.largest = c];
        if (counts[c] > 0 && (range.least == 0 || counts[c] < range.least)) range.least = counts[range.smallest = c];
    }
    free(counts);
    return range;
}

static void print_class_name(const silma_images *images, size_t class)
{
    char name[256];
    text_printable(name, sizeof name, images->class_names ? images->class_names[class] : "");
    if (images->class_names)
        fprintf(stderr, "'%s'", name);
    else
        fprintf(stderr, "class %zu", class);
}

// Classes out of balance are learnt badly unless something is done about it.
static void print_imbalance(const silma_images *images, const char *folder, const json_t *config)
{
    const json_t *settings = json_object_get(config, "settings");
    const char *weights = json_string_value(json_object_get(settings, "class_weights"));
    const char *sampler = json_string_value(json_object_get(settings, "sampler"));
    bool weighted = weights && strcmp(weights, "none") != 0, sampled = sampler && strcmp(sampler, "shuffle") != 0;
    if (weighted && sampled)
        fprintf(stderr, "notice: --class-weights and --sampler both correct the balance of the classes: twice is too "
                        "much\n");
    if (weighted || sampled) return;
    class_range range = find_class_range(images, folder);
    if (range.most / 10 < range.least || range.least == 0) return;
    fprintf(stderr, "notice: classes out of balance: ");
    print_class_name(images, range.largest);
    fprintf(stderr, " has %s images, ", text_count(range.most).text);
    print_class_name(images, range.smallest);
    fprintf(stderr, " only %s; consider --class-weights balanced, or --sampler balanced\n",
            text_count(range.least).text);
}

static void print_own_validation(const silma_dataset *dataset, const json_t *config)
{
    if (silma_dataset_has_validation(dataset) && run_folder_count(config, "validation_images") > 0)
        fprintf(stderr,
                "note: the folder's own validation images are used; val_split says no more than that they are\n");
}

void training_print_start(const training *t, const json_t *config)
{
    const silma_images *images = silma_dataset_images(t->dataset);
    const char *model = json_string_value(json_object_get(config, "model"));
    unsigned threads = silma_context_threads(t->context);
    fprintf(stderr, "training %s on %s: %s images of %s in %d classes, and %s for validation\n", model ? model : "",
            silma_dataset_name(t->dataset), text_count(run_folder_count(config, "train_images")).text,
            text_shape(images->height, images->width, images->channels).text, images->class_count,
            text_count(run_folder_count(config, "validation_images")).text);
    print_padding(images, config);
    print_own_validation(t->dataset, config);
    print_imbalance(images, t->folder, config);
    fprintf(stderr, "kernels: %s, %u thread%s\n", silma_context_isa(t->context), threads, threads == 1 ? "" : "s");
    fprintf(stderr, "run folder: %s\nsettings:\n", t->folder);
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(config, "settings"), name, value) print_setting(name, value);
}
