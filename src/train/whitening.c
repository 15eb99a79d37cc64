#include "train/whitening.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES_MOST = 5000 };         // more do not change the filters
static const double SUMS_MOST = 2e9; // a second or two
static const double EPSILON = 1e-2;  // pixels have a variance of 1: directions below a hundredth of it are mostly noise

// ---------------------------------------------------------------------------------------------------------------------
// Jacobi's method: rotations that make one element after the other zero, until all beside the diagonal are

static void rotate(size_t n, double *a, double *vectors, size_t p, size_t q)
{
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = copysign(1 / (fabs(theta) + sqrt(theta * theta + 1)), theta);
    double cosine = 1 / sqrt(t * t + 1), sine = t * cosine;
    for (size_t k = 0; k < n; k++) {
        double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = cosine * kp - sine * kq;
        a[k * n + q] = sine * kp + cosine * kq;
    }
    for (size_t k = 0; k < n; k++) {
        double pk = a[p * n + k], qk = a[q * n + k];
        a[p * n + k] = cosine * pk - sine * qk;
        a[q * n + k] = sine * pk + cosine * qk;
    }
    for (size_t k = 0; k < n; k++) {
        double pk = vectors[p * n + k], qk = vectors[q * n + k];
        vectors[p * n + k] = cosine * pk - sine * qk;
        vectors[q * n + k] = sine * pk + cosine * qk;
    }
}

static double beside_diagonal(size_t n, const double *a)
{
    double sum = 0;
    for (size_t p = 0; p < n; p++)
        for (size_t q = p + 1; q < n; q++)
            sum += a[p * n + q] * a[p * n + q];
    return sum;
}

static void swap_rows(size_t n, double *values, double *vectors, size_t i, size_t j)
{
    double value = values[i];
    values[i] = values[j];
    values[j] = value;
    for (size_t k = 0; i != j && k < n; k++) {
        double element = vectors[i * n + k];
        vectors[i * n + k] = vectors[j * n + k];
        vectors[j * n + k] = element;
    }
}

static void make_largest_positive(size_t n, double *vector)
{
    size_t largest = 0;
    for (size_t k = 1; k < n; k++)
        if (fabs(vector[k]) > fabs(vector[largest])) largest = k;
    for (size_t k = 0; vector[largest] < 0 && k < n; k++)
        if (k != largest) vector[k] = -vector[k];
    vector[largest] = fabs(vector[largest]);
}

