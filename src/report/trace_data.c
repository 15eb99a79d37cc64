// The numbers of the page: one JSON object. Tensors are their single-precision numbers, little-endian, in base64, so
// that the page computes with the engine's own bits.
#include "report/base64.h"
#include "report/trace.h"

#include "core/error.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *bytes_json(const uint8_t *bytes, size_t count)
{
    text_buffer text = {0};
    base64_add(&text, bytes, count);
    json_t *string = text.failed ? NULL : json_stringn_nocheck(text.text ? text.text : "", text.length);
    buffer_free(&text);
    return string;
}

static json_t *floats_json(const float *values, size_t count)
{
    uint8_t *bytes = malloc(count * sizeof *values + 1);
    if (!bytes) return NULL;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (size_t b = 0; b < sizeof bits; b++)
            bytes[i * sizeof bits + b] = (uint8_t)(bits >> (8 * b));
    }
    json_t *string = bytes_json(bytes, count * sizeof *values);
    free(bytes);
    return string;
}

// Fails softly: json_object_set_new of a null value fails, and the whole object is given up.
static void set(json_t *object, const char *name, json_t *value, bool *failed)
{
    if (json_object_set_new(object, name, value) != 0) *failed = true;
}

static void append(json_t *array, json_t *value, bool *failed)
{
    if (json_array_append_new(array, value) != 0) *failed = true;
}

static json_t *finish(json_t *value, bool failed)
{
    if (!failed) return value;
    json_decref(value);
    return NULL;
}

static json_t *shape_json(shape s)
{
    return json_pack("[i, i, i]", s.h, s.w, s.c);
}

static const char *const RULE_NAMES[] = {
    "none", "copy", "sum", "maximum", "mean", "function", "slope", "normalise", "scale", "add",
};

static json_t *window_json(const window_shape *w)
{
    return json_pack("{s:[i, i], s:[i, i], s:[i, i], s:i}", "size", w->kh, w->kw, "stride", w->stride_h, w->stride_w,
                     "pad", w->pad_top, w->pad_left, "groups", w->groups);
}

static json_t *parameter_json(const trace *t, const parameter *p)
{
    bool failed = false;
    json_t *object = json_pack("{s:s, s:b}", "name", p->name, "trainable", (int)p->trainable);
    json_t *dims = json_array();
    for (int d = 0; d < p->rank; d++)
        append(dims, json_integer((json_int_t)p->dims[d]), &failed);
    set(object, "dims", dims, &failed);
    const float *values = (p->trainable ? t->run.weights : t->model->statistics) + p->offset;
    set(object, "values", floats_json(values, p->count), &failed);
    if (p->trainable && p->count <= TRACE_GRADIENTS_MOST)
        set(object, "gradient", floats_json(t->run.gradients + p->offset, p->count), &failed);
    return finish(object, failed);
}

static void set_rule(json_t *object, const trace *t, size_t i, bool *failed)
{
    const exact_layer *it = &t->exact.layers[i];
    size_t count = shape_count(t->g->layers[i].out);
    set(object, "rule", json_string(RULE_NAMES[it->e.rule]), failed);
    set(object, "activation", json_string(activation_name(it->e.act.kind)), failed);
    set(object, "slope", number((double)it->e.act.parameter), failed);
    if (it->e.window.n > 0) set(object, "window", window_json(&it->e.window), failed);
    if (it->e.rule == RULE_NORMALISE) set(object, "epsilon", number(it->e.epsilon), failed);
    float *factor = it->factor ? calloc(count, sizeof *factor) : NULL;
    for (size_t e = 0; factor && e < count; e++)
        factor[e] = (float)it->factor[e];
    if (it->factor) set(object, "factor", factor ? floats_json(factor, count) : NULL, failed);
    free(factor);
}

static json_t *layer_json(const trace *t, size_t i)
{
    const layer *l = &t->g->layers[i];
    const traced_layer *values = &t->run.layers[i];
    size_t count = shape_count(l->out);
    bool failed = false;
    json_t *object = json_pack("{s:s, s:s, s:b}", "name", l->name, "type", l->type->name, "flat", (int)l->out.flat);
    json_t *inputs = json_array(), *parameters = json_array();
    for (size_t input = 0; input < l->input_count; input++)
        append(inputs, json_integer((json_int_t)l->inputs[input]), &failed);
    for (int p = 0; p < l->parameter_count; p++)
        append(parameters, parameter_json(t, &l->parameters[p]), &failed);
    set(object, "inputs", inputs, &failed);
    set(object, "parameters", parameters, &failed);
    set(object, "out", shape_json(l->out), &failed);
    set(object, "chosen", json_integer((json_int_t)t->chosen[i]), &failed);
    if (l->input_count > 0) set_rule(object, t, i, &failed);
    bool copy = t->exact.layers[i].e.rule == RULE_COPY && l->input_count == 1; // the same numbers as its input's
    if (!copy) set(object, "y", floats_json(values->y, count), &failed);
    set(object, "dy", floats_json(values->dy, count), &failed);
    if (t->exact.layers[i].e.act.kind != ACTIVATION_LINEAR) set(object, "dz", floats_json(t->dz[i], count), &failed);
    return finish(object, failed);
}

