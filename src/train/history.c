#include "train/history.h"

#include "core/error.h"
#include "core/file.h"
#include "train/option.h"

#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char CSV_NAME[] = "history.csv";
static const char JSONL_NAME[] = "history.jsonl";

enum { DIGITS = 9, FILE_MAX = 1 << 30 };

// The columns between `epoch` and `best`.
typedef struct column {
    const char *name;
    size_t offset; // of a double in silma_epoch
} column;

static const column COLUMNS[] = {
    {"loss", offsetof(silma_epoch, loss)},
    {"accuracy", offsetof(silma_epoch, accuracy)},
    {"true_positives", offsetof(silma_epoch, true_positives)},
    {"val_loss", offsetof(silma_epoch, val_loss)},
    {"val_accuracy", offsetof(silma_epoch, val_accuracy)},
    {"val_true_positives", offsetof(silma_epoch, val_true_positives)},
    {"learning_rate", offsetof(silma_epoch, learning_rate)},
    {"images_per_second", offsetof(silma_epoch, images_per_second)},
    {"seconds", offsetof(silma_epoch, seconds)},
    {"data_wait", offsetof(silma_epoch, data_wait)},
};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof COLUMNS[0] };

static double get(const silma_epoch *epoch, const column *c)
{
    double value;
    memcpy(&value, (const char *)epoch + c->offset, sizeof value);
    return value;
}

static void set(silma_epoch *epoch, const column *c, double value)
{
    memcpy((char *)epoch + c->offset, &value, sizeof value);
}

silma_status history_append(history *h, const silma_epoch *epoch, silma_error *error)
{
    if (h->count == h->capacity) {
        size_t capacity = h->capacity ? 2 * h->capacity : 16;
        silma_epoch *grown = reallocarray(h->epochs, capacity, sizeof *grown);
        if (!grown) return silma_fail_memory(error, capacity * sizeof *grown);
        h->epochs = grown;
        h->capacity = capacity;
    }
    h->epochs[h->count++] = *epoch;
    return SILMA_OK;
}

void history_free(history *h)
{
    free(h->epochs);
    *h = (history){0};
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

static void write_value(file_writer *writer, double value, const char *absent)
{
    char text[NUMBER_TEXT_MAX];
    file_writer_print(writer, "%s", isfinite(value) ? number_text_rounded(value, DIGITS, text) : absent);
}

static void write_csv(file_writer *writer, const history *h)
{
    file_writer_print(writer, "epoch");
    for (size_t c = 0; c < COLUMN_COUNT; c++)
        file_writer_print(writer, ",%s", COLUMNS[c].name);
    file_writer_print(writer, ",best\n");
    for (size_t i = 0; i < h->count; i++) {
        file_writer_print(writer, "%u", h->epochs[i].epoch);
        for (size_t c = 0; c < COLUMN_COUNT; c++) {
            file_writer_print(writer, ",");
            write_value(writer, get(&h->epochs[i], &COLUMNS[c]), "");
        }
        file_writer_print(writer, ",%d\n", h->epochs[i].best);
    }
}

static void write_jsonl(file_writer *writer, const history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        file_writer_print(writer, "{\"epoch\": %u", h->epochs[i].epoch);
        for (size_t c = 0; c < COLUMN_COUNT; c++) {
            file_writer_print(writer, ", \"%s\": ", COLUMNS[c].name);
            write_value(writer, get(&h->epochs[i], &COLUMNS[c]), "null");
        }
        file_writer_print(writer, ", \"best\": %s}\n", h->epochs[i].best ? "true" : "false");
    }
}

static silma_status write_file(const history *h, const char *folder, const char *name,
                               void (*write)(file_writer *, const history *), silma_error *error)
{
    char *path = path_join(folder, name);
    if (!path) return silma_fail_memory(error, strlen(folder) + strlen(name) + 2);
    file_writer *writer = NULL;
    silma_status status = file_writer_open(&writer, path, error);
    if (status == SILMA_OK) {
        write(writer, h);
        status = file_writer_commit(writer, error);
    }
    free(path);
    return status;
}

