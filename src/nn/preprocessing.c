#include "nn/preprocessing.h"

#include "core/error.h"
#include "data/pad.h"

#include <math.h>
#include <string.h>

static const char *const RESIZE_NAMES[] = {"stretch", "fit", "crop"}; // by silma_resize
enum { RESIZE_COUNT = sizeof RESIZE_NAMES / sizeof *RESIZE_NAMES };

silma_preparation preprocessing_default(const graph *g)
{
    shape in = graph_input(g);
    return (silma_preparation){.height = in.h, .width = in.w, .channels = in.c};
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

static json_t *floats_to_json(const float *values, int count)
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++)
        if (json_array_append_new(array, json_real((double)values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *picture_to_json(const silma_preparation *p)
{
    return json_pack("{s:i,s:i,s:i,s:s,s:[i,i,i]}", "height", p->height, "width", p->width, "channels", p->channels,
                     "resize", RESIZE_NAMES[p->resize], "background", p->background[0], p->background[1],
                     p->background[2]);
}

static bool repeats_after(const float *values, int count, int period)
{
    for (int i = period; i < count; i++)
        if (values[i] != values[i - period]) return false;
    return true;
}

// How many scales and shifts are written: one a channel. Those of a vector, which stands for a whole image, repeat.
static int period_of(const silma_model *model)
{
    shape in = graph_input(model->g);
    if (!in.flat) return in.c;
    int period = 1;
    while (in.c % period != 0 || !repeats_after(model->scale, in.c, period) ||
           !repeats_after(model->shift, in.c, period))
        period++;
    return period;
}

json_t *preprocessing_to_json(const silma_model *model)
{
    shape in = graph_input(model->g);
    int period = period_of(model);
    return json_pack("{s:i,s:i,s:i,s:o,s:o,s:o,s:o*}", "height", in.h, "width", in.w, "channels", in.c, "scale",
                     floats_to_json(model->scale, period), "shift", floats_to_json(model->shift, period), "picture",
                     picture_to_json(&model->preparation), "tta",
                     model->tta == LOOKS_NONE ? NULL : json_string(LOOKS_NAMES[model->tta]));
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

bool preprocessing_lists_channels(const json_t *object, const graph *g)
{
    shape in = graph_input(g);
    size_t channels = (size_t)in.c, scales = json_array_size(json_object_get(object, "scale"));
    if (scales == 0 || json_array_size(json_object_get(object, "shift")) != scales) return false;
    return in.flat ? channels % scales == 0 : channels == scales;
}

// preprocessing_lists_channels has checked the array's size.
static bool read_floats(const json_t *array, float *values, int count)
{
    size_t period = json_array_size(array);
    for (int i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, (size_t)i % period);
        if (!json_is_number(value)) return false;
        values[i] = (float)json_number_value(value);
        if (!isfinite(values[i])) return false;
    }
    return true;
}

// A whole number between the two, or -1.
static int read_integer(const json_t *value, int least, int most)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    return number >= least && number <= most ? (int)number : -1;
}

static bool read_picture(const json_t *object, shape in, silma_preparation *p)
{
    enum { SIDE_MOST = 65536, CHANNELS_MOST = 1 << 30 };
    const json_t *background = json_object_get(object, "background");
    const char *resize = json_string_value(json_object_get(object, "resize"));
    p->height = read_integer(json_object_get(object, "height"), 1, SIDE_MOST);
    p->width = read_integer(json_object_get(object, "width"), 1, SIDE_MOST);
    p->channels = read_integer(json_object_get(object, "channels"), 1, CHANNELS_MOST);
    if (p->height < 1 || p->width < 1 || p->channels < 1 || !resize || json_array_size(background) != 3) return false;
    int policy = 0;
    while (policy < RESIZE_COUNT && strcmp(resize, RESIZE_NAMES[policy]) != 0)
        policy++;
    if (policy == RESIZE_COUNT) return false;
    p->resize = (silma_resize)policy;
    for (size_t c = 0; c < 3; c++) {
        int value = read_integer(json_array_get(background, c), 0, UINT8_MAX);
        if (value < 0) return false;
        p->background[c] = (uint8_t)value;
    }
    return image_fits(p->height, p->width, p->channels, in.h, in.w, in.c);
}

// Absent: no looks but one.
static bool read_looks(const json_t *object, shape in, looks *kind)
{
    const json_t *tta = json_object_get(object, "tta"), *mirror = json_object_get(object, "mirror");
    *kind = LOOKS_NONE;
    if (!tta && !mirror) return true;
    if (in.flat || (mirror && !json_is_boolean(mirror))) return false;
    if (json_is_true(mirror)) *kind = LOOKS_FLIP;
    if (!tta) return true;
    const char *name = json_string_value(tta);
    int found = 0;
    while (name && found < LOOKS_KINDS && strcmp(name, LOOKS_NAMES[found]) != 0)
        found++;
    *kind = (looks)(name && found < LOOKS_KINDS ? found : LOOKS_NONE);
    return name && found < LOOKS_KINDS;
}

silma_status preprocessing_read(silma_model *model, const json_t *object, const char *path, silma_error *error)
{
    shape in = graph_input(model->g);
    const json_t *picture = json_object_get(object, "picture");
    bool fits = json_is_object(object) && json_integer_value(json_object_get(object, "height")) == in.h &&
                json_integer_value(json_object_get(object, "width")) == in.w &&
                json_integer_value(json_object_get(object, "channels")) == in.c &&
                read_floats(json_object_get(object, "scale"), model->scale, in.c) &&
                read_floats(json_object_get(object, "shift"), model->shift, in.c) &&
                (!picture || read_picture(picture, in, &model->preparation)) && read_looks(object, in, &model->tta);
    if (fits) return SILMA_OK;
    return silma_fail(error, SILMA_BAD_FILE,
                      "%s: metadata 'preprocessing' should be the size of the network's input, a scale and a shift a "
                      "channel, and what becomes of a picture",
                      path);
}
