// The pictures of tests/data/pictures, each with what it decodes to.
#ifndef SILMA_TESTS_STORED_PICTURES_H
#define SILMA_TESTS_STORED_PICTURES_H

#include "silma/silma.h"

typedef struct stored_picture {
    const char *name;
    uint8_t *bytes; // of the file
    size_t size;
    int height, width, channels;
    const uint8_t *pixels; // expected
} stored_picture;

typedef void stored_picture_use(const stored_picture *picture, void *user);

// Calls `use` for every one; the running test fails if there are none, or one cannot be read.
void stored_pictures_each(stored_picture_use *use, void *user);
// The file's bytes; free with free().
uint8_t *stored_picture_read(const char *name, size_t *size);
bool ends_with(const char *text, const char *end);

#endif
