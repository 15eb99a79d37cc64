// What is seen of a running training: a bar on a terminal, otherwise one line an epoch; JSON lines for scripts.
#ifndef SILMA_CLI_PROGRESS_H
#define SILMA_CLI_PROGRESS_H

#include "terminal.h"

#include <silma/silma.h>

typedef struct progress_display {
    terminal screen; // of stderr
    bool quiet;      // nothing on stderr
    bool json;       // a line an epoch on stdout
    bool bar_shown;
    unsigned epochs; // finished ones
    double drawn_at; // seconds of the monotonic clock
} progress_display;

progress_display progress_begin(bool quiet, bool json);
// The callback of silma_run_train; `user` is the progress_display. False once a signal has come or nobody reads the
// JSON lines.
bool progress_show(const silma_progress *now, void *user);
// Takes the bar away, so that messages start on a clean line.
void progress_clear(progress_display *display);

#endif
