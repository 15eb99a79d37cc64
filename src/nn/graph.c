#define _GNU_SOURCE
#include "nn/graph.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 1 << 20,
    LAYERS_MAX = 4096,
    RECIPE_MAX = 256, // lines
    TYPES_MAX = 64,
    PARAMETER_ALIGNMENT = 16, // floats: 64 bytes, so that kernels may load whole vectors from a tensor's start
};

static const char INPUT_NAME[] = "input";
static const char INPUT_SYNOPSIS[] = "input HEIGHTxWIDTHxCHANNELS, input COUNT, or input auto";

// A text being read: the graph so far, and the text as it will be stored.
typedef struct reader {
    graph *g;
    const silma_input *input;
    FILE *stored;
    const char *line;           // the one that is being taken apart; it has the bytes of the raw one up to its comment
    int last_number[TYPES_MAX]; // by the type's place in layer_types: no layer has a greater one of those given here
    bool in_recipe;
} reader;

static void layer_clear(layer *l)
{
    free(l->settings);
    free(l->inputs);
}

void graph_free(graph *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->layer_count; i++)
        layer_clear(&g->layers[i]);
    free(g->layers);
    for (size_t i = 0; i < g->recipe_count; i++) {
        free(g->recipe[i].name);
        free(g->recipe[i].value);
    }
    free(g->recipe);
    free(g->text);
    free(g->origin);
    free(g);
}

static size_t find_layer(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (strcmp(g->layers[i].name, name) == 0) return i;
    return SIZE_MAX;
}

static silma_status fail_unknown_layer(const graph *g, const words *line, const char *name, silma_error *error)
{
    const char *names[LAYERS_MAX];
    for (size_t i = 0; i < g->layer_count; i++)
        names[i] = g->layers[i].name;
    const char *closest = silma_closest_word(name, names, g->layer_count);
    if (closest) return words_fail(line, error, "no layer above is called '%s'; did you mean '%s'?", name, closest);
    return words_fail(line, error, "no layer above is called '%s'; give one a name with name=%s", name, name);
}

static int *last_number_of(reader *r, const layer_type *type)
{
    size_t place = 0;
    while (place + 1 < TYPES_MAX && layer_types[place] != type)
        place++;
    return &r->last_number[place];
}

// The user's name=, or type and running number.
static silma_status name_layer(reader *r, layer *l, words *line, silma_error *error)
{
    const graph *g = r->g;
    const char *given = words_option(line, "name");
    if (given) {
        if (strlen(given) >= LAYER_NAME_MAX || given[0] == '\0' || strpbrk(given, "./\\\"'"))
            return words_fail(line, error, "'%s' cannot name a layer: 1 to %d characters, no '.', '/' or quotes", given,
                              LAYER_NAME_MAX - 1);
        if (find_layer(g, given) != SIZE_MAX) return words_fail(line, error, "two layers are called '%s'", given);
        snprintf(l->name, sizeof l->name, "%s", given);
        return SILMA_OK;
    }
    if (g->layer_count == 0) {
        snprintf(l->name, sizeof l->name, "%s", INPUT_NAME);
        return SILMA_OK;
    }
    int *last = last_number_of(r, l->type), number = 0;
    for (size_t i = 0; i < g->layer_count; i++)
        number += g->layers[i].type == l->type;
    if (*last < number) *last = number;
    do {
        snprintf(l->name, sizeof l->name, "%s%d", l->type->name, ++*last);
    } while (find_layer(g, l->name) != SIZE_MAX);
    return SILMA_OK;
}

static silma_status append_input(layer *l, size_t index, silma_error *error)
{
    size_t *grown = reallocarray(l->inputs, l->input_count + 1, sizeof *grown);
    if (!grown) return silma_fail_memory(error, (l->input_count + 1) * sizeof *grown);
    l->inputs = grown;
    l->inputs[l->input_count++] = index;
    return SILMA_OK;
}

static silma_status append_named_input(const graph *g, layer *l, const words *line, const char *name,
                                       silma_error *error)
{
    size_t index = find_layer(g, name);
    if (index == SIZE_MAX) return fail_unknown_layer(g, line, name, error);
    return append_input(l, index, error);
}

