#include "core/random.h"

#include <math.h>

enum { PHILOX_ROUNDS = 10 };

static const uint32_t PHILOX_M0 = 0xD2511F53u;
static const uint32_t PHILOX_M1 = 0xCD9E8D57u;
static const uint32_t PHILOX_W0 = 0x9E3779B9u; // the golden ratio
static const uint32_t PHILOX_W1 = 0xBB67AE85u; // sqrt(3) - 1

random_block random_bits(uint64_t seed, random_purpose purpose, uint32_t lane, uint32_t epoch, uint64_t index)
{
    uint32_t c0 = (uint32_t)index;
    uint32_t c1 = (uint32_t)(index >> 32);
    uint32_t c2 = epoch;
    uint32_t c3 = (uint32_t)purpose << 24 | (lane & 0xFFFFFFu);
    uint32_t k0 = (uint32_t)seed;
    uint32_t k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0;
        c1 = (uint32_t)p1;
        c2 = n2;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    return (random_block){{c0, c1, c2, c3}};
}

static uint64_t random_u64(uint64_t seed, random_purpose purpose, uint32_t epoch, uint64_t index)
{
    random_block block = random_bits(seed, purpose, 0, epoch, index);
    return (uint64_t)block.word[1] << 32 | block.word[0];
}

uint64_t random_below(uint64_t seed, random_purpose purpose, uint32_t epoch, uint64_t index, uint64_t bound)
{
    // The high 64 bits of bits * bound, by 32-bit halves: C11 has no 128-bit product.
    uint64_t bits = random_u64(seed, purpose, epoch, index);
    uint64_t low = (bits & 0xFFFFFFFFu) * (bound & 0xFFFFFFFFu);
    uint64_t mid1 = (bits >> 32) * (bound & 0xFFFFFFFFu) + (low >> 32);
    uint64_t mid2 = (bits & 0xFFFFFFFFu) * (bound >> 32) + (mid1 & 0xFFFFFFFFu);
    return (bits >> 32) * (bound >> 32) + (mid1 >> 32) + (mid2 >> 32);
}

float random_uniform(uint64_t seed, random_purpose purpose, uint32_t epoch, uint64_t index)
{
    random_block block = random_bits(seed, purpose, 0, epoch, index);
    return (float)(block.word[0] >> 8) * 0x1p-24f;
}

float random_normal(uint64_t seed, random_purpose purpose, uint32_t epoch, uint64_t index)
{
    static const double TWO_PI = 6.283185307179586;
    random_block block = random_bits(seed, purpose, 0, epoch, index);
    double u = ((double)block.word[0] + 1.0) * 0x1p-32; // in (0, 1]: its logarithm is finite
    double v = (double)block.word[1] * 0x1p-32;
    return (float)(sqrt(-2.0 * log(u)) * cos(TWO_PI * v));
}

void random_shuffle(uint64_t seed, random_purpose purpose, uint32_t epoch, uint32_t *values, uint64_t count)
{
    for (uint64_t i = 0; i + 1 < count; i++) {
        uint64_t j = i + random_below(seed, purpose, epoch, i, count - i);
        uint32_t swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
    }
}
