#include "report/saliency.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/random.h"
#include "kernels/context.h"
#include "nn/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COPIES_MOST = 16 };
static const float NOISE = 0.1f;                    // standard deviation, as a share of 255
static const double BUDGET = 2e10;                  // multiply-adds of all passes: about a second on two cores
static const size_t ARENA_MOST = (size_t)512 << 20; // bytes
static const double STRONGEST = 0.005;              // share of the pixels that are shown at full strength

typedef struct follower {
    const silma_model *model;
    plan *p;
    void *arena;
    float *gradients;
    double *sums;  // (h, w) of one image
    float *sorted; // (h, w)
    size_t batch;  // copies a pass
    size_t copies; // an image
    shape in;
} follower;

static float *allocate(size_t count)
{
    size_t bytes;
    if (!checked_mul(count + 1, sizeof(float), &bytes) || !checked_align(bytes, ARENA_ALIGNMENT, &bytes)) return NULL;
    return aligned_alloc(ARENA_ALIGNMENT, bytes);
}

static size_t choose_copies(const graph *g, size_t images)
{
    size_t trainable, other;
    uint64_t multiply_adds;
    graph_count(g, &trainable, &other, &multiply_adds);
    double each = 3.0 * (double)multiply_adds * (double)images + 1;
    double copies = BUDGET / each;
    return copies >= COPIES_MOST ? COPIES_MOST : copies < 1 ? 1 : (size_t)copies;
}

// Fewer copies a pass where a plan of all would need much memory.
static silma_status make_plan(follower *f, const silma_context *context, silma_error *error)
{
    for (f->batch = f->copies;; f->batch = (f->batch + 1) / 2) {
        silma_status status = plan_create(&f->p, f->model->g, context->k, context->pool, f->batch, PLAN_TRAIN, error);
        if (status == SILMA_OK) status = plan_want_input_gradient(f->p, error);
        if (status != SILMA_OK || f->batch == 1 || plan_arena_bytes(f->p) <= ARENA_MOST) return status;
        plan_free(f->p);
        f->p = NULL;
    }
}

static silma_status start(follower *f, const silma_model *model, const silma_context *context, size_t images,
                          silma_error *error)
{
    *f = (follower){.model = model, .in = graph_input(model->g), .copies = choose_copies(model->g, images)};
    silma_status status = make_plan(f, context, error);
    if (status != SILMA_OK) return status;
    size_t area = (size_t)f->in.h * (size_t)f->in.w;
    f->arena = aligned_alloc(ARENA_ALIGNMENT, plan_arena_bytes(f->p));
    f->gradients = allocate(model->g->weight_count);
    f->sums = calloc(area, sizeof *f->sums);
    f->sorted = calloc(area, sizeof *f->sorted);
    if (!f->arena || !f->gradients || !f->sums || !f->sorted) return silma_fail_memory(error, plan_arena_bytes(f->p));
    plan_bind(f->p, f->arena);
    return SILMA_OK;
}

static void stop(follower *f)
{
    plan_free(f->p);
    free(f->arena);
    free(f->gradients);
    free(f->sums);
    free(f->sorted);
}

// Copy `number` of an image; a single copy is the image itself.
static void fill_copy(const follower *f, const uint8_t *image, size_t number, float *input)
{
    size_t count = shape_count(f->in), channels = (size_t)f->in.c;
    for (size_t i = 0; i < count; i++) {
        float noise = f->copies > 1 ? NOISE * 255 * random_normal(0, RANDOM_SAMPLE, (uint32_t)number, i) : 0;
        input[i] = ((float)image[i] + noise) * f->model->scale[i % channels] + f->model->shift[i % channels];
    }
}

// The gradient of the class's logit: 1 at its output. A single output is the logit of class 1, and against that of
// class 0; its sign is lost in the square.
static void fill_output_gradient(const follower *f, uint32_t class, size_t n, float *dlogits)
{
    size_t outputs = (size_t)graph_output(f->model->g).c;
    memset(dlogits, 0, n * outputs * sizeof *dlogits);
    for (size_t i = 0; i < n; i++)
        dlogits[i * outputs + (outputs == 1 ? 0 : class)] = 1;
}

static void add_squares(follower *f, const float *gradient, size_t n)
{
    size_t count = shape_count(f->in), channels = (size_t)f->in.c;
    for (size_t i = 0; i < n * count; i++) {
        double slope = (double)gradient[i] * (double)f->model->scale[i % channels];
        f->sums[i % count / channels] += slope * slope;
    }
}

static void follow_image(follower *f, const uint8_t *image, uint32_t class)
{
    memset(f->sums, 0, (size_t)f->in.h * (size_t)f->in.w * sizeof *f->sums);
    size_t count = shape_count(f->in);
    for (size_t first = 0; first < f->copies; first += f->batch) {
        size_t n = f->copies - first < f->batch ? f->copies - first : f->batch;
        for (size_t i = 0; i < n; i++)
            fill_copy(f, image, first + i, plan_input(f->p) + i * count);
        plan_step step = {
            .n = n,
            .weights = f->model->weights,
            .gradients = f->gradients,
            .statistics = f->model->statistics,
        };
        plan_forward(f->p, &step);
        fill_output_gradient(f, class, n, plan_output_gradient(f->p));
        plan_backward(f->p, &step);
        add_squares(f, plan_input_gradient(f->p), n);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// From sums of squares to a picture

// One pass of a binomial filter 1 2 1 along rows or columns; at the border the edge's own value stands for those
// beyond.
static void smooth_line(double *values, size_t count, size_t stride)
{
    double before = values[0];
    for (size_t i = 0; i < count; i++) {
        double here = values[i * stride];
        double after = i + 1 < count ? values[(i + 1) * stride] : here;
        values[i * stride] = (before + 2 * here + after) / 4;
        before = here;
    }
}

// The larger the image, the wider: a pass for each 24 pixels.
static void smooth(double *values, size_t h, size_t w)
{
    size_t passes = 1 + (h < w ? h : w) / 24;
    if (h < 8 || w < 8) return;
    for (size_t pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < h; y++)
            smooth_line(values + y * w, w, 1);
        for (size_t x = 0; x < w; x++)
            smooth_line(values + x, h, w);
    }
}

static int compare_floats(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

static void scale_map(follower *f, float *map)
{
    size_t area = (size_t)f->in.h * (size_t)f->in.w;
    for (size_t i = 0; i < area; i++)
        map[i] = isfinite(f->sums[i]) ? (float)sqrt(f->sums[i]) : 0;
    memcpy(f->sorted, map, area * sizeof *map);
    qsort(f->sorted, area, sizeof *map, compare_floats);
    float most = f->sorted[area - 1 - (size_t)(STRONGEST * (double)area)];
    for (size_t i = 0; i < area; i++)
        map[i] = most > 0 ? fminf(map[i] / most, 1) : 0;
}

silma_status saliency_compute(const silma_model *model, silma_context *context, const uint8_t *pixels,
                              const uint32_t *classes, size_t count, float *maps, silma_error *error)
{
    follower f;
    silma_status status = start(&f, model, context, count, error);
    size_t area = (size_t)f.in.h * (size_t)f.in.w;
    for (size_t i = 0; status == SILMA_OK && i < count; i++) {
        follow_image(&f, pixels + i * shape_count(f.in), classes[i]);
        smooth(f.sums, (size_t)f.in.h, (size_t)f.in.w);
        scale_map(&f, maps + i * area);
    }
    stop(&f);
    return status;
}
