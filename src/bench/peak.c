#include "bench/peak.h"

#include "bench/measure.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Enough independent sums to fill the pipelines (latency times units, at most 10 on today's processors), few enough to
// stay in 16 registers beside the factor.
enum { SUMS = 12, STEPS = 1 << 17, LANES_PLAIN = 4 };

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef float plain_vector __attribute__((vector_size(4 * LANES_PLAIN)));

typedef struct peak_loop {
    const char *isa;
    int lanes;
    pool_task *run; // STEPS times SUMS multiply-adds of `lanes` floats
} peak_loop;

// Each loop: sum = sum * a + a with a = 1/2, which approaches 1 and meets neither infinity nor a denormal number. The
// volatile store at the end keeps the compiler from dropping the loop.

// The scalar table multiplies and adds apart (-ffp-contract=off), and so does its peak.
static void run_plain(void *argument, size_t task, unsigned thread)
{
    (void)argument, (void)task, (void)thread;
    plain_vector a = (plain_vector){0} + 0.5f, sum[SUMS] = {{0}}, total = {0};
    for (int step = 0; step < STEPS; step++) {
        UNROLL
        for (int i = 0; i < SUMS; i++)
            sum[i] = sum[i] * a + a;
    }
    for (int i = 0; i < SUMS; i++)
        total += sum[i];
    volatile float sink = total[0] + total[1] + total[2] + total[3];
    (void)sink;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void run_avx512(void *argument, size_t task, unsigned thread)
{
    (void)argument, (void)task, (void)thread;
    __m512 a = _mm512_set1_ps(0.5f), sum[SUMS], total = _mm512_setzero_ps();
    for (int i = 0; i < SUMS; i++)
        sum[i] = _mm512_setzero_ps();
    for (int step = 0; step < STEPS; step++) {
        UNROLL
        for (int i = 0; i < SUMS; i++)
            sum[i] = _mm512_fmadd_ps(sum[i], a, a);
    }
    for (int i = 0; i < SUMS; i++)
        total = _mm512_add_ps(total, sum[i]);
    volatile float sink = _mm512_reduce_add_ps(total);
    (void)sink;
}

__attribute__((target("avx2,fma"))) static void run_avx2(void *argument, size_t task, unsigned thread)
{
    (void)argument, (void)task, (void)thread;
    __m256 a = _mm256_set1_ps(0.5f), sum[SUMS], total = _mm256_setzero_ps();
    for (int i = 0; i < SUMS; i++)
        sum[i] = _mm256_setzero_ps();
    for (int step = 0; step < STEPS; step++) {
        UNROLL
        for (int i = 0; i < SUMS; i++)
            sum[i] = _mm256_fmadd_ps(sum[i], a, a);
    }
    for (int i = 0; i < SUMS; i++)
        total = _mm256_add_ps(total, sum[i]);
    volatile float sink = _mm256_cvtss_f32(total);
    (void)sink;
}
#elif defined(__aarch64__)
static void run_neon(void *argument, size_t task, unsigned thread)
{
    (void)argument, (void)task, (void)thread;
    float32x4_t a = vdupq_n_f32(0.5f), sum[SUMS], total = vdupq_n_f32(0);
    for (int i = 0; i < SUMS; i++)
        sum[i] = vdupq_n_f32(0);
    for (int step = 0; step < STEPS; step++) {
        UNROLL
        for (int i = 0; i < SUMS; i++)
            sum[i] = vfmaq_f32(a, sum[i], a);
    }
    for (int i = 0; i < SUMS; i++)
        total = vaddq_f32(total, sum[i]);
    volatile float sink = vaddvq_f32(total);
    (void)sink;
}
#endif

static const peak_loop loops[] = {
#if defined(__x86_64__)
    {"avx512", 16, run_avx512},
    {"avx2", 8, run_avx2},
#elif defined(__aarch64__)
    {"neon", 4, run_neon},
#endif
    {NULL, LANES_PLAIN, run_plain}, // every other table
};

double peak_gflops(const kernels *k, thread_pool *pool, double seconds)
{
    const peak_loop *loop = loops;
    while (loop->isa && strcmp(loop->isa, k->name) != 0)
        loop++;
    size_t threads = thread_pool_size(pool), rounds = 0;
    double begin = bench_clock(), taken;
    do {
        thread_pool_run(pool, threads, loop->run, NULL);
        rounds++;
        taken = bench_clock() - begin;
    } while (taken < seconds);
    return 1e-9 * 2.0 * loop->lanes * SUMS * STEPS * (double)(threads * rounds) / taken;
}
