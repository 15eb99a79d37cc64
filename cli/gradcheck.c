// silma gradcheck: every analytic gradient against a numerical one.
#include "commands.h"
#include "output.h"
#include "setup.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHECKS_MAX = 1024 };

static size_t count_failures(const silma_gradient_check *checks, size_t count)
{
    size_t failures = 0;
    for (size_t i = 0; i < count; i++)
        failures += !checks[i].passed;
    return failures;
}

static silma_status print_json(const silma_gradient_check *checks, size_t count, problem *why)
{
    json_t *results = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *check = json_pack("{s:o, s:o, s:o, s:b}", "name", output_string(checks[i].name), "checked",
                                  output_integer(checks[i].checked), "worst", output_number(checks[i].worst), "passed",
                                  (int)checks[i].passed);
        output_append(&results, check);
    }
    int passed = count_failures(checks, count) == 0;
    return output_json(json_pack("{s:b, s:o}", "passed", passed, "results", results), why);
}

static void print_table(const silma_gradient_check *checks, size_t count)
{
    printf("%-32s %9s  %-12s\n", "Gradient of", "Checked", "Worst error");
    for (size_t i = 0; i < count; i++) {
        char name[sizeof checks[i].name];
        text_printable(name, sizeof name, checks[i].name);
        printf("%s%*s %9zu  %-12.2e %s\n", name, text_padding(name, 32), "", checks[i].checked, checks[i].worst,
               checks[i].passed ? "passed" : "FAILED");
    }
}

static silma_status check_network(const arguments *args, silma_context *context, const silma_network *network,
                                  uint64_t seed, problem *why)
{
    silma_gradient_check *checks = calloc(CHECKS_MAX, sizeof *checks);
    if (!checks) return problem_set_memory(why);
    size_t count = 0;
    silma_status status = silma_gradcheck(context, network, seed, checks, CHECKS_MAX, &count, &why->error);
    if (!status && option_given(args, "json"))
        status = print_json(checks, count, why);
    else if (!status)
        print_table(checks, count);
    size_t failures = status ? 0 : count_failures(checks, count);
    free(checks);
    if (status || failures == 0) return status;
    return problem_set(why, SILMA_FAILURE, "%zu of %zu gradients differ from their numerical derivative", failures,
                       count);
}

static silma_status run(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 1, 1, "a network", why);
    silma_input input = {0};
    uint64_t seed = 0;
    if (!status) status = network_input(args, &input, why);
    if (!status) status = option_count(args, "seed", 0, UINT64_MAX, &seed, why);
    if (status) return status;

    silma_context *context = NULL;
    silma_network *network = NULL;
    status = open_context(args, &context, why);
    if (!status) status = open_network(args->words[0], &input, &network, why);
    if (!status) status = check_network(args, context, network, seed, why);
    silma_network_free(network);
    silma_context_free(context);
    return status;
}

static const option table[] = {
    {"input", "HxWxC", "the size of an image, where the network says 'input auto'"},
    {"classes", "N", "the number of classes, where the network says 'dense classes' (default: 10)"},
    {"seed", "N", "seed of the random weights and images (default: 0)"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command gradcheck_command = {
    .name = "gradcheck",
    .synopsis = "NETWORK|FILE.silma [options]",
    .summary = "compare every analytic gradient with a numerical one",
    .details =
        "Compares, for each parameter tensor of a network and for its input, the gradient that backward\n"
        "computes with a central difference of the loss. Exits with 1 if one of them differs. Each tensor takes\n"
        "hundreds of passes: check a large network with a small --input.",
    .groups = {&options, &machine_options},
    .run = run,
};
