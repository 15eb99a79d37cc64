// The thread pool: each task once, always the same share, nothing lost between loops.
#include "core/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TASKS_MAX = 1000 };

typedef struct counter {
    atomic_int runs[TASKS_MAX];
    atomic_uint worker[TASKS_MAX];
} counter;

static void count_task(void *argument, size_t task, unsigned thread)
{
    counter *c = argument;
    atomic_fetch_add(&c->runs[task], 1);
    atomic_store(&c->worker[task], thread);
}

static void runs_each_task_once_in_contiguous_shares(void **state)
{
    (void)state;
    static counter c;
    for (unsigned threads = 1; threads <= 5; threads++) {
        thread_pool *pool;
        assert_int_equal(thread_pool_create(&pool, threads, NULL), SILMA_OK);
        assert_int_equal(thread_pool_size(pool), threads);
        for (size_t tasks = 0; tasks < TASKS_MAX; tasks += 1 + tasks / 3) {
            memset(&c, 0, sizeof c);
            thread_pool_run(pool, tasks, count_task, &c);
            for (size_t i = 0; i < TASKS_MAX; i++)
                assert_int_equal(c.runs[i], i < tasks);
            // One task runs in the caller; more are shared as the header says.
            for (size_t i = 0; tasks > 1 && i < tasks; i++) {
                unsigned worker = c.worker[i];
                assert_in_range(i, tasks * worker / threads, tasks * (worker + 1) / threads - 1);
            }
        }
        thread_pool_free(pool);
    }
}

static void increment(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    ((int *)argument)[task]++;
}

// Thousands of short loops in a row, with pauses long enough for the workers to fall asleep.
static void survives_many_short_loops(void **state)
{
    (void)state;
    enum { LOOPS = 20000, WIDTH = 7 };
    int runs[WIDTH] = {0};
    thread_pool *pool;
    assert_int_equal(thread_pool_create(&pool, 3, NULL), SILMA_OK);
    for (int loop = 0; loop < LOOPS; loop++) {
        thread_pool_run(pool, WIDTH, increment, runs);
        if (loop % 2000 == 0) usleep(2000);
    }
    for (int i = 0; i < WIDTH; i++)
        assert_int_equal(runs[i], LOOPS);
    thread_pool_free(pool);
}

typedef struct ordered {
    atomic_size_t taken, turn;
    size_t done; // not atomic: whose turn it is has it for itself
    size_t order[TASKS_MAX];
} ordered;

static void take_in_order(void *argument, size_t task, unsigned thread)
{
    (void)task;
    (void)thread;
    ordered *o = argument;
    for (;;) {
        size_t number = atomic_fetch_add(&o->taken, 1);
        if (number >= TASKS_MAX) return;
        if (number % 7 == 0) usleep(100); // those behind overtake, and wait
        thread_await_turn(&o->turn, number);
        o->order[o->done++] = number;
        atomic_store(&o->turn, number + 1);
    }
}

static void turns_come_in_order(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 5; threads++) {
        static ordered o;
        memset(&o, 0, sizeof o);
        thread_pool *pool;
        assert_int_equal(thread_pool_create(&pool, threads, NULL), SILMA_OK);
        thread_pool_run(pool, threads, take_in_order, &o);
        assert_int_equal(o.done, TASKS_MAX);
        for (size_t i = 0; i < TASKS_MAX; i++)
            assert_int_equal(o.order[i], i);
        thread_pool_free(pool);
    }
}

static void null_pool_runs_in_the_caller(void **state)
{
    (void)state;
    int runs[3] = {0};
    thread_pool_run(NULL, 3, increment, runs);
    assert_int_equal(runs[0] + runs[1] + runs[2], 3);
    assert_int_equal(thread_pool_size(NULL), 1);
    thread_pool_free(NULL);
}

static void refuses_absurd_numbers(void **state)
{
    (void)state;
    thread_pool *pool;
    silma_error error = {0};
    assert_int_equal(thread_pool_create(&pool, 100000, &error), SILMA_USAGE);
    assert_string_equal(error.message, "100000 threads were asked for; the most is 256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_each_task_once_in_contiguous_shares),
        cmocka_unit_test(survives_many_short_loops),
        cmocka_unit_test(turns_come_in_order),
        cmocka_unit_test(null_pool_runs_in_the_caller),
        cmocka_unit_test(refuses_absurd_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
