#include "nn/initialiser.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    initialiser initial;
} INITIALISERS[] = {
    {"zeros", {INITIALISER_CONSTANT, 0}},
    {"ones", {INITIALISER_CONSTANT, 1}},
    {"normal", {INITIALISER_NORMAL, 0.05f}},
    {"glorot_uniform", {INITIALISER_GLOROT_UNIFORM, 0}},
    {"glorot_normal", {INITIALISER_GLOROT_NORMAL, 0}},
    {"he_uniform", {INITIALISER_HE_UNIFORM, 0}},
    {"he_normal", {INITIALISER_HE_NORMAL, 0}},
    {"whitening", {INITIALISER_WHITENING, 0}},
};
enum { INITIALISER_COUNT = sizeof INITIALISERS / sizeof *INITIALISERS };

bool initialiser_find(const char *name, initialiser *found)
{
    for (size_t i = 0; i < INITIALISER_COUNT; i++) {
        if (strcmp(INITIALISERS[i].name, name) != 0) continue;
        *found = INITIALISERS[i].initial;
        return true;
    }
    return false;
}

const char *initialiser_name(initialiser initial)
{
    if (initial.kind == INITIALISER_CONSTANT) {
        return initial.value == 0.0f ? "zeros" : initial.value == 1.0f ? "ones" : "constant";
    }
    for (size_t i = 0; i < INITIALISER_COUNT; i++) {
        if (INITIALISERS[i].initial.kind == initial.kind) return INITIALISERS[i].name;
    }
    return "unknown";
}

// Keras's truncated normal: drawn again beyond two deviations. Each try has an index of its own, so that an element's
// value depends on nothing but (seed, number, element).
static double draw_within_two(uint64_t seed, uint32_t number, uint64_t element)
{
    enum { TRIES = 64 }; // 0.0455^64: never reached
    for (uint64_t attempt = 0; attempt < TRIES; attempt++) {
        double z = (double)random_normal(seed, RANDOM_INITIALISE, number, attempt << 48 | element);
        if (fabs(z) <= 2.0) return z;
    }
    return 0.0;
}

static void fill_uniform(double limit, uint64_t seed, uint32_t number, size_t count, float *values)
{
    for (size_t i = 0; i < count; i++) {
        double u = (double)random_uniform(seed, RANDOM_INITIALISE, number, i);
        values[i] = (float)(limit * (2.0 * u - 1.0));
    }
}

static void fill_truncated(double variance, uint64_t seed, uint32_t number, size_t count, float *values)
{
    static const double CUT_DEVIATION = 0.87962566103423978; // of a standard normal cut at two deviations
    double deviation = sqrt(variance) / CUT_DEVIATION;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(deviation * draw_within_two(seed, number, i));
}

void initialiser_fill(initialiser initial, uint64_t seed, uint32_t number, size_t fan_in, size_t fan_out, size_t count,
                      float *values)
{
    double in = (double)(fan_in > 0 ? fan_in : 1); // Keras counts a missing fan as 1
    double both = (double)fan_in + (double)fan_out;
    if (both < 1.0) both = 1.0;
    switch (initial.kind) {
    case INITIALISER_CONSTANT:
        for (size_t i = 0; i < count; i++)
            values[i] = initial.value;
        break;
    case INITIALISER_NORMAL:
        for (size_t i = 0; i < count; i++)
            values[i] = initial.value * random_normal(seed, RANDOM_INITIALISE, number, i);
        break;
    case INITIALISER_GLOROT_UNIFORM:
        fill_uniform(sqrt(6.0 / both), seed, number, count, values);
        break;
    case INITIALISER_GLOROT_NORMAL:
        fill_truncated(2.0 / both, seed, number, count, values);
        break;
    case INITIALISER_HE_UNIFORM:
        fill_uniform(sqrt(6.0 / in), seed, number, count, values);
        break;
    case INITIALISER_HE_NORMAL:
    case INITIALISER_WHITENING:
        fill_truncated(2.0 / in, seed, number, count, values);
        break;
    }
}
