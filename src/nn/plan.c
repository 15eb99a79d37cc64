#include "nn/plan.h"

#include "core/checked.h"
#include "core/error.h"
#include "nn/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NO_BLOCK = -1 };

// Where the gradient of one input of one layer goes.
typedef enum gradient_route {
    ROUTE_NONE,  // nobody needs it
    ROUTE_WRITE, // straight into the input's gradient
    ROUTE_ADD,   // the input's gradient has a part already: into `part`, then added
} gradient_route;

// One layer of the plan: its layer, and the arena blocks it uses (numbers into plan.blocks, or NO_BLOCK).
typedef struct plan_layer {
    const layer *l;
    int y, dy, saved, forward_workspace, backward_workspace;
    gradient_route *routes; // (input_count)
    int *parts;             // (input_count) blocks of ROUTE_ADD
    bool needs_gradient;    // of its output
    // Pointers, filled by plan_bind:
    shape *in;
    const float **x;
    float **dx; // as the layer sees it: the input's gradient, or the part
    layer_call call;
} plan_layer;

struct plan {
    const graph *g;
    const kernels *k;
    thread_pool *pool;
    size_t batch;
    plan_mode mode;
    bool want_input_gradient;
    size_t count; // layers that are run: output_layer + 1
    plan_layer *layers;
    arena_block *blocks;
    size_t block_count;
    size_t arena_bytes;
    unsigned char *arena;
};

// Time: forward step i is at i, the loss at count, backward step i at 2*count - i.
static size_t forward_time(size_t i)
{
    return i;
}

static size_t loss_time(const plan *p)
{
    return p->count;
}

static size_t backward_time(const plan *p, size_t i)
{
    return 2 * p->count - i;
}

static bool training(const plan *p)
{
    return p->mode == PLAN_TRAIN;
}

static bool has(const layer *l, layer_contract contract)
{
    return (l->contract & contract) != 0;
}

static silma_status tensor_bytes(const plan *p, shape s, size_t *bytes, silma_error *error)
{
    size_t count;
    if (checked_mul(shape_count(s), p->batch, &count) && checked_mul(count, sizeof(float), &count) &&
        checked_align(count, ARENA_ALIGNMENT, bytes))
        return SILMA_OK;
    return silma_fail(error, SILMA_FAILURE, "a batch of %zu images needs more memory than can be addressed", p->batch);
}

static int add_block(plan *p, size_t bytes, size_t first, size_t last)
{
    p->blocks[p->block_count] = (arena_block){.bytes = bytes, .first = first, .last = last};
    return (int)p->block_count++;
}

static void extend_life(arena_block *block, size_t first, size_t last)
{
    if (first < block->first) block->first = first;
    if (last > block->last) block->last = last;
}

// The last moment at which somebody reads y[i].
static size_t output_death(const plan *p, size_t i)
{
    size_t death = i + 1 == p->count ? loss_time(p) : forward_time(i);
    if (training(p) && has(p->layers[i].l, LAYER_KEEPS_OUTPUT)) death = backward_time(p, i);
    for (size_t j = i + 1; j < p->count; j++) {
        const layer *reader = p->layers[j].l;
        for (size_t input = 0; input < reader->input_count; input++) {
            if (reader->inputs[input] != i) continue;
            bool kept = training(p) && has(reader, LAYER_KEEPS_INPUT);
            size_t read = kept ? backward_time(p, j) : forward_time(j);
            if (read > death) death = read;
        }
    }
    return death;
}

// Layer i's output takes over the block of its first input: always if it is the same bytes, otherwise where it may work
// in place and nobody reads that block later.
static bool shares_input_block(const plan *p, size_t i)
{
    const layer *l = p->layers[i].l;
    if (l->input_count == 0) return false;
    if (has(l, LAYER_SAME_BYTES)) return true;
    if (!has(l, LAYER_IN_PLACE)) return false;
    for (size_t input = 1; input < l->input_count; input++)
        if (p->layers[l->inputs[input]].y == p->layers[l->inputs[0]].y) return false;
    return p->blocks[p->layers[l->inputs[0]].y].last <= forward_time(i);
}

