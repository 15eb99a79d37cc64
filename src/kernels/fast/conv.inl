// Which convolution does the work; see the files included here for how.
#include "kernels/fast/chunks.inl"
#include "kernels/fast/tile.h"

// Activations that are not applied in registers (elementwise.inl).
static void activation_forward(thread_pool *pool, activation act, size_t count, const float *z, float *y);

#include "kernels/fast/conv_direct.inl"
#include "kernels/fast/conv_filter.inl"
#include "kernels/fast/winograd.inl"
#include "kernels/fast/winograd_filter.inl"

static size_t conv_forward_workspace(const window_shape *s, unsigned threads)
{
    if (!winograd_suits(s)) return direct_forward_workspace(s, threads);
    winograd job = winograd_of_forward(s);
    return winograd_workspace(&job, threads);
}

static size_t conv_packed_bytes(const window_shape *s)
{
    if (!winograd_suits(s)) return direct_packed_bytes(s);
    winograd job = winograd_of_forward(s);
    return winograd_filter_floats(&job) * sizeof(float);
}

static void conv_pack(thread_pool *pool, const window_shape *s, const float *filter, const float *bias, void *packed)
{
    if (!winograd_suits(s)) {
        direct_pack_forward(pool, s, filter, bias, packed);
        return;
    }
    winograd job = winograd_of_forward(s);
    winograd_pack(pool, &job, filter, false, packed);
}

static void conv_forward_packed(thread_pool *pool, const window_shape *s, const float *x, const void *packed,
                                const float *bias, activation act, float *z, float *y, void *workspace)
{
    if (winograd_suits(s))
        winograd_forward_packed(pool, s, x, packed, bias, act, z, y, workspace);
    else
        direct_forward_packed(pool, s, x, packed, bias, act, z, y, workspace);
}

static ONCE_A_CALL void conv_forward(thread_pool *pool, const window_shape *s, const float *x, const float *filter,
                                     const float *bias, activation act, float *z, float *y, void *workspace)
{
    conv_pack(pool, s, filter, bias, workspace);
    conv_forward_packed(pool, s, x, workspace, bias, act, z, y, (char *)workspace + conv_packed_bytes(s));
}

static size_t conv_backward_input_workspace(const window_shape *s, unsigned threads)
{
    if (!winograd_suits(s)) return direct_backward_input_workspace(s, threads);
    winograd job = winograd_of_backward(s);
    return winograd_workspace(&job, threads);
}

static void conv_backward_input(thread_pool *pool, const window_shape *s, const float *dz, const float *filter,
                                float *dx, void *workspace)
{
    if (winograd_suits(s))
        winograd_backward_input(pool, s, dz, filter, dx, workspace);
    else
        direct_backward_input(pool, s, dz, filter, dx, workspace);
}

static size_t conv_backward_filter_workspace(const window_shape *s, unsigned threads)
{
    return winograd_suits(s) ? winograd_backward_filter_workspace(s, threads)
                             : direct_backward_filter_workspace(s, threads);
}

static void conv_backward_filter(thread_pool *pool, const window_shape *s, const float *x, const float *dz,
                                 float *dfilter, void *workspace)
{
    if (winograd_suits(s))
        winograd_backward_filter(pool, s, x, dz, dfilter, workspace);
    else
        direct_backward_filter(pool, s, x, dz, dfilter, workspace);
}
