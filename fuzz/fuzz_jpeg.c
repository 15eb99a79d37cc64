// A JPEG file of any bytes, at its full size and at a fraction.
#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const int LEAST_SIDES[] = {0, 4};
    for (int i = 0; i < 2; i++) {
        silma_picture picture;
        decode(input, size, LEAST_SIDES[i], &picture);
        free(picture.pixels);
    }
    return 0;
}
