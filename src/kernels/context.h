// What silma_context holds.
#ifndef SILMA_KERNELS_CONTEXT_H
#define SILMA_KERNELS_CONTEXT_H

#include "kernels/kernels.h"

struct silma_context {
    thread_pool *pool;
    const kernels *k;
};

#endif