silma_status history_write(const history *h, const char *folder, silma_error *error)
{
    silma_status status = write_file(h, folder, JSONL_NAME, write_jsonl, error);
    if (status == SILMA_OK) status = write_file(h, folder, CSV_NAME, write_csv, error);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

static silma_status fail_line(silma_error *error, const char *path, size_t line, const char *expected)
{
    return silma_fail(error, SILMA_BAD_FILE, "%s:%zu: expected %s; the history is damaged", path, line, expected);
}

static silma_status read_record(silma_epoch *epoch, const json_t *object, const char *path, size_t line,
                                silma_error *error)
{
    *epoch = (silma_epoch){.epoch = (unsigned)line};
    const json_t *number = json_object_get(object, "epoch");
    if (!json_is_integer(number) || json_integer_value(number) != (json_int_t)line)
        return fail_line(error, path, line, "\"epoch\" to be the number of the line");
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        const json_t *value = json_object_get(object, COLUMNS[c].name);
        if (!json_is_number(value) && !json_is_null(value)) {
            char expected[64];
            snprintf(expected, sizeof expected, "a number or null as \"%s\"", COLUMNS[c].name);
            return fail_line(error, path, line, expected);
        }
        set(epoch, &COLUMNS[c], json_is_null(value) ? NAN : json_number_value(value));
    }
    const json_t *best = json_object_get(object, "best");
    if (!json_is_boolean(best)) return fail_line(error, path, line, "true or false as \"best\"");
    epoch->best = json_is_true(best);
    return SILMA_OK;
}

static silma_status read_line(history *h, const char *text, size_t length, const char *path, size_t line,
                              silma_error *error)
{
    json_error_t problem;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!object) return fail_line(error, path, line, "a JSON object");
    silma_epoch epoch;
    silma_status status = read_record(&epoch, object, path, line, error);
    json_decref(object);
    return status == SILMA_OK ? history_append(h, &epoch, error) : status;
}

static silma_status read_lines(history *h, const char *text, unsigned epochs, const char *path, silma_error *error)
{
    for (size_t line = 1; line <= epochs; line++) {
        const char *end = strchr(text, '\n');
        if (!end)
            return silma_fail(error, SILMA_BAD_FILE, "%s: holds %zu epochs, but the checkpoint was saved after %u",
                              path, line - 1, epochs);
        silma_status status = read_line(h, text, (size_t)(end - text), path, line, error);
        if (status != SILMA_OK) return status;
        text = end + 1;
    }
    return SILMA_OK;
}

// With `epochs` 0: as many as there are whole lines.
static silma_status read_file(history *h, const char *path, unsigned epochs, silma_error *error)
{
    char *text = NULL;
    size_t count;
    unsigned lines = 0;
    silma_status status = file_read(path, FILE_MAX, &text, &count, error);
    for (size_t i = 0; status == SILMA_OK && epochs == 0 && i < count; i++)
        lines += text[i] == '\n';
    if (status == SILMA_OK) status = read_lines(h, text, epochs ? epochs : lines, path, error);
    if (status != SILMA_OK) history_free(h);
    free(text);
    return status;
}

silma_status history_read(history *h, const char *folder, unsigned epochs, silma_error *error)
{
    if (epochs == 0) return SILMA_OK;
    char *path = path_join(folder, JSONL_NAME);
    if (!path) return silma_fail_memory(error, strlen(folder) + sizeof JSONL_NAME + 1);
    silma_status status = read_file(h, path, epochs, error);
    free(path);
    return status;
}

silma_status silma_run_read_history(const char *folder, silma_epoch **epochs, size_t *count, silma_error *error)
{
    char *path = path_join(folder, JSONL_NAME);
    if (!path) return silma_fail_memory(error, strlen(folder) + sizeof JSONL_NAME + 1);
    history h = {0};
    silma_status status = access(path, F_OK) == 0 ? read_file(&h, path, 0, error) : SILMA_OK;
    free(path);
    if (status != SILMA_OK) return status;
    *epochs = h.epochs;
    *count = h.count;
    return SILMA_OK;
}
