// The report of a run, for `silma report` and at the end of `silma train`: the page, and what a compact
// picture on the terminal needs. Where the build has no libsilma-report, no_report.c stands in.
#ifndef SILMA_CLI_REPORT_PAGE_H
#define SILMA_CLI_REPORT_PAGE_H

#include "problem.h"

#include <silma/report.h>

extern const bool pages_are_built;

// silma_report_create with every codec of this build. `data_problem` (may be null) says why there is no data set.
silma_status report_create(silma_report **report, const char *folder, silma_context *context,
                           const silma_dataset *dataset, const char *data_problem, problem *why);

silma_status report_write(silma_report *report, const char *path, problem *why);
const silma_evaluation *report_evaluation(const silma_report *report); // null for a null report
void report_free(silma_report *report);                                // null is allowed
// A picture_class_fn whose owner is the report.
const char *report_class(const void *report, int index);

#endif
