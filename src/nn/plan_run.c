// Running a plan: waves of slices through layers.
#include "nn/plan_inside.h"

#include <math.h>

// Where a wave stands: the images that are passed through its layers now.
typedef struct slice {
    const plan_step *step;
    size_t first, count; // images
    size_t lane;         // whose memory is used
    thread_pool *pool;   // null where other threads are busy with other slices
    layer_turn turn;
} slice;

void plan_bind(plan *p, void *arena)
{
    p->arena = arena;
    p->packed = false;
}

static void *block_address(const plan *p, int block, size_t lane)
{
    return block == NO_BLOCK ? NULL : p->arena + p->blocks[block].offset + lane * p->uses[block].lane_bytes;
}

// Something of the slice's images, `image_bytes` an image.
static void *image_address(const plan *p, int block, size_t image_bytes, const slice *s)
{
    if (block == NO_BLOCK) return NULL;
    unsigned char *base = block_address(p, block, s->lane);
    return p->uses[block].sliced ? base : base + s->first * image_bytes;
}

static float *tensor_address(const plan *p, int block, shape of, const slice *s)
{
    return image_address(p, block, shape_count(of) * sizeof(float), s);
}

static float *output_address(const plan *p, size_t i, const slice *s)
{
    return tensor_address(p, p->layers[i].y, p->layers[i].l->out, s);
}

static float *gradient_address(const plan *p, size_t i, const slice *s)
{
    return tensor_address(p, p->layers[i].dy, p->layers[i].l->out, s);
}

float *plan_input(plan *p)
{
    return block_address(p, p->layers[0].y, 0);
}

float *plan_output(plan *p)
{
    return block_address(p, p->layers[p->count - 1].y, 0);
}

float *plan_output_gradient(plan *p)
{
    return block_address(p, p->layers[p->count - 1].dy, 0);
}

float *plan_input_gradient(plan *p)
{
    return block_address(p, p->layers[0].dy, 0);
}

static float **input_gradients(const plan_layer *pl, const slice *s)
{
    return pl->dx + s->lane * pl->l->input_count;
}

static void find_input_gradients(const plan *p, const plan_layer *pl, const slice *s)
{
    float **dx = input_gradients(pl, s);
    for (size_t input = 0; input < pl->l->input_count; input++) {
        dx[input] = NULL;
        if (!plan_trains(p)) continue;
        if (pl->routes[input] == ROUTE_WRITE) dx[input] = gradient_address(p, pl->l->inputs[input], s);
        if (pl->routes[input] == ROUTE_ADD) dx[input] = tensor_address(p, pl->parts[input], pl->in[input], s);
    }
}

static layer_call *prepare_call(const plan *p, size_t i, const slice *s, int workspace)
{
    const plan_layer *pl = &p->layers[i];
    const float **x = pl->x + s->lane * pl->l->input_count;
    for (size_t input = 0; input < pl->l->input_count; input++)
        x[input] = output_address(p, pl->l->inputs[input], s);
    find_input_gradients(p, pl, s);
    layer_call *call = &pl->calls[s->lane];
    *call = (layer_call){
        .layer = pl->l,
        .k = p->k,
        .pool = s->pool,
        .n = (int)s->count,
        .batch = s->step->n,
        .first_image = s->first,
        .training = s->step->training,
        .seed = s->step->seed,
        .step = s->step->step,
        .lane = (uint32_t)i,
        .in = pl->in,
        .x = x,
        .y = output_address(p, i, s),
        .dx = input_gradients(pl, s),
        .dy = plan_trains(p) ? gradient_address(p, i, s) : NULL,
        .weights = s->step->weights,
        .gradients = s->step->gradients,
        .gradient_offset = 0, // with all members here none is cleared first: a tenth of a microsecond a step of LeNet-5
        .statistics = s->step->statistics,
        .saved = block_address(p, pl->saved, 0),
        .saved_image = image_address(p, pl->saved_image, pl->saved_image_bytes, s),
        .packed = block_address(p, pl->packed, 0),
        .workspace = block_address(p, workspace, s->lane),
        .turn = s->turn,
    };
    return call;
}

static void forward_layer(const plan *p, size_t i, const slice *s)
{
    const plan_layer *pl = &p->layers[i];
    if (layer_has(pl->l, LAYER_SAME_BYTES)) return;
    pl->l->type->forward(prepare_call(p, i, s, pl->forward_workspace));
}