static silma_status place_outputs(plan *p, silma_error *error)
{
    for (size_t i = 0; i < p->count; i++) {
        plan_layer *pl = &p->layers[i];
        size_t bytes;
        silma_status status = tensor_bytes(p, pl->l->out, &bytes, error);
        if (status != SILMA_OK) return status;
        size_t death = output_death(p, i);
        if (shares_input_block(p, i)) {
            pl->y = p->layers[pl->l->inputs[0]].y;
            extend_life(&p->blocks[pl->y], forward_time(i), death);
            if (bytes > p->blocks[pl->y].bytes) p->blocks[pl->y].bytes = bytes;
        } else {
            pl->y = add_block(p, bytes, forward_time(i), death);
        }
    }
    return SILMA_OK;
}

static void find_needed_gradients(plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const layer *l = p->layers[i].l;
        bool needed = i == 0 && p->want_input_gradient;
        for (int param = 0; param < l->parameter_count; param++)
            needed = needed || l->parameters[param].trainable;
        for (size_t input = 0; input < l->input_count; input++)
            needed = needed || p->layers[l->inputs[input]].needs_gradient;
        p->layers[i].needs_gradient = needed;
    }
}

// The gradient block of an input that nobody has written yet: the reader's own gradient block where the contract lets
// it work in place, otherwise a new one.
static silma_status begin_gradient(plan *p, size_t reader, size_t input, silma_error *error)
{
    const layer *l = p->layers[reader].l;
    plan_layer *source = &p->layers[l->inputs[input]];
    size_t death = backward_time(p, l->inputs[input]);
    bool in_place = input == 0 && (has(l, LAYER_GRADIENT_IN_PLACE) || has(l, LAYER_SAME_BYTES));
    size_t bytes;
    silma_status status = tensor_bytes(p, source->l->out, &bytes, error);
    if (status != SILMA_OK) return status;
    if (in_place) {
        source->dy = p->layers[reader].dy;
        extend_life(&p->blocks[source->dy], backward_time(p, reader), death);
        if (bytes > p->blocks[source->dy].bytes) p->blocks[source->dy].bytes = bytes;
    } else {
        source->dy = add_block(p, bytes, backward_time(p, reader), death);
    }
    p->layers[reader].routes[input] = ROUTE_WRITE;
    return SILMA_OK;
}

static silma_status route_gradient(plan *p, size_t reader, size_t input, silma_error *error)
{
    plan_layer *pl = &p->layers[reader];
    const plan_layer *source = &p->layers[pl->l->inputs[input]];
    pl->routes[input] = ROUTE_NONE;
    pl->parts[input] = NO_BLOCK;
    if (!source->needs_gradient) return SILMA_OK;
    if (source->dy == NO_BLOCK) return begin_gradient(p, reader, input, error);
    pl->routes[input] = ROUTE_ADD;
    if (has(pl->l, LAYER_SAME_BYTES)) {
        pl->parts[input] = pl->dy;
        return SILMA_OK;
    }
    size_t bytes;
    silma_status status = tensor_bytes(p, source->l->out, &bytes, error);
    if (status == SILMA_OK) pl->parts[input] = add_block(p, bytes, backward_time(p, reader), backward_time(p, reader));
    return status;
}

static silma_status place_gradients(plan *p, silma_error *error)
{
    find_needed_gradients(p);
    for (size_t i = 0; i < p->count; i++)
        p->layers[i].dy = NO_BLOCK;
    plan_layer *last = &p->layers[p->count - 1];
    size_t bytes;
    silma_status status = tensor_bytes(p, last->l->out, &bytes, error);
    if (status != SILMA_OK) return status;
    last->dy = add_block(p, bytes, loss_time(p), backward_time(p, p->count - 1));
    for (size_t i = p->count; i-- > 0;)
        for (size_t input = 0; input < p->layers[i].l->input_count; input++) {
            if (!p->layers[i].needs_gradient) {
                p->layers[i].routes[input] = ROUTE_NONE;
                continue;
            }
            status = route_gradient(p, i, input, error);
            if (status != SILMA_OK) return status;
        }
    return SILMA_OK;
}

