// Schedules: the learning rate as a function of the step. Nothing is accumulated, so that a resumed run has the same
// rates; only `plateau`, which reacts to what was measured, keeps a state (three doubles, stored in checkpoints).
#ifndef SILMA_TRAIN_SCHEDULE_H
#define SILMA_TRAIN_SCHEDULE_H

#include "nn/words.h"
#include "train/recorded.h"

typedef enum schedule_kind {
    SCHEDULE_CONSTANT = 0,
    SCHEDULE_STEP,     // times `factor` after every `every` epochs
    SCHEDULE_COSINE,   // from the rate down to `least` along half a cosine, over all steps after the warmup
    SCHEDULE_ONECYCLE, // max/25 up to max in the first 30 % of the steps, then down to max/250,000, along half cosines
    SCHEDULE_PLATEAU,  // times `factor` when the watched value has not improved for `patience` epochs
} schedule_kind;

typedef struct schedule {
    schedule_kind kind;
    double warmup;    // epochs in which the rate rises linearly from almost 0; not with onecycle
    int every;        // step: epochs
    double factor;    // step, plateau
    double least;     // cosine, plateau: the rate never falls below it (min=)
    double greatest;  // onecycle: the peak (max=); 0: the optimiser's rate
    recorded watch;   // plateau
    bool watch_given; // plateau: watch= was on the line
    int patience;     // plateau
    double min_delta; // plateau: smaller changes are no improvement
} schedule;

enum { SCHEDULE_TEXT_MAX = 256 };
extern const char SCHEDULE_SYNOPSIS[];

// Takes "cosine min=1e-5 warmup=2" from the line; what is left over is the caller's to report.
silma_status schedule_parse(schedule *s, words *line, silma_error *error);
void schedule_describe(const schedule *s, char text[SCHEDULE_TEXT_MAX]);

// What `plateau` has seen. Other schedules leave it as it starts.
typedef struct plateau_state {
    double best;   // NaN: nothing yet
    double wait;   // epochs without improvement
    double factor; // product of the reductions so far
} plateau_state;

plateau_state plateau_start(void);
// Once after each epoch; does nothing for other schedules.
void plateau_update(plateau_state *state, const schedule *s, const silma_epoch *record);

// The rate of training step `step`, counted from 0 over the whole run of `epochs` epochs.
double schedule_rate(const schedule *s, double base_rate, uint64_t step, uint64_t steps_per_epoch, unsigned epochs,
                     const plateau_state *state);

#endif
