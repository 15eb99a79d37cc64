// A picture of any size and kind as an image of a network's size: composed over the background, its colours converted,
// then resized. All three are linear, so that their order changes nothing but the rounding; only the last one rounds.
#include "core/error.h"
#include "data/picture_file.h"
#include "data/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The part of the picture that is shown, and the part of the image that it fills.
typedef struct placement {
    double top, bottom, left, right; // in pixels of the picture
    int y, x, height, width;         // in pixels of the image
} placement;

static int resized_side(double side)
{
    return side < 1.0 ? 1 : (int)floor(side + 0.5);
}

// Proportions are compared as products: width / height of the picture against that of the image.
static placement place(const silma_picture *picture, const silma_preparation *p)
{
    double wide = (double)picture->width * p->height, high = (double)picture->height * p->width;
    placement all = {0, picture->height, 0, picture->width, 0, 0, p->height, p->width};
    if (p->resize == SILMA_RESIZE_FIT && wide > high) {
        all.height = resized_side(high / picture->width);
        all.y = (p->height - all.height) / 2;
    } else if (p->resize == SILMA_RESIZE_FIT && wide < high) {
        all.width = resized_side(wide / picture->height);
        all.x = (p->width - all.width) / 2;
    } else if (p->resize == SILMA_RESIZE_CROP && wide > high) {
        double shown = high / p->height;
        all.left = (picture->width - shown) / 2;
        all.right = all.left + shown;
    } else if (p->resize == SILMA_RESIZE_CROP && wide < high) {
        double shown = wide / p->width;
        all.top = (picture->height - shown) / 2;
        all.bottom = all.top + shown;
    }
    return all;
}

// ---------------------------------------------------------------------------------------------------------------------
// Colours

static float grey_of(float red, float green, float blue)
{
    return 0.299f * red + 0.587f * green + 0.114f * blue;
}

static void background_of(const silma_preparation *p, float background[3])
{
    for (int c = 0; c < 3; c++)
        background[c] = p->background[c];
    if (p->channels == 1) background[0] = grey_of(background[0], background[1], background[2]);
}

// Row `y` of the picture over the background: (width, p->channels).
static void convert_row(const silma_picture *picture, int y, const silma_preparation *p, float *row)
{
    bool coloured = picture->channels >= 3, transparent = picture->channels % 2 == 0;
    size_t channels = (size_t)picture->channels;
    const uint8_t *pixel = picture->pixels + (size_t)y * (size_t)picture->width * channels;
    int shown = p->channels == 1 ? 1 : 3;
    float background[3], colour[3];
    background_of(p, background);
    for (int x = 0; x < picture->width; x++, pixel += channels) {
        for (int c = 0; c < 3; c++)
            colour[c] = pixel[coloured ? c : 0];
        if (p->channels == 1 && coloured) colour[0] = grey_of(colour[0], colour[1], colour[2]);
        float opacity = transparent ? (float)pixel[channels - 1] / 255.0f : 1.0f;
        for (int c = 0; c < shown; c++)
            *row++ = background[c] + opacity * (colour[c] - background[c]);
    }
}

static void fill_background(const silma_preparation *p, uint8_t *pixels)
{
    int shown = p->channels == 1 ? 1 : 3;
    float background[3];
    background_of(p, background);
    for (size_t i = 0; i < (size_t)p->height * (size_t)p->width; i++)
        for (int c = 0; c < shown; c++)
            *pixels++ = (uint8_t)(background[c] + 0.5f);
}

// ---------------------------------------------------------------------------------------------------------------------

typedef struct preparer {
    const silma_picture *picture;
    const silma_preparation *preparation;
    bool direct;             // the picture's channels are the image's
    resize_axis rows, cells; // down, and along a row
    float *row, *sum;        // (width, channels) of the picture; `row` is null where direct
} preparer;

// Row `y` of the resized picture: first its rows are added up, then the sum is resized.
static void prepare_row(const preparer *p, int y, uint8_t *pixels)
{
    const silma_picture *picture = p->picture;
    int channels = p->preparation->channels;
    size_t count = (size_t)picture->width * (size_t)channels;
    const float *weights = p->rows.weights + (size_t)y * (size_t)p->rows.most_taps;
    memset(p->sum, 0, count * sizeof *p->sum);
    for (int t = 0; t < p->rows.taps[y]; t++) {
        int from = p->rows.first[y] + t;
        if (weights[t] == 0.0f) continue;
        if (p->direct) {
            resize_add_bytes(p->sum, picture->pixels + (size_t)from * count, weights[t], count);
        } else {
            convert_row(picture, from, p->preparation, p->row);
            resize_add_floats(p->sum, p->row, weights[t], count);
        }
    }
    resize_row(&p->cells, p->sum, channels, pixels);
}

static silma_status prepare(preparer *p, uint8_t *pixels, silma_error *error)
{
    const silma_picture *picture = p->picture;
    const silma_preparation *to = p->preparation;
    placement at = place(picture, to);
    size_t count = (size_t)picture->width * (size_t)to->channels;
    p->sum = malloc(count * sizeof *p->sum);
    if (!p->direct) p->row = malloc(count * sizeof *p->row);
    if (!p->sum || (!p->direct && !p->row)) return silma_fail_memory(error, count * sizeof *p->sum);
    silma_status status = resize_axis_create(&p->rows, picture->height, at.top, at.bottom, at.height, error);
    if (!status) status = resize_axis_create(&p->cells, picture->width, at.left, at.right, at.width, error);
    if (status) return status;

    if (at.height < to->height || at.width < to->width) fill_background(to, pixels);
    for (int y = 0; y < at.height; y++)
        prepare_row(p, y, pixels + ((size_t)(at.y + y) * (size_t)to->width + (size_t)at.x) * (size_t)to->channels);
    return SILMA_OK;
}

static bool side_is_sound(int side)
{
    return side >= 1 && side <= PICTURE_MAX_SIDE;
}

silma_status silma_picture_prepare(const silma_picture *picture, const silma_preparation *preparation, uint8_t *pixels,
                                   silma_error *error)
{
    const silma_preparation *to = preparation;
    if (!side_is_sound(to->height) || !side_is_sound(to->width) || (to->channels != 1 && to->channels != 3) ||
        (unsigned)to->resize > SILMA_RESIZE_CROP)
        return silma_fail(error, SILMA_USAGE, "pictures cannot be prepared as %dx%dx%d, resize %d", to->height,
                          to->width, to->channels, (int)to->resize);
    if (!side_is_sound(picture->height) || !side_is_sound(picture->width) || picture->channels < 1 ||
        picture->channels > 4)
        return silma_fail(error, SILMA_BAD_FILE,
                          "a picture of %dx%dx%d; expected sides from 1 to %d and 1 to 4 channels", picture->height,
                          picture->width, picture->channels, PICTURE_MAX_SIDE);
    preparer p = {.picture = picture, .preparation = to, .direct = picture->channels == to->channels};
    if (p.direct && picture->height == to->height && picture->width == to->width) {
        memcpy(pixels, picture->pixels, (size_t)to->height * (size_t)to->width * (size_t)to->channels);
        return SILMA_OK;
    }
    silma_status status = prepare(&p, pixels, error);
    resize_axis_free(&p.rows);
    resize_axis_free(&p.cells);
    free(p.row);
    free(p.sum);
    return status;
}
