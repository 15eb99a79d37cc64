// Draws a data set: pictures of six shapes, 96x96 in colour, as PNG files in a folder a class.
//
//   draw_shapes FOLDER [PICTURES_A_CLASS [SEED]]
//
// Each shape has its own colour, size, place and turn, on a background that runs from one colour to another; a bar of
// another colour lies across it, and all is noisy. The same seed draws the same pictures.
#include <silma/codecs.h>
#include <silma/silma.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 96, CHANNELS = 3, CLASSES = 6 };

static const double PI = 3.14159265358979323846;

// ---------------------------------------------------------------------------------------------------------------------
// Random numbers: splitmix64

typedef struct dice {
    uint64_t state;
} dice;

static double uniform(dice *d, double low, double high)
{
    uint64_t z = (d->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return low + (high - low) * (double)(z >> 11) * 0x1p-53;
}

// ---------------------------------------------------------------------------------------------------------------------
// Shapes: the distance of a point to the edge of a shape of radius 1 about the origin, negative inside

static double circle(double x, double y)
{
    return hypot(x, y) - 1;
}

static double ring(double x, double y)
{
    return fabs(hypot(x, y) - 0.75) - 0.25;
}

static double box(double x, double y, double width, double height)
{
    return fmax(fabs(x) - width, fabs(y) - height);
}

static double square(double x, double y)
{
    return box(x, y, 0.8, 0.8);
}

static double cross(double x, double y)
{
    return fmin(box(x, y, 1, 0.3), box(x, y, 0.3, 1));
}

// A regular polygon is the same for each of its corners: the point turns to the sector of the first one.
static double sector(double x, double y, int corners)
{
    double whole = 2 * PI / corners;
    return fabs(remainder(atan2(y, x), whole));
}

static double triangle(double x, double y)
{
    return hypot(x, y) * cos(PI / 3 - sector(x, y, 3)) - cos(PI / 3);
}

// Edges run from the corners at radius 1 to the notches at radius 0.4.
static double star(double x, double y)
{
    double angle = sector(x, y, 5), radius = hypot(x, y);
    double notch_x = 0.4 * cos(PI / 5), notch_y = 0.4 * sin(PI / 5);
    double edge_x = notch_x - 1, edge_y = notch_y, length = hypot(edge_x, edge_y);
    return ((radius * sin(angle)) * edge_x - (radius * cos(angle) - 1) * edge_y) / -length;
}

typedef struct shape {
    const char *name;
    double (*distance)(double x, double y);
} shape;

static const shape shapes[CLASSES] = {
    {"circle", circle}, {"cross", cross}, {"ring", ring}, {"square", square}, {"star", star}, {"triangle", triangle},
};

// ---------------------------------------------------------------------------------------------------------------------
// Pictures

typedef struct colour {
    double channel[CHANNELS];
} colour;

static colour random_colour(dice *d)
{
    colour c;
    for (int i = 0; i < CHANNELS; i++)
        c.channel[i] = uniform(d, 30, 225);
    return c;
}

static double contrast(colour a, colour b)
{
    double sum = 0;
    for (int i = 0; i < CHANNELS; i++)
        sum += fabs(a.channel[i] - b.channel[i]);
    return sum;
}

// One that can be told from `other`.
static colour random_colour_beside(dice *d, colour other)
{
    colour c = random_colour(d);
    while (contrast(c, other) < 120)
        c = random_colour(d);
    return c;
}

static colour mix(colour a, colour b, double share_of_b)
{
    for (int i = 0; i < CHANNELS; i++)
        a.channel[i] += share_of_b * (b.channel[i] - a.channel[i]);
    return a;
}

// A figure with an edge one pixel wide: how much of the pixel it covers.
static double cover(double distance_in_pixels)
{
    return fmin(fmax(0.5 - distance_in_pixels, 0), 1);
}

typedef struct pose {
    double x, y, radius, angle; // pixels, radians
} pose;

typedef struct scene {
    const shape *kind;
    pose shape, bar; // the bar's radius is half its width
    colour top, bottom, paint, bar_paint;
    double noise; // in values of 0 to 255
} scene;

static scene random_scene(dice *d, const shape *kind)
{
    scene s = {.kind = kind, .noise = uniform(d, 4, 20)};
    double radius = uniform(d, 14, 36);
    s.shape =
        (pose){uniform(d, radius, SIDE - radius), uniform(d, radius, SIDE - radius), radius, uniform(d, 0, 2 * PI)};
    s.bar =
        (pose){s.shape.x + uniform(d, -20, 20), s.shape.y + uniform(d, -20, 20), uniform(d, 1, 4), uniform(d, 0, PI)};
    s.paint = random_colour(d);
    s.top = random_colour_beside(d, s.paint);
    s.bottom = random_colour_beside(d, s.paint);
    s.bar_paint = random_colour_beside(d, s.paint);
    return s;
}

static colour colour_at(const scene *s, double x, double y)
{
    colour c = mix(s->top, s->bottom, y / SIDE);
    double dx = x - s->shape.x, dy = y - s->shape.y;
    double turned_x = (dx * cos(s->shape.angle) + dy * sin(s->shape.angle)) / s->shape.radius;
    double turned_y = (dy * cos(s->shape.angle) - dx * sin(s->shape.angle)) / s->shape.radius;
    c = mix(c, s->paint, cover(s->kind->distance(turned_x, turned_y) * s->shape.radius));
    double across = (x - s->bar.x) * sin(s->bar.angle) - (y - s->bar.y) * cos(s->bar.angle);
    return mix(c, s->bar_paint, cover(fabs(across) - s->bar.radius));
}

static void draw(dice *d, const scene *s, uint8_t pixels[SIDE][SIDE][CHANNELS])
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            colour c = colour_at(s, x + 0.5, y + 0.5);
            for (int i = 0; i < CHANNELS; i++)
                pixels[y][x][i] = (uint8_t)fmin(fmax(c.channel[i] + uniform(d, -s->noise, s->noise), 0), 255);
        }
}

