#include "raster.h"

#ifndef SILMA_HAVE_RASTER

silma_status raster_check(problem *why)
{
    problem_hint(why, "the SVG files say the same; or build with -DSILMA_RASTER=ON (needs librsvg2-dev)");
    return problem_set(why, SILMA_USAGE, "--png: this build makes no PNG files of figures");
}

silma_status raster_png(const char *name, const char *svg, size_t svg_size, uint8_t **png, size_t *size, problem *why)
{
    (void)name, (void)svg, (void)svg_size, (void)png, (void)size;
    return raster_check(why);
}

#else

#include <cairo.h>
#include <librsvg/rsvg.h>

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// The functions in use, with the types that the headers give them.
typedef struct raster_library {
    __typeof__(rsvg_handle_new_from_data) *handle_new;
    __typeof__(rsvg_handle_get_intrinsic_size_in_pixels) *handle_size;
    __typeof__(rsvg_handle_render_document) *handle_render;
    __typeof__(g_object_unref) *unref;
    __typeof__(g_error_free) *error_free;
    __typeof__(cairo_image_surface_create) *surface_create;
    __typeof__(cairo_surface_destroy) *surface_destroy;
    __typeof__(cairo_surface_write_to_png_stream) *surface_write;
    __typeof__(cairo_create) *canvas_create;
    __typeof__(cairo_destroy) *canvas_destroy;
    __typeof__(cairo_status_to_string) *status_text;
} raster_library;

typedef void any_function(void);

// dlsym gives a pointer to an object, which ISO C does not turn into one to a function.
static any_function *find(void *library, const char *name, bool *complete)
{
    any_function *function;
    void *symbol = library ? dlsym(library, name) : NULL;
    memcpy(&function, &symbol, sizeof function);
    *complete = *complete && symbol;
    return function;
}

// A library's own dependencies are searched too, so that librsvg brings cairo's and glib's functions.
static silma_status open_library(raster_library *library, problem *why)
{
    static const char FILE_NAME[] = "librsvg-2.so.2";
    void *opened = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    bool complete = opened;
    library->handle_new = (__typeof__(library->handle_new))find(opened, "rsvg_handle_new_from_data", &complete);
    library->handle_size =
        (__typeof__(library->handle_size))find(opened, "rsvg_handle_get_intrinsic_size_in_pixels", &complete);
    library->handle_render = (__typeof__(library->handle_render))find(opened, "rsvg_handle_render_document", &complete);
    library->unref = (__typeof__(library->unref))find(opened, "g_object_unref", &complete);
    library->error_free = (__typeof__(library->error_free))find(opened, "g_error_free", &complete);
    library->surface_create =
        (__typeof__(library->surface_create))find(opened, "cairo_image_surface_create", &complete);
    library->surface_destroy = (__typeof__(library->surface_destroy))find(opened, "cairo_surface_destroy", &complete);
    library->surface_write =
        (__typeof__(library->surface_write))find(opened, "cairo_surface_write_to_png_stream", &complete);
    library->canvas_create = (__typeof__(library->canvas_create))find(opened, "cairo_create", &complete);
    library->canvas_destroy = (__typeof__(library->canvas_destroy))find(opened, "cairo_destroy", &complete);
    library->status_text = (__typeof__(library->status_text))find(opened, "cairo_status_to_string", &complete);
    if (opened) dlclose(opened); // it stays
    if (complete) return SILMA_OK;
    problem_hint(why, "the SVG files say the same; or install librsvg2-2");
    return problem_set(why, SILMA_USAGE, "--png: %s 2.52 or later is not on this machine", FILE_NAME);
}

silma_status raster_check(problem *why)
{
    raster_library library;
    return open_library(&library, why);
}

// What cairo has written so far.
typedef struct png_bytes {
    uint8_t *bytes;
    size_t size, capacity;
} png_bytes;

static cairo_status_t append(void *user, const unsigned char *data, unsigned count)
{
    png_bytes *png = user;
    if (png->capacity - png->size < count) {
        size_t capacity = 2 * (png->size + count);
        uint8_t *grown = realloc(png->bytes, capacity);
        if (!grown) return CAIRO_STATUS_NO_MEMORY;
        png->bytes = grown;
        png->capacity = capacity;
    }
    memcpy(png->bytes + png->size, data, count);
    png->size += count;
    return CAIRO_STATUS_SUCCESS;
}

static silma_status draw(const raster_library *library, RsvgHandle *figure, const char *name, png_bytes *png,
                         problem *why)
{
    static const double SCALE = 2, SIDE_MOST = 16384;
    double width = 0, height = 0;
    if (!library->handle_size(figure, &width, &height) || !(width > 0) || !(height > 0))
        return problem_set(why, SILMA_FAILURE, "%s: the figure has no size", name);
    double scale = fmin(SCALE, SIDE_MOST / fmax(width, height));
    RsvgRectangle page = {0, 0, ceil(width * scale), ceil(height * scale)};
    cairo_surface_t *surface = library->surface_create(CAIRO_FORMAT_ARGB32, (int)page.width, (int)page.height);
    cairo_t *canvas = library->canvas_create(surface);
    GError *failure = NULL;
    silma_status status = SILMA_OK;
    if (!library->handle_render(figure, canvas, &page, &failure))
        status = problem_set(why, SILMA_FAILURE, "%s: cannot be drawn: %s", name, failure->message);
    if (failure) library->error_free(failure);
    library->canvas_destroy(canvas);
    cairo_status_t written = status ? CAIRO_STATUS_SUCCESS : library->surface_write(surface, append, png);
    if (written != CAIRO_STATUS_SUCCESS)
        status = problem_set(why, SILMA_FAILURE, "%s: cannot become a PNG: %s", name, library->status_text(written));
    library->surface_destroy(surface);
    return status;
}

silma_status raster_png(const char *name, const char *svg, size_t svg_size, uint8_t **png, size_t *size, problem *why)
{
    GError *failure = NULL;
    raster_library library;
    silma_status opened = open_library(&library, why);
    if (opened) return opened;
    RsvgHandle *figure = library.handle_new((const guint8 *)svg, svg_size, &failure);
    if (!figure) {
        silma_status status = problem_set(why, SILMA_FAILURE, "%s: cannot be read as SVG: %s", name, failure->message);
        library.error_free(failure);
        return status;
    }
    png_bytes result = {0};
    silma_status status = draw(&library, figure, name, &result, why);
    library.unref(figure);
    if (status) {
        free(result.bytes);
        return status;
    }
    *png = result.bytes;
    *size = result.size;
    return SILMA_OK;
}

#endif
