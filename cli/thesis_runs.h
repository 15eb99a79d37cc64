// The runs of the thesis's experiments: trained here, continued where they were stopped, or taken from elsewhere.
#ifndef SILMA_CLI_THESIS_RUNS_H
#define SILMA_CLI_THESIS_RUNS_H

#include "options.h"
#include "run_folder.h"

#include <silma/report.h>

// An experiment of one call.
typedef struct thesis_run {
    const silma_thesis_experiment_type *experiment;
    bool wanted;
    char *folder;           // null: there is no run
    silma_dataset *dataset; // the images of the run, or those that it would be trained on; null: missing
    char problem[1024];     // why either is missing
    run_history history;
} thesis_run;

typedef struct thesis_runs {
    thesis_run list[SILMA_THESIS_EXPERIMENTS]; // in the order of silma_thesis_experiment
} thesis_runs;

// Which experiments are wanted: that of --only, or all.
silma_status thesis_runs_choose(const arguments *args, thesis_runs *runs, problem *why);
// Trains those that are wanted in folders below `out`; a run that is there is continued, or left as it is once it is
// finished. A data set that cannot be found leaves its experiments without a run.
silma_status thesis_runs_train(const arguments *args, const char *out, silma_context *context, thesis_runs *runs,
                               problem *why);
// Takes those that are wanted from the folders <from>/<experiment>-seed<N> or <from>/<experiment>.
silma_status thesis_runs_find(const arguments *args, const char *from, thesis_runs *runs, problem *why);
void thesis_runs_free(thesis_runs *runs);

#endif
