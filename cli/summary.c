// silma summary: a network's layers, shapes, parameters, multiply-adds and memory.
#include "commands.h"
#include "output.h"
#include "setup.h"
#include "text.h"

#include <stdio.h>

enum { BATCH_DEFAULT = 128, BATCH_MOST = 1000000 };

// "conv 32 3x3 same relu", printable.
typedef struct layer_text {
    char text[256];
} layer_text;

static layer_text describe_layer(const silma_layer_info *layer)
{
    char joined[sizeof((layer_text *)0)->text];
    const char *separator = layer->description[0] ? " " : "";
    snprintf(joined, sizeof joined, "%s%s%s", layer->type, separator, layer->description);
    layer_text result;
    text_printable(result.text, sizeof result.text, joined);
    return result;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

// Widths of the table's columns.
typedef struct table_widths {
    int name, type, shape, params, work;
} table_widths;

static table_widths measure_table(const silma_network *network)
{
    table_widths widths = {.name = 5, .type = 4, .shape = 6, .params = 10, .work = 13}; // of the headings
    for (size_t i = 0; i < silma_network_layer_count(network); i++) {
        silma_layer_info layer;
        silma_network_layer(network, i, &layer);
        widths.name = larger(widths.name, text_columns(layer.name));
        widths.type = larger(widths.type, text_columns(describe_layer(&layer).text));
        widths.shape = larger(widths.shape, text_columns(text_shape(layer.height, layer.width, layer.channels).text));
        size_t params = layer.trainable_params + layer.non_trainable_params;
        widths.params = larger(widths.params, text_columns(text_count(params).text));
        widths.work = larger(widths.work, text_columns(text_count(layer.multiply_adds).text));
    }
    return widths;
}

static void print_row(const table_widths *widths, const char *name, const char *type, const char *shape,
                      const char *params, const char *work)
{
    printf("%s%*s  %s%*s  %s%*s  %*s  %*s", name, text_padding(name, widths->name), "", type,
           text_padding(type, widths->type), "", shape, text_padding(shape, widths->shape), "", widths->params, params,
           widths->work, work);
}

// Names the layers that feed this one, where they are not simply the one above.
static void print_inputs(const silma_network *network, size_t index, const silma_layer_info *layer)
{
    if (layer->input_count == 0 || (layer->input_count == 1 && layer->inputs[0] + 1 == index)) return;
    printf("  <- ");
    for (size_t i = 0; i < layer->input_count; i++) {
        silma_layer_info input;
        silma_network_layer(network, layer->inputs[i], &input);
        printf("%s%s", i > 0 ? ", " : "", input.name);
    }
}

static void print_layers(const silma_network *network)
{
    table_widths widths = measure_table(network);
    print_row(&widths, "Layer", "Type", "Output", "Parameters", "Multiply-adds");
    printf("\n");
    for (size_t i = 0; i < silma_network_layer_count(network); i++) {
        silma_layer_info layer;
        silma_network_layer(network, i, &layer);
        short_text shape = text_shape(layer.height, layer.width, layer.channels);
        short_text params = text_count(layer.trainable_params + layer.non_trainable_params);
        short_text work = text_count(layer.multiply_adds);
        print_row(&widths, layer.name, describe_layer(&layer).text, shape.text, params.text, work.text);
        print_inputs(network, i, &layer);
        printf("\n");
    }
}

static void print_totals(const silma_network_totals *totals, uint64_t batch)
{
    printf("\n");
    printf("Parameters      %s\n", text_count(totals->trainable_params + totals->non_trainable_params).text);
    printf("  trainable     %s\n", text_count(totals->trainable_params).text);
    printf("  not           %s\n", text_count(totals->non_trainable_params).text);
    printf("Forward pass    %s floating-point operations an image\n", text_count(totals->forward_flops).text);
    printf("Memory          at batch %s: training %s, inference %s\n", text_count(batch).text,
           text_bytes(totals->train_peak_bytes).text, text_bytes(totals->infer_peak_bytes).text);
}

static json_t *layer_json(const silma_network *network, size_t index)
{
    silma_layer_info layer;
    silma_network_layer(network, index, &layer);
    json_t *shape = layer.height == 0 && layer.width == 0
                        ? json_pack("[i]", layer.channels)
                        : json_pack("[i, i, i]", layer.height, layer.width, layer.channels);
    json_t *inputs = json_array();
    for (size_t i = 0; i < layer.input_count; i++) {
        silma_layer_info input;
        silma_network_layer(network, layer.inputs[i], &input);
        output_append(&inputs, output_string(input.name));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", output_string(layer.name), "type",
                     output_string(layer.type), "description", output_string(layer.description), "inputs", inputs,
                     "output_shape", shape, "trainable_params", output_integer(layer.trainable_params),
                     "non_trainable_params", output_integer(layer.non_trainable_params), "multiply_adds",
                     output_integer(layer.multiply_adds));
}

static silma_status print_json(const silma_network *network, const silma_network_totals *totals, uint64_t batch,
                               problem *why)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < silma_network_layer_count(network); i++)
        output_append(&layers, layer_json(network, i));
    json_t *root = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", output_string(silma_network_name(network)),
        "total_params", output_integer(totals->trainable_params + totals->non_trainable_params), "trainable_params",
        output_integer(totals->trainable_params), "non_trainable_params", output_integer(totals->non_trainable_params),
        "forward_flops", output_integer(totals->forward_flops), "batch", output_integer(batch), "train_arena_bytes",
        output_integer(totals->train_arena_bytes), "infer_arena_bytes", output_integer(totals->infer_arena_bytes),
        "train_peak_bytes", output_integer(totals->train_peak_bytes), "infer_peak_bytes",
        output_integer(totals->infer_peak_bytes), "layers", layers);
    return output_json(root, why);
}

