// What comes in at the sides of a moved picture.
#ifndef SILMA_CORE_REFLECT_H
#define SILMA_CORE_REFLECT_H

#include <stdint.h>

// Which of a side's rows (or columns) position i shows, however far outside: the outermost one is not repeated.
// side 4: ... 3 2 1 | 0 1 2 3 | 2 1 0 ...
static inline int64_t reflect_index(int64_t i, int64_t side)
{
    if (side == 1) return 0;
    int64_t period = 2 * side - 2;
    i = (i % period + period) % period;
    return i < side ? i : period - i;
}

#endif
