// silma predict: what a model sees in images of a data set, or in files.
#include "commands.h"
#include "output.h"
#include "pnm.h"
#include "setup.h"
#include "terminal.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The pictures to classify, and everything that was opened for them.
typedef struct session {
    silma_context *context;
    silma_model *model;
    silma_dataset *dataset; // null: files
    const char *split;
    int class_count;
    size_t count;
    uint32_t *indices;        // (count) in the data set
    const char *const *files; // (count)
    float *probabilities;     // (count, class_count)
    int *order;               // (class_count) scratch: classes by falling probability
    size_t top;
} session;

static void session_free(session *s)
{
    free(s->indices);
    free(s->probabilities);
    free(s->order);
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

static silma_status allocate(session *s, problem *why)
{
    s->probabilities = reallocarray(NULL, s->count, (size_t)s->class_count * sizeof *s->probabilities);
    s->order = calloc((size_t)s->class_count, sizeof *s->order);
    return s->probabilities && s->order ? SILMA_OK : problem_set_memory(why);
}

static silma_status predict_dataset(const arguments *args, session *s, problem *why)
{
    enum { INDICES_DEFAULT = 9 };
    static const char *const split_names[] = {"train", "test"};
    size_t split = SILMA_SPLIT_TEST;
    silma_status status = option_choice(args, "split", split_names, 2, &split, why);
    if (status) return status;
    s->split = split_names[split];
    status = open_model_dataset(args, args->words[0], (silma_split)split, &s->dataset, why);
    if (status) return status;

    size_t image_count = silma_dataset_images(s->dataset)->count;
    const char *list = option_text(args, "index");
    status = list ? parse_indices(s, list, image_count, why)
                  : add_range(s, 0, image_count < INDICES_DEFAULT ? image_count - 1 : INDICES_DEFAULT - 1, why);
    if (!status) status = allocate(s, why);
    if (!status)
        status = silma_model_predict_dataset(s->model, s->context, s->dataset, s->indices, s->count, s->probabilities,
                                             &why->error);
    return status;
}

static silma_status predict_files(const arguments *args, session *s, problem *why)
{
    static const char *const exclusive[] = {"data", "data-dir", "split", "index"};
    for (size_t i = 0; i < sizeof exclusive / sizeof *exclusive; i++)
        if (option_given(args, exclusive[i]))
            return problem_set(why, SILMA_USAGE, "--%s is about the images of a data set, but '%s' is a file",
                               exclusive[i], args->words[1]);
    s->files = args->words + 1;
    s->count = args->word_count - 1;
    int height, width, channels;
    silma_model_input_size(s->model, &height, &width, &channels);
    size_t image_size = (size_t)height * (size_t)width * (size_t)channels;
    uint8_t *pixels = reallocarray(NULL, s->count, image_size);
    silma_status status = pixels ? allocate(s, why) : problem_set_memory(why);
    for (size_t i = 0; i < s->count && !status; i++)
        status = pnm_read(s->files[i], height, width, channels, pixels + i * image_size, why);
    if (!status) status = silma_model_predict(s->model, s->context, pixels, s->count, s->probabilities, &why->error);
    free(pixels);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Results

// Fills `order` with the classes by falling probability; only the first `top` need be right.
static void sort_classes(session *s, const float *probabilities)
{
    for (int i = 0; i < s->class_count; i++)
        s->order[i] = i;
    for (size_t i = 0; i < s->top; i++) {
        size_t most = i;
        for (size_t j = i + 1; j < (size_t)s->class_count; j++)
            if (probabilities[s->order[j]] > probabilities[s->order[most]]) most = j;
        int class = s->order[most];
        memmove(s->order + i + 1, s->order + i, (most - i) * sizeof *s->order); // keeps ties in order of the classes
        s->order[i] = class;
    }
}

static void name_of(const session *s, int class, char name[CLASS_NAME_SIZE])
{
    class_name(name, silma_model_class_name(s->model, class), class);
}

// The true class of picture `i`, or -1 where it is not known.
static int label_of(const session *s, size_t i)
{
    const uint32_t *labels = s->dataset ? silma_dataset_images(s->dataset)->labels : NULL;
    return labels ? (int)labels[s->indices[i]] : -1;
}

static void print_heading(const session *s, size_t i, const terminal *screen)
{
    char best[CLASS_NAME_SIZE], truth[CLASS_NAME_SIZE], file[512];
    int label = label_of(s, i);
    name_of(s, s->order[0], best);
    if (s->dataset) {
        printf("%s %s %u: ", silma_dataset_name(s->dataset), s->split, s->indices[i]);
    } else {
        text_printable(file, sizeof file, s->files[i]);
        printf("%s: ", file);
    }
    printf("%s%s%s", terminal_style(screen, STYLE_BOLD), best, terminal_style(screen, STYLE_PLAIN));
    if (label >= 0) {
        bool right = label == s->order[0];
        printf(", %s%s%s", terminal_style(screen, right ? STYLE_GOOD : STYLE_ERROR), right ? "right" : "wrong",
               terminal_style(screen, STYLE_PLAIN));
        name_of(s, label, truth);
        if (!right) printf(": it is %s", truth);
    }
    printf("\n");
}

static void print_picture(session *s, size_t i, const terminal *screen)
{
    enum { BAR_MOST = 30, BESIDE_BAR = 15 }; // columns: of the bar; of the margin, the percentage and the gaps
    const float *probabilities = s->probabilities + i * (size_t)s->class_count;
    int width = 0;
    char name[CLASS_NAME_SIZE];
    sort_classes(s, probabilities);
    print_heading(s, i, screen);
    for (size_t k = 0; k < s->top; k++) {
        name_of(s, s->order[k], name);
        if (text_columns(name) > width) width = text_columns(name);
    }
    int bar = screen->interactive ? screen->columns - width - BESIDE_BAR : 0;
    if (bar > BAR_MOST) bar = BAR_MOST;
    for (size_t k = 0; k < s->top; k++) {
        name_of(s, s->order[k], name);
        double probability = (double)probabilities[s->order[k]];
        printf("  %s%*s  %9s", name, text_padding(name, width), "", text_percent(probability).text);
        if (bar > 0) printf("  %s", terminal_draw_bar(screen, probability, bar).text);
        printf("\n");
    }
}

static void print_text(session *s)
{
    terminal screen = terminal_of(stdout);
    size_t labelled = 0, right = 0;
    for (size_t i = 0; i < s->count; i++) {
        print_picture(s, i, &screen);
        labelled += label_of(s, i) >= 0;
        right += label_of(s, i) == s->order[0];
    }
    if (labelled > 1) printf("%zu of %zu right\n", right, labelled);
}

static json_t *class_json(const session *s, int class, float probability)
{
    char name[CLASS_NAME_SIZE];
    name_of(s, class, name);
    return json_pack("{s:i, s:s, s:o}", "class", class, "name", name, "probability",
                     output_number((double)probability));
}

static json_t *picture_json(session *s, size_t i)
{
    const float *probabilities = s->probabilities + i * (size_t)s->class_count;
    sort_classes(s, probabilities);
    json_t *top = json_array();
    for (size_t k = 0; k < s->top; k++)
        if (json_array_append_new(top, class_json(s, s->order[k], probabilities[s->order[k]])) != 0) {
            json_decref(top);
            return NULL;
        }
    char best[CLASS_NAME_SIZE], truth[CLASS_NAME_SIZE];
    name_of(s, s->order[0], best);
    json_t *picture = json_pack("{s:i, s:s, s:o, s:o}", "class", s->order[0], "name", best, "probability",
                                output_number((double)probabilities[s->order[0]]), "top", top);
    int label = label_of(s, i), failed = !picture;
    if (s->dataset)
        failed |= json_object_set_new(picture, "index", output_integer(s->indices[i]));
    else
        failed |= json_object_set_new(picture, "file", output_string(s->files[i]));
    if (label >= 0) {
        name_of(s, label, truth);
        failed |= json_object_set_new(picture, "true_class", json_integer(label));
        failed |= json_object_set_new(picture, "true_name", output_string(truth));
        failed |= json_object_set_new(picture, "correct", json_boolean(label == s->order[0]));
    }
    if (!failed) return picture;
    json_decref(picture);
    return NULL;
}

static silma_status print_json(session *s, const char *model_path, problem *why)
{
    json_t *results = json_array();
    for (size_t i = 0; i < s->count; i++)
        if (json_array_append_new(results, picture_json(s, i)) != 0) {
            json_decref(results);
            return problem_set_memory(why);
        }
    json_t *data = s->dataset ? output_string(silma_dataset_name(s->dataset)) : json_null();
    return output_json(json_pack("{s:o, s:o, s:o, s:o}", "model", output_string(model_path), "data", data, "split",
                                 output_string(s->split), "results", results),
                       why);
}

static silma_status predict(const arguments *args, session *s, problem *why)
{
    silma_status status = silma_model_load(&s->model, args->words[0], &why->error);
    if (status) return status;
    s->class_count = silma_model_class_count(s->model);
    if (s->top > (size_t)s->class_count) s->top = (size_t)s->class_count;

    status = open_context(args, &s->context, why);
    if (!status) status = args->word_count == 1 ? predict_dataset(args, s, why) : predict_files(args, s, why);
    if (status) return status;
    if (option_given(args, "json")) return print_json(s, args->words[0], why);
    print_text(s);
    return SILMA_OK;
}

static silma_status run(const arguments *args, problem *why)
{
    enum { TOP_DEFAULT = 3, TOP_MOST = 1000000 };
    uint64_t top = TOP_DEFAULT;
    silma_status status = arguments_expect_words(args, 1, SIZE_MAX, "a model (best.safetensors of a run folder)", why);
    if (!status) status = option_count(args, "top", 1, TOP_MOST, &top, why);
    if (status) return status;
    session s = {.top = (size_t)top};
    status = predict(args, &s, why);
    session_free(&s);
    return status;
}

static const option table[] = {
    {"data", "NAME|DIR", "the data set (default: the one that the model's run was trained on)"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"split", "train|test", "which of its images (default: test)"},
    {"index", "LIST", "their numbers, from 0, such as 0-8,17 (default: 0-8)"},
    {"top", "K", "how many classes to show of each image (default: 3)"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command predict_command = {
    .name = "predict",
    .synopsis = "MODEL.safetensors [--data NAME|DIR] [--index LIST] [options]\nMODEL.safetensors FILE... [options]",
    .summary = "classify images",
    .details = "Prints the most probable classes of each image. Files are PGM (P5) or PPM (P6) pictures of 8 bits a\n"
               "sample and of exactly the model's size; images of a data set tell whether the model is right.",
    .groups = {&options, &machine_options},
    .run = run,
};
