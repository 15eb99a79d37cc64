// exp, expm1, erf, tanh and the logistic function of a vector, by polynomials. Each follows libm over the whole range:
// overflow to infinity, gradual underflow, infinities to their limits, NaN to NaN. The errors named below are the
// largest that were met among all floats tried (tests/unit/test_activations.c), in units of the last place.
//
// The coefficients are minimax fits (Remez).
#ifndef SILMA_KERNELS_FAST_MATH_INL
#define SILMA_KERNELS_FAST_MATH_INL

#include "kernels/vec.h"

// x = n ln 2 + r with |r| <= ln 2 / 2 and n whole: e^x = 2^n e^r. |x| below 2^21.
typedef struct exp_parts {
    vi n;
    vf expm1_r; // e^r - 1
} exp_parts;

static ALWAYS_INLINE exp_parts exp_split(vf x)
{
    // Adding 1.5 * 2^23 leaves no room for a fraction: the sum's low bits are n.
    const float rounder = 0x1.8p23f;
    const float log2_e = 0x1.715476p0f;
    // ln 2 in two parts; n times the first is exact.
    const float ln2_high = 0.693359375f;
    const float ln2_low = -2.12194440e-4f;

    vf shifted = vf_fma(x, vf_set(log2_e), vf_set(rounder));
    vf n = shifted - rounder;
    vf r = vf_fma(n, vf_set(-ln2_high), x);
    r = vf_fma(n, vf_set(-ln2_low), r);

    // e^r - 1 = r + r^2 p(r), relative error 3.4e-9
    vf p = vf_fma(r, vf_set(0x1.6dbb5ep-10f), vf_set(0x1.1240b6p-7f));
    p = vf_fma(r, p, vf_set(0x1.555456p-5f));
    p = vf_fma(r, p, vf_set(0x1.555488p-3f));
    p = vf_fma(r, p, vf_set(0.5f));
    return (exp_parts){(vi)shifted - (vi)vf_set(rounder), vf_fma(r * r, p, r)};
}

// 2^n for -126 <= n <= 127.
static ALWAYS_INLINE vf power_of_two(vi n)
{
    return (vf)((n + 127) << 23);
}

// e^x; 1.0 ulp.
static ALWAYS_INLINE vf vf_exp(vf x)
{
    // Beyond these the result is 0 or infinity; vf_min and vf_max give their second argument where it is a NaN.
    x = vf_min(vf_set(89.0f), x);
    x = vf_max(vf_set(-104.0f), x);
    exp_parts e = exp_split(x);
    // n reaches from -150 to 128, further than one factor can: two halves, the last of which rounds or overflows.
    vi half = e.n >> 1;
    return (1.0f + e.expm1_r) * power_of_two(half) * power_of_two(e.n - half);
}

// e^x - 1 for x <= 80, exact near zero; 1.7 ulp.
static ALWAYS_INLINE vf vf_expm1(vf x)
{
    x = vf_max(vf_set(-20.0f), x); // -1 in single precision
    exp_parts e = exp_split(x);
    vf scale = power_of_two(e.n);
    return vf_fma(scale, e.expm1_r, scale - 1.0f);
}

// The sign of `sign` on the magnitude of `value`, which is not negative.
static ALWAYS_INLINE vf vf_with_sign(vf value, vf sign)
{
    return (vf)((vi)value | ((vi)sign & vi_set(INT32_MIN)));
}

// 1/(1 + e^-x), eq. 11; 2.3 ulp.
static ALWAYS_INLINE vf vf_sigmoid(vf x)
{
    // With e = e^-|x| <= 1 nothing overflows: 1/(1 + e) on the right side, e/(1 + e) on the left.
    vf e = vf_exp(-vf_abs(x));
    vf numerator = vf_select(x < 0.0f, e, vf_set(1.0f));
    return numerator / (1.0f + e);
}

// 2.5 ulp.
static ALWAYS_INLINE vf vf_tanh(vf x)
{
    // (e^2a - 1)/(e^2a + 1) with a = |x|; 1 in single precision from 9.02 on.
    vf a = vf_min(vf_set(10.0f), vf_abs(x));
    vf t = vf_expm1(a + a);
    return vf_with_sign(t / (t + 2.0f), x);
}

// 1.2 ulp.
static ALWAYS_INLINE vf vf_erf(vf x)
{
    vf a = vf_min(vf_set(4.0f), vf_abs(x)); // 1 in single precision from 3.92 on

    // a <= 0.92: erf(a) = a + a p(a^2)
    vf s = a * a;
    vf p = vf_fma(s, vf_set(0x1.5ebd9cp-14f), vf_set(-0x1.aad91cp-11f));
    p = vf_fma(s, p, vf_set(0x1.54da22p-8f));
    p = vf_fma(s, p, vf_set(-0x1.b8108cp-6f));
    p = vf_fma(s, p, vf_set(0x1.ce2e22p-4f));
    p = vf_fma(s, p, vf_set(-0x1.812744p-2f));
    p = vf_fma(s, p, vf_set(0x1.06eba8p-3f));
    vf small = vf_fma(a, p, a);

    // otherwise erf(a) = 1 - e^q(a), where q = log(erfc)
    vf q = vf_fma(a, vf_set(-0x1.588b32p-16f), vf_set(0x1.c0cc82p-12f));
    q = vf_fma(a, q, vf_set(-0x1.0f4f18p-8f));
    q = vf_fma(a, q, vf_set(0x1.9a36cap-6f));
    q = vf_fma(a, q, vf_set(-0x1.baff96p-4f));
    q = vf_fma(a, q, vf_set(-0x1.4454fep-1f));
    q = vf_fma(a, q, vf_set(-0x1.212438p0f));
    q = vf_fma(a, q, vf_set(0x1.56167ep-13f));
    vf large = -vf_expm1(q);

    return vf_with_sign(vf_select(a > 0.92f, large, small), x);
}

#endif
