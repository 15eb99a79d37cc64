// A pool of threads that shares work statically: task t always means the same piece of work, whatever the number of
// threads, so that results do not depend on it.
#ifndef SILMA_CORE_THREADS_H
#define SILMA_CORE_THREADS_H

#include "core/private.h"
#include "silma/silma.h"

#include <stdatomic.h>

typedef struct thread_pool thread_pool;

// `threads` 0: one per processor that the process may use.
silma_status thread_pool_create(thread_pool **pool, unsigned threads, silma_error *error);
void thread_pool_free(thread_pool *pool);
unsigned thread_pool_size(const thread_pool *pool) SILMA_PRIVATE_API(thread_pool_size); // 1 for a null pool

// `task` runs in [0, tasks); `thread` in [0, thread_pool_size) names the worker, for scratch space of its own.
typedef void pool_task(void *argument, size_t task, unsigned thread);

// Runs all tasks and returns when they are done. Worker i takes the contiguous range [tasks*i/T, tasks*(i+1)/T); the
// caller is worker 0. A null pool runs everything in the caller. Must not be called from within a task.
void thread_pool_run(thread_pool *pool, size_t tasks, pool_task *function, void *argument)
    SILMA_PRIVATE_API(thread_pool_run);

// For work that must be done in order, by tasks that run beside each other: returns when *turn is `mine`. Whoever sets
// it must be running.
void thread_await_turn(const atomic_size_t *turn, size_t mine);

#endif
