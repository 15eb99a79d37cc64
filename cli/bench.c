// silma bench: speed of the kernels, of training and of inference, as a fraction of the CPU's peak.
#define _GNU_SOURCE
#include "commands.h"
#include "output.h"
#include "setup.h"
#include "text.h"

#include <silma/report.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

enum { SWEEP_MAX = 16, THREADS_MOST = 256, REPEATS_MOST = 100000, BATCH_DEFAULT = 128, BATCH_MOST = 1 << 20 };

// ---------------------------------------------------------------------------------------------------------------------
// The machine

enum { FIELD_SIZE = 128 };

// What follows `key` and a colon on the first such line of a file of Linux's /proc; false where there is none.
static bool read_proc(const char *path, const char *key, char value[FIELD_SIZE])
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        size_t length = strlen(key);
        const char *colon = strncmp(line, key, length) == 0 ? line + length + strspn(line + length, " \t") : NULL;
        if (!colon || *colon != ':') continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(value, FIELD_SIZE, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = true;
    }
    fclose(file);
    return found;
}

static void cpu_name(char name[FIELD_SIZE])
{
    struct utsname machine;
    if (read_proc("/proc/cpuinfo", "model name", name)) return;
    snprintf(name, FIELD_SIZE, "%s", uname(&machine) == 0 ? machine.machine : "unknown");
}

// The most memory that this process has held; 0 where the system does not say.
static uint64_t peak_memory(void)
{
    char text[FIELD_SIZE];
    uint64_t kilobytes;
    if (!read_proc("/proc/self/status", "VmHWM", text)) return 0;
    text[strcspn(text, " ")] = 0; // "12345 kB"
    return parse_count(text, 0, UINT64_MAX / 1024, &kilobytes) ? kilobytes * 1024 : 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// What is asked for

typedef struct bench_request {
    const arguments *args;
    uint64_t repeats, batch;
    silma_input input;
    bool training;          // or inference
    silma_dataset *dataset; // to train on; null: noise
    size_t thread_count, isa_count;
    unsigned threads[SWEEP_MAX]; // 0: one per processor
    char isas[SWEEP_MAX][16];    // "": the best
    json_t *results;             // null: a table is printed
    const silma_context *context;
    double best_peak; // and the machine that reached it
    char best_isa[16];
    unsigned best_threads;
} bench_request;

// Splits --NAME A,B,... into `items` of 16 bytes; one empty item where the option is absent.
static silma_status split_list(const arguments *args, const char *name, char items[SWEEP_MAX][16], size_t *count,
                               problem *why)
{
    const char *text = option_text(args, name);
    items[0][0] = 0;
    *count = 1;
    if (!text) return SILMA_OK;
    for (*count = 0; *count < SWEEP_MAX; ++*count) {
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= sizeof items[0]) break;
        snprintf(items[*count], sizeof items[0], "%.*s", (int)length, text);
        if (text[length] == 0) {
            ++*count;
            return SILMA_OK;
        }
        text += length + 1;
    }
    return problem_set(why, SILMA_USAGE, "--%s: expected a list such as A,B of at most %d words, found '%s'", name,
                       SWEEP_MAX, option_text(args, name));
}

