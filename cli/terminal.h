// What a stream can show: whether it is a terminal, how wide, with colours (NO_COLOR), with UTF-8.
#ifndef SILMA_CLI_TERMINAL_H
#define SILMA_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

typedef struct terminal {
    bool interactive;
    bool colours;
    bool utf8;
    int columns;
} terminal;

typedef enum terminal_colour {
    STYLE_PLAIN = 0,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_GOOD,
    STYLE_ERROR,
    STYLE_TRAINING,   // blue
    STYLE_VALIDATION, // red
} terminal_colour;

terminal terminal_of(FILE *stream);

// The escape sequence, or an empty string where colours are off.
const char *terminal_style(const terminal *screen, terminal_colour style);

// A bar of `columns` columns, `share` (0..1) of it full, as text that ends with a null byte. Three bytes a column.
enum { TERMINAL_BAR_MAX = 60 };
typedef struct terminal_bar {
    char text[3 * TERMINAL_BAR_MAX + 1];
} terminal_bar;
terminal_bar terminal_draw_bar(const terminal *screen, double share, int columns);

#endif
