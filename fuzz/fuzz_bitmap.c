// A BMP or PNM file of any bytes.
#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    silma_picture picture;
    decode(input, size, 0, &picture);
    free(picture.pixels);
    return 0;
}