static silma_status place_layer_memory(plan *p, silma_error *error)
{
    for (size_t i = 0; i < p->count; i++) {
        plan_layer *pl = &p->layers[i];
        pl->saved = pl->forward_workspace = pl->backward_workspace = NO_BLOCK;
        layer_memory need = {0};
        if (pl->l->type->memory)
            pl->l->type->memory(pl->l, p->k, thread_pool_size(p->pool), (int)p->batch, training(p), pl->in, &need);
        if (!checked_align(need.saved, ARENA_ALIGNMENT, &need.saved) ||
            !checked_align(need.forward_workspace, ARENA_ALIGNMENT, &need.forward_workspace) ||
            !checked_align(need.backward_workspace, ARENA_ALIGNMENT, &need.backward_workspace))
            return silma_fail(error, SILMA_FAILURE, "%s needs more memory than can be addressed", pl->l->name);
        size_t end = training(p) ? backward_time(p, i) : forward_time(i);
        if (need.saved) pl->saved = add_block(p, need.saved, forward_time(i), end);
        if (need.forward_workspace)
            pl->forward_workspace = add_block(p, need.forward_workspace, forward_time(i), forward_time(i));
        if (training(p) && need.backward_workspace)
            pl->backward_workspace = add_block(p, need.backward_workspace, backward_time(p, i), backward_time(p, i));
    }
    return SILMA_OK;
}

static silma_status place_everything(plan *p, silma_error *error)
{
    p->block_count = 0;
    silma_status status = place_outputs(p, error);
    if (status == SILMA_OK && training(p)) status = place_gradients(p, error);
    if (status == SILMA_OK) status = place_layer_memory(p, error);
    if (status == SILMA_OK) status = arena_place(p->blocks, p->block_count, &p->arena_bytes, error);
    return status;
}

static bool create_layer(plan_layer *pl, const graph *g, const layer *l)
{
    size_t inputs = l->input_count;
    pl->l = l;
    pl->routes = calloc(inputs + 1, sizeof *pl->routes);
    pl->parts = calloc(inputs + 1, sizeof *pl->parts);
    pl->in = calloc(inputs + 1, sizeof *pl->in);
    pl->x = calloc(inputs + 1, sizeof *pl->x);
    pl->dx = calloc(inputs + 1, sizeof *pl->dx);
    if (!pl->routes || !pl->parts || !pl->in || !pl->x || !pl->dx) return false;
    for (size_t i = 0; i < inputs; i++)
        pl->in[i] = g->layers[l->inputs[i]].out;
    return true;
}

// Blocks: y, dy, saved and two workspaces a layer, and a part for each input.
static bool create_layers(plan *p)
{
    size_t blocks = 0;
    p->count = p->g->output_layer + 1;
    p->layers = calloc(p->count, sizeof *p->layers);
    if (!p->layers) return false;
    for (size_t i = 0; i < p->count; i++) {
        if (!create_layer(&p->layers[i], p->g, &p->g->layers[i])) return false;
        blocks += 5 + p->g->layers[i].input_count;
    }
    p->blocks = calloc(blocks, sizeof *p->blocks);
    return p->blocks != NULL;
}

silma_status plan_create(plan **result, const graph *g, const kernels *k, thread_pool *pool, size_t batch,
                         plan_mode mode, silma_error *error)
{
    enum { BATCH_MAX = 1 << 20 };
    if (batch < 1 || batch > BATCH_MAX)
        return silma_fail(error, SILMA_USAGE, "a batch of %zu images was asked for; 1 to %d are possible", batch,
                          BATCH_MAX);
    plan *p = calloc(1, sizeof *p);
    if (!p) return silma_fail_memory(error, sizeof *p);
    *p = (plan){.g = g, .k = k, .pool = pool, .batch = batch, .mode = mode};
    silma_status status = create_layers(p) ? place_everything(p, error) : silma_fail_memory(error, sizeof(plan_layer));
    if (status != SILMA_OK) {
        plan_free(p);
        return status;
    }
    *result = p;
    return SILMA_OK;
}

void plan_free(plan *p)
{
    if (!p) return;
    for (size_t i = 0; p->layers && i < p->count; i++) {
        free(p->layers[i].routes);
        free(p->layers[i].parts);
        free(p->layers[i].in);
        free(p->layers[i].x);
        free(p->layers[i].dx);
    }
    free(p->layers);
    free(p->blocks);
    free(p);
}

silma_status plan_want_input_gradient(plan *p, silma_error *error)
{
    p->want_input_gradient = true;
    return place_everything(p, error);
}

size_t plan_arena_bytes(const plan *p)
{
    return p->arena_bytes;
}

static void *block_address(const plan *p, int block)
{
    return block == NO_BLOCK ? NULL : p->arena + p->blocks[block].offset;
}