// The layer, if any, that gathers from the output of layer i while that lies in the cache.
static void gather_behind(const plan *p, size_t i, const slice *s)
{
    size_t gatherer = p->layers[i].forward_gatherer;
    if (!s->step->training || gatherer == 0) return;
    const plan_layer *pl = &p->layers[gatherer];
    pl->l->type->gather_forward(prepare_call(p, gatherer, s, pl->forward_gather_workspace));
}

// The same for those inputs of layer i whose gradient it has completed.
static void gather_before(const plan *p, size_t i, const slice *s)
{
    const layer *l = p->layers[i].l;
    for (size_t input = 0; input < l->input_count; input++) {
        size_t source = l->inputs[input];
        const plan_layer *pl = &p->layers[source];
        bool seen = false;
        for (size_t earlier = 0; earlier < input; earlier++)
            seen = seen || l->inputs[earlier] == source;
        if (seen || !pl->l->type->gather_backward || !pl->needs_gradient || pl->last_reader != i) continue;
        pl->l->type->gather_backward(prepare_call(p, source, s, pl->backward_gather_workspace));
    }
}

// The slices' parameter gradients: the first one's are written to their place, the later ones' beside it, from where
// they are added when it is the slice's turn.
static bool has_later_gradients(const plan *p, size_t i, const slice *s)
{
    const plan_layer *pl = &p->layers[i];
    return s->first > 0 && pl->needs_gradient && pl->later_gradients != NO_BLOCK;
}

static void backward_with_parameters(const plan *p, size_t i, const slice *s)
{
    const plan_layer *pl = &p->layers[i];
    layer_call *call = prepare_call(p, i, s, pl->backward_workspace);
    if (has_later_gradients(p, i, s)) {
        size_t count;
        plan_parameter_range(pl->l, &call->gradient_offset, &count);
        call->gradients = block_address(p, pl->later_gradients, s->lane);
    }
    pl->l->type->backward(call);
}

// Parameter by parameter: the padding between them is garbage in what was written beside.
static void add_later_gradients(const plan *p, size_t i, const slice *s)
{
    if (!has_later_gradients(p, i, s)) return;
    const layer *l = p->layers[i].l;
    const float *later = block_address(p, p->layers[i].later_gradients, s->lane);
    size_t first, count;
    plan_parameter_range(l, &first, &count);
    for (int param = 0; param < l->parameter_count; param++) {
        const parameter *of = &l->parameters[param];
        float *sum = s->step->gradients + of->offset;
        if (of->trainable) p->k->add(s->pool, of->count, sum, later + (of->offset - first), sum);
    }
}

static void backward_layer(const plan *p, size_t i, const slice *s)
{
    const plan_layer *pl = &p->layers[i];
    if (!pl->needs_gradient) return;
    if (layer_has(pl->l, LAYER_SAME_BYTES))
        find_input_gradients(p, pl, s);
    else
        backward_with_parameters(p, i, s);
    for (size_t input = 0; input < pl->l->input_count; input++) {
        if (pl->routes[input] != ROUTE_ADD) continue;
        float *sum = gradient_address(p, pl->l->inputs[input], s);
        p->k->add(s->pool, s->count * shape_count(pl->in[input]), sum, input_gradients(pl, s)[input], sum);
    }
}

static slice next_slice(const plan *p, const plan_step *step, const wave *w, size_t first)
{
    size_t left = step->n - first;
    return (slice){.step = step,
                   .first = first,
                   .count = left < w->slice ? left : w->slice,
                   .pool = w->lanes > 1 ? NULL : p->pool};
}

// What must be known of the whole batch before the wave begins, where nobody could gather it as it was made.
static void gather_at_once(const plan *p, const wave *w, const plan_step *step, bool backward)
{
    size_t i = backward ? w->last : w->first;
    const plan_layer *leader = &p->layers[i];
    const layer_type *type = leader->l->type;
    slice all = {.step = step, .count = step->n, .pool = p->pool};
    if (!backward && step->training && type->gather_forward && leader->gather_source == 0)
        type->gather_forward(prepare_call(p, i, &all, leader->forward_gather_workspace));
    if (backward && type->gather_backward && leader->needs_gradient && leader->last_reader == 0)
        type->gather_backward(prepare_call(p, i, &all, leader->backward_gather_workspace));
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
    return all_finite(p, output_address(p, i, s), s->count * shape_count(p->layers[i].l->out));
}

