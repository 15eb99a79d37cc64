// silma predict MODEL PATH...: pictures in files, folders and standard input.
#ifndef SILMA_CLI_PREDICT_FILES_H
#define SILMA_CLI_PREDICT_FILES_H

#include "prediction.h"

typedef enum prediction_format { FORMAT_TEXT = 0, FORMAT_JSON, FORMAT_CSV } prediction_format;

// Shows a batch at a time. A file that cannot be read is named on stderr, and the others are shown all the same; then
// the status is SILMA_BAD_FILE. SILMA_INTERRUPTED if nobody reads standard output any more.
silma_status predict_paths(silma_model *model, silma_context *context, prediction_view *view, prediction_format format,
                           const char *const *paths, size_t path_count, problem *why);

#endif
