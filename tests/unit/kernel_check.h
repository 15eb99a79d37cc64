// What the kernel tests share, after dav1d's checkasm: a trial is one call of one entry of the kernel table. It is run
// with the reference first, then with every table that this processor can run, without a pool and with pools of 1, 2
// and 3 threads, in buffers that notice a stray access.
#ifndef KERNEL_CHECK_H
#define KERNEL_CHECK_H

#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// `bytes` bytes that start at a multiple of 64, filled with 0xFF (as floats: NaN). Before them and after them lie guard
// bytes up to pages that may not be touched. Freed by guarded_free_all; guarded_check fails the test if a guard has
// changed.
void *guarded(size_t bytes);
float *guarded_floats(size_t count);
void guarded_check(void);
void guarded_free_all(void);

// Guarded floats, uniform in [low, high), the same for the same seed.
float *random_floats(uint64_t seed, size_t count, float low, float high);
float *copied_floats(const float *from, size_t count);

enum { TRIAL_INPUTS = 6, TRIAL_OUTPUTS = 4 };

// An output is written by every call; floats are compared as |got - expected| <= tolerance * (1 + |expected|), NaN with
// NaN; bytes exactly. Among runs of one table with different pools all are compared to the bit.
typedef struct trial_output {
    size_t floats, bytes; // one of them
    double tolerance;
    const float *initial; // (floats) for what is updated in place; null: NaN
} trial_output;

typedef struct trial {
    char name[160];
    bool products; // convolutions: also by the tables without Winograd
    void (*call)(const kernels *k, thread_pool *pool, const struct trial *t, void *const *outputs);
    const void *shape;
    const void *input[TRIAL_INPUTS];
    trial_output output[TRIAL_OUTPUTS];
} trial;

void trial_name(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Runs and compares; frees all guarded buffers at the end, the trial's inputs as well.
void check_trial(const trial *t);

// The tables of this processor but the reference; `direct` adds those without Winograd.
size_t fast_tables(const kernels **tables, size_t capacity, bool direct);

#endif
