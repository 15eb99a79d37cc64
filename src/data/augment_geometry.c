// Where a pixel comes from: whole pixels for flips and shifts, one bilinear resampling for everything else together.
#include "core/reflect.h"
#include "data/augment_inside.h"

#include <math.h>
#include <string.h>

// result(y, x) = image(y + down, x + right), after which it is flipped.
typedef struct movement {
    bool flip, vflip;
    int down, right;
    bool reflect;
} movement;

// -reach .. reach
static int draw_shift(uint32_t word, augment_length crop, int side)
{
    int reach = augment_pixels(crop, side);
    return augment_below(word, 2 * reach + 1) - reach;
}

static bool draw_flip(const augment_key *key)
{
    const augment_key first = {.seed = key->seed, .epoch = 0, .place = key->image};
    return (augment_bits(&first, AUGMENT_FLIP).word[0] >> 31) ^ (key->epoch & 1);
}

static movement draw_movement(const augmentation *a, const augment_key *key, augment_size size)
{
    random_block bits = augment_bits(key, AUGMENT_PLACE);
    return (movement){
        .flip = a->flip && draw_flip(key),
        .vflip = a->vflip && (bits.word[1] >> 31),
        .down = draw_shift(bits.word[2], a->crop, size.height),
        .right = draw_shift(bits.word[3], a->crop, size.width),
        .reflect = a->reflect,
    };
}

// The row or column that position i shows, or -1 for none.
static int64_t inside(int64_t i, int64_t side, bool reflect)
{
    if (i >= 0 && i < side) return i;
    return reflect ? reflect_index(i, side) : -1;
}

static void copy_pixel(uint8_t *to, const uint8_t *from, size_t channels)
{
    for (size_t c = 0; c < channels; c++)
        to[c] = from ? from[c] : 0;
}

static void copy_reversed(uint8_t *to, const uint8_t *from, size_t pixels, size_t channels)
{
    if (channels == 3) {
        for (size_t i = 0; i < pixels; i++) {
            const uint8_t *pixel = from + (pixels - 1 - i) * 3;
            to[i * 3] = pixel[0];
            to[i * 3 + 1] = pixel[1];
            to[i * 3 + 2] = pixel[2];
        }
        return;
    }
    for (size_t i = 0; i < pixels; i++)
        copy_pixel(to + i * channels, from + (pixels - 1 - i) * channels, channels);
}

// result[x] = row[x + right], then flipped.
static void move_row(const movement *m, augment_size size, const uint8_t *row, uint8_t *result)
{
    int width = size.width;
    size_t channels = (size_t)size.channels;
    int first = m->right < 0 ? -m->right : 0; // these columns lie within the row
    int end = m->right > 0 ? width - m->right : width;
    for (int x = 0; x < width; x++) {
        if (x == first && first < end) x = end;
        if (x == width) break;
        int64_t from = inside((int64_t)x + m->right, width, m->reflect);
        int to = m->flip ? width - 1 - x : x;
        copy_pixel(result + (size_t)to * channels, from < 0 ? NULL : row + (size_t)from * channels, channels);
    }
    if (first >= end) return;
    const uint8_t *from = row + (size_t)(first + m->right) * channels;
    size_t count = (size_t)(end - first);
    if (m->flip)
        copy_reversed(result + (size_t)(width - end) * channels, from, count, channels);
    else
        memcpy(result + (size_t)first * channels, from, count * channels);
}

