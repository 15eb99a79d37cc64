// The public silma_settings: what a caller sets, in the order in which it is applied.
#include "core/error.h"
#include "train/settings.h"

#include <stdlib.h>
#include <string.h>

typedef struct settings_pair {
    char *name, *value;
} settings_pair;

struct silma_settings {
    size_t count;
    settings_pair *pairs;
};

silma_status silma_settings_create(silma_settings **list, silma_error *error)
{
    *list = calloc(1, sizeof **list);
    return *list ? SILMA_OK : silma_fail_memory(error, sizeof **list);
}

void silma_settings_free(silma_settings *list)
{
    if (!list) return;
    for (size_t i = 0; i < list->count; i++) {
        free(list->pairs[i].name);
        free(list->pairs[i].value);
    }
    free(list->pairs);
    free(list);
}

static silma_status append_pair(silma_settings *list, const char *name, const char *value, silma_error *error)
{
    settings_pair *grown = reallocarray(list->pairs, list->count + 1, sizeof *grown);
    if (!grown) return silma_fail_memory(error, (list->count + 1) * sizeof *grown);
    list->pairs = grown;
    settings_pair pair = {.name = strdup(name), .value = strdup(value)};
    if (!pair.name || !pair.value) {
        free(pair.name);
        free(pair.value);
        return silma_fail_memory(error, strlen(name) + strlen(value) + 2);
    }
    list->pairs[list->count++] = pair;
    return SILMA_OK;
}

// The value is tried on settings of their own, so that a mistake is reported where it is made.
silma_status silma_settings_set(silma_settings *list, const char *name, const char *value, silma_error *error)
{
    if (!list || !name || !value) return silma_fail(error, SILMA_USAGE, "a setting needs a name and a value");
    settings scratch;
    settings_default(&scratch);
    silma_status status = settings_apply(&scratch, name, value, NULL, 0, error);
    settings_free(&scratch);
    return status == SILMA_OK ? append_pair(list, name, value, error) : status;
}

silma_status settings_apply_list(settings *s, const silma_settings *list, silma_error *error)
{
    silma_status status = SILMA_OK;
    for (size_t i = 0; list && i < list->count && status == SILMA_OK; i++)
        status = settings_apply(s, list->pairs[i].name, list->pairs[i].value, NULL, 0, error);
    return status;
}
