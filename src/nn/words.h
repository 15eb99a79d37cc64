// One line of a .silma text, split into words: positional words in order and key=value options. A parser takes what
// it knows; what is left over at the end is an error that suggests the nearest known word.
#ifndef SILMA_NN_WORDS_H
#define SILMA_NN_WORDS_H

#include "core/private.h"
#include "silma/silma.h"

enum { WORDS_MAX = 64, WORDS_KNOWN_MAX = 64 };

typedef struct words {
    const char *origin;   // file name for messages
    int line;             // from 1; 0: not in a file, messages name the origin only
    const char *synopsis; // what the whole line should be, for messages
    int count;
    char *word[WORDS_MAX];              // null once taken; key=value words included
    const char *known[WORDS_KNOWN_MAX]; // everything that a parser asked for, for suggestions
    int known_count;
} words;

// Splits `text` in place (a comment from # on is cut off). SILMA_BAD_FILE beyond WORDS_MAX words.
silma_status words_split(words *line, char *text, const char *origin, int number, silma_error *error)
    SILMA_PRIVATE_API(words_split);

// SILMA_BAD_FILE: "net.silma:7: <message>; expected: <synopsis>".
silma_status words_fail(const words *line, silma_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The next positional word (one without '='), or null. Taken.
const char *words_next(words *line);
// The same without taking it.
const char *words_peek(const words *line);
// True if the positional word `word` is on the line; taken. For flags such as "same".
bool words_flag(words *line, const char *word);
// The value of option `key`, or null; taken.
const char *words_option(words *line, const char *key);

// Options with a type; *value keeps its default where the option is absent. Fail with the line's place on bad values.
silma_status words_option_int(words *line, const char *key, int least, int most, int *value, silma_error *error);
silma_status words_option_float(words *line, const char *key, double least, double most, float *value,
                                silma_error *error);
silma_status words_option_bool(words *line, const char *key, bool *value, silma_error *error); // yes|no|true|false
// Positional: required.
silma_status words_int(words *line, const char *what, int least, int most, int *value, silma_error *error);
silma_status words_float(words *line, const char *what, double least, double most, float *value, silma_error *error);
// "3x5", or "3" for both.
silma_status words_pair(const words *line, const char *what, const char *text, int least, int most, int *first,
                        int *second, silma_error *error);

// Fails if a word is left, naming it and the nearest known word.
silma_status words_finish(const words *line, silma_error *error) SILMA_PRIVATE_API(words_finish);

// Whole-string conversions: false unless all of `text` is a number.
bool parse_long(const char *text, long long least, long long most, long long *value);
bool parse_double(const char *text, double *value); // finite

#endif
