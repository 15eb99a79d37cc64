// Options for folders of pictures, and what is told about them.
#ifndef SILMA_CLI_PICTURES_H
#define SILMA_CLI_PICTURES_H

#include "options.h"

// --size, --resize, --background, --color, --strict
extern const option_group picture_options;

silma_status read_picture_options(const arguments *args, silma_dataset_options *options, problem *why);

// Where --size and --color leave them open, pictures take the size and the colours of a network that names its input.
void take_network_size(const char *name_or_path, silma_dataset_options *options);

// SILMA_USAGE if one of the options was given for a data set that is not made of pictures.
silma_status check_picture_options(const arguments *args, const silma_dataset *dataset, problem *why);

// A silma_notice_fn: a line on stderr.
void print_notice(const char *message, void *user);

#endif
