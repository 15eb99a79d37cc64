// Initialisers: limits, moments, and that a value depends on nothing but seed, parameter and element.
#include "nn/initialiser.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 40000, FAN_IN = 300, FAN_OUT = 100 };

static const char *const NAMES[] = {"zeros",         "ones",       "normal",   "glorot_uniform",
                                    "glorot_normal", "he_uniform", "he_normal"};

static float values[COUNT];

static void fill(const char *name, uint64_t seed, uint32_t number)
{
    initialiser initial;
    assert_true(initialiser_find(name, &initial));
    assert_string_equal(initialiser_name(initial), name);
    initialiser_fill(initial, seed, number, FAN_IN, FAN_OUT, COUNT, values);
}

static void check(const char *name, double deviation, double limit)
{
    double sum = 0, squares = 0, most = 0;
    fill(name, 1, 2);
    for (size_t i = 0; i < COUNT; i++) {
        double value = (double)values[i];
        sum += value;
        squares += value * value;
        most = fmax(most, fabs(value));
    }
    // Four standard errors: of the mean, and of a standard deviation.
    assert_true(fabs(sum / COUNT) < 4 * deviation / sqrt(COUNT));
    assert_true(fabs(sqrt(squares / COUNT) - deviation) < 4 * deviation / sqrt(2.0 * COUNT));
    assert_true(most <= limit * (1 + 1e-6) && most > 0.99 * limit);
}

static void limits_and_moments(void **state)
{
    (void)state;
    static const double CUT = 0.87962566103423978;
    double glorot = 2.0 / (FAN_IN + FAN_OUT), he = 2.0 / FAN_IN;
    check("glorot_uniform", sqrt(glorot), sqrt(3 * glorot));
    check("he_uniform", sqrt(he), sqrt(3 * he));
    check("glorot_normal", sqrt(glorot), 2 * sqrt(glorot) / CUT);
    check("he_normal", sqrt(he), 2 * sqrt(he) / CUT);
    fill("zeros", 1, 2);
    assert_true(values[0] == 0.0f && values[COUNT - 1] == 0.0f);
    fill("ones", 1, 2);
    assert_true(values[0] == 1.0f && values[COUNT - 1] == 1.0f);
}

static void normal_has_keras_deviation(void **state)
{
    (void)state;
    double squares = 0;
    fill("normal", 1, 2);
    for (size_t i = 0; i < COUNT; i++)
        squares += (double)values[i] * (double)values[i];
    assert_true(fabs(sqrt(squares / COUNT) - 0.05) < 4 * 0.05 / sqrt(2.0 * COUNT));
}

static void depends_on_seed_and_parameter_only(void **state)
{
    (void)state;
    static float first[COUNT];
    for (size_t i = 2; i < sizeof NAMES / sizeof *NAMES; i++) {
        initialiser initial;
        fill(NAMES[i], 1, 2);
        memcpy(first, values, sizeof first);
        fill(NAMES[i], 1, 2);
        assert_memory_equal(first, values, sizeof first);
        assert_true(initialiser_find(NAMES[i], &initial));
        initialiser_fill(initial, 1, 2, FAN_IN, FAN_OUT, COUNT / 2, values); // fewer: the same beginning
        assert_memory_equal(first, values, sizeof first);
        fill(NAMES[i], 1, 3);
        assert_memory_not_equal(first, values, sizeof first);
        fill(NAMES[i], 2, 2);
        assert_memory_not_equal(first, values, sizeof first);
    }
}

static void missing_fans_and_names(void **state)
{
    (void)state;
    initialiser initial;
    assert_false(initialiser_find("he", &initial));
    assert_true(initialiser_find("he_uniform", &initial));
    initialiser_fill(initial, 1, 2, 0, 0, COUNT, values);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(isfinite(values[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_and_moments),
        cmocka_unit_test(normal_has_keras_deviation),
        cmocka_unit_test(depends_on_seed_and_parameter_only),
        cmocka_unit_test(missing_fans_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
