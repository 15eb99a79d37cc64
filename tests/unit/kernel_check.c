#define _GNU_SOURCE
#include "kernel_check.h"

#include "core/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD = 64, GUARDED_MAX = 4096, TABLES_MAX = 16, POOL_SIZES = 4, FILL = 0xFF };

// One mapping: closed page | guard and filling | the bytes | filling, less than 64 bytes | closed page
typedef struct guarded_buffer {
    uint8_t *mapping;
    size_t mapping_bytes;
    uint8_t *data;
    size_t bytes;
    uint8_t *open, *open_end;
} guarded_buffer;

static guarded_buffer buffers[GUARDED_MAX];
static size_t buffer_count;

static size_t round_up(size_t size, size_t to)
{
    return (size + to - 1) / to * to;
}

void *guarded(size_t bytes)
{
    assert_true(buffer_count < GUARDED_MAX);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t open = round_up(round_up(bytes, 64) + GUARD, page);
    guarded_buffer *b = &buffers[buffer_count++];
    b->mapping_bytes = open + 2 * page;
    b->mapping = mmap(NULL, b->mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(b->mapping, MAP_FAILED);
    b->open = b->mapping + page;
    b->open_end = b->open + open;
    b->data = b->open_end - round_up(bytes, 64);
    b->bytes = bytes;
    memset(b->open, FILL, open);
    assert_int_equal(mprotect(b->mapping, page, PROT_NONE), 0);
    assert_int_equal(mprotect(b->open_end, page, PROT_NONE), 0);
    return b->data;
}

float *guarded_floats(size_t count)
{
    return guarded(count * sizeof(float));
}

// Frees the buffers made since there were `kept`.
static void free_newer(size_t kept)
{
    while (buffer_count > kept) {
        const guarded_buffer *b = &buffers[--buffer_count];
        munmap(b->mapping, b->mapping_bytes);
    }
}

void guarded_free_all(void)
{
    free_newer(0);
}

void guarded_check(void)
{
    for (size_t i = 0; i < buffer_count; i++) {
        const guarded_buffer b = buffers[i];
        const uint8_t *at = b.open;
        while (at < b.open_end && *at == FILL) {
            at++;
            if (at == b.data) at += b.bytes;
        }
        if (at == b.open_end) continue;
        guarded_free_all(); // so that the next test starts with whole guards
        fail_msg("a byte %td bytes from a buffer of %zu was overwritten", at - b.data, b.bytes);
    }
}

float *random_floats(uint64_t seed, size_t count, float low, float high)
{
    float *values = guarded_floats(count);
    for (size_t i = 0; i < count; i++)
        values[i] = low + (high - low) * random_uniform(seed, RANDOM_SAMPLE, 0, i);
    return values;
}

float *copied_floats(const float *from, size_t count)
{
    float *copy = guarded_floats(count);
    memcpy(copy, from, count * sizeof *copy);
    return copy;
}

void trial_name(trial *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(t->name, sizeof t->name, format, arguments);
    va_end(arguments);
}

size_t fast_tables(const kernels **tables, size_t capacity, bool direct)
{
    const kernels *available[TABLES_MAX];
    size_t count = 0, all = kernels_available(available, TABLES_MAX);
    for (size_t i = 0; i < all; i++) {
        if (strcmp(available[i]->name, "reference") == 0) continue;
        assert_true(count + 2 <= capacity);
        tables[count++] = available[i];
        if (direct && available[i]->direct) tables[count++] = available[i]->direct;
    }
    return count;
}

static size_t output_bytes(const trial_output *output)
{
    return output->floats * sizeof(float) + output->bytes;
}

static void run(const trial *t, const kernels *k, thread_pool *pool, void **outputs)
{
    for (int i = 0; i < TRIAL_OUTPUTS; i++) {
        const trial_output *output = &t->output[i];
        outputs[i] = output_bytes(output) > 0 ? guarded(output_bytes(output)) : NULL;
        if (outputs[i] && output->initial) memcpy(outputs[i], output->initial, output_bytes(output));
    }
    t->call(k, pool, t, outputs);
    guarded_check();
}

static void compare(const trial *t, const char *table, void *const *expected, void *const *got)
{
    for (int i = 0; i < TRIAL_OUTPUTS; i++) {
        const trial_output *output = &t->output[i];
        const float *e = expected[i], *g = got[i];
        for (size_t at = 0; at < output->floats; at++) {
            if (isnan(e[at]) && isnan(g[at])) continue;
            if (e[at] == g[at]) continue; // infinities
            double apart = fabs((double)g[at] - (double)e[at]);
            if (!(apart <= output->tolerance * (1.0 + fabs((double)e[at]))))
                fail_msg("%s, %s: output %d, element %zu of %zu: expected %.9g, got %.9g", t->name, table, i, at,
                         output->floats, (double)e[at], (double)g[at]);
        }
        if (output->bytes > 0 && memcmp(expected[i], got[i], output->bytes) != 0)
            fail_msg("%s, %s: output %d has other bytes", t->name, table, i);
    }
}

static void compare_bits(const trial *t, const char *table, unsigned threads, void *const *first, void *const *got)
{
    for (int i = 0; i < TRIAL_OUTPUTS; i++) {
        if (output_bytes(&t->output[i]) > 0 && memcmp(first[i], got[i], output_bytes(&t->output[i])) != 0)
            fail_msg("%s, %s: output %d depends on the number of threads (%u)", t->name, table, i, threads);
    }
}

// Pools of 1, 2 and 3 threads, made once; the first is null.
static thread_pool *pool_of(unsigned threads)
{
    static thread_pool *pools[POOL_SIZES];
    if (threads > 0 && !pools[threads]) assert_int_equal(thread_pool_create(&pools[threads], threads, NULL), SILMA_OK);
    return pools[threads];
}

void check_trial(const trial *t)
{
    const kernels *reference = NULL, *tables[TABLES_MAX];
    assert_int_equal(kernels_find(&reference, "reference", NULL), SILMA_OK);
    void *expected[TRIAL_OUTPUTS], *first[TRIAL_OUTPUTS], *got[TRIAL_OUTPUTS];
    run(t, reference, NULL, expected);
    size_t count = fast_tables(tables, TABLES_MAX, t->products);
    for (size_t i = 0; i < count; i++) {
        size_t before_table = buffer_count;
        run(t, tables[i], NULL, first);
        compare(t, tables[i]->name, expected, first);
        size_t before_pools = buffer_count;
        for (unsigned threads = 1; threads < POOL_SIZES; threads++) {
            run(t, tables[i], pool_of(threads), got);
            compare_bits(t, tables[i]->name, threads, first, got);
            free_newer(before_pools);
        }
        free_newer(before_table);
    }
    guarded_free_all();
}
