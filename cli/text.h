// Text for people: numbers with separators, sizes, durations, safe and aligned words. Nothing here depends on the
// locale: the command never calls setlocale.
#ifndef SILMA_CLI_TEXT_H
#define SILMA_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_SHORT = 32 };
typedef struct short_text {
    char text[TEXT_SHORT];
} short_text;

short_text text_count(uint64_t value);                      // 60,965,224
short_text text_bytes(uint64_t bytes);                      // 812.3 MB, in powers of ten
short_text text_duration(double seconds);                   // 4.1 s, 12 min 03 s, 3 h 20 min
short_text text_clock(double seconds);                      // 0:07, 12:03, 3:20:11; "-:--" if unknown
short_text text_percent(double share);                      // 91.32 %; "-" for NaN
short_text text_shape(int height, int width, int channels); // 28x28x1, or 64 for a vector

// Copies `source`, with each control byte and each byte that is not UTF-8 as \xHH: names come from files, and a
// terminal obeys escape sequences. Cuts what does not fit, between characters; nothing is cut where the capacity is
// TEXT_ESCAPED for each byte, and 1.
enum { TEXT_ESCAPED = 4 };
void text_printable(char *target, size_t capacity, const char *source);

// Columns that a printable UTF-8 text takes, one a code point.
int text_columns(const char *text);
// Spaces that fill `text` up to `columns`, as an argument of "%*s" with "".
int text_padding(const char *text, int columns);

// A word quoted so that a shell reads it back as it is.
void text_shell_quote(char *target, size_t capacity, const char *word);

// The candidate most like `word` (a prefix of it, or few edits away), or null: for "did you mean".
const char *text_closest(const char *word, const char *const *candidates, size_t count);

#endif
