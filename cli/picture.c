#include "picture.h"

#include "setup.h"
#include "text.h"

#include <math.h>
#include <string.h>

// ---------------------------------------------------------------------------------------------------------------------
// Curves

enum {
    ROWS = 6,         // characters
    COLUMNS_MAX = 40, // characters of one panel's plot
    AXIS = 7,         // columns of the numbers at its left
    GAP = 2,
    PANELS = 3,
    DOTS_X = 2, // of a braille character
    DOTS_Y = 4,
};

// One panel: dots of two series. In ASCII a character is one dot.
typedef struct panel {
    const char *title;
    size_t offset; // of the training series in silma_epoch; the validation series follows after VALIDATION
    int columns;
    double low, high;
    uint8_t dots[2][ROWS][COLUMNS_MAX]; // bits of the braille character
} panel;

static const size_t VALIDATION = offsetof(silma_epoch, val_loss) - offsetof(silma_epoch, loss);

static double value_at(const silma_epoch *epoch, size_t offset)
{
    double value;
    memcpy(&value, (const char *)epoch + offset, sizeof value);
    return value;
}

static void find_range(panel *p, const silma_epoch *epochs, size_t count)
{
    p->low = INFINITY;
    p->high = -INFINITY;
    for (size_t i = 0; i < 2 * count; i++) {
        double value = value_at(&epochs[i / 2], p->offset + (i % 2) * VALIDATION);
        if (!isfinite(value)) continue;
        p->low = fmin(p->low, value);
        p->high = fmax(p->high, value);
    }
    if (!(p->low <= p->high)) p->low = p->high = 0;
    if (p->high - p->low < 1e-9) p->high = p->low + 1e-9;
}

static void set_dot(panel *p, int series, int x, int y)
{
    static const uint8_t bits[DOTS_Y][DOTS_X] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    p->dots[series][y / DOTS_Y][x / DOTS_X] |= bits[y % DOTS_Y][x % DOTS_X];
}

// A dot for each column of dots: the value there, between epochs on the line that joins them.
static void draw_series(panel *p, int series, const silma_epoch *epochs, size_t count)
{
    int width = p->columns * DOTS_X, height = ROWS * DOTS_Y, before = -1;
    for (int x = 0; x < width; x++) {
        double at = (double)x / (width - 1) * (double)(count - 1);
        size_t left = (size_t)at, right = left + 1 < count ? left + 1 : left;
        double from = value_at(&epochs[left], p->offset + (size_t)series * VALIDATION);
        double to = value_at(&epochs[right], p->offset + (size_t)series * VALIDATION);
        double value = from + (at - (double)left) * (to - from);
        if (!isfinite(value)) continue;
        int y = (int)lround((p->high - value) / (p->high - p->low) * (height - 1));
        int step = before < y ? 1 : -1;
        for (int between = before < 0 ? y : before; between != y; between += step)
            set_dot(p, series, x, between);
        set_dot(p, series, x, y);
        before = y;
    }
}

// Text in a style, which holds until another one is asked for.
static void print_styled(const terminal *screen, FILE *stream, terminal_colour *style, terminal_colour wanted,
                         const char *text)
{
    if (*style != STYLE_PLAIN && wanted != *style) fputs(terminal_style(screen, STYLE_PLAIN), stream);
    if (wanted != STYLE_PLAIN && wanted != *style) fputs(terminal_style(screen, wanted), stream);
    *style = wanted;
    fputs(text, stream);
}

static void print_cell(const terminal *screen, FILE *stream, terminal_colour *style, uint8_t training,
                       uint8_t validation)
{
    unsigned code = 0x2800u + (training | validation);
    char dots[4] = {(char)(0xE0 | code >> 12), (char)(0x80 | (code >> 6 & 0x3F)), (char)(0x80 | (code & 0x3F)), 0};
    bool both = training && validation;
    if (!training && !validation)
        print_styled(screen, stream, style, STYLE_PLAIN, " ");
    else if (!screen->utf8)
        print_styled(screen, stream, style, STYLE_PLAIN, both ? "8" : validation ? "o" : ".");
    else
        print_styled(screen, stream, style, both ? STYLE_PLAIN : validation ? STYLE_VALIDATION : STYLE_TRAINING, dots);
}

