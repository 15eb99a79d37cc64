#include "core/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_character_length(const char *bytes, size_t count)
{
    const unsigned char *text = (const unsigned char *)bytes;
    unsigned char first = text[0];
    if (first < 0x80) return first >= 0x20 && first != 0x7F;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || length > count) return 0;
    uint32_t code = first & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    bool control = code < 0xA0; // U+0080 to U+009F: some terminals obey them
    return overlong || surrogate || control || code > 0x10FFFF ? 0 : length;
}

bool utf8_is_printable(const char *text, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t length = utf8_character_length(text + i, count - i);
        if (length == 0) return false;
        i += length;
    }
    return true;
}

char *utf8_printable(const char *name)
{
    if (utf8_is_printable(name, strlen(name))) return strdup(name);
    char *text = malloc(4 * strlen(name) + 1), *end = text;
    for (; text && *name; name++) {
        if (*name >= ' ' && *name <= '~')
            *end++ = *name;
        else
            end += snprintf(end, 5, "\\x%02x", (unsigned)(unsigned char)*name);
    }
    if (text) *end = '\0';
    return text;
}

shown_name utf8_show(const char *text)
{
    static const char ELLIPSIS[] = "...";
    shown_name shown;
    size_t capacity = sizeof(shown.text) - sizeof(ELLIPSIS);
    size_t count = strlen(text), used = 0, read = 0;
    while (read < count && used < capacity) {
        size_t length = utf8_character_length(text + read, count - read);
        if (used + length > capacity) break;
        if (length == 0) {
            shown.text[used++] = '?';
            read++;
        } else {
            memcpy(shown.text + used, text + read, length);
            used += length;
            read += length;
        }
    }
    if (read < count) {
        memcpy(shown.text + used, ELLIPSIS, sizeof(ELLIPSIS) - 1);
        used += sizeof(ELLIPSIS) - 1;
    }
    shown.text[used] = '\0';
    return shown;
}
