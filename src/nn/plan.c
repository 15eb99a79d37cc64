// Making a plan: routes of gradients, waves, lives of tensors, the arena.
//
// While the plan is made, time counts layers: forward of layer i is at i, the loss at count, backward of layer i at
// 2 count - i. That tells who may work in place. Then the times become those of waves, in which tensors are placed.
#include "nn/plan.h"

#include "core/checked.h"
#include "core/error.h"
#include "nn/plan_inside.h"

#include <stdlib.h>

enum {
    SLICE_MULTIPLE = 16,   // images: whatever the size of one, a slice then begins at a multiple of 64 bytes
    SLICE_BYTES = 4 << 20, // of all tensors that a slice passes through: what the caches near the cores hold
    SLICE_PARAMETERS = 16, // times the parameters' bytes, where these are large
};

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

static int add_block(plan *p, block_use use, size_t bytes, size_t first, size_t last)
{
    p->uses[p->block_count] = use;
    p->blocks[p->block_count] = (arena_block){.bytes = bytes, .first = first, .last = last};
    return (int)p->block_count++;
}

static int add_tensor(plan *p, shape s, size_t first, size_t last)
{
    return add_block(p, (block_use){.image_bytes = shape_count(s) * sizeof(float)}, 0, first, last);
}

static void extend_life(arena_block *block, size_t first, size_t last)
{
    if (first < block->first) block->first = first;
    if (last > block->last) block->last = last;
}

// ---------------------------------------------------------------------------------------------------------------------
// Outputs

