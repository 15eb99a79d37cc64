// Files of the repository. All functions fail the running test if something goes wrong.
#ifndef SILMA_TESTS_STORED_FILES_H
#define SILMA_TESTS_STORED_FILES_H

#include "formats/safetensors.h"

// $SILMA_SOURCE_DIR/<name>; free with free().
char *stored_path(const char *name);
uint8_t *stored_read(const char *name, size_t *size); // free with free()

// Calls `use` for each golden (values that Keras and PyTorch computed) whose name begins with `prefix`; how many these
// are.
typedef void golden_use(const char *name, const safetensors *file, void *user);
size_t goldens_each(const char *prefix, golden_use *use, void *user);

#endif
