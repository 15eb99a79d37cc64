#define _GNU_SOURCE
#include "nn/network.h"

#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"
#include "nn/zoo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NETWORK_FILE_MAX = 1 << 20 };

// "dir/my-net.silma" -> "my-net"
static char *name_from_origin(const char *origin)
{
    const char *slash = strrchr(origin, '/');
    const char *start = slash ? slash + 1 : origin;
    const char *ending = strrchr(start, '.');
    char *name = strndup(start, ending && ending != start ? (size_t)(ending - start) : strlen(start));
    char *printable = name ? utf8_printable(name) : NULL;
    free(name);
    return printable;
}

silma_status silma_network_parse(silma_network **result, const char *text, const char *origin, const silma_input *input,
                                 silma_error *error)
{
    silma_network *network = calloc(1, sizeof *network);
    if (!network) return silma_fail_memory(error, sizeof *network);
    network->name = name_from_origin(origin);
    silma_status status =
        network->name ? graph_parse(&network->g, text, origin, input, error) : silma_fail_memory(error, strlen(origin));
    if (status != SILMA_OK) {
        silma_network_free(network);
        return status;
    }
    *result = network;
    return SILMA_OK;
}

static const zoo_entry *find_zoo(const char *name)
{
    for (size_t i = 0; i < zoo_count; i++)
        if (strcmp(zoo_entries[i].name, name) == 0) return &zoo_entries[i];
    return NULL;
}

static silma_status fail_unknown_network(const char *name, silma_error *error)
{
    const char *names[64];
    size_t count = 0;
    for (; count < zoo_count && count < 64; count++)
        names[count] = zoo_entries[count].name;
    const char *closest = silma_closest_word(name, names, count);
    if (closest)
        return silma_fail(error, SILMA_USAGE, "'%s' is neither a file nor a network of the zoo; did you mean '%s'?",
                          name, closest);
    return silma_fail(error, SILMA_USAGE, "'%s' is neither a file nor a network of the zoo ('silma models' lists them)",
                      name);
}

silma_status silma_network_open(silma_network **result, const char *name_or_path, const silma_input *input,
                                silma_error *error)
{
    const zoo_entry *entry = find_zoo(name_or_path);
    if (entry) return silma_network_parse(result, entry->text, entry->name, input, error);
    if (access(name_or_path, F_OK) != 0 && !strchr(name_or_path, '/') && !strstr(name_or_path, ".silma"))
        return fail_unknown_network(name_or_path, error);
    char *text;
    size_t count;
    silma_status status = file_read(name_or_path, NETWORK_FILE_MAX, &text, &count, error);
    if (status != SILMA_OK) return status;
    if (memchr(text, '\0', count))
        status = silma_fail(error, SILMA_BAD_FILE, "%s: holds a zero byte: this is no .silma text", name_or_path);
    else
        status = silma_network_parse(result, text, name_or_path, input, error);
    free(text);
    return status;
}

void silma_network_free(silma_network *network)
{
    if (!network) return;
    graph_free(network->g);
    free(network->name);
    free(network);
}

const char *silma_network_name(const silma_network *network)
{
    return network->name;
}

const char *silma_network_text(const silma_network *network)
{
    return network->g->text;
}

void silma_network_input_size(const silma_network *network, int *height, int *width, int *channels)
{
    shape s = graph_input(network->g);
    *height = s.h;
    *width = s.w;
    *channels = s.c;
}

size_t silma_network_layer_count(const silma_network *network)
{
    return network->g->layer_count;
}

static void describe_layer(const graph *g, size_t index, char *text, size_t size)
{
    const layer *l = &g->layers[index];
    text[0] = '\0';
    if (l->type->describe) l->type->describe(l, text, size);
    bool carries_head = g->head != ACTIVATION_LINEAR && index == g->output_layer && index + 1 == g->layer_count;
    size_t used = strlen(text);
    if (carries_head) snprintf(text + used, size - used, " %s", activation_name(g->head));
}

void silma_network_layer(const silma_network *network, size_t index, silma_layer_info *info)
{
    const layer *l = &network->g->layers[index];
    *info = (silma_layer_info){
        .name = l->name,
        .type = l->type->name,
        .height = l->out.flat ? 0 : l->out.h,
        .width = l->out.flat ? 0 : l->out.w,
        .channels = l->out.c,
        .multiply_adds = l->multiply_adds,
        .input_count = l->input_count,
        .inputs = l->inputs,
    };
    describe_layer(network->g, index, info->description, sizeof info->description);
    for (int p = 0; p < l->parameter_count; p++)
        *(l->parameters[p].trainable ? &info->trainable_params : &info->non_trainable_params) += l->parameters[p].count;
}
