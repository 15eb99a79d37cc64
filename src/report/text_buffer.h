// Growing text for the pages and figures that Silma writes. A lack of memory is remembered, so that a writer adds
// without asking and learns of it once, at the end. Nothing here depends on the locale.
#ifndef SILMA_REPORT_TEXT_BUFFER_H
#define SILMA_REPORT_TEXT_BUFFER_H

#include "silma/silma.h"

typedef struct text_buffer {
    char *text; // ends in a zero byte; null while empty
    size_t length, capacity;
    bool failed; // memory was short: the text is incomplete
} text_buffer;

// A buffer is empty when zeroed.
void buffer_free(text_buffer *buffer); // leaves it empty
silma_status buffer_status(const text_buffer *buffer, silma_error *error);
// The text, to be freed with free(); the buffer is empty afterwards. Fails, and frees the text, where memory was short.
silma_status buffer_take(text_buffer *buffer, char **text, silma_error *error);
// Into a file, which is there whole or not at all.
silma_status buffer_write(const text_buffer *buffer, const char *path, silma_error *error);

void buffer_add(text_buffer *buffer, const char *text);
void buffer_add_bytes(text_buffer *buffer, const char *bytes, size_t count);
// For words and whole numbers; fractions go through buffer_number, since printf writes them as the locale has them.
void buffer_print(text_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
// With at most `decimals` (0..9) digits behind the point, without trailing zeros, "0" for -0: sizes and places of
// figures. What is not finite becomes 0, what is beyond 1e12 is cut to it.
void buffer_number(text_buffer *buffer, double value, int decimals);

// Text from anywhere, as the content of an element or of an attribute in double quotes, in HTML and XML. Bytes that
// are not UTF-8 become U+FFFD; what is not seen or turns the order of writing (controls, bidirectional overrides,
// zero-width characters, non-characters) is shown as [U+202E]. Joiners (U+200C, U+200D) stay: scripts need them.
void buffer_escape(text_buffer *buffer, const char *text);
// At most `most` characters of it, as they are shown; where more were cut off the last one is an ellipsis. Returns
// whether it was cut.
bool buffer_escape_cut(text_buffer *buffer, const char *text, size_t most);

#endif
