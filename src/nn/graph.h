// A network: layers in the order of its text, each taking the outputs of earlier ones.
//
// Layer 0 is the input. A softmax or sigmoid at the very end (of the last conv or dense layer, or a layer of its own)
// is not run as a layer: it is the graph's `head`, so that a loss can be computed stably from the logits.
#ifndef SILMA_NN_GRAPH_H
#define SILMA_NN_GRAPH_H

#include "core/private.h"
#include "nn/layer.h"

typedef struct recipe_line {
    int line;
    char *name;  // "optimizer"
    char *value; // "adam lr=1e-3"
} recipe_line;

typedef struct graph {
    char *text;   // as given, `input auto` and `classes` resolved: what is stored in a model; null: it has none
    char *origin; // for messages
    size_t layer_count;
    layer *layers;
    size_t output_layer;    // the layer whose output are the logits: the last one, or the last but one
    activation_kind head;   // LINEAR, SIGMOID or SOFTMAX
    size_t weight_count;    // floats, every tensor padded to a multiple of 16 floats
    size_t statistic_count; // floats, the same
    size_t recipe_count;
    recipe_line *recipe; // the lines under `train:`
} graph;

// `input` may be null. Messages name origin and line.
silma_status graph_parse(graph **g, const char *text, const char *origin, const silma_input *input, silma_error *error)
    SILMA_PRIVATE_API(graph_parse);
void graph_free(graph *g);

// For a graph that is put together without a text: what follows from a layer's settings and inputs; and the offsets of
// all parameters, when every layer is there.
silma_status graph_resolve_layer(const graph *g, layer *l, silma_error *error);
silma_status graph_place_parameters(graph *g, silma_error *error);

static inline shape graph_input(const graph *g)
{
    return g->layers[0].out;
}

static inline shape graph_output(const graph *g)
{
    return g->layers[g->output_layer].out;
}

// Fills weights (weight_count) and statistics (statistic_count), padding with zeros.
void graph_initialise(const graph *g, uint64_t seed, float *weights, float *statistics)
    SILMA_PRIVATE_API(graph_initialise);

// Floats of all parameters without padding, and the multiply-adds of one image's forward pass.
void graph_count(const graph *g, size_t *trainable, size_t *non_trainable, uint64_t *multiply_adds)
    SILMA_PRIVATE_API(graph_count);

#endif
