#include "train/augmented.h"

#include "core/checked.h"
#include "core/error.h"

#include <stdlib.h>

void augmented_free(augmented_batch *batch)
{
    if (!batch) return;
    free(batch->images);
    free(batch->mixed);
    free(batch->identity);
    free(batch->shares);
    free(batch->targets);
    free(batch->image_weights);
    free(batch);
}

static bool reserve_mixing(augmented_batch *b, size_t most, size_t bytes)
{
    b->mixed = malloc(bytes);
    b->shares = calloc(most, sizeof *b->shares);
    b->targets = calloc(most, b->outputs * sizeof *b->targets);
    b->image_weights = calloc(most, sizeof *b->image_weights);
    return b->mixed && b->shares && b->targets && b->image_weights;
}

silma_status augmented_create(augmented_batch **batch, const augmentation *settings, augment_size size, size_t most,
                              size_t outputs, silma_error *error)
{
    size_t each = (size_t)size.height * (size_t)size.width * (size_t)size.channels;
    size_t bytes;
    if (!checked_mul(each, most, &bytes)) return silma_fail_memory(error, SIZE_MAX);
    augmented_batch *b = calloc(1, sizeof *b);
    if (!b) return silma_fail_memory(error, sizeof *b);
    *b = (augmented_batch){.settings = *settings, .size = size, .bytes = each, .outputs = outputs};
    b->images = malloc(bytes);
    b->identity = calloc(most, sizeof *b->identity);
    bool made = b->images && b->identity && (!augment_mixes(settings) || reserve_mixing(b, most, bytes));
    if (!made) {
        augmented_free(b);
        return silma_fail_memory(error, bytes);
    }
    for (size_t i = 0; i < most; i++)
        b->identity[i] = (uint32_t)i;
    *batch = b;
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Images: a task each

typedef struct making {
    augmented_batch *batch;
    augment_key key; // of the batch's first image
    size_t n;
    const uint32_t *indices;
    const uint8_t *pixels;
} making;

static augment_key key_of(const making *m, size_t image)
{
    augment_key key = m->key;
    key.place += image;
    key.image = m->indices[image];
    return key;
}

static void change_image(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const making *m = argument;
    augmented_batch *b = m->batch;
    augment_key key = key_of(m, task);
    augment_image(&b->settings, &key, b->size, m->pixels + m->indices[task] * b->bytes, b->images + task * b->bytes);
}

static void mix_image(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const making *m = argument;
    augmented_batch *b = m->batch;
    augment_key key = key_of(m, task);
    augment_mix mix = augment_draw_mix(&b->settings, &key, b->size);
    const uint8_t *image = b->images + task * b->bytes, *other = b->images + (task + 1) % m->n * b->bytes;
    augment_apply_mix(&mix, b->size, image, other, b->mixed + task * b->bytes);
    b->shares[task] = mix.share;
}

const uint8_t *augmented_make(augmented_batch *batch, thread_pool *pool, uint64_t seed, uint32_t epoch, size_t first,
                              size_t n, const uint32_t *indices, const uint8_t *pixels)
{
    making m = {
        .batch = batch,
        .key = {.seed = seed, .epoch = epoch, .place = first},
        .n = n,
        .indices = indices,
        .pixels = pixels,
    };
    thread_pool_run(pool, n, change_image, &m);
    if (!batch->mixed) return batch->images;
    thread_pool_run(pool, n, mix_image, &m);
    return batch->mixed;
}

// ---------------------------------------------------------------------------------------------------------------------
// Targets

// The loss of a mixed image is share w_a E(a) + (1 - share) w_b E(b), with the weights of both classes. The
// cross-entropies are linear in the target: that is one row with their sum as weight. A single output is class 1's.
static void mix_labels(float *row, size_t outputs, float *image_weight, const uint32_t labels[2], const double parts[2])
{
    double weight = parts[0] + parts[1];
    for (size_t o = 0; o < outputs; o++)
        row[o] = 0;
    for (int i = 0; i < 2 && weight > 0; i++) {
        float part = (float)(parts[i] / weight);
        if (outputs > 1)
            row[labels[i]] += part;
        else
            row[0] += (float)labels[i] * part;
    }
    *image_weight = (float)weight;
}

void augmented_targets(augmented_batch *batch, size_t n, uint32_t *labels, const float *class_weights)
{
    uint32_t first = labels[0];
    for (size_t i = 0; i < n; i++) {
        const uint32_t pair[2] = {labels[i], i + 1 < n ? labels[i + 1] : first};
        double parts[2] = {batch->shares[i], 1 - batch->shares[i]};
        for (int side = 0; side < 2 && class_weights; side++)
            parts[side] *= (double)class_weights[pair[side]];
        mix_labels(batch->targets + i * batch->outputs, batch->outputs, &batch->image_weights[i], pair, parts);
        labels[i] = batch->shares[i] >= 0.5 ? pair[0] : pair[1];
    }
}
