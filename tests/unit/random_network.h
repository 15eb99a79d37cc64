// Small random networks with branches, for tests that need many.
#ifndef RANDOM_NETWORK_H
#define RANDOM_NETWORK_H

#include <stddef.h>
#include <stdint.h>

enum { RANDOM_NETWORK_TEXT = 8192 };

typedef struct random_network_size {
    int side, channels; // at most, of the input and of filters
    int layers;         // at most, before the branches are joined
} random_network_size;

// Uniform in [0, bound), from `state`.
int random_draw(uint64_t *state, int bound);

// The text of a network in which every layer's output is taken by another, as a graph wants it. The same `state` gives
// the same text.
void random_network(uint64_t *state, random_network_size size, char text[RANDOM_NETWORK_TEXT]);

#endif
