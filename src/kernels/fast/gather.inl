// Images on their way into the network: bytes to floats, scaled and shifted by channel.
//
// With c channels the constants repeat every c elements, so the vectors of constants repeat every
// c / gcd(c, VF) vectors: 1 for grey images, at most 3 for colour.
#ifndef SILMA_KERNELS_FAST_GATHER_INL
#define SILMA_KERNELS_FAST_GATHER_INL

#include "kernels/fast/bytes.inl"
#include "kernels/fast/chunks.inl"

enum { PERIOD_MAX = 32 }; // vectors

typedef struct gather_job {
    size_t n;
    const uint32_t *indices;
    const uint8_t *pixels;
    size_t per_image, c;
    size_t period; // vectors; 0: too many channels, one element at a time
    vf scale[PERIOD_MAX], shift[PERIOD_MAX];
    const float *scales, *shifts;
    float *x;
} gather_job;

static ALWAYS_INLINE vf pixels_to_floats(const uint8_t *from, size_t lanes)
{
    return vf_from_vi(load_bytes(from, lanes));
}

static void gather_image(const gather_job *job, const uint8_t *from, float *to)
{
    size_t i = 0, phase = 0;
    for (; i + VF <= job->per_image; i += VF) {
        vf_store(to + i, vf_fma(pixels_to_floats(from + i, VF), job->scale[phase], job->shift[phase]));
        phase = phase + 1 < job->period ? phase + 1 : 0;
    }
    size_t rest = job->per_image - i;
    if (rest == 0) return;
    vf_store_part(to + i, vf_fma(pixels_to_floats(from + i, rest), job->scale[phase], job->shift[phase]), rest);
}

static void gather_image_of_many_channels(const gather_job *job, const uint8_t *from, float *to)
{
    for (size_t i = 0; i < job->per_image; i++)
        to[i] = (float)from[i] * job->scales[i % job->c] + job->shifts[i % job->c];
}

static void gather_images_task(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const gather_job *job = argument;
    range r = chunk_range(job->n, rows_per_chunk(job->per_image), task);
    for (size_t i = r.first; i < r.last; i++) {
        const uint8_t *from = job->pixels + job->indices[i] * job->per_image;
        float *to = job->x + i * job->per_image;
        if (job->period > 0)
            gather_image(job, from, to);
        else
            gather_image_of_many_channels(job, from, to);
    }
}

static size_t greatest_common_divisor(size_t a, size_t b)
{
    while (b != 0) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void gather_images(thread_pool *pool, size_t n, const uint32_t *indices, const uint8_t *pixels, size_t per_image,
                          size_t c, const float *scale, const float *shift, float *x)
{
    gather_job job = {.n = n, .indices = indices, .pixels = pixels, .per_image = per_image, .c = c, .x = x};
    job.scales = scale;
    job.shifts = shift;
    size_t period = c / greatest_common_divisor(c, VF);
    if (period <= PERIOD_MAX) job.period = period;
    for (size_t v = 0, channel = 0; v < job.period; v++) {
        for (size_t lane = 0; lane < VF; lane++) {
            job.scale[v][lane] = scale[channel];
            job.shift[v][lane] = shift[channel];
            channel = channel + 1 < c ? channel + 1 : 0;
        }
    }
    thread_pool_run(pool, parts_of(n, rows_per_chunk(per_image)), gather_images_task, &job);
}

#endif