static void bind_layer(plan *p, size_t i)
{
    plan_layer *pl = &p->layers[i];
    for (size_t input = 0; input < pl->l->input_count; input++) {
        const plan_layer *source = &p->layers[pl->l->inputs[input]];
        pl->x[input] = block_address(p, source->y);
        pl->dx[input] = NULL;
        if (!training(p)) continue;
        if (pl->routes[input] == ROUTE_WRITE) pl->dx[input] = block_address(p, source->dy);
        if (pl->routes[input] == ROUTE_ADD) pl->dx[input] = block_address(p, pl->parts[input]);
    }
    pl->call = (layer_call){
        .layer = pl->l,
        .k = p->k,
        .pool = p->pool,
        .lane = (uint32_t)i,
        .in = pl->in,
        .x = pl->x,
        .dx = pl->dx,
        .y = block_address(p, pl->y),
        .dy = training(p) ? block_address(p, pl->dy) : NULL,
        .saved = block_address(p, pl->saved),
    };
}

void plan_bind(plan *p, void *arena)
{
    p->arena = arena;
    for (size_t i = 0; i < p->count; i++)
        bind_layer(p, i);
}

float *plan_input(plan *p)
{
    return p->layers[0].call.y;
}

float *plan_output(plan *p)
{
    return p->layers[p->count - 1].call.y;
}

float *plan_output_gradient(plan *p)
{
    return p->layers[p->count - 1].call.dy;
}

float *plan_input_gradient(plan *p)
{
    return p->layers[0].call.dy;
}

static void prepare_call(layer_call *call, const plan_step *step, void *workspace)
{
    call->n = (int)step->n;
    call->training = step->training;
    call->seed = step->seed;
    call->step = step->step;
    call->weights = step->weights;
    call->gradients = step->gradients;
    call->statistics = step->statistics;
    call->workspace = workspace;
}

static void forward_layer(plan *p, const plan_step *step, size_t i)
{
    plan_layer *pl = &p->layers[i];
    if (i == 0 || has(pl->l, LAYER_SAME_BYTES)) return;
    prepare_call(&pl->call, step, block_address(p, pl->forward_workspace));
    pl->l->type->forward(&pl->call);
}

static void backward_layer(plan *p, const plan_step *step, size_t i)
{
    plan_layer *pl = &p->layers[i];
    if (i == 0 || !pl->needs_gradient) return;
    if (!has(pl->l, LAYER_SAME_BYTES)) {
        prepare_call(&pl->call, step, block_address(p, pl->backward_workspace));
        pl->l->type->backward(&pl->call);
    }
    for (size_t input = 0; input < pl->l->input_count; input++) {
        if (pl->routes[input] != ROUTE_ADD) continue;
        float *sum = p->layers[pl->l->inputs[input]].call.dy;
        p->k->add(p->pool, step->n * shape_count(pl->in[input]), sum, pl->dx[input], sum);
    }
}

void plan_forward(plan *p, const plan_step *step)
{
    for (size_t i = 0; i < p->count; i++)
        forward_layer(p, step, i);
}

void plan_backward(plan *p, const plan_step *step)
{
    for (size_t i = p->count; i-- > 0;)
        backward_layer(p, step, i);
}

static bool all_finite(const plan *p, const float *values, size_t count)
{
    return !values || isfinite(p->k->sum_of_squares(p->pool, count, values));
}

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

static bool input_gradients_finite(const plan *p, const plan_step *step, size_t i)
{
    const plan_layer *pl = &p->layers[i];
    for (size_t input = 0; input < pl->l->input_count; input++)
        if (!all_finite(p, pl->dx[input], step->n * shape_count(pl->in[input]))) return false;
    return true;
}

size_t plan_find_non_finite(plan *p, const plan_step *step, void (*loss)(void *argument), void *argument,
                            const char **where)
{
    for (size_t i = 0; i < p->count; i++) {
        forward_layer(p, step, i);
        *where = non_finite_parameter(p, i, step->weights);
        if (*where) return i;
        *where = "output";
        if (!all_finite(p, p->layers[i].call.y, step->n * shape_count(p->layers[i].l->out))) return i;
    }
    loss(argument);
    *where = "gradient";
    if (!all_finite(p, plan_output_gradient(p), step->n * shape_count(graph_output(p->g)))) return p->count - 1;
    for (size_t i = p->count; i-- > 0;) {
        backward_layer(p, step, i);
        *where = p->layers[i].needs_gradient ? non_finite_parameter(p, i, step->gradients) : NULL;
        if (*where) return i;
        *where = "gradient";
        if (!input_gradients_finite(p, step, i)) return i;
    }
    return SIZE_MAX;
}
