// Workers spin for a short while before they sleep: a step of a small dense network is about 100 microseconds and
// holds a dozen parallel loops, each far shorter than waking a sleeping thread takes.
#define _GNU_SOURCE
#include "core/threads.h"

#include "core/error.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 256, SPINS_BEFORE_CLOCK = 64 };
static const int64_t SPIN_NANOSECONDS = 50000;

typedef struct worker {
    thread_pool *pool;
    unsigned index;
    pthread_t thread;
} worker;

struct thread_pool {
    unsigned size;       // the caller included
    bool oversubscribed; // more threads than processors: spinning would only keep the others from running
    // One loop at a time. `generation` is its number; `running` counts the workers that have not finished it.
    size_t tasks;
    pool_task *function;
    void *argument;
    atomic_uint generation;
    atomic_uint running;
    atomic_bool stopping;
    // Only for those that have spun long enough.
    atomic_uint sleepers;
    pthread_mutex_t lock;
    pthread_cond_t begun;
    pthread_cond_t done;
    unsigned worker_count; // threads that were really started
    worker workers[];
};

static int64_t nanoseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Spins until *value differs from `seen` or the time is up; returns whether it does.
static bool spin_until_changed(const thread_pool *pool, const atomic_uint *value, unsigned seen)
{
    if (pool->oversubscribed) return atomic_load_explicit(value, memory_order_acquire) != seen;
    int64_t end = nanoseconds_now() + SPIN_NANOSECONDS;
    do {
        for (int i = 0; i < SPINS_BEFORE_CLOCK; i++) {
            if (atomic_load_explicit(value, memory_order_acquire) != seen) return true;
            relax();
        }
    } while (nanoseconds_now() < end);
    return false;
}

static void run_share(const thread_pool *pool, unsigned index)
{
    size_t first = pool->tasks * index / pool->size;
    size_t last = pool->tasks * (index + 1) / pool->size;
    for (size_t task = first; task < last; task++)
        pool->function(pool->argument, task, index);
}

static void wait_for_work(thread_pool *pool, unsigned seen)
{
    if (spin_until_changed(pool, &pool->generation, seen)) return;
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->begun, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    thread_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        wait_for_work(pool, seen);
        seen++;
        if (atomic_load(&pool->stopping)) return NULL;
        run_share(pool, self->index);
        if (atomic_fetch_sub(&pool->running, 1) == 1) {
            // The caller checks `running` under the lock before it sleeps, so the signal cannot be lost.
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static void begin_generation(thread_pool *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    // A worker counts itself as a sleeper before it looks at the generation for the last time (both sequentially
    // consistent): either it sees the new generation, or we see the sleeper.
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->begun);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void wait_for_workers(thread_pool *pool)
{
    unsigned left = atomic_load_explicit(&pool->running, memory_order_acquire);
    while (left > 0 && spin_until_changed(pool, &pool->running, left))
        left = atomic_load_explicit(&pool->running, memory_order_acquire);
    if (left == 0) return;
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->running) > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void thread_pool_run(thread_pool *pool, size_t tasks, pool_task *function, void *argument)
{
    if (!pool || pool->size == 1 || tasks <= 1) {
        for (size_t task = 0; task < tasks; task++)
            function(argument, task, 0);
        return;
    }
    pool->tasks = tasks;
    pool->function = function;
    pool->argument = argument;
    atomic_store(&pool->running, pool->size - 1);
    begin_generation(pool);
    run_share(pool, 0);
    wait_for_workers(pool);
}

void thread_await_turn(const atomic_size_t *turn, size_t mine)
{
    int64_t end = 0; // of spinning
    while (atomic_load_explicit(turn, memory_order_acquire) != mine) {
        for (int i = 0; i < SPINS_BEFORE_CLOCK; i++)
            relax();
        int64_t now = nanoseconds_now();
        if (end == 0) end = now + SPIN_NANOSECONDS;
        if (now > end) sched_yield();
    }
}

static unsigned processors_available(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (unsigned)count;
}

silma_status thread_pool_create(thread_pool **result, unsigned threads, silma_error *error)
{
    unsigned processors = processors_available();
    if (threads == 0) threads = processors < THREADS_MAX ? processors : THREADS_MAX;
    if (threads > THREADS_MAX)
        return silma_fail(error, SILMA_USAGE, "%u threads were asked for; the most is %d", threads, THREADS_MAX);
    size_t bytes = sizeof(thread_pool) + (threads - 1) * sizeof(worker);
    thread_pool *pool = calloc(1, bytes);
    if (!pool) return silma_fail_memory(error, bytes);
    pool->size = threads;
    pool->oversubscribed = threads > processors;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begun, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (unsigned i = 0; i + 1 < threads; i++) {
        pool->workers[i] = (worker){.pool = pool, .index = i + 1};
        int failed = pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]);
        if (failed) {
            thread_pool_free(pool);
            return silma_fail(error, SILMA_FAILURE, "could not start thread %u of %u: %s", i + 2, threads,
                              strerror(failed));
        }
        pool->worker_count++;
    }
    *result = pool;
    return SILMA_OK;
}

void thread_pool_free(thread_pool *pool)
{
    if (!pool) return;
    atomic_store(&pool->stopping, true);
    begin_generation(pool);
    for (unsigned i = 0; i < pool->worker_count; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->begun);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

unsigned thread_pool_size(const thread_pool *pool)
{
    return pool ? pool->size : 1;
}