static void print_row(const terminal *screen, FILE *stream, const panel *p, int row)
{
    terminal_colour style = STYLE_PLAIN;
    if (row == 0 || row == ROWS - 1)
        fprintf(stream, "%*.3g ", AXIS - 1, row == 0 ? p->high : p->low);
    else
        fprintf(stream, "%*s", AXIS, "");
    for (int x = 0; x < p->columns; x++)
        print_cell(screen, stream, &style, p->dots[0][row][x], p->dots[1][row][x]);
    print_styled(screen, stream, &style, STYLE_PLAIN, "");
}

static void print_legend(const terminal *screen, FILE *stream, size_t count, bool validation)
{
    const char *training_mark = screen->utf8 ? "⣀" : ".", *validation_mark = screen->utf8 ? "⣀" : "o";
    fprintf(stream, "%*sepochs 1 to %zu; ", AXIS, "", count);
    if (!validation)
        fprintf(stream, "training images\n");
    else if (screen->utf8 && !screen->colours)
        fprintf(stream, "training and validation images\n");
    else
        fprintf(stream, "%s%s%s training, %s%s%s validation\n", terminal_style(screen, STYLE_TRAINING), training_mark,
                terminal_style(screen, STYLE_PLAIN), terminal_style(screen, STYLE_VALIDATION), validation_mark,
                terminal_style(screen, STYLE_PLAIN));
}

void picture_curves(const terminal *screen, FILE *stream, const silma_epoch *epochs, size_t count)
{
    enum { PANEL_LEAST = 14 };
    panel panels[PANELS] = {
        {.title = "loss", .offset = offsetof(silma_epoch, loss)},
        {.title = "accuracy", .offset = offsetof(silma_epoch, accuracy)},
        {.title = "true positives", .offset = offsetof(silma_epoch, true_positives)},
    };
    int shown = (screen->columns - 1 + GAP) / (AXIS + PANEL_LEAST + GAP);
    if (count < 2 || shown < 1) return;
    if (shown > PANELS) shown = PANELS;
    int columns = (screen->columns - 1 + GAP) / shown - AXIS - GAP;
    if (columns > COLUMNS_MAX) columns = COLUMNS_MAX;
    bool validation = isfinite(epochs[count - 1].val_loss);
    for (int i = 0; i < shown; i++) {
        panels[i].columns = columns;
        find_range(&panels[i], epochs, count);
        draw_series(&panels[i], 0, epochs, count);
        draw_series(&panels[i], 1, epochs, count);
        fprintf(stream, "%*s%s%-*s%s", i > 0 ? AXIS + GAP : AXIS, "", terminal_style(screen, STYLE_BOLD), columns,
                panels[i].title, terminal_style(screen, STYLE_PLAIN));
    }
    fputc('\n', stream);
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < shown; i++) {
            if (i > 0) fprintf(stream, "%*s", GAP, "");
            print_row(screen, stream, &panels[i], row);
        }
        fputc('\n', stream);
    }
    print_legend(screen, stream, count, validation);
}

// ---------------------------------------------------------------------------------------------------------------------
// Confusion matrix

enum { MATRIX_CLASSES_MAX = 24, NAME_COLUMNS = 16 };

static void print_name(FILE *stream, picture_class_fn *class_of, const void *owner, int index)
{
    char name[CLASS_NAME_SIZE];
    class_name(name, class_of(owner, index), index);
    // Cut to the columns, between characters.
    size_t end = 0;
    for (int columns = 0; name[end] && columns < NAME_COLUMNS; columns++)
        do
            end++;
        while (((unsigned char)name[end] & 0xC0) == 0x80);
    name[end] = 0;
    fprintf(stream, "%s%*s", name, text_padding(name, NAME_COLUMNS), "");
}

