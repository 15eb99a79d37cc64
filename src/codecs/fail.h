#ifndef SILMA_CODECS_FAIL_H
#define SILMA_CODECS_FAIL_H

#include "silma/silma.h"

// As silma_fail of the core, which is not visible from this library.
silma_status codec_fail(silma_error *error, silma_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
