// Pictures with captions, and with bars beside them: as a figure of their own, or laid out by the page, which breaks
// lines where it is narrow.
#ifndef SILMA_REPORT_GALLERY_H
#define SILMA_REPORT_GALLERY_H

#include "report/image_grid.h"
#include "report/report_inside.h"
#include "silma/report.h"

typedef struct gallery_item {
    grid_image image;                   // points to what follows
    uint8_t *pixels;                    // owned
    char *caption;                      // owned; may be null
    size_t truth_at;                    // where the caption's last part, the true class, begins; 0: it has none
    char *note;                         // where the image comes from: its number or file; owned, may be null
    bar *bars;                          // owned; may be null
    char (*numbers)[CLASS_NUMBER_SIZE]; // owned: names of bars whose class has none
} gallery_item;

typedef struct gallery {
    gallery_item *items; // (count)
    size_t count;
} gallery;

void gallery_free(gallery *g);

// A thumbnail of the image, which may have any channels; the caption is copied.
silma_status gallery_add(gallery *g, const grid_image *image, silma_error *error);
// The same of an image of a data set, with a note of where it comes from: its file, or its number.
silma_status gallery_add_image(gallery *g, const silma_dataset *dataset, uint32_t index, const char *caption,
                               svg_class colour, silma_error *error);
// The same of the scored image at `position`, with the caption of figure 21: "Shirt 97 % (T-shirt/top)", blue if right,
// red if wrong; long names are cut, so that all three parts are seen.
silma_status gallery_add_prediction(gallery *g, const silma_report *report, size_t position, silma_error *error);
// Probabilities beside the last item: of all classes, or of the most probable ones where there are many.
silma_status gallery_add_bars(gallery *g, const silma_report *report, size_t position, silma_error *error);

typedef struct gallery_frame {
    const char *title;
    int columns;
    double picture, beside; // as in image_grid
    bool notes;             // on a page, where each image comes from stands below its caption
    size_t together;        // on a page, so many items are not parted by the end of a line; 0: each for itself
} gallery_frame;

silma_status gallery_draw(const gallery *g, const gallery_frame *frame, text_buffer *out, bool inside_page,
                          const silma_codecs *codecs, silma_error *error);
silma_status gallery_add_to_page(const gallery *g, const gallery_frame *frame, text_buffer *page,
                                 const silma_codecs *codecs, silma_error *error);

// Whether pictures can be shown: there are images, and a codec that writes PNG.
bool can_show_images(const silma_report *report);

#endif
