// The fast kernels for AVX-512 (F, VL, BW, DQ): vectors of 16.
#ifdef __AVX512F__
#define VF 16
#include "kernels/vec.h"

#include "kernels/fast/conv.inl"
#include "kernels/fast/elementwise.inl"
#include "kernels/fast/matmul.inl"

extern const kernels kernels_avx512;

static const kernels direct = {
    .name = "avx512",
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

const kernels kernels_avx512 = {
    .name = "avx512",
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
