// Learning rate schedules: the rate of single steps worked out by hand, and what plateau remembers.
#include "train/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 100, EPOCHS = 20 }; // steps of an epoch, epochs of a run

static silma_status parse(schedule *s, const char *text, silma_error *error)
{
    char copy[256];
    words line;
    assert_true(strlen(text) < sizeof copy);
    memcpy(copy, text, strlen(text) + 1);
    assert_int_equal(words_split(&line, copy, "test", 0, error), SILMA_OK);
    silma_status status = schedule_parse(s, &line, error);
    return status == SILMA_OK ? words_finish(&line, error) : status;
}

static schedule parsed(const char *text)
{
    schedule s;
    silma_error error = {0};
    if (parse(&s, text, &error) != SILMA_OK) fail_msg("%s", error.message);
    return s;
}

// The rate of a run of EPOCHS epochs whose optimiser has the rate 0.5.
static void expect_rate(const char *text, uint64_t step, double expected)
{
    schedule s = parsed(text);
    double rate = schedule_rate(&s, 0.5, step, STEPS, EPOCHS, NULL);
    if (!(fabs(rate - expected) <= 1e-12)) fail_msg("%s, step %d: %.15g, not %.15g", text, (int)step, rate, expected);
}

static void texts_are_read_and_written(void **state)
{
    (void)state;
    const struct {
        const char *text, *described;
    } cases[] = {
        {"constant", "constant warmup=0"},
        {"step", "step every=10 factor=0.1 warmup=0"},
        {"step every=3 factor=0.5 warmup=2", "step every=3 factor=0.5 warmup=2"},
        {"cosine min=1e-5", "cosine min=1e-05 warmup=0"},
        {"onecycle max=0.1", "onecycle max=0.1"},
        {"plateau", "plateau watch=val_loss factor=0.1 patience=10 min_delta=0.0001 min=0 warmup=0"},
        {"plateau patience=2 watch=accuracy",
         "plateau watch=accuracy factor=0.1 patience=2 min_delta=0.0001 min=0 warmup=0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[SCHEDULE_TEXT_MAX], again[SCHEDULE_TEXT_MAX];
        schedule s = parsed(cases[i].text);
        schedule_describe(&s, text);
        assert_string_equal(text, cases[i].described);
        s = parsed(text);
        schedule_describe(&s, again);
        assert_string_equal(again, text);
    }
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the schedule is missing"},
        {"cosin", "unknown schedule 'cosin'; did you mean 'cosine'?"},
        {"constant factor=0.1", "unexpected 'factor=0.1'"},
        {"step every=0", "every must be a whole number from 1"},
        {"step factor=2", "factor must be a number from 0 to 1, not '2'"},
        {"cosine warmup=-1", "warmup must be a number from 0"},
        {"onecycle warmup=1", "unexpected 'warmup=1'"},
        {"plateau watch=val_los", "did you mean 'val_loss'?"},
        {"plateau patience=0", "patience must be a whole number from 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        schedule s;
        silma_error error = {0};
        assert_int_equal(parse(&s, cases[i].text, &error), SILMA_BAD_FILE);
        if (!strstr(error.message, cases[i].message)) fail_msg("%s", error.message);
    }
}

static void constant_and_step(void **state)
{
    (void)state;
    expect_rate("constant", 0, 0.5);
    expect_rate("constant", 1999, 0.5);
    expect_rate("step every=3 factor=0.1", 299, 0.5);
    expect_rate("step every=3 factor=0.1", 300, 0.05);
    expect_rate("step every=3 factor=0.1", 599, 0.05);
    expect_rate("step every=3 factor=0.1", 600, 0.005);
}

static void warmup_rises_to_the_schedule(void **state)
{
    (void)state;
    expect_rate("constant warmup=2", 0, 0.5 / 200);
    expect_rate("constant warmup=2", 99, 0.25);
    expect_rate("constant warmup=2", 199, 0.5);
    expect_rate("constant warmup=2", 200, 0.5);
    expect_rate("constant warmup=0.5", 24, 0.25);
    expect_rate("cosine warmup=4", 199, 0.25); // half way up
    expect_rate("cosine warmup=4", 400, 0.5);
    expect_rate("cosine warmup=4", 1200, 0.25); // half way down
}

static void cosine_falls_to_its_least(void **state)
{
    (void)state;
    expect_rate("cosine", 0, 0.5);
    expect_rate("cosine", 1000, 0.25);
    expect_rate("cosine", 500, 0.25 * (1 + sqrt(0.5)));
    expect_rate("cosine", 2000, 0);
    expect_rate("cosine", 5000, 0); // beyond the end of a run that was shortened
    expect_rate("cosine min=0.1", 1000, 0.3);
    expect_rate("cosine min=0.1", 2000, 0.1);
    expect_rate("cosine warmup=20", 1999, 0.5); // nothing but warmup
}

// 2,000 steps: up to step 0.3 * 2000 - 1 = 599, down to step 1999.
static void onecycle_rises_and_falls(void **state)
{
    (void)state;
    expect_rate("onecycle", 0, 0.5 / 25);
    expect_rate("onecycle", 599, 0.5);
    expect_rate("onecycle", 1299, (0.5 + 0.5 / 25e4) / 2);
    expect_rate("onecycle", 1999, 0.5 / 25e4);
    expect_rate("onecycle", 3000, 0.5 / 25e4);
    expect_rate("onecycle max=2", 0, 2.0 / 25);
    expect_rate("onecycle max=2", 599, 2);
    schedule s = parsed("onecycle"); // a run of so few steps that nothing can rise
    for (uint64_t step = 0; step < 3; step++) {
        double rate = schedule_rate(&s, 0.5, step, 1, 3, NULL);
        assert_true(rate > 0 && rate <= 0.5);
    }
}

static void plateau_waits_and_reduces(void **state)
{
    (void)state;
    const double losses[] = {1.0, 0.9, 0.95, 0.89995, 0.8, (double)NAN, 0.8, 0.9, 0.9};
    // 0.89995 is no improvement on 0.9: min_delta is 1e-4. The NaN counts as none either.
    const double factors[] = {1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001};
    schedule s = parsed("plateau patience=2");
    plateau_state p = plateau_start();
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        silma_epoch record = {.val_loss = losses[i]};
        plateau_update(&p, &s, &record);
        if (fabs(p.factor - factors[i]) > 1e-12) fail_msg("after epoch %zu: factor %g", i + 1, p.factor);
    }
    assert_true(fabs(schedule_rate(&s, 0.5, 900, STEPS, EPOCHS, &p) - 0.0005) < 1e-15);
    s.least = 0.002;
    assert_true(schedule_rate(&s, 0.5, 900, STEPS, EPOCHS, &p) == 0.002);
    assert_true(schedule_rate(&s, 0.001, 900, STEPS, EPOCHS, &p) == 0.001); // never above the rate itself
}

static void plateau_of_an_accuracy_waits_for_a_rise(void **state)
{
    (void)state;
    schedule s = parsed("plateau watch=accuracy patience=1");
    plateau_state p = plateau_start();
    plateau_update(&p, &s, &(silma_epoch){.accuracy = 0.5});
    plateau_update(&p, &s, &(silma_epoch){.accuracy = 0.6});
    assert_true(p.factor == 1);
    plateau_update(&p, &s, &(silma_epoch){.accuracy = 0.4});
    assert_true(p.factor == 0.1);
    schedule other = parsed("constant");
    p = plateau_start();
    for (int i = 0; i < 30; i++)
        plateau_update(&p, &other, &(silma_epoch){.accuracy = 0.4});
    assert_true(p.factor == 1 && p.wait == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_and_written), cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(constant_and_step),          cmocka_unit_test(warmup_rises_to_the_schedule),
        cmocka_unit_test(cosine_falls_to_its_least),  cmocka_unit_test(onecycle_rises_and_falls),
        cmocka_unit_test(plateau_waits_and_reduces),  cmocka_unit_test(plateau_of_an_accuracy_waits_for_a_rise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
