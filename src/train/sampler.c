#include "train/sampler.h"

// by_class: the order, class by class; class c from starts[c] on. Counting sort, which keeps the order within a class.
static void group_by_class(const uint32_t *order, size_t count, const uint32_t *labels, size_t classes,
                           uint32_t *by_class, size_t *starts)
{
    for (size_t c = 0; c <= classes; c++)
        starts[c] = 0;
    for (size_t i = 0; i < count; i++)
        starts[labels[order[i]]]++;
    size_t end = 0;
    for (size_t c = 0; c <= classes; c++) {
        end += starts[c];
        starts[c] = end;
    }
    for (size_t i = count; i-- > 0;)
        by_class[--starts[labels[order[i]]]] = order[i];
}

void sampler_balance(uint32_t *order, size_t count, const uint32_t *labels, size_t classes, unsigned epoch,
                     uint32_t *by_class, size_t *starts)
{
    group_by_class(order, count, labels, classes, by_class, starts);
    size_t present = 0;
    for (size_t c = 0; c < classes; c++)
        present += starts[c + 1] > starts[c];
    if (present == 0) return;
    size_t seen = 0;
    for (size_t c = 0; c < classes; c++) {
        size_t members = starts[c + 1] - starts[c];
        if (members == 0) continue;
        size_t more = (seen++ + present - epoch % present) % present < count % present;
        size_t share = count / present + more;
        for (size_t i = 0; i < share; i++)
            *order++ = by_class[starts[c] + i % members];
    }
}
