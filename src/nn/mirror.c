#include "nn/mirror.h"

typedef struct mirroring {
    size_t height, width, channels;
    float *x;
} mirroring;

static void mirror_row(const mirroring *m, float *row)
{
    for (size_t left = 0, right = m->width - 1; left < right; left++, right--) {
        for (size_t c = 0; c < m->channels; c++) {
            float value = row[left * m->channels + c];
            row[left * m->channels + c] = row[right * m->channels + c];
            row[right * m->channels + c] = value;
        }
    }
}

static void mirror_image(void *argument, size_t image, unsigned thread)
{
    (void)thread;
    const mirroring *m = argument;
    size_t row = m->width * m->channels;
    for (size_t y = 0; y < m->height; y++)
        mirror_row(m, m->x + (image * m->height + y) * row);
}

void mirror_images(thread_pool *pool, size_t n, shape in, float *x)
{
    mirroring m = {.height = (size_t)in.h, .width = (size_t)in.w, .channels = (size_t)in.c, .x = x};
    thread_pool_run(pool, n, mirror_image, &m);
}

void mirror_mean(size_t n, size_t outputs, float *logits)
{
    for (size_t i = 0; i < n * outputs; i++)
        logits[i] = 0.5f * (logits[i] + logits[n * outputs + i]);
}
