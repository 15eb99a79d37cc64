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

// A handle's own dependencies are searched too, so that librsvg's brings cairo's and glib's functions.
static silma_status open_library(raster_library *library, problem *why)
{
    static const char FILE_NAME[] = "librsvg-2.so.2";
    void *opened = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const struct {
        const char *name;
        void *pointer;
    } wanted[] = {
        {"rsvg_handle_new_from_data", &library->handle_new},
        {"rsvg_handle_get_intrinsic_size_in_pixels", &library->handle_size},
        {"rsvg_handle_render_document", &library->handle_render},
        {"g_object_unref", &library->unref},
        {"g_error_free", &library->error_free},
        {"cairo_image_surface_create", &library->surface_create},
        {"cairo_surface_destroy", &library->surface_destroy},
        {"cairo_surface_write_to_png_stream", &library->surface_write},
        {"cairo_create", &library->canvas_create},
        {"cairo_destroy", &library->canvas_destroy},
        {"cairo_status_to_string", &library->status_text},
    };
    bool complete = opened != NULL;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && complete; i++) {
        void *symbol = dlsym(opened, wanted[i].name);
        memcpy(wanted[i].pointer, &symbol, sizeof symbol);
        complete = symbol != NULL;
    }
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
