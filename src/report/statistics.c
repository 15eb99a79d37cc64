#include "report/statistics.h"

#include <math.h>

static const double NORMAL_95 = 1.959963984540054;

double mcnemar(size_t first, size_t second)
{
    size_t n = first + second, fewer = first < second ? first : second;
    if (n == 0) return 1;
    if (n >= MCNEMAR_EXACT) {
        double difference = fabs((double)first - (double)second);
        double z = fmax(0, difference - 1) / sqrt((double)n);
        return erfc(z / sqrt(2));
    }
    // 2 P(X <= fewer), X binomial with n trials of 1/2; terms as logarithms, since 2^-n may be too small for a double.
    double term = -(double)n * log(2), sum = exp(term);
    for (size_t k = 1; k <= fewer; k++) {
        term += log((double)(n - k + 1) / (double)k);
        sum += exp(term);
    }
    return fmin(1, 2 * sum);
}

interval paired_difference(size_t first, size_t second, size_t count)
{
    if (count == 0) return (interval){NAN, NAN, NAN};
    // Half an image more in each of the four cells keeps the interval honest where few images differ.
    double n = (double)count + 2, a = (double)first + 0.5, b = (double)second + 0.5;
    double middle = (a - b) / n, half = NORMAL_95 * sqrt(a + b - (a - b) * (a - b) / n) / n;
    return (interval){((double)first - (double)second) / (double)count, fmax(-1, middle - half),
                      fmin(1, middle + half)};
}

void adjust_tests(double *p, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        left += isnan(p[i]) ? 0 : 1;
    // From the least up: p times the number of tests not yet dealt with, and never less than the one before. A value
    // that is done becomes negative until the end.
    for (double before = 0; left > 0; left--) {
        size_t least = count;
        for (size_t i = 0; i < count; i++)
            if (!isnan(p[i]) && !signbit(p[i]) && (least == count || p[i] < p[least])) least = i;
        before = fmin(1, fmax(before, p[least] * (double)left));
        p[least] = -before;
    }
    for (size_t i = 0; i < count; i++)
        p[i] = fabs(p[i]);
}

// The 97.5 % point of Student's t.
static double student_95(size_t degrees)
{
    static const double points[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                    2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                    2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    enum { POINTS = sizeof points / sizeof *points };
    if (degrees <= POINTS) return points[degrees - 1];
    double n = (double)degrees;
    return NORMAL_95 + 2.37227 / n + 2.8225 / (n * n); // Cornish and Fisher's expansion
}

mean_interval mean_of(const double *values, size_t count)
{
    mean_interval m = {0, 0, NAN, NAN, NAN};
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            m.mean += values[i];
            m.count++;
        }
    m.mean = m.count > 0 ? m.mean / (double)m.count : NAN;
    if (m.count < 2) return m;
    double squares = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) squares += (values[i] - m.mean) * (values[i] - m.mean);
    m.deviation = sqrt(squares / (double)(m.count - 1));
    double half = student_95(m.count - 1) * m.deviation / sqrt((double)m.count);
    m.low = m.mean - half;
    m.high = m.mean + half;
    return m;
}

mean_interval mean_within(const double *values, size_t count, double most)
{
    mean_interval m = mean_of(values, count);
    if (m.low < 0) m.low = 0;
    if (m.high > most) m.high = most;
    return m;
}
