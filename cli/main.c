// The command `silma`: finds the subcommand, runs it, and turns its status into an exit code.
#include "commands.h"
#include "output.h"
#include "setup.h"
#include "signals.h"
#include "text.h"

#include <silma/silma.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static silma_status run_help(const arguments *args, problem *why);

static const command help_command = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "explain a command and its options",
    .details = "Without a word, lists the commands; with one, explains it.",
    .run = run_help,
};

static const command *const commands[] = {
    &train_command,     &eval_command,  &predict_command, &calibrate_command, &summary_command,
    &models_command,    &data_command,  &report_command,  &compare_command,   &thesis_command,
    &gradcheck_command, &trace_command, &bench_command,   &plot_command,      &help_command,
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

static silma_status unknown_command(const char *name, problem *why)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    const char *closest = text_closest(name, names, COMMAND_COUNT);
    if (closest)
        problem_hint(why, "did you mean '%s'?", closest);
    else
        problem_hint(why, "'silma help' lists the commands");
    return problem_set(why, SILMA_USAGE, "unknown command '%s'", name);
}

static void print_overview(void)
{
    printf("Usage: silma COMMAND [options]\n\n"
           "Trains, explains and ships image classifiers on the CPU.\n\n"
           "Commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-11s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n"
           "  --help      this text; after a command: its options\n"
           "  --version   the version, the instruction set in use and the parts that were built in\n\n"
           "Start with:   silma train cnn --data fashion-mnist\n");
}

static silma_status run_help(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 0, 1, "a command", why);
    if (status) return status;
    if (args->word_count == 0) {
        print_overview();
        return SILMA_OK;
    }
    const command *cmd = find_command(args->words[0]);
    if (!cmd) return unknown_command(args->words[0], why);
    command_print_help(cmd, stdout);
    return SILMA_OK;
}

static silma_status print_version(problem *why)
{
#ifdef SILMA_HAVE_CODECS
    const char *gzip = "yes";
#else
    const char *gzip = "no";
#endif
#ifdef SILMA_HAVE_CURL
    const char *download = "yes";
#else
    const char *download = "no";
#endif
#ifdef SILMA_HAVE_REPORT
    const char *pages = "yes";
#else
    const char *pages = "no";
#endif
#ifdef SILMA_HAVE_RASTER
    const char *raster = "yes";
#else
    const char *raster = "no";
#endif
#ifdef __clang__
    const char *compiler = __VERSION__; // names itself
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    silma_context *context = NULL;
    silma_status status = silma_context_create(&context, NULL, &why->error);
    if (status) return status;
    printf("silma %s\n", silma_version());
    printf("instruction set: %s, threads: %u\n", silma_context_isa(context), silma_context_threads(context));
    printf("built with: gzip %s, download %s, pages %s, figures as PNG %s; compiler %s\n", gzip, download, pages,
           raster, compiler);
    silma_context_free(context);
    return SILMA_OK;
}

static silma_status run_command(const command *cmd, int argc, char **argv, problem *why)
{
    arguments args = {.command = cmd};
    if (cmd->left_out && argc > 0 && strcmp(argv[0], "--help") != 0) return cmd->run(&args, why);
    silma_status status = arguments_parse(&args, cmd, argc, argv, why);
    if (status) return status;
    if (args.help) {
        command_print_help(cmd, stdout);
        return SILMA_OK;
    }
    status = check_environment(why);
    bool makes_it = cmd == &data_command && args.word_count > 0 && strcmp(args.words[0], "get") == 0;
    if (!status && !makes_it) status = check_data_dir(&args, why);
    return status ? status : cmd->run(&args, why);
}

// `*name` becomes the subcommand, for messages.
static silma_status dispatch(int argc, char **argv, const char **name, problem *why)
{
    if (argc < 2) {
        problem_hint(why, "'silma help' lists the commands");
        return problem_set(why, SILMA_USAGE, "no command given");
    }
    if (strcmp(argv[1], "--version") == 0) return print_version(why);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_overview();
        return SILMA_OK;
    }
    if (argv[1][0] == '-') {
        problem_hint(why, "the command comes first: silma COMMAND [options]; 'silma help' lists the commands");
        return problem_set(why, SILMA_USAGE, "unknown option %s", argv[1]);
    }
    const command *cmd = find_command(argv[1]);
    if (!cmd) return unknown_command(argv[1], why);
    *name = cmd->name;
    return run_command(cmd, argc - 2, argv + 2, why);
}

static int exit_code(silma_status status)
{
    if (status == SILMA_INTERRUPTED && signals_caught()) return 128 + signals_caught();
    return (int)status;
}

int main(int argc, char **argv)
{
    output_prepare();
    problem why = {.hint = ""};
    const char *name = NULL;
    silma_status status = dispatch(argc, argv, &name, &why);

    // Nobody reads on: `silma models | head -1` ends without a word.
    bool broken = output_is_broken();
    if (status && !(broken && status == SILMA_INTERRUPTED)) problem_print(&why, name);
    silma_status written = output_close(&why);
    if (broken && (written || status == SILMA_INTERRUPTED)) return EXIT_BROKEN_PIPE;
    if (written && !status) {
        problem_print(&why, name);
        status = written;
    }
    return exit_code(status);
}
