// silma predict: what a model sees in images of a data set, or in pictures.
#include "commands.h"
#include "output.h"
#include "predict_files.h"
#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The images of a data set to classify, and everything that was opened for them.
typedef struct session {
    silma_context *context;
    silma_model *model;
    prediction_view view;
    prediction_format format;
    silma_dataset *dataset; // null: files
    const char *split;
    size_t count;
    uint32_t *indices;    // (count) in the data set
    float *probabilities; // (count, class_count)
} session;

static void session_free(session *s)
{
    free(s->indices);
    free(s->probabilities);
    prediction_view_free(&s->view);
    silma_dataset_free(s->dataset);
    silma_model_free(s->model);
    silma_context_free(s->context);
}

// ---------------------------------------------------------------------------------------------------------------------
// Which images

// One part of "0-8,17": a number or a range, with `end` behind its last character.
static bool parse_range(const char *part, const char *end, size_t image_count, size_t *first, size_t *last)
{
    char text[64];
    if ((size_t)(end - part) >= sizeof text) return false;
    snprintf(text, sizeof text, "%.*s", (int)(end - part), part);
    char *dash = strchr(text, '-');
    uint64_t from, to;
    if (dash) *dash = 0;
    if (!parse_count(text, 0, image_count - 1, &from)) return false;
    to = from;
    if (dash && !parse_count(dash + 1, from, image_count - 1, &to)) return false;
    *first = (size_t)from;
    *last = (size_t)to;
    return true;
}

static silma_status add_range(session *s, size_t first, size_t last, problem *why)
{
    uint32_t *grown = reallocarray(s->indices, s->count + (last - first + 1), sizeof *grown);
    if (!grown) return problem_set_memory(why);
    s->indices = grown;
    for (size_t i = first; i <= last; i++)
        s->indices[s->count++] = (uint32_t)i;
    return SILMA_OK;
}

