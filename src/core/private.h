// What the core lends to libsilma-report without making it public: functions that a header marks with SILMA_PRIVATE_API
// are exported by libsilma.so as silma_private_NAME, under the symbol version SILMA_PRIVATE_x.y.z (cmake/silma.map.in).
// So libsilma-report loads with the libsilma of its own version alone, no program can come to depend on them, and none
// can take their place by a function of its own that happens to have the same name. They may change with any commit.
#ifndef SILMA_CORE_PRIVATE_H
#define SILMA_CORE_PRIVATE_H

// After the parameters, before any attribute:   char *path_join(...) SILMA_PRIVATE_API(path_join);
#define SILMA_PRIVATE_API(name) __asm__("silma_private_" #name) __attribute__((visibility("default")))

#endif
