#include "report_page.h"

#include "setup.h"

const bool pages_are_built = true;

silma_status report_create(silma_report **report, const char *folder, silma_context *context,
                           const silma_dataset *dataset, const char *data_problem, problem *why)
{
    silma_dataset_options data = dataset_options(NULL);
    silma_report_options options = {.codecs = data.codecs, .data_problem = data_problem};
    return silma_report_create(report, folder, context, dataset, &options, &why->error);
}

silma_status report_write(silma_report *report, const char *path, problem *why)
{
    return silma_report_write(report, path, &why->error);
}

const silma_evaluation *report_evaluation(const silma_report *report)
{
    return report ? silma_report_evaluation(report) : NULL;
}

void report_free(silma_report *report)
{
    silma_report_free(report);
}

const char *report_class(const void *report, int index)
{
    return silma_report_class_name(report, index);
}