static silma_status read_sweeps(bench_request *request, problem *why)
{
    char threads[SWEEP_MAX][16];
    silma_status status = split_list(request->args, "isa", request->isas, &request->isa_count, why);
    if (!status) status = split_list(request->args, "threads", threads, &request->thread_count, why);
    for (size_t i = 0; i < request->thread_count && !status; i++) {
        uint64_t value = 0;
        if (threads[i][0] && !parse_count(threads[i], 1, THREADS_MOST, &value))
            status = problem_set(why, SILMA_USAGE, "--threads: expected whole numbers from 1 to %d, found '%s'",
                                 THREADS_MOST, threads[i]);
        request->threads[i] = (unsigned)value;
    }
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Results

static void print_heading(bool errors)
{
    printf("| %-48s | %-7s | %7s | %10s | %6s | %10s | %8s | %8s | %7s |%s\n", "What", "ISA", "Threads", "Median ms",
           "Spread", "Images/s", "GFLOP/s", "FMA peak", "Of peak", errors ? "   Error |" : "");
    printf("|:%.48s-|:%.7s-|-%.7s:|-%.10s:|-%.6s:|-%.10s:|-%.8s:|-%.8s:|-%.7s:|%s\n",
           "------------------------------------------------", "-------", "-------", "----------", "------",
           "----------", "--------", "--------", "-------", errors ? "--------:|" : "");
}

static void print_error(double relative_error)
{
    if (isnan(relative_error))
        printf(" %7s |", "");
    else
        printf(" %7.1e |", relative_error);
}

static void print_row(const bench_request *request, const silma_bench_result *result)
{
    double spread = (result->seconds_high - result->seconds_low) / result->seconds_median;
    char name[2 * sizeof result->name];
    text_printable(name, sizeof name, result->name);
    printf("| %s%*s | %-7s | %7u | %10.4g | %4.0f %% | %10s | %8.1f | %8.1f | %7.2f |", name, text_padding(name, 48),
           "", silma_context_isa(request->context), silma_context_threads(request->context),
           1e3 * result->seconds_median, 100 * spread, text_count((uint64_t)(result->images_per_second + 0.5)).text,
           result->gflops, result->peak_gflops, result->fraction_of_peak);
    if (option_given(request->args, "error")) print_error(result->relative_error);
    printf("\n");
    fflush(stdout);
}

static json_t *result_json(const bench_request *request, const silma_bench_result *result)
{
    return json_pack(
        "{s:o, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", output_string(result->name), "isa",
        silma_context_isa(request->context), "threads", (int)silma_context_threads(request->context), "images",
        output_integer(result->images), "repeats", output_integer(result->repeats), "seconds_median",
        output_number(result->seconds_median), "seconds_low", output_number(result->seconds_low), "seconds_high",
        output_number(result->seconds_high), "images_per_second", output_number(result->images_per_second), "gflops",
        output_number(result->gflops), "peak_gflops", output_number(result->peak_gflops), "fraction_of_peak",
        output_number(result->fraction_of_peak), "relative_error", output_number(result->relative_error));
}

static bool report(const silma_bench_result *result, void *user)
{
    bench_request *request = user;
    if (result->peak_gflops > request->best_peak) {
        request->best_peak = result->peak_gflops;
        request->best_threads = silma_context_threads(request->context);
        snprintf(request->best_isa, sizeof request->best_isa, "%s", silma_context_isa(request->context));
    }
    if (!request->results) {
        print_row(request, result);
        return !output_is_broken();
    }
    return json_array_append_new(request->results, result_json(request, result)) == 0;
}

static silma_status print_end(bench_request *request, problem *why)
{
    char cpu[FIELD_SIZE];
    cpu_name(cpu);
    uint64_t memory = peak_memory();
    if (!request->results) {
        printf("\n%s; silma %s", cpu, silma_version());
        if (memory > 0) printf("; peak memory of the process %s", text_bytes(memory).text);
        printf("\n");
        return SILMA_OK;
    }
    json_t *root = json_pack("{s:s, s:o, s:s, s:i, s:o, s:o, s:O}", "version", silma_version(), "cpu",
                             output_string(cpu), "isa", request->best_isa, "threads", (int)request->best_threads,
                             "peak_gflops", output_number(request->best_peak), "peak_memory_bytes",
                             memory > 0 ? output_integer(memory) : json_null(), "results", request->results);
    return output_json(root, why);
}

// ---------------------------------------------------------------------------------------------------------------------
// What is measured

typedef silma_status bench_kind(bench_request *request, silma_context *context, problem *why);

static silma_bench_options bench_options(const bench_request *request)
{
    return (silma_bench_options){.repeats = (size_t)request->repeats,
                                 .filter = option_text(request->args, "filter"),
                                 .augment = option_text(request->args, "augment"),
                                 .errors = option_given(request->args, "error")};
}

static silma_status bench_kernels(bench_request *request, silma_context *context, problem *why)
{
    silma_bench_options options = bench_options(request);
    return silma_bench_kernels(context, &options, report, request, &why->error);
}

static silma_status fail_report(problem *why)
{
    if (output_is_broken()) return problem_set(why, SILMA_INTERRUPTED, "standard output: nobody reads on");
    return problem_set_memory(why);
}

static silma_status bench_network(bench_request *request, silma_context *context, problem *why)
{
    silma_bench_options options = bench_options(request);
    silma_bench_result result;
    silma_network *network = NULL;
    size_t batch = (size_t)request->batch;
    silma_status status = open_network(request->args->words[1], &request->input, &network, why);
    if (!status && request->training)
        status = silma_bench_train(context, network, request->dataset, batch, &options, &result, &why->error);
    else if (!status)
        status = silma_bench_infer(context, network, batch, &options, &result, &why->error);
    if (!status && !report(&result, request)) status = fail_report(why);
    silma_network_free(network);
    return status;
}

static silma_status bench_once(bench_request *request, bench_kind *kind, const char *isa, unsigned threads,
                               problem *why)
{
    silma_context *context = NULL;
    silma_context_options options = {
        .threads = threads, .isa = isa[0] ? isa : NULL, .no_winograd = option_given(request->args, "no-winograd")};
    silma_status status = silma_context_create(&context, &options, &why->error);
    request->context = context;
    if (!status) status = kind(request, context, why);
    silma_context_free(context);
    return status;
}

static silma_status sweep(bench_request *request, bench_kind *kind, problem *why)
{
    silma_status status = SILMA_OK;
    if (option_given(request->args, "json") && !(request->results = json_array())) return problem_set_memory(why);
    if (!request->results) print_heading(option_given(request->args, "error"));
    for (size_t i = 0; i < request->isa_count; i++)
        for (size_t t = 0; t < request->thread_count && !status; t++)
            status = bench_once(request, kind, request->isas[i], request->threads[t], why);
    if (!status) status = print_end(request, why);
    json_decref(request->results);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The command line

static silma_status forbid(const arguments *args, const char *const *names, problem *why)
{
    for (; *names; names++)
        if (option_given(args, *names))
            return problem_set(why, SILMA_USAGE, "--%s does not go with 'silma bench %s'", *names, args->words[0]);
    return SILMA_OK;
}

static silma_status run_kernels(bench_request *request, problem *why)
{
    static const char *const others[] = {"data", "data-dir", "input", "classes", "batch", "steps", "augment", NULL};
    silma_status status = arguments_expect_words(request->args, 1, 1, "what to measure", why);
    if (!status) status = forbid(request->args, others, why);
    if (!status) status = option_count(request->args, "repeats", 1, REPEATS_MOST, &request->repeats, why);
    return status ? status : sweep(request, bench_kernels, why);
}

// Inference needs the size of the images only.
static silma_status read_images(bench_request *request, problem *why)
{
    const char *data = option_text(request->args, "data"), *data_dir = option_text(request->args, "data-dir");
    if (!request->training) return data_input(data, data_dir, &request->input, why);
    silma_status status = open_dataset(data, data_dir, SILMA_SPLIT_TRAIN, &request->dataset, why);
    if (!status) request->input = dataset_input(request->dataset);
    return status;
}

static silma_status read_network_options(bench_request *request, problem *why)
{
    static const char *const others[] = {"filter", "repeats", "error", NULL};
    static const char *const training_only[] = {"augment", NULL};
    const arguments *args = request->args;
    silma_status status = arguments_expect_words(args, 2, 2, "a network", why);
    if (!status) status = forbid(args, others, why);
    if (!status && !request->training) status = forbid(args, training_only, why);
    if (!status) status = option_count(args, "steps", 1, REPEATS_MOST, &request->repeats, why);
    if (!status) status = option_count(args, "batch", 1, BATCH_MOST, &request->batch, why);
    if (!status) status = network_input(args, &request->input, why);
    if (status || !option_given(args, "data")) return status;

    if (option_given(args, "input")) return problem_set(why, SILMA_USAGE, "--data and --input exclude each other");
    return read_images(request, why);
}

static silma_status run_network(bench_request *request, problem *why)
{
    silma_status status = read_network_options(request, why);
    if (!status) status = sweep(request, bench_network, why);
    silma_dataset_free(request->dataset);
    return status;
}

static silma_status run(const arguments *args, problem *why)
{
    bench_request request = {.args = args, .batch = BATCH_DEFAULT};
    silma_status status = arguments_expect_words(args, 1, 2, "what to measure", why);
    if (!status) status = read_sweeps(&request, why);
    if (status) return status;
    if (strcmp(args->words[0], "kernels") == 0) return run_kernels(&request, why);
    request.training = strcmp(args->words[0], "train") == 0;
    if (request.training || strcmp(args->words[0], "infer") == 0) return run_network(&request, why);
    return problem_set(why, SILMA_USAGE, "expected kernels, train or infer, found '%s'", args->words[0]);
}

static const option table[] = {
    {"filter", "TEXT", "kernels: only those whose name contains it, such as 'dense' or '64->64@16 forward'"},
    {"repeats", "N", "kernels: samples of each (default: half a second's, at least 5)"},
    {"error", NULL, "kernels: how far convolutions are from sums in double precision, in a column of its own"},
    {"data", "NAME|DIR", "train: the images; infer: their size"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"input", "HxWxC", "train, infer: noise of this size instead, where the network says 'input auto'"},
    {"classes", "N", "the number of classes, where the network says 'dense classes' (default: the data's, or 10)"},
    {"batch", "N", "train, infer: images a step (default: 128)"},
    {"steps", "N", "train, infer: samples of at least one step (default: half a second's, at least 5)"},
    {"augment", "\"NAME ...\"", "train: how images are changed, instead of the recipe's augmentation"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

static const option sweep_table[] = {
    {"threads", "N,...", "worker threads, one run each (default: one per processor)"},
    {"isa", "NAME,...", "instruction sets: avx512, avx2, neon, scalar (default: $SILMA_ISA, or the best)"},
    {"no-winograd", NULL, "convolve by direct sums only"},
    {0},
};
static const option_group sweep_options = {"Sweeps", sweep_table};

const command bench_command = {
    .name = "bench",
    .synopsis = "kernels [options]\ntrain NETWORK|FILE.silma [options]\ninfer NETWORK|FILE.silma [options]",
    .summary = "measure the speed of kernels, training and inference",
    .details = "Prints a Markdown table: the median time and its spread (between the quartiles), images a second,\n"
               "GFLOP/s as if every convolution were made of direct sums, and the fraction of the FMA peak: what a\n"
               "loop of multiply-adds in registers reaches on the same threads, measured between the samples.",
    .groups = {&options, &sweep_options},
    .run = run,
};
