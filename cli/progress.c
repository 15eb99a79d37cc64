#include "progress.h"

#include "output.h"
#include "signals.h"
#include "text.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

progress_display progress_begin(bool quiet, bool json)
{
    progress_display display = {.screen = terminal_of(stderr), .quiet = quiet, .json = json};
    display.drawn_at = -INFINITY;
    return display;
}

void progress_clear(progress_display *display)
{
    if (display->bar_shown) fprintf(stderr, "\r\033[K");
    display->bar_shown = false;
}

static uint64_t whole(double value)
{
    return value > 0 && value < 1e15 ? (uint64_t)(value + 0.5) : 0;
}

// epoch 3/100 ━━━━━━━────── 62 % loss 0.3312 acc 0.8811 12,345 img/s 0:12 left data 1 %
static void draw_bar(progress_display *display, const silma_progress *now)
{
    enum { BAR_COLUMNS = 24, BAR_LEAST = 4 };
    char head[64], tail[128];
    double share = now->steps > 0 ? (double)now->step / (double)now->steps : 0;
    int head_columns = snprintf(head, sizeof head, "epoch %u/%u ", now->epoch, now->epochs);
    int tail_columns = snprintf(tail, sizeof tail, " %3.0f %% loss %.4f acc %.4f %s img/s %s left data %.0f %%",
                                100 * share, now->loss, now->accuracy, text_count(whole(now->images_per_second)).text,
                                text_clock(now->seconds_left).text, 100 * now->data_wait);
    int room = display->screen.columns - 1 - head_columns - tail_columns;
    terminal_bar bar = {""};
    if (room >= BAR_LEAST) bar = terminal_draw_bar(&display->screen, share, room < BAR_COLUMNS ? room : BAR_COLUMNS);
    int tail_room = display->screen.columns - 1 - head_columns;
    fprintf(stderr, "\r%s%s%s%s%.*s\033[K", head, terminal_style(&display->screen, STYLE_GOOD), bar.text,
            terminal_style(&display->screen, STYLE_PLAIN), tail_room > 0 ? tail_room : 0, tail);
    fflush(stderr);
    display->bar_shown = true;
    display->drawn_at = clock_seconds();
}

static void print_epoch(const progress_display *display, const silma_progress *now)
{
    const silma_epoch *e = now->finished;
    int digits = snprintf(NULL, 0, "%u", now->epochs);
    fprintf(stderr, "epoch %*u/%u  loss %.4f  acc %.4f", digits, e->epoch, now->epochs, e->loss, e->accuracy);
    if (!isnan(e->val_loss)) fprintf(stderr, "  val loss %.4f  acc %.4f", e->val_loss, e->val_accuracy);
    fprintf(stderr, "  lr %.4g  %s img/s  %s  data %.0f %%", e->learning_rate,
            text_count(whole(e->images_per_second)).text, text_duration(e->seconds).text, 100 * e->data_wait);
    if (e->best)
        fprintf(stderr, "  %sbest%s", terminal_style(&display->screen, STYLE_GOOD),
                terminal_style(&display->screen, STYLE_PLAIN));
    fprintf(stderr, "\n");
}

// The fields of history.jsonl, and "event" to tell the lines apart.
static void print_epoch_json(const silma_epoch *e)
{
    problem unused; // a failed write is met again when standard output is closed
    json_t *line = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "event", "epoch", "epoch",
        output_integer(e->epoch), "loss", output_number(e->loss), "accuracy", output_number(e->accuracy),
        "true_positives", output_number(e->true_positives), "val_loss", output_number(e->val_loss), "val_accuracy",
        output_number(e->val_accuracy), "val_true_positives", output_number(e->val_true_positives), "learning_rate",
        output_number(e->learning_rate), "images_per_second", output_number(e->images_per_second), "seconds",
        output_number(e->seconds), "data_wait", output_number(e->data_wait), "best", (int)e->best);
    output_json(line, &unused);
    fflush(stdout);
}

bool progress_show(const silma_progress *now, void *user)
{
    static const double REDRAW_SECONDS = 0.1;
    progress_display *display = user;
    if (now->finished) {
        display->epochs++;
        progress_clear(display);
        if (!display->quiet) print_epoch(display, now);
        if (display->json) print_epoch_json(now->finished);
    } else if (display->screen.interactive && !display->quiet &&
               clock_seconds() - display->drawn_at >= REDRAW_SECONDS) {
        draw_bar(display, now);
    }
    bool reader_gone = display->json && now->finished && output_is_broken();
    return !signals_caught() && !reader_gone;
}
