#include "train/early_stop.h"

#include "train/option.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

const char EARLY_STOP_SYNOPSIS[] = "early_stop off | early_stop loss|accuracy|true_positives|val_loss|val_accuracy|"
                                   "val_true_positives [patience=3] [min_delta=0]";

silma_status early_stop_parse(early_stop *e, words *line, silma_error *error)
{
    line->synopsis = EARLY_STOP_SYNOPSIS;
    *e = (early_stop){.patience = 3};
    if (words_flag(line, "off")) return SILMA_OK;

    size_t watch;
    silma_status status = word_choose(line, "value to watch", recorded_names, RECORDED_COUNT, &watch, error);
    if (status == SILMA_OK) status = words_option_int(line, "patience", 0, 1000000, &e->patience, error);
    if (status == SILMA_OK) status = option_number(line, "min_delta", FLT_MAX, &e->min_delta, error);
    if (status != SILMA_OK) return status;
    e->on = true;
    e->watch = (recorded)watch;
    return SILMA_OK;
}

void early_stop_describe(const early_stop *e, char text[EARLY_STOP_TEXT_MAX])
{
    char min_delta[NUMBER_TEXT_MAX];
    if (!e->on) {
        snprintf(text, EARLY_STOP_TEXT_MAX, "off");
        return;
    }
    snprintf(text, EARLY_STOP_TEXT_MAX, "%s patience=%d min_delta=%s", recorded_names[e->watch], e->patience,
             number_text(e->min_delta, min_delta));
}

early_stop_state early_stop_start(void)
{
    return (early_stop_state){.best = NAN};
}

bool early_stop_update(early_stop_state *state, const early_stop *e, const silma_epoch *record)
{
    if (!e->on) return false;
    double value = recorded_value(record, e->watch);
    if (recorded_improves(e->watch, value, state->best, e->min_delta)) {
        *state = (early_stop_state){.best = value};
        return false;
    }
    state->wait++;
    return state->wait >= e->patience;
}
