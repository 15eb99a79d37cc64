#include "report/text_buffer.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_free(text_buffer *buffer)
{
    free(buffer->text);
    *buffer = (text_buffer){0};
}

silma_status buffer_status(const text_buffer *buffer, silma_error *error)
{
    return buffer->failed ? silma_fail_memory(error, buffer->length) : SILMA_OK;
}

silma_status buffer_take(text_buffer *buffer, char **text, silma_error *error)
{
    buffer_add(buffer, ""); // an empty text is a text
    silma_status status = buffer_status(buffer, error);
    if (status) {
        buffer_free(buffer);
        return status;
    }
    *text = buffer->text;
    *buffer = (text_buffer){0};
    return SILMA_OK;
}

silma_status buffer_write(const text_buffer *buffer, const char *path, silma_error *error)
{
    file_writer *writer;
    silma_status status = buffer_status(buffer, error);
    if (!status) status = file_writer_open(&writer, path, error);
    if (status) return status;
    file_writer_write(writer, buffer->text, buffer->length);
    return file_writer_commit(writer, error);
}

// Room for `count` more bytes and a final zero.
static bool reserve(text_buffer *buffer, size_t count)
{
    enum { FIRST = 1024 };
    size_t needed;
    if (buffer->failed) return false;
    buffer->failed = !checked_add(buffer->length, count, &needed) || !checked_add(needed, 1, &needed);
    if (buffer->failed || needed <= buffer->capacity) return !buffer->failed;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST;
    while (capacity < needed)
        if (!checked_mul(capacity, 2, &capacity)) capacity = needed;
    char *grown = realloc(buffer->text, capacity);
    buffer->failed = !grown;
    if (!grown) return false;
    buffer->text = grown;
    buffer->capacity = capacity;
    return true;
}

void buffer_add_bytes(text_buffer *buffer, const char *bytes, size_t count)
{
    if (!reserve(buffer, count)) return;
    if (count > 0) memcpy(buffer->text + buffer->length, bytes, count); // of nothing, `bytes` may be null
    buffer->length += count;
    buffer->text[buffer->length] = 0;
}

void buffer_add(text_buffer *buffer, const char *text)
{
    buffer_add_bytes(buffer, text, strlen(text));
}

void buffer_print(text_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) buffer->failed = true;
    if (length >= 0 && reserve(buffer, (size_t)length)) {
        vsnprintf(buffer->text + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void buffer_number(text_buffer *buffer, double value, int decimals)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    enum { DECIMALS_MOST = sizeof powers / sizeof *powers - 1 };
    static const double MOST = 1e12; // times 1e6 it fits 64 bits
    if (!isfinite(value)) value = 0;
    value = fmax(-MOST, fmin(MOST, value));
    if (decimals > DECIMALS_MOST) decimals = DECIMALS_MOST;
    if (decimals > 6 && fabs(value) > 1e6) decimals = 6;
    long long scale = (long long)powers[decimals], scaled = llround(value * powers[decimals]);
    unsigned long long size = scaled < 0 ? 0ull - (unsigned long long)scaled : (unsigned long long)scaled;
    unsigned long long fraction = size % (unsigned long long)scale;
    while (decimals > 0 && fraction % 10 == 0) {
        fraction /= 10;
        decimals--;
    }
    buffer_print(buffer, "%s%llu", scaled < 0 ? "-" : "", size / (unsigned long long)scale);
    if (decimals > 0) buffer_print(buffer, ".%0*llu", decimals, fraction);
}

// ---------------------------------------------------------------------------------------------------------------------
// Escaping

// The code point at `text`, which is not at its end, and its length in bytes; -1 and 1 where it is not UTF-8.
static int32_t decode(const unsigned char *text, size_t *length)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; // by length: shorter forms are forbidden
    *length = 1;
    unsigned char first = text[0];
    if (first < 0x80) return first;
    if (first < 0xC2 || first > 0xF4) return -1;
    size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    int32_t code = first & (0x7F >> count);
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xC0) != 0x80) return -1; // the final zero as well
        code = code << 6 | (text[i] & 0x3F);
    }
    if (code < least[count] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return -1;
    *length = count;
    return code;
}

typedef struct code_range {
    int32_t first, last;
} code_range;

static bool is_shown_as_code(int32_t code)
{
    static const code_range unseen[] = {
        {0x0000, 0x001F}, {0x007F, 0x009F}, {0x00AD, 0x00AD}, {0x034F, 0x034F},   {0x061C, 0x061C},
        {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x200B, 0x200B},   {0x200E, 0x200F},
        {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},
        {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
    };
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++)
        if (code >= unseen[i].first && code <= unseen[i].last) return true;
    return (code & 0xFFFE) == 0xFFFE; // the last two of each plane
}

static void escape_character(text_buffer *buffer, const char *bytes, size_t length, int32_t code)
{
    if (code < 0)
        buffer_add(buffer, "\xEF\xBF\xBD"); // U+FFFD
    else if (code == '<')
        buffer_add(buffer, "&lt;");
    else if (code == '>')
        buffer_add(buffer, "&gt;");
    else if (code == '&')
        buffer_add(buffer, "&amp;");
    else if (code == '"')
        buffer_add(buffer, "&quot;");
    else if (code == '\'')
        buffer_add(buffer, "&#39;");
    else if (is_shown_as_code(code))
        buffer_print(buffer, "[U+%04X]", (unsigned)code);
    else
        buffer_add_bytes(buffer, bytes, length);
}

// How many characters a reader sees.
static size_t shown_length(int32_t code)
{
    return code >= 0 && is_shown_as_code(code) ? sizeof "[U+202E]" - 1 : 1;
}

static size_t count_characters(const char *text)
{
    size_t count = 0, length;
    for (; *text; text += length)
        count += shown_length(decode((const unsigned char *)text, &length));
    return count;
}

bool buffer_escape_cut(text_buffer *buffer, const char *text, size_t most)
{
    bool cut = count_characters(text) > most;
    size_t left = cut && most > 0 ? most - 1 : most, length;
    for (; *text; text += length) {
        int32_t code = decode((const unsigned char *)text, &length);
        size_t shown = shown_length(code);
        if (shown > left) break;
        escape_character(buffer, text, length, code);
        left -= shown;
    }
    if (cut) buffer_add(buffer, "\xE2\x80\xA6"); // U+2026
    return cut;
}

void buffer_escape(text_buffer *buffer, const char *text)
{
    buffer_escape_cut(buffer, text, SIZE_MAX);
}
