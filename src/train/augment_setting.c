#include "train/augment_setting.h"

#include "train/option.h"

#include <stdio.h>
#include <string.h>

const char AUGMENT_SYNOPSIS[] =
    "augment none|light|standard|strong [flip] [vflip] [crop=N] [pad=zero|reflect] [rotate=DEGREES] [scale=SHARE] "
    "[brightness=SHARE] [contrast=SHARE] [saturation=SHARE] [hue=SHARE] [cutout=N] [erase=SHARE] [mixup=ALPHA] "
    "[cutmix=ALPHA]; N in pixels, or of the image's side: 12.5%";

// ---------------------------------------------------------------------------------------------------------------------
// Presets

static const char *const PRESETS[] = {"none", "light", "standard", "strong"};
enum { PRESET_NONE, PRESET_LIGHT, PRESET_STANDARD, PRESET_STRONG, PRESET_COUNT };

// Each has what the one before has, and more.
static augmentation preset(size_t level)
{
    augmentation a = {0};
    if (level >= PRESET_LIGHT) {
        a.flip = true;
        a.crop = (augment_length){.value = 6.25, .percent = true}; // 2 pixels of 32
        a.reflect = true;
    }
    if (level >= PRESET_STANDARD) a.crop.value = 12.5; // 4 of 32: what CIFAR is augmented by since residual networks
    if (level >= PRESET_STRONG) {
        a.cutout = (augment_length){.value = 25, .percent = true};
        a.rotate = 10;
        a.scale = 0.1;
        a.brightness = 0.2;
        a.contrast = 0.2;
        a.saturation = 0.2;
        a.hue = 0.02;
    }
    return a;
}

// ---------------------------------------------------------------------------------------------------------------------
// From words

// An option that is a number from 0 to `most`.
typedef struct number_option {
    const char *key;
    size_t offset; // of a double in augmentation
    double most;
} number_option;

static const double ALPHA_MOST = 100;

static const number_option NUMBERS[] = {
    {"rotate", offsetof(augmentation, rotate), 180},
    {"scale", offsetof(augmentation, scale), 0.9},
    {"brightness", offsetof(augmentation, brightness), 1},
    {"contrast", offsetof(augmentation, contrast), 1},
    {"saturation", offsetof(augmentation, saturation), 1},
    {"hue", offsetof(augmentation, hue), 0.5},
    {"erase", offsetof(augmentation, erase), 1},
    {"mixup", offsetof(augmentation, mixup), ALPHA_MOST},
    {"cutmix", offsetof(augmentation, cutmix), ALPHA_MOST},
};
enum { NUMBER_COUNT = sizeof NUMBERS / sizeof NUMBERS[0] };

static const char *const NAMES[] = {"none",   "light",    "standard", "strong",     "flip",       "vflip",
                                    "crop",   "pad",      "rotate",   "scale",      "brightness", "hue",
                                    "cutout", "contrast", "erase",    "saturation", "mixup",      "cutmix"};
enum { NAME_COUNT = sizeof NAMES / sizeof NAMES[0] };

static double *number_of(augmentation *a, const number_option *option)
{
    return (double *)(void *)((char *)a + option->offset);
}

// The first word may be a preset.
static void parse_preset(augmentation *a, words *line)
{
    *a = (augmentation){0};
    for (size_t i = 0; i < PRESET_COUNT; i++)
        if (words_flag(line, PRESETS[i])) *a = preset(i);
}

static silma_status parse_flag(words *line, const char *name, bool *value, silma_error *error)
{
    if (words_flag(line, name)) *value = true;
    return words_option_bool(line, name, value, error);
}

static silma_status parse_length(words *line, const char *key, augment_length *length, silma_error *error)
{
    enum { SIDE_MOST = 65536, PERCENT_MOST = 100 };
    const char *text = words_option(line, key);
    if (!text) return SILMA_OK;
    char number[NUMBER_TEXT_MAX];
    size_t size = strlen(text);
    bool percent = size > 0 && text[size - 1] == '%';
    snprintf(number, sizeof number, "%.*s", (int)(percent ? size - 1 : size), text);
    silma_status status = number_parse(line, key, number, 0, percent ? PERCENT_MOST : SIDE_MOST, &length->value, error);
    length->percent = percent;
    return status;
}

static silma_status parse_padding(words *line, bool *reflect, silma_error *error)
{
    const char *text = words_option(line, "pad");
    if (!text) return SILMA_OK;
    *reflect = strcmp(text, "reflect") == 0;
    if (*reflect || strcmp(text, "zero") == 0) return SILMA_OK;
    return words_fail(line, error, "pad must be zero or reflect, not '%s'", text);
}

// What is left over; "crop" without a number is known, but incomplete.
static silma_status check_rest(words *line, silma_error *error)
{
    const char *word = words_peek(line);
    if (!word) return SILMA_OK;
    size_t index;
    silma_status status = word_find(line, "augmentation", word, NAMES, NAME_COUNT, &index, error);
    if (status != SILMA_OK) return status;
    return words_fail(line, error, "%s needs a value: %s=...", word, word);
}

silma_status augment_parse(augmentation *a, words *line, silma_error *error)
{
    line->synopsis = AUGMENT_SYNOPSIS;
    if (line->count == 0) return words_fail(line, error, "the augmentations are missing");
    parse_preset(a, line);
    silma_status status = parse_flag(line, "flip", &a->flip, error);
    if (status == SILMA_OK) status = parse_flag(line, "vflip", &a->vflip, error);
    if (status == SILMA_OK) status = parse_length(line, "crop", &a->crop, error);
    if (status == SILMA_OK) status = parse_padding(line, &a->reflect, error);
    if (status == SILMA_OK) status = parse_length(line, "cutout", &a->cutout, error);
    for (size_t i = 0; status == SILMA_OK && i < NUMBER_COUNT; i++)
        status = option_number(line, NUMBERS[i].key, NUMBERS[i].most, number_of(a, &NUMBERS[i]), error);
    if (status == SILMA_OK) status = check_rest(line, error);
    return status == SILMA_OK ? words_finish(line, error) : status;
}

// ---------------------------------------------------------------------------------------------------------------------
// To words

static void append(char text[AUGMENT_TEXT_MAX], const char *key, const char *value)
{
    size_t length = strlen(text);
    snprintf(text + length, AUGMENT_TEXT_MAX - length, "%s%s%s", length > 0 ? " " : "", key, value);
}

static void append_length(char text[AUGMENT_TEXT_MAX], const char *key, augment_length length)
{
    char number[NUMBER_TEXT_MAX + 1];
    if (length.value <= 0) return;
    number_text(length.value, number);
    if (length.percent) strcat(number, "%");
    append(text, key, number);
}

void augment_describe(const augmentation *a, char text[AUGMENT_TEXT_MAX])
{
    augmentation copy = *a;
    text[0] = '\0';
    if (a->flip) append(text, "flip", "");
    if (a->vflip) append(text, "vflip", "");
    append_length(text, "crop=", a->crop);
    if (a->reflect) append(text, "pad=", "reflect");
    append_length(text, "cutout=", a->cutout);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        char key[32], number[NUMBER_TEXT_MAX];
        double value = *number_of(&copy, &NUMBERS[i]);
        if (value <= 0) continue;
        snprintf(key, sizeof key, "%s=", NUMBERS[i].key);
        append(text, key, number_text(value, number));
    }
    if (text[0] == '\0') append(text, "none", "");
}
