// The tests that tell progress from noise, against values computed with exact integers (Python) and printed tables.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>

#include "report/statistics.h"

static void assert_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) print_error("%.12g instead of %.12g\n", found, expected);
    assert_true(fabs(found - expected) <= tolerance);
}

static void mcnemar_is_exact(void **state)
{
    (void)state;
    assert_near(mcnemar(0, 0), 1, 0);
    assert_near(mcnemar(1, 0), 1, 1e-12);
    assert_near(mcnemar(0, 6), 2.0 / 64, 1e-12);
    assert_near(mcnemar(5, 15), 0.04138946533203125, 1e-12);
    assert_near(mcnemar(15, 5), 0.04138946533203125, 1e-12); // either way round
    assert_near(mcnemar(10, 10), 1, 1e-12);
    assert_near(mcnemar(450, 549), 0.0019168730547811448, 1e-12);
    assert_near(mcnemar(0, 999), 0, 1e-200); // 2^-998
    assert_true(mcnemar(0, 999) > 0);
}

static void many_images_take_the_normal_distribution(void **state)
{
    (void)state;
    assert_near(mcnemar(600, 500), 0.0028361326556, 1e-9);
    assert_near(mcnemar(500, 500), 1, 1e-12);
    assert_near(mcnemar(501, 500), 1, 1e-12);
    // On both sides of the border it says about the same.
    assert_near(mcnemar(530, 469), mcnemar(531, 470), 2e-3);
}

static void paired_differences(void **state)
{
    (void)state;
    interval d = paired_difference(15, 5, 100);
    assert_near(d.value, 0.1, 1e-12);
    assert_near(d.low, 0.01206351929, 1e-9);
    assert_near(d.high, 0.18401491209, 1e-9);
    d = paired_difference(0, 0, 10);
    assert_true(d.value == 0 && d.low < 0 && d.high > 0);
    d = paired_difference(0, 3, 3);
    assert_true(d.value == -1 && d.low >= -1);
    assert_true(isnan(paired_difference(0, 0, 0).value));
}

static void holm(void **state)
{
    (void)state;
    double p[] = {0.01, NAN, 0.04, 0.03, 0, 0.9};
    adjust_tests(p, 6);
    const double expected[] = {0.04, NAN, 0.09, 0.09, 0, 0.9};
    for (int i = 0; i < 6; i++)
        if (i != 1) assert_near(p[i], expected[i], 1e-12);
    assert_true(isnan(p[1]));
    double one[] = {0.7};
    adjust_tests(one, 1);
    assert_near(one[0], 0.7, 0);
    adjust_tests(one, 0);
}

static void means(void **state)
{
    (void)state;
    const double values[] = {1, NAN, 2, 3};
    mean_interval m = mean_of(values, 4);
    assert_int_equal(m.count, 3);
    assert_near(m.mean, 2, 1e-12);
    assert_near(m.deviation, 1, 1e-12);
    assert_near(m.high - 2, 4.303 / sqrt(3), 1e-3);
    assert_near(2 - m.low, 4.303 / sqrt(3), 1e-3);
    m = mean_of(values, 1);
    assert_true(m.count == 1 && m.mean == 1 && isnan(m.low) && isnan(m.deviation));
    m = mean_of(values + 1, 1);
    assert_true(m.count == 0 && isnan(m.mean));
    double many[61]; // 60 degrees of freedom: 2.000
    for (int i = 0; i < 61; i++)
        many[i] = i % 2;
    m = mean_of(many, 61);
    assert_near((m.high - m.mean) / (m.deviation / sqrt(61)), 2.0003, 1e-4);
}

static void intervals_end_where_values_do(void **state)
{
    (void)state;
    const double shares[] = {0.3, 0.5}; // without an end, -0.87 to 1.67
    mean_interval m = mean_within(shares, 2, 1);
    assert_true(m.low == 0 && m.high == 1);
    assert_near(m.mean, 0.4, 1e-12);
    m = mean_within(shares, 2, INFINITY);
    assert_true(m.low == 0 && m.high > 1.6);
    m = mean_within(shares, 1, 1);
    assert_true(isnan(m.low) && isnan(m.high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar_is_exact),
        cmocka_unit_test(many_images_take_the_normal_distribution),
        cmocka_unit_test(paired_differences),
        cmocka_unit_test(holm),
        cmocka_unit_test(means),
        cmocka_unit_test(intervals_end_where_values_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
