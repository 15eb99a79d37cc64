// A line of a .silma text taken apart: words, options, numbers, and what a wrong one is told.
#include "nn/words.h"

#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 1024 };

static char text_buffer[TEXT_MAX];

static words split(const char *text)
{
    words line;
    silma_error error = {0};
    snprintf(text_buffer, sizeof text_buffer, "%s", text);
    assert_int_equal(words_split(&line, text_buffer, "net.silma", 7, &error), SILMA_OK);
    return line;
}

static void splits_at_blanks_and_cuts_comments(void **state)
{
    (void)state;
    words line = split("  conv 32\t3x3 stride=2\r # fünf words=no\n");
    assert_int_equal(line.count, 4);
    assert_string_equal(line.word[0], "conv");
    assert_string_equal(line.word[1], "32");
    assert_string_equal(line.word[2], "3x3");
    assert_string_equal(line.word[3], "stride=2");
    assert_int_equal(split("# nothing but a comment").count, 0);
    assert_int_equal(split("").count, 0);
}

static void refuses_what_is_no_text(void **state)
{
    (void)state;
    words line;
    silma_error error = {0};
    char bell[] = "conv \a";
    assert_int_equal(words_split(&line, bell, "net.silma", 3, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:3: byte 0x07; only comments may hold anything but plain ASCII");
    char many[2 * (WORDS_MAX + 1) + 1] = "";
    for (size_t i = 0; i <= WORDS_MAX; i++) {
        many[2 * i] = 'w';
        many[2 * i + 1] = ' ';
    }
    assert_int_equal(words_split(&line, many, "net.silma", 3, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:3: more than 64 words");
}

static void takes_words_in_order_and_options_by_name(void **state)
{
    (void)state;
    words line = split("32 groups=2 3x3 same");
    assert_string_equal(words_peek(&line), "32");
    assert_true(words_flag(&line, "same"));
    assert_false(words_flag(&line, "same"));
    assert_string_equal(words_next(&line), "32");
    assert_string_equal(words_next(&line), "3x3");
    assert_null(words_next(&line));
    assert_null(words_peek(&line));
    assert_null(words_option(&line, "group"));
    assert_string_equal(words_option(&line, "groups"), "2");
    assert_null(words_option(&line, "groups"));
    silma_error error = {0};
    assert_int_equal(words_finish(&line, &error), SILMA_OK);
}

static void says_what_is_left_over(void **state)
{
    (void)state;
    silma_error error = {0};
    words line = split("strid=4");
    line.synopsis = "conv FILTERS KHxKW";
    assert_null(words_option(&line, "stride"));
    assert_int_equal(words_finish(&line, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message,
                        "net.silma:7: unexpected 'strid=4'; did you mean 'stride'?; expected: conv FILTERS KHxKW");

    line = split("stride=1 stride=2");
    assert_string_equal(words_option(&line, "stride"), "1");
    assert_int_equal(words_finish(&line, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:7: unexpected 'stride=2'");

    line = split("something_long_and_strange=1");
    line.line = 0;
    assert_int_equal(words_finish(&line, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma: unexpected 'something_long_and_strange=1'");
}

static void reads_typed_options(void **state)
{
    (void)state;
    silma_error error = {0};
    words line = split("groups=2 slope=0.5 bias=no nesterov=true");
    int groups = 1, absent = 11;
    float slope = 0;
    bool bias = true, nesterov = false;
    assert_int_equal(words_option_int(&line, "groups", 1, 8, &groups, &error), SILMA_OK);
    assert_int_equal(words_option_int(&line, "absent", 1, 8, &absent, &error), SILMA_OK);
    assert_int_equal(words_option_float(&line, "slope", 0, 1, &slope, &error), SILMA_OK);
    assert_int_equal(words_option_bool(&line, "bias", &bias, &error), SILMA_OK);
    assert_int_equal(words_option_bool(&line, "nesterov", &nesterov, &error), SILMA_OK);
    assert_int_equal(groups, 2);
    assert_int_equal(absent, 11);
    assert_float_equal(slope, 0.5f, 0);
    assert_false(bias);
    assert_true(nesterov);
}

static void refuses_wrong_values(void **state)
{
    (void)state;
    silma_error error = {0};
    int number = 5;
    float real = 5;
    bool flag = true;
    words line = split("groups=9 slope=2 bias=maybe 3.5 0.x");
    assert_int_equal(words_option_int(&line, "groups", 1, 8, &number, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:7: groups must be a whole number from 1 to 8, not '9'");
    assert_int_equal(words_option_float(&line, "slope", 0, 1, &real, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:7: slope must be a number from 0 to 1, not '2'");
    assert_int_equal(words_option_bool(&line, "bias", &flag, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:7: bias must be yes or no, not 'maybe'");
    assert_int_equal(words_int(&line, "FILTERS", 1, 8, &number, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:7: FILTERS must be a whole number from 1 to 8, not '3.5'");
    assert_int_equal(words_float(&line, "RATE", 0, 1, &real, &error), SILMA_BAD_FILE);
    assert_int_equal(words_float(&line, "RATE", 0, 1, &real, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "net.silma:7: RATE is missing");
    assert_int_equal(number, 5);
    assert_float_equal(real, 5, 0);
    assert_true(flag);
}

static void reads_pairs(void **state)
{
    (void)state;
    silma_error error = {0};
    words line = split("");
    int a, b;
    assert_int_equal(words_pair(&line, "size", "3x5", 1, 9, &a, &b, &error), SILMA_OK);
    assert_true(a == 3 && b == 5);
    assert_int_equal(words_pair(&line, "size", "4", 1, 9, &a, &b, &error), SILMA_OK);
    assert_true(a == 4 && b == 4);
    static const char *const WRONG[] = {
        "", "x", "3x", "x3", "3x3x3", "0x3", "3x10", "-1", "3X3", "3.0x3", "00000000000000000000000000000000000003x3"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        assert_int_equal(words_pair(&line, "size", WRONG[i], 1, 9, &a, &b, &error), SILMA_BAD_FILE);
        assert_true(a == 4 && b == 4);
    }
}

static void reads_whole_numbers(void **state)
{
    (void)state;
    long long value = 1;
    assert_true(parse_long("0", -9, 9, &value) && value == 0);
    assert_true(parse_long("-9", -9, 9, &value) && value == -9);
    assert_true(parse_long("9223372036854775807", LLONG_MIN, LLONG_MAX, &value) && value == LLONG_MAX);
    assert_true(parse_long("-9223372036854775808", LLONG_MIN, LLONG_MAX, &value) && value == LLONG_MIN);
    static const char *const WRONG[] = {"",
                                        "-",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x1",
                                        "1e3",
                                        "--1",
                                        "10",
                                        "-10",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        assert_false(parse_long(WRONG[i], -9, 9, &value));
    assert_false(parse_long("9223372036854775808", LLONG_MIN, LLONG_MAX, &value));
    assert_false(parse_long("-9223372036854775809", LLONG_MIN, LLONG_MAX, &value));
}

static void reads_real_numbers_to_the_last_bit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } RIGHT[] = {
        {"0", 0.0},
        {"1e-3", 1e-3},
        {"0.25", 0.25},
        {"-.5", -0.5},
        {"5.", 5.0},
        {"1E+2", 100.0},
        {"1e-7", 1e-7},
        {"0.999", 0.999},
        {"123456.789", 123456.789},
        {"0.1", 0.1},
        {"2e22", 2e22},
        {"0.0001234", 1.234e-4},
        {"9007199254740993e0", 9007199254740992.0},
        {"1e-350", 0.0},
        {"0e400", 0.0},
        {"1.7976931348623157e308", DBL_MAX},
        {"0.30000000000000000000000000000000000000000", 0.3},
        {"100000000000000000000000000000000000000000", 1e41},
    };
    double value;
    for (size_t i = 0; i < sizeof RIGHT / sizeof *RIGHT; i++) {
        assert_true(parse_double(RIGHT[i].text, &value));
        double error = fabs(value - RIGHT[i].value);
        bool long_text = strlen(RIGHT[i].text) > 15; // beyond 15 digits: to about one unit in the last place
        assert_true(error <= (long_text ? 2 * DBL_EPSILON * fabs(RIGHT[i].value) : 0.0));
    }
    static const char *const WRONG[] = {"",    ".",   "-",     "e3",    "1e", "1e+", "1e+-3", "1.2.3",         "0,5",
                                        "nan", "inf", "1e309", "0x1p3", " 1", "1 ",  "+1",    "1e99999999999", "1f"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        assert_false(parse_double(WRONG[i], &value));
}

static void does_not_follow_the_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) skip(); // not installed
    double value = 0;
    bool read = parse_double("0.25", &value);
    setlocale(LC_NUMERIC, "C");
    assert_true(read && value == 0.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_at_blanks_and_cuts_comments),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(takes_words_in_order_and_options_by_name),
        cmocka_unit_test(says_what_is_left_over),
        cmocka_unit_test(reads_typed_options),
        cmocka_unit_test(refuses_wrong_values),
        cmocka_unit_test(reads_pairs),
        cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(reads_real_numbers_to_the_last_bit),
        cmocka_unit_test(does_not_follow_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
