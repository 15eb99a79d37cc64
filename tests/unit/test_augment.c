// Augmentation: what each one does to an image, that it depends on (seed, epoch, place) alone and stays within the
// image at any size, and the labels of mixed images.
#include "data/augment.h"
#include "data/moments.h"
#include "train/augmented.h"
#include "train/loss.h"
#include "train/sampler.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE_MOST = 32, BYTES_MOST = SIDE_MOST * SIDE_MOST * 4 };

static const augment_size SIZES[] = {{1, 1, 1}, {1, 1, 3}, {3, 5, 3}, {5, 3, 1}, {1, 7, 2}, {2, 2, 4}, {32, 32, 3}};
enum { SIZE_COUNT = sizeof SIZES / sizeof SIZES[0] };

static size_t bytes_of(augment_size size)
{
    return (size_t)size.height * (size_t)size.width * (size_t)size.channels;
}

static augment_length pixels(double value)
{
    return (augment_length){.value = value};
}

// Memory of exactly the image's size, so that a sanitizer sees what lies beyond it.
static uint8_t *make_image(augment_size size, unsigned seed)
{
    uint8_t *image = malloc(bytes_of(size));
    assert_non_null(image);
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < bytes_of(size); i++) {
        state = state * 1664525u + 1013904223u;
        image[i] = (uint8_t)(state >> 24);
    }
    return image;
}

static uint8_t *augmented(const augmentation *a, augment_size size, const uint8_t *image, uint64_t place)
{
    uint8_t *result = malloc(bytes_of(size));
    assert_non_null(result);
    memset(result, 0xA5, bytes_of(size));
    augment_key key = {.seed = 7, .epoch = 2, .place = place, .image = place};
    augment_image(a, &key, size, image, result);
    return result;
}

static const uint8_t *pixel_at(const uint8_t *image, augment_size size, int y, int x)
{
    return image + ((size_t)y * (size_t)size.width + (size_t)x) * (size_t)size.channels;
}

static augmentation everything(void)
{
    return (augmentation){
        .flip = true,
        .vflip = true,
        .crop = pixels(4),
        .reflect = true,
        .rotate = 30,
        .scale = 0.5,
        .brightness = 0.9,
        .contrast = 0.9,
        .saturation = 0.9,
        .hue = 0.5,
        .cutout = pixels(8),
        .erase = 1,
        .mixup = 0.2,
        .cutmix = 1,
    };
}

static void nothing_changes_nothing(void **state)
{
    (void)state;
    augmentation none = {0};
    assert_false(augment_is_on(&none));
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        uint8_t *image = make_image(SIZES[i], 1), *result = augmented(&none, SIZES[i], image, 0);
        assert_memory_equal(image, result, bytes_of(SIZES[i]));
        free(image);
        free(result);
    }
}

// At every size, far beyond the image too: what a sanitizer watches.
static void every_size_is_written_and_not_left(void **state)
{
    (void)state;
    augmentation all = everything();
    augmentation shifts = {.flip = true, .crop = pixels(1000), .reflect = true, .cutout = pixels(1000)};
    augmentation black = {.vflip = true, .crop = {.value = 100, .percent = true}, .rotate = 180, .scale = 0.9};
    const augmentation *const cases[] = {&all, &shifts, &black};
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < SIZE_COUNT; i++)
            for (uint64_t place = 0; place < 50; place++) {
                uint8_t *image = make_image(SIZES[i], 2), *result = augmented(cases[c], SIZES[i], image, place);
                uint8_t *again = augmented(cases[c], SIZES[i], image, place);
                assert_memory_equal(result, again, bytes_of(SIZES[i]));
                free(image);
                free(result);
                free(again);
            }
}

