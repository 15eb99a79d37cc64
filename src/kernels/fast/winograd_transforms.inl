// The transforms of Winograd's convolution F(4x4, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural
// networks", 2015), one dimension at a time; lanes are channels.
//
//     y  = A' [ (G g) * (B' d) ]       4 outputs from 6 inputs d and 3 taps g, with 6 products
//     dg = G' [ (A dy) * (B' d) ]      the same, differentiated by g
//
// In two dimensions each transform is applied to the columns and then to the rows of a square.
//
//         4  0 -5  0  1  0         1/4    0    0         1  1  1  1  1  0
//         0 -4 -4  1  1  0        -1/6 -1/6 -1/6    A' = 0  1 -1  2 -2  0
//    B' = 0  4 -4 -1  1  0    G = -1/6  1/6 -1/6         0  1  1  4  4  0
//         0 -2 -1  2  1  0        1/24 1/12  1/6         0  1 -1  8 -8  1
//         0  2 -1 -2  1  0        1/24 -1/12 1/6
//         0  4  0 -5  0  1           0    0    1

enum { WINOGRAD_OUT = 4, WINOGRAD_IN = 6, WINOGRAD_PRODUCTS = 36 };

// o = B' d
static ALWAYS_INLINE void winograd_input(const vf *d, vf *o)
{
    vf four = vf_set(4), five = vf_set(-5), two = vf_set(2);
    vf even = vf_fma(-four, d[2], d[4]), odd = vf_fma(-four, d[1], d[3]);
    vf wide = d[4] - d[2], slope = d[3] - d[1];
    o[0] = vf_fma(four, d[0], vf_fma(five, d[2], d[4]));
    o[1] = even + odd;
    o[2] = even - odd;
    o[3] = vf_fma(two, slope, wide);
    o[4] = vf_fma(-two, slope, wide);
    o[5] = vf_fma(four, d[1], vf_fma(five, d[3], d[5]));
}

// o = G g
static ALWAYS_INLINE void winograd_filter(const vf *g, vf *o)
{
    vf sixth = vf_set(-1.0f / 6), outer = vf_set(1.0f / 24), last = vf_set(1.0f / 6), middle = vf_set(1.0f / 12);
    vf sum = g[0] + g[2], far = vf_fma(outer, g[0], last * g[2]);
    o[0] = vf_set(0.25f) * g[0];
    o[1] = sixth * (sum + g[1]);
    o[2] = sixth * (sum - g[1]);
    o[3] = vf_fma(middle, g[1], far);
    o[4] = vf_fma(-middle, g[1], far);
    o[5] = g[2];
}

// y = A' m
static ALWAYS_INLINE void winograd_output(const vf *m, vf *y)
{
    vf sum = m[1] + m[2], difference = m[1] - m[2];
    vf far_sum = m[3] + m[4], far_difference = m[3] - m[4];
    y[0] = m[0] + sum + far_sum;
    y[1] = vf_fma(vf_set(2), far_difference, difference);
    y[2] = vf_fma(vf_set(4), far_sum, sum);
    y[3] = vf_fma(vf_set(8), far_difference, difference) + m[5];
}

// o = A dy
static ALWAYS_INLINE void winograd_output_gradient(const vf *dy, vf *o)
{
    vf even = dy[0] + dy[2], odd = dy[1] + dy[3];
    vf far_even = vf_fma(vf_set(4), dy[2], dy[0]), far_odd = vf_fma(vf_set(4), dy[3], dy[1]);
    o[0] = dy[0];
    o[1] = even + odd;
    o[2] = even - odd;
    o[3] = vf_fma(vf_set(2), far_odd, far_even);
    o[4] = vf_fma(vf_set(-2), far_odd, far_even);
    o[5] = dy[3];
}

// dg = G' m
static ALWAYS_INLINE void winograd_filter_gradient(const vf *m, vf *dg)
{
    vf sum = m[1] + m[2], far_sum = m[3] + m[4];
    dg[0] = vf_fma(vf_set(0.25f), m[0], vf_fma(vf_set(-1.0f / 6), sum, vf_set(1.0f / 24) * far_sum));
    dg[1] = vf_fma(vf_set(1.0f / 6), m[2] - m[1], vf_set(1.0f / 12) * (m[3] - m[4]));
    dg[2] = vf_fma(vf_set(1.0f / 6), far_sum - sum, m[5]);
}
