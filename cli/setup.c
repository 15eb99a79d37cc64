#include "setup.h"

#include "pictures.h"
#include "run_folder.h"
#include "text.h"

#ifdef SILMA_HAVE_CODECS
#include <silma/codecs.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const option machine_table[] = {
    {"threads", "N", "worker threads (default: one per processor); the results do not depend on it, to the bit"},
    {"backend", "fast|reference", "the best kernels of this CPU, or plain loops straight from the equations"},
    {"isa", "NAME", "instruction set: avx512, avx2, neon or scalar (default: $SILMA_ISA, or the best)"},
    {"no-winograd", NULL, "convolve by direct sums only"},
    {0},
};
const option_group machine_options = {"Machine", machine_table};

silma_status read_threads(const arguments *args, unsigned *threads, problem *why)
{
    enum { THREADS_MOST = 256 };
    uint64_t count = 0;
    silma_status status = option_count(args, "threads", 1, THREADS_MOST, &count, why);
    *threads = (unsigned)count;
    return status;
}

static silma_status read_machine(const arguments *args, silma_context_options *options, problem *why)
{
    static const char *const backends[] = {"fast", "reference"};
    size_t backend = SILMA_BACKEND_FAST;
    silma_status status = read_threads(args, &options->threads, why);
    if (!status) status = option_choice(args, "backend", backends, 2, &backend, why);
    options->isa = option_text(args, "isa");
    options->backend = (silma_backend)backend;
    options->no_winograd = option_given(args, "no-winograd");
    return status;
}

silma_status open_context(const arguments *args, silma_context **context, problem *why)
{
    silma_context_options options = {0};
    silma_status status = read_machine(args, &options, why);
    if (status) return status;
    status = silma_context_create(context, &options, &why->error);
    if (status == SILMA_USAGE) problem_hint(why, "the instruction set is named by --isa, or else by $SILMA_ISA");
    return status;
}

silma_status open_run_context(const arguments *args, const char *folder, silma_context **context, problem *why)
{
    const char *from_environment = getenv("SILMA_ISA");
    bool chosen =
        option_given(args, "isa") || option_given(args, "backend") || (from_environment && from_environment[0]);
    json_t *config = NULL;
    silma_context_options options = {0};
    silma_status status = read_machine(args, &options, why);
    if (!status) status = run_folder_read_config(folder, &config, why);
    if (status) return status;
    const char *isa = json_string_value(json_object_get(config, "isa"));
    bool reference = isa && strcmp(isa, "reference") == 0;
    if (json_is_false(json_object_get(config, "winograd"))) options.no_winograd = true;
    if (!chosen) options.backend = reference ? SILMA_BACKEND_REFERENCE : SILMA_BACKEND_FAST;
    if (!chosen) options.isa = reference ? NULL : isa;
    status = silma_context_create(context, &options, &why->error);
    if (status == SILMA_USAGE && !chosen) { // a CPU without these kernels goes on with its own
        options.isa = NULL;
        status = silma_context_create(context, &options, &why->error);
    }
    json_decref(config);
    if (status == SILMA_USAGE) problem_hint(why, "the instruction set is named by --isa, or else by $SILMA_ISA");
    return status;
}

static const char MAX_PIXELS[] = "SILMA_MAX_PIXELS";

silma_status check_environment(problem *why)
{
    uint64_t most;
    const char *text = getenv(MAX_PIXELS);
    if (!text || !*text || parse_count(text, 1, INT64_MAX, &most)) return SILMA_OK;
    return problem_set(why, SILMA_USAGE, "$%s: expected a number of pixels, found '%s'", MAX_PIXELS, text);
}

// The codecs with the limit that $SILMA_MAX_PIXELS sets.
static const silma_codecs *limited_codecs(void)
{
#ifdef SILMA_HAVE_CODECS
    static silma_codecs limited; // the same each time
    const char *text = getenv(MAX_PIXELS);
    uint64_t most;
    if (!text || !parse_count(text, 1, INT64_MAX, &most)) return silma_codecs_default();
    limited = *silma_codecs_default();
    limited.most_pixels = most;
    return &limited;
#else
    return NULL;
#endif
}

silma_dataset_options dataset_options(const char *data_dir)
{
    return (silma_dataset_options){.data_dir = data_dir, .notice = print_notice, .codecs = limited_codecs()};
}

silma_status check_data_dir(const arguments *args, problem *why)
{
    const char *folder = option_declared(args, "data-dir") ? option_text(args, "data-dir") : NULL;
    struct stat info;
    if (!folder || (stat(folder, &info) == 0 && S_ISDIR(info.st_mode))) return SILMA_OK;
    return problem_set(why, SILMA_USAGE, "--data-dir: '%s' is no folder", folder);
}

silma_status open_dataset(const char *name, const char *data_dir, silma_split split, silma_dataset **dataset,
                          problem *why)
{
    silma_dataset_options options = dataset_options(data_dir);
    return silma_dataset_open(dataset, name, split, &options, &why->error);
}

