// Two images become one, and their labels two shares: mixup (Zhang et al., 2017) and cutmix (Yun et al., 2019).
#include "data/augment_inside.h"

#include <math.h>
#include <string.h>

enum { PARTS = 256 };

// A sequence of random numbers in (0, 1) for what needs an unknown number of them.
typedef struct draws {
    const augment_key *key;
    uint32_t taken;
} draws;

static random_block next_block(draws *d)
{
    enum { LANES = 0x10000 };
    return augment_bits(d->key, AUGMENT_BETA + d->taken++ % LANES);
}

static double open_unit(uint32_t word)
{
    return ((double)word + 0.5) * 0x1p-32;
}

// Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; below 1 by their note on alpha + 1. The
// logarithm is returned: that of a small alpha underflows.
static double draw_log_gamma(draws *d, double alpha)
{
    double raised = alpha < 1 ? alpha + 1 : alpha;
    double third = raised - 1.0 / 3;
    double c = 1 / sqrt(9 * third);
    for (;;) {
        random_block bits = next_block(d);
        double radius = sqrt(-2 * log(open_unit(bits.word[0])));
        double x = radius * cos(6.283185307179586 * open_unit(bits.word[1])); // standard normal
        double v = pow(1 + c * x, 3);
        if (1 + c * x <= 0) continue;
        if (log(open_unit(bits.word[2])) >= 0.5 * x * x + third - third * v + third * log(v)) continue;
        double boost = alpha < 1 ? log(open_unit(bits.word[3])) / alpha : 0;
        return log(third * v) + boost;
    }
}

// Beta(alpha, alpha): X / (X + Y) of two gamma variables.
static double draw_beta(const augment_key *key, double alpha)
{
    draws d = {.key = key};
    double x = draw_log_gamma(&d, alpha);
    double y = draw_log_gamma(&d, alpha);
    return 1 / (1 + exp(y - x));
}

static augment_mix draw_rectangle(const random_block *bits, augment_size size, double share)
{
    double side = sqrt(1 - share);
    int height = (int)(side * (double)size.height + 0.5), width = (int)(side * (double)size.width + 0.5);
    int top = augment_below(bits->word[1], size.height) - height / 2;
    int left = augment_below(bits->word[2], size.width) - width / 2;
    augment_mix mix = {
        .part = PARTS,
        .top = top < 0 ? 0 : top,
        .left = left < 0 ? 0 : left,
        .bottom = top + height < size.height ? top + height : size.height,
        .right = left + width < size.width ? left + width : size.width,
    };
    double area = (double)(mix.bottom - mix.top) * (double)(mix.right - mix.left);
    mix.share = 1 - area / ((double)size.height * (double)size.width);
    return mix;
}

augment_mix augment_draw_mix(const augmentation *a, const augment_key *key, augment_size size)
{
    random_block bits = augment_bits(key, AUGMENT_MIX);
    bool cuts = a->cutmix > 0 && (a->mixup == 0 || bits.word[0] >> 31);
    double share = draw_beta(key, cuts ? a->cutmix : a->mixup);
    if (cuts) return draw_rectangle(&bits, size, share);
    unsigned part = (unsigned)(share * PARTS + 0.5);
    return (augment_mix){.share = (double)part / PARTS, .part = part}; // the labels' shares are exactly the pixels'
}

static void blend(unsigned part, size_t count, const uint8_t *image, const uint8_t *other, uint8_t *result)
{
    for (size_t i = 0; i < count; i++)
        result[i] = (uint8_t)((part * image[i] + (PARTS - part) * other[i] + PARTS / 2) / PARTS);
}

void augment_apply_mix(const augment_mix *mix, augment_size size, const uint8_t *image, const uint8_t *other,
                       uint8_t *result)
{
    size_t channels = (size_t)size.channels, row = (size_t)size.width * channels;
    if (mix->part < PARTS) {
        blend(mix->part, (size_t)size.height * row, image, other, result);
        return;
    }
    memcpy(result, image, (size_t)size.height * row);
    size_t bytes = (size_t)(mix->right - mix->left) * channels;
    for (int y = mix->top; y < mix->bottom; y++) {
        size_t at = (size_t)y * row + (size_t)mix->left * channels;
        memcpy(result + at, other + at, bytes);
    }
}
