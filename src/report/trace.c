// One image's mathematics: a training step with a batch of one, kept whole, and every gradient that the page shows
// compared with a numerical derivative.
#include "report/trace.h"

#include "core/error.h"
#include "data/pad.h"
#include "kernels/context.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MOST = 3 << 20, LARGE_PAGE_MOST = 64 << 20 };

const char *trace_class_name(const trace *t, uint32_t label, char number[TRACE_NUMBER_SIZE])
{
    if (t->class_names) return t->class_names[label];
    snprintf(number, TRACE_NUMBER_SIZE, "%u", label);
    return number;
}

size_t trace_outputs(const trace *t)
{
    return shape_count(graph_output(t->g));
}

static void release(trace *t)
{
    for (size_t i = 0; t->dz && i < t->run.count; i++)
        free(t->dz[i]);
    free(t->dz);
    exact_free(&t->exact);
    trace_run_free(&t->run);
    settings_free(&t->settings);
    free(t->pixels);
    free(t->targets);
    free(t->probabilities);
    free(t->updated);
    free(t->predicted);
    free(t->chosen);
    free(t->checks);
}

// ---------------------------------------------------------------------------------------------------------------------
// The image

// Smaller images are set into the middle, as in training; larger ones are resized, which training does not do.
static silma_status fit_image(trace *t, const silma_dataset *one, silma_error *error)
{
    const silma_images *images = silma_dataset_images(one);
    shape in = graph_input(t->g);
    silma_dataset *padded = NULL;
    bool larger = images->height > in.h || images->width > in.w || images->channels != in.c;
    bool vector = in.h == 1 && in.w == 1 &&
                  shape_count(in) == (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    t->pixels = calloc(shape_count(in), 1);
    if (!t->pixels) return silma_fail_memory(error, shape_count(in));
    t->height = vector ? images->height : in.h;
    t->width = vector ? images->width : in.w;
    t->channels = vector ? images->channels : in.c;
    if (larger && !vector) {
        silma_picture picture = {.height = images->height,
                                 .width = images->width,
                                 .channels = images->channels,
                                 .pixels = (uint8_t *)images->pixels};
        silma_preparation preparation = {.height = in.h, .width = in.w, .channels = in.c};
        t->resized = true;
        return silma_picture_prepare(&picture, &preparation, t->pixels, error);
    }
    silma_status status = dataset_pad(&padded, one, in.h, in.w, in.c, error);
    if (status != SILMA_OK) return status;
    memcpy(t->pixels, padded ? silma_dataset_images(padded)->pixels : images->pixels, shape_count(in));
    t->padded = padded != NULL;
    silma_dataset_free(padded);
    return SILMA_OK;
}

static silma_status take_image(trace *t, const silma_dataset *dataset, size_t index, silma_error *error)
{
    const silma_images *images = silma_dataset_images(dataset);
    size_t each = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    silma_images view = *images;
    view.pixels += index * each;
    view.labels += index;
    view.count = 1;
    silma_dataset *one = NULL;
    silma_status status = silma_dataset_from_memory(&one, silma_dataset_name(dataset), &view, error);
    if (status == SILMA_OK) status = fit_image(t, one, error);
    silma_dataset_free(one);
    return status;
}

static silma_status check_label(const trace *t, const silma_images *images, silma_error *error)
{
    size_t outputs = trace_outputs(t);
    if (outputs == 1 || t->label < outputs) return SILMA_OK;
    char number[TRACE_NUMBER_SIZE];
    size_t other = 0;
    while (other + 1 < images->count && images->labels[other] >= outputs)
        other++;
    return silma_fail(
        error, SILMA_USAGE,
        "image %zu is of class %u (%s), but the network tells only the first %zu classes apart; image %zu "
        "would do",
        t->image_index, t->label, trace_class_name(t, t->label, number), outputs, other);
}

static silma_status choose_target(trace *t, const silma_images *images, silma_error *error)
{
    size_t outputs = trace_outputs(t);
    t->targets = calloc(outputs, sizeof *t->targets);
    if (!t->targets) return silma_fail_memory(error, outputs * sizeof *t->targets);
    t->label = images->labels[t->image_index];
    silma_status status = check_label(t, images, error);
    if (status != SILMA_OK) return status;
    t->one_against_rest = outputs == 1 && images->class_count != 2;
    if (outputs == 1)
        t->targets[0] = t->one_against_rest ? 1.0f : (float)t->label;
    else
        t->targets[t->label] = 1.0f;
    return SILMA_OK;
}

static silma_status open_image(trace *t, const silma_dataset *dataset, size_t index, silma_error *error)
{
    const silma_images *images = silma_dataset_images(dataset);
    if (index >= images->count)
        return silma_fail(error, SILMA_USAGE, "image %zu was asked for; %s has %zu, counted from 0", index,
                          silma_dataset_name(dataset), images->count);
    if (!images->labels)
        return silma_fail(error, SILMA_USAGE, "%s has no labels: there is no loss without one",
                          silma_dataset_name(dataset));
    t->data_name = silma_dataset_name(dataset);
    t->class_names = images->class_names;
    t->image_index = index;
    t->image_file = silma_dataset_image_file(dataset, index);
    silma_status status = choose_target(t, images, error);
    return status == SILMA_OK ? take_image(t, dataset, index, error) : status;
}

static silma_status take_settings(trace *t, const silma_settings *wanted, silma_error *error)
{
    const graph *g = t->g;
    settings_default(&t->settings);
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < g->recipe_count && status == SILMA_OK; i++)
        status =
            settings_apply(&t->settings, g->recipe[i].name, g->recipe[i].value, g->origin, g->recipe[i].line, error);
    if (status == SILMA_OK) status = settings_apply_list(&t->settings, wanted, error);
    int classes = trace_outputs(t) == 1 ? 2 : (int)trace_outputs(t);
    if (status == SILMA_OK) status = settings_resolve(&t->settings, g->head, trace_outputs(t), classes, error);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The step

static void enter_image(const trace *t, float *input)
{
    size_t channels = (size_t)graph_input(t->g).c;
    for (size_t i = 0; i < shape_count(graph_input(t->g)); i++)
        input[i] = (float)t->pixels[i] * t->model->scale[i % channels] + t->model->shift[i % channels];
}

static double compute_loss(const trace *t, trace_run *run, float *probabilities, float *dlogits)
{
    loss_batch batch = {
        .head = t->g->head,
        .n = 1,
        .outputs = trace_outputs(t),
        .logits = run->layers[run->count - 1].y,
        .probabilities = probabilities,
        .dlogits = dlogits,
    };
    return loss_compute_targets(&t->settings.loss, &batch, t->targets, NULL);
}

static silma_status run_step(const trace *t, trace_run *run, float *probabilities, double *loss, silma_error *error)
{
    enter_image(t, trace_run_input(run));
    silma_status status = trace_run_forward(run, error);
    if (status != SILMA_OK) return status;
    *loss = compute_loss(t, run, probabilities, trace_run_output_gradient(run));
    if (!isfinite(*loss))
        return silma_fail(error, SILMA_DIVERGED, "the loss of image %zu is not a finite number", t->image_index);
    return trace_run_backward(run, error);
}

// The local gradients, eq. 40, 43 and 63: dE/dz = dE/dy f'(z).
static silma_status take_local_gradients(trace *t, silma_error *error)
{
    const kernels *k = t->run.k;
    for (size_t i = 0; i < t->run.count; i++) {
        const exact_layer *it = &t->exact.layers[i];
        const traced_layer *values = &t->run.layers[i];
        shape out = t->g->layers[i].out;
        size_t count = shape_count(out);
        float *z = trace_floats(count);
        t->dz[i] = trace_floats(count);
        if (!z || !t->dz[i]) {
            free(z);
            return silma_fail_memory(error, count * sizeof *z);
        }
        for (size_t e = 0; e < count; e++)
            z[e] = (float)it->z[e];
        if (it->e.act.kind == ACTIVATION_SOFTMAX)
            k->softmax_backward(NULL, count / (size_t)out.c, (size_t)out.c, values->y, values->dy, t->dz[i]);
        else if (it->e.act.kind == ACTIVATION_LINEAR)
            memcpy(t->dz[i], values->dy, count * sizeof *z);
        else
            k->activation_backward(NULL, it->e.act, count, z, values->y, values->dy, t->dz[i]);
        free(z);
    }
    return SILMA_OK;
}

static double norm(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

// The optimiser's first step, from empty slots, at the rate before any schedule.
static silma_status update_weights(trace *t, silma_error *error)
{
    const optimizer *o = &t->settings.optimizer;
    size_t count = t->g->weight_count;
    float *slot0 = trace_floats(count), *slot1 = trace_floats(count);
    t->updated = trace_floats(count);
    if (!slot0 || !slot1 || !t->updated) {
        free(slot0);
        free(slot1);
        return silma_fail_memory(error, 3 * count * sizeof *slot0);
    }
    memcpy(t->updated, t->run.weights, count * sizeof *slot0);
    t->gradient_norm = norm(t->run.gradients, count);
    t->gradient_scale = gradient_clip_scale(t->gradient_norm, t->settings.clip_norm);
    optimizer_prepare_slots(o, count, slot0, slot1);
    optimizer_update(o, t->run.k, NULL, count, t->updated, t->run.gradients, slot0, slot1, t->gradient_scale, o->rate,
                     1);
    free(slot0);
    free(slot1);
    return SILMA_OK;
}

// The same image once more, through the updated weights.
static silma_status measure_update(trace *t, silma_error *error)
{
    trace_run after;
    float *ignored = trace_floats(trace_outputs(t));
    silma_status status =
        ignored ? trace_run_create(&after, t->g, t->run.k, NULL, t->updated, t->model->statistics, t->run.seed, error)
                : silma_fail_memory(error, trace_outputs(t) * sizeof *ignored);
    if (!ignored) return status;
    if (status == SILMA_OK) {
        enter_image(t, trace_run_input(&after));
        status = trace_run_forward(&after, error);
    }
    if (status == SILMA_OK) t->loss_after = compute_loss(t, &after, ignored, NULL);
    trace_run_free(&after);
    free(ignored);
    return status;
}

static silma_status predict(trace *t, silma_model *model, silma_context *context, silma_error *error)
{
    static const uint32_t first = 0;
    t->predicted = trace_floats(trace_outputs(t));
    if (!t->predicted) return silma_fail_memory(error, trace_outputs(t) * sizeof *t->predicted);
    silma_status status = model_prepare(model, context->k, context->pool, 1, error);
    if (status != SILMA_OK) return status;
    const float *logits = model_run(model, 1, &first, t->pixels);
    loss_batch batch = {
        .head = t->g->head, .n = 1, .outputs = trace_outputs(t), .logits = logits, .probabilities = t->predicted};
    loss_compute_targets(&t->settings.loss, &batch, t->targets, NULL);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// What is worked out, and whether it is right

static const double TINY_GRADIENT = 1e-10; // smaller ones are below what single precision tells from 0

// The output that matters most to the loss: of the greatest |y dE/dy|.
static size_t most_important(const traced_layer *values, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (fabs((double)values->y[i] * (double)values->dy[i]) >
            fabs((double)values->y[best] * (double)values->dy[best]))
            best = i;
    return best;
}

static size_t greatest(const float *values, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (fabsf(values[i]) > fabsf(values[best])) best = i;
    return best;
}

// `terms`: the sizes of what is summed to the gradient, together; 0: nothing is. Where the sum is less than what
// rounding makes of its terms, as that of a bias before batch normalisation, which is 0, it is measured against them.
static silma_status add_check(trace *t, trace_check check, size_t weight, double terms, silma_error *error)
{
    silma_status status = exact_differentiate(
        &t->exact, check.layer, check.what, check.what == EXACT_WEIGHT ? weight : check.index, &check.numerical, error);
    const exact_derivative *n = &check.numerical;
    double difference = fabs(check.analytic - n->value);
    // Where E has a kink, the engine follows one of its sides.
    if (n->kink) difference = fmin(difference, fmin(fabs(check.analytic - n->left), fabs(check.analytic - n->right)));
    check.size = fmax(fmax(fabs(check.analytic), fabs(n->value)), TINY_GRADIENT);
    if (check.size < (double)FLT_EPSILON * terms) check.size = terms;
    check.error = difference / check.size;
    t->checks[t->check_count++] = check;
    return status;
}

static double sum_of_sizes(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs((double)values[i]);
    return sum;
}

static silma_status check_layer(trace *t, size_t i, silma_error *error)
{
    const layer *l = &t->g->layers[i];
    double terms = sum_of_sizes(t->dz[i], shape_count(l->out));
    const traced_layer *values = &t->run.layers[i];
    size_t chosen = t->chosen[i];
    trace_check output = {.layer = i, .parameter = -1, .what = EXACT_OUTPUT, .index = chosen};
    output.analytic = (double)values->dy[chosen];
    silma_status status = values->has_gradient ? add_check(t, output, 0, 0, error) : SILMA_OK;
    if (status == SILMA_OK && values->has_gradient && t->exact.layers[i].e.act.kind != ACTIVATION_LINEAR) {
        output.what = EXACT_SUM;
        output.analytic = (double)t->dz[i][chosen];
        status = add_check(t, output, 0, 0, error);
    }
    for (int p = 0; p < l->parameter_count && status == SILMA_OK; p++) {
        const parameter *param = &l->parameters[p];
        if (!param->trainable) continue;
        const float *gradient = t->run.gradients + param->offset;
        trace_check weight = {.layer = i, .parameter = p, .what = EXACT_WEIGHT};
        weight.index = greatest(gradient, param->count);
        weight.analytic = (double)gradient[weight.index];
        status = add_check(t, weight, param->offset + weight.index, terms, error);
    }
    return status;
}

static silma_status check_gradients(trace *t, silma_error *error)
{
    t->chosen = calloc(t->run.count, sizeof *t->chosen);
    t->checks = calloc(t->run.count * CHECKS_PER_LAYER, sizeof *t->checks);
    if (!t->chosen || !t->checks) return silma_fail_memory(error, t->run.count * CHECKS_PER_LAYER * sizeof *t->checks);
    silma_status status = SILMA_OK;
    for (size_t i = 0; i < t->run.count && status == SILMA_OK; i++) {
        t->chosen[i] = most_important(&t->run.layers[i], shape_count(t->g->layers[i].out));
        if (i + 1 == t->run.count) t->chosen[i] = trace_outputs(t) == 1 ? 0 : t->label;
        status = check_layer(t, i, error);
    }
    return status;
}

// The greatest difference by the greatest value.
static double difference(const float *a, const float *b, size_t count)
{
    double most = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        size = fmax(size, fabs((double)a[i]));
    }
    return size > 0 ? most / size : most;
}

static double exact_difference(const trace *t)
{
    double most = 0;
    for (size_t i = 1; i < t->run.count; i++) {
        double size = 0, worst = 0;
        for (size_t e = 0; e < shape_count(t->g->layers[i].out); e++) {
            double y = t->exact.layers[i].y[e];
            worst = fmax(worst, fabs((double)t->run.layers[i].y[e] - y));
            size = fmax(size, fabs(y));
        }
        most = fmax(most, size > 0 ? worst / size : worst);
    }
    return most;
}

// The same step with the context's kernels.
static silma_status compare_kernels(trace *t, silma_context *context, silma_error *error)
{
    if (context->k == t->run.k) return SILMA_OK;
    trace_run fast;
    float *ignored = trace_floats(trace_outputs(t));
    if (!ignored) return silma_fail_memory(error, trace_outputs(t) * sizeof *ignored);
    double loss;
    silma_status status = trace_run_create(&fast, t->g, context->k, context->pool, t->run.weights, t->model->statistics,
                                           t->run.seed, error);
    if (status == SILMA_OK) status = run_step(t, &fast, ignored, &loss, error);
    for (size_t i = 0; status == SILMA_OK && i < t->run.count; i++) {
        const traced_layer *a = &t->run.layers[i], *b = &fast.layers[i];
        size_t count = shape_count(t->g->layers[i].out);
        t->fast_difference = fmax(t->fast_difference, difference(a->y, b->y, count));
        t->fast_difference = fmax(t->fast_difference, difference(a->dy, b->dy, count));
    }
    if (status == SILMA_OK) {
        t->fast_name = context->k->name;
        t->fast_difference = fmax(t->fast_difference, difference(t->run.gradients, fast.gradients, t->g->weight_count));
    }
    trace_run_free(&fast);
    free(ignored);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// The whole

static silma_status compute(trace *t, silma_model *model, silma_context *context, silma_error *error)
{
    const kernels *reference;
    silma_status status = kernels_find(&reference, "reference", error);
    if (status != SILMA_OK) return status;
    t->probabilities = trace_floats(trace_outputs(t));
    if (!t->probabilities) return silma_fail_memory(error, trace_outputs(t) * sizeof(float));
    status =
        trace_run_create(&t->run, t->g, reference, NULL, model->weights, model->statistics, t->settings.seed, error);
    if (status == SILMA_OK) status = run_step(t, &t->run, t->probabilities, &t->loss, error);
    if (status == SILMA_OK) status = exact_create(&t->exact, &t->run, t->settings.loss, t->targets, error);
    if (status != SILMA_OK) return status;
    t->exact_difference = exact_difference(t);
    t->dz = calloc(t->run.count, sizeof *t->dz);
    if (!t->dz) return silma_fail_memory(error, t->run.count * sizeof *t->dz);
    status = take_local_gradients(t, error);
    if (status == SILMA_OK) status = update_weights(t, error);
    if (status == SILMA_OK) status = measure_update(t, error);
    if (status == SILMA_OK) status = check_gradients(t, error);
    if (status == SILMA_OK) status = compare_kernels(t, context, error);
    if (status == SILMA_OK) status = predict(t, model, context, error);
    return status;
}

static silma_status check_size(const graph *g, bool large, silma_error *error)
{
    size_t bytes = trace_json_bytes(g), most = large ? LARGE_PAGE_MOST : PAGE_MOST;
    if (bytes <= most) return SILMA_OK;
    if (bytes > LARGE_PAGE_MOST)
        return silma_fail(error, SILMA_USAGE,
                          "the page would take %zu MB, more than a browser shows with ease: take a smaller network, "
                          "such as lenet5",
                          bytes >> 20);
    return silma_fail(error, SILMA_USAGE,
                      "the page would take about %zu MB; lenet5 and tiny are smaller, and large pages must be allowed",
                      (bytes + (1 << 19)) >> 20);
}

static silma_status write_page(const trace *t, const char *path, silma_error *error)
{
    text_buffer page = {0};
    silma_status status = trace_add_page(&page, t, error);
    if (status == SILMA_OK) status = buffer_write(&page, path, error);
    buffer_free(&page);
    return status;
}

silma_status silma_trace_write(silma_context *context, silma_model *model, const silma_dataset *dataset, size_t index,
                               const silma_trace_options *options, const char *path, silma_trace_result *result,
                               silma_error *error)
{
    static const silma_trace_options defaults = {0};
    if (!options) options = &defaults;
    trace t = {.model = model, .g = model->g, .has_seed = options->untrained, .part = options->part};
    shape out = graph_output(t.g);
    if (out.h != 1 || out.w != 1)
        return silma_fail(error, SILMA_USAGE, "the network ends in %dx%dx%d values, which no loss takes", out.h, out.w,
                          out.c);
    silma_status status = check_size(t.g, options->large, error);
    if (status == SILMA_OK) status = take_settings(&t, options->settings, error);
    if (status == SILMA_OK) status = open_image(&t, dataset, index, error);
    if (status == SILMA_OK) status = compute(&t, model, context, error);
    if (status == SILMA_OK) status = write_page(&t, path, error);
    if (status == SILMA_OK && result) {
        *result = (silma_trace_result){.loss = t.loss, .loss_after = t.loss_after, .checks = t.check_count};
        for (size_t i = 0; i < t.check_count; i++)
            result->worst_error = fmax(result->worst_error, t.checks[i].error);
    }
    release(&t);
    return status;
}
