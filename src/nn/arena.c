#define _GNU_SOURCE // madvise
#include "nn/arena.h"

#include "core/checked.h"
#include "core/error.h"

#include <stdlib.h>
#include <sys/mman.h>

static bool overlap_in_time(const arena_block *a, const arena_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static int compare_sizes(const void *left, const void *right)
{
    const arena_block *a = *(arena_block *const *)left;
    const arena_block *b = *(arena_block *const *)right;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    return a < b ? -1 : a > b;
}

static void insert_by_offset(arena_block **placed, size_t count, arena_block *block)
{
    size_t at = count;
    for (; at > 0 && placed[at - 1]->offset > block->offset; at--)
        placed[at] = placed[at - 1];
    placed[at] = block;
}

// `placed` ascends by offset. The lowest gap that holds the block.
static silma_status place_one(arena_block *const *placed, size_t placed_count, arena_block *block, size_t *end,
                              silma_error *error)
{
    size_t offset = 0;
    for (size_t i = 0; i < placed_count; i++) {
        if (!overlap_in_time(placed[i], block)) continue;
        if (placed[i]->offset >= offset && placed[i]->offset - offset >= block->bytes) break;
        size_t after = placed[i]->offset + placed[i]->bytes;
        if (after > offset) offset = after;
    }
    block->offset = offset;
    if (!checked_add(offset, block->bytes, end) || *end > SIZE_MAX / 2)
        return silma_fail(error, SILMA_FAILURE,
                          "the network at this batch size needs more memory than can be addressed");
    return SILMA_OK;
}

silma_status arena_place(arena_block *blocks, size_t count, size_t *bytes, silma_error *error)
{
    *bytes = 0;
    arena_block **order = calloc(2 * count + 1, sizeof *order);
    if (!order) return silma_fail_memory(error, 2 * count * sizeof *order);
    arena_block **placed = order + count;
    for (size_t i = 0; i < count; i++)
        order[i] = &blocks[i];
    qsort(order, count, sizeof *order, compare_sizes);
    silma_status status = SILMA_OK;
    size_t placed_count = 0;
    for (size_t i = 0; i < count && order[i]->bytes > 0; i++) {
        size_t end;
        status = place_one(placed, placed_count, order[i], &end, error);
        if (status != SILMA_OK) break;
        if (end > *bytes) *bytes = end;
        insert_by_offset(placed, placed_count++, order[i]);
    }
    free(order);
    return status;
}

void *arena_allocate(size_t bytes)
{
    enum { LARGE_PAGE = 2 << 20 };
    size_t rounded;
    if (!checked_align(bytes, bytes < 2 * LARGE_PAGE ? ARENA_ALIGNMENT : LARGE_PAGE, &rounded)) return NULL;
    if (bytes < 2 * LARGE_PAGE) return aligned_alloc(ARENA_ALIGNMENT, rounded);
    void *memory = aligned_alloc(LARGE_PAGE, rounded);
#ifdef MADV_HUGEPAGE
    if (memory) (void)madvise(memory, rounded, MADV_HUGEPAGE); // a wish: small pages do as well, but slower
#endif
    return memory;
}
