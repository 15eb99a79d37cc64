#include "report/saliency.h"

#include "core/checked.h"
#include "core/error.h"
#include "kernels/context.h"
#include "nn/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MOST = 32, STEPS_LEAST = 4 };
static const double BUDGET = 2e10;                  // multiply-adds of all passes: about a second on two cores
static const size_t ARENA_MOST = (size_t)512 << 20; // bytes
static const double STRONGEST = 0.01;               // share of the pixels that are shown at full strength

typedef struct follower {
    const silma_model *model;
    plan *p;
    void *arena;
    float *gradients;
    float *image, *blurred; // (h, w, c) as the network takes them
    size_t batch;           // points of the way in a pass
    size_t steps;           // of the way
    shape in;
} follower;

static float *allocate(size_t count)
{
    size_t bytes;
    if (!checked_mul(count + 1, sizeof(float), &bytes) || !checked_align(bytes, ARENA_ALIGNMENT, &bytes)) return NULL;
    return aligned_alloc(ARENA_ALIGNMENT, bytes);
}

static size_t choose_steps(const graph *g, size_t images)
{
    size_t trainable, other;
    uint64_t multiply_adds;
    graph_count(g, &trainable, &other, &multiply_adds);
    double each = 3.0 * (double)multiply_adds * (double)images + 1;
    double steps = BUDGET / each;
    return steps >= STEPS_MOST ? STEPS_MOST : steps < STEPS_LEAST ? STEPS_LEAST : (size_t)steps;
}

