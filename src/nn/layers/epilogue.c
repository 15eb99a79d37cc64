#include "nn/layers/epilogue.h"

#include "nn/layers/shared.h"

// Slopes and alphas are not negative: f then keeps the sign of z, and f' can be computed from f.
silma_status activation_parse_parameter(activation *act, words *line, silma_error *error)
{
    if (act->kind == ACTIVATION_LEAKY_RELU) {
        act->parameter = 0.01f;
        return words_option_float(line, "slope", 0.0, 1e6, &act->parameter, error);
    }
    if (act->kind == ACTIVATION_ELU) {
        act->parameter = 1.0f;
        return words_option_float(line, "alpha", 0.0, 1e6, &act->parameter, error);
    }
    return SILMA_OK;
}

silma_status epilogue_parse(activation *act, words *line, silma_error *error)
{
    *act = (activation){.kind = ACTIVATION_LINEAR};
    bool found = false;
    for (int kind = ACTIVATION_LINEAR; kind <= ACTIVATION_SOFTMAX; kind++) {
        if (!words_flag(line, activation_name((activation_kind)kind))) continue;
        if (found) {
            return words_fail(line, error, "two activations, %s and %s", activation_name(act->kind),
                              activation_name((activation_kind)kind));
        }
        found = true;
        act->kind = (activation_kind)kind;
    }
    return activation_parse_parameter(act, line, error);
}

void activation_describe_parameter(activation act, char *text, size_t size)
{
    if (act.kind == ACTIVATION_LEAKY_RELU) describe_float(text, size, "slope", act.parameter);
    if (act.kind == ACTIVATION_ELU) describe_float(text, size, "alpha", act.parameter);
}

void epilogue_describe(activation act, char *text, size_t size)
{
    if (act.kind != ACTIVATION_LINEAR) describe(text, size, " %s", activation_name(act.kind));
    activation_describe_parameter(act, text, size);
}

static bool keeps_z(activation act)
{
    return !activation_derivative_from_output(act.kind);
}

unsigned epilogue_contract(activation act)
{
    return act.kind == ACTIVATION_LINEAR || keeps_z(act) ? 0 : LAYER_KEEPS_OUTPUT;
}

size_t epilogue_saved_image(const layer *l)
{
    return keeps_z(l->act) ? shape_count(l->out) * sizeof(float) : 0;
}

activation epilogue_fused(activation act)
{
    if (act.kind == ACTIVATION_SOFTMAX) act.kind = ACTIVATION_LINEAR;
    return act;
}

void epilogue_forward(const layer_call *call)
{
    const layer *l = call->layer;
    if (l->act.kind != ACTIVATION_SOFTMAX) return;
    call->k->softmax_forward(call->pool, batch_rows(call->n, l->out), (size_t)l->out.c, call->y, call->y);
}

float *epilogue_backward(const layer_call *call)
{
    const layer *l = call->layer;
    float *dy = call->dy;
    if (l->act.kind == ACTIVATION_LINEAR) return dy;
    if (l->act.kind == ACTIVATION_SOFTMAX) {
        call->k->softmax_backward(call->pool, batch_rows(call->n, l->out), (size_t)l->out.c, call->y, dy, dy);
        return dy;
    }
    const float *z = call->saved_image; // null unless epilogue_saved_image asked for it
    size_t count = (size_t)call->n * shape_count(l->out);
    call->k->activation_backward(call->pool, l->act, count, z, call->y, dy, dy);
    return dy;
}