static void seed_epoch_and_place_decide(void **state)
{
    (void)state;
    augment_size size = {32, 32, 3};
    augmentation all = everything();
    uint8_t *image = make_image(size, 3);
    uint8_t results[4][BYTES_MOST];
    const augment_key keys[4] = {{1, 1, 1, 1}, {2, 1, 1, 1}, {1, 2, 1, 1}, {1, 1, 2, 1}};
    for (size_t i = 0; i < 4; i++) {
        augment_image(&all, &keys[i], size, image, results[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(results[i], results[j], bytes_of(size));
    }
    free(image);
}

static void flips_alternate(void **state)
{
    (void)state;
    augment_size size = {3, 5, 3};
    augmentation a = {.flip = true};
    uint8_t *image = make_image(size, 4), result[3 * 5 * 3];
    for (uint64_t number = 0; number < 20; number++) {
        bool was_flipped = false;
        for (uint32_t epoch = 0; epoch < 6; epoch++) {
            // Wherever the image stands in the epoch's order.
            augment_key key = {.seed = 7, .epoch = epoch, .place = 100 * epoch + number * number, .image = number};
            augment_image(&a, &key, size, image, result);
            bool is_flipped = memcmp(result, image, bytes_of(size)) != 0;
            if (epoch > 0) assert_true(is_flipped != was_flipped);
            was_flipped = is_flipped;
        }
    }
    free(image);
}

static void flips_are_mirror_images_of_half_of_them(void **state)
{
    (void)state;
    augment_size size = {3, 5, 3};
    augmentation a = {.flip = true};
    uint8_t *image = make_image(size, 4);
    int flipped = 0;
    for (uint64_t place = 0; place < 1000; place++) {
        uint8_t *result = augmented(&a, size, image, place);
        bool is_flipped = memcmp(result, image, bytes_of(size)) != 0;
        flipped += is_flipped;
        for (int y = 0; y < size.height && is_flipped; y++)
            for (int x = 0; x < size.width; x++)
                assert_memory_equal(pixel_at(result, size, y, x), pixel_at(image, size, y, size.width - 1 - x), 3);
        uint8_t *twice = augmented(&a, size, result, place);
        assert_memory_equal(twice, image, bytes_of(size));
        free(result);
        free(twice);
    }
    assert_in_range(flipped, 430, 570);
    a = (augmentation){.vflip = true};
    for (uint64_t place = 0; place < 20; place++) {
        uint8_t *result = augmented(&a, size, image, place), *twice = augmented(&a, size, result, place);
        bool is_flipped = memcmp(result, image, bytes_of(size)) != 0;
        for (int y = 0; y < size.height && is_flipped; y++)
            assert_memory_equal(pixel_at(result, size, y, 0), pixel_at(image, size, size.height - 1 - y, 0), 15);
        assert_memory_equal(twice, image, bytes_of(size));
        free(result);
        free(twice);
    }
    free(image);
}

static int reflected(int i, int side)
{
    while (i < 0 || i >= side)
        i = i < 0 ? -i : 2 * side - 2 - i;
    return i;
}

// Whether the result is the image moved by (down, right), the sides filled as asked.
static bool is_shift(const uint8_t *result, const uint8_t *image, augment_size size, int down, int right, bool reflect)
{
    static const uint8_t BLACK[4];
    for (int y = 0; y < size.height; y++)
        for (int x = 0; x < size.width; x++) {
            int row = y + down, column = x + right;
            bool is_in = row >= 0 && row < size.height && column >= 0 && column < size.width;
            const uint8_t *expected =
                is_in || reflect ? pixel_at(image, size, reflected(row, size.height), reflected(column, size.width))
                                 : BLACK;
            if (memcmp(pixel_at(result, size, y, x), expected, (size_t)size.channels) != 0) return false;
        }
    return true;
}

// Every shift comes, none beyond what was asked for; padding is black or a mirror image.
static void crops_are_shifts(void **state)
{
    (void)state;
    augment_size size = {7, 6, 3};
    uint8_t *image = make_image(size, 5);
    for (int reflect = 0; reflect < 2; reflect++) {
        augmentation a = {.crop = pixels(2), .reflect = reflect};
        int seen[5][5] = {{0}};
        for (uint64_t place = 0; place < 600; place++) {
            uint8_t *result = augmented(&a, size, image, place);
            int found = 0;
            for (int down = -2; down <= 2; down++)
                for (int right = -2; right <= 2; right++)
                    if (is_shift(result, image, size, down, right, reflect)) {
                        seen[down + 2][right + 2]++;
                        found++;
                    }
            assert_int_equal(found, 1);
            free(result);
        }
        for (int i = 0; i < 25; i++)
            assert_in_range(seen[i / 5][i % 5], 5, 60);
    }
    free(image);
}

// Turning by so little that no pixel moves by 1/512 is turning by nothing.
static void resampling_by_nothing_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; i++)
        for (int reflect = 0; reflect < 2; reflect++) {
            augmentation a = {.flip = true, .crop = pixels(2), .reflect = reflect}, turned = a;
            turned.rotate = 1e-9;
            uint8_t *image = make_image(SIZES[i], 6);
            for (uint64_t place = 0; place < 20; place++) {
                uint8_t *moved = augmented(&a, SIZES[i], image, place);
                uint8_t *resampled = augmented(&turned, SIZES[i], image, place);
                assert_memory_equal(moved, resampled, bytes_of(SIZES[i]));
                free(moved);
                free(resampled);
            }
            free(image);
        }
}

