// silma models: the zoo.
#include "commands.h"
#include "output.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static json_t *describe(size_t index)
{
    return json_pack("{s:o, s:o, s:o}", "name", output_string(silma_zoo_name(index)), "title",
                     output_string(silma_zoo_title(index)), "text", output_string(silma_zoo_text(index)));
}

static silma_status print_list_json(problem *why)
{
    json_t *results = json_array();
    for (size_t i = 0; silma_zoo_name(i); i++)
        output_append(&results, describe(i));
    return output_json(json_pack("{s:o}", "results", results), why);
}

static void print_list(void)
{
    for (size_t i = 0; silma_zoo_name(i); i++)
        printf("%-12s %s\n", silma_zoo_name(i), silma_zoo_title(i));
}

static void print_language(void)
{
    printf("Layers, one a line (name=NAME on each; from=NAME where it does not follow the layer before):\n");
    for (size_t i = 0; silma_layer_synopsis(i); i++)
        printf("  %s\n", silma_layer_synopsis(i));
    printf("\nSettings, after a line 'train:':\n");
    for (size_t i = 0; silma_setting_synopsis(i); i++)
        printf("  %s\n", silma_setting_synopsis(i));
}

static silma_status unknown_model(const char *name, problem *why)
{
    enum { NAMES_MAX = 256 };
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; count < NAMES_MAX && silma_zoo_name(count); count++)
        names[count] = silma_zoo_name(count);
    const char *closest = text_closest(name, names, count);
    if (closest)
        problem_hint(why, "did you mean '%s'?", closest);
    else
        problem_hint(why, "'silma models' lists the zoo");
    return problem_set(why, SILMA_USAGE, "no network '%s' in the zoo", name);
}

static silma_status print_one(const char *name, bool json, problem *why)
{
    for (size_t i = 0; silma_zoo_name(i); i++) {
        if (strcmp(silma_zoo_name(i), name) != 0) continue;
        if (json) return output_json(describe(i), why);
        fputs(silma_zoo_text(i), stdout);
        return SILMA_OK;
    }
    return unknown_model(name, why);
}

static silma_status run(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 0, 1, "a network", why);
    if (status) return status;
    bool json = option_given(args, "json");
    if (option_given(args, "layers")) {
        if (args->word_count == 1 || json)
            return problem_set(why, SILMA_USAGE, "--layers stands alone: it describes the language, not a network");
        print_language();
        return SILMA_OK;
    }
    if (args->word_count == 1) return print_one(args->words[0], json, why);
    if (json) return print_list_json(why);
    print_list();
    return SILMA_OK;
}

static const option table[] = {
    {"layers", NULL, "every layer and setting that a .silma file may hold"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command models_command = {
    .name = "models",
    .synopsis = "[NETWORK] [options]",
    .summary = "list the networks of the zoo, or print one",
    .details = "Without a word, lists the networks that Silma brings along. With the name of one, prints its\n"
               ".silma text, to read or to start a network of your own: silma models cnn >my-net.silma",
    .groups = {&options},
    .run = run,
};
