// Augmentation as text: "flip crop=4 cutout=8", or a preset and changes to it: "standard flip=no".
#ifndef SILMA_TRAIN_AUGMENT_SETTING_H
#define SILMA_TRAIN_AUGMENT_SETTING_H

#include "data/augment.h"
#include "nn/words.h"

enum { AUGMENT_TEXT_MAX = 512 };
extern const char AUGMENT_SYNOPSIS[];

// Takes all words of the line; *a is what they say, and nothing of what it was.
silma_status augment_parse(augmentation *a, words *line, silma_error *error);
// augment_parse of it gives the same augmentation; "none" for none.
void augment_describe(const augmentation *a, char text[AUGMENT_TEXT_MAX]);

#endif