// The input's size from --data or --input; both absent is right for a network that names its own.
static silma_status resolve_input(const arguments *args, silma_input *input, problem *why)
{
    const char *data = option_text(args, "data");
    if (data && option_given(args, "input"))
        return problem_set(why, SILMA_USAGE, "--data and --input exclude each other");
    silma_status status = network_input(args, input, why);
    if (status || !data) return status;

    int class_count = input->class_count;
    status = data_input(data, option_text(args, "data-dir"), input, why);
    if (option_given(args, "classes")) input->class_count = class_count;
    return status;
}

static silma_status summarise(const arguments *args, const silma_input *input, uint64_t batch, problem *why)
{
    silma_context *context = NULL;
    silma_network *network = NULL;
    silma_network_totals totals;
    silma_status status = open_context(args, &context, why);
    if (!status) status = open_network(args->words[0], input, &network, why);
    if (!status) status = silma_network_measure(network, context, batch, &totals, &why->error);
    if (!status && option_given(args, "json")) {
        status = print_json(network, &totals, batch, why);
    } else if (!status) {
        print_layers(network);
        print_totals(&totals, batch);
    }
    silma_network_free(network);
    silma_context_free(context);
    return status;
}

static silma_status run(const arguments *args, problem *why)
{
    uint64_t batch = BATCH_DEFAULT;
    silma_input input = {0};
    silma_status status = arguments_expect_words(args, 1, 1, "a network", why);
    if (!status) status = option_count(args, "batch", 1, BATCH_MOST, &batch, why);
    if (!status) status = resolve_input(args, &input, why);
    if (!status) status = summarise(args, &input, batch, why);
    return status;
}

static const option table[] = {
    {"data", "NAME|DIR", "the data set whose images and classes the network is for"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"input", "HxWxC", "the size of an image instead: height, width, channels"},
    {"classes", "N", "the number of classes, where the network says 'dense classes' (default: the data's, or 10)"},
    {"batch", "N", "images a training step, for the memory that training takes (default: 128)"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command summary_command = {
    .name = "summary",
    .synopsis = "NETWORK|FILE.silma --data NAME|DIR [options]\nNETWORK|FILE.silma --input HxWxC [options]",
    .summary = "print a network's layers, shapes, parameters and memory",
    .details = "Prints a line a layer: name, type, the shape of its output, parameters and the multiply-adds of\n"
               "the forward pass of one image; then the totals.",
    .groups = {&options, &machine_options},
    .run = run,
};
