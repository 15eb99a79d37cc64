#include "nn/fold.h"

#include "core/error.h"
#include "nn/arena.h"
#include "nn/layers/batchnorm.h"

#include <stdlib.h>
#include <string.h>

// What becomes of one layer. Layer 0, the input, reads nothing and is never folded: 0 stands for none.
typedef struct fate {
    size_t reader;     // the only layer that reads its output; 0: there are several, or none
    size_t stand_in;   // the layer whose output takes the place of its own; itself unless it is gone
    size_t norm;       // the batch normalisation that it takes in
    size_t activation; // the activation layer that it takes in
} fate;

typedef struct folding {
    const graph *g;
    const float *weights, *statistics;
    size_t count; // layers that are run: output_layer + 1
    size_t folds;
    fate *fates;           // (count)
    double *scale, *shift; // (channels of the widest layer)
} folding;

static bool is_type(const folding *f, size_t i, const char *name)
{
    return i > 0 && strcmp(f->g->layers[i].type->name, name) == 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// What can be folded

static void find_readers(folding *f)
{
    for (size_t i = 0; i < f->count; i++) {
        f->fates[i].stand_in = i;
        for (size_t input = 0; input < f->g->layers[i].input_count; input++) {
            fate *source = &f->fates[f->g->layers[i].inputs[input]];
            source->reader = source->reader == 0 ? i : f->count;
        }
    }
    for (size_t i = 0; i < f->count; i++)
        if (f->fates[i].reader == f->count) f->fates[i].reader = 0;
}

static void compute_affine(const folding *f, size_t norm)
{
    batchnorm_affine(&f->g->layers[norm], f->weights, f->statistics, f->scale, f->shift);
}

// max(x) scale = max(x scale), and max(x) + shift = max(x + shift).
static bool commutes_with_maximum(const folding *f, size_t norm)
{
    compute_affine(f, norm);
    for (int c = 0; c < f->g->layers[norm].out.c; c++)
        if (!(f->scale[c] >= 0)) return false;
    return true;
}

// An activation layer that a kernel can apply as it writes; behind a maximum only one that never falls.
static bool can_be_taken_in(const folding *f, size_t i, bool pooled)
{
    activation_kind kind;
    if (i == 0 || !activation_find(f->g->layers[i].type->name, &kind) || kind == ACTIVATION_SOFTMAX) return false;
    return !pooled || (kind != ACTIVATION_GELU && kind != ACTIVATION_SILU);
}

static void find_fold(folding *f, size_t i)
{
    if (!f->g->layers[i].type->add_bias) return;
    if (f->g->layers[i].act.kind != ACTIVATION_LINEAR) return;
    size_t last = i, norm = f->fates[i].reader;
    bool pooled = is_type(f, norm, "maxpool");
    if (pooled) {
        last = norm;
        norm = f->fates[norm].reader;
    }
    if (!is_type(f, norm, "batchnorm") || (pooled && !commutes_with_maximum(f, norm))) return;
    f->folds++;
    f->fates[i].norm = norm;
    f->fates[norm].stand_in = last;
    size_t next = f->fates[norm].reader;
    if (!can_be_taken_in(f, next, pooled)) return;
    f->fates[i].activation = next;
    f->fates[next].stand_in = last;
}

// ---------------------------------------------------------------------------------------------------------------------
// The folded network: the layers that are left, each under its name in the whole one

static void *copy_bytes(const void *bytes, size_t size)
{
    void *copy = malloc(size + 1);
    if (copy && size > 0) memcpy(copy, bytes, size);
    return copy;
}

// Layer i of the whole network, reading what is left of what it read; `places` are those of the layers before it.
static silma_status copy_layer(const folding *f, size_t i, const size_t *places, graph *g, silma_error *error)
{
    const layer *source = &f->g->layers[i];
    layer *l = &g->layers[g->layer_count++];
    *l = *source;
    l->settings = copy_bytes(source->settings, source->type->settings_size);
    l->inputs = copy_bytes(source->inputs, source->input_count * sizeof *l->inputs);
    if (!l->settings || !l->inputs) return silma_fail_memory(error, source->type->settings_size);
    for (size_t input = 0; input < l->input_count; input++)
        l->inputs[input] = places[f->fates[source->inputs[input]].stand_in];
    if (f->fates[i].norm) l->type->add_bias(l);
    if (f->fates[i].activation) l->act = *(const activation *)f->g->layers[f->fates[i].activation].settings;
    return i == 0 ? SILMA_OK : graph_resolve_layer(g, l, error);
}

static silma_status copy_layers(const folding *f, size_t *places, graph *g, silma_error *error)
{
    g->origin = strdup(f->g->origin);
    g->layers = calloc(f->count, sizeof *g->layers);
    if (!g->origin || !g->layers) return silma_fail_memory(error, f->count * sizeof *g->layers);
    silma_status status = SILMA_OK;
    for (size_t i = 0; status == SILMA_OK && i < f->count; i++) {
        if (f->fates[i].stand_in != i) continue;
        places[i] = g->layer_count;
        status = copy_layer(f, i, places, g, error);
    }
    g->output_layer = places[f->fates[f->count - 1].stand_in];
    g->head = ACTIVATION_LINEAR;
    return status == SILMA_OK ? graph_place_parameters(g, error) : status;
}

static silma_status build(const folding *f, graph **built, silma_error *error)
{
    size_t *places = calloc(f->count, sizeof *places);
    *built = calloc(1, sizeof **built);
    silma_status status =
        places && *built ? copy_layers(f, places, *built, error) : silma_fail_memory(error, f->count * sizeof *places);
    free(places);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Its parameters

static float *take_vector(size_t count)
{
    size_t bytes = (count * sizeof(float) / ARENA_ALIGNMENT + 1) * ARENA_ALIGNMENT;
    float *vector = arena_allocate(bytes);
    if (vector) memset(vector, 0, bytes);
    return vector;
}

static const parameter *find_parameter(const layer *l, const char *name)
{
    for (int i = 0; i < l->parameter_count; i++)
        if (strcmp(l->parameters[i].name, name) == 0) return &l->parameters[i];
    return NULL;
}

// As they are; a bias that the layer did not have stays zero.
static void copy_parameters(const folding *f, const layer *from, const layer *to, const folded_network *folded)
{
    for (int i = 0; i < to->parameter_count; i++) {
        const parameter *target = &to->parameters[i], *source = find_parameter(from, target->name);
        const float *values = target->trainable ? f->weights : f->statistics;
        float *copies = target->trainable ? folded->weights : folded->statistics;
        if (source) memcpy(copies + target->offset, values + source->offset, source->count * sizeof *copies);
    }
}

// (x F + b) scale + shift = x (F scale) + (b scale + shift); the filters' last dimension are the output's channels.
static void scale_parameters(const folding *f, const layer *l, size_t norm, const folded_network *folded)
{
    const parameter *kernel = find_parameter(l, "kernel"), *offset = find_parameter(l, "bias");
    size_t channels = (size_t)l->out.c;
    float *filter = folded->weights + kernel->offset, *bias = folded->weights + offset->offset;
    compute_affine(f, norm);
    for (size_t i = 0; i < kernel->count; i += channels)
        for (size_t c = 0; c < channels; c++)
            filter[i + c] = (float)((double)filter[i + c] * f->scale[c]);
    for (size_t c = 0; c < channels; c++)
        bias[c] = (float)((double)bias[c] * f->scale[c] + f->shift[c]);
}

static silma_status fill(const folding *f, folded_network *folded, silma_error *error)
{
    folded->weights = take_vector(folded->g->weight_count);
    folded->statistics = take_vector(folded->g->statistic_count);
    if (!folded->weights || !folded->statistics)
        return silma_fail_memory(error, folded->g->weight_count * sizeof *folded->weights);
    const layer *to = folded->g->layers;
    for (size_t i = 0; i < f->count; i++) {
        if (f->fates[i].stand_in != i) continue;
        copy_parameters(f, &f->g->layers[i], to, folded);
        if (f->fates[i].norm) scale_parameters(f, to, f->fates[i].norm, folded);
        to++;
    }
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

static silma_status fold(folding *f, folded_network *folded, silma_error *error)
{
    find_readers(f);
    for (size_t i = 1; i < f->count; i++)
        find_fold(f, i);
    if (f->folds == 0) return SILMA_OK;
    silma_status status = build(f, &folded->g, error);
    return status == SILMA_OK ? fill(f, folded, error) : status;
}

silma_status fold_network(folded_network *folded, const graph *g, const float *weights, const float *statistics,
                          silma_error *error)
{
    size_t widest = 1;
    for (size_t i = 0; i < g->layer_count; i++)
        if ((size_t)g->layers[i].out.c > widest) widest = (size_t)g->layers[i].out.c;
    folding f = {.g = g,
                 .weights = weights,
                 .statistics = statistics,
                 .count = g->output_layer + 1,
                 .fates = calloc(g->output_layer + 1, sizeof *f.fates),
                 .scale = calloc(widest, sizeof *f.scale),
                 .shift = calloc(widest, sizeof *f.shift)};
    *folded = (folded_network){0};
    silma_status status =
        f.fates && f.scale && f.shift ? fold(&f, folded, error) : silma_fail_memory(error, widest * sizeof *f.scale);
    free(f.fates);
    free(f.scale);
    free(f.shift);
    if (status != SILMA_OK) folded_network_free(folded);
    return status;
}

void folded_network_free(folded_network *folded)
{
    graph_free(folded->g);
    free(folded->weights);
    free(folded->statistics);
    *folded = (folded_network){0};
}
