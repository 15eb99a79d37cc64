// What is counted while images pass, worked out by hand.
#include "train/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// Six images, three classes. Predicted: 0, 1, 2, 0 (a tie: the first), 1, 2.
static const float PROBABILITIES[6][3] = {
    {0.9f, 0.1f, 0.0f}, {0.2f, 0.6f, 0.2f}, {0.3f, 0.3f, 0.4f},
    {0.4f, 0.4f, 0.2f}, {0.1f, 0.5f, 0.4f}, {0.0f, 0.0f, 1.0f},
};
static const uint32_t LABELS[6] = {0, 1, 2, 1, 1, 0};

static void close_to(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-9)) fail_msg("%.12g instead of %.12g", value, expected);
}

static void an_epoch_is_summed(void **state)
{
    (void)state;
    metrics m = {0};
    assert_true(isnan(metrics_loss(&m)) && isnan(metrics_accuracy(&m)) && isnan(metrics_true_positives(&m)));
    metrics_add(&m, 1.5, 4, 3, PROBABILITIES[0], LABELS);
    metrics_add(&m, 0.75, 2, 3, PROBABILITIES[4], LABELS + 4);
    assert_int_equal(m.images, 6);
    assert_int_equal(m.correct, 4);        // images 0, 1, 2 and 4; of the tie in image 3 class 0 counts
    assert_int_equal(m.true_positives, 2); // 0.9 and 0.6; 0.4 and exactly 0.5 are not above 0.5
    close_to(metrics_loss(&m), 0.375);
    close_to(metrics_accuracy(&m), 4.0 / 6);
    close_to(metrics_true_positives(&m), 2.0 / 6);
}

// One output: above 0.5 is class 1. Keras's TruePositives sees a target of 1 only for images of class 1.
static void one_output_is_binary(void **state)
{
    (void)state;
    const float p[5] = {0.9f, 0.2f, 0.5f, 0.6f, 0.4f};
    const uint32_t labels[5] = {1, 0, 0, 0, 1};
    metrics m = {0};
    metrics_add(&m, 0, 5, 1, p, labels);
    assert_int_equal(m.correct, 3);
    assert_int_equal(m.true_positives, 1);

    silma_evaluation e;
    assert_int_equal(evaluation_start(&e, 2, NULL), SILMA_OK);
    evaluation_add(&e, 0, 5, 1, p, labels);
    evaluation_finish(&e);
    const size_t confusion[4] = {2, 1, 1, 1};
    assert_memory_equal(e.confusion, confusion, sizeof confusion);
    close_to(e.top5, 1);
    silma_evaluation_free(&e);
}

static void a_checkpoint_keeps_the_sums(void **state)
{
    (void)state;
    metrics m = {.loss_sum = 0.1, .images = 1000003, .correct = 999, .true_positives = 7};
    metrics again;
    double values[METRICS_VALUES];
    metrics_store(&m, values);
    assert_true(metrics_restore(&again, values));
    assert_true(again.loss_sum == m.loss_sum && again.images == m.images && again.correct == m.correct &&
                again.true_positives == m.true_positives);
    const double damaged[] = {-1, 0.5, (double)NAN, (double)INFINITY, 1e300};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        values[2] = damaged[i];
        assert_false(metrics_restore(&again, values));
    }
}

