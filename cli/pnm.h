// Pictures as PGM (P5) and PPM (P6) files of 8 bits a sample.
#ifndef SILMA_CLI_PNM_H
#define SILMA_CLI_PNM_H

#include "problem.h"

#include <stdint.h>

// Reads a picture of exactly this size into pixels (height, width, channels); P5 has one channel, P6 three.
silma_status pnm_read(const char *path, int height, int width, int channels, uint8_t *pixels, problem *why);

#endif