static silma_status parse_indices(session *s, const char *list, size_t image_count, problem *why)
{
    for (const char *part = list; part; part = strchr(part, ',') ? strchr(part, ',') + 1 : NULL) {
        const char *end = part + strcspn(part, ",");
        size_t first, last;
        if (!parse_range(part, end, image_count, &first, &last))
            return problem_set(why, SILMA_USAGE,
                               "--index: expected image numbers from 0 to %zu such as 0-8,17, found '%.*s'",
                               image_count - 1, (int)(end - part), part);
        silma_status status = add_range(s, first, last, why);
        if (status) return status;
    }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Results

static const silma_images *images_of(const session *s)
{
    return silma_dataset_images(s->dataset);
}

static prediction image_prediction(const session *s, size_t i, const char *heading)
{
    const uint32_t *labels = images_of(s)->labels;
    return (prediction){
        .probabilities = s->probabilities + i * (size_t)s->view.class_count,
        .heading = heading,
        .index = s->indices[i],
        .label = labels ? (int)labels[s->indices[i]] : -1,
    };
}

static void print_text(session *s)
{
    size_t right = 0, unknown = 0;
    for (size_t i = 0; i < s->count; i++) {
        char heading[512];
        snprintf(heading, sizeof heading, "%s %s %u", silma_dataset_name(s->dataset), s->split, s->indices[i]);
        prediction p = image_prediction(s, i, heading);
        prediction_print(&s->view, &p);
        int choice = silma_model_choose(s->model, p.probabilities);
        unknown += choice < 0;
        right += choice >= 0 && choice == p.label;
    }
    if (s->count == 1 || !images_of(s)->labels) return;
    printf("%zu of %zu right", right, s->count);
    if (unknown > 0) printf(", %zu unknown", unknown);
    printf("\n");
}

static void print_csv(session *s)
{
    prediction_print_csv_heading(&s->view, false, images_of(s)->labels != NULL);
    for (size_t i = 0; i < s->count; i++) {
        prediction p = image_prediction(s, i, "");
        prediction_print_csv(&s->view, &p);
    }
}

static silma_status print_json(session *s, const char *model_path, problem *why)
{
    json_t *results = json_array();
    for (size_t i = 0; i < s->count; i++) {
        prediction p = image_prediction(s, i, "");
        output_append(&results, prediction_json(&s->view, &p));
    }
    return output_json(json_pack("{s:o, s:o, s:o, s:o}", "model", output_string(model_path), "data",
                                 output_string(silma_dataset_name(s->dataset)), "split", output_string(s->split),
                                 "results", results),
                       why);
}

// ---------------------------------------------------------------------------------------------------------------------

static silma_status predict_dataset(const arguments *args, session *s, problem *why)
{
    enum { INDICES_DEFAULT = 9 };
    static const char *const split_names[] = {"train", "test"};
    size_t split = SILMA_SPLIT_TEST;
    silma_status status = option_choice(args, "split", split_names, 2, &split, why);
    if (status) return status;
    s->split = split_names[split];
    status = open_model_dataset(args, args->words[0], s->model, (silma_split)split, &s->dataset, why);
    if (status == SILMA_IO && split == SILMA_SPLIT_TEST && strstr(why->error.message, "test set is missing"))
        problem_hint(why, "name pictures or folders after the model, or take --split train");
    if (status) return status;

    size_t image_count = silma_dataset_images(s->dataset)->count;
    const char *list = option_text(args, "index");
    status = list ? parse_indices(s, list, image_count, why)
                  : add_range(s, 0, image_count < INDICES_DEFAULT ? image_count - 1 : INDICES_DEFAULT - 1, why);
    if (status) return status;
    s->probabilities = reallocarray(NULL, s->count, (size_t)s->view.class_count * sizeof *s->probabilities);
    if (!s->probabilities) return problem_set_memory(why);
    status = silma_model_predict_dataset(s->model, s->context, s->dataset, s->indices, s->count, s->probabilities,
                                         &why->error);
    if (status) return status;
    if (s->format == FORMAT_JSON) return print_json(s, args->words[0], why);
    if (s->format == FORMAT_CSV)
        print_csv(s);
    else
        print_text(s);
    return SILMA_OK;
}

static silma_status predict_files(const arguments *args, session *s, problem *why)
{
    static const char *const exclusive[] = {"data", "data-dir", "split", "index"};
    for (size_t i = 0; i < sizeof exclusive / sizeof *exclusive; i++)
        if (option_given(args, exclusive[i]))
            return problem_set(why, SILMA_USAGE, "--%s is about the images of a data set, but '%s' is a file or folder",
                               exclusive[i], args->words[1]);
    return predict_paths(s->model, s->context, &s->view, s->format, args->words + 1, args->word_count - 1, why);
}

static silma_status predict(const arguments *args, session *s, size_t top, problem *why)
{
    silma_status status = silma_model_load(&s->model, args->words[0], &why->error);
    if (!status) status = prediction_view_create(&s->view, s->model, top, why);
    if (!status) status = open_context(args, &s->context, why);
    if (status) return status;
    return args->word_count == 1 ? predict_dataset(args, s, why) : predict_files(args, s, why);
}

static silma_status run(const arguments *args, problem *why)
{
    enum { TOP_DEFAULT = 3, TOP_MOST = 1000000 };
    uint64_t top = TOP_DEFAULT;
    silma_status status = arguments_expect_words(args, 1, SIZE_MAX, "a model (best.safetensors of a run folder)", why);
    if (!status) status = option_count(args, "top", 1, TOP_MOST, &top, why);
    if (!status && option_given(args, "json") && option_given(args, "csv"))
        status = problem_set(why, SILMA_USAGE, "--json and --csv exclude each other");
    if (status) return status;
    session s = {.format = option_given(args, "json")  ? FORMAT_JSON
                           : option_given(args, "csv") ? FORMAT_CSV
                                                       : FORMAT_TEXT};
    status = predict(args, &s, (size_t)top, why);
    session_free(&s);
    return status;
}

static const option table[] = {
    {"data", "NAME|DIR", "the data set (default: the one that the model's run was trained on)"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"split", "train|test", "which of its images (default: test)"},
    {"index", "LIST", "their numbers, from 0, such as 0-8,17 (default: 0-8)"},
    {"top", "K", "how many classes to show of each image (default: 3)"},
    {"json", NULL, "JSON on standard output: one object; for files one a line"},
    {"csv", NULL, "a table on standard output: a row an image, separated by commas"},
    {0},
};
static const option_group options = {"Options", table};

const command predict_command = {
    .name = "predict",
    .synopsis = "MODEL.safetensors [--data NAME|DIR] [--index LIST] [options]\nMODEL.safetensors PATH... [options]",
    .summary = "classify images",
    .details =
        "Prints the most probable classes of each image: images of a data set, which tell whether the model is\n"
        "right, or pictures (PNG, JPEG, BMP, PNM) of any size in files, in folders and all that lies below them,\n"
        "and on standard input ('-': one picture). They are prepared as the model's training images were. A\n"
        "file that cannot be read is named, the others are classified, and the exit code is 3.",
    .groups = {&options, &machine_options},
    .run = run,
};
