// Runs a fuzz target over stored inputs, without a fuzzer: replay FILE...
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { INPUT_MAX = 1 << 20 };

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *input = malloc(INPUT_MAX);
    int failed = !file || !input;
    if (!failed) {
        size_t size = fread(input, 1, INPUT_MAX, file);
        failed = ferror(file) != 0;
        if (!failed) failed = LLVMFuzzerTestOneInput(input, size);
    }
    if (failed) fprintf(stderr, "%s: cannot be replayed\n", path);
    free(input);
    if (file) fclose(file);
    return failed;
}

int main(int count, char **paths)
{
    int failed = 0;
    for (int i = 1; i < count; i++)
        failed |= replay(paths[i]);
    return failed;
}
