// silma data get: download a data set.
#ifndef SILMA_CLI_DATA_GET_H
#define SILMA_CLI_DATA_GET_H

#include "options.h"

silma_status data_get(const arguments *args, problem *why);

#endif
