// What was trained on what and how, and the command that repeats it.
#include "core/error.h"
#include "report/report_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const page_link LINK_SETTINGS = {"settings", "Settings"};

static void add_row(text_buffer *page, const char *name, const char *value)
{
    if (!value[0]) return;
    buffer_add(page, "<tr><th scope=\"row\">");
    buffer_escape(page, name);
    buffer_add(page, "</th><td>");
    buffer_escape(page, value);
    buffer_add(page, "</td></tr>\n");
}

static void add_count_row(text_buffer *page, const char *name, size_t value)
{
    add_row(page, name, count_text(value).text);
}

// Quoted so that a shell reads it back as it is.
static void add_quoted(text_buffer *command, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    if (word[0] && strspn(word, plain) == strlen(word)) {
        buffer_add(command, word);
        return;
    }
    buffer_add(command, "'");
    for (; *word; word++)
        if (*word == '\'')
            buffer_add(command, "'\\''");
        else
            buffer_add_bytes(command, word, 1);
    buffer_add(command, "'");
}

// ` --val-split 0.2`: a setting's name with '-' for '_'.
static void add_flag(text_buffer *command, const char *name, const char *value)
{
    buffer_add(command, " \\\n  --");
    for (; *name; name++)
        buffer_add_bytes(command, *name == '_' ? "-" : name, 1);
    buffer_add(command, " ");
    add_quoted(command, value);
}

// The optimiser's text names the rate already.
static bool is_repeated(const run_facts *facts, const char *name)
{
    const char *optimizer = json_string_value(json_object_get(facts->settings, "optimizer"));
    return strcmp(name, "lr") == 0 && optimizer && strstr(optimizer, " lr=");
}

static bool is_off(const char *name, const char *value)
{
    return (strcmp(name, "clip_norm") == 0 && strtod(value, NULL) == 0) || !value[0];
}

// How pictures were prepared, where the data are pictures.
static void add_preparation(text_buffer *command, const json_t *p)
{
    char text[32];
    if (!json_is_object(p)) return;
    int height = (int)json_integer_value(json_object_get(p, "height"));
    int width = (int)json_integer_value(json_object_get(p, "width"));
    snprintf(text, sizeof text, "%dx%d", height, width);
    add_flag(command, "size", text);
    add_flag(command, "color", json_integer_value(json_object_get(p, "channels")) == 1 ? "grey" : "rgb");
    const char *resize = json_string_value(json_object_get(p, "resize"));
    if (resize && strcmp(resize, "stretch") != 0) add_flag(command, "resize", resize);
    unsigned background = 0;
    for (size_t c = 0; c < 3; c++)
        background = background << 8 |
                     (unsigned)(json_integer_value(json_array_get(json_object_get(p, "background"), c)) & UINT8_MAX);
    if (background == 0) return;
    snprintf(text, sizeof text, "%06x", background);
    add_flag(command, "background", text);
}

// Other kernels give other bits.
static void add_kernels(text_buffer *command, const run_facts *facts)
{
    if (strcmp(facts->isa, "reference") == 0)
        add_flag(command, "backend", "reference");
    else if (facts->isa[0])
        add_flag(command, "isa", facts->isa);
    bool direct = json_is_false(json_object_get(facts->config, "winograd"));
    if (direct && strcmp(facts->isa, "reference") != 0) buffer_add(command, " \\\n  --no-winograd");
}

static silma_status add_command(text_buffer *command, const run_facts *facts, silma_error *error)
{
    bool known = silma_catalog_find(facts->data_name) != NULL;
    buffer_add(command, "silma train ");
    add_quoted(command, facts->model_name);
    if (!facts->from_zoo) buffer_add(command, ".silma");
    add_flag(command, "data", known || !facts->data_folder[0] ? facts->data_name : facts->data_folder);
    add_preparation(command, json_object_get(json_object_get(facts->config, "data"), "preparation"));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)facts->settings, name, value)
    {
        char *text = setting_text(value);
        if (!text) return silma_fail_memory(error, 0);
        if (!is_repeated(facts, name) && !is_off(name, text)) add_flag(command, name, text);
        free(text);
    }
    add_kernels(command, facts);
    return buffer_status(command, error);
}

static silma_status add_settings(const run_facts *facts, text_buffer *page, silma_error *error)
{
    const char *name;
    json_t *value;
    buffer_add(page, "<h3>Recipe</h3>\n<table class=\"facts\"><tbody>\n");
    json_object_foreach((json_t *)facts->settings, name, value)
    {
        char *text = setting_text(value);
        if (!text) return silma_fail_memory(error, 0);
        add_row(page, name, is_off(name, text) && text[0] ? "none" : text);
        free(text);
    }
    buffer_add(page, "</tbody></table>\n");
    return SILMA_OK;
}

static void add_run(const run_facts *facts, text_buffer *page)
{
    buffer_add(page, "<h3>Run</h3>\n<table class=\"facts\"><tbody>\n");
    add_row(page, "run folder", facts->folder);
    add_row(page, "network", facts->model_name);
    add_row(page, "data set", facts->data_name);
    add_row(page, "sha256 of the data", facts->data_hash);
    add_count_row(page, "training images", facts->train_images);
    add_count_row(page, "validation images", facts->validation_images);
    if (facts->model_file) add_row(page, "model shown here", facts->model_file);
    add_row(page, "sha256 of the model", facts->model_hash);
    add_row(page, "silma", facts->version);
    add_row(page, "kernels", facts->isa);
    if (facts->threads) add_count_row(page, "threads", (size_t)facts->threads);
    buffer_add(page, "</tbody></table>\n");
}

silma_status section_settings(const silma_report *report, text_buffer *page, silma_error *error)
{
    const run_facts *facts = &report->facts;
    text_buffer command = {0};
    silma_status status = add_command(&command, facts, error);
    if (status == SILMA_OK) {
        page_section_begin(page, &LINK_SETTINGS, NULL);
        buffer_add(page, "<div class=\"grid\">\n<div>");
        status = add_settings(facts, page, error);
        buffer_add(page, "</div>\n<div>");
        add_run(facts, page);
        buffer_print(page, "</div>\n</div>\n<h3>The command that repeats it</h3>\n%s<pre><code>",
                     facts->from_zoo ? ""
                                     : "<p class=\"small\">with the network’s text (under <a "
                                       "href=\"#network\">Network</a>) in a file of that name</p>\n");
        page_add_lines(page, command.text);
        buffer_add(page, "</code></pre>\n");
        page_section_end(page);
    }
    buffer_free(&command);
    return status;
}
