// Small things that most layers need.
#ifndef SILMA_NN_LAYERS_SHARED_H
#define SILMA_NN_LAYERS_SHARED_H

#include "nn/layer.h"

// Bytes of `count` floats, rounded up to 64: the parts of a workspace each start at a multiple of 64.
size_t floats_bytes(size_t count);

static inline size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

// Pixels of a batch: what per-channel kernels call rows.
size_t batch_rows(int n, shape s);

// Appends to a description, cut at `size`.
void describe(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
// "0.25", with a decimal point in every locale; and " key=0.25".
void describe_number(char *text, size_t size, float value);
void describe_float(char *text, size_t size, const char *key, float value);
void describe_nothing(const layer *l, char *text, size_t size);

// For layers without settings.
silma_status parse_nothing(layer *l, words *line, silma_error *error);

// init=NAME of conv and dense, glorot_uniform by default.
silma_status kernel_initialiser_parse(initialiser *initial, words *line, silma_error *error);
void kernel_initialiser_describe(initialiser initial, char *text, size_t size);

#endif
