// silma data check: what is wrong with a data set.
#ifndef SILMA_CLI_DATA_CHECK_H
#define SILMA_CLI_DATA_CHECK_H

#include "options.h"

silma_status data_check(const arguments *args, problem *why);

#endif