// Layers with one input take the previous one, or from=. Layers that join branches name them: one name means the
// previous layer and the named one; several mean exactly these.
static silma_status connect_layer(const graph *g, layer *l, words *line, silma_error *error)
{
    silma_status status = SILMA_OK;
    const char *from = words_option(line, "from");
    size_t previous = g->layer_count - 1;
    if (from) {
        previous = find_layer(g, from);
        if (previous == SIZE_MAX) return fail_unknown_layer(g, line, from, error);
    }
    if (!l->type->joins) return append_input(l, previous, error);
    const char *first = words_next(line);
    if (!first) return words_fail(line, error, "the layers to join are missing");
    const char *second = words_next(line);
    if (!second) status = append_input(l, previous, error);
    if (status == SILMA_OK) status = append_named_input(g, l, line, first, error);
    for (const char *name = second; status == SILMA_OK && name; name = words_next(line))
        status = append_named_input(g, l, line, name, error);
    return status;
}

static silma_status check_shape(const graph *g, const layer *l, silma_error *error)
{
    enum { SIDE_MAX = 1 << 20 };
    size_t count;
    bool positive = l->out.h > 0 && l->out.w > 0 && l->out.c > 0;
    bool fits = positive && l->out.h <= SIDE_MAX && l->out.w <= SIDE_MAX && l->out.c <= SIDE_MAX * 64 &&
                checked_mul((size_t)l->out.h * (size_t)l->out.w, (size_t)l->out.c, &count) && count <= INT32_MAX;
    if (fits) return SILMA_OK;
    return silma_fail(error, SILMA_BAD_FILE, "%s:%d: the output of %s would be %dx%dx%d, which is no possible size",
                      g->origin, l->line, l->name, l->out.h, l->out.w, l->out.c);
}

silma_status graph_resolve_layer(const graph *g, layer *l, silma_error *error)
{
    shape *in = calloc(l->input_count, sizeof *in);
    if (!in) return silma_fail_memory(error, l->input_count * sizeof *in);
    for (size_t i = 0; i < l->input_count; i++)
        in[i] = g->layers[l->inputs[i]].out;
    l->parameter_count = 0;
    l->multiply_adds = 0;
    silma_error inner = {0};
    silma_status status = l->type->resolve(l, in, &inner);
    free(in);
    if (status == SILMA_BAD_FILE || status == SILMA_USAGE)
        return silma_fail(error, SILMA_BAD_FILE, "%s:%d: %s: %s", g->origin, l->line, l->name, inner.message);
    if (status != SILMA_OK) return silma_fail(error, status, "%s", inner.message);
    return check_shape(g, l, error);
}

// "HxWxC", or one number for a vector.
static bool parse_shape(const char *size, int most, shape *out)
{
    long long count;
    if (parse_long(size, 1, most, &count)) {
        *out = (shape){.h = 1, .w = 1, .c = (int)count, .flat = true};
        return true;
    }
    char copy[32];
    if ((size_t)snprintf(copy, sizeof copy, "%s", size) >= sizeof copy) return false;
    int *const sides[] = {&out->h, &out->w, &out->c};
    char *rest = copy;
    for (int i = 0; i < 3; i++) {
        const char *side = strsep(&rest, "x");
        if (!side || !parse_long(side, 0, INT_MAX, &count)) return false;
        *sides[i] = (int)count;
    }
    return !rest;
}

// The first line: layer 0 has no inputs, and its shape may come from the data.
static silma_status parse_input(reader *r, layer *l, words *line, silma_error *error)
{
    enum { SIDE_MAX = 65536, CHANNELS_MAX = 1 << 24 };
    line->synopsis = INPUT_SYNOPSIS;
    const char *size = words_next(line);
    if (!size) return words_fail(line, error, "the size is missing");
    shape *out = &l->out;
    if (strcmp(size, "auto") == 0) {
        if (!r->input || r->input->height <= 0 || r->input->width <= 0 || r->input->channels <= 0)
            return words_fail(line, error, "'input auto' takes its size from the data: name a data set or a size");
        *out = (shape){.h = r->input->height, .w = r->input->width, .c = r->input->channels};
    } else if (!parse_shape(size, CHANNELS_MAX, out)) {
        return words_fail(line, error, "'%s' is no size", size);
    }
    if (out->h < 1 || out->h > SIDE_MAX || out->w < 1 || out->w > SIDE_MAX || out->c < 1 || out->c > CHANNELS_MAX)
        return words_fail(line, error, "'%s' is no size: sides from 1 to %d", size, SIDE_MAX);
    if (out->flat)
        fprintf(r->stored, "input %d", out->c);
    else
        fprintf(r->stored, "input %dx%dx%d", out->h, out->w, out->c);
    if (strcmp(l->name, INPUT_NAME) != 0) fprintf(r->stored, " name=%s", l->name);
    return SILMA_OK;
}

