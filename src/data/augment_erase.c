// Parts taken away, so that a network does not rely on one of them.
#include "data/augment_inside.h"

#include <math.h>

typedef struct rectangle {
    int top, left, bottom, right; // bottom and right lie beyond it
} rectangle;

static int clamp(int value, int most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

static uint8_t mean_of_channel(augment_size size, const uint8_t *image, size_t channel)
{
    uint64_t sum = 0;
    size_t pixels = (size_t)size.height * (size_t)size.width, channels = (size_t)size.channels;
    for (size_t i = 0; i < pixels; i++)
        sum += image[i * channels + channel];
    if (pixels == 0) return 0;
    return (uint8_t)((sum + pixels / 2) / pixels);
}

static void fill_channel(augment_size size, const rectangle *r, size_t channel, uint8_t value, uint8_t *image)
{
    size_t channels = (size_t)size.channels;
    for (int y = r->top; y < r->bottom; y++)
        for (int x = r->left; x < r->right; x++)
            image[((size_t)y * (size_t)size.width + (size_t)x) * channels + channel] = value;
}

// DeVries and Taylor, 2017: the square's middle is any pixel, so that it may reach beyond the image. The mean colour
// is what their zeros are once the data's mean has been taken off.
void augment_cutout(const augmentation *a, const augment_key *key, augment_size size, uint8_t *image)
{
    random_block bits = augment_bits(key, AUGMENT_CUTOUT);
    int height = augment_pixels(a->cutout, size.height), width = augment_pixels(a->cutout, size.width);
    int top = augment_below(bits.word[0], size.height) - height / 2;
    int left = augment_below(bits.word[1], size.width) - width / 2;
    rectangle r = {
        .top = clamp(top, size.height),
        .left = clamp(left, size.width),
        .bottom = clamp(top + height, size.height),
        .right = clamp(left + width, size.width),
    };
    for (size_t c = 0; c < (size_t)size.channels; c++)
        fill_channel(size, &r, c, mean_of_channel(size, image, c), image);
}

// ---------------------------------------------------------------------------------------------------------------------
// Random erasing (Zhong et al., 2017): 2 % to 33 % of the image, proportions from 3:10 to 10:3, filled with noise

static const double LEAST_AREA = 0.02, MOST_AREA = 0.33, LEAST_PROPORTION = 0.3;

static rectangle draw_rectangle(const augment_key *key, augment_size size, const random_block *bits)
{
    double area = LEAST_AREA + (MOST_AREA - LEAST_AREA) * augment_unit(bits->word[1]);
    area *= (double)size.height * (double)size.width;
    double proportion = exp(augment_around(bits->word[2], -log(LEAST_PROPORTION)));
    int height = clamp((int)(sqrt(area * proportion) + 0.5), size.height);
    int width = clamp((int)(sqrt(area / proportion) + 0.5), size.width);
    random_block at = augment_bits(key, AUGMENT_ERASE_AT);
    rectangle r = {
        .top = augment_below(at.word[0], size.height - height + 1),
        .left = augment_below(at.word[1], size.width - width + 1),
    };
    r.bottom = r.top + height;
    r.right = r.left + width;
    return r;
}

static void fill_with_noise(const augment_key *key, augment_size size, const rectangle *r, uint8_t *image)
{
    enum { BLOCK_BYTES = 16, LANES = 0x10000 }; // images beyond a megabyte see the same noise again
    size_t row_bytes = (size_t)(r->right - r->left) * (size_t)size.channels;
    size_t drawn = 0;
    random_block bits = {{0}};
    for (int y = r->top; y < r->bottom; y++) {
        uint8_t *row = image + ((size_t)y * (size_t)size.width + (size_t)r->left) * (size_t)size.channels;
        for (size_t i = 0; i < row_bytes; i++, drawn++) {
            if (drawn % BLOCK_BYTES == 0)
                bits = augment_bits(key, AUGMENT_NOISE + (uint32_t)(drawn / BLOCK_BYTES % LANES));
            row[i] = (uint8_t)(bits.word[drawn % BLOCK_BYTES / 4] >> drawn % 4 * 8);
        }
    }
}

void augment_erase(const augmentation *a, const augment_key *key, augment_size size, uint8_t *image)
{
    random_block bits = augment_bits(key, AUGMENT_ERASE);
    if (augment_unit(bits.word[0]) >= a->erase) return;
    rectangle r = draw_rectangle(key, size, &bits);
    fill_with_noise(key, size, &r, image);
}
