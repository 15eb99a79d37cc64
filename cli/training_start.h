// What `silma train` says before the first epoch.
#ifndef SILMA_CLI_TRAINING_START_H
#define SILMA_CLI_TRAINING_START_H

#include <jansson.h>
#include <silma/silma.h>

typedef struct training {
    const silma_context *context;
    const silma_dataset *dataset;
    const char *folder;
} training;

// What is trained on what, notices where the images or the settings deserve one, and every resolved setting; `config`
// is the run's config.json.
void training_print_start(const training *t, const json_t *config);

#endif