static json_t *check_json(const trace *t, const trace_check *c)
{
    static const char *const whats[] = {"weight", "z", "y"};
    const layer *l = &t->g->layers[c->layer];
    bool failed = false;
    json_t *object = json_pack("{s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "layer", (json_int_t)c->layer,
                               "what", whats[c->what], "index", (json_int_t)c->index, "analytic", number(c->analytic),
                               "numerical", number(c->numerical.value), "left", number(c->numerical.left), "right",
                               number(c->numerical.right), "step", number(c->numerical.step), "kink",
                               (int)c->numerical.kink, "size", number(c->size), "error", number(c->error));
    if (c->parameter < 0) return object;
    const parameter *p = &l->parameters[c->parameter];
    set(object, "parameter", json_string(p->name), &failed);
    set(object, "before", number((double)t->run.weights[p->offset + c->index]), &failed);
    set(object, "after", number((double)t->updated[p->offset + c->index]), &failed);
    return finish(object, failed);
}

static json_t *optimizer_json(const trace *t)
{
    const optimizer *o = &t->settings.optimizer;
    char text[OPTIMIZER_TEXT_MAX];
    optimizer_describe(o, text);
    return json_pack(
        "{s:s, s:i, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "text", text, "kind", (int)o->kind, "rate",
        number((double)(float)o->rate), "momentum", number((double)(float)o->momentum), "nesterov", (int)o->nesterov,
        "rho", number((double)(float)o->rho), "beta1", number((double)(float)o->beta1), "beta2",
        number((double)(float)o->beta2), "epsilon", number((double)(float)o->epsilon), "weight_decay",
        number((double)(float)o->weight_decay), "initial_accumulator", number((double)(float)o->initial_accumulator),
        "gradient_norm", number(t->gradient_norm), "scale", number((double)t->gradient_scale));
}

static json_t *image_json(const trace *t)
{
    size_t count = (size_t)t->height * (size_t)t->width * (size_t)t->channels;
    char number[TRACE_NUMBER_SIZE];
    bool failed = false;
    json_t *object =
        json_pack("{s:I, s:I, s:s, s:[i, i, i]}", "index", (json_int_t)t->image_index, "label", (json_int_t)t->label,
                  "class", trace_class_name(t, t->label, number), "shape", t->height, t->width, t->channels);
    set(object, "pixels", bytes_json(t->pixels, count), &failed);
    set(object, "scale", floats_json(t->model->scale, (size_t)graph_input(t->g).c), &failed);
    set(object, "shift", floats_json(t->model->shift, (size_t)graph_input(t->g).c), &failed);
    return finish(object, failed);
}

static json_t *class_names_json(const trace *t)
{
    size_t outputs = trace_outputs(t);
    bool failed = false;
    json_t *names = json_array();
    for (uint32_t i = 0; i < outputs && outputs > 1; i++) {
        char number[TRACE_NUMBER_SIZE];
        append(names, json_string(trace_class_name(t, i, number)), &failed);
    }
    return finish(names, failed);
}

static json_t *loss_json(const trace *t)
{
    static const char *const kinds[] = {"categorical_crossentropy", "binary_crossentropy", "mean_squared_error"};
    size_t outputs = trace_outputs(t);
    bool failed = false;
    json_t *object = json_pack("{s:s, s:s, s:o, s:o, s:o}", "kind", kinds[t->settings.loss.kind], "head",
                               activation_name(t->g->head), "label_smoothing", number(t->settings.loss.label_smoothing),
                               "value", number(t->loss), "after", number(t->loss_after));
    set(object, "targets", floats_json(t->targets, outputs), &failed);
    set(object, "probabilities", floats_json(t->probabilities, outputs), &failed);
    set(object, "predicted", floats_json(t->predicted, outputs), &failed);
    return finish(object, failed);
}

static json_t *trace_json(const trace *t)
{
    bool failed = false;
    json_t *object = json_pack("{s:s, s:i}", "silma", silma_version(), "format", 1);
    json_t *layers = json_array(), *checks = json_array();
    for (size_t i = 0; i < t->run.count; i++)
        append(layers, layer_json(t, i), &failed);
    for (size_t i = 0; i < t->check_count; i++)
        append(checks, check_json(t, &t->checks[i]), &failed);
    set(object, "image", image_json(t), &failed);
    set(object, "classes", class_names_json(t), &failed);
    set(object, "layers", layers, &failed);
    set(object, "loss", loss_json(t), &failed);
    set(object, "optimizer", optimizer_json(t), &failed);
    set(object, "checks", checks, &failed);
    return finish(object, failed);
}

// Within a script element "</script" and "<!--" would mean something: '<' stands in strings only.
static void add_escaped(text_buffer *buffer, const char *json)
{
    for (size_t run; *json; json += run) {
        run = strcspn(json, "<");
        buffer_add_bytes(buffer, json, run);
        if (json[run] != '<') continue;
        buffer_add(buffer, "\\u003c");
        run++;
    }
}

silma_status trace_add_json(text_buffer *buffer, const trace *t, silma_error *error)
{
    json_t *object = trace_json(t);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(object);
    if (!text) return silma_fail_memory(error, trace_json_bytes(t->g));
    add_escaped(buffer, text);
    free(text);
    return SILMA_OK;
}

size_t trace_json_bytes(const graph *g)
{
    double floats = 0;
    for (size_t i = 0; i <= g->output_layer; i++) {
        const layer *l = &g->layers[i];
        floats +=
            2 * (double)shape_count(l->out) + (l->act.kind == ACTIVATION_LINEAR ? 0 : (double)shape_count(l->out));
        for (int p = 0; p < l->parameter_count; p++)
            floats += (double)l->parameters[p].count * (l->parameters[p].count <= TRACE_GRADIENTS_MOST ? 2 : 1);
    }
    double bytes = 100e3 + floats * sizeof(float) * 4 / 3; // base64 writes three bytes as four; the rest is words
    return bytes < (double)(SIZE_MAX / 2) ? (size_t)bytes : SIZE_MAX / 2;
}