// ---------------------------------------------------------------------------------------------------------------------
// Files

static int write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file) return -1;
    size_t written = fwrite(bytes, 1, size, file);
    return fclose(file) == 0 && written == size ? 0 : -1;
}

static silma_status write_png(const char *path, uint8_t pixels[SIDE][SIDE][CHANNELS], silma_error *error)
{
    silma_picture picture = {.height = SIDE, .width = SIDE, .channels = CHANNELS, .pixels = &pixels[0][0][0]};
    uint8_t *png;
    size_t size;
    silma_status status = silma_codecs_default()->encode_png(&picture, &png, &size, error);
    if (status != SILMA_OK) return status;
    if (write_file(path, png, size) != 0) {
        snprintf(error->message, sizeof error->message, "cannot write %.900s", path);
        status = SILMA_IO;
    }
    free(png);
    return status;
}

static silma_status draw_class(const char *folder, const shape *kind, int count, dice *d, silma_error *error)
{
    static uint8_t pixels[SIDE][SIDE][CHANNELS];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, kind->name);
    mkdir(path, 0777); // if it fails, so will the first file
    silma_status status = SILMA_OK;
    for (int i = 0; i < count && status == SILMA_OK; i++) {
        scene s = random_scene(d, kind);
        draw(d, &s, pixels);
        snprintf(path, sizeof path, "%s/%s/%s-%04d.png", folder, kind->name, kind->name, i);
        status = write_png(path, pixels, error);
    }
    return status;
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : 1000;
    if (argc < 2 || argc > 4 || count < 1 || strlen(argv[1]) > 4000) {
        fprintf(stderr, "usage: draw_shapes FOLDER [PICTURES_A_CLASS [SEED]]\n");
        return SILMA_USAGE;
    }
    dice d = {argc > 3 ? strtoull(argv[3], NULL, 10) : 0};
    mkdir(argv[1], 0777);
    silma_error error = {0};
    silma_status status = SILMA_OK;
    for (int i = 0; i < CLASSES && status == SILMA_OK; i++)
        status = draw_class(argv[1], &shapes[i], count, &d, &error);
    if (status != SILMA_OK) fprintf(stderr, "%s\n", error.message);
    return (int)status;
}
