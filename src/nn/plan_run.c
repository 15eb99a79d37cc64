// Running a plan: waves of slices through layers.
#include "nn/plan_inside.h"

#include <math.h>

// Where a wave stands: the images that are passed through its layers now.
typedef struct slice {
    const plan_step *step;
    size_t first, count; // images
} slice;

void plan_bind(plan *p, void *arena)
{
    p->arena = arena;
}

static void *block_address(const plan *p, int block)
{
    return block == NO_BLOCK ? NULL : p->arena + p->blocks[block].offset;
}

// Something of image `first` on, `image_bytes` an image.
static void *image_address(const plan *p, int block, size_t image_bytes, size_t first)
{
    if (block == NO_BLOCK) return NULL;
    size_t offset = p->uses[block].sliced ? 0 : first * image_bytes;
    return p->arena + p->blocks[block].offset + offset;
}

static float *tensor_address(const plan *p, int block, shape s, size_t first)
{
    return image_address(p, block, shape_count(s) * sizeof(float), first);
}

static float *output_address(const plan *p, size_t i, size_t first)
{
    return tensor_address(p, p->layers[i].y, p->layers[i].l->out, first);
}

static float *gradient_address(const plan *p, size_t i, size_t first)
{
    return tensor_address(p, p->layers[i].dy, p->layers[i].l->out, first);
}

float *plan_input(plan *p)
{
    return output_address(p, 0, 0);
}

float *plan_output(plan *p)
{
    return output_address(p, p->count - 1, 0);
}

float *plan_output_gradient(plan *p)
{
    return gradient_address(p, p->count - 1, 0);
}

float *plan_input_gradient(plan *p)
{
    return gradient_address(p, 0, 0);
}

static void find_input_gradients(const plan *p, plan_layer *pl, size_t first)
{
    for (size_t input = 0; input < pl->l->input_count; input++) {
        pl->dx[input] = NULL;
        if (!plan_trains(p)) continue;
        if (pl->routes[input] == ROUTE_WRITE) pl->dx[input] = gradient_address(p, pl->l->inputs[input], first);
        if (pl->routes[input] == ROUTE_ADD) pl->dx[input] = tensor_address(p, pl->parts[input], pl->in[input], first);
    }
}

static layer_call *prepare_call(plan *p, size_t i, const slice *s, int workspace)
{
    plan_layer *pl = &p->layers[i];
    for (size_t input = 0; input < pl->l->input_count; input++)
        pl->x[input] = output_address(p, pl->l->inputs[input], s->first);
    find_input_gradients(p, pl, s->first);
    pl->call = (layer_call){
        .layer = pl->l,
        .k = p->k,
        .pool = p->pool,
        .n = (int)s->count,
        .batch = s->step->n,
        .first_image = s->first,
        .training = s->step->training,
        .seed = s->step->seed,
        .step = s->step->step,
        .lane = (uint32_t)i,
        .in = pl->in,
        .x = pl->x,
        .y = output_address(p, i, s->first),
        .dx = pl->dx,
        .dy = plan_trains(p) ? gradient_address(p, i, s->first) : NULL,
        .weights = s->step->weights,
        .gradients = s->step->gradients,
        .statistics = s->step->statistics,
        .saved = block_address(p, pl->saved),
        .saved_image = image_address(p, pl->saved_image, pl->saved_image_bytes, s->first),
        .workspace = block_address(p, workspace),
    };
    return &pl->call;
}

static void forward_layer(plan *p, size_t i, const slice *s)
{
    const plan_layer *pl = &p->layers[i];
    if (layer_has(pl->l, LAYER_SAME_BYTES)) return;
    pl->l->type->forward(prepare_call(p, i, s, pl->forward_workspace));
}

// The layer, if any, that gathers from the output of layer i while that lies in the cache.
static void gather_behind(plan *p, size_t i, const slice *s)
{
    size_t gatherer = p->layers[i].forward_gatherer;
    if (!s->step->training || gatherer == 0) return;
    const plan_layer *pl = &p->layers[gatherer];
    pl->l->type->gather_forward(prepare_call(p, gatherer, s, pl->forward_gather_workspace));
}

// The same for those inputs of layer i whose gradient it has completed.
static void gather_before(plan *p, size_t i, const slice *s)
{
    const layer *l = p->layers[i].l;
    for (size_t input = 0; input < l->input_count; input++) {
        size_t source = l->inputs[input];
        plan_layer *pl = &p->layers[source];
        bool seen = false;
        for (size_t earlier = 0; earlier < input; earlier++)
            seen = seen || l->inputs[earlier] == source;
        if (seen || !pl->l->type->gather_backward || !pl->needs_gradient || pl->last_reader != i) continue;
        pl->l->type->gather_backward(prepare_call(p, source, s, pl->backward_gather_workspace));
    }
}

// Parameter by parameter: the padding between them is garbage in `later`, which begins at `offset`.
static void add_gradients(const plan *p, const layer *l, float *gradients, const float *later, size_t offset)
{
    for (int i = 0; i < l->parameter_count; i++) {
        const parameter *param = &l->parameters[i];
        float *sum = gradients + param->offset;
        if (param->trainable) p->k->add(p->pool, param->count, sum, later + (param->offset - offset), sum);
    }
}

