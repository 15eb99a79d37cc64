#include "nn/words.h"

#include "core/error.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 512, NUMBER_MAX = 32 };

// ---------------------------------------------------------------------------------------------------------------------
// Splitting

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Words are plain ASCII, so that a message may quote them; a comment may hold anything.
static silma_status check_bytes(const words *line, const char *text, silma_error *error)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (is_space(*c) || (*c > ' ' && *c <= '~')) continue;
        return words_fail(line, error, "byte 0x%02x; only comments may hold anything but plain ASCII",
                          (unsigned)(unsigned char)*c);
    }
    return SILMA_OK;
}

silma_status words_split(words *line, char *text, const char *origin, int number, silma_error *error)
{
    *line = (words){.origin = origin, .line = number};
    text[strcspn(text, "#")] = '\0';
    silma_status status = check_bytes(line, text, error);
    if (status != SILMA_OK) return status;

    for (;;) {
        while (is_space(*text))
            text++;
        if (*text == '\0') return SILMA_OK;
        if (line->count == WORDS_MAX) return words_fail(line, error, "more than %d words", WORDS_MAX);
        line->word[line->count++] = text;
        while (*text != '\0' && !is_space(*text))
            text++;
        if (*text != '\0') *text++ = '\0';
    }
}

silma_status words_fail(const words *line, silma_error *error, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    char number[NUMBER_MAX] = "";
    if (line->line > 0) snprintf(number, sizeof number, ":%d", line->line);
    if (line->synopsis == NULL) return silma_fail(error, SILMA_BAD_FILE, "%s%s: %s", line->origin, number, message);
    return silma_fail(error, SILMA_BAD_FILE, "%s%s: %s; expected: %s", line->origin, number, message, line->synopsis);
}

// ---------------------------------------------------------------------------------------------------------------------
// Taking words

static void remember(words *line, const char *word)
{
    for (int i = 0; i < line->known_count; i++) {
        if (strcmp(line->known[i], word) == 0) return;
    }
    if (line->known_count < WORDS_KNOWN_MAX) line->known[line->known_count++] = word;
}

static bool is_positional(const char *word)
{
    return word != NULL && strchr(word, '=') == NULL;
}

const char *words_peek(const words *line)
{
    for (int i = 0; i < line->count; i++) {
        if (is_positional(line->word[i])) return line->word[i];
    }
    return NULL;
}

const char *words_next(words *line)
{
    for (int i = 0; i < line->count; i++) {
        const char *word = line->word[i];
        if (!is_positional(word)) continue;
        line->word[i] = NULL;
        return word;
    }
    return NULL;
}

bool words_flag(words *line, const char *word)
{
    remember(line, word);
    for (int i = 0; i < line->count; i++) {
        if (line->word[i] == NULL || strcmp(line->word[i], word) != 0) continue;
        line->word[i] = NULL;
        return true;
    }
    return false;
}

const char *words_option(words *line, const char *key)
{
    remember(line, key);
    size_t length = strlen(key);
    for (int i = 0; i < line->count; i++) {
        const char *word = line->word[i];
        if (word == NULL || strncmp(word, key, length) != 0 || word[length] != '=') continue;
        line->word[i] = NULL;
        return word + length + 1;
    }
    return NULL;
}

silma_status words_finish(const words *line, silma_error *error)
{
    const char *left = NULL;
    for (int i = 0; i < line->count && left == NULL; i++)
        left = line->word[i];
    if (left == NULL) return SILMA_OK;

    char name[NUMBER_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(left, "="), left);
    const char *closest = silma_closest_word(name, line->known, (size_t)line->known_count);
    if (closest == NULL || strcmp(closest, name) == 0) return words_fail(line, error, "unexpected '%s'", left);
    return words_fail(line, error, "unexpected '%s'; did you mean '%s'?", left, closest);
}

// ---------------------------------------------------------------------------------------------------------------------
// Typed words

static silma_status to_int(const words *line, const char *what, const char *text, int least, int most, int *value,
                           silma_error *error)
{
    long long number;
    if (!parse_long(text, least, most, &number)) {
        return words_fail(line, error, "%s must be a whole number from %d to %d, not '%s'", what, least, most, text);
    }
    *value = (int)number;
    return SILMA_OK;
}

static silma_status to_float(const words *line, const char *what, const char *text, double least, double most,
                             float *value, silma_error *error)
{
    double number;
    if (!parse_double(text, &number) || number < least || number > most) {
        return words_fail(line, error, "%s must be a number from %g to %g, not '%s'", what, least, most, text);
    }
    *value = (float)number;
    return SILMA_OK;
}

silma_status words_option_int(words *line, const char *key, int least, int most, int *value, silma_error *error)
{
    const char *text = words_option(line, key);
    return text == NULL ? SILMA_OK : to_int(line, key, text, least, most, value, error);
}

