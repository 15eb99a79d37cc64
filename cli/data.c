// silma data: the data sets that Silma knows, what a data set holds, and how to get one.
#include "commands.h"
#include "data_check.h"
#include "data_get.h"
#include "output.h"
#include "pictures.h"
#include "setup.h"
#include "text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------------------------------
// list

// The folder where the images of `split` lie, or null. Free with free().
static char *find_dataset(const arguments *args, const char *name, silma_split split)
{
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    char *folder = NULL;
    silma_error ignored; // not found is an answer here
    return silma_dataset_find(&folder, name, split, &options, &ignored) ? NULL : folder;
}

static json_t *entry_json(const arguments *args, const silma_catalog_entry_type *entry)
{
    char *train = find_dataset(args, entry->name, SILMA_SPLIT_TRAIN);
    char *test = find_dataset(args, entry->name, SILMA_SPLIT_TEST);
    json_t *json =
        json_pack("{s:o, s:o, s:o, s:[i, i, i], s:i, s:o, s:o, s:o, s:o}", "name", output_string(entry->name), "title",
                  output_string(entry->title), "description", output_string(entry->description), "image_shape",
                  entry->height, entry->width, entry->channels, "class_count", entry->class_count, "train_images",
                  output_integer(entry->train_count), "test_images", output_integer(entry->test_count), "train_folder",
                  output_string(train), "test_folder", output_string(test));
    free(train);
    free(test);
    return json;
}

static void print_entry(const arguments *args, const silma_catalog_entry_type *entry)
{
    char *train = find_dataset(args, entry->name, SILMA_SPLIT_TRAIN);
    char *test = find_dataset(args, entry->name, SILMA_SPLIT_TEST);
    const char *folder = train ? train : test;
    const char *missing = !train && test   ? " (training images missing)"
                          : train && !test ? " (test images missing)"
                                           : "";
    char place[512] = "not here: ";
    if (folder)
        snprintf(place, sizeof place, "%s%s", folder, missing);
    else
        snprintf(place, sizeof place, "not here; silma data get %s", entry->name);
    printf("%-14s  %-8s  %4d classes  %9s + %-7s  %s\n", entry->name,
           text_shape(entry->height, entry->width, entry->channels).text, entry->class_count,
           text_count(entry->train_count).text, text_count(entry->test_count).text, place);
    free(train);
    free(test);
}

static silma_status list_datasets(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 1, 1, "", why);
    if (status) return status;
    if (!option_given(args, "json")) {
        for (size_t i = 0; silma_catalog_entry(i); i++)
            print_entry(args, silma_catalog_entry(i));
        return SILMA_OK;
    }
    json_t *results = json_array();
    for (size_t i = 0; silma_catalog_entry(i); i++)
        output_append(&results, entry_json(args, silma_catalog_entry(i)));
    return output_json(json_pack("{s:o}", "results", results), why);
}

// ---------------------------------------------------------------------------------------------------------------------
// info

static void count_classes(const silma_images *images, size_t *counts)
{
    for (size_t i = 0; images->labels && i < images->count; i++)
        counts[images->labels[i]]++;
}

// Mean and standard deviation of a channel, scaled to [0, 1].
typedef struct moments {
    double mean, deviation;
} moments;

static moments channel_moments(const silma_images *images, int channel)
{
    uint64_t histogram[256] = {0};
    size_t pixels = images->count * (size_t)images->height * (size_t)images->width;
    for (size_t i = 0; i < pixels; i++)
        histogram[images->pixels[i * (size_t)images->channels + (size_t)channel]]++;
    double sum = 0, squares = 0;
    for (int value = 0; value < 256; value++)
        sum += (double)histogram[value] * value;
    double mean = sum / (double)pixels;
    for (int value = 0; value < 256; value++)
        squares += (double)histogram[value] * (value - mean) * (value - mean);
    return (moments){mean / 255, sqrt(squares / (double)pixels) / 255};
}

static json_t *class_json(const silma_images *images, int index, size_t count)
{
    char name[CLASS_NAME_SIZE];
    class_name(name, images->class_names ? images->class_names[index] : NULL, index);
    return json_pack("{s:s, s:o}", "name", name, "images", output_integer(count));
}

static json_t *split_json(const silma_dataset *dataset, const size_t *counts)
{
    const silma_images *images = silma_dataset_images(dataset);
    json_t *classes = json_array(), *channels = json_array();
    for (int i = 0; i < images->class_count; i++)
        output_append(&classes, class_json(images, i, counts[i]));
    for (int i = 0; i < images->channels; i++) {
        moments m = channel_moments(images, i);
        json_t *channel =
            json_pack("{s:o, s:o}", "mean", output_number(m.mean), "deviation", output_number(m.deviation));
        output_append(&channels, channel);
    }
    return json_pack("{s:o, s:o, s:[i, i, i], s:o, s:o, s:o}", "folder", output_string(silma_dataset_folder(dataset)),
                     "count", output_integer(images->count), "image_shape", images->height, images->width,
                     images->channels, "sha256", output_string(silma_dataset_hash(dataset)), "channels", channels,
                     "classes", classes);
}

