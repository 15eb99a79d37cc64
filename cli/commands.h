// The subcommands. A new one is a file of its own, a line here, and a line in main.c's list.
#ifndef SILMA_CLI_COMMANDS_H
#define SILMA_CLI_COMMANDS_H

#include "options.h"

extern const cmd train_command;
extern const cmd eval_command;
extern const cmd predict_command;
extern const cmd summary_command;
extern const cmd models_command;
extern const cmd data_command;
extern const cmd gradcheck_command;

#endif