static void move(const movement *m, augment_size size, const uint8_t *image, uint8_t *result)
{
    size_t row = (size_t)size.width * (size_t)size.channels;
    for (int y = 0; y < size.height; y++) {
        int64_t from = inside((int64_t)y + m->down, size.height, m->reflect);
        uint8_t *to = result + (size_t)(m->vflip ? size.height - 1 - y : y) * row;
        if (from < 0)
            memset(to, 0, row);
        else
            move_row(m, size, image + (size_t)from * row, to);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Rotation and scale, together with flips and shifts

enum { FRACTION = 16 }; // bits of a coordinate behind the point

// Pixel (y, x) of the result comes from (y0 + yy y + yx x, x0 + xy y + xx x), in 2^-FRACTION pixels.
typedef struct affine {
    int64_t y0, yy, yx;
    int64_t x0, xy, xx;
} affine;

static int64_t fixed(double value)
{
    return (int64_t)floor(ldexp(value, FRACTION) + 0.5);
}

// The way back about the image's middle: flip, then shift, then turn and scale.
static affine draw_affine(const augmentation *a, const augment_key *key, augment_size size, const movement *m)
{
    static const double DEGREE = 3.14159265358979323846 / 180;
    random_block bits = augment_bits(key, AUGMENT_AFFINE);
    double angle = augment_around(bits.word[0], a->rotate) * DEGREE;
    double factor = 1 + augment_around(bits.word[1], a->scale);
    double cosine = cos(angle) / factor, sine = sin(angle) / factor;
    double middle_y = 0.5 * (double)(size.height - 1), middle_x = 0.5 * (double)(size.width - 1);
    double down = m->vflip ? -1 : 1, right = m->flip ? -1 : 1;
    // Before turning, the result's (y, x) is at (down (y - middle) + shift, right (x - middle) + shift).
    double top = -down * middle_y + m->down, left = -right * middle_x + m->right;
    return (affine){
        .y0 = fixed(cosine * top - sine * left + middle_y),
        .yy = fixed(cosine * down),
        .yx = fixed(-sine * right),
        .x0 = fixed(sine * top + cosine * left + middle_x),
        .xy = fixed(sine * down),
        .xx = fixed(cosine * right),
    };
}

// A pixel's neighbours: above left, above right, below left, below right; null: black.
typedef struct neighbours {
    const uint8_t *at[4];
} neighbours;

static neighbours find_neighbours(augment_size size, bool reflect, const uint8_t *image, int64_t y, int64_t x)
{
    neighbours found;
    for (int i = 0; i < 4; i++) {
        int64_t row = inside(y + i / 2, size.height, reflect), column = inside(x + i % 2, size.width, reflect);
        bool is_in = row >= 0 && column >= 0;
        found.at[i] = is_in ? image + (row * size.width + column) * size.channels : NULL;
    }
    return found;
}

static uint32_t value_of(const uint8_t *pixel, int channel)
{
    return pixel ? pixel[channel] : 0;
}

// `below`, `right`: 0..255 of 256 towards the neighbours below and to the right.
static void blend(const neighbours *n, uint32_t below, uint32_t right, int channels, uint8_t *result)
{
    for (int c = 0; c < channels; c++) {
        uint32_t upper = value_of(n->at[0], c) * (256 - right) + value_of(n->at[1], c) * right;
        uint32_t lower = value_of(n->at[2], c) * (256 - right) + value_of(n->at[3], c) * right;
        result[c] = (uint8_t)((upper * (256 - below) + lower * below + 32768) >> 16);
    }
}

// The same where all four lie within the image.
static void blend_within(const uint8_t *at, size_t row, uint32_t below, uint32_t right, int channels, uint8_t *result)
{
    for (int c = 0; c < channels; c++) {
        uint32_t upper = at[c] * (256 - right) + at[c + channels] * right;
        uint32_t lower = at[row + (size_t)c] * (256 - right) + at[row + (size_t)(c + channels)] * right;
        result[c] = (uint8_t)((upper * (256 - below) + lower * below + 32768) >> 16);
    }
}

static void resample(const affine *way, augment_size size, bool reflect, const uint8_t *image, uint8_t *result)
{
    size_t row = (size_t)size.width * (size_t)size.channels;
    for (int64_t y = 0; y < size.height; y++) {
        for (int64_t x = 0; x < size.width; x++, result += size.channels) {
            int64_t from_y = way->y0 + way->yy * y + way->yx * x;
            int64_t from_x = way->x0 + way->xy * y + way->xx * x;
            int64_t top = from_y >> FRACTION, left = from_x >> FRACTION;
            uint32_t below = (uint32_t)(from_y >> (FRACTION - 8)) & 255;
            uint32_t right = (uint32_t)(from_x >> (FRACTION - 8)) & 255;
            if (top >= 0 && top + 1 < size.height && left >= 0 && left + 1 < size.width) {
                blend_within(image + (size_t)top * row + (size_t)(left * size.channels), row, below, right,
                             size.channels, result);
            } else {
                neighbours n = find_neighbours(size, reflect, image, top, left);
                blend(&n, below, right, size.channels, result);
            }
        }
    }
}

void augment_geometry(const augmentation *a, const augment_key *key, augment_size size, const uint8_t *image,
                      uint8_t *result)
{
    movement m = draw_movement(a, key, size);
    if (a->rotate > 0 || a->scale > 0) {
        affine way = draw_affine(a, key, size, &m);
        resample(&way, size, a->reflect, image, result);
    } else {
        move(&m, size, image, result);
    }
}