// A bright spot right of the middle turns about it: its distance stays, its angle is at most the one asked for.
static void rotation_turns_about_the_middle(void **state)
{
    (void)state;
    augment_size size = {31, 31, 1};
    uint8_t *image = calloc(bytes_of(size), 1);
    assert_non_null(image);
    for (int i = 0; i < 9; i++)
        image[(14 + i / 3) * 31 + 24 + i % 3] = 255; // about (15, 25), 10 from (15, 15)
    augmentation a = {.rotate = 90};
    double widest = 0;
    for (uint64_t place = 0; place < 200; place++) {
        uint8_t *result = augmented(&a, size, image, place);
        double sum = 0, y = 0, x = 0;
        for (int i = 0; i < 31 * 31; i++) {
            sum += result[i];
            y += result[i] * (i / 31 - 15.0);
            x += result[i] * (i % 31 - 15.0);
        }
        y /= sum;
        x /= sum;
        assert_true(fabs(sqrt(y * y + x * x) - 10) < 0.15);
        widest = fmax(widest, fabs(atan2(y, x)));
        free(result);
    }
    assert_true(widest > 1.4 && widest < 1.5709);
    free(image);
}

static void scale_changes_sizes(void **state)
{
    (void)state;
    augment_size size = {32, 32, 1};
    uint8_t *image = calloc(bytes_of(size), 1);
    assert_non_null(image);
    for (int i = 0; i < 16 * 16; i++)
        image[(8 + i / 16) * 32 + 8 + i % 16] = 255;
    augmentation a = {.scale = 0.5};
    double least = 1e9, most = 0;
    for (uint64_t place = 0; place < 200; place++) {
        uint8_t *result = augmented(&a, size, image, place);
        double sum = 0;
        for (size_t i = 0; i < bytes_of(size); i++)
            sum += result[i] / 255.0;
        least = fmin(least, sqrt(sum) / 16);
        most = fmax(most, sqrt(sum) / 16);
        free(result);
    }
    assert_true(least > 0.49 && least < 0.53 && most > 1.47 && most < 1.51);
    free(image);
}

// A grey image has no colour to change, and contrast keeps its mean.
static void colours_change_as_named(void **state)
{
    (void)state;
    augment_size size = {8, 8, 3};
    uint8_t *image = make_image(size, 8);
    for (size_t i = 0; i < 64; i++)
        image[3 * i + 1] = image[3 * i + 2] = image[3 * i] = (uint8_t)(64 + image[3 * i] / 2);
    augmentation colour = {.saturation = 1, .hue = 0.5}, contrast = {.contrast = 0.5}, light = {.brightness = 0.3};
    double mean = 0;
    for (size_t i = 0; i < bytes_of(size); i++)
        mean += image[i] / (double)bytes_of(size);
    for (uint64_t place = 0; place < 50; place++) {
        uint8_t *result = augmented(&colour, size, image, place);
        assert_memory_equal(result, image, bytes_of(size));
        free(result);
        result = augmented(&contrast, size, image, place);
        double changed = 0;
        for (size_t i = 0; i < bytes_of(size); i++)
            changed += result[i] / (double)bytes_of(size);
        assert_true(fabs(changed - mean) < 0.6);
        free(result);
        result = augmented(&light, size, image, place);
        double factor = (double)result[0] / image[0];
        assert_true(factor > 0.69 && factor < 1.31);
        for (size_t i = 0; i < bytes_of(size); i++)
            assert_true(fabs(result[i] - fmin(factor * image[i], 255)) < 3);
        free(result);
    }
    free(image);
}

