#include "signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught_signal; // a handler can reach nothing but a global

static void remember(int number)
{
    if (caught_signal) {
        signal(number, SIG_DFL);
        raise(number); // delivered when this handler returns
        return;
    }
    caught_signal = number;
}

void signals_catch(void)
{
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int signals_caught(void)
{
    return (int)caught_signal;
}
