#define _GNU_SOURCE
#include "damage.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

// ---------------------------------------------------------------------------------------------------------------------
// How much a reader allocates: known where a sanitizer counts for us, 0 elsewhere

static size_t allocated;

__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                                                    void (*on_free)(const volatile void *));

static void count_allocation(const volatile void *pointer, size_t bytes)
{
    (void)pointer;
    allocated += bytes;
}

static void ignore_free(const volatile void *pointer)
{
    (void)pointer;
}

static void start_counting(void)
{
    static bool installed;
    if (!installed && __sanitizer_install_malloc_and_free_hooks)
        assert_true(__sanitizer_install_malloc_and_free_hooks(count_allocation, ignore_free) > 0);
    installed = true;
    allocated = 0;
}

// A JSON tree is many times as large as its text, and zlib has a window of its own: what must not happen is an
// allocation that a lie in a header dictates.
static size_t allowed_for(size_t count)
{
    return 64 * count + (256 << 10);
}

// ---------------------------------------------------------------------------------------------------------------------
// Damage

// Reads from a block of exactly `count` bytes, so that a sanitizer sees a read beyond them.
static silma_status read_damaged(const uint8_t *bytes, size_t count, const char *place, damaged_reader *reader,
                                 void *user)
{
    uint8_t *copy = malloc(count > 0 ? count : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, count);
    silma_error error = {0};
    start_counting();
    silma_status status = reader(copy, count, user, &error);
    if (allocated > allowed_for(count)) fail_msg("%zu bytes allocated for a file of %zu", allocated, count);
    free(copy);
    if (status == SILMA_OK) return status;
    if (status != SILMA_BAD_FILE) fail_msg("status %d: %s", (int)status, error.message);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, place)) fail_msg("\"%s\" does not name \"%s\"", error.message, place);
    return status;
}

void expect_refused(const uint8_t *bytes, size_t count, const char *place, damaged_reader *reader, void *user)
{
    if (read_damaged(bytes, count, place, reader, user) == SILMA_OK) fail_msg("\"%s\" was not refused", place);
}

void expect_truncations_fail(const uint8_t *bytes, size_t count, size_t step, const char *place, damaged_reader *reader,
                             void *user)
{
    for (size_t length = 0; length < count; length += step) {
        if (read_damaged(bytes, length, place, reader, user) == SILMA_OK)
            fail_msg("%s: the first %zu of %zu bytes were taken for the whole", place, length, count);
    }
}

size_t expect_flips_are_survived(const uint8_t *bytes, size_t count, size_t begin, size_t end, const char *place,
                                 damaged_reader *reader, void *user)
{
    size_t refused = 0;
    uint8_t *damaged = malloc(count);
    assert_non_null(damaged);
    memcpy(damaged, bytes, count);
    for (size_t i = begin; i < end; i++) {
        for (int bit = 0; bit < 8; bit++) {
            damaged[i] = (uint8_t)(bytes[i] ^ 1u << bit);
            refused += read_damaged(damaged, count, place, reader, user) == SILMA_BAD_FILE;
        }
        damaged[i] = bytes[i];
    }
    free(damaged);
    return refused;
}

void limit_file_size(size_t bytes)
{
    signal(SIGXFSZ, bytes == SIZE_MAX ? SIG_DFL : SIG_IGN);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == SIZE_MAX ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
