#include "signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught_signal; // a handler can reach nothing but a global

static void remember(int number)
{
    if (number == SIGHUP && caught_signal) return; // a closed terminal sends it twice: from the shell and the kernel
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
    struct sigaction hangup; // under nohup the run outlives its terminal
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

const char *signals_name(void)
{
    return caught_signal == SIGINT ? "Ctrl-C" : caught_signal == SIGHUP ? "a hangup" : "SIGTERM";
}

int signals_caught(void)
{
    return (int)caught_signal;
}