silma_status words_option_float(words *line, const char *key, double least, double most, float *value,
                                silma_error *error)
{
    const char *text = words_option(line, key);
    return text == NULL ? SILMA_OK : to_float(line, key, text, least, most, value, error);
}

silma_status words_option_bool(words *line, const char *key, bool *value, silma_error *error)
{
    const char *text = words_option(line, key);
    if (text == NULL) return SILMA_OK;
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
    bool no = strcmp(text, "no") == 0 || strcmp(text, "false") == 0;
    if (!yes && !no) return words_fail(line, error, "%s must be yes or no, not '%s'", key, text);
    *value = yes;
    return SILMA_OK;
}

silma_status words_int(words *line, const char *what, int least, int most, int *value, silma_error *error)
{
    const char *text = words_next(line);
    if (text == NULL) return words_fail(line, error, "%s is missing", what);
    return to_int(line, what, text, least, most, value, error);
}

silma_status words_float(words *line, const char *what, double least, double most, float *value, silma_error *error)
{
    const char *text = words_next(line);
    if (text == NULL) return words_fail(line, error, "%s is missing", what);
    return to_float(line, what, text, least, most, value, error);
}

silma_status words_pair(const words *line, const char *what, const char *text, int least, int most, int *first,
                        int *second, silma_error *error)
{
    char left[NUMBER_MAX];
    const char *cross = strchr(text, 'x');
    const char *right = cross == NULL ? text : cross + 1;
    size_t length = cross == NULL ? strlen(text) : (size_t)(cross - text);
    snprintf(left, sizeof left, "%.*s", length < sizeof left ? (int)length : 0, text);

    long long a, b;
    if (!parse_long(left, least, most, &a) || !parse_long(right, least, most, &b)) {
        return words_fail(line, error, "%s must be a size such as 3x3, of whole numbers from %d to %d, not '%s'", what,
                          least, most, text);
    }
    *first = (int)a;
    *second = (int)b;
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers. strtod and strtol are not used: they follow the locale of the program that links the library, and a model
// must read the same everywhere.

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool parse_long(const char *text, long long least, long long most, long long *value)
{
    bool negative = *text == '-';
    if (negative) text++;
    if (!is_digit(*text)) return false;
    long long number = 0;
    for (; is_digit(*text); text++) {
        int digit = *text - '0';
        if (__builtin_mul_overflow(number, 10LL, &number)) return false;
        if (__builtin_sub_overflow(number, (long long)digit, &number)) return false; // downward: LLONG_MIN fits
    }
    if (*text != '\0') return false;
    if (!negative && __builtin_sub_overflow(0LL, number, &number)) return false;
    if (number < least || number > most) return false;
    *value = number;
    return true;
}

// The digits before the exponent, as mantissa * 10^exponent. Digits beyond the 19th only move the exponent.
static const char *parse_digits(const char *text, uint64_t *mantissa, int *exponent)
{
    static const uint64_t FULL = 1000000000000000000u;
    int digits = 0;
    *mantissa = 0;
    *exponent = 0;
    for (bool fraction = false; is_digit(*text) || (*text == '.' && !fraction); text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        digits++;
        bool kept = *mantissa < FULL;
        if (kept) *mantissa = *mantissa * 10 + (uint64_t)(*text - '0');
        *exponent += !kept - fraction;
    }
    return digits == 0 ? NULL : text;
}

// Exact to the last bit for up to 15 digits and exponents up to 22: mantissa and power are then whole doubles, and one
// operation rounds once. Beyond that, right to about 18 digits through long double.
static double scale_by_ten(uint64_t mantissa, int exponent)
{
    static const double TEN[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (mantissa <= UINT64_C(1) << 53 && abs(exponent) <= 22) {
        return exponent < 0 ? (double)mantissa / TEN[-exponent] : (double)mantissa * TEN[exponent];
    }
    return mantissa == 0 ? 0.0 : (double)((long double)mantissa * powl(10.0L, (long double)exponent));
}

bool parse_double(const char *text, double *value)
{
    bool negative = *text == '-';
    if (negative) text++;
    uint64_t mantissa;
    int exponent;
    text = parse_digits(text, &mantissa, &exponent);
    if (text == NULL) return false;
    if (*text == 'e' || *text == 'E') {
        long long power;
        text += text[1] == '+' && is_digit(text[2]) ? 2 : 1;
        if (!parse_long(text, -400, 400, &power)) return false;
        exponent += (int)power;
        text = "";
    }
    double number = scale_by_ten(mantissa, exponent);
    if (*text != '\0' || !isfinite(number)) return false;
    *value = negative ? -number : number;
    return true;
}
