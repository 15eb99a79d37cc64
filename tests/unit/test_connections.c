// How many connections a convolution has: equations 60 to 62 of the thesis, and its figure 11.
//
// With every weight and every gradient one, the gradient of an input pixel counts its outgoing connections to one
// filter, and an output counts its incoming ones.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernels/kernels.h"

enum { SIZE = 12, FILTER = 5, CHANNELS = 3, OUT = SIZE - FILTER + 1 }; // figure 11: 12x12, no padding, stride 1

static const window_shape figure_11 = {
    .n = 1,
    .h = SIZE,
    .w = SIZE,
    .c = CHANNELS,
    .oh = OUT,
    .ow = OUT,
    .oc = 1,
    .kh = FILTER,
    .kw = FILTER,
    .stride_h = 1,
    .stride_w = 1,
    .groups = 1,
};

static void fill_with_ones(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = 1;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

// From the nearer edge, from 1.
static int coordinate(int position)
{
    return smaller(position, SIZE - 1 - position) + 1;
}

static void outgoing_connections(void **state)
{
    (void)state;
    const kernels *k = NULL;
    assert_int_equal(kernels_find(&k, "reference", NULL), SILMA_OK);
    static _Alignas(64) float dz[OUT * OUT], filter[FILTER * FILTER * CHANNELS], dx[SIZE * SIZE * CHANNELS];
    static _Alignas(64) uint8_t workspace[1 << 16];
    fill_with_ones(dz, OUT * OUT);
    fill_with_ones(filter, FILTER * FILTER * CHANNELS);
    assert_true(k->conv_backward_input_workspace(&figure_11, 1) <= sizeof workspace);
    k->conv_backward_input(NULL, &figure_11, dz, filter, dx, workspace);

    for (int y = 0; y < SIZE; y++) {
        for (int x = 0; x < SIZE; x++) {
            int found = (int)dx[(y * SIZE + x) * CHANNELS];
            assert_in_range(found, 1, FILTER * FILTER);                                               // eq. 60
            assert_int_equal(found, smaller(coordinate(y), FILTER) * smaller(coordinate(x), FILTER)); // eq. 61
        }
    }
}

static void incoming_connections(void **state)
{
    (void)state;
    const kernels *k = NULL;
    assert_int_equal(kernels_find(&k, "reference", NULL), SILMA_OK);
    static _Alignas(64) float x[SIZE * SIZE * CHANNELS], filter[FILTER * FILTER * CHANNELS], z[OUT * OUT];
    static _Alignas(64) uint8_t workspace[1 << 16];
    fill_with_ones(x, SIZE * SIZE * CHANNELS);
    fill_with_ones(filter, FILTER * FILTER * CHANNELS);
    assert_true(k->conv_forward_workspace(&figure_11, 1) <= sizeof workspace);
    k->conv_forward(NULL, &figure_11, x, filter, NULL, (activation){ACTIVATION_LINEAR, 0}, NULL, z, workspace);

    for (int i = 0; i < OUT * OUT; i++)
        assert_int_equal((int)z[i], FILTER * FILTER * CHANNELS); // eq. 62
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outgoing_connections),
        cmocka_unit_test(incoming_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
