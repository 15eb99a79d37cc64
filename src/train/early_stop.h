// Early stopping, as Keras's EarlyStopping: training ends when the watched value has not improved for `patience`
// epochs.
#ifndef SILMA_TRAIN_EARLY_STOP_H
#define SILMA_TRAIN_EARLY_STOP_H

#include "nn/words.h"
#include "train/recorded.h"

typedef struct early_stop {
    bool on;
    recorded watch;
    int patience;
    double min_delta; // smaller changes are no improvement
} early_stop;

enum { EARLY_STOP_TEXT_MAX = 128 };
extern const char EARLY_STOP_SYNOPSIS[];

// Takes "off" or "val_loss patience=3 min_delta=0" from the line; what is left over is the caller's to report.
silma_status early_stop_parse(early_stop *e, words *line, silma_error *error);
void early_stop_describe(const early_stop *e, char text[EARLY_STOP_TEXT_MAX]);

// Stored in checkpoints.
typedef struct early_stop_state {
    double best; // NaN: nothing yet
    double wait; // epochs without improvement
} early_stop_state;

early_stop_state early_stop_start(void);
// Once after each epoch. True: stop now. A NaN counts as no improvement.
bool early_stop_update(early_stop_state *state, const early_stop *e, const silma_epoch *record);

#endif
