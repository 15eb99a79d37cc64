#include "stored_pictures.h"

#include "stored_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint8_t *stored_picture_read(const char *name, size_t *size)
{
    char path[128];
    snprintf(path, sizeof path, "tests/data/pictures/%s", name);
    return stored_read(path, size);
}

void stored_pictures_each(stored_picture_use *use, void *user)
{
    char *path = stored_path("tests/data/pictures/expected.safetensors");
    safetensors *expected = NULL;
    assert_int_equal(safetensors_open(&expected, path, NULL), SILMA_OK);
    free(path);
    size_t count = safetensors_count(expected);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        const safetensor *tensor = safetensors_at(expected, i);
        assert_int_equal(tensor->rank, 3);
        stored_picture picture = {.name = tensor->name,
                                  .height = (int)tensor->shape[0],
                                  .width = (int)tensor->shape[1],
                                  .channels = (int)tensor->shape[2],
                                  .pixels = tensor->data};
        picture.bytes = stored_picture_read(tensor->name, &picture.size);
        use(&picture, user);
        free(picture.bytes);
    }
    safetensors_close(expected);
}

bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), most = strlen(end);
    return length >= most && strcmp(text + length - most, end) == 0;
}
