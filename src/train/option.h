// Numbers in the recipe: read from options such as lr=1e-3 as doubles, and written back so that the same double comes
// out when they are read again.
#ifndef SILMA_TRAIN_OPTION_H
#define SILMA_TRAIN_OPTION_H

#include "core/private.h"
#include "nn/words.h"

enum { NUMBER_TEXT_MAX = 32 };

// Option `key` as a number in [0, most]; *value keeps its default where the option is absent.
silma_status option_number(words *line, const char *key, double most, double *value, silma_error *error);

// The number that `text` is, in [least, most]; `what` names it in the message ("lr").
silma_status number_parse(const words *line, const char *what, const char *text, double least, double most,
                          double *value, silma_error *error);

// `value` to that many significant digits, with a '.' in any locale. Returns `text`.
char *number_text_rounded(double value, int digits, char text[NUMBER_TEXT_MAX]) SILMA_PRIVATE_API(number_text_rounded);

// The shortest decimal text that reads back as `value`: "0.001". Returns `text`.
char *number_text(double value, char text[NUMBER_TEXT_MAX]);

// The index of `word` among `names`; `what` says what it is ("optimizer"). A failure suggests the nearest name.
silma_status word_find(const words *line, const char *what, const char *word, const char *const *names, size_t count,
                       size_t *found, silma_error *error);
// The same for the line's next word, which is taken and must be there.
silma_status word_choose(words *line, const char *what, const char *const *names, size_t count, size_t *chosen,
                         silma_error *error);

#endif
