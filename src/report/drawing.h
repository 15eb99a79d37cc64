// A network drawn as a graph: layers as boxes from top to bottom, branches beside each other.
#ifndef SILMA_REPORT_DRAWING_H
#define SILMA_REPORT_DRAWING_H

#include "report/text_buffer.h"

// `inside_page` as in svg_frame.
silma_status drawing_add(text_buffer *out, const silma_network *network, bool inside_page, silma_error *error);

// Where each layer stands: columns from the left, rows from the top. A row that only holds layers that follow their one
// input directly and hold no weights of their own to speak of (batchnorm, relu, ...) is attached to the row above.
typedef struct drawing_place {
    size_t row, column;
} drawing_place;

// An edge that does not simply go down: beside column `column`, on track `track` counted from its boxes.
typedef struct drawing_edge {
    size_t from, to;      // layers
    size_t track, column; // of its vertical part, where it passes boxes of its own column
    bool passes;          // it has such a part
} drawing_edge;

typedef struct drawing {
    size_t layer_count, rows, columns, edge_count, track_count;
    drawing_place *places; // (layer_count)
    drawing_edge *edges;   // (edge_count)
    bool *attached;        // (rows) no gap above it
} drawing;

// Free with drawing_free.
silma_status drawing_layout(drawing *d, const silma_network *network, silma_error *error);
void drawing_free(drawing *d);

#endif
