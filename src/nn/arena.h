// Places blocks that live for a span of time into one arena, so that blocks whose lives do not overlap share space.
//
//     offset
//       ^   +---------------------+
//       |   |        y[1]         |   +------+
//       |   +------+--------------+   | dy[2]|
//       |   | y[0] |   | y[2] |       +------+
//       +---+------+---+------+-------+------+--> time
#ifndef SILMA_NN_ARENA_H
#define SILMA_NN_ARENA_H

#include "core/private.h"

#include "silma/silma.h"

enum { ARENA_ALIGNMENT = 64 };

typedef struct arena_block {
    size_t bytes; // a multiple of ARENA_ALIGNMENT; 0 takes no space
    size_t first; // the first and the last moment of its life
    size_t last;
    size_t offset; // found by arena_place
} arena_block;

// Greedy by size: the largest block first, each at the lowest offset that is free during its whole life. Returns the
// arena's size in *bytes; fails if it overflows or memory is short.
silma_status arena_place(arena_block *blocks, size_t count, size_t *bytes, silma_error *error);

// Memory for an arena or a vector of parameters, in large pages where the system has them: what a kernel writes to 36
// places at once, or reads from rows that are pages apart, then does not wait for the addresses. Null if memory is
// short; free with free().
void *arena_allocate(size_t bytes) SILMA_PRIVATE_API(arena_allocate);

#endif
