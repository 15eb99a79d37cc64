// A folder of a test's own.
#ifndef SILMA_TESTS_SCRATCH_H
#define SILMA_TESTS_SCRATCH_H

#include "silma/silma.h"

// Makes a fresh folder in $TMPDIR or /tmp. All functions fail the running test if something goes wrong.
typedef struct scratch {
    char folder[256];
} scratch;

scratch scratch_make(void);
void scratch_remove(const scratch *space);                  // with everything in it
char *scratch_path(const scratch *space, const char *name); // free with free()
void scratch_write(const scratch *space, const char *name, const void *bytes, size_t count);
uint8_t *scratch_read(const scratch *space, const char *name, size_t *count); // free with free()
bool scratch_is_empty_but_for(const scratch *space, const char *name);

#endif
