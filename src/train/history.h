// The records of a run's epochs, and the files history.csv (for people and spreadsheets) and history.jsonl (for
// scripts, and for resuming), an epoch a line. A value that does not exist (NaN) is empty in the one, null in the
// other.
#ifndef SILMA_TRAIN_HISTORY_H
#define SILMA_TRAIN_HISTORY_H

#include "silma/silma.h"

typedef struct history {
    size_t count;
    silma_epoch *epochs; // (count) epochs[i].epoch == i + 1
    size_t capacity;
} history;

// A history is empty when zeroed.
silma_status history_append(history *h, const silma_epoch *epoch, silma_error *error);
void history_free(history *h); // leaves it empty

// Writes both files in `folder`, each whole or not at all. A run writes them before the checkpoint of the same epoch,
// so that a checkpoint never knows more epochs than the history.
silma_status history_write(const history *h, const char *folder, silma_error *error);

// Reads the first `epochs` records of history.jsonl into an empty history: what was recorded after the checkpoint is
// forgotten. SILMA_BAD_FILE if there are fewer. 0 epochs: reads nothing, the file need not exist.
silma_status history_read(history *h, const char *folder, unsigned epochs, silma_error *error);

#endif
