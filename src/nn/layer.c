#include "nn/layer.h"

#include "core/checked.h"
#include "core/error.h"

#include <assert.h>
#include <string.h>

const layer_type *layer_type_find(const char *name)
{
    for (const layer_type *const *type = layer_types; *type != NULL; type++) {
        if (strcmp((*type)->name, name) == 0) return *type;
    }
    return NULL;
}

static const char *const ACTIVATION_NAMES[] = {
    "linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu", "softmax",
};
enum { ACTIVATION_COUNT = sizeof ACTIVATION_NAMES / sizeof *ACTIVATION_NAMES };
static_assert(ACTIVATION_COUNT == ACTIVATION_SOFTMAX + 1, "one name for each activation_kind, in its order");

bool activation_find(const char *name, activation_kind *kind)
{
    for (int i = 0; i < ACTIVATION_COUNT; i++) {
        if (strcmp(ACTIVATION_NAMES[i], name) != 0) continue;
        *kind = (activation_kind)i;
        return true;
    }
    return false;
}

const char *activation_name(activation_kind kind)
{
    return ACTIVATION_NAMES[kind];
}

silma_status layer_add_parameter(layer *l, const char *name, bool trainable, initialiser initial, size_t fan_in,
                                 size_t fan_out, int rank, const size_t *dims, silma_error *error)
{
    assert(l->parameter_count < PARAMETERS_MAX && rank <= 4);
    parameter p = {.name = name,
                   .rank = rank,
                   .count = 1,
                   .initial = initial,
                   .fan_in = fan_in,
                   .fan_out = fan_out,
                   .trainable = trainable};
    for (int i = 0; i < rank; i++) {
        p.dims[i] = dims[i];
        if (!checked_mul(p.count, dims[i], &p.count) || p.count > SIZE_MAX / sizeof(float)) {
            return silma_fail(error, SILMA_BAD_FILE, "its %s is larger than memory can hold", name);
        }
    }
    l->parameters[l->parameter_count++] = p;
    return SILMA_OK;
}

const float *layer_values(const layer_call *call, int i)
{
    const parameter *p = &call->layer->parameters[i];
    return (p->trainable ? call->weights : call->statistics) + p->offset;
}

float *layer_statistics(const layer_call *call, int i)
{
    return call->statistics + call->layer->parameters[i].offset;
}

float *layer_gradient(const layer_call *call, int i)
{
    return call->gradients + (call->layer->parameters[i].offset - call->gradient_offset);
}

const char *silma_layer_synopsis(size_t index)
{
    for (size_t i = 0; i <= index; i++)
        if (!layer_types[i]) return NULL;
    return layer_types[index]->synopsis;
}

void layer_await_turn(const layer_call *call)
{
    if (call->turn.now) thread_await_turn(call->turn.now, call->turn.mine);
}
