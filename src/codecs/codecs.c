#include "silma/codecs.h"

#include "codecs/gzip.h"

const silma_codecs *silma_codecs_default(void)
{
    static const silma_codecs CODECS = {.gunzip = gzip_decompress};
    return &CODECS;
}
