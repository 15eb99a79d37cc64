// Batch normalisation and dropout, sections 3.2.3 and 3.2.4 of the thesis.
#include "core/random.h"
#include "kernels/reference.h"

size_t reference_batchnorm_workspace(size_t rows, size_t c, unsigned threads)
{
    (void)rows;
    (void)c;
    (void)threads;
    return 0;
}

// The mean and the population variance of each channel; two passes, the second around the mean.
void reference_batchnorm_statistics(thread_pool *pool, size_t rows, size_t c, const float *x, float *mean,
                                    float *variance, void *workspace)
{
    (void)pool;
    (void)workspace;
    for (size_t channel = 0; channel < c; channel++) {
        double sum = 0.0;
        for (size_t row = 0; row < rows; row++)
            sum += x[row * c + channel];
        double mu = sum / (double)rows;
        double squares = 0.0;
        for (size_t row = 0; row < rows; row++) {
            double deviation = x[row * c + channel] - mu;
            squares += deviation * deviation;
        }
        mean[channel] = (float)mu;
        variance[channel] = (float)(squares / (double)rows);
    }
}

// eq. 57 with its constants gathered: gamma (x - mean) inv_std + beta = x * scale + shift.
void reference_channel_affine(thread_pool *pool, size_t rows, size_t c, const float *x, const float *scale,
                              const float *shift, float *y)
{
    (void)pool;
    for (size_t i = 0; i < rows * c; i++)
        y[i] = (float)((double)x[i] * scale[i % c] + shift[i % c]);
}

// forward (eq. 57): y = gamma xhat + beta
void reference_batchnorm_gradients(thread_pool *pool, size_t rows, size_t c, const float *x, const float *mean,
                                   const float *inv_std, const float *dy, float *dgamma, float *dbeta, void *workspace)
{
    (void)pool;
    (void)workspace;
    for (size_t channel = 0; channel < c; channel++) {
        double sum_dy = 0.0, sum_dy_xhat = 0.0;
        for (size_t row = 0; row < rows; row++) {
            size_t i = row * c + channel;
            double xhat = ((double)x[i] - mean[channel]) * inv_std[channel];
            sum_dy += dy[i];
            sum_dy_xhat += dy[i] * xhat;
        }
        dbeta[channel] = (float)sum_dy;
        dgamma[channel] = (float)sum_dy_xhat;
    }
}

// forward (eq. 58): xhat = (x - mean) inv_std, where mean and inv_std depend on x as well: through xhat directly, and
// through the mean and the variance, which every row of the batch shares.
void reference_batchnorm_backward_input(thread_pool *pool, size_t rows, size_t c, size_t batch_rows, const float *x,
                                        const float *mean, const float *inv_std, const float *gamma,
                                        const float *dgamma, const float *dbeta, const float *dy, float *dx,
                                        void *workspace)
{
    (void)pool;
    (void)workspace;
    for (size_t i = 0; i < rows * c; i++) {
        size_t channel = i % c;
        double xhat = ((double)x[i] - mean[channel]) * inv_std[channel];
        double centred = dy[i] - ((double)dbeta[channel] + xhat * dgamma[channel]) / (double)batch_rows;
        dx[i] = (float)(gamma[channel] * (double)inv_std[channel] * centred);
    }
}

void reference_dropout(thread_pool *pool, size_t count, uint64_t first, uint64_t seed, uint32_t lane, uint32_t step,
                       uint32_t threshold, float scale, const float *x, float *y)
{
    (void)pool;
    for (size_t i = 0; i < count; i++) {
        random_block block = random_bits(seed, RANDOM_DROPOUT, lane, step, (first + i) / 8);
        size_t half_word = (first + i) % 8;
        uint32_t bits = block.word[half_word / 2] >> (16 * (half_word % 2)) & 0xFFFFu;
        y[i] = bits >= threshold ? x[i] * scale : 0.0f;
    }
}