// An image of one grey has no contrast to change, however bright it is made.
static void contrast_is_about_the_mean_of_the_brightened_image(void **state)
{
    (void)state;
    augment_size size = {4, 4, 3};
    uint8_t image[48];
    memset(image, 100, sizeof image);
    augmentation light = {.brightness = 0.5}, both = {.brightness = 0.5, .contrast = 0.9};
    for (uint64_t place = 0; place < 50; place++) {
        uint8_t *one = augmented(&light, size, image, place), *other = augmented(&both, size, image, place);
        assert_memory_equal(one, other, sizeof image);
        free(one);
        free(other);
    }
}

// Red turned by a third of the circle is no longer mostly red, and its grey stays.
static void hue_keeps_the_grey(void **state)
{
    (void)state;
    augment_size size = {1, 1, 3};
    uint8_t image[3] = {140, 90, 90};
    augmentation a = {.hue = 0.5};
    bool turned = false;
    for (uint64_t place = 0; place < 100; place++) {
        uint8_t *result = augmented(&a, size, image, place);
        double grey = 0.299 * result[0] + 0.587 * result[1] + 0.114 * result[2];
        assert_true(fabs(grey - (0.299 * 140 + 0.701 * 90)) < 0.8);
        turned = turned || result[1] > result[0] + 20;
        free(result);
    }
    assert_true(turned);
}

static void cutout_and_erase_take_rectangles(void **state)
{
    (void)state;
    augment_size size = {32, 32, 3};
    uint8_t *image = make_image(size, 9);
    augmentation cut = {.cutout = pixels(8)}, erase = {.erase = 0.5};
    int erased = 0;
    for (uint64_t place = 0; place < 400; place++) {
        uint8_t *result = augmented(&cut, size, image, place);
        int changed = 0;
        for (int i = 0; i < 32 * 32; i++)
            changed += memcmp(result + 3 * i, image + 3 * i, 3) != 0;
        assert_in_range(changed, 15, 64); // a corner leaves a quarter
        free(result);
        result = augmented(&erase, size, image, place);
        changed = 0;
        for (int i = 0; i < 32 * 32; i++)
            changed += memcmp(result + 3 * i, image + 3 * i, 3) != 0;
        assert_in_range(changed, 0, 360);
        erased += changed > 0;
        free(result);
    }
    assert_in_range(erased, 160, 240);
    free(image);
}

// ---------------------------------------------------------------------------------------------------------------------
// Mixing

static void shares_are_those_of_the_pixels(void **state)
{
    (void)state;
    augment_size size = {32, 32, 3};
    size_t bytes = bytes_of(size);
    uint8_t *white = malloc(bytes), *black = calloc(bytes, 1), *result = malloc(bytes);
    assert_true(white && black && result);
    memset(white, 255, bytes);
    const augmentation cases[] = {{.mixup = 0.2}, {.mixup = 1}, {.mixup = 8}, {.cutmix = 1}, {.mixup = 1, .cutmix = 1}};
    const double deviations[] = {0.42, 0.289, 0.121, 0, 0}; // of Beta(a, a): 1 / (2 sqrt(2 a + 1))
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double sum = 0, squares = 0;
        for (uint64_t place = 0; place < 2000; place++) {
            augment_key key = {.seed = 1, .epoch = 1, .place = place};
            augment_mix mix = augment_draw_mix(&cases[c], &key, size);
            augment_apply_mix(&mix, size, white, black, result);
            double found = 0;
            for (size_t i = 0; i < bytes; i++)
                found += result[i] / 255.0;
            assert_true(mix.share >= 0 && mix.share <= 1);
            assert_true(fabs(found / (double)bytes - mix.share) < 0.003);
            sum += mix.share / 2000;
            squares += mix.share * mix.share / 2000;
        }
        if (c < 3) assert_true(fabs(sum - 0.5) < 0.03 && fabs(sqrt(squares - sum * sum) - deviations[c]) < 0.02);
    }
    free(white);
    free(black);
    free(result);
}

