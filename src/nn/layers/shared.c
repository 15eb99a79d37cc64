#include "nn/layers/shared.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t floats_bytes(size_t count)
{
    return (count * sizeof(float) + 63) & ~(size_t)63;
}

size_t batch_rows(int n, shape s)
{
    return (size_t)n * (size_t)s.h * (size_t)s.w;
}

void describe(char *text, size_t size, const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, size - length, format, arguments);
    va_end(arguments);
}

void describe_float(char *text, size_t size, const char *key, float value)
{
    char number[32];
    snprintf(number, sizeof number, "%g", (double)value);
    char *comma = strchr(number, ',');
    if (comma != NULL) *comma = '.';
    describe(text, size, " %s=%s", key, number);
}

void describe_nothing(const layer *l, char *text, size_t size)
{
    (void)l;
    (void)size;
    *text = '\0';
}

silma_status parse_nothing(layer *l, words *line, silma_error *error)
{
    (void)l;
    (void)line;
    (void)error;
    return SILMA_OK;
}