void symmetric_eigen(size_t n, double *a, double *values, double *vectors)
{
    enum { SWEEPS = 60 }; // convergence is quadratic: ten are many
    memset(vectors, 0, n * n * sizeof *vectors);
    double trace = 0;
    for (size_t i = 0; i < n; i++) {
        vectors[i * n + i] = 1;
        trace += fabs(a[i * n + i]);
    }
    for (int sweep = 0; sweep < SWEEPS && beside_diagonal(n, a) > 1e-24 * trace * trace; sweep++)
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++)
                if (a[p * n + q] != 0) rotate(n, a, vectors, p, q);
    for (size_t i = 0; i < n; i++)
        values[i] = a[i * n + i];
    for (size_t i = 0; i < n; i++) {
        size_t largest = i;
        for (size_t j = i + 1; j < n; j++)
            if (values[j] > values[largest]) largest = j;
        swap_rows(n, values, vectors, i, largest);
        make_largest_positive(n, vectors + i * n);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The patches' covariance

typedef struct patches {
    size_t kh, kw, channels, values; // kh * kw * channels
    double *patch, *mean;            // (values)
    double *covariance;              // (values, values)
    size_t count;
} patches;

static void add_patch(patches *p, const whitening_source *source, const uint8_t *corner)
{
    size_t stride = (size_t)source->images->width * p->channels;
    for (size_t k = 0; k < p->values; k++) {
        size_t c = k % p->channels, row = k / (p->kw * p->channels), inside = k % (p->kw * p->channels);
        p->patch[k] = (double)corner[row * stride + inside] * (double)source->scale[c] + (double)source->shift[c];
        p->mean[k] += p->patch[k];
    }
    for (size_t i = 0; i < p->values; i++)
        for (size_t j = 0; j <= i; j++)
            p->covariance[i * p->values + j] += p->patch[i] * p->patch[j];
    p->count++;
}

static void add_images(patches *p, const whitening_source *source)
{
    size_t height = (size_t)source->images->height, width = (size_t)source->images->width;
    size_t bytes = height * width * p->channels;
    double sums = (double)(height * width) * (double)(p->values * p->values);
    size_t images = (size_t)fmax(1, fmin(IMAGES_MOST, SUMS_MOST / sums)), step = source->count / images + 1;
    for (size_t i = 0; i < source->count; i += step) {
        const uint8_t *image = source->images->pixels + source->indices[i] * bytes;
        for (size_t y = 0; y + p->kh <= height; y++)
            for (size_t x = 0; x + p->kw <= width; x++)
                add_patch(p, source, image + (y * width + x) * p->channels);
    }
}

static void finish_covariance(patches *p)
{
    double count = (double)p->count;
    for (size_t i = 0; i < p->values; i++) {
        for (size_t j = 0; j <= i; j++) {
            double moment = p->covariance[i * p->values + j] / count;
            p->covariance[i * p->values + j] = moment - p->mean[i] / count * (p->mean[j] / count);
            p->covariance[j * p->values + i] = p->covariance[i * p->values + j];
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------

// kernel (values, filters)
static void write_filters(const patches *p, const double *eigenvalues, const double *vectors, size_t filters,
                          float *kernel)
{
    for (size_t f = 0; f < filters && f < 2 * p->values; f++) {
        const double *direction = vectors + f / 2 * p->values;
        double length = sqrt(fmax(eigenvalues[f / 2], 0) + EPSILON), sign = f % 2 == 0 ? 1 : -1;
        for (size_t k = 0; k < p->values; k++)
            kernel[k * filters + f] = (float)(sign * direction[k] / length);
    }
}

static silma_status whiten(const parameter *kernel, const whitening_source *source, float *weights, silma_error *error)
{
    size_t values = kernel->dims[0] * kernel->dims[1] * kernel->dims[2];
    double *memory = calloc(3 * values + 2 * values * values, sizeof *memory);
    if (!memory) return silma_fail_memory(error, (3 + 2 * values) * values * sizeof *memory);
    patches p = {.kh = kernel->dims[0],
                 .kw = kernel->dims[1],
                 .channels = kernel->dims[2],
                 .values = values,
                 .patch = memory,
                 .mean = memory + values,
                 .covariance = memory + 2 * values};
    double *vectors = p.covariance + values * values, *eigenvalues = vectors + values * values;
    add_images(&p, source);
    if (p.count > 0) {
        finish_covariance(&p);
        symmetric_eigen(values, p.covariance, eigenvalues, vectors);
        write_filters(&p, eigenvalues, vectors, kernel->dims[3], weights + kernel->offset);
    }
    free(memory);
    return SILMA_OK;
}

silma_status whiten_filters(const graph *g, const whitening_source *source, float *weights, silma_error *error)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        const layer *l = &g->layers[i];
        if (l->parameter_count == 0 || l->parameters[0].initial.kind != INITIALISER_WHITENING) continue;
        const parameter *kernel = &l->parameters[0];
        if (kernel->rank != 4 || l->inputs[0] != 0 || kernel->dims[2] != (size_t)source->images->channels) {
            return silma_fail(error, SILMA_BAD_FILE,
                              "%s:%d: init=whitening is for a convolution without groups that reads the input",
                              g->origin, l->line);
        }
        silma_status status = whiten(kernel, source, weights, error);
        if (status != SILMA_OK) return status;
    }
    return SILMA_OK;
}
