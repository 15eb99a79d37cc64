// Classifies one picture with a trained model.
//
//   classify MODEL.safetensors PICTURE
//
// PICTURE is a binary PNM file (P5 grey, P6 colour) or raw bytes (height, width, channels), of the model's input size.
#include <silma/silma.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The next number of a PNM header; comments run from # to the end of the line. Negative where there is none.
static int read_header_number(FILE *file)
{
    int c = fgetc(file);
    while (c == '#' || isspace(c)) {
        if (c == '#') {
            while (c != '\n' && c != EOF)
                c = fgetc(file);
        }
        c = fgetc(file);
    }
    int number = -1;
    for (; isdigit(c) && number < 100000; c = fgetc(file))
        number = (number < 0 ? 0 : 10 * number) + (c - '0');
    return number; // the one blank after the number has been read
}

// Skips the header of a PNM file and checks its size; a file without one is taken as raw bytes.
static int read_header(FILE *file, int height, int width, int channels)
{
    char magic[2];
    if (fread(magic, 1, 2, file) != 2 || magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6')) {
        rewind(file);
        return 1;
    }
    int found_width = read_header_number(file), found_height = read_header_number(file);
    int most = read_header_number(file), found_channels = magic[1] == '6' ? 3 : 1;
    if (found_width == width && found_height == height && found_channels == channels && most == 255) return 1;
    fprintf(stderr, "expected %dx%dx%d of 8 bits, found %dx%dx%d\n", height, width, channels, found_height, found_width,
            found_channels);
    return 0;
}

static uint8_t *read_pixels(const char *path, int height, int width, int channels)
{
    size_t count = (size_t)height * (size_t)width * (size_t)channels;
    uint8_t *pixels = malloc(count);
    FILE *file = fopen(path, "rb");
    if (!pixels || !file || !read_header(file, height, width, channels) || fread(pixels, 1, count, file) != count) {
        fprintf(stderr, "%s: cannot read %zu bytes of pixels\n", path, count);
        free(pixels);
        pixels = NULL;
    }
    if (file) fclose(file);
    return pixels;
}

static silma_status classify(silma_model *model, silma_context *context, const uint8_t *pixels, silma_error *error)
{
    int classes = silma_model_class_count(model), best = 0;
    float *probabilities = malloc((size_t)classes * sizeof *probabilities);
    if (!probabilities) {
        snprintf(error->message, sizeof error->message, "out of memory");
        return SILMA_FAILURE;
    }
    silma_status status = silma_model_predict(model, context, pixels, 1, probabilities, error);
    if (status == SILMA_OK) {
        for (int i = 1; i < classes; i++) {
            if (probabilities[i] > probabilities[best]) best = i;
        }
        printf("%s %.1f%%\n", silma_model_class_name(model, best), 100.0 * (double)probabilities[best]);
    }
    free(probabilities);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: classify MODEL.safetensors PICTURE\n");
        return SILMA_USAGE;
    }
    silma_error error = {0};
    silma_context *context = NULL;
    silma_model *model = NULL;
    silma_status status = silma_context_create(&context, NULL, &error);
    if (status == SILMA_OK) status = silma_model_load(&model, argv[1], &error);
    if (status == SILMA_OK) {
        int height, width, channels;
        silma_model_input_size(model, &height, &width, &channels);
        uint8_t *pixels = read_pixels(argv[2], height, width, channels);
        if (!pixels) {
            status = SILMA_IO;
        } else {
            status = classify(model, context, pixels, &error);
        }
        free(pixels);
    }
    if (error.message[0]) fprintf(stderr, "%s\n", error.message);
    silma_model_free(model);
    silma_context_free(context);
    return (int)status;
}
