// The polynomials behind the activations against libm in double precision, over the whole range of floats: each table's
// functions through its activation_forward, and exp and erf (which no activation shows bare) in vectors of 4.
#include "kernel_check.h"

#define VF 4
#include "kernels/fast/math.inl"

#include <float.h>
#include <math.h>
#include <string.h>

// Every STRIDE-th float, by its bits: all exponents, both signs, infinities and NaNs. With 1 every float.
#ifndef STRIDE
#define STRIDE 2039
#endif

enum { BATCH = 4096 };

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The distance from `exact` in units of the last place of a float there.
static double ulps(float got, double exact)
{
    if (isnan(exact)) return isnan(got) ? 0.0 : INFINITY;
    if ((double)got == exact || (double)got == (double)(float)exact) return 0.0;
    if (isinf((float)exact)) return fabs(exact) < 0x1.000001p128 && fabsf(got) == FLT_MAX ? 1.0 : INFINITY;
    int exponent;
    frexp(exact, &exponent);
    double ulp = ldexp(1.0, (exponent > -125 ? exponent : -125) - 24);
    return fabs((double)got - exact) / ulp;
}

typedef struct function {
    const char *name;
    double (*exact)(double);
    double ulps;     // the largest error allowed
    float low, high; // where it is promised
} function;

typedef void evaluate_batch(const void *how, const float *x, float *y);

static void check_function(const char *table, const function *f, evaluate_batch *evaluate, const void *how)
{
    float x[BATCH], y[BATCH];
    double worst = 0.0;
    float worst_at = 0.0f;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += (uint64_t)STRIDE * BATCH) {
        for (uint64_t i = 0; i < BATCH; i++) {
            x[i] = float_of((uint32_t)(bits + i * STRIDE));
            if (i < 3 && bits == 0) x[i] = i == 0 ? INFINITY : i == 1 ? -INFINITY : -0.0f;
            if (x[i] < f->low || x[i] > f->high) x[i] = 0.5f;
        }
        evaluate(how, x, y);
        for (int i = 0; i < BATCH; i++) {
            double error = ulps(y[i], f->exact((double)x[i]));
            if (error > worst) {
                worst = error;
                worst_at = x[i];
            }
        }
    }
    print_message("%-9s %-8s at most %.3f ulp, at %.9g\n", table, f->name, worst, (double)worst_at);
    if (worst > f->ulps) fail_msg("%s %s: %g ulp at %.9g", table, f->name, worst, (double)worst_at);
}

static double exact_sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

static double exact_silu(double z)
{
    return z / (1.0 + exp(-z));
}

static double exact_elu(double z)
{
    return z > 0.0 ? z : 0.75 * expm1(z);
}

static double exact_relu(double z)
{
    return z < 0.0 ? 0.0 : z;
}

static double exact_leaky_relu(double z)
{
    return z > 0.0 ? z : 0.75 * z;
}

typedef struct table_activation {
    const kernels *k;
    activation act;
} table_activation;

static void evaluate_activation(const void *how, const float *x, float *y)
{
    const table_activation *of = how;
    of->k->activation_forward(NULL, of->act, BATCH, x, y);
}

static void activations_are_exact(void **state)
{
    (void)state;
    static const struct {
        activation_kind kind;
        function f;
    } cases[] = {
        {ACTIVATION_RELU, {"relu", exact_relu, 0.0, -INFINITY, INFINITY}},
        {ACTIVATION_LEAKY_RELU, {"leaky", exact_leaky_relu, 0.5, -INFINITY, INFINITY}},
        {ACTIVATION_ELU, {"elu", exact_elu, 2.0, -INFINITY, INFINITY}},
        {ACTIVATION_SIGMOID, {"sigmoid", exact_sigmoid, 2.5, -INFINITY, INFINITY}},
        {ACTIVATION_TANH, {"tanh", tanh, 3.0, -INFINITY, INFINITY}},
        {ACTIVATION_SILU, {"silu", exact_silu, 3.0, -85.0f, INFINITY}}, // e^z is normal
    };
    const kernels *tables[16];
    size_t count = fast_tables(tables, 16, false);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof cases / sizeof *cases; j++) {
            table_activation of = {tables[i], {cases[j].kind, 0.75f}};
            check_function(tables[i]->name, &cases[j].f, evaluate_activation, &of);
        }
    }
}

static void evaluate_exp(const void *how, const float *x, float *y)
{
    (void)how;
    for (int i = 0; i < BATCH; i += VF)
        vf_store(y + i, vf_exp(vf_load(x + i)));
}

static void evaluate_expm1(const void *how, const float *x, float *y)
{
    (void)how;
    for (int i = 0; i < BATCH; i += VF)
        vf_store(y + i, vf_expm1(vf_load(x + i)));
}

static void evaluate_erf(const void *how, const float *x, float *y)
{
    (void)how;
    for (int i = 0; i < BATCH; i += VF)
        vf_store(y + i, vf_erf(vf_load(x + i)));
}

static void functions_are_exact(void **state)
{
    (void)state;
    check_function("vector", &(function){"exp", exp, 1.5, -INFINITY, INFINITY}, evaluate_exp, NULL);
    check_function("vector", &(function){"expm1", expm1, 2.0, -INFINITY, 80.0f}, evaluate_expm1, NULL);
    check_function("vector", &(function){"erf", erf, 2.0, -INFINITY, INFINITY}, evaluate_erf, NULL);
}

// GELU loses relative accuracy where 1 + erf cancels; what it adds to a sum is still exact to a float's rounding.
static void gelu_is_close(void **state)
{
    (void)state;
    const kernels *tables[16];
    size_t count = fast_tables(tables, 16, false);
    for (size_t i = 0; i < count; i++) {
        float z[BATCH], y[BATCH];
        for (int j = 0; j < BATCH; j++)
            z[j] = (float)(2 * j - BATCH) / 512.0f;
        z[0] = NAN;
        z[1] = FLT_MAX;
        tables[i]->activation_forward(NULL, (activation){ACTIVATION_GELU, 0.0f}, BATCH, z, y);
        assert_true(isnan(y[0]));
        assert_true(y[1] == FLT_MAX);
        for (int j = 2; j < BATCH; j++) {
            double exact = 0.5 * (double)z[j] * erfc(-(double)z[j] * 0.70710678118654752440);
            double apart = fabs((double)y[j] - exact);
            assert_true(apart <= 1.2e-7 * fmax(1.0, fabs((double)z[j])));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_exact),
        cmocka_unit_test(activations_are_exact),
        cmocka_unit_test(gelu_is_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
