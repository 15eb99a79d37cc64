#include "one_layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LINE_LENGTH = 256 };

silma_status layer_create(layer *l, const char *text, const shape *in, size_t inputs, silma_error *error)
{
    char buffer[LINE_LENGTH];
    words line;
    snprintf(buffer, sizeof buffer, "%s", text);
    *l = (layer){.name = "it", .line = 1, .input_count = inputs};
    silma_status status = words_split(&line, buffer, "test", 1, error);
    if (status != SILMA_OK) return status;
    l->type = layer_type_find(words_next(&line));
    assert_non_null(l->type);
    line.synopsis = l->type->synopsis;
    l->settings = calloc(1, l->type->settings_size + 1);
    status = l->type->parse(l, &line, error);
    if (status == SILMA_OK) status = words_finish(&line, error);
    if (status == SILMA_OK) status = l->type->resolve(l, in, error);
    return status;
}

void layer_create_or_fail(layer *l, const char *text, const shape *in, size_t inputs)
{
    silma_error error = {0};
    if (layer_create(l, text, in, inputs, &error) != SILMA_OK) fail_msg("%s: %s", text, error.message);
}

size_t count_parameters(const layer *l, bool trainable)
{
    size_t count = 0;
    for (int i = 0; i < l->parameter_count; i++)
        count += l->parameters[i].trainable == trainable ? l->parameters[i].count : 0;
    return count;
}
