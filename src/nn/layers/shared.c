#include "nn/layers/shared.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

void describe_number(char *text, size_t size, float value)
{
    char number[32];
    snprintf(number, sizeof number, "%g", (double)value);
    if (strtof(number, NULL) != value) snprintf(number, sizeof number, "%.9g", (double)value);
    char *comma = strchr(number, ',');
    if (comma != NULL) *comma = '.';
    describe(text, size, "%s", number);
}

void describe_float(char *text, size_t size, const char *key, float value)
{
    describe(text, size, "%s%s=", *text == '\0' ? "" : " ", key);
    describe_number(text, size, value);
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

static const initialiser_kind DEFAULT_KERNEL = INITIALISER_GLOROT_UNIFORM; // Keras's

silma_status kernel_initialiser_parse(initialiser *initial, words *line, silma_error *error)
{
    *initial = (initialiser){.kind = DEFAULT_KERNEL};
    const char *name = words_option(line, "init");
    if (name == NULL || initialiser_find(name, initial)) return SILMA_OK;
    return words_fail(
        line, error,
        "'%s' is no initialiser; there are zeros, ones, normal, glorot_uniform, glorot_normal, he_uniform, "
        "he_normal and whitening",
        name);
}

void kernel_initialiser_describe(initialiser initial, char *text, size_t size)
{
    if (initial.kind != DEFAULT_KERNEL) describe(text, size, " init=%s", initialiser_name(initial));
}
