// Numbers as people write them, the same in every locale.
#ifndef SILMA_REPORT_WORDS_H
#define SILMA_REPORT_WORDS_H

#include <stddef.h>

typedef struct short_words {
    char text[48];
} short_words;

// A number that does not exist (NaN), or is beyond 1e12, is "–".
short_words count_text(size_t value);               // 60,965,224
short_words fixed_text(double value, int decimals); // 3.142; decimals 0 to 6
short_words value_text(double value);               // about four significant digits
short_words share_text(double share);               // 91.3 %
short_words duration_text(double seconds);          // 4.1 s, 12 min 03 s, 3 h 20 min

#endif
