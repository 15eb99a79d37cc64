// Activations and their derivatives, section 2.2 of the thesis.
#include "kernels/reference.h"

#include <math.h>

static const double SQRT_HALF = 0.70710678118654752440;
static const double INV_SQRT_2_PI = 0.39894228040143267794;

// eq. 11
static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

// The standard normal distribution function: GELU is z times it.
static double normal_probability(double z)
{
    return 0.5 * erfc(-z * SQRT_HALF);
}

// f(z). A NaN stays one: the comparisons are written so that it takes the branch that passes z on.
double reference_activation(activation act, double z)
{
    double b = act.parameter;
    switch (act.kind) {
    case ACTIVATION_RELU: // eq. 13: max(0, z)
        return z < 0.0 ? 0.0 : z;
    case ACTIVATION_LEAKY_RELU: // eq. 15-16: max(0, z) + b min(0, z)
        return z > 0.0 ? z : b * z;
    case ACTIVATION_ELU: // eq. 19
        return z > 0.0 ? z : b * expm1(z);
    case ACTIVATION_SIGMOID: // eq. 11
        return sigmoid(z);
    case ACTIVATION_TANH:
        return tanh(z);
    case ACTIVATION_GELU: // z/2 (1 + erf(z/sqrt 2))
        return z * normal_probability(z);
    case ACTIVATION_SILU:
        return z * sigmoid(z);
    case ACTIVATION_LINEAR:
    case ACTIVATION_SOFTMAX: // not elementwise: reference_softmax_forward
        break;
    }
    return z;
}

// f'(z) from y = f(z) where that is enough, from z otherwise. At z = 0, where the rectifiers have a corner, the slope
// of the negative side counts, as in Keras.
static double derivative(activation act, double z, double y)
{
    double b = act.parameter;
    switch (act.kind) {
    case ACTIVATION_RELU: // eq. 14
        return y > 0.0 ? 1.0 : 0.0;
    case ACTIVATION_LEAKY_RELU: // eq. 17; y has the sign of z as b >= 0
        return y > 0.0 ? 1.0 : b;
    case ACTIVATION_ELU: // eq. 20: b e^z = b (e^z - 1) + b
        return y > 0.0 ? 1.0 : y + b;
    case ACTIVATION_SIGMOID: // eq. 12
        return y * (1.0 - y);
    case ACTIVATION_TANH:
        return 1.0 - y * y;
    case ACTIVATION_GELU: // (z P(z))' = P(z) + z p(z)
        return normal_probability(z) + z * INV_SQRT_2_PI * exp(-0.5 * z * z);
    case ACTIVATION_SILU: // (z s(z))' = s(z) + z s(z) (1 - s(z))
        return sigmoid(z) * (1.0 + z * (1.0 - sigmoid(z)));
    case ACTIVATION_LINEAR:
    case ACTIVATION_SOFTMAX:
        break;
    }
    return 1.0;
}

void reference_activation_forward(thread_pool *pool, activation act, size_t count, const float *z, float *y)
{
    (void)pool;
    for (size_t i = 0; i < count; i++)
        y[i] = (float)reference_activation(act, z[i]);
}

void reference_activation_backward(thread_pool *pool, activation act, size_t count, const float *z, const float *y,
                                   const float *dy, float *dz)
{
    (void)pool;
    bool from_output = activation_derivative_from_output(act.kind);
    for (size_t i = 0; i < count; i++) {
        double slope =
            from_output ? derivative(act, 0.0, act.kind == ACTIVATION_LINEAR ? 0.0 : y[i]) : derivative(act, z[i], 0.0);
        dz[i] = (float)(dy[i] * slope);
    }
}

void reference_prelu_forward(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope, float *y)
{
    (void)pool;
    for (size_t i = 0; i < rows * c; i++) {
        // eq. 15-16 with a slope for each channel
        y[i] = z[i] > 0.0f ? z[i] : slope[i % c] * z[i];
    }
}

void reference_prelu_backward(thread_pool *pool, size_t rows, size_t c, const float *z, const float *slope,
                              const float *dy, float *dz, float *dslope, void *workspace)
{
    (void)pool;
    (void)workspace;
    for (size_t channel = 0; channel < c; channel++) {
        double sum = 0.0;
        for (size_t row = 0; row < rows; row++) {
            size_t i = row * c + channel;
            double dyi = dy[i]; // dz may be dy
            // forward: y = z > 0 ? z : slope * z
            dz[i] = (float)(z[i] > 0.0f ? dyi : slope[channel] * dyi); // eq. 17
            sum += z[i] > 0.0f ? 0.0 : z[i] * dyi;                     // eq. 18
        }
        dslope[channel] = (float)sum;
    }
}

static double row_maximum(size_t c, const float *z)
{
    double largest = z[0];
    for (size_t i = 1; i < c; i++) {
        if (z[i] > largest) largest = z[i];
    }
    return largest;
}

void reference_softmax_forward(thread_pool *pool, size_t rows, size_t c, const float *z, float *y)
{
    (void)pool;
    for (size_t row = 0; row < rows; row++, z += c, y += c) {
        // e^(z_i - m) / sum of e^(z_j - m) is eq. 21 with both parts divided by e^m; no exponent is positive then
        double m = row_maximum(c, z);
        double sum = 0.0; // eq. 22
        for (size_t i = 0; i < c; i++)
            sum += exp(z[i] - m);
        for (size_t i = 0; i < c; i++)
            y[i] = (float)(exp(z[i] - m) / sum);
    }
}

void reference_softmax_backward(thread_pool *pool, size_t rows, size_t c, const float *y, const float *dy, float *dz)
{
    (void)pool;
    for (size_t row = 0; row < rows; row++, y += c, dy += c, dz += c) {
        // eq. 25: dy_j/dz_i = y_i ([i = j] - y_j), so dz_i = y_i (dy_i - sum over j of y_j dy_j)
        double sum = 0.0;
        for (size_t j = 0; j < c; j++)
            sum += (double)y[j] * dy[j];
        for (size_t i = 0; i < c; i++)
            dz[i] = (float)(y[i] * (dy[i] - sum));
    }
}
