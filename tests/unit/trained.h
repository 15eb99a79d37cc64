// A model that a run has trained.
#ifndef SILMA_TESTS_TRAINED_H
#define SILMA_TESTS_TRAINED_H

#include "scratch.h"

// Trains the network of this text, by the recipe in it, in a folder `name` of `space`; the model in `file` of that
// folder. Fails the running test if something goes wrong.
silma_model *train_model(silma_context *context, const char *text, const silma_dataset *dataset, const scratch *space,
                         const char *name, const char *file);

#endif
