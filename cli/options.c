#include "options.h"

#include "text.h"

#include <assert.h>
#include <string.h>

// Visits the options of a command in order: number `index` over all its groups, or null beyond the last.
static const option *option_at(const command *cmd, size_t index)
{
    for (const option_group *const *group = cmd->groups; *group; group++)
        for (const option *o = (*group)->options; o->name; o++)
            if (index-- == 0) return o;
    return NULL;
}

static bool find_option(const command *cmd, const char *name, size_t length, size_t *index)
{
    const option *o;
    for (*index = 0; (o = option_at(cmd, *index)); ++*index)
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return true;
    return false;
}

static silma_status unknown_option(const command *cmd, const char *name, size_t length, problem *why)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);

    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (const option *o; count < OPTIONS_MAX && (o = option_at(cmd, count)); count++)
        names[count] = o->name;
    const char *closest = text_closest(word, names, count);
    if (closest)
        problem_hint(why, "did you mean --%s?", closest);
    else
        problem_hint(why, "'silma help %s' lists its options", cmd->name);
    return problem_set(why, SILMA_USAGE, "unknown option --%s", word);
}

// Reads the option at argv[*position] (and its value) and moves *position to its last word.
static silma_status parse_option(arguments *args, int argc, char **argv, int *position, problem *why)
{
    const char *name = argv[*position] + 2;
    size_t length = strcspn(name, "="), index;
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (!find_option(args->command, name, length, &index)) return unknown_option(args->command, name, length, why);

    const option *o = option_at(args->command, index);
    if (!o->value) {
        if (value) return problem_set(why, SILMA_USAGE, "--%s takes no value, found '%s'", o->name, value);
        args->values[index] = "";
        return SILMA_OK;
    }
    if (!value && *position + 1 < argc && strncmp(argv[*position + 1], "--", 2) != 0) value = argv[++*position];
    if (!value) {
        problem_hint(why, "--%s %s: %s", o->name, o->value, o->help);
        return problem_set(why, SILMA_USAGE, "--%s needs a value", o->name);
    }
    args->values[index] = value;
    return SILMA_OK;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

silma_status arguments_parse(arguments *args, const command *cmd, int argc, char **argv, problem *why)
{
    *args = (struct arguments){.command = cmd, .words = (const char *const *)argv};
    assert(!option_at(cmd, OPTIONS_MAX));
    args->help = asks_for_help(argc, argv);
    if (args->help) return SILMA_OK;

    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (options_end || argv[i][0] != '-' || argv[i][1] == 0) {
            argv[args->word_count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (argv[i][1] != '-') {
            problem_hint(why, "options are whole words after two dashes; 'silma help %s' lists them", cmd->name);
            return problem_set(why, SILMA_USAGE, "unknown option %s", argv[i]);
        } else {
            silma_status status = parse_option(args, argc, argv, &i, why);
            if (status) return status;
        }
    }
    return SILMA_OK;
}

bool option_declared(const arguments *args, const char *name)
{
    size_t index;
    return find_option(args->command, name, strlen(name), &index);
}

const char *option_text(const arguments *args, const char *name)
{
    size_t index;
    bool declared = find_option(args->command, name, strlen(name), &index);
    assert(declared);
    return declared ? args->values[index] : NULL;
}

bool option_given(const arguments *args, const char *name)
{
    return option_text(args, name) != NULL;
}

bool parse_count(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    if (!*text) return false;
    uint64_t result = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (result > (UINT64_MAX - digit) / 10) return false;
        result = result * 10 + digit;
    }
    if (result < least || result > most) return false;
    *value = result;
    return true;
}

silma_status option_count(const arguments *args, const char *name, uint64_t least, uint64_t most, uint64_t *value,
                          problem *why)
{
    const char *text = option_text(args, name);
    if (!text || parse_count(text, least, most, value)) return SILMA_OK;
    return problem_set(why, SILMA_USAGE, "--%s: expected a whole number from %s to %s, found '%s'", name,
                       text_count(least).text, text_count(most).text, text);
}

silma_status option_choice(const arguments *args, const char *name, const char *const *choices, size_t count,
                           size_t *index, problem *why)
{
    const char *text = option_text(args, name);
    if (!text) return SILMA_OK;
    char list[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *index = i;
            return SILMA_OK;
        }
        const char *separator = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        int length = snprintf(list + used, sizeof list - used, "%s%s", separator, choices[i]);
        if (length > 0 && used + (size_t)length < sizeof list) used += (size_t)length;
    }
    const char *closest = text_closest(text, choices, count);
    if (closest) problem_hint(why, "did you mean '%s'?", closest);
    return problem_set(why, SILMA_USAGE, "--%s: expected %s, found '%s'", name, list, text);
}

// "silma eval MODEL --data NAME [options]": the line of the synopsis that begins with the first word ("data info"), or
// else the first line, for hints.
static void hint_usage(const arguments *args, problem *why)
{
    const command *cmd = args->command;
    const char *first = args->word_count > 0 ? args->words[0] : "";
    const char *line = cmd->synopsis, *other = line;
    do {
        other += *other == '\n';
        size_t length = strcspn(other, " \n");
        if (strlen(first) == length && memcmp(first, other, length) == 0) line = other;
        other = strchr(other, '\n');
    } while (other);
    problem_hint(why, "silma %s %.*s", cmd->name, (int)strcspn(line, "\n"), line);
}

silma_status arguments_expect_words(const arguments *args, size_t least, size_t most, const char *what, problem *why)
{
    if (args->word_count < least) {
        hint_usage(args, why);
        return problem_set(why, SILMA_USAGE, "%s is missing", what);
    }
    if (args->word_count > most) {
        hint_usage(args, why);
        return problem_set(why, SILMA_USAGE, "unexpected word '%s'", args->words[most]);
    }
    return SILMA_OK;
}

// Prints `text` from column `indent` on, broken at spaces before column 80; the cursor stands at column `column`.
static void print_wrapped(FILE *stream, const char *text, int indent, int column)
{
    enum { RIGHT_MARGIN = 80 };
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > RIGHT_MARGIN) {
            fprintf(stream, "\n");
            column = 0;
        } else if (column > indent) {
            fprintf(stream, " ");
            column++;
        }
        if (column < indent) {
            fprintf(stream, "%*s", indent - column, "");
            column = indent;
        }
        fprintf(stream, "%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    fprintf(stream, "\n");
}

static void print_options(const option_group *group, FILE *stream)
{
    enum { HELP_COLUMN = 28 };
    fprintf(stream, "\n%s:\n", group->title);
    for (const option *o = group->options; o->name; o++) {
        int column = fprintf(stream, "  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        if (column + 2 > HELP_COLUMN) {
            fprintf(stream, "\n");
            column = 0;
        }
        print_wrapped(stream, o->help, HELP_COLUMN, column);
    }
}

void command_print_help(const command *cmd, FILE *stream)
{
    const char *line = cmd->synopsis, *lead = "Usage:";
    while (true) {
        int length = (int)strcspn(line, "\n");
        fprintf(stream, "%-6s silma %s%s%.*s\n", lead, cmd->name, length > 0 ? " " : "", length, line);
        if (line[length] == 0) break;
        line += length + 1;
        lead = "";
    }
    fprintf(stream, "\n%s\n", cmd->details);
    for (const option_group *const *group = cmd->groups; *group; group++)
        print_options(*group, stream);
}
