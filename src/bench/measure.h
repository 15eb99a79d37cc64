// How everything is timed: a call to warm up, then samples, each beside a measurement of the FMA peak.
#ifndef SILMA_BENCH_MEASURE_H
#define SILMA_BENCH_MEASURE_H

#include "kernels/context.h"
#include "silma/report.h"

typedef silma_status bench_call(void *argument, silma_error *error);

// What is timed, and what one call of it is worth.
typedef struct bench_subject {
    bench_call *call;
    void *argument;
    double flops;
    size_t images;
} bench_subject;

// Fills all of *result but its name and error. `repeats` as in silma_bench_options.
silma_status bench_measure(const silma_context *context, const bench_subject *subject, size_t repeats,
                           silma_bench_result *result, silma_error *error);

// Seconds of a clock that only runs forward.
double bench_clock(void);

// The value below which `share` of the `count` sorted values lie, between two neighbours in proportion.
double bench_quantile(const double *sorted, size_t count, double share);

#endif
