#include "data_get.h"

#include "fetch.h"
#include "signals.h"
#include "terminal.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

// What is seen of a download, on stderr: a bar on a terminal, otherwise a line a file.
typedef struct download_display {
    terminal screen;
    bool quiet;
    char file[256]; // the one that was announced last
    int percent;    // shown last; -1: none
} download_display;

static void draw(download_display *display, uint64_t done, uint64_t total)
{
    enum { BAR_COLUMNS = 24 };
    double share = total > 0 ? (double)done / (double)total : 0;
    int percent = (int)(100 * share);
    if (percent == display->percent) return;
    display->percent = percent;
    fprintf(stderr, "\r%s  %s  %3d %% of %s\033[K", display->file,
            terminal_draw_bar(&display->screen, share, BAR_COLUMNS).text, percent, text_bytes(total).text);
    fflush(stderr);
}

static bool show_download(const char *file, uint64_t done, uint64_t total, void *user)
{
    download_display *display = user;
    bool announced = strncmp(display->file, file, sizeof display->file - 1) == 0;
    if (!display->quiet && !announced) {
        text_printable(display->file, sizeof display->file, file);
        if (display->screen.interactive && display->percent >= 0) fprintf(stderr, "\n");
        if (!display->screen.interactive) fprintf(stderr, "downloading %s\n", display->file);
        display->percent = -1;
    }
    if (!display->quiet && display->screen.interactive) draw(display, done, total);
    return !signals_caught();
}

static silma_status unknown_dataset(const char *name, problem *why)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; count < NAMES_MAX && silma_catalog_entry(count); count++)
        names[count] = silma_catalog_entry(count)->name;
    const char *closest = text_closest(name, names, count);
    if (closest)
        problem_hint(why, "did you mean '%s'?", closest);
    else
        problem_hint(why, "'silma data list' shows those that can be downloaded");
    return problem_set(why, SILMA_USAGE, "no data set named '%s'", name);
}

static silma_status download(const arguments *args, const silma_catalog_entry_type *entry, const char *folder,
                             problem *why)
{
    download_display display = {.screen = terminal_of(stderr), .quiet = option_given(args, "quiet"), .percent = -1};
    signals_catch();
    silma_status status =
        fetch_dataset(entry, option_text(args, "base-url"), folder, show_download, &display, &why->error);
    if (display.percent >= 0) fprintf(stderr, "\n");
    if (status == SILMA_INTERRUPTED) problem_hint(why, "the same command continues the download");
    if (status == SILMA_FAILURE && entry->debian_package) problem_hint(why, "apt install %s", entry->debian_package);
    if (!status) printf("%s is in %s/%s\n", entry->name, folder, entry->name);
    return status;
}

silma_status data_get(const arguments *args, problem *why)
{
    silma_status status = arguments_expect_words(args, 2, 2, "the name of a data set", why);
    if (status) return status;
    const silma_catalog_entry_type *entry = silma_catalog_find(args->words[1]);
    if (!entry) return unknown_dataset(args->words[1], why);

    const char *data_dir = option_text(args, "data-dir");
    if (data_dir) return download(args, entry, data_dir, why);
    char *home = NULL;
    status = silma_data_home(&home, &why->error);
    if (!status) status = download(args, entry, home, why);
    free(home);
    return status;
}
