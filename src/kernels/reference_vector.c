// What moves and adds: sums of branches, concatenation, norms, and images on their way into the network.
#include "kernels/reference.h"

void reference_add(thread_pool *pool, size_t count, const float *a, const float *b, float *sum)
{
    (void)pool;
    for (size_t i = 0; i < count; i++)
        sum[i] = a[i] + b[i];
}

void reference_copy_columns(thread_pool *pool, size_t rows, size_t c, const float *x, size_t x_width, size_t x_from,
                            float *y, size_t y_width, size_t y_from)
{
    (void)pool;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < c; i++)
            y[row * y_width + y_from + i] = x[row * x_width + x_from + i];
    }
}

double reference_sum_of_squares(thread_pool *pool, size_t count, const float *x)
{
    (void)pool;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

void reference_gather_images(thread_pool *pool, size_t n, const uint32_t *indices, const uint8_t *pixels,
                             size_t per_image, size_t c, const float *scale, const float *shift, float *x)
{
    (void)pool;
    for (size_t image = 0; image < n; image++) {
        const uint8_t *from = pixels + indices[image] * per_image;
        for (size_t i = 0; i < per_image; i++) {
            x[image * per_image + i] = (float)((double)from[i] * scale[i % c] + shift[i % c]);
        }
    }
}