enum { BATCH = 64, CLASSES = 5 };

static augmented_batch *mixed_batch(const augmentation *a, const uint8_t *images, size_t outputs)
{
    augment_size size = {4, 4, 1};
    augmented_batch *batch = NULL;
    assert_int_equal(augmented_create(&batch, a, size, BATCH, outputs, NULL), SILMA_OK);
    uint32_t indices[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        indices[i] = i;
    assert_non_null(augmented_make(batch, NULL, 3, 1, 128, BATCH, indices, images));
    return batch;
}

// The loss of the mixed targets is the weighted sum of the two labels' losses, with class weights and smoothing.
static void mixed_targets_are_two_labels(void **state)
{
    (void)state;
    static uint8_t images[BATCH * 16];
    augmentation a = {.mixup = 1};
    augmented_batch *b = mixed_batch(&a, images, CLASSES);
    uint32_t labels[BATCH], before[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        labels[i] = before[i] = (uint32_t)(i * 7 % CLASSES);
    const float weights[CLASSES] = {1, 0.5f, 2, 0, 1};
    augmented_targets(b, BATCH, labels, weights);

    float logits[CLASSES] = {0.3f, -1, 2, 0.1f, 0.9f}, probabilities[CLASSES];
    loss_function loss = {.kind = LOSS_CATEGORICAL_CROSSENTROPY, .label_smoothing = 0.1};
    loss_batch one = {
        .head = ACTIVATION_SOFTMAX, .n = 1, .outputs = CLASSES, .logits = logits, .probabilities = probabilities};
    for (size_t i = 0; i < BATCH; i++) {
        uint32_t other = before[(i + 1) % BATCH];
        double share = b->shares[i], sum = 0;
        for (size_t o = 0; o < CLASSES; o++)
            sum += (double)b->targets[i * CLASSES + o];
        if (b->image_weights[i] > 0) assert_true(fabs(sum - 1) < 1e-6);
        double expected = share * loss_compute(&loss, &one, &before[i], weights) +
                          (1 - share) * loss_compute(&loss, &one, &other, weights);
        double found = loss_compute_targets(&loss, &one, b->targets + i * CLASSES, &b->image_weights[i]);
        assert_true(fabs(found - expected) < 1e-6);
        assert_int_equal(labels[i], share >= 0.5 ? before[i] : other);
    }
    augmented_free(b);
}

// A share of 1 is the image alone: the same loss and gradient as its label gives.
static void a_share_of_one_is_the_label(void **state)
{
    (void)state;
    static uint8_t images[BATCH * 16];
    augmentation a = {.cutmix = 1};
    for (size_t outputs = 1; outputs <= 2; outputs++) {
        augmented_batch *b = mixed_batch(&a, images, outputs);
        uint32_t labels[BATCH];
        float logits[2 * BATCH], probabilities[2 * BATCH], hard[2 * BATCH], soft[2 * BATCH];
        for (uint32_t i = 0; i < BATCH; i++) {
            labels[i] = i % 3 == 0;
            b->shares[i] = 1;
            logits[2 * i] = (float)i / 20 - 1;
            logits[2 * i + 1] = 0.5f;
        }
        augmented_targets(b, BATCH, labels, NULL);
        loss_function loss = {.kind = outputs == 1 ? LOSS_BINARY_CROSSENTROPY : LOSS_CATEGORICAL_CROSSENTROPY,
                              .label_smoothing = 0.2};
        loss_batch batch = {.head = outputs == 1 ? ACTIVATION_SIGMOID : ACTIVATION_SOFTMAX,
                            .n = BATCH,
                            .outputs = outputs,
                            .logits = logits,
                            .probabilities = probabilities,
                            .dlogits = hard};
        double expected = loss_compute(&loss, &batch, labels, NULL);
        batch.dlogits = soft;
        assert_true(loss_compute_targets(&loss, &batch, b->targets, b->image_weights) == expected);
        assert_memory_equal(hard, soft, BATCH * outputs * sizeof *hard);
        augmented_free(b);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Sampler, moments

static void the_balanced_sampler_draws_classes_equally_often(void **state)
{
    (void)state;
    enum { COUNT = 103, KINDS = 5 }; // class 3 has no images
    const size_t sizes[KINDS] = {70, 20, 2, 0, 11};
    uint32_t labels[COUNT], order[COUNT], by_class[COUNT];
    size_t starts[KINDS + 1], totals[KINDS] = {0};
    size_t label = 0, left = sizes[0];
    for (size_t i = 0; i < COUNT; i++, left--) {
        while (left == 0)
            left = sizes[++label];
        labels[i] = (uint32_t)label;
    }
    for (unsigned epoch = 0; epoch < 4; epoch++) {
        size_t drawn[COUNT] = {0}, of_class[KINDS] = {0};
        for (uint32_t i = 0; i < COUNT; i++)
            order[i] = (i * 10 + epoch) % COUNT;
        sampler_balance(order, COUNT, labels, KINDS, epoch, by_class, starts);
        for (size_t i = 0; i < COUNT; i++) {
            drawn[order[i]]++;
            of_class[labels[order[i]]]++;
            totals[labels[order[i]]]++;
        }
        for (size_t c = 0; c < KINDS; c++)
            if (sizes[c] > 0) assert_in_range(of_class[c], 25, 26);
        for (size_t i = 0; i < COUNT; i++) {
            size_t fair = 26 / sizes[labels[i]];
            assert_in_range(drawn[i], sizes[labels[i]] > 26 ? 0 : 25 / sizes[labels[i]], fair + 1);
        }
    }
    for (size_t c = 0; c < KINDS; c++)
        assert_int_equal(totals[c], sizes[c] > 0 ? COUNT : 0); // 103 = 4 * 25 + 3: the rest goes round
}

static void moments_are_exact(void **state)
{
    (void)state;
    const uint8_t pixels_of[] = {0, 255, 10, 255, 20, 255, 200, 7, 200, 7, 200, 7, 30, 255, 40, 255, 50, 255};
    silma_images images = {.pixels = pixels_of, .count = 3, .height = 1, .width = 3, .channels = 2};
    const uint32_t indices[] = {0, 2};
    channel_moments moments[2] = {{0}};
    dataset_moments(&images, indices, 2, moments);
    assert_true(moments[0].mean == 25 && fabs(moments[0].deviation - sqrt(1750.0 / 6)) < 1e-12);
    assert_true(moments[1].mean == 255 && moments[1].deviation == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changes_nothing),
        cmocka_unit_test(every_size_is_written_and_not_left),
        cmocka_unit_test(seed_epoch_and_place_decide),
        cmocka_unit_test(flips_alternate),
        cmocka_unit_test(flips_are_mirror_images_of_half_of_them),
        cmocka_unit_test(crops_are_shifts),
        cmocka_unit_test(resampling_by_nothing_changes_nothing),
        cmocka_unit_test(rotation_turns_about_the_middle),
        cmocka_unit_test(scale_changes_sizes),
        cmocka_unit_test(colours_change_as_named),
        cmocka_unit_test(contrast_is_about_the_mean_of_the_brightened_image),
        cmocka_unit_test(hue_keeps_the_grey),
        cmocka_unit_test(cutout_and_erase_take_rectangles),
        cmocka_unit_test(shares_are_those_of_the_pixels),
        cmocka_unit_test(mixed_targets_are_two_labels),
        cmocka_unit_test(a_share_of_one_is_the_label),
        cmocka_unit_test(the_balanced_sampler_draws_classes_equally_often),
        cmocka_unit_test(moments_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
