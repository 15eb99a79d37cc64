#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

short_text text_count(uint64_t value)
{
    char digits[TEXT_SHORT];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, value); // at most 20 digits and 6 commas
    short_text result = {""};
    char *end = result.text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) *end++ = ',';
        *end++ = digits[i];
    }
    *end = 0;
    return result;
}

short_text text_bytes(uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    short_text result;
    if (bytes < 1000) {
        snprintf(result.text, sizeof result.text, "%" PRIu64 " B", bytes);
        return result;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    snprintf(result.text, sizeof result.text, "%.1f %s", value, units[unit]);
    return result;
}

// Durations beyond this (or NaN) are printed as unknown; it also keeps the casts below in range.
static const double LONGEST_SECONDS = 1e9;

static bool duration_is_known(double seconds)
{
    return seconds >= 0 && seconds < LONGEST_SECONDS;
}

short_text text_duration(double seconds)
{
    short_text result = {"unknown time"};
    if (!duration_is_known(seconds)) return result;
    long whole = (long)(seconds + 0.5);
    if (seconds < 59.95)
        snprintf(result.text, sizeof result.text, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(result.text, sizeof result.text, "%ld min %02ld s", whole / 60, whole % 60);
    else
        snprintf(result.text, sizeof result.text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    return result;
}

short_text text_clock(double seconds)
{
    short_text result = {"-:--"};
    if (!duration_is_known(seconds)) return result;
    long whole = (long)(seconds + 0.5);
    if (whole < 3600)
        snprintf(result.text, sizeof result.text, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(result.text, sizeof result.text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    return result;
}

short_text text_percent(double share)
{
    short_text result = {"-"};
    if (!isnan(share)) snprintf(result.text, sizeof result.text, "%.2f %%", 100 * share);
    return result;
}

short_text text_shape(int height, int width, int channels)
{
    short_text result;
    if (height == 0 && width == 0)
        snprintf(result.text, sizeof result.text, "%d", channels);
    else
        snprintf(result.text, sizeof result.text, "%dx%dx%d", height, width, channels);
    return result;
}

// Length in bytes of the UTF-8 character at `text`, or 0 if it is not one (RFC 3629: no overlong forms, no
// surrogates, nothing beyond U+10FFFF).
static size_t utf8_length(const unsigned char *text)
{
    unsigned char first = text[0];
    if (first < 0x80) return 1;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4) return 0;
    unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < least || text[1] > most) return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xC0) != 0x80) return 0;
    return length;
}

static bool is_control(const unsigned char *text, size_t length)
{
    bool c0 = length == 1 && (text[0] < 0x20 || text[0] == 0x7F);
    bool c1 = length == 2 && text[0] == 0xC2 && text[1] < 0xA0;
    return c0 || c1;
}

void text_printable(char *target, size_t capacity, const char *source)
{
    const unsigned char *from = (const unsigned char *)source;
    size_t used = 0;
    while (*from) {
        size_t length = utf8_length(from);
        bool escape = length == 0 || is_control(from, length);
        if (length == 0) length = 1;
        size_t need = escape ? TEXT_ESCAPED * length : length;
        if (used + need + 1 > capacity) break;
        for (size_t i = 0; i < length && escape; i++)
            snprintf(target + used + TEXT_ESCAPED * i, TEXT_ESCAPED + 1, "\\x%02X", from[i]);
        if (!escape) memcpy(target + used, from, length);
        used += need;
        from += length;
    }
    target[used] = 0;
}

int text_columns(const char *text)
{
    int columns = 0;
    for (; *text; text++)
        if (((unsigned char)*text & 0xC0) != 0x80) columns++;
    return columns;
}

int text_padding(const char *text, int columns)
{
    int used = text_columns(text);
    return used < columns ? columns - used : 0;
}

void text_shell_quote(char *target, size_t capacity, const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,=:+@%";
    if (word[0] && word[strspn(word, safe)] == 0) {
        snprintf(target, capacity, "%s", word);
        return;
    }
    size_t used = 0;
    if (capacity < 3) return;
    target[used++] = '\'';
    for (; *word && used + 6 < capacity; word++) { // room for '\'' and the closing quote
        if (*word == '\'') {
            memcpy(target + used, "'\\''", 4);
            used += 4;
        } else {
            target[used++] = *word;
        }
    }
    target[used++] = '\'';
    target[used] = 0;
}

// Damerau-Levenshtein distance without repeated edits: insert, delete, replace, swap of neighbours cost one each.
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 48 };
    size_t rows[3][LONGEST + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > LONGEST || b_length > LONGEST) return LONGEST;

    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && two_above[j - 2] + 1 < best) best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *text_closest(const char *word, const char *const *candidates, size_t count)
{
    const char *closest = NULL;
    size_t length = strlen(word), least = 0;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        bool begins = length >= 3 && strncmp(word, candidates[i], length) == 0;
        if (begins) distance = 0;
        bool alike = begins || (distance <= 2 && 2 * distance < strlen(candidates[i]));
        if (alike && (!closest || distance < least)) {
            closest = candidates[i];
            least = distance;
        }
    }
    return closest;
}
