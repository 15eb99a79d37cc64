#include "nn/looks.h"

#include "core/reflect.h"

#include <string.h>

const char *const LOOKS_NAMES[LOOKS_KINDS] = {"none", "flip", "shift"};

// result(y, x) = image(y - shift, x - shift), mirrored after that. What comes in at the sides is reflected, as
// augmentation does it (pad=reflect): 1 | 0 1 2 ...
typedef struct look {
    int shift; // in 32nds of the side
    bool mirror;
} look;

enum { LOOKS_MOST = 4 };

// The first look lies where the image was. If it moves, it is taken by mirroring the second one back.
static const struct {
    size_t count;
    look each[LOOKS_MOST];
} WAYS[LOOKS_KINDS] = {
    [LOOKS_NONE] = {1, {{0, false}}},
    [LOOKS_FLIP] = {2, {{0, false}, {0, true}}},
    [LOOKS_SHIFT] = {4, {{1, false}, {1, true}, {-1, false}, {-1, true}}},
};

size_t looks_each(looks kind)
{
    return WAYS[kind].count;
}

static ptrdiff_t pixels_of(int shift, int side)
{
    return shift * (side < 32 ? 1 : side / 32);
}

static void take_look(const look *l, shape in, const float *image, float *result)
{
    ptrdiff_t down = pixels_of(l->shift, in.h), right = pixels_of(l->shift, in.w);
    size_t width = (size_t)in.w, channels = (size_t)in.c;
    for (int y = 0; y < in.h; y++) {
        const float *from = image + (size_t)reflect_index(y - down, in.h) * width * channels;
        float *to = result + (size_t)y * width * channels;
        for (int x = 0; x < in.w; x++) {
            size_t place = l->mirror ? width - 1 - (size_t)x : (size_t)x;
            memcpy(to + place * channels, from + (size_t)reflect_index(x - right, in.w) * channels,
                   channels * sizeof *to);
        }
    }
}

typedef struct taking {
    looks kind;
    size_t n;
    shape in;
    float *x;
} taking;

static void take_image(void *argument, size_t image, unsigned thread)
{
    (void)thread;
    const taking *t = argument;
    const look *ways = WAYS[t->kind].each;
    size_t each = shape_count(t->in), next = t->n * each;
    float *first = t->x + image * each;
    for (size_t i = 1; i < looks_each(t->kind); i++)
        take_look(&ways[i], t->in, first, first + i * next);
    if (ways[0].shift != 0) take_look(&(look){.mirror = true}, t->in, first + next, first);
}

void looks_take(looks kind, thread_pool *pool, size_t n, shape in, float *x)
{
    taking t = {.kind = kind, .n = n, .in = in, .x = x};
    if (kind != LOOKS_NONE) thread_pool_run(pool, n, take_image, &t);
}

void looks_mean(looks kind, size_t n, size_t outputs, float *logits)
{
    size_t count = looks_each(kind), row = n * outputs;
    for (size_t i = 0; i < row && count > 1; i++) {
        float sum = logits[i];
        for (size_t each = 1; each < count; each++)
            sum += logits[each * row + i];
        logits[i] = sum / (float)count;
    }
}
