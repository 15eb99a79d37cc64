// SHA-256 against the values of FIPS 180-4, and in pieces of every size.
#include "core/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect_sum(const char *text, const char *expected)
{
    char hex[SHA256_HEX_SIZE];
    sha256 sum;
    sha256_start(&sum);
    sha256_add(&sum, text, strlen(text));
    sha256_finish(&sum, hex);
    assert_string_equal(hex, expected);
}

static void gives_the_published_sums(void **state)
{
    (void)state;
    expect_sum("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_sum("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void sums_a_million_letters(void **state)
{
    (void)state;
    char letters[1000], hex[SHA256_HEX_SIZE];
    memset(letters, 'a', sizeof(letters));
    sha256 sum;
    sha256_start(&sum);
    for (int i = 0; i < 1000; i++)
        sha256_add(&sum, letters, sizeof(letters));
    sha256_finish(&sum, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void does_not_depend_on_the_pieces(void **state)
{
    (void)state;
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        char whole[SHA256_HEX_SIZE], pieces[SHA256_HEX_SIZE];
        sha256 sum;
        sha256_start(&sum);
        sha256_add(&sum, bytes, length);
        sha256_finish(&sum, whole);
        size_t first = length / 3;
        sha256_start(&sum);
        sha256_add(&sum, bytes, first);
        sha256_add(&sum, NULL, 0);
        sha256_add(&sum, bytes + first, length - first);
        sha256_finish(&sum, pieces);
        assert_string_equal(whole, pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_sums),
        cmocka_unit_test(sums_a_million_letters),
        cmocka_unit_test(does_not_depend_on_the_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
