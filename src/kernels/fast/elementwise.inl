// Everything in the kernel table that is bound by memory rather than by multiplications: all but convolutions and
// matrix products. Each file is a room of its own; this one only lists them. The smallest code is as fast as any here
// (clang has no such pragma).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("Os")
#endif
#include "kernels/fast/activations.inl"
#include "kernels/fast/batchnorm.inl"
#include "kernels/fast/channels.inl"
#include "kernels/fast/dropout.inl"
#include "kernels/fast/gather.inl"
#include "kernels/fast/optimisers.inl"
#include "kernels/fast/pool.inl"
#include "kernels/fast/softmax.inl"
#include "kernels/fast/vectors.inl"
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
