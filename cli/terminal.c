#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// The locale is asked for by its variables alone: setlocale would change how numbers are printed.
static bool locale_is_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value && value[0]) return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
    }
    return false;
}

static bool colours_wanted(void)
{
    const char *no_color = getenv("NO_COLOR"), *kind = getenv("TERM");
    return !(no_color && no_color[0]) && kind && strcmp(kind, "dumb") != 0;
}

terminal terminal_of(FILE *stream)
{
    terminal screen = {.columns = 80};
    int descriptor = fileno(stream);
    screen.interactive = descriptor >= 0 && isatty(descriptor) == 1;
    if (!screen.interactive) return screen;

    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) screen.columns = size.ws_col;
    screen.colours = colours_wanted();
    screen.utf8 = locale_is_utf8();
    return screen;
}

const char *terminal_style(const terminal *screen, terminal_colour style)
{
    static const char *const sequences[] = {
        [STYLE_PLAIN] = "\033[0m",       [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
        [STYLE_GOOD] = "\033[32m",       [STYLE_ERROR] = "\033[31m", [STYLE_TRAINING] = "\033[94m",
        [STYLE_VALIDATION] = "\033[91m",
    };
    return screen->colours ? sequences[style] : "";
}

terminal_bar terminal_draw_bar(const terminal *screen, double share, int columns)
{
    const char *full = screen->utf8 ? "━" : "#", *empty = screen->utf8 ? "─" : "-";
    if (columns > TERMINAL_BAR_MAX) columns = TERMINAL_BAR_MAX;
    if (!(share > 0)) share = 0; // NaN too
    if (share > 1) share = 1;

    int filled = (int)(share * columns + 0.5);
    terminal_bar bar = {""};
    char *end = bar.text;
    for (int i = 0; i < columns; i++) {
        const char *cell = i < filled ? full : empty;
        size_t length = strlen(cell);
        memcpy(end, cell, length);
        end += length;
    }
    *end = 0;
    return bar;
}
