#include "silma/codecs.h"

#include "codecs/gzip.h"
#include "codecs/picture.h"

const silma_codecs *silma_codecs_default(void)
{
    static const silma_codecs CODECS = {
        .gunzip = gzip_decompress,
        .decode_picture = picture_decode,
        .encode_png = png_encode,
    };
    return &CODECS;
}