// Those of the training images that the folder itself keeps for validation; 0 where it has none.
static size_t own_validation(const silma_dataset *dataset)
{
    silma_partition parts = {0};
    if (!silma_dataset_has_validation(dataset)) return 0;
    size_t count = silma_dataset_partition(dataset, 1, 0, &parts, NULL) ? 0 : parts.validation_count;
    silma_partition_free(&parts);
    return count;
}

static void print_split(const silma_dataset *dataset, const char *title, const size_t *counts)
{
    const silma_images *images = silma_dataset_images(dataset);
    printf("%s images\n", title);
    if (silma_dataset_folder(dataset)) printf("  folder   %s\n", silma_dataset_folder(dataset));
    size_t validation = own_validation(dataset);
    printf("  count    %s of %s", text_count(images->count).text,
           text_shape(images->height, images->width, images->channels).text);
    if (validation > 0) printf(", %s of them for validation", text_count(validation).text);
    printf("\n");
    printf("  sha256   %s\n", silma_dataset_hash(dataset));
    for (int i = 0; i < images->channels; i++) {
        moments m = channel_moments(images, i);
        printf("  channel  %d: mean %.4f, standard deviation %.4f (of pixels scaled to 0..1)\n", i, m.mean,
               m.deviation);
    }
    printf("  classes  %d\n", images->class_count);
    for (int i = 0; i < images->class_count; i++) {
        char name[CLASS_NAME_SIZE];
        class_name(name, images->class_names ? images->class_names[i] : NULL, i);
        printf("  %5d  %s%*s  %9s\n", i, name, text_padding(name, 24), "", text_count(counts[i]).text);
    }
}

// Opens one split and adds it to `json`, or prints it where that is null.
static silma_status describe_split(const arguments *args, silma_split split, json_t *json, problem *why)
{
    silma_dataset *dataset = NULL;
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    silma_status status = read_picture_options(args, &options, why);
    if (!status) status = silma_dataset_open(&dataset, args->words[1], split, &options, &why->error);
    if (!status) status = check_picture_options(args, dataset, why);
    if (status) {
        silma_dataset_free(dataset);
        return status;
    }
    const silma_images *images = silma_dataset_images(dataset);
    const char *title = split == SILMA_SPLIT_TRAIN ? "train" : "test";
    size_t *counts = calloc((size_t)images->class_count, sizeof *counts);
    if (counts) count_classes(images, counts);
    if (!counts || (json && json_object_set_new(json, title, split_json(dataset, counts)) != 0))
        status = problem_set_memory(why);
    else if (!json)
        print_split(dataset, title, counts);
    free(counts);
    silma_dataset_free(dataset);
    return status;
}

// Training and test images; where only one of the two is there, says so.
static silma_status describe_both(const arguments *args, json_t *json, problem *why)
{
    problem missing = {.hint = ""};
    silma_status train = describe_split(args, SILMA_SPLIT_TRAIN, json, why);
    if (train && train != SILMA_IO) return train;
    silma_status test = describe_split(args, SILMA_SPLIT_TEST, json, &missing);
    if (train && test) return train;
    if (test && test != SILMA_IO) {
        *why = missing;
        return test;
    }
    if (train || test) {
        const char *title = train ? "train" : "test", *message = train ? why->error.message : missing.error.message;
        if (!json) printf("%s images\n  missing: %s\n", title, message);
        if (json && json_object_set_new(json, title, json_null()) != 0) return problem_set_memory(why);
    }
    return SILMA_OK;
}

static silma_status describe_dataset(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 2, 2, "the name or folder of a data set", why);
    if (status) return status;
    const silma_catalog_entry_type *entry = silma_catalog_find(args->words[1]);
    if (!option_given(args, "json")) {
        if (entry) printf("%s: %s\n", entry->title, entry->description);
        return describe_both(args, NULL, why);
    }
    json_t *json = json_pack("{s:o}", "name", output_string(args->words[1]));
    status = json ? describe_both(args, json, why) : problem_set_memory(why);
    if (!status) return output_json(json, why);
    json_decref(json);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// clean

typedef struct cleaning {
    json_t *results; // null: lines of text
    bool failed;
    size_t count;
    uint64_t bytes;
} cleaning;

static void tell_deleted(const char *path, uint64_t bytes, const char *pictures, void *user)
{
    cleaning *c = user;
    c->count++;
    c->bytes += bytes;
    if (c->results) {
        json_t *file = json_pack("{s:o, s:o, s:o}", "path", output_string(path), "bytes", output_integer(bytes),
                                 "pictures", output_string(pictures));
        c->failed |= json_array_append_new(c->results, file) != 0;
        return;
    }
    char file[512], folder[512];
    text_printable(file, sizeof file, path);
    text_printable(folder, sizeof folder, pictures ? pictures : "");
    printf("deleted %s, %s%s%s\n", file, text_bytes(bytes).text, pictures ? ", of " : "", folder);
}

