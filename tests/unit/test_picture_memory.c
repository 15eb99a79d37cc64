// Memory that runs out at every place: each allocation of the decoders and the encoder fails in turn, alone and with
// all that follow. What libjpeg allocates for itself is out of reach.
#include "silma/codecs.h"

#include "stored_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t until_failure = SIZE_MAX; // allocations that still succeed
static bool failing_for_ever, failed;

static bool fails(void)
{
    if (until_failure == SIZE_MAX) return false;
    if (until_failure > 0) {
        until_failure--;
        return false;
    }
    failed = true;
    if (!failing_for_ever) until_failure = SIZE_MAX;
    return true;
}

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

// Runs `attempt` with its first, second, ... allocation failing, until it needs no more. Returns how often it failed.
static size_t fail_each(silma_status (*attempt)(const void *subject, silma_error *error), const void *subject)
{
    for (size_t n = 0;; n++) {
        silma_error error = {0};
        until_failure = n;
        failed = false;
        silma_status status = attempt(subject, &error);
        until_failure = SIZE_MAX;
        if (!failed) {
            assert_int_equal(status, SILMA_OK);
            return n;
        }
        if (status == SILMA_OK) continue; // it could do without
        if (status != SILMA_FAILURE || !strstr(error.message, "out of memory"))
            fail_msg("status %d: %s", (int)status, error.message);
    }
}

static silma_status decode(const void *subject, silma_error *error)
{
    const stored_picture *stored = subject;
    silma_picture picture = {0};
    silma_status status = silma_codecs_default()->decode_picture(stored->name, stored->bytes, stored->size, 0,
                                                                 SILMA_MOST_PIXELS, &picture, error);
    free(picture.pixels);
    return status;
}

static void decode_without_memory(const stored_picture *stored, void *user)
{
    size_t *count = user;
    failing_for_ever = false;
    size_t once = fail_each(decode, stored);
    failing_for_ever = true;
    size_t always = fail_each(decode, stored);
    assert_int_equal(once, always);
    assert_true(once > 0);
    *count += once;
}

static void decoding_survives_without_memory(void **state)
{
    (void)state;
    size_t count = 0;
    stored_pictures_each(decode_without_memory, &count);
    assert_true(count > 200); // libpng's are seen
}

static silma_status encode(const void *subject, silma_error *error)
{
    uint8_t *png = NULL;
    size_t size;
    silma_status status = silma_codecs_default()->encode_png(subject, &png, &size, error);
    free(png);
    return status;
}

static void encoding_survives_without_memory(void **state)
{
    (void)state;
    enum { SIDE = 64 };
    uint8_t pixels[SIDE * SIDE * 3];
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * i / 7);
    const silma_picture picture = {SIDE, SIDE, 3, pixels};
    failing_for_ever = false;
    assert_true(fail_each(encode, &picture) > 5);
    failing_for_ever = true;
    assert_true(fail_each(encode, &picture) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_survives_without_memory),
        cmocka_unit_test(encoding_survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
