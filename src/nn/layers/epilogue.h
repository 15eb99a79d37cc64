// The activation that is part of conv or dense: a = f(z), applied by the kernel while z is still in registers (eq. 33).
// Softmax needs a whole row of z, so it runs after the kernel.
#ifndef SILMA_NN_LAYERS_EPILOGUE_H
#define SILMA_NN_LAYERS_EPILOGUE_H

#include "nn/layer.h"

// Takes an activation's name and its slope= or alpha= from the line; linear where there is none.
silma_status epilogue_parse(activation *act, words *line, silma_error *error);
// Takes slope= or alpha= if `act` has one.
silma_status activation_parse_parameter(activation *act, words *line, silma_error *error);
// " relu", with its parameter; nothing if linear.
void epilogue_describe(activation act, char *text, size_t size);
void activation_describe_parameter(activation act, char *text, size_t size);

// What the activation's backward reads: LAYER_KEEPS_OUTPUT or nothing.
unsigned epilogue_contract(activation act);
// Bytes to save for backward, for each image: z (out), where f' cannot be had from f.
size_t epilogue_saved_image(const layer *l);
// What the kernel is to apply.
activation epilogue_fused(activation act);
// After the kernel: what it could not apply.
void epilogue_forward(const layer_call *call);
// dz = dy f'(z), written over dy (eq. 43); returns dz.
float *epilogue_backward(const layer_call *call);

#endif
