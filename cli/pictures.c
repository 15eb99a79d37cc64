#include "pictures.h"

#include "terminal.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static const option table[] = {
    {"size", "N|HxW", "height and width of the images (default: the pictures' or the network's own, otherwise 64)"},
    {"resize", "stretch|fit|crop",
     "stretch pictures to the size (default), fit all of them into it, or crop them to their middle"},
    {"background", "RRGGBB", "the colour under transparent parts and beside fitted pictures (default: 000000)"},
    {"color", "grey|rgb", "the colours of the images (default: grey if all pictures are)"},
    {"strict", NULL, "refuse pictures that cannot be read, rather than leave them out"},
    {0},
};
const option_group picture_options = {"Folders of pictures", table};

enum { SIDE_MOST = 16384 };

// "64" or "48x64"
static silma_status parse_size(const char *text, silma_preparation *p, problem *why)
{
    char copy[32];
    uint64_t height = 0, width = 0;
    bool valid = strlen(text) < sizeof copy;
    snprintf(copy, sizeof copy, "%s", text);
    char *x = strchr(copy, 'x');
    if (x) *x = 0;
    valid = valid && parse_count(copy, 1, SIDE_MOST, &height) && parse_count(x ? x + 1 : copy, 1, SIDE_MOST, &width);
    if (!valid)
        return problem_set(why, SILMA_USAGE, "--size: expected a side or HEIGHTxWIDTH such as 64 or 48x64, found '%s'",
                           text);
    p->height = (int)height;
    p->width = (int)width;
    return SILMA_OK;
}

static int hexadecimal_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static silma_status parse_background(const char *text, silma_preparation *p, problem *why)
{
    enum { DIGITS = 6 };
    bool valid = strlen(text) == DIGITS;
    for (int i = 0; valid && i < DIGITS; i += 2) {
        int high = hexadecimal_digit(text[i]), low = hexadecimal_digit(text[i + 1]);
        valid = high >= 0 && low >= 0;
        p->background[i / 2] = (uint8_t)(valid ? 16 * high + low : 0);
    }
    if (valid) return SILMA_OK;
    return problem_set(why, SILMA_USAGE, "--background: expected red, green and blue such as ff8000, found '%s'", text);
}

silma_status read_picture_options(const arguments *args, silma_dataset_options *options, problem *why)
{
    static const char *const policies[] = {"stretch", "fit", "crop"}, *const colours[] = {"grey", "rgb"};
    silma_preparation *p = &options->preparation;
    const char *size = option_text(args, "size"), *background = option_text(args, "background");
    size_t policy = p->resize, colour = 0;
    silma_status status = size ? parse_size(size, p, why) : SILMA_OK;
    if (!status) status = option_choice(args, "resize", policies, 3, &policy, why);
    if (!status && background) status = parse_background(background, p, why);
    if (!status) status = option_choice(args, "color", colours, 2, &colour, why);
    p->resize = (silma_resize)policy;
    if (option_given(args, "color")) p->channels = colour == 0 ? 1 : 3;
    options->strict = option_given(args, "strict");
    return status;
}

void take_network_size(const char *name_or_path, silma_dataset_options *options)
{
    enum { ANY_CLASSES = 2 };
    silma_preparation *p = &options->preparation;
    silma_network *network = NULL;
    int height, width, channels;
    // A network that takes its size from the data cannot be opened without it; a wrong one is told later.
    if (silma_network_open(&network, name_or_path, &(silma_input){.class_count = ANY_CLASSES}, NULL)) return;
    silma_network_input_size(network, &height, &width, &channels);
    silma_network_free(network);
    bool is_vector = height == 1 && width == 1;
    if (is_vector || (channels != 1 && channels != 3)) return;
    if (p->height == 0) {
        p->height = height;
        p->width = width;
    }
    if (p->channels == 0) p->channels = channels;
}

silma_status check_picture_options(const arguments *args, const silma_dataset *dataset, problem *why)
{
    if (silma_dataset_preparation(dataset)) return SILMA_OK;
    for (const option *o = table; o->name; o++)
        if (option_given(args, o->name))
            return problem_set(why, SILMA_USAGE, "--%s is for folders of pictures; the images of %s are %s", o->name,
                               silma_dataset_name(dataset),
                               text_shape(silma_dataset_images(dataset)->height, silma_dataset_images(dataset)->width,
                                          silma_dataset_images(dataset)->channels)
                                   .text);
    return SILMA_OK;
}

void print_notice(const char *message, void *user)
{
    (void)user;
    char printable[1024];
    terminal screen = terminal_of(stderr);
    text_printable(printable, sizeof printable, message);
    fprintf(stderr, "%snotice:%s %s\n", terminal_style(&screen, STYLE_BOLD), terminal_style(&screen, STYLE_PLAIN),
            printable);
}
