// Numbers, shapes and places as the page of `silma trace` writes them, in HTML.
#ifndef SILMA_REPORT_TRACE_WORDS_H
#define SILMA_REPORT_TRACE_WORDS_H

#include "nn/layer.h"
#include "report/text_buffer.h"

// "0.1235", "−3.2×10⁻⁵"; with four significant digits, or so many.
void trace_add_number(text_buffer *out, double value);
void trace_add_rounded(text_buffer *out, double value, int digits);
// "28×28×1", or "10".
void trace_add_shape(text_buffer *out, shape s);
// "row 3, column 2 of map 4" or "neuron 17", counted from 1.
void trace_add_place(text_buffer *out, shape s, size_t index);
// "[3, 2, 1, 4]", counted from 1.
void trace_add_indices(text_buffer *out, const parameter *p, size_t index);

#endif
