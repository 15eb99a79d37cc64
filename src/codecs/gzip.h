#ifndef SILMA_CODECS_GZIP_H
#define SILMA_CODECS_GZIP_H

#include "silma/silma.h"

// silma_codecs.gunzip, by zlib.
silma_status gzip_decompress(const char *path, const uint8_t *compressed, size_t size, size_t skip, uint8_t *bytes,
                             size_t count, bool to_end, silma_error *error);

#endif
