// Which kernel tables this processor can run. A table is offered only where both the processor has its instructions
// and the operating system saves its registers (__builtin_cpu_supports asks both).
#include "core/error.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <string.h>

extern const kernels kernels_avx512;
extern const kernels kernels_avx2;
extern const kernels kernels_neon;
extern const kernels kernels_scalar;
extern const kernels kernels_reference;

enum { TABLES_MAX = 4 };

bool activation_derivative_from_output(activation_kind kind)
{
    return kind != ACTIVATION_GELU && kind != ACTIVATION_SILU;
}

// The best first; returns their number, at most TABLES_MAX.
static size_t usable_tables(const kernels *tables[TABLES_MAX])
{
    size_t count = 0;
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    if (avx2 && avx512) tables[count++] = &kernels_avx512;
    if (avx2) tables[count++] = &kernels_avx2;
#elif defined(__aarch64__)
    tables[count++] = &kernels_neon; // every AArch64 processor has it
#endif
    tables[count++] = &kernels_scalar;
    tables[count++] = &kernels_reference;
    return count;
}

size_t kernels_available(const kernels **tables, size_t capacity)
{
    const kernels *usable[TABLES_MAX];
    size_t count = usable_tables(usable);
    for (size_t i = 0; i < count && i < capacity; i++)
        tables[i] = usable[i];
    return count;
}

silma_status kernels_find(const kernels **table, const char *name, silma_error *error)
{
    const kernels *usable[TABLES_MAX];
    size_t count = usable_tables(usable);
    char names[128] = "";
    for (size_t i = 0; i < count; i++) {
        if (name == NULL || strcmp(name, usable[i]->name) == 0) {
            *table = usable[i];
            return SILMA_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", usable[i]->name);
    }
    return silma_fail(error, SILMA_USAGE, "instruction set '%s': this processor can run: %s", name, names);
}
