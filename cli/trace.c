// silma trace: the mathematics of one image, worked through on one page.
#include "commands.h"
#include "output.h"
#include "setup.h"
#include "text.h"

#include <silma/report.h>

#include <stdio.h>
#include <string.h>

typedef struct session {
    silma_context *context;
    silma_dataset *dataset;
    silma_network *network;
    silma_model *model;
    silma_settings *settings;
    silma_trace_options options;
    silma_trace_result result;
    size_t index;
    const char *out;
} session;

static void session_free(session *s)
{
    silma_settings_free(s->settings);
    silma_model_free(s->model);
    silma_network_free(s->network);
    silma_dataset_free(s->dataset);
    silma_context_free(s->context);
}

static bool is_model_file(const char *name)
{
    static const char ending[] = ".safetensors";
    size_t length = strlen(name);
    return length >= sizeof ending && strcmp(name + length - (sizeof ending - 1), ending) == 0;
}

// A page of an earlier call may be replaced, another file not.
static silma_status check_out(const arguments *args, const char *path, problem *why)
{
    enum { START = 4096 };
    char start[START];
    if (option_given(args, "force")) return SILMA_OK;
    FILE *file = fopen(path, "rb");
    if (!file) return SILMA_OK;
    size_t count = fread(start, 1, sizeof start - 1, file);
    fclose(file);
    start[count] = 0;
    if (strstr(start, "content=\"silma trace ")) return SILMA_OK;
    problem_hint(why, "--force replaces it, --out names another");
    return problem_set(why, SILMA_USAGE, "%s is there already, and is no page of silma trace", path);
}

static silma_status open_data(const arguments *args, session *s, problem *why)
{
    static const char *const splits[] = {"train", "test"};
    size_t split = SILMA_SPLIT_TEST;
    silma_status status = option_choice(args, "split", splits, 2, &split, why);
    if (status) return status;
    s->options.part = splits[split];
    const char *name = option_text(args, "data");
    if (s->model) return open_model_dataset(args, args->words[0], s->model, (silma_split)split, &s->dataset, why);
    if (!name) {
        problem_hint(why, "silma trace %s --data fashion-mnist --index 0", args->words[0]);
        return problem_set(why, SILMA_USAGE, "--data is missing");
    }
    return open_dataset(name, option_text(args, "data-dir"), (silma_split)split, &s->dataset, why);
}

static silma_status take_index(const arguments *args, session *s, problem *why)
{
    uint64_t index = 0;
    silma_status status = option_count(args, "index", 0, silma_dataset_images(s->dataset)->count - 1, &index, why);
    s->index = (size_t)index;
    return status;
}

// An untrained network, with the weights that training with this seed would start from.
static silma_status make_model(const arguments *args, session *s, problem *why)
{
    uint64_t seed = 0;
    const silma_images *images = silma_dataset_images(s->dataset);
    silma_input input = dataset_input(s->dataset);
    silma_status status = option_count(args, "seed", 0, INT64_MAX, &seed, why);
    if (!status) status = open_network(args->words[0], &input, &s->network, why);
    if (status) return status;
    silma_layer_info last;
    silma_network_layer(s->network, silma_network_layer_count(s->network) - 1, &last);
    int classes = last.channels == 1 ? 2 : last.channels;
    bool names = classes <= images->class_count && last.channels > 1;
    s->options.untrained = true;
    return silma_model_create(&s->model, s->network, names ? images->class_names : NULL, classes, seed, &why->error);
}

static silma_status take_settings(const arguments *args, session *s, problem *why)
{
    static const char *const names[][2] = {
        {"optimizer", "optimizer"}, {"lr", "lr"}, {"loss", "loss"}, {"clip-norm", "clip_norm"}, {"seed", "seed"}};
    silma_status status = silma_settings_create(&s->settings, &why->error);
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
        const char *value = option_text(args, names[i][0]);
        if (value) status = silma_settings_set(s->settings, names[i][1], value, &why->error);
    }
    s->options.settings = s->settings;
    s->options.large = option_given(args, "large");
    return status;
}

static silma_status print_result(const arguments *args, const session *s, problem *why)
{
    const silma_trace_result *r = &s->result;
    if (option_given(args, "json"))
        return output_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "page", output_string(s->out), "data",
                                     output_string(silma_dataset_name(s->dataset)), "index", output_integer(s->index),
                                     "loss", output_number(r->loss), "loss_after", output_number(r->loss_after),
                                     "gradients", output_integer(r->checks), "worst_error",
                                     output_number(r->worst_error)),
                           why);
    char out[1024];
    text_printable(out, sizeof out, s->out);
    printf("%s: image %zu of %s; loss %.4f, after one step %.4f\n", out, s->index, silma_dataset_name(s->dataset),
           r->loss, r->loss_after);
    printf("%zu gradients beside their numerical derivatives, greatest relative error %.1e\n", r->checks,
           r->worst_error);
    return SILMA_OK;
}

static silma_status trace(const arguments *args, session *s, problem *why)
{
    silma_status status = open_context(args, &s->context, why);
    if (!status) status = take_settings(args, s, why);
    if (!status && is_model_file(args->words[0])) status = silma_model_load(&s->model, args->words[0], &why->error);
    if (!status) status = open_data(args, s, why);
    if (!status) status = take_index(args, s, why);
    if (!status && !s->model) status = make_model(args, s, why);
    if (!status)
        status =
            silma_trace_write(s->context, s->model, s->dataset, s->index, &s->options, s->out, &s->result, &why->error);
    if (status == SILMA_USAGE && strstr(why->error.message, "large pages")) problem_hint(why, "--large allows it");
    return status ? status : print_result(args, s, why);
}

static silma_status run(const arguments *args, problem *why)
{
    session s = {.out = option_text(args, "out")};
    if (!s.out) s.out = "trace.html";
    silma_status status =
        arguments_expect_words(args, 1, 1, "a network, or a model (best.safetensors of a run folder)", why);
    if (!status) status = check_out(args, s.out, why);
    if (!status) status = trace(args, &s, why);
    session_free(&s);
    return status;
}

static const option table[] = {
    {"data", "NAME|DIR", "the data set (a model's default: the one that its run was trained on)"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"split", "train|test", "which of its images (default: test)"},
    {"index", "I", "the image's number, from 0 (default: 0)"},
    {"out", "FILE", "the page (default: trace.html)"},
    {"seed", "N", "seed of an untrained network's weights, and of what dropout drops (default: 0)"},
    {"optimizer", "\"NAME ...\"", "whose step is shown, as in training: \"sgd lr=0.1\" (default: the recipe's)"},
    {"lr", "RATE", "learning rate"},
    {"loss", "\"NAME ...\"", "as in training (default: the recipe's)"},
    {"clip-norm", "NORM", "scale gradients down to this norm"},
    {"large", NULL, "allow a page of more than 3 MB"},
    {"force", NULL, "replace a file that is no page of silma trace"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command trace_command = {
    .name = "trace",
    .synopsis = "NETWORK|FILE.silma --data NAME|DIR --index I [options]\n"
                "MODEL.safetensors [--data NAME|DIR] --index I [options]",
    .summary = "work one image's mathematics through on a page",
    .details = "Writes one self-contained page: each layer's formula with the thesis's equation number, the numbers\n"
               "put into it, its result as a picture, the loss, and the same backwards: each gradient beside its\n"
               "numerical derivative, and the weight's update. Click a neuron to see its own sum.",
    .groups = {&options, &machine_options},
    .run = run,
};
