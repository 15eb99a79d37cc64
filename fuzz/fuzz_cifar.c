// A CIFAR file. The input: a byte whose lowest bit chooses CIFAR-100, then the file.
#include "data/cifar.h"
#include "data/data_file.h"
#include "data/dataset.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    silma_dataset *dataset;
    if (size < 1 || dataset_create(&dataset, "fuzz", NULL, NULL) != SILMA_OK) return 0;
    bool hundred = input[0] & 1;
    data_file file;
    silma_error error;
    silma_status status = data_file_over(&file, "fuzz", input + 1, size - 1, NULL, &error);
    if (status == SILMA_OK)
        status = cifar_load(dataset, &file, 1, hundred ? CIFAR100_LABEL_BYTES : CIFAR10_LABEL_BYTES, hundred ? 100 : 10,
                            0, &error);
    if (status == SILMA_OK)
        (void)silma_dataset_hash(dataset);
    else if (error.status != SILMA_BAD_FILE)
        abort();
    silma_dataset_free(dataset);
    return 0;
}
