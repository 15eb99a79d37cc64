// The arena: blocks that live at the same time never share a byte, and those that do not, share.
#include "core/random.h"
#include "nn/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int overlap(const arena_block *a, const arena_block *b)
{
    int in_time = a->first <= b->last && b->first <= a->last;
    int in_space = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
    return in_time && in_space && a->bytes > 0 && b->bytes > 0;
}

static void living_blocks_never_overlap(void **state)
{
    (void)state;
    enum { COUNT = 60, ROUNDS = 200 };
    arena_block blocks[COUNT];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        size_t total = 0;
        for (size_t i = 0; i < COUNT; i++) {
            size_t first = random_below(round, RANDOM_SAMPLE, 0, 3 * i, 40);
            blocks[i] = (arena_block){
                .bytes = 64 * random_below(round, RANDOM_SAMPLE, 0, 3 * i + 1, 50),
                .first = first,
                .last = first + random_below(round, RANDOM_SAMPLE, 0, 3 * i + 2, 10),
            };
            total += blocks[i].bytes;
        }
        size_t bytes;
        assert_int_equal(arena_place(blocks, COUNT, &bytes, NULL), SILMA_OK);
        assert_true(bytes < total);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(blocks[i].offset % ARENA_ALIGNMENT, 0);
            assert_true(blocks[i].bytes == 0 || blocks[i].offset + blocks[i].bytes <= bytes);
            for (size_t j = 0; j < i; j++)
                assert_false(overlap(&blocks[i], &blocks[j]));
        }
    }
}

static void blocks_in_turn_share_space(void **state)
{
    (void)state;
    arena_block blocks[] = {
        {.bytes = 128, .first = 0, .last = 1},
        {.bytes = 128, .first = 2, .last = 3},
        {.bytes = 64, .first = 1, .last = 2},
    };
    size_t bytes;
    assert_int_equal(arena_place(blocks, 3, &bytes, NULL), SILMA_OK);
    assert_int_equal(bytes, 192);
}

static void overflow_is_an_error(void **state)
{
    (void)state;
    arena_block blocks[] = {
        {.bytes = SIZE_MAX - 63, .first = 0, .last = 1},
        {.bytes = 128, .first = 0, .last = 1},
    };
    size_t bytes;
    silma_error error = {0};
    assert_int_equal(arena_place(blocks, 2, &bytes, &error), SILMA_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(living_blocks_never_overlap),
        cmocka_unit_test(blocks_in_turn_share_space),
        cmocka_unit_test(overflow_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