static silma_status clean(const arguments *args, problem *why)
{
    cleaning c = {0};
    silma_status status = arguments_expect_words(args, 1, 1, "", why);
    if (status) return status;
    if (option_given(args, "json")) {
        c.results = json_array();
        if (!c.results) return problem_set_memory(why);
    }
    status = silma_cache_clean(tell_deleted, &c, &why->error);
    if (!status && c.failed) status = problem_set_memory(why);
    if (status) {
        json_decref(c.results);
        return status;
    }
    if (c.results)
        return output_json(json_pack("{s:o, s:o}", "bytes", output_integer(c.bytes), "results", c.results), why);
    printf("%zu file%s, %s\n", c.count, c.count == 1 ? "" : "s", text_bytes(c.bytes).text);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

typedef struct action {
    const char *name;
    silma_status (*run)(const arguments *args, problem *why);
    const char *own[5];            // options of it
    bool opens_pictures, computes; // takes those of pictures, and of the machine
} action;

static const action actions[] = {
    {"list", list_datasets, {"data-dir", "json"}, false, false},
    {"info", describe_dataset, {"data-dir", "json"}, true, true},
    {"check", data_check, {"data-dir", "model", "out", "force", "json"}, true, true},
    {"get", data_get, {"data-dir", "base-url", "quiet"}, false, false},
    {"clean", clean, {"json"}, false, false},
};
enum { ACTION_COUNT = sizeof actions / sizeof *actions };

static bool is_in_table(const option *table, const char *name)
{
    for (const option *o = table; o->name; o++)
        if (strcmp(o->name, name) == 0) return true;
    return false;
}

static bool takes_option(const action *wanted, const char *name)
{
    for (size_t i = 0; i < sizeof wanted->own / sizeof *wanted->own && wanted->own[i]; i++)
        if (strcmp(wanted->own[i], name) == 0) return true;
    return (wanted->opens_pictures && is_in_table(picture_options.options, name)) ||
           (wanted->computes && is_in_table(machine_options.options, name));
}

// An option of another action is a mistake.
static silma_status check_options(const arguments *args, const action *wanted, problem *why)
{
    for (const option_group *const *group = args->command->groups; *group; group++)
        for (const option *o = (*group)->options; o->name; o++)
            if (option_given(args, o->name) && !takes_option(wanted, o->name))
                return problem_set(why, SILMA_USAGE, "'silma data %s' has no option --%s", wanted->name, o->name);
    return SILMA_OK;
}

static silma_status run(const arguments *args, problem *why)
{
    if (args->word_count == 0) {
        problem_hint(why, "silma data list | info NAME|DIR | check NAME|DIR | get NAME | clean");
        return problem_set(why, SILMA_USAGE, "list, info, check, get or clean is missing");
    }
    const char *names[ACTION_COUNT];
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        names[i] = actions[i].name;
        if (strcmp(args->words[0], names[i]) != 0) continue;
        silma_status status = check_options(args, &actions[i], why);
        return status ? status : actions[i].run(args, why);
    }
    const char *closest = text_closest(args->words[0], names, ACTION_COUNT);
    if (closest) problem_hint(why, "did you mean '%s'?", closest);
    return problem_set(why, SILMA_USAGE, "expected list, info, check, get or clean, found '%s'", args->words[0]);
}

static const option table[] = {
    {"data-dir", "DIR", "a folder of data sets: list, info and check search it first, get writes into it"},
    {"base-url", "URL", "get: download the files from this folder of a server instead of their makers'"},
    {"quiet", NULL, "get: no progress"},
    {"model", "FILE", "check: ask this model for the labels that it doubts"},
    {"out", "FILE", "check: the page (default: check.html; with --json none)"},
    {"force", NULL, "check: replace a page that exists"},
    {"json", NULL, "list, info, check, clean: one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command data_command = {
    .name = "data",
    .synopsis =
        "list [options]\ninfo NAME|DIR [options]\ncheck NAME|DIR [options]\nget NAME [options]\nclean [options]",
    .summary = "list, describe, check and download data sets; empty the cache",
    .details = "list: the data sets that Silma knows by name, and where they lie on this machine.\n"
               "info: what a data set holds: images, classes, check sum.\n"
               "check: what is wrong with it: files that cannot be read, pictures that are there twice, in two splits\n"
               "or in two classes, pictures of one colour, small classes, doubtful labels; with a page of thumbnails.\n"
               "With --strict an error, such as a picture in two splits, is exit 3.\n"
               "get: downloads a data set, checks its sum and unpacks it; an interrupted download continues.\n"
               "clean: deletes the decoded pictures that were kept for the next time, and nothing else.\n"
               "Data sets are looked for in --data-dir, $SILMA_DATA, $XDG_DATA_HOME/silma (~/.local/share/silma)\n"
               "and /usr/share/datasets.",
    .groups = {&options, &picture_options, &machine_options},
    .run = run,
};
