// Compact pictures on a terminal: the curves of a run and the confusion matrix. Braille and block characters where the
// terminal shows UTF-8, plain ASCII otherwise; colours as the terminal allows.
#ifndef SILMA_CLI_PICTURE_H
#define SILMA_CLI_PICTURE_H

#include "terminal.h"

#include <silma/silma.h>

// Loss, accuracy and true positives by epoch, side by side as far as the terminal is wide. Nothing for fewer than two
// epochs.
void picture_curves(const terminal *screen, FILE *stream, const silma_epoch *epochs, size_t count);

// A cell's shade is its share of the true class's images. Only the mistakes of the worst classes where there are too
// many for a matrix.
typedef const char *picture_class_fn(const void *owner, int index);
void picture_confusion(const terminal *screen, FILE *stream, const silma_evaluation *evaluation,
                       picture_class_fn *class_of, const void *owner);

#endif
