#include "data/augment_inside.h"

bool augment_mixes(const augmentation *a)
{
    return a->mixup > 0 || a->cutmix > 0;
}

static bool changes_colour(const augmentation *a)
{
    return a->brightness > 0 || a->contrast > 0 || a->saturation > 0 || a->hue > 0;
}

bool augment_is_on(const augmentation *a)
{
    return a->flip || a->vflip || a->crop.value > 0 || a->rotate > 0 || a->scale > 0 || changes_colour(a) ||
           a->cutout.value > 0 || a->erase > 0 || augment_mixes(a);
}

void augment_image(const augmentation *a, const augment_key *key, augment_size size, const uint8_t *image,
                   uint8_t *result)
{
    augment_geometry(a, key, size, image, result);
    if (changes_colour(a)) augment_colour(a, key, size, result);
    if (a->cutout.value > 0) augment_cutout(a, key, size, result);
    if (a->erase > 0) augment_erase(a, key, size, result);
}
