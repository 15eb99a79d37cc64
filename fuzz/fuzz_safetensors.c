// A safetensors file of any bytes. What is read must lie in it.
#include "core/sha256.h"
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void use_tensors(const safetensors *file, sha256 *sum)
{
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const safetensor *tensor = safetensors_at(file, i);
        sha256_add(sum, tensor->data, tensor->bytes); // reads every byte
        if (safetensors_find(file, tensor->name) != tensor) abort();
        if (strcmp(tensor->dtype, "F32") == 0 && (uintptr_t)tensor->data % sizeof(float) != 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    uint8_t *bytes = malloc(size > 0 ? size : 1); // aligned, as a mapped file is
    if (!bytes) return 0;
    if (size > 0) memcpy(bytes, input, size);
    safetensors *file = NULL;
    silma_error error;
    if (safetensors_read(&file, bytes, size, "fuzz", &error) == SILMA_OK) {
        sha256 sum;
        sha256_start(&sum);
        use_tensors(file, &sum);
        (void)safetensors_metadata(file, "text");
        safetensors_close(file);
    } else if (error.status != SILMA_BAD_FILE) {
        abort();
    }
    free(bytes);
    return 0;
}
