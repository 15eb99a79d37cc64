// Whether a difference is more than noise: the test for two models on the same images, and means over seeds.
#ifndef SILMA_REPORT_STATISTICS_H
#define SILMA_REPORT_STATISTICS_H

#include "report/scores.h"

// McNemar's test: of the images that one of two models gets right and the other wrong, `first` are the one's and
// `second` the other's. The probability that two models of the same quality differ at least as much: exact (binomial)
// below MCNEMAR_EXACT images, otherwise from the normal distribution with continuity correction.
enum { MCNEMAR_EXACT = 1000 };
double mcnemar(size_t first, size_t second);

// The difference of the two models' shares of right images (first - second, of `count` images) with its 95 % interval
// for paired shares (Agresti and Min 2005).
interval paired_difference(size_t first, size_t second, size_t count);

// Holm's adjustment in place: of many tests, some are below 0.05 by chance; what is below it after this, is not. NaN
// stays, and does not count.
void adjust_tests(double *p, size_t count);

// The mean of values that are not NaN, and its 95 % interval by Student's t; without an interval (NaN) for one value.
typedef struct mean_interval {
    size_t count;
    double mean, deviation, low, high;
} mean_interval;
mean_interval mean_of(const double *values, size_t count);
// The same of values that lie between 0 and `most`: the interval is cut to these.
mean_interval mean_within(const double *values, size_t count, double most);

#endif
