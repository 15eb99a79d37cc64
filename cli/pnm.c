#include "pnm.h"

#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// A number of the header, after white space and comments; -1 if there is none, or it is too large to be meant.
static int read_number(FILE *stream)
{
    enum { NUMBER_MOST = 1000000 };
    int c = getc(stream);
    while (isspace(c) || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF)
                c = getc(stream);
        else
            c = getc(stream);
    }
    int number = -1;
    for (; c >= '0' && c <= '9'; c = getc(stream)) {
        number = (number < 0 ? 0 : number) * 10 + (c - '0');
        if (number > NUMBER_MOST) return -1;
    }
    if (c != EOF) ungetc(c, stream);
    return number;
}

static silma_status read_picture(FILE *stream, const char *path, int height, int width, int channels, uint8_t *pixels,
                                 problem *why)
{
    int magic = getc(stream) == 'P' ? getc(stream) : 0;
    if (magic != '5' && magic != '6') {
        problem_hint(why, "so far files must be PGM or PPM of the model's size; --data and --index take data sets");
        return problem_set(why, SILMA_BAD_FILE, "%s: expected a PGM (P5) or PPM (P6) picture", path);
    }
    int found_width = read_number(stream), found_height = read_number(stream), most = read_number(stream);
    if (found_width < 1 || found_height < 1 || most != 255 || !isspace(getc(stream)))
        return problem_set(why, SILMA_BAD_FILE, "%s: the header is damaged: expected width, height and 255", path);
    int found_channels = magic == '5' ? 1 : 3;
    if (found_width != width || found_height != height || found_channels != channels)
        return problem_set(why, SILMA_BAD_FILE, "%s: the model expects a picture of %s, found %s", path,
                           text_shape(height, width, channels).text,
                           text_shape(found_height, found_width, found_channels).text);
    size_t size = (size_t)height * (size_t)width * (size_t)channels;
    if (fread(pixels, 1, size, stream) != size || getc(stream) != EOF)
        return problem_set(why, SILMA_BAD_FILE, "%s: expected %zu bytes of pixels after the header", path, size);
    return SILMA_OK;
}

silma_status pnm_read(const char *path, int height, int width, int channels, uint8_t *pixels, problem *why)
{
    FILE *stream = fopen(path, "rb");
    if (!stream) return problem_set(why, SILMA_IO, "%s: cannot open: %s", path, strerror(errno));
    silma_status status = read_picture(stream, path, height, width, channels, pixels, why);
    if (status && ferror(stream)) {
        why->hint[0] = 0; // that of a wrong format
        status = problem_set(why, SILMA_IO, "%s: cannot read: %s", path, strerror(errno));
    }
    fclose(stream);
    return status;
}
