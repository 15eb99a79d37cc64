// Options that several subcommands share, and what they open.
#ifndef SILMA_CLI_SETUP_H
#define SILMA_CLI_SETUP_H

#include "options.h"

// --threads, --backend, --isa, --no-winograd
extern const option_group machine_options;

silma_status open_context(const arguments *args, silma_context **context, problem *why);

// The same for continuing a run: without an option (or $SILMA_ISA) that says otherwise, the kernels that the run was
// trained with, as far as this CPU has them: others give other bits.
silma_status open_run_context(const arguments *args, const char *folder, silma_context **context, problem *why);

// SILMA_USAGE if --data-dir names no folder.
silma_status check_data_dir(const arguments *args, problem *why);

// SILMA_USAGE if a variable that only the command reads makes no sense.
silma_status check_environment(problem *why);

// Where data sets are looked for: in `data_dir` first (may be null), with every codec of this build.
silma_dataset_options dataset_options(const char *data_dir);

// --threads, for what a data set has to decode; SILMA_USAGE for a bad value.
silma_status read_threads(const arguments *args, unsigned *threads, problem *why);

// The data set `name`, or a folder.
silma_status open_dataset(const char *name, const char *data_dir, silma_split split, silma_dataset **dataset,
                          problem *why);

// The training images of the data set `name`, or where that is null of the one that a run folder was trained on;
// options->data_dir (may be null) is searched before the place that it recorded. Pictures are prepared as they were for
// the run.
silma_status open_run_dataset(const char *folder, const char *name, const silma_dataset_options *options,
                              silma_dataset **dataset, problem *why);

// The images that --data and --data-dir name; without --data those of the run whose folder holds the model. Pictures
// are prepared as the model says.
silma_status open_model_dataset(const arguments *args, const char *model_path, const silma_model *model,
                                silma_split split, silma_dataset **dataset, problem *why);

// What `input auto` and `dense classes` become for this data set.
silma_input dataset_input(const silma_dataset *dataset);
// The same by name: the catalogue knows the sizes of its data sets, which need not be there.
silma_status data_input(const char *name, const char *data_dir, silma_input *input, problem *why);

// What --input HxWxC and --classes say; without --input the size is unknown, without --classes there are ten classes,
// as in all of the thesis's experiments.
silma_status network_input(const arguments *args, silma_input *input, problem *why);

// A zoo network or a .silma file.
silma_status open_network(const char *name_or_path, const silma_input *input, silma_network **network, problem *why);

// The name of class `index`, made printable: from `names`, or the number.
enum { CLASS_NAME_SIZE = 128 };
void class_name(char name[CLASS_NAME_SIZE], const char *from_file, int index);

#endif
