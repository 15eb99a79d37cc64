// What a person should conclude from a run, in sentences, the most important first.
#ifndef SILMA_REPORT_CONCLUSIONS_H
#define SILMA_REPORT_CONCLUSIONS_H

#include "report/run_facts.h"

typedef enum conclusion_kind {
    CONCLUSION_RESULT = 0, // how good it is
    CONCLUSION_GOOD,
    CONCLUSION_NOTE,
    CONCLUSION_CAUTION, // something to look at
} conclusion_kind;

enum { CONCLUSIONS_MAX = 16 };

typedef struct conclusion {
    conclusion_kind kind;
    char text[640]; // UTF-8, to be escaped like any other text
} conclusion;

typedef struct conclusions {
    size_t count;
    conclusion list[CONCLUSIONS_MAX];
} conclusions;

void conclusions_draw(const run_facts *facts, conclusions *drawn);

// The epoch since which the validation loss rises while the training loss falls; 0 if it does not.
unsigned overfit_since(const history *h);

#endif
