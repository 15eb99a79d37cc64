// Bytes as base64 (RFC 4648), for pictures within pages and figures.
#ifndef SILMA_REPORT_BASE64_H
#define SILMA_REPORT_BASE64_H

#include "report/text_buffer.h"

void base64_add(text_buffer *buffer, const uint8_t *bytes, size_t count);

#endif