static bool backward_is_finite(const plan *p, size_t i, const slice *s, const char **where)
{
    const plan_layer *pl = &p->layers[i];
    if (!pl->needs_gradient) return true;
    *where = non_finite_parameter(p, i, s->step->gradients);
    if (*where) return false;
    *where = "gradient";
    for (size_t input = 0; input < pl->l->input_count; input++)
        if (!all_finite(p, input_gradients(pl, s)[input], s->count * shape_count(pl->in[input]))) return false;
    return true;
}

static size_t forward_slice(const plan *p, const wave *w, const slice *s, const char **where)
{
    for (size_t i = w->first; i <= w->last; i++) {
        forward_layer(p, i, s);
        gather_behind(p, i, s);
        if (where && !forward_is_finite(p, i, s, where)) return i;
    }
    return SIZE_MAX;
}

static size_t backward_slice(const plan *p, const wave *w, const slice *s, const char **where)
{
    for (size_t i = w->last + 1; i-- > w->first;) {
        backward_layer(p, i, s);
        gather_before(p, i, s);
        if (!where) continue;
        add_later_gradients(p, i, s);
        if (!backward_is_finite(p, i, s, where)) return i;
    }
    if (where) return SIZE_MAX;
    if (s->turn.now) thread_await_turn(s->turn.now, s->turn.mine);
    for (size_t i = w->last + 1; i-- > w->first;)
        add_later_gradients(p, i, s);
    return SIZE_MAX;
}

// A wave whose lanes take one slice after the other.
typedef struct lane_run {
    const plan *p;
    const wave *w;
    const plan_step *step;
    bool backward;
    atomic_size_t taken; // slices
    atomic_size_t turn;  // the slice that may add to sums: all before it have
} lane_run;

// Slices are taken in their order, so that the one whose turn it is is always under way.
static void run_lane(void *argument, size_t lane, unsigned thread)
{
    (void)thread;
    lane_run *run = argument;
    for (;;) {
        size_t number = atomic_fetch_add(&run->taken, 1), first = number * run->w->slice;
        if (first >= run->step->n) return;
        slice s = next_slice(run->p, run->step, run->w, first);
        s.lane = lane;
        s.turn = (layer_turn){.now = &run->turn, .mine = number};
        if (run->backward)
            backward_slice(run->p, run->w, &s, NULL);
        else
            forward_slice(run->p, run->w, &s, NULL);
        thread_await_turn(&run->turn, number);
        atomic_store_explicit(&run->turn, number + 1, memory_order_release);
    }
}

static size_t run_wave(const plan *p, const wave *w, const plan_step *step, bool backward, const char **where)
{
    gather_at_once(p, w, step, backward);
    if (w->lanes > 1 && !where) {
        lane_run run = {.p = p, .w = w, .step = step, .backward = backward};
        thread_pool_run(p->pool, w->lanes, run_lane, &run);
        return SIZE_MAX;
    }
    for (size_t first = 0; first < step->n; first += w->slice) {
        slice s = next_slice(p, step, w, first);
        size_t found = backward ? backward_slice(p, w, &s, where) : forward_slice(p, w, &s, where);
        if (found != SIZE_MAX) return found;
    }
    return SIZE_MAX;
}

// What stays the same for all slices of this step, and for the next steps with the same weights.
static void pack_parameters(plan *p, const plan_step *step)
{
    if (p->packed && step->same_weights) return;
    slice all = {.step = step, .count = step->n, .pool = p->pool};
    for (size_t i = 0; i < p->count; i++)
        if (p->layers[i].packed != NO_BLOCK) p->layers[i].l->type->pack(prepare_call(p, i, &all, NO_BLOCK));
    p->packed = true;
}

static size_t run_forward(plan *p, const plan_step *step, const char **where)
{
    pack_parameters(p, step);
    size_t found = SIZE_MAX;
    for (size_t w = 0; w < p->forward_wave_count && found == SIZE_MAX; w++)
        found = run_wave(p, &p->forward_waves[w], step, false, where);
    return found;
}

static size_t run_backward(const plan *p, const plan_step *step, const char **where)
{
    size_t found = SIZE_MAX;
    for (size_t w = 0; w < p->backward_wave_count && found == SIZE_MAX; w++)
        found = run_wave(p, &p->backward_waves[w], step, true, where);
    return found;
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
