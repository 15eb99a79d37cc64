// Text that comes from files: checked before it is stored, made harmless before it is shown.
#ifndef SILMA_CORE_UTF8_H
#define SILMA_CORE_UTF8_H

#include "core/private.h"

#include <stdbool.h>
#include <stddef.h>

// The bytes of the printable character that `text` begins with, 0 if there is none. `count` is at least 1.
size_t utf8_character_length(const char *text, size_t count);

// Whether `count` bytes are well-formed UTF-8 without control characters.
bool utf8_is_printable(const char *text, size_t count);

// A copy of the name of a file or folder that may be stored: where it is not printable UTF-8, the bytes beyond ASCII
// become \xNN. Null if memory is short; the caller frees it.
char *utf8_printable(const char *name);

// Room for a name inside a message.
typedef struct shown_name {
    char text[96];
} shown_name;

// A copy that may go into a message or onto a terminal: what is not printable UTF-8 becomes '?', and a long name is cut
// between characters and ends in "...".
shown_name utf8_show(const char *text) SILMA_PRIVATE_API(utf8_show);

#endif
