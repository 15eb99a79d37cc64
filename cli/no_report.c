// Stands in for what is made of libsilma-report in a build without it (-DSILMA_REPORT=OFF).
#include "commands.h"
#include "data_check.h"
#include "report_page.h"

const bool pages_are_built = false;

static silma_status refuse(problem *why)
{
    problem_hint(why, "build with -DSILMA_REPORT=ON");
    return problem_set(why, SILMA_USAGE,
                       "this build has no pages and figures, no check of data and no benchmarks: it was made without "
                       "libsilma-report");
}

silma_status report_create(silma_report **report, const char *folder, silma_context *context,
                           const silma_dataset *dataset, const char *data_problem, problem *why)
{
    (void)folder, (void)context, (void)dataset, (void)data_problem;
    *report = NULL;
    return refuse(why);
}

silma_status report_write(silma_report *report, const char *path, problem *why)
{
    (void)report, (void)path;
    return refuse(why);
}

const silma_evaluation *report_evaluation(const silma_report *report)
{
    (void)report;
    return NULL;
}

void report_free(silma_report *report)
{
    (void)report;
}

const char *report_class(const void *report, int index)
{
    (void)report, (void)index;
    return NULL;
}

silma_status data_check(const arguments *args, problem *why)
{
    (void)args;
    return refuse(why);
}

static silma_status run(const arguments *args, problem *why)
{
    (void)args;
    return refuse(why);
}

static const char left_out[] = "(not in this build)";
static const char details[] = "Needs libsilma-report, which this build was made without (-DSILMA_REPORT=OFF).";

const command report_command = {
    .name = "report", .synopsis = "", .summary = left_out, .details = details, .run = run, .left_out = true};
const command trace_command = {
    .name = "trace", .synopsis = "", .summary = left_out, .details = details, .run = run, .left_out = true};
const command compare_command = {
    .name = "compare", .synopsis = "", .summary = left_out, .details = details, .run = run, .left_out = true};
const command plot_command = {
    .name = "plot", .synopsis = "", .summary = left_out, .details = details, .run = run, .left_out = true};
const command thesis_command = {
    .name = "thesis", .synopsis = "", .summary = left_out, .details = details, .run = run, .left_out = true};
const command bench_command = {
    .name = "bench", .synopsis = "", .summary = left_out, .details = details, .run = run, .left_out = true};
