#ifndef SILMA_CODECS_EXIF_H
#define SILMA_CODECS_EXIF_H

#include "silma/silma.h"

enum { EXIF_UPRIGHT = 1 };

// The orientation, 1 to 8, of an APP1 segment's contents; EXIF_UPRIGHT where it is not EXIF, or says nothing that makes
// sense: what describes a picture is no reason to refuse it.
int exif_orientation(const uint8_t *bytes, size_t size);

// Turns and mirrors the picture upright. SILMA_FAILURE leaves it as it was.
silma_status exif_turn(const char *path, silma_picture *picture, int orientation, silma_error *error);

#endif
