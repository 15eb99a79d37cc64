// The fast kernels for NEON (AArch64): vectors of 4.
#ifdef __aarch64__
#define VF 4
#include "kernels/vec.h"

#include "kernels/fast/conv.inl"
#include "kernels/fast/elementwise.inl"
#include "kernels/fast/matmul.inl"

extern const kernels kernels_neon;

static const kernels direct = {
    .name = "neon",
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

const kernels kernels_neon = {
    .name = "neon",
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

#endif
