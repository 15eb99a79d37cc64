// Every layer type: the one place, beside a layer's own file, that knows of it.
#include "nn/layer.h"

#include <stddef.h>

// clang-format off
extern const layer_type layer_input, layer_conv, layer_dense, layer_maxpool, layer_avgpool, layer_globalavgpool,
    layer_batchnorm, layer_dropout, layer_flatten, layer_add, layer_concat, layer_prelu, layer_linear, layer_relu,
    layer_leaky_relu, layer_elu, layer_sigmoid, layer_tanh, layer_gelu, layer_silu, layer_softmax;

const layer_type *const layer_types[] = {
    &layer_input,
    &layer_conv,
    &layer_dense,
    &layer_maxpool,
    &layer_avgpool,
    &layer_globalavgpool,
    &layer_batchnorm,
    &layer_dropout,
    &layer_flatten,
    &layer_add,
    &layer_concat,
    &layer_prelu,
    &layer_linear,
    &layer_relu,
    &layer_leaky_relu,
    &layer_elu,
    &layer_sigmoid,
    &layer_tanh,
    &layer_gelu,
    &layer_silu,
    &layer_softmax,
    NULL,
};
// clang-format on
