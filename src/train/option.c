#include "train/option.h"

#include "core/error.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

silma_status number_parse(const words *line, const char *what, const char *text, double least, double most,
                          double *value, silma_error *error)
{
    double number;
    bool fits = parse_double(text, &number) && number >= least && number <= most;
    if (!fits && most >= (double)FLT_MAX)
        return words_fail(line, error, "%s must be a number from %g up, not '%s'", what, least, text);
    if (!fits) return words_fail(line, error, "%s must be a number from %g to %g, not '%s'", what, least, most, text);
    *value = number;
    return SILMA_OK;
}

silma_status option_number(words *line, const char *key, double most, double *value, silma_error *error)
{
    const char *text = words_option(line, key);
    return text ? number_parse(line, key, text, 0, most, value, error) : SILMA_OK;
}

// printf writes the decimal point of the program's locale; ours is always '.'.
static void use_point(char *text)
{
    static const char PLAIN[] = "0123456789+-einfa";
    size_t before = strspn(text, PLAIN);
    size_t foreign = strcspn(text + before, PLAIN);
    if (foreign == 0) return;
    text[before] = '.';
    memmove(text + before + 1, text + before + foreign, strlen(text + before + foreign) + 1);
}

char *number_text_rounded(double value, int digits, char text[NUMBER_TEXT_MAX])
{
    snprintf(text, NUMBER_TEXT_MAX, "%.*g", digits, value);
    use_point(text);
    return text;
}

char *number_text(double value, char text[NUMBER_TEXT_MAX])
{
    for (int digits = 15; digits <= 17; digits++) { // %g leaves trailing zeros out
        double back;
        number_text_rounded(value, digits, text);
        if (parse_double(text, &back) && back == value) break;
    }
    return text;
}

silma_status word_find(const words *line, const char *what, const char *word, const char *const *names, size_t count,
                       size_t *found, silma_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, names[i]) != 0) continue;
        *found = i;
        return SILMA_OK;
    }
    const char *closest = silma_closest_word(word, names, count);
    if (closest) return words_fail(line, error, "unknown %s '%s'; did you mean '%s'?", what, word, closest);
    return words_fail(line, error, "unknown %s '%s'", what, word);
}

silma_status word_choose(words *line, const char *what, const char *const *names, size_t count, size_t *chosen,
                         silma_error *error)
{
    const char *word = words_next(line);
    if (!word) return words_fail(line, error, "the %s is missing", what);
    return word_find(line, what, word, names, count, chosen, error);
}