// The slices' parameter gradients: the first one's are written to their place, the later ones' beside it and added.
static void backward_with_parameters(plan *p, size_t i, const slice *s)
{
    const plan_layer *pl = &p->layers[i];
    layer_call *call = prepare_call(p, i, s, pl->backward_workspace);
    size_t first, count;
    plan_parameter_range(pl->l, &first, &count);
    bool later = s->first > 0 && count > 0 && !pl->l->type->gather_backward;
    if (later) {
        call->gradients = block_address(p, pl->later_gradients);
        call->gradient_offset = first;
    }
    pl->l->type->backward(call);
    if (later) add_gradients(p, pl->l, s->step->gradients, call->gradients, first);
}

static void backward_layer(plan *p, size_t i, const slice *s)
{
    plan_layer *pl = &p->layers[i];
    if (!pl->needs_gradient) return;
    if (layer_has(pl->l, LAYER_SAME_BYTES))
        find_input_gradients(p, pl, s->first);
    else
        backward_with_parameters(p, i, s);
    for (size_t input = 0; input < pl->l->input_count; input++) {
        if (pl->routes[input] != ROUTE_ADD) continue;
        float *sum = gradient_address(p, pl->l->inputs[input], s->first);
        p->k->add(p->pool, s->count * shape_count(pl->in[input]), sum, pl->dx[input], sum);
    }
}

static slice next_slice(const plan_step *step, const wave *w, size_t first)
{
    size_t left = step->n - first;
    return (slice){.step = step, .first = first, .count = left < w->slice ? left : w->slice};
}

static bool all_finite(const plan *p, const float *values, size_t count)
{
    return !values || isfinite(p->k->sum_of_squares(p->pool, count, values));
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward and backward. With `where`, each layer's results are looked at as they are made; the number of the first
// layer that made one that is not finite is returned, otherwise SIZE_MAX.

// The first trainable parameter of layer i whose entry in `vector` is not finite, or null.
static const char *non_finite_parameter(const plan *p, size_t i, const float *vector)
{
    const layer *l = p->layers[i].l;
    for (int param = 0; param < l->parameter_count; param++) {
        const parameter *candidate = &l->parameters[param];
        if (candidate->trainable && !all_finite(p, vector + candidate->offset, candidate->count))
            return candidate->name;
    }
    return NULL;
}

static bool forward_is_finite(const plan *p, size_t i, const slice *s, const char **where)
{
    *where = non_finite_parameter(p, i, s->step->weights);
    if (*where) return false;
    *where = "output";
    return all_finite(p, output_address(p, i, s->first), s->count * shape_count(p->layers[i].l->out));
}

static bool backward_is_finite(const plan *p, size_t i, const slice *s, const char **where)
{
    const plan_layer *pl = &p->layers[i];
    if (!pl->needs_gradient) return true;
    *where = non_finite_parameter(p, i, s->step->gradients);
    if (*where) return false;
    *where = "gradient";
    for (size_t input = 0; input < pl->l->input_count; input++)
        if (!all_finite(p, pl->dx[input], s->count * shape_count(pl->in[input]))) return false;
    return true;
}

static size_t run_forward(plan *p, const plan_step *step, const char **where)
{
    for (size_t number = 0; number < p->forward_wave_count; number++) {
        const wave *w = &p->forward_waves[number];
        const plan_layer *leader = &p->layers[w->first];
        slice all = {.step = step, .count = step->n};
        if (step->training && leader->l->type->gather_forward && leader->gather_source == 0)
            leader->l->type->gather_forward(prepare_call(p, w->first, &all, leader->forward_gather_workspace));
        for (size_t first = 0; first < step->n; first += w->slice) {
            slice s = next_slice(step, w, first);
            for (size_t i = w->first; i <= w->last; i++) {
                forward_layer(p, i, &s);
                gather_behind(p, i, &s);
                if (where && !forward_is_finite(p, i, &s, where)) return i;
            }
        }
    }
    return SIZE_MAX;
}

static size_t run_backward(plan *p, const plan_step *step, const char **where)
{
    for (size_t number = 0; number < p->backward_wave_count; number++) {
        const wave *w = &p->backward_waves[number];
        const plan_layer *leader = &p->layers[w->last];
        slice all = {.step = step, .count = step->n};
        if (leader->l->type->gather_backward && leader->needs_gradient && leader->last_reader == 0)
            leader->l->type->gather_backward(prepare_call(p, w->last, &all, leader->backward_gather_workspace));
        for (size_t first = 0; first < step->n; first += w->slice) {
            slice s = next_slice(step, w, first);
            for (size_t i = w->last + 1; i-- > w->first;) {
                backward_layer(p, i, &s);
                gather_before(p, i, &s);
                if (where && !backward_is_finite(p, i, &s, where)) return i;
            }
        }
    }
    return SIZE_MAX;
}

void plan_forward(plan *p, const plan_step *step)
{
    run_forward(p, step, NULL);
}

void plan_backward(plan *p, const plan_step *step)
{
    run_backward(p, step, NULL);
}

size_t plan_find_non_finite(plan *p, const plan_step *step, void (*loss)(void *argument), void *argument,
                            const char **where)
{
    size_t found = run_forward(p, step, where);
    if (found != SIZE_MAX) return found;
    loss(argument);
    *where = "gradient";
    if (!all_finite(p, plan_output_gradient(p), step->n * shape_count(graph_output(p->g)))) return p->count - 1;
    return run_backward(p, step, where);
}
