// A layer by itself, from its line, for the tests of layers.
#ifndef ONE_LAYER_H
#define ONE_LAYER_H

#include "nn/layer.h"

// Messages call the line "test:1". Free l->settings, whatever comes back.
silma_status layer_create(layer *l, const char *text, const shape *in, size_t inputs, silma_error *error);
void layer_create_or_fail(layer *l, const char *text, const shape *in, size_t inputs);

size_t count_parameters(const layer *l, bool trainable);

#endif