static void an_evaluation_by_hand(void **state)
{
    (void)state;
    silma_evaluation e;
    assert_int_equal(evaluation_start(&e, 3, NULL), SILMA_OK);
    evaluation_add(&e, 2, 5, 3, PROBABILITIES[0], LABELS);
    evaluation_add(&e, 1, 1, 3, PROBABILITIES[5], LABELS + 5);
    evaluation_finish(&e);
    const size_t confusion[9] = {
        1, 0, 1, // two of class 0, one taken for 2
        1, 2, 0, // three of class 1, one taken for 0
        0, 0, 1,
    };
    assert_memory_equal(e.confusion, confusion, sizeof confusion);
    assert_int_equal(e.count, 6);
    close_to(e.loss, 0.5);
    close_to(e.accuracy, 4.0 / 6);
    close_to(e.true_positives, 2.0 / 6);
    close_to(e.top5, 1);
    assert_int_equal(e.classes[0].support, 2);
    assert_int_equal(e.classes[0].predicted, 2);
    close_to(e.classes[0].precision, 0.5);
    close_to(e.classes[0].recall, 0.5);
    close_to(e.classes[0].f1, 0.5);
    close_to(e.classes[1].precision, 1);
    close_to(e.classes[1].recall, 2.0 / 3);
    close_to(e.classes[1].f1, 0.8);
    close_to(e.classes[2].precision, 0.5);
    close_to(e.classes[2].recall, 1);
    assert_true(e.accuracy_low < e.accuracy && e.accuracy < e.accuracy_high);
    silma_evaluation_free(&e);
    silma_evaluation_free(&e); // leaves it empty
    silma_evaluation_free(NULL);
}

// A class that has no image and is never predicted, and an evaluation of no image at all.
static void nothing_divides_by_zero(void **state)
{
    (void)state;
    silma_evaluation e;
    assert_int_equal(evaluation_start(&e, 3, NULL), SILMA_OK);
    evaluation_add(&e, 0, 1, 3, PROBABILITIES[0], LABELS);
    evaluation_finish(&e);
    assert_true(e.classes[2].precision == 0 && e.classes[2].recall == 0 && e.classes[2].f1 == 0);
    silma_evaluation_free(&e);

    assert_int_equal(evaluation_start(&e, 3, NULL), SILMA_OK);
    evaluation_finish(&e);
    assert_true(isnan(e.accuracy) && isnan(e.loss) && e.accuracy_low == 0 && e.accuracy_high == 1);
    silma_evaluation_free(&e);
}

static double top5_of(const float *p, size_t outputs, uint32_t label)
{
    silma_evaluation e;
    assert_int_equal(evaluation_start(&e, (int)outputs, NULL), SILMA_OK);
    evaluation_add(&e, 0, 1, outputs, p, &label);
    evaluation_finish(&e);
    double top5 = e.top5;
    silma_evaluation_free(&e);
    return top5;
}

static void top5_takes_the_first_of_equals(void **state)
{
    (void)state;
    const float falling[7] = {0.3f, 0.2f, 0.15f, 0.1f, 0.1f, 0.1f, 0.05f};
    for (uint32_t label = 0; label < 7; label++)
        assert_true(top5_of(falling, 7, label) == (label < 5));
    const float undefined[7] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    assert_true(top5_of(undefined, 7, 6) == 0 && top5_of(undefined, 7, 0) == 0);
}

// The interval's ends are the p for which |p - successes / count| = z sqrt(p (1 - p) / count): found by bisection.
static void wilson_by_hand(void **state)
{
    (void)state;
    const struct {
        uint64_t successes, count;
        double low, high;
    } cases[] = {
        {50, 100, 0.4038315304, 0.5961684696},
        {0, 10, 0, 0.2775327999},
        {10, 10, 0.7224672001, 1},
        {9200, 10000, 0.9145200469, 0.9251573945},
        {0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double low, high;
        wilson_interval(cases[i].successes, cases[i].count, &low, &high);
        if (fabs(low - cases[i].low) > 1e-9 || fabs(high - cases[i].high) > 1e-9)
            fail_msg("case %zu: %.9f to %.9f", i, low, high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_is_summed),
        cmocka_unit_test(one_output_is_binary),
        cmocka_unit_test(a_checkpoint_keeps_the_sums),
        cmocka_unit_test(an_evaluation_by_hand),
        cmocka_unit_test(nothing_divides_by_zero),
        cmocka_unit_test(top5_takes_the_first_of_equals),
        cmocka_unit_test(wilson_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
