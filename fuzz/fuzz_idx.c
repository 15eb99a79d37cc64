// A pair of IDX files. The input: a byte whose lowest bit says that both are compressed, the size of the labels' file
// as two little-endian bytes, the labels' file, the images' file.
#include "data/data_file.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "silma/codecs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

enum { PREFIX = 3, CLASSES = 10 };

static silma_status load(silma_dataset *dataset, const uint8_t *input, size_t size, silma_error *error)
{
    const char *path = input[0] & 1 ? "fuzz.gz" : "fuzz";
    size_t label_bytes = input[1] | (size_t)input[2] << 8;
    if (label_bytes > size - PREFIX) label_bytes = size - PREFIX;
    data_file images, labels;
    const silma_codecs *codecs = silma_codecs_default();
    silma_status status = data_file_over(&labels, path, input + PREFIX, label_bytes, codecs, error);
    if (status == SILMA_OK)
        status =
            data_file_over(&images, path, input + PREFIX + label_bytes, size - PREFIX - label_bytes, codecs, error);
    return status == SILMA_OK ? idx_load(dataset, &images, &labels, CLASSES, error) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    silma_dataset *dataset;
    if (size < PREFIX || dataset_create(&dataset, "fuzz", NULL, NULL) != SILMA_OK) return 0;
    silma_error error;
    if (load(dataset, input, size, &error) == SILMA_OK)
        (void)silma_dataset_hash(dataset);
    else if (error.status != SILMA_BAD_FILE)
        abort();
    silma_dataset_free(dataset);
    return 0;
}