// The data set that the run recorded.
static silma_status open_recorded_dataset(const char *folder, silma_dataset_options *options, silma_split split,
                                          silma_dataset **dataset, problem *why)
{
    char *name = NULL, *place = NULL; // what was opened, and the folder where it lay
    silma_status status = silma_run_dataset_name(folder, &name, &place, &why->error);
    if (status) return status;
    bool by_name = silma_catalog_find(name) || !place;
    if (by_name && !options->data_dir) options->data_dir = place;
    status = silma_dataset_open(dataset, by_name ? name : place, split, options, &why->error);
    free(name);
    free(place);
    return status;
}

silma_status open_run_dataset(const char *folder, const char *name, const silma_dataset_options *options,
                              silma_dataset **dataset, problem *why)
{
    silma_dataset_options as_then = *options;
    silma_status status = silma_run_dataset_preparation(folder, &as_then.preparation, &why->error);
    if (status) return status;
    if (name) return silma_dataset_open(dataset, name, SILMA_SPLIT_TRAIN, &as_then, &why->error);
    return open_recorded_dataset(folder, &as_then, SILMA_SPLIT_TRAIN, dataset, why);
}

// --data, or the data set of the run whose folder holds the model.
static silma_status open_named_or_recorded(const arguments *args, const char *model_path,
                                           silma_dataset_options *options, silma_split split, silma_dataset **dataset,
                                           problem *why)
{
    const char *name = option_text(args, "data");
    if (name) return silma_dataset_open(dataset, name, split, options, &why->error);
    char *folder = folder_of_path(model_path);
    if (!folder) return problem_set_memory(why);
    silma_status status;
    if (run_folder_holds_run(folder)) {
        status = open_recorded_dataset(folder, options, split, dataset, why);
    } else {
        status =
            problem_set(why, SILMA_USAGE, "--data is missing: %s lies in no run folder that could tell", model_path);
        problem_hint(why, "silma %s %s --data fashion-mnist", args->command->name, model_path);
    }
    free(folder);
    return status;
}

silma_status open_model_dataset(const arguments *args, const char *model_path, const silma_model *model,
                                silma_split split, silma_dataset **dataset, problem *why)
{
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    silma_status status = read_threads(args, &options.threads, why);
    if (status) return status;
    silma_model_preparation(model, &options.preparation);
    options.class_count = silma_model_class_count(model);
    const char **names = calloc((size_t)options.class_count + 1, sizeof *names);
    if (!names) return problem_set_memory(why);
    for (int i = 0; i < options.class_count; i++)
        names[i] = silma_model_class_name(model, i);
    options.class_names = names;
    status = open_named_or_recorded(args, model_path, &options, split, dataset, why);
    free(names);
    return status;
}

silma_input dataset_input(const silma_dataset *dataset)
{
    const silma_images *images = silma_dataset_images(dataset);
    return (silma_input){images->height, images->width, images->channels, images->class_count};
}

silma_status data_input(const char *name, const char *data_dir, silma_input *input, problem *why)
{
    const silma_catalog_entry_type *entry = silma_catalog_find(name);
    if (entry) {
        *input = (silma_input){entry->height, entry->width, entry->channels, entry->class_count};
        return SILMA_OK;
    }
    silma_dataset *dataset = NULL;
    silma_status status = open_dataset(name, data_dir, SILMA_SPLIT_TRAIN, &dataset, why);
    if (!status) *input = dataset_input(dataset);
    silma_dataset_free(dataset);
    return status;
}

// "28x28x1"
static silma_status parse_input(const char *text, silma_input *input, problem *why)
{
    enum { SIDE_MOST = 65536 };
    uint64_t sides[3];
    char copy[64];
    bool valid = strlen(text) < sizeof copy;
    snprintf(copy, sizeof copy, "%s", text);
    char *side = copy;
    for (int i = 0; i < 3 && valid; i++) {
        char *end = side + strcspn(side, "x");
        valid = i < 2 ? *end == 'x' : *end == 0;
        *end = 0;
        valid = valid && parse_count(side, 1, SIDE_MOST, &sides[i]);
        side = end + 1;
    }
    if (!valid)
        return problem_set(why, SILMA_USAGE, "--input: expected HEIGHTxWIDTHxCHANNELS such as 28x28x1, found '%s'",
                           text);
    input->height = (int)sides[0];
    input->width = (int)sides[1];
    input->channels = (int)sides[2];
    return SILMA_OK;
}

silma_status network_input(const arguments *args, silma_input *input, problem *why)
{
    enum { CLASSES_DEFAULT = 10, CLASSES_MOST = 1000000 };
    const char *size = option_text(args, "input");
    uint64_t classes = CLASSES_DEFAULT;
    silma_status status = option_count(args, "classes", 1, CLASSES_MOST, &classes, why);
    if (!status && size) status = parse_input(size, input, why);
    input->class_count = (int)classes;
    return status;
}

silma_status open_network(const char *name_or_path, const silma_input *input, silma_network **network, problem *why)
{
    silma_status status = silma_network_open(network, name_or_path, input, &why->error);
    if (status && input->height == 0 && strstr(why->error.message, "input auto")) {
        problem_hint(why, "--input HxWxC tells the size, such as --input 28x28x1");
        status = why->error.status = SILMA_USAGE; // an option is missing, the file is good
    }
    return status;
}

void class_name(char name[CLASS_NAME_SIZE], const char *from_file, int index)
{
    if (from_file)
        text_printable(name, CLASS_NAME_SIZE, from_file);
    else
        snprintf(name, CLASS_NAME_SIZE, "%d", index);
}