static const char *find_word(const words *line, const char *wanted)
{
    for (int i = 0; i < line->count; i++)
        if (line->word[i] && strcmp(line->word[i], wanted) == 0) return line->word[i];
    return NULL;
}

// `dense classes`: the word becomes the number of classes of the data, in the stored text as well.
static silma_status replace_classes(reader *r, const layer *l, words *line, char *raw, char number[16],
                                    silma_error *error)
{
    const char *word = strcmp(l->type->name, "dense") == 0 ? find_word(line, "classes") : NULL;
    if (!word) {
        fputs(raw, r->stored);
        return SILMA_OK;
    }
    if (!r->input || r->input->class_count <= 0)
        return words_fail(line, error,
                          "'classes' takes the number of classes from the data: name a data set or a number");
    snprintf(number, 16, "%d", r->input->class_count);
    for (int i = 0; i < line->count; i++)
        if (line->word[i] == word) line->word[i] = number;
    const char *place = raw + (word - r->line);
    fprintf(r->stored, "%.*s%s%s", (int)(place - raw), raw, number, place + strlen("classes"));
    return SILMA_OK;
}

static silma_status fail_unknown_type(const words *line, const char *word, silma_error *error)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; count < NAMES_MAX && layer_types[count]; count++)
        names[count] = layer_types[count]->name;
    const char *closest = silma_closest_word(word, names, count);
    if (closest)
        return silma_fail(error, SILMA_BAD_FILE, "%s:%d: '%s' is no layer; did you mean '%s'?", line->origin,
                          line->line, word, closest);
    return silma_fail(error, SILMA_BAD_FILE, "%s:%d: '%s' is no layer; layers are conv, dense, maxpool, flatten, ...",
                      line->origin, line->line, word);
}

static silma_status parse_layer_line(reader *r, layer *l, words *line, char *raw, silma_error *error)
{
    const char *word = words_next(line);
    if (!word) return words_fail(line, error, "a line begins with the layer's name");
    l->type = layer_type_find(word);
    l->line = line->line;
    bool first = r->g->layer_count == 0;
    if (!l->type) return fail_unknown_type(line, word, error);
    if (first != (strcmp(l->type->name, "input") == 0))
        return words_fail(line, error,
                          first ? "the first layer must be the input" : "only the first layer is the input");
    line->synopsis = l->type->synopsis;
    silma_status status = name_layer(r, l, line, error);
    if (status != SILMA_OK) return status;
    if (first) {
        status = parse_input(r, l, line, error);
        if (status == SILMA_OK) status = words_finish(line, error);
        return status == SILMA_OK ? check_shape(r->g, l, error) : status;
    }
    l->settings = calloc(1, l->type->settings_size + 1);
    if (!l->settings) return silma_fail_memory(error, l->type->settings_size);
    char number[16];
    status = connect_layer(r->g, l, line, error);
    if (status == SILMA_OK) status = replace_classes(r, l, line, raw, number, error);
    if (status == SILMA_OK && l->type->parse) status = l->type->parse(l, line, error);
    if (status == SILMA_OK) status = words_finish(line, error);
    if (status == SILMA_OK) status = graph_resolve_layer(r->g, l, error);
    return status;
}

static silma_status append_layer(reader *r, words *line, char *raw, silma_error *error)
{
    graph *g = r->g;
    if (g->layer_count == LAYERS_MAX)
        return silma_fail(error, SILMA_BAD_FILE, "%s:%d: at most %d layers are allowed", g->origin, line->line,
                          LAYERS_MAX);
    layer *grown = reallocarray(g->layers, g->layer_count + 1, sizeof *grown);
    if (!grown) return silma_fail_memory(error, (g->layer_count + 1) * sizeof *grown);
    g->layers = grown;
    layer l = {0};
    silma_status status = parse_layer_line(r, &l, line, raw, error);
    if (status != SILMA_OK) {
        layer_clear(&l);
        return status;
    }
    g->layers[g->layer_count++] = l;
    return SILMA_OK;
}

