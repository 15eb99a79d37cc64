// Brightness, contrast, saturation and hue: whatever is asked for becomes one matrix and an offset.
#include "data/augment_inside.h"

#include <math.h>

enum { FRACTION = 16, CHANNELS = 3 };

// The weights of grey, as everywhere in Silma.
static const double GREY[CHANNELS] = {0.299, 0.587, 0.114};

typedef struct colour_change {
    double matrix[CHANNELS][CHANNELS];
    double offset;
} colour_change;

// 1 +- reach; never negative.
static double draw_factor(uint32_t word, double reach)
{
    return fmax(1 + augment_around(word, reach), 0);
}

static uint64_t sum_of_channel(augment_size size, const uint8_t *image, int channel)
{
    uint64_t sum = 0;
    size_t pixels = (size_t)size.height * (size_t)size.width, channels = (size_t)size.channels;
    for (size_t i = 0; i < pixels; i++)
        sum += image[i * channels + (size_t)channel];
    return sum;
}

static double mean_grey(augment_size size, const uint8_t *image)
{
    double sum = 0;
    for (int c = 0; c < size.channels; c++)
        sum +=
            (double)sum_of_channel(size, image, c) * (size.channels == CHANNELS ? GREY[c] : 1 / (double)size.channels);
    return sum / ((double)size.height * (double)size.width);
}

// Values times `factor` plus `offset`.
static void change_values(augment_size size, double factor, double offset, uint8_t *image)
{
    uint8_t table[256];
    for (int value = 0; value < 256; value++)
        table[value] = (uint8_t)(fmin(fmax(factor * value + offset, 0), 255) + 0.5);
    size_t count = (size_t)size.height * (size_t)size.width * (size_t)size.channels;
    for (size_t i = 0; i < count; i++)
        image[i] = table[image[i]];
}

// matrix = change matrix: first what was, then the change.
static void follow(double matrix[CHANNELS][CHANNELS], double change[CHANNELS][CHANNELS])
{
    double product[CHANNELS][CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        for (int j = 0; j < CHANNELS; j++)
            product[i][j] = change[i][0] * matrix[0][j] + change[i][1] * matrix[1][j] + change[i][2] * matrix[2][j];
    for (int i = 0; i < CHANNELS; i++)
        for (int j = 0; j < CHANNELS; j++)
            matrix[i][j] = product[i][j];
}

// Towards each pixel's grey: s p + (1 - s) grey(p).
static void saturate(double matrix[CHANNELS][CHANNELS], double factor)
{
    double change[CHANNELS][CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        for (int j = 0; j < CHANNELS; j++)
            change[i][j] = (i == j ? factor : 0) + (1 - factor) * GREY[j];
    follow(matrix, change);
}

// A turn of the plane of colours (I, Q) of YIQ, which leaves a pixel's grey as it is.
static void turn_hue(double matrix[CHANNELS][CHANNELS], double share)
{
    double to_yiq[CHANNELS][CHANNELS] = {{0.299, 0.587, 0.114}, {0.596, -0.274, -0.322}, {0.211, -0.523, 0.312}};
    // The inverse of these decimals, not the rounded one of the books: a turn by nothing changes nothing.
    double back[CHANNELS][CHANNELS];
    double determinant = 0;
    for (int i = 0; i < CHANNELS; i++) {
        const double *next = to_yiq[(i + 1) % CHANNELS], *last = to_yiq[(i + 2) % CHANNELS];
        for (int j = 0; j < CHANNELS; j++) {
            int k = (j + 1) % CHANNELS, l = (j + 2) % CHANNELS;
            back[j][i] = next[k] * last[l] - next[l] * last[k];
        }
        if (i == 0) determinant = to_yiq[0][0] * back[0][0] + to_yiq[0][1] * back[1][0] + to_yiq[0][2] * back[2][0];
    }
    for (int i = 0; i < CHANNELS; i++)
        for (int j = 0; j < CHANNELS; j++)
            back[i][j] /= determinant;
    double angle = share * 2 * 3.14159265358979323846;
    double turn[CHANNELS][CHANNELS] = {{1, 0, 0}, {0, cos(angle), -sin(angle)}, {0, sin(angle), cos(angle)}};
    follow(matrix, to_yiq);
    follow(matrix, turn);
    follow(matrix, back);
}

static uint8_t clamp(int32_t fixed)
{
    int32_t value = fixed >> FRACTION;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void change_colours(augment_size size, const colour_change *change, uint8_t *image)
{
    int32_t m[CHANNELS][CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        for (int j = 0; j < CHANNELS; j++)
            m[i][j] = (int32_t)floor(ldexp(change->matrix[i][j], FRACTION) + 0.5);
    int32_t offset = (int32_t)floor(ldexp(change->offset + 0.5, FRACTION) + 0.5); // and half a step to round
    size_t pixels = (size_t)size.height * (size_t)size.width;
    for (size_t i = 0; i < pixels; i++, image += CHANNELS) {
        int32_t r = image[0], g = image[1], b = image[2];
        image[0] = clamp(m[0][0] * r + m[0][1] * g + m[0][2] * b + offset);
        image[1] = clamp(m[1][0] * r + m[1][1] * g + m[1][2] * b + offset);
        image[2] = clamp(m[2][0] * r + m[2][1] * g + m[2][2] * b + offset);
    }
}

// p -> contrast brightness p + (1 - contrast) brightness mean; then saturation and hue, which leave greys alone.
void augment_colour(const augmentation *a, const augment_key *key, augment_size size, uint8_t *image)
{
    random_block bits = augment_bits(key, AUGMENT_COLOUR);
    double brightness = draw_factor(bits.word[0], a->brightness);
    double contrast = draw_factor(bits.word[1], a->contrast);
    double factor = contrast * brightness;
    double offset = a->contrast > 0 ? (1 - contrast) * brightness * mean_grey(size, image) : 0;
    if (size.channels != CHANNELS || (a->saturation == 0 && a->hue == 0)) {
        change_values(size, factor, offset, image);
        return;
    }
    colour_change change = {.matrix = {{factor, 0, 0}, {0, factor, 0}, {0, 0, factor}}, .offset = offset};
    saturate(change.matrix, draw_factor(bits.word[2], a->saturation));
    turn_hue(change.matrix, augment_around(bits.word[3], a->hue));
    change_colours(size, &change, image);
}
