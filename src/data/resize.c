#include "data/resize.h"

#include "core/checked.h"
#include "core/error.h"

#include <math.h>
#include <stdlib.h>

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

// The weights of output `i`, whose middle lies at `centre` among the inputs.
static void set_output(resize_axis *axis, int i, int inputs, double centre, double support)
{
    int first = (int)fmax(0.0, floor(centre - support + 0.5));
    int end = (int)fmin(inputs, floor(centre + support + 0.5));
    float *weights = axis->weights + (size_t)i * (size_t)axis->most_taps; // (most_taps)
    double sum = 0;
    for (int t = 0; t < end - first; t++)
        sum += triangle((first + t + 0.5 - centre) / support);
    for (int t = 0; t < end - first; t++)
        weights[t] = (float)(triangle((first + t + 0.5 - centre) / support) / sum);
    axis->first[i] = first;
    axis->taps[i] = end - first;
}

silma_status resize_axis_create(resize_axis *axis, int inputs, double from, double to, int size, silma_error *error)
{
    double scale = (to - from) / size;
    double support = fmax(scale, 1.0);
    size_t outputs = (size_t)size, weight_count;
    *axis = (resize_axis){.size = size, .most_taps = (int)ceil(support) * 2 + 1};
    if (!checked_mul(outputs, (size_t)axis->most_taps, &weight_count)) return silma_fail_memory(error, SIZE_MAX);
    axis->first = calloc(outputs, sizeof *axis->first);
    axis->taps = calloc(outputs, sizeof *axis->taps);
    axis->weights = calloc(weight_count, sizeof *axis->weights);
    if (!axis->first || !axis->taps || !axis->weights)
        return silma_fail_memory(error, weight_count * sizeof *axis->weights);
    for (int i = 0; i < size; i++)
        set_output(axis, i, inputs, from + (i + 0.5) * scale, support);
    return SILMA_OK;
}

void resize_axis_free(resize_axis *axis)
{
    free(axis->first);
    free(axis->taps);
    free(axis->weights);
    *axis = (resize_axis){0};
}

void resize_add_bytes(float *restrict sum, const uint8_t *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

void resize_add_floats(float *restrict sum, const float *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

static uint8_t round_byte(float value)
{
    if (value <= 0.0f) return 0;
    if (value >= 255.0f) return 255;
    return (uint8_t)((unsigned)(2.0f * value + 1.0f) / 2);
}

void resize_row(const resize_axis *axis, const float *row, int channels, uint8_t *pixels)
{
    for (int i = 0; i < axis->size; i++) {
        const float *weights = axis->weights + (size_t)i * (size_t)axis->most_taps;
        const float *input = row + (size_t)axis->first[i] * (size_t)channels; // (taps, channels)
        for (int c = 0; c < channels; c++) {
            float sum = 0;
            for (int t = 0; t < axis->taps[i]; t++)
                sum += weights[t] * input[t * channels + c];
            *pixels++ = round_byte(sum);
        }
    }
}