// The last moment at which somebody reads y[i].
static size_t output_death(const plan *p, size_t i)
{
    size_t death = i + 1 == p->count ? loss_time(p) : forward_time(i);
    if (plan_trains(p) && layer_has(p->layers[i].l, LAYER_KEEPS_OUTPUT)) death = backward_time(p, i);
    for (size_t j = i + 1; j < p->count; j++) {
        const layer *reader = p->layers[j].l;
        for (size_t input = 0; input < reader->input_count; input++) {
            if (reader->inputs[input] != i) continue;
            bool kept = plan_trains(p) && layer_has(reader, LAYER_KEEPS_INPUT);
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
    if (layer_has(l, LAYER_SAME_BYTES)) return true;
    if (!layer_has(l, LAYER_IN_PLACE)) return false;
    for (size_t input = 1; input < l->input_count; input++)
        if (p->layers[l->inputs[input]].y == p->layers[l->inputs[0]].y) return false;
    return p->blocks[p->layers[l->inputs[0]].y].last <= forward_time(i);
}

static void add_outputs(plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        plan_layer *pl = &p->layers[i];
        size_t death = output_death(p, i);
        if (shares_input_block(p, i)) {
            pl->y = p->layers[pl->l->inputs[0]].y;
            extend_life(&p->blocks[pl->y], forward_time(i), death);
        } else {
            pl->y = add_tensor(p, pl->l->out, forward_time(i), death);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Gradients

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
static void begin_gradient(plan *p, size_t reader, size_t input)
{
    const layer *l = p->layers[reader].l;
    plan_layer *source = &p->layers[l->inputs[input]];
    size_t death = backward_time(p, l->inputs[input]);
    bool in_place = input == 0 && (layer_has(l, LAYER_GRADIENT_IN_PLACE) || layer_has(l, LAYER_SAME_BYTES));
    if (in_place) {
        source->dy = p->layers[reader].dy;
        extend_life(&p->blocks[source->dy], backward_time(p, reader), death);
    } else {
        source->dy = add_tensor(p, source->l->out, backward_time(p, reader), death);
    }
    p->layers[reader].routes[input] = ROUTE_WRITE;
}

static void route_gradient(plan *p, size_t reader, size_t input)
{
    plan_layer *pl = &p->layers[reader];
    const plan_layer *source = &p->layers[pl->l->inputs[input]];
    pl->routes[input] = ROUTE_NONE;
    pl->parts[input] = NO_BLOCK;
    if (!pl->needs_gradient || !source->needs_gradient) return;
    if (source->dy == NO_BLOCK) {
        begin_gradient(p, reader, input);
        return;
    }
    pl->routes[input] = ROUTE_ADD;
    size_t time = backward_time(p, reader);
    pl->parts[input] = layer_has(pl->l, LAYER_SAME_BYTES) ? pl->dy : add_tensor(p, source->l->out, time, time);
}

static void add_gradients(plan *p)
{
    find_needed_gradients(p);
    for (size_t i = 0; i < p->count; i++)
        p->layers[i].dy = NO_BLOCK;
    size_t last = p->count - 1;
    p->layers[last].dy = add_tensor(p, p->layers[last].l->out, loss_time(p), backward_time(p, last));
    for (size_t i = p->count; i-- > 0;)
        for (size_t input = 0; input < p->layers[i].l->input_count; input++)
            route_gradient(p, i, input);
}

// ---------------------------------------------------------------------------------------------------------------------
// Waves

// What passes over the parameters are worth: so many bytes of images.
static size_t parameter_bytes(const plan *p, size_t i)
{
    size_t first, count;
    plan_parameter_range(p->layers[i].l, &first, &count);
    return SLICE_PARAMETERS * count * sizeof(float);
}

// Whether layer i begins a wave of its own accord: it wants the whole batch, or gathers something from all of it, or
// more images at a time than the layers before, because its parameters are large.
static bool begins_forward_wave(const plan *p, size_t i)
{
    const layer *l = p->layers[i].l;
    return layer_has(l, LAYER_WHOLE_BATCH) || (plan_trains(p) && l->type->gather_forward) ||
           parameter_bytes(p, i) > SLICE_BYTES;
}

static bool begins_backward_wave(const plan *p, size_t i)
{
    const layer *l = p->layers[i].l;
    return layer_has(l, LAYER_WHOLE_BATCH) || l->type->gather_backward;
}

static bool is_whole_batch(const plan *p, size_t i)
{
    return layer_has(p->layers[i].l, LAYER_WHOLE_BATCH);
}

// One slice at a time, in whose kernels all threads meet again and again; or, where there are enough slices to go
// round, a slice for each thread, which then has its images in the cache next to it and need not wait for the others.
static size_t choose_lanes(const plan *p, const wave *w)
{
    enum { SLICES_OF_LANE = 4 }; // at least: so much work may lie in few hands at the end, and so much memory is needed
    bool enough = p->batch / w->slice >= SLICES_OF_LANE * p->lanes;
    return enough && !is_whole_batch(p, w->first) ? p->lanes : 1;
}

// Images at a time: as many as let everything they touch stay in the cache, but enough to be worth the passes over the
// parameters, which each slice transforms, and adds to their gradient.
static size_t choose_slice(const plan *p, const wave *w, size_t passes)
{
    if (is_whole_batch(p, w->first)) return p->batch;
    size_t bytes = SLICE_BYTES;
    size_t touched = 0; // an image's inputs and outputs of all layers, which were checked to fit
    for (size_t i = w->first; i <= w->last; i++) {
        if (parameter_bytes(p, i) > bytes) bytes = parameter_bytes(p, i);
        touched += shape_count(p->layers[i].l->out);
        for (size_t input = 0; input < p->layers[i].l->input_count; input++)
            touched += shape_count(p->layers[i].in[input]);
    }
    size_t most = bytes / (touched * sizeof(float) * passes + 1);
    if (most < SLICE_MULTIPLE) most = SLICE_MULTIPLE;
    size_t slices = (p->batch + most - 1) / most;
    size_t slice = (p->batch + slices - 1) / slices; // even shares
    return (slice + SLICE_MULTIPLE - 1) / SLICE_MULTIPLE * SLICE_MULTIPLE;
}

static void find_forward_waves(plan *p)
{
    p->forward_wave_count = 0;
    for (size_t i = 1; i < p->count; i++) {
        bool begins = i == 1 || begins_forward_wave(p, i) || is_whole_batch(p, i - 1);
        if (begins) p->forward_waves[p->forward_wave_count++] = (wave){.first = i};
        p->forward_waves[p->forward_wave_count - 1].last = i;
    }
    for (size_t w = 0; w < p->forward_wave_count; w++) {
        p->forward_waves[w].slice = choose_slice(p, &p->forward_waves[w], 1);
        p->forward_waves[w].lanes = choose_lanes(p, &p->forward_waves[w]);
    }
}

static void find_backward_waves(plan *p)
{
    p->backward_wave_count = 0;
    for (size_t i = p->count; i-- > 1;) {
        bool begins = i + 1 == p->count || begins_backward_wave(p, i) || is_whole_batch(p, i + 1);
        if (begins) p->backward_waves[p->backward_wave_count++] = (wave){.last = i};
        p->backward_waves[p->backward_wave_count - 1].first = i;
    }
    for (size_t w = 0; w < p->backward_wave_count; w++) {
        p->backward_waves[w].slice = choose_slice(p, &p->backward_waves[w], 2);
        p->backward_waves[w].lanes = choose_lanes(p, &p->backward_waves[w]);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// What layers need beside tensors

void plan_parameter_range(const layer *l, size_t *first, size_t *count)
{
    size_t end = 0;
    *first = 0;
    for (int i = 0; i < l->parameter_count; i++) {
        const parameter *param = &l->parameters[i];
        if (!param->trainable) continue;
        if (end == 0) *first = param->offset;
        end = param->offset + param->count;
    }
    *count = end > *first ? end - *first : 0;
}

static bool gathers_forward(const plan *p, size_t i)
{
    return plan_trains(p) && p->layers[i].l->type->gather_forward;
}

// Who reads what as soon as it is made. The input (layer 0) is made by nobody.
static void find_gatherers(plan *p)
{
    for (size_t i = p->count; i-- > 1;) {
        plan_layer *pl = &p->layers[i];
        for (size_t input = 0; input < pl->l->input_count; input++)
            p->layers[pl->l->inputs[input]].last_reader = i;
        size_t source = pl->l->inputs[0];
        pl->gather_source = 0;
        if (!gathers_forward(p, i) || source == 0) continue;
        if (p->layers[source].forward_gatherer) p->layers[p->layers[source].forward_gatherer].gather_source = 0;
        p->layers[source].forward_gatherer = i;
        pl->gather_source = source;
    }
}

static const wave *wave_of_layer(const wave *waves, size_t count, size_t i)
{
    for (size_t w = 0; w < count; w++)
        if (i >= waves[w].first && i <= waves[w].last) return &waves[w];
    return NULL;
}

// The threads that meet in the kernels of a wave.
static unsigned threads_of_wave(const plan *p, const wave *w)
{
    return w && w->lanes > 1 ? 1 : thread_pool_size(p->pool);
}

// `w`: the wave whose slices it is called with; null: it is called with the whole batch.
static layer_memory ask_memory(const plan *p, const plan_layer *pl, const wave *w)
{
    layer_memory need = {0};
    int images = (int)(w ? w->slice : p->batch);
    if (pl->l->type->memory)
        pl->l->type->memory(pl->l, p->k, threads_of_wave(p, w), images, plan_trains(p), pl->in, &need);
    return need;
}

static int add_workspace(plan *p, size_t bytes, size_t time)
{
    return bytes > 0 ? add_block(p, (block_use){.workspace = true}, bytes, time, time) : NO_BLOCK;
}

// The memory for layer i gathering from the output of layer `source`, or from the whole batch at its own time.
static size_t add_forward_gather(plan *p, size_t i)
{
    plan_layer *pl = &p->layers[i];
    size_t source = pl->gather_source, time = forward_time(source ? source : i);
    const wave *w = source ? wave_of_layer(p->forward_waves, p->forward_wave_count, source) : NULL;
    pl->forward_gather_workspace = add_workspace(p, ask_memory(p, pl, w).forward_workspace, time);
    return time;
}

static void add_forward_memory(plan *p, size_t i, const wave *w)
{
    plan_layer *pl = &p->layers[i];
    layer_memory need = ask_memory(p, pl, w);
    size_t begin = gathers_forward(p, i) ? add_forward_gather(p, i) : forward_time(i);
    size_t end = plan_trains(p) ? backward_time(p, i) : forward_time(i);
    pl->forward_workspace = add_workspace(p, need.forward_workspace, forward_time(i));
    pl->packed = need.packed ? add_block(p, (block_use){0}, need.packed, 0, loss_time(p)) : NO_BLOCK;
    pl->saved = need.saved ? add_block(p, (block_use){0}, need.saved, begin, end) : NO_BLOCK;
    pl->saved_image_bytes = need.saved_image;
    pl->saved_image = NO_BLOCK;
    if (need.saved_image > 0)
        pl->saved_image = add_block(p, (block_use){.image_bytes = need.saved_image}, 0, forward_time(i), end);
}

static void add_backward_gather(plan *p, size_t i)
{
    plan_layer *pl = &p->layers[i];
    size_t reader = pl->last_reader;
    const wave *w = reader ? wave_of_layer(p->backward_waves, p->backward_wave_count, reader) : NULL;
    pl->backward_gather_workspace =
        add_workspace(p, ask_memory(p, pl, w).backward_workspace, backward_time(p, reader ? reader : i));
}

static void add_backward_memory(plan *p, size_t i, const wave *w)
{
    plan_layer *pl = &p->layers[i];
    layer_memory need = ask_memory(p, pl, w);
    pl->backward_workspace = add_workspace(p, need.backward_workspace, backward_time(p, i));
    if (pl->l->type->gather_backward) add_backward_gather(p, i);
    size_t first, count;
    plan_parameter_range(pl->l, &first, &count);
    bool adds = w->slice < p->batch && !pl->l->type->gather_backward;
    pl->later_gradients = adds ? add_workspace(p, count * sizeof(float), backward_time(p, i)) : NO_BLOCK;
}

static void add_layer_memory(plan *p)
{
    for (size_t w = 0; w < p->forward_wave_count; w++)
        for (size_t i = p->forward_waves[w].first; i <= p->forward_waves[w].last; i++)
            add_forward_memory(p, i, &p->forward_waves[w]);
    if (!plan_trains(p)) return;
    for (size_t w = 0; w < p->backward_wave_count; w++)
        for (size_t i = p->backward_waves[w].first; i <= p->backward_waves[w].last; i++)
            add_backward_memory(p, i, &p->backward_waves[w]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Placing

// The wave of a moment, counted from 1: the input is there at 0, and the gradient of the input outlives all waves.
// *found is null outside of all waves.
static size_t wave_at(const plan *p, size_t time, const wave **found)
{
    size_t number = 1;
    for (size_t w = 0; w < p->forward_wave_count; w++, number++) {
        *found = &p->forward_waves[w];
        if (time >= p->forward_waves[w].first && time <= p->forward_waves[w].last) return number;
    }
    *found = NULL;
    if (time == 0) return 0;
    if (time == loss_time(p)) return number;
    number++;
    for (size_t w = 0; w < p->backward_wave_count; w++, number++) {
        *found = &p->backward_waves[w];
        if (time >= backward_time(p, p->backward_waves[w].last) && time <= backward_time(p, p->backward_waves[w].first))
            return number;
    }
    *found = NULL;
    return number;
}

// The bytes of a block that lives within one wave `w`, or (null) beyond.
static bool size_block(const plan *p, block_use *use, arena_block *block, const wave *w)
{
    use->sliced = use->image_bytes > 0 && w && w->slice < p->batch;
    size_t images = use->sliced ? w->slice : p->batch;
    size_t lanes = w && (use->sliced || use->workspace) ? w->lanes : 1;
    if (use->image_bytes > 0 && !checked_mul(use->image_bytes, images, &block->bytes)) return false;
    if (!checked_align(block->bytes, ARENA_ALIGNMENT, &block->bytes)) return false;
    use->lane_bytes = lanes > 1 ? block->bytes : 0;
    return checked_mul(block->bytes, lanes, &block->bytes);
}

static silma_status size_blocks(plan *p, silma_error *error)
{
    for (size_t b = 0; b < p->block_count; b++) {
        arena_block *block = &p->blocks[b];
        const wave *w;
        block->first = wave_at(p, block->first, &w);
        block->last = wave_at(p, block->last, &w);
        if (!size_block(p, &p->uses[b], block, block->first == block->last ? w : NULL))
            return silma_fail(error, SILMA_FAILURE, "a batch of %zu images needs more memory than can be addressed",
                              p->batch);
    }
    return SILMA_OK;
}

static silma_status place_everything(plan *p, silma_error *error)
{
    p->block_count = 0;
    find_forward_waves(p);
    if (plan_trains(p)) find_backward_waves(p);
    add_outputs(p);
    if (plan_trains(p)) add_gradients(p);
    find_gatherers(p);
    add_layer_memory(p);
    silma_status status = size_blocks(p, error);
    if (status == SILMA_OK) status = arena_place(p->blocks, p->block_count, &p->arena_bytes, error);
    return status;
}

static bool create_layer(plan_layer *pl, const graph *g, const layer *l, size_t lanes)
{
    size_t inputs = l->input_count;
    *pl = (plan_layer){
        .l = l,
        .y = NO_BLOCK,
        .dy = NO_BLOCK,
        .saved = NO_BLOCK,
        .saved_image = NO_BLOCK,
        .packed = NO_BLOCK,
        .forward_workspace = NO_BLOCK,
        .backward_workspace = NO_BLOCK,
        .forward_gather_workspace = NO_BLOCK,
        .backward_gather_workspace = NO_BLOCK,
        .later_gradients = NO_BLOCK,
        .routes = calloc(inputs + 1, sizeof *pl->routes),
        .parts = calloc(inputs + 1, sizeof *pl->parts),
        .in = calloc(inputs + 1, sizeof *pl->in),
        .calls = calloc(lanes, sizeof *pl->calls),
        .x = calloc((inputs + 1) * lanes, sizeof *pl->x),
        .dx = calloc((inputs + 1) * lanes, sizeof *pl->dx),
    };
    if (!pl->routes || !pl->parts || !pl->in || !pl->calls || !pl->x || !pl->dx) return false;
    for (size_t i = 0; i < inputs; i++)
        pl->in[i] = g->layers[l->inputs[i]].out;
    return true;
}

// Blocks: y, dy, two of saved, packed, four workspaces, later gradients, and a part for each input.
static bool create_layers(plan *p)
{
    size_t blocks = 0;
    p->count = p->g->output_layer + 1;
    p->layers = calloc(p->count, sizeof *p->layers);
    p->forward_waves = calloc(p->count, sizeof *p->forward_waves);
    p->backward_waves = calloc(p->count, sizeof *p->backward_waves);
    if (!p->layers || !p->forward_waves || !p->backward_waves) return false;
    for (size_t i = 0; i < p->count; i++) {
        if (!create_layer(&p->layers[i], p->g, &p->g->layers[i], p->lanes)) return false;
        blocks += 10 + p->g->layers[i].input_count;
    }
    p->blocks = calloc(blocks, sizeof *p->blocks);
    p->uses = calloc(blocks, sizeof *p->uses);
    return p->blocks && p->uses;
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
    *p = (plan){.g = g, .k = k, .pool = pool, .lanes = thread_pool_size(pool), .batch = batch, .mode = mode};
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
        free(p->layers[i].calls);
        free(p->layers[i].x);
        free(p->layers[i].dx);
    }
    free(p->layers);
    free(p->forward_waves);
    free(p->backward_waves);
    free(p->blocks);
    free(p->uses);
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
