// The fast kernels for every CPU of the architecture: vectors of 4, which the compiler turns into what the baseline
// has.

#define VF 4
#include "kernels/vec.h"

#include "kernels/fast/conv.inl"
#include "kernels/fast/elementwise.inl"
#include "kernels/fast/matmul.inl"

extern const kernels kernels_scalar;

static const kernels direct = {
    .name = "scalar",
    .conv_forward_workspace = direct_forward_workspace,
    .conv_forward = direct_forward,
    .conv_packed_bytes = direct_packed_bytes,
    .conv_pack = direct_pack_forward,
    .conv_forward_packed = direct_forward_packed,
    .conv_backward_input_workspace = direct_backward_input_workspace,
    .conv_backward_input = direct_backward_input,
    .conv_backward_filter_workspace = direct_backward_filter_workspace,
    .conv_backward_filter = direct_backward_filter,
#include "kernels/fast/table.inl"
};

const kernels kernels_scalar = {
    .name = "scalar",
    .direct = &direct,
    .conv_forward_workspace = conv_forward_workspace,
    .conv_forward = conv_forward,
    .conv_packed_bytes = conv_packed_bytes,
    .conv_pack = conv_pack,
    .conv_forward_packed = conv_forward_packed,
    .conv_backward_input_workspace = conv_backward_input_workspace,
    .conv_backward_input = conv_backward_input,
    .conv_backward_filter_workspace = conv_backward_filter_workspace,
    .conv_backward_filter = conv_backward_filter,
#include "kernels/fast/table.inl"
};
