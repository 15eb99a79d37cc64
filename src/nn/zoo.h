// The zoo: models/*.silma, embedded by the build (cmake/EmbedModels.cmake).
#ifndef SILMA_NN_ZOO_H
#define SILMA_NN_ZOO_H

#include <stddef.h>

typedef struct zoo_entry {
    const char *name;  // "cnn", the file's name without its ending
    const char *title; // the first comment line
    const char *text;  // the whole file
} zoo_entry;

extern const zoo_entry zoo_entries[]; // (zoo_count), in alphabetical order
extern const size_t zoo_count;

#endif
