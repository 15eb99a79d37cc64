// Ctrl-C and SIGTERM while training: the first asks to stop, so that everything is saved; the second ends at once.
#ifndef SILMA_CLI_SIGNALS_H
#define SILMA_CLI_SIGNALS_H

void signals_catch(void);

// The signal that asked to stop, or 0.
int signals_caught(void);

// What a message calls it.
const char *signals_name(void);

#endif
