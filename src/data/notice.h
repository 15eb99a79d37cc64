// What the user should know although nothing failed.
#ifndef SILMA_DATA_NOTICE_H
#define SILMA_DATA_NOTICE_H

#include "silma/silma.h"

// Passes on one line, if the caller wants any.
void notice(const silma_dataset_options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
