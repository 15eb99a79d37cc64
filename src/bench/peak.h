// The FMA peak: what a loop of multiply-adds that touches registers only reaches. Every figure of a benchmark is
// compared with the peak measured beside it, because a processor's clock changes with its load and its neighbours.
#ifndef SILMA_BENCH_PEAK_H
#define SILMA_BENCH_PEAK_H

#include "kernels/kernels.h"

// GFLOP/s of all threads of the pool together, with the instructions of table `k`, over about this many seconds.
double peak_gflops(const kernels *k, thread_pool *pool, double seconds);

#endif
