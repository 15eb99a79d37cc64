#include "data/moments.h"

#include <math.h>

// Squares of 2^16 values fit into 32 bits.
enum { PIXELS_AT_ONCE = 1 << 16 };

static void add_pixels(const uint8_t *pixels, size_t count, size_t channels, channel_moments *m)
{
    uint32_t sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = pixels[i * channels];
        sum += value;
        squares += value * value;
    }
    m->sum += sum;
    m->squares += squares;
}

static void add_image(const uint8_t *image, size_t pixels, size_t channels, channel_moments *moments)
{
    for (size_t first = 0; first < pixels; first += PIXELS_AT_ONCE) {
        size_t count = pixels - first < PIXELS_AT_ONCE ? pixels - first : PIXELS_AT_ONCE;
        for (size_t c = 0; c < channels; c++)
            add_pixels(image + first * channels + c, count, channels, &moments[c]);
    }
    for (size_t c = 0; c < channels; c++)
        moments[c].count += pixels;
}

void dataset_moments(const silma_images *images, const uint32_t *indices, size_t count, channel_moments *moments)
{
    size_t pixels = (size_t)images->height * (size_t)images->width, channels = (size_t)images->channels;
    for (size_t i = 0; i < count; i++)
        add_image(images->pixels + indices[i] * pixels * channels, pixels, channels, moments);
    for (size_t c = 0; c < channels; c++) {
        channel_moments *m = &moments[c];
        m->mean = (double)m->sum / (double)m->count;
        // Of whole numbers of pixels: squares / count - mean^2 loses no more than the last digits.
        m->deviation = sqrt(fmax((double)m->squares / (double)m->count - m->mean * m->mean, 0));
    }
}
