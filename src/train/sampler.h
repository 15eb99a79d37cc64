// The balanced sampler: an epoch in which every class comes equally often.
#ifndef SILMA_TRAIN_SAMPLER_H
#define SILMA_TRAIN_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

// `order` (count) holds all training images, shuffled. Afterwards it has, of each of the `present` classes that have
// images, count / present of them, and one more of count % present classes, which change from epoch to epoch. Of a
// class with more images than that, the first in the order are taken; those of a smaller one come again, each as often
// as the others or once more. The result stands class by class, to be shuffled. `by_class` (count) and `starts`
// (classes + 1) are memory to work in.
void sampler_balance(uint32_t *order, size_t count, const uint32_t *labels, size_t classes, unsigned epoch,
                     uint32_t *by_class, size_t *starts);

#endif
