#include "report/words.h"

#include <math.h>
#include <stdio.h>

static const char NONE[] = "–";

short_words count_text(size_t value)
{
    short_words words;
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%zu", value);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) words.text[used++] = ',';
        words.text[used++] = digits[i];
    }
    words.text[used] = 0;
    return words;
}

// Through whole numbers: printf would write a fraction as the locale has it.
short_words fixed_text(double value, int decimals)
{
    static const long long powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    short_words words;
    if (!(fabs(value) < 1e12) || decimals < 0 || decimals > 6) {
        snprintf(words.text, sizeof words.text, "%s", NONE);
        return words;
    }
    long long scaled = llround(value * (double)powers[decimals]), power = powers[decimals];
    const char *sign = scaled < 0 ? "−" : "";
    if (scaled < 0) scaled = -scaled;
    if (decimals == 0)
        snprintf(words.text, sizeof words.text, "%s%lld", sign, scaled);
    else
        snprintf(words.text, sizeof words.text, "%s%lld.%0*lld", sign, scaled / power, decimals,
                 scaled % power % 1000000);
    return words;
}

short_words share_text(double share)
{
    short_words number = fixed_text(100 * share, 1), words;
    snprintf(words.text, sizeof words.text, isnan(share) ? "%.30s" : "%.30s\xC2\xA0%%", number.text);
    return words;
}

short_words value_text(double value)
{
    double size = fabs(value);
    if (size > 0 && size < 9.5e-4) {
        int exponent = (int)floor(log10(size));
        short_words number = fixed_text(value / pow(10, exponent), 2), words;
        snprintf(words.text, sizeof words.text, "%.20se%d", number.text, exponent);
        return words;
    }
    return fixed_text(value, size < 1 ? 4 : size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0);
}

short_words duration_text(double seconds)
{
    short_words words;
    int whole = seconds >= 0 && seconds < 1e9 ? (int)(seconds + 0.5) : 0;
    if (!(seconds >= 0 && seconds < 1e9))
        snprintf(words.text, sizeof words.text, "%s", NONE);
    else if (seconds < 99.5)
        snprintf(words.text, sizeof words.text, "%.30s s", fixed_text(seconds, seconds < 9.95 ? 1 : 0).text);
    else if (whole < 3600)
        snprintf(words.text, sizeof words.text, "%d min %02d s", whole / 60, whole % 60);
    else
        snprintf(words.text, sizeof words.text, "%d h %02d min", whole / 3600, whole / 60 % 60);
    return words;
}
