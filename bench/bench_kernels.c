// Times convolutions and matrix products against the CPU's FMA peak, measured in the same run by a loop that only
// touches registers.
//
//   bench_kernels [ISA] [THREADS] [FILTER]      FILTER: only cases whose name contains it; ISA "x-direct": no Winograd
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { REPEATS_MAX = 101 };

typedef struct bench {
    const kernels *k;
    thread_pool *pool;
    unsigned threads;
    double peak; // GFLOP/s
    const char *filter;
} bench;

// One thread is timed by its own clock, which stands still while others use the CPU.
static double seconds(const bench *b)
{
    struct timespec now;
    clock_gettime(b->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static volatile float sink;

#if defined(__x86_64__)
enum { PEAK_STEPS = 200000, PEAK_SUMS = 12 };

__attribute__((target("avx512f"))) static void peak_avx512(void *argument, size_t task, unsigned thread)
{
    (void)argument, (void)task, (void)thread;
    __m512 sum[PEAK_SUMS], a = _mm512_set1_ps(0.5f);
    for (int i = 0; i < PEAK_SUMS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (int s = 0; s < PEAK_STEPS; s++) {
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_SUMS; i++)
            sum[i] = _mm512_fmadd_ps(sum[i], a, a);
    }
    for (int i = 0; i < PEAK_SUMS; i++)
        sink = _mm512_reduce_add_ps(sum[i]);
}

__attribute__((target("avx2,fma"))) static void peak_avx2(void *argument, size_t task, unsigned thread)
{
    (void)argument, (void)task, (void)thread;
    __m256 sum[PEAK_SUMS], a = _mm256_set1_ps(0.5f);
    for (int i = 0; i < PEAK_SUMS; i++)
        sum[i] = _mm256_set1_ps((float)i);
    for (int s = 0; s < PEAK_STEPS; s++) {
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_SUMS; i++)
            sum[i] = _mm256_fmadd_ps(sum[i], a, a);
    }
    for (int i = 0; i < PEAK_SUMS; i++)
        sink = _mm256_cvtss_f32(sum[i]);
}

static double peak_once(const bench *b)
{
    double start = seconds(b);
    int wide = strcmp(b->k->name, "avx512") == 0;
    thread_pool_run(b->pool, b->threads, wide ? peak_avx512 : peak_avx2, NULL);
    return 2e-9 * (wide ? 16 : 8) * PEAK_STEPS * PEAK_SUMS * b->threads / (seconds(b) - start);
}
#else
static double peak_once(const bench *b)
{
    (void)b;
    return 1;
}
#endif

static float *floats(size_t count)
{
    float *values = aligned_alloc(64, (count * sizeof *values + 63) / 64 * 64 + 64);
    if (!values) exit(1);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((i * 2654435761u) >> 16 & 0xff) / 256.0f - 0.5f;
    return values;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Runs for about a third of a second and prints the median, with the peak measured between the repeats.
static void measure(bench *b, const char *name, double flops, void (*run)(const bench *b, void *argument),
                    void *argument)
{
    if (b->filter && !strstr(name, b->filter)) return;
    double times[REPEATS_MAX], peaks[REPEATS_MAX], start = seconds(b);
    size_t count = 0;
    int inner = flops < 2e7 ? (int)(2e7 / flops) + 1 : 1;
    run(b, argument);
    while (count < REPEATS_MAX && (count < 5 || seconds(b) - start < 0.35)) {
        peaks[count] = peak_once(b);
        double before = seconds(b);
        for (int i = 0; i < inner; i++)
            run(b, argument);
        times[count++] = (seconds(b) - before) / inner;
    }
    qsort(times, count, sizeof *times, ascending);
    qsort(peaks, count, sizeof *peaks, ascending);
    double speed = 1e-9 * flops / times[count / 2], best = 1e-9 * flops / times[0];
    printf("%-44s %10.3f ms %8.1f GFLOP/s  %5.2f of peak (best %5.2f), peak %.0f\n", name, 1e3 * times[count / 2],
           speed, speed / peaks[count / 2], best / peaks[count / 2], peaks[count / 2]);
    fflush(stdout);
}

typedef struct conv_case {
    window_shape s;
    float *x, *filter, *bias, *y, *workspace;
} conv_case;

static void run_forward(const bench *b, void *argument)
{
    conv_case *c = argument;
    b->k->conv_forward(b->pool, &c->s, c->x, c->filter, c->bias, (activation){ACTIVATION_RELU, 0}, NULL, c->y,
                       c->workspace);
}

static void run_backward_input(const bench *b, void *argument)
{
    conv_case *c = argument;
    b->k->conv_backward_input(b->pool, &c->s, c->y, c->filter, c->x, c->workspace);
}

static void run_backward_filter(const bench *b, void *argument)
{
    conv_case *c = argument;
    b->k->conv_backward_filter(b->pool, &c->s, c->x, c->y, c->filter, c->workspace);
}

static void bench_conv(bench *b, int n, int size, int c, int oc, int k, int stride, int pad, int groups)
{
    int out = (size + 2 * pad - k) / stride + 1;
    conv_case v = {.s = {n, size, size, c, out, out, oc, k, k, stride, stride, pad, pad, groups}};
    char name[100], full[128];
    snprintf(name, sizeof name, "conv%dx%d %d->%d@%d s%d g%d n%d", k, k, c, oc, size, stride, groups, n);
    if (b->filter && strcmp(b->filter, "conv") != 0 && !strstr(name, b->filter)) return;
    size_t pixels = (size_t)n * (size_t)size * (size_t)size, outs = (size_t)n * (size_t)out * (size_t)out;
    size_t taps = (size_t)k * (size_t)k * (size_t)(c / groups);
    size_t bytes = b->k->conv_forward_workspace(&v.s, b->threads);
    size_t other = b->k->conv_backward_input_workspace(&v.s, b->threads);
    bytes = other > bytes ? other : bytes;
    other = b->k->conv_backward_filter_workspace(&v.s, b->threads);
    bytes = other > bytes ? other : bytes;
    v.x = floats(pixels * (size_t)c);
    v.filter = floats(taps * (size_t)oc);
    v.bias = floats((size_t)oc);
    v.y = floats(outs * (size_t)oc);
    v.workspace = floats(bytes / sizeof(float));
    double flops = 2.0 * (double)outs * (double)oc * (double)taps;
    const char *filter = b->filter;
    b->filter = NULL;
    snprintf(full, sizeof full, "%s forward", name);
    measure(b, full, flops, run_forward, &v);
    snprintf(full, sizeof full, "%s filter", name);
    measure(b, full, flops, run_backward_filter, &v);
    snprintf(full, sizeof full, "%s input", name);
    measure(b, full, flops, run_backward_input, &v);
    b->filter = filter;
    free(v.x), free(v.filter), free(v.bias), free(v.y), free(v.workspace);
}

typedef struct matmul_case {
    matmul_task task;
    void *workspace;
} matmul_case;

static void run_matmul(const bench *b, void *argument)
{
    matmul_case *c = argument;
    b->k->matmul(b->pool, &c->task, c->workspace);
}

static void bench_matmul(bench *b, const char *what, size_t m, size_t n, size_t k, bool transpose_a, bool transpose_b)
{
    char name[128];
    snprintf(name, sizeof name, "%s m%zu n%zu k%zu", what, m, n, k);
    if (b->filter && !strstr(name, b->filter)) return;
    float *a = floats(m * k), *w = floats(k * n), *c = floats(m * n);
    matmul_case v = {
        .task = {
            .m = m, .n = n, .k = k, .a = a, .b = w, .transpose_a = transpose_a, .transpose_b = transpose_b, .c = c}};
    v.workspace = floats(b->k->matmul_workspace(&v.task, b->threads) / sizeof(float));
    measure(b, name, 2.0 * (double)m * (double)n * (double)k, run_matmul, &v);
    free(a), free(w), free(c), free(v.workspace);
}

static void bench_dense(bench *b, size_t batch, size_t in, size_t out)
{
    char name[64];
    snprintf(name, sizeof name, "dense %zu->%zu forward", in, out);
    bench_matmul(b, name, batch, out, in, false, false);
    snprintf(name, sizeof name, "dense %zu->%zu filter", in, out);
    bench_matmul(b, name, in, out, batch, true, false);
    snprintf(name, sizeof name, "dense %zu->%zu input", in, out);
    bench_matmul(b, name, batch, in, out, false, true);
}

extern const kernels kernels_scalar, kernels_avx2, kernels_avx512, kernels_neon;

static const kernels *table(const char *name)
{
    const kernels *found = &kernels_scalar;
#if defined(__x86_64__)
    if (strncmp(name, "avx512", 6) == 0) found = &kernels_avx512;
    if (strncmp(name, "avx2", 4) == 0) found = &kernels_avx2;
#elif defined(__aarch64__)
    if (strncmp(name, "neon", 4) == 0) found = &kernels_neon;
#endif
    return strstr(name, "-direct") ? found->direct : found;
}

int main(int argc, char **argv)
{
    bench b = {.k = table(argc > 1 ? argv[1] : "avx512"),
               .threads = argc > 2 ? (unsigned)atoi(argv[2]) : 1,
               .filter = argc > 3 ? argv[3] : NULL};
    silma_error error;
    if (thread_pool_create(&b.pool, b.threads, &error) != SILMA_OK) return 1;
    bench_conv(&b, 128, 32, 32, 32, 3, 1, 1, 1);
    bench_conv(&b, 2, 32, 32, 32, 3, 1, 1, 1);
    bench_conv(&b, 128, 16, 32, 64, 3, 1, 1, 1);
    bench_conv(&b, 128, 16, 64, 64, 3, 1, 1, 1);
    bench_conv(&b, 128, 16, 128, 128, 3, 1, 1, 1);
    bench_conv(&b, 128, 8, 256, 256, 3, 1, 1, 1);
    bench_conv(&b, 128, 32, 3, 32, 3, 1, 1, 1);
    bench_conv(&b, 128, 28, 1, 32, 3, 1, 1, 1);
    bench_conv(&b, 128, 28, 1, 6, 5, 1, 2, 1);
    bench_conv(&b, 128, 14, 6, 16, 5, 1, 0, 1);
    bench_conv(&b, 8, 227, 3, 96, 11, 4, 0, 1);
    bench_conv(&b, 8, 27, 96, 256, 5, 1, 2, 2);
    bench_conv(&b, 8, 13, 256, 384, 3, 1, 1, 1);
    bench_conv(&b, 128, 32, 64, 64, 3, 2, 1, 1);
    bench_conv(&b, 32, 32, 64, 64, 3, 1, 1, 64);
    bench_conv(&b, 32, 16, 128, 256, 1, 1, 0, 1);
    bench_dense(&b, 128, 3072, 128);
    bench_dense(&b, 128, 4096, 64);
    bench_dense(&b, 128, 9216, 4096);
    bench_dense(&b, 128, 784, 128);
    bench_dense(&b, 500, 3072, 128);
    bench_dense(&b, 128, 128, 64);
    bench_dense(&b, 128, 64, 32);
    bench_dense(&b, 128, 32, 10);
    bench_dense(&b, 1, 4096, 64);
    thread_pool_free(b.pool);
    return 0;
}
