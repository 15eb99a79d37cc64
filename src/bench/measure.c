#define _GNU_SOURCE
#include "bench/measure.h"

#include "bench/peak.h"
#include "core/error.h"

#include <stdlib.h>
#include <time.h>

// Where the caller leaves the number of samples to us.
enum { SAMPLES_LEAST = 5, SAMPLES_MOST = 1000 };
static const double TOTAL_SECONDS = 0.5;
// A sample of something shorter is several calls, so that the clock and the loop beside it do not count.
static const double SAMPLE_SECONDS = 2e-3;
// The peak is measured for as long as the sample beside it, so that both lose the same share of the processor to
// others; but not for longer than this.
static const double PEAK_SECONDS = 10e-3;

double bench_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double bench_quantile(const double *sorted, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= count) return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Seconds of one call, averaged over `calls`.
static silma_status time_calls(const bench_subject *subject, size_t calls, double *seconds, silma_error *error)
{
    silma_status status = SILMA_OK;
    double begin = bench_clock();
    for (size_t i = 0; i < calls && status == SILMA_OK; i++)
        status = subject->call(subject->argument, error);
    *seconds = (bench_clock() - begin) / (double)calls;
    return status;
}

// Calls until one is measured that no longer pays for first touches of memory; how many of them make a sample.
static silma_status warm_up(const bench_subject *subject, size_t *calls, silma_error *error)
{
    double seconds;
    silma_status status = time_calls(subject, 1, &seconds, error);
    if (status == SILMA_OK) status = time_calls(subject, 1, &seconds, error);
    *calls = seconds < SAMPLE_SECONDS ? (size_t)(SAMPLE_SECONDS / (seconds + 1e-9)) + 1 : 1;
    return status;
}

typedef struct samples {
    double *seconds, *peaks; // (capacity)
    size_t count, capacity;
} samples;

static bool enough(const samples *s, size_t repeats, double since)
{
    if (repeats > 0) return s->count == repeats;
    if (s->count == SAMPLES_MOST) return true;
    return s->count >= SAMPLES_LEAST && bench_clock() - since >= TOTAL_SECONDS;
}

static silma_status take_samples(const silma_context *context, const bench_subject *subject, size_t repeats, samples *s,
                                 silma_error *error)
{
    size_t calls;
    silma_status status = warm_up(subject, &calls, error);
    double since = bench_clock();
    while (status == SILMA_OK && !enough(s, repeats, since)) {
        double latest = s->count > 0 ? s->seconds[s->count - 1] * (double)calls : 0;
        s->peaks[s->count] = peak_gflops(context->k, context->pool, latest < PEAK_SECONDS ? latest : PEAK_SECONDS);
        status = time_calls(subject, calls, &s->seconds[s->count], error);
        s->count++;
    }
    return status;
}

static void summarise(samples *s, const bench_subject *subject, silma_bench_result *result)
{
    qsort(s->seconds, s->count, sizeof *s->seconds, ascending);
    qsort(s->peaks, s->count, sizeof *s->peaks, ascending);
    result->repeats = s->count;
    result->images = subject->images;
    result->seconds_median = bench_quantile(s->seconds, s->count, 0.5);
    result->seconds_low = bench_quantile(s->seconds, s->count, 0.25);
    result->seconds_high = bench_quantile(s->seconds, s->count, 0.75);
    result->gflops = 1e-9 * subject->flops / result->seconds_median;
    result->peak_gflops = bench_quantile(s->peaks, s->count, 0.5);
    result->fraction_of_peak = result->gflops / result->peak_gflops;
    result->images_per_second = (double)subject->images / result->seconds_median;
}

silma_status bench_measure(const silma_context *context, const bench_subject *subject, size_t repeats,
                           silma_bench_result *result, silma_error *error)
{
    samples s = {.capacity = repeats > 0 ? repeats : SAMPLES_MOST};
    s.seconds = calloc(s.capacity, sizeof *s.seconds);
    s.peaks = calloc(s.capacity, sizeof *s.peaks);
    silma_status status = s.seconds && s.peaks ? take_samples(context, subject, repeats, &s, error)
                                               : silma_fail_memory(error, s.capacity * sizeof(double));
    if (status == SILMA_OK) summarise(&s, subject, result);
    free(s.seconds);
    free(s.peaks);
    return status;
}