static silma_status append_recipe(graph *g, const char *text, int number, silma_error *error)
{
    if (g->recipe_count == RECIPE_MAX)
        return silma_fail(error, SILMA_BAD_FILE, "%s:%d: at most %d settings are allowed", g->origin, number,
                          RECIPE_MAX);
    recipe_line *grown = reallocarray(g->recipe, g->recipe_count + 1, sizeof *grown);
    if (!grown) return silma_fail_memory(error, sizeof *grown);
    g->recipe = grown;
    size_t length = strcspn(text, " \t");
    const char *value = text + length;
    value += strspn(value, " \t");
    recipe_line line = {.line = number, .name = strndup(text, length), .value = strdup(value)};
    if (!line.name || !line.value) {
        free(line.name);
        free(line.value);
        return silma_fail_memory(error, strlen(text));
    }
    g->recipe[g->recipe_count++] = line;
    return SILMA_OK;
}

static void cut_comment_and_blanks(char *text)
{
    text[strcspn(text, "#")] = '\0';
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
}

// One line, without its newline: `raw` is kept for the stored text, `cut` is taken apart.
static silma_status parse_line(reader *r, char *raw, char *cut, int number, silma_error *error)
{
    cut_comment_and_blanks(cut);
    r->line = cut;
    char *text = cut + strspn(cut, " \t");
    if (*text == '\0') {
        fputs(raw, r->stored);
        return SILMA_OK;
    }
    if (strcmp(text, "train:") == 0) {
        if (r->in_recipe) return silma_fail(error, SILMA_BAD_FILE, "%s:%d: a second 'train:'", r->g->origin, number);
        r->in_recipe = true;
        fputs(raw, r->stored);
        return SILMA_OK;
    }
    if (r->in_recipe) {
        fputs(raw, r->stored);
        return append_recipe(r->g, text, number, error);
    }
    words line;
    silma_status status = words_split(&line, text, r->g->origin, number, error);
    if (status != SILMA_OK) return status;
    return append_layer(r, &line, raw, error);
}

static silma_status parse_lines(reader *r, char *text, silma_error *error)
{
    silma_status status = SILMA_OK;
    int number = 1;
    for (char *next = NULL; status == SILMA_OK && text; text = next, number++) {
        next = strchr(text, '\n');
        if (next) *next++ = '\0';
        char *cut = strdup(text);
        if (!cut) return silma_fail_memory(error, strlen(text));
        status = parse_line(r, text, cut, number, error);
        free(cut);
        if (next) fputc('\n', r->stored);
    }
    return status;
}

static bool is_head(activation_kind kind)
{
    return kind == ACTIVATION_SOFTMAX || kind == ACTIVATION_SIGMOID;
}

// Takes a softmax or sigmoid off the end.
static silma_status find_head(graph *g, silma_error *error)
{
    layer *last = &g->layers[g->layer_count - 1];
    g->output_layer = g->layer_count - 1;
    g->head = ACTIVATION_LINEAR;
    activation_kind kind;
    if (is_head(last->act.kind)) {
        g->head = last->act.kind;
        last->act = (activation){.kind = ACTIVATION_LINEAR};
        return graph_resolve_layer(g, last, error);
    }
    if (g->layer_count > 2 && activation_find(last->type->name, &kind) && is_head(kind)) {
        g->head = kind;
        g->output_layer = last->inputs[0];
    }
    return SILMA_OK;
}

static silma_status check_whole(const graph *g, silma_error *error)
{
    if (g->layer_count == 0)
        return silma_fail(error, SILMA_BAD_FILE, "%s: holds no layer; the first line should be 'input HxWxC'",
                          g->origin);
    if (g->layer_count < 2) return silma_fail(error, SILMA_BAD_FILE, "%s: holds no layer but its input", g->origin);
    bool used[LAYERS_MAX] = {false};
    for (size_t i = 0; i < g->layer_count; i++)
        for (size_t j = 0; j < g->layers[i].input_count; j++)
            used[g->layers[i].inputs[j]] = true;
    for (size_t i = 0; i + 1 < g->layer_count; i++)
        if (!used[i])
            return silma_fail(error, SILMA_BAD_FILE, "%s:%d: nothing takes the output of %s", g->origin,
                              g->layers[i].line, g->layers[i].name);
    return SILMA_OK;
}