static void print_shade(const terminal *screen, FILE *stream, terminal_colour *style, double share, bool right)
{
    static const char *const blocks[] = {"··", "░░", "▒▒", "▓▓", "██"};
    static const char *const letters[] = {" .", " -", " +", " *", " #"};
    int shade = share <= 0 ? 0 : share < 0.03 ? 1 : share < 0.15 ? 2 : share < 0.5 ? 3 : 4;
    terminal_colour wanted = shade == 0 ? STYLE_DIM : right ? STYLE_TRAINING : STYLE_VALIDATION;
    print_styled(screen, stream, style, wanted, screen->utf8 ? blocks[shade] : letters[shade]);
}

static size_t confused(const silma_evaluation *e, int truth, int predicted)
{
    return e->confusion[(size_t)truth * (size_t)e->class_count + (size_t)predicted];
}

static void print_matrix(const terminal *screen, FILE *stream, const silma_evaluation *e, picture_class_fn *class_of,
                         const void *owner)
{
    fprintf(stream, "%staken for%*s%s", terminal_style(screen, STYLE_BOLD), NAME_COLUMNS + 4 - 9, "",
            terminal_style(screen, STYLE_PLAIN));
    for (int i = 0; i < e->class_count; i++)
        fprintf(stream, "%2d", i);
    fprintf(stream, "   right\n");
    for (int truth = 0; truth < e->class_count; truth++) {
        fprintf(stream, "%2d ", truth);
        print_name(stream, class_of, owner, truth);
        fputc(' ', stream);
        size_t support = e->classes[truth].support;
        terminal_colour style = STYLE_PLAIN;
        for (int i = 0; i < e->class_count; i++)
            print_shade(screen, stream, &style, support ? (double)confused(e, truth, i) / (double)support : 0,
                        i == truth);
        print_styled(screen, stream, &style, STYLE_PLAIN, " ");
        fprintf(stream, "%s\n", support ? text_percent(e->classes[truth].recall).text : "      -");
    }
    if (screen->utf8)
        fprintf(stream, "%*s░ below 3 %%  ▒ below 15 %%  ▓ below half  █ half and more of the class\n",
                NAME_COLUMNS + 4, "");
    else
        fprintf(stream, "%*s- below 3 %%  + below 15 %%  * below half  # half and more of the class\n",
                NAME_COLUMNS + 4, "");
}

// The most frequent mistake of all that come after `before` in order of frequency; false: none is left.
static bool next_mistake(const silma_evaluation *e, size_t before, size_t *cell)
{
    size_t classes = (size_t)e->class_count;
    bool found = false;
    for (size_t i = 0; i < classes * classes; i++) {
        if (i / classes == i % classes || e->confusion[i] == 0) continue;
        bool later = before == SIZE_MAX || e->confusion[i] < e->confusion[before] ||
                     (e->confusion[i] == e->confusion[before] && i > before);
        if (later && (!found || e->confusion[i] > e->confusion[*cell])) {
            *cell = i;
            found = true;
        }
    }
    return found;
}

static void print_mistakes(FILE *stream, const silma_evaluation *e, picture_class_fn *class_of, const void *owner)
{
    enum { SHOWN = 10 };
    size_t cell = SIZE_MAX, classes = (size_t)e->class_count;
    fprintf(stream, "most frequent mistakes\n");
    for (int i = 0; i < SHOWN && next_mistake(e, cell, &cell); i++) {
        int truth = (int)(cell / classes), predicted = (int)(cell % classes);
        char name[CLASS_NAME_SIZE];
        fprintf(stream, "  ");
        print_name(stream, class_of, owner, truth);
        class_name(name, class_of(owner, predicted), predicted);
        fprintf(stream, " taken for %s: %zu of %zu\n", name, e->confusion[cell], e->classes[truth].support);
    }
}

void picture_confusion(const terminal *screen, FILE *stream, const silma_evaluation *evaluation,
                       picture_class_fn *class_of, const void *owner)
{
    int width = NAME_COLUMNS + 4 + 2 * evaluation->class_count + 8;
    if (evaluation->class_count <= MATRIX_CLASSES_MAX && width < screen->columns)
        print_matrix(screen, stream, evaluation, class_of, owner);
    else
        print_mistakes(stream, evaluation, class_of, owner);
}
