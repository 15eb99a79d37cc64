// Trains a small network on images from memory: 8x8 grey pictures of horizontal and of vertical bars.
//
//   train RUN_FOLDER
//
// The folder must not exist; it receives best.safetensors, which examples/classify.c takes, and bar.pgm, a picture.
#include <silma/silma.h>

#include <stdio.h>

enum { SIZE = 8, IMAGES = 512, PIXELS = SIZE * SIZE };

static const char network_text[] = "# Two kinds of bars\n"
                                   "input auto\n"
                                   "conv 8 3x3 same relu\n"
                                   "maxpool 2x2\n"
                                   "flatten\n"
                                   "dense classes softmax\n";

// A bright bar on a noisy ground; even images have it lying, odd ones standing.
static void draw_bar(uint8_t *image, size_t index, unsigned *noise)
{
    size_t at = (index / 2) % SIZE;
    for (size_t y = 0; y < SIZE; y++) {
        for (size_t x = 0; x < SIZE; x++) {
            *noise = *noise * 1103515245u + 12345u;
            unsigned ground = *noise >> 25; // 0..127
            image[y * SIZE + x] = (uint8_t)((index % 2 ? x : y) == at ? 255 - ground : ground);
        }
    }
}

static bool show_epoch(const silma_progress *progress, void *user)
{
    (void)user;
    const silma_epoch *epoch = progress->finished;
    if (epoch)
        printf("epoch %u: loss %.4f, validation accuracy %.3f\n", epoch->epoch, epoch->loss, epoch->val_accuracy);
    return true; // go on
}

static silma_status choose_settings(silma_settings *settings, silma_error *error)
{
    static const char *const choices[][2] = {
        {"optimizer", "adam"}, {"lr", "1e-2"}, {"epochs", "5"}, {"batch", "32"}, {"val_split", "0.25"}};
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < sizeof choices / sizeof *choices && status == SILMA_OK; i++) {
        status = silma_settings_set(settings, choices[i][0], choices[i][1], error);
    }
    return status;
}

static bool save_picture(const char *folder, const uint8_t *image)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/bar.pgm", folder);
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    bool written = fprintf(file, "P5 %d %d 255\n", SIZE, SIZE) > 0 && fwrite(image, 1, PIXELS, file) == PIXELS;
    return fclose(file) == 0 && written;
}

static silma_status train(const silma_images *images, const char *folder, silma_error *error)
{
    silma_context *context = NULL;
    silma_dataset *dataset = NULL;
    silma_network *network = NULL;
    silma_settings *settings = NULL;
    silma_run *run = NULL;
    silma_input input = {images->height, images->width, images->channels, images->class_count};

    silma_status status = silma_context_create(&context, NULL, error);
    if (status == SILMA_OK) status = silma_dataset_from_memory(&dataset, "bars", images, error);
    if (status == SILMA_OK) status = silma_network_parse(&network, network_text, "bars.silma", &input, error);
    if (status == SILMA_OK) status = silma_settings_create(&settings, error);
    if (status == SILMA_OK) status = choose_settings(settings, error);
    if (status == SILMA_OK) status = silma_run_create(&run, context, network, dataset, settings, folder, error);
    if (status == SILMA_OK) status = silma_run_train(run, show_epoch, NULL, error);

    silma_run_free(run);
    silma_settings_free(settings);
    silma_network_free(network);
    silma_dataset_free(dataset);
    silma_context_free(context);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: train RUN_FOLDER\n");
        return SILMA_USAGE;
    }
    static uint8_t pixels[IMAGES * PIXELS];
    static uint32_t labels[IMAGES];
    static const char *const names[] = {"horizontal", "vertical"};
    unsigned noise = 1;
    for (size_t i = 0; i < IMAGES; i++) {
        draw_bar(pixels + i * PIXELS, i, &noise);
        labels[i] = i % 2;
    }
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = IMAGES,
                           .height = SIZE,
                           .width = SIZE,
                           .channels = 1,
                           .class_names = names,
                           .class_count = 2};

    silma_error error = {0};
    silma_status status = train(&images, argv[1], &error);
    if (status != SILMA_OK) {
        fprintf(stderr, "%s\n", error.message);
    } else if (!save_picture(argv[1], pixels)) {
        fprintf(stderr, "%s/bar.pgm: cannot be written\n", argv[1]);
        status = SILMA_IO;
    }
    return (int)status;
}