silma_status graph_place_parameters(graph *g, silma_error *error)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            parameter *param = &g->layers[i].parameters[p];
            size_t *total = param->trainable ? &g->weight_count : &g->statistic_count;
            size_t aligned;
            param->offset = *total;
            if (!checked_align(param->count, PARAMETER_ALIGNMENT, &aligned) || !checked_add(*total, aligned, total) ||
                *total > SIZE_MAX / 64)
                return silma_fail(error, SILMA_BAD_FILE, "%s:%d: the network has more parameters than memory can hold",
                                  g->origin, g->layers[i].line);
        }
    }
    return SILMA_OK;
}

// Printable UTF-8 in lines: comments are kept, and go into models and onto terminals.
static silma_status check_text(const char *text, const char *origin, silma_error *error)
{
    size_t length = strlen(text);
    if (length > TEXT_MAX)
        return silma_fail(error, SILMA_BAD_FILE, "%s: has %zu bytes; a network has at most %d", origin, length,
                          TEXT_MAX);
    int line = 1;
    for (size_t i = 0, step; i < length; i += step) {
        unsigned char byte = (unsigned char)text[i];
        bool blank = byte == '\n' || byte == '\t' || byte == '\r';
        step = blank ? 1 : utf8_character_length(text + i, length - i);
        line += byte == '\n';
        if (step > 0) continue;
        if (byte < ' ')
            return silma_fail(error, SILMA_BAD_FILE, "%s: byte %zu is %u: this is no text", origin, i, byte);
        return silma_fail(error, SILMA_BAD_FILE, "%s:%d: byte 0x%02x: a network's text is printable UTF-8", origin,
                          line, byte);
    }
    return SILMA_OK;
}

static silma_status read_text(graph *g, const char *text, const silma_input *input, silma_error *error)
{
    size_t stored_size = 0;
    reader r = {.g = g, .input = input, .stored = open_memstream(&g->text, &stored_size)};
    char *copy = strdup(text);
    silma_status status = SILMA_OK;
    if (!r.stored || !copy)
        status = silma_fail_memory(error, strlen(text));
    else
        status = parse_lines(&r, copy, error);
    free(copy);
    if (r.stored && fclose(r.stored) != 0 && status == SILMA_OK) status = silma_fail_memory(error, strlen(text));
    return status;
}

silma_status graph_parse(graph **result, const char *text, const char *origin, const silma_input *input,
                         silma_error *error)
{
    silma_status status = check_text(text, origin, error);
    if (status != SILMA_OK) return status;
    graph *g = calloc(1, sizeof *g);
    if (!g) return silma_fail_memory(error, sizeof *g);
    g->origin = strdup(origin);
    status = g->origin ? read_text(g, text, input, error) : silma_fail_memory(error, strlen(origin));
    if (status == SILMA_OK) status = check_whole(g, error);
    if (status == SILMA_OK) status = find_head(g, error);
    if (status == SILMA_OK) status = graph_place_parameters(g, error);
    if (status != SILMA_OK) {
        graph_free(g);
        return status;
    }
    *result = g;
    return SILMA_OK;
}

void graph_initialise(const graph *g, uint64_t seed, float *weights, float *statistics)
{
    memset(weights, 0, g->weight_count * sizeof *weights);
    memset(statistics, 0, g->statistic_count * sizeof *statistics);
    uint32_t number = 0;
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            float *values = (param->trainable ? weights : statistics) + param->offset;
            initialiser_fill(param->initial, seed, number++, param->fan_in, param->fan_out, param->count, values);
        }
    }
}

void graph_count(const graph *g, size_t *trainable, size_t *non_trainable, uint64_t *multiply_adds)
{
    *trainable = 0;
    *non_trainable = 0;
    *multiply_adds = 0;
    for (size_t i = 0; i < g->layer_count; i++) {
        *multiply_adds += g->layers[i].multiply_adds;
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            *(param->trainable ? trainable : non_trainable) += param->count;
        }
    }
}
