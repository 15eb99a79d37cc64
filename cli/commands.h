// The subcommands. A new one is a file of its own, a line here, and a line in main.c's list.
#ifndef SILMA_CLI_COMMANDS_H
#define SILMA_CLI_COMMANDS_H

#include "options.h"

extern const command train_command;
extern const command eval_command;
extern const command predict_command;
extern const command calibrate_command;
extern const command summary_command;
extern const command models_command;
extern const command data_command;
extern const command gradcheck_command;
extern const command bench_command;
extern const command report_command;
extern const command trace_command;
extern const command compare_command;
extern const command plot_command;
extern const command thesis_command;

#endif