// The points of the way, and its two ends. Fewer of them a pass where a plan of all would need much memory.
static silma_status make_plan(follower *f, const silma_context *context, silma_error *error)
{
    for (f->batch = f->steps;; f->batch = (f->batch + 1) / 2) {
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
    *f = (follower){.model = model, .in = graph_input(model->g), .steps = choose_steps(model->g, images)};
    silma_status status = make_plan(f, context, error);
    if (status != SILMA_OK) return status;
    f->arena = aligned_alloc(ARENA_ALIGNMENT, plan_arena_bytes(f->p));
    f->gradients = allocate(model->g->weight_count);
    f->image = allocate(shape_count(f->in));
    f->blurred = allocate(shape_count(f->in));
    if (!f->arena || !f->gradients || !f->image || !f->blurred) return silma_fail_memory(error, plan_arena_bytes(f->p));
    plan_bind(f->p, f->arena);
    return SILMA_OK;
}

static void stop(follower *f)
{
    plan_free(f->p);
    free(f->arena);
    free(f->gradients);
    free(f->image);
    free(f->blurred);
}

// ---------------------------------------------------------------------------------------------------------------------
// Smoothing

// The mean of each value and `radius` neighbours on both sides; the last value stands for those beyond the ends.
// `line` has room for `count` values.
static void average_line(double *values, size_t count, size_t stride, size_t radius, double *line)
{
    for (size_t i = 0; i < count; i++)
        line[i] = values[i * stride];
    double sum = line[0] * (double)radius;
    for (size_t i = 0; i <= radius; i++)
        sum += line[i < count ? i : count - 1];
    for (size_t i = 0; i < count; i++) {
        values[i * stride] = sum / (double)(2 * radius + 1);
        size_t next = i + radius + 1;
        sum += line[next < count ? next : count - 1] - line[i > radius ? i - radius : 0];
    }
}

// `values` (h, w, c), three times, which is close to a Gaussian of a standard deviation of sqrt(radius (radius + 1)).
static void blur(double *values, shape s, size_t radius, double *line)
{
    enum { PASSES = 3 };
    size_t h = (size_t)s.h, w = (size_t)s.w, c = (size_t)s.c;
    for (size_t pass = 0; pass < PASSES; pass++) {
        for (size_t i = 0; i < h * c; i++)
            average_line(values + i / c * w * c + i % c, w, c, radius, line);
        for (size_t i = 0; i < w * c; i++)
            average_line(values + i, h, w * c, radius, line);
    }
}

static size_t shorter_side(shape s)
{
    return (size_t)(s.h < s.w ? s.h : s.w);
}

// So far that its details are gone.
static void blur_image(const follower *f, double *room)
{
    size_t count = shape_count(f->in);
    for (size_t i = 0; i < count; i++)
        room[i] = (double)f->image[i];
    blur(room, f->in, shorter_side(f->in) / 6, room + count);
    for (size_t i = 0; i < count; i++)
        f->blurred[i] = (float)room[i];
}

// ---------------------------------------------------------------------------------------------------------------------
// The way from the blurred image to the image

static plan_step step_of(const follower *f, size_t n)
{
    return (plan_step){
        .n = n,
        .weights = f->model->weights,
        .gradients = f->gradients,
        .statistics = f->model->statistics,
    };
}

// A single output is the logit of class 1: that of class 0 is its negative.
static float sign_of(const follower *f, uint32_t class)
{
    return graph_output(f->model->g).c == 1 && class == 0 ? -1 : 1;
}

static size_t output_of(const follower *f, uint32_t class)
{
    return graph_output(f->model->g).c == 1 ? 0 : class;
}

static void fill_point(const follower *f, double share, float *input)
{
    for (size_t i = 0; i < shape_count(f->in); i++)
        input[i] = (float)((double)f->blurred[i] + share * ((double)f->image[i] - (double)f->blurred[i]));
}

static double logit_at(const follower *f, double share, uint32_t class)
{
    fill_point(f, share, plan_input(f->p));
    plan_step step = step_of(f, 1);
    plan_forward(f->p, &step);
    return (double)sign_of(f, class) * (double)plan_output(f->p)[output_of(f, class)];
}

static void fill_output_gradient(const follower *f, uint32_t class, size_t n, float *dlogits)
{
    size_t outputs = (size_t)graph_output(f->model->g).c;
    memset(dlogits, 0, n * outputs * sizeof *dlogits);
    for (size_t i = 0; i < n; i++)
        dlogits[i * outputs + output_of(f, class)] = sign_of(f, class);
}

// The integral is a sum at the midpoints of equal steps.
static void follow_image(const follower *f, uint32_t class, double *parts)
{
    size_t count = shape_count(f->in), channels = (size_t)f->in.c;
    for (size_t first = 0; first < f->steps; first += f->batch) {
        size_t n = f->steps - first < f->batch ? f->steps - first : f->batch;
        for (size_t i = 0; i < n; i++)
            fill_point(f, ((double)(first + i) + 0.5) / (double)f->steps, plan_input(f->p) + i * count);
        plan_step step = step_of(f, n);
        plan_forward(f->p, &step);
        fill_output_gradient(f, class, n, plan_output_gradient(f->p));
        plan_backward(f->p, &step);
        const float *gradient = plan_input_gradient(f->p);
        for (size_t i = 0; i < n * count; i++) {
            double way = ((double)f->image[i % count] - (double)f->blurred[i % count]) / (double)f->steps;
            parts[i % count / channels] += (double)gradient[i] * way;
        }
    }
}

static void prepare_image(const follower *f, const uint8_t *pixels)
{
    size_t channels = (size_t)f->in.c;
    for (size_t i = 0; i < shape_count(f->in); i++)
        f->image[i] = (float)pixels[i] * f->model->scale[i % channels] + f->model->shift[i % channels];
}

static void follow_images(const follower *f, const uint8_t *pixels, const uint32_t *classes, size_t count,
                          double *parts, double *differences, double *room)
{
    size_t area = (size_t)f->in.h * (size_t)f->in.w;
    memset(parts, 0, count * area * sizeof *parts);
    for (size_t i = 0; i < count; i++) {
        prepare_image(f, pixels + i * shape_count(f->in));
        blur_image(f, room);
        if (differences) differences[i] = logit_at(f, 1, classes[i]) - logit_at(f, 0, classes[i]);
        follow_image(f, classes[i], parts + i * area);
    }
}

silma_status saliency_parts(const silma_model *model, silma_context *context, const uint8_t *pixels,
                            const uint32_t *classes, size_t count, double *parts, double *differences,
                            silma_error *error)
{
    follower f;
    silma_status status = start(&f, model, context, count, error);
    double *room = status == SILMA_OK ? calloc(2 * shape_count(f.in) + 1, sizeof *room) : NULL;
    if (status == SILMA_OK && !room) status = silma_fail_memory(error, shape_count(f.in) * sizeof *room);
    if (status == SILMA_OK) follow_images(&f, pixels, classes, count, parts, differences, room);
    free(room);
    stop(&f);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Maps

static int compare_floats(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

// What speaks for the class, 1 where the strongest pixels are.
static void scale_map(const double *parts, size_t area, float *map, float *sorted)
{
    for (size_t i = 0; i < area; i++)
        map[i] = parts[i] > 0 && isfinite(parts[i]) ? (float)parts[i] : 0;
    memcpy(sorted, map, area * sizeof *map);
    qsort(sorted, area, sizeof *map, compare_floats);
    float most = sorted[area - 1 - (size_t)(STRONGEST * (double)area)];
    if (!(most > 0)) most = sorted[area - 1]; // a few pixels are all
    for (size_t i = 0; i < area; i++)
        map[i] = most > 0 ? fminf(map[i] / most, 1) : 0;
}

silma_status saliency_compute(const silma_model *model, silma_context *context, const uint8_t *pixels,
                              const uint32_t *classes, size_t count, float *maps, silma_error *error)
{
    shape map_shape = graph_input(model->g);
    map_shape.c = 1;
    size_t area = shape_count(map_shape);
    double *parts = calloc((count + 1) * area, sizeof *parts);
    float *sorted = calloc(area + 1, sizeof *sorted);
    silma_status status = parts && sorted ? saliency_parts(model, context, pixels, classes, count, parts, NULL, error)
                                          : silma_fail_memory(error, count * area * sizeof *parts);
    for (size_t i = 0; status == SILMA_OK && i < count; i++) {
        blur(parts + i * area, map_shape, (shorter_side(map_shape) + 16) / 32, parts + count * area);
        scale_map(parts + i * area, area, maps + i * area, sorted);
    }
    free(parts);
    free(sorted);
    return status;
}
