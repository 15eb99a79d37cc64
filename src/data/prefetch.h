// Sets larger than memory: while the network works on one batch, a thread brings the images of the next one from the
// disk into the page cache, so that nobody waits for them. What is in memory anyway needs no such thread.
#ifndef SILMA_DATA_PREFETCH_H
#define SILMA_DATA_PREFETCH_H

#include "silma/silma.h"

typedef struct prefetcher prefetcher;

// For batches of at most `most` images. *prefetcher is null where the pixels are in memory; all functions take it.
silma_status prefetcher_create(prefetcher **prefetcher, const silma_dataset *dataset, size_t most, silma_error *error);
void prefetcher_free(prefetcher *p);

// These images will be needed soon. Returns at once; takes the place of what was asked for before and not begun.
void prefetcher_ask(prefetcher *p, const uint32_t *indices, size_t count);

#endif
