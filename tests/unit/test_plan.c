// A plan against the plain way of running a network (naive_network.h): random networks with branches, joins of a tensor
// with itself, chains in place, waves and slices, whole and partial batches. Outputs, moving averages and the gradient
// of the input agree to the bit; gradients of parameters, which slices sum in another order, to 1e-5.
#include "naive_network.h"
#include "random_network.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { ALIGNMENT = 64, GARBAGE = 0xFF }; // floats of these bytes are NaNs

typedef struct trial {
    const char *text;
    graph *g;
    const kernels *k;
    thread_pool *pool;
    uint64_t seed;
    size_t batch;
    bool same_weights; // the plan ran with these before
    // What the plan and the plain run start with and end with.
    float *weights, *statistics;
    float *plan_gradients, *plan_statistics;
    float *naive_gradients, *naive_statistics;
} trial;

static float *take_vector(size_t count)
{
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, ALIGNMENT, (count + 1) * sizeof(float)), 0);
    memset(memory, 0, (count + 1) * sizeof(float));
    return memory;
}

static void fill(uint64_t *state, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)random_draw(state, 2001) / 1000.0f - 1.0f;
}

// Padding stays zero, as everywhere.
static void disturb_parameters(const graph *g, uint64_t *state, float *weights)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            for (size_t e = 0; param->trainable && e < param->count; e++)
                weights[param->offset + e] += (float)random_draw(state, 201) / 1000.0f - 0.1f;
        }
    }
}

static void trial_begin(trial *t, const char *text, const char *table, unsigned threads, size_t batch, uint64_t seed)
{
    *t = (trial){.text = text, .batch = batch, .seed = seed};
    silma_error error = {0};
    if (graph_parse(&t->g, text, "random", NULL, &error) != SILMA_OK) fail_msg("%s in\n%s", error.message, text);
    assert_int_equal(kernels_find(&t->k, table, NULL), SILMA_OK);
    assert_int_equal(thread_pool_create(&t->pool, threads, NULL), SILMA_OK);
    float **weights[] = {&t->weights, &t->plan_gradients, &t->naive_gradients};
    float **statistics[] = {&t->statistics, &t->plan_statistics, &t->naive_statistics};
    for (size_t i = 0; i < 3; i++) {
        *weights[i] = take_vector(t->g->weight_count);
        *statistics[i] = take_vector(t->g->statistic_count);
    }
    graph_initialise(t->g, seed, t->weights, t->statistics);
    disturb_parameters(t->g, &seed, t->weights);
}

static void trial_end(trial *t)
{
    graph_free(t->g);
    thread_pool_free(t->pool);
    float *vectors[] = {t->weights,         t->statistics,      t->plan_gradients,
                        t->plan_statistics, t->naive_gradients, t->naive_statistics};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        free(vectors[i]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Comparing

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// Sums over the whole batch are gathered some images at a time: they round as the slices were cut.
static bool gathers(const graph *g)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (g->layers[i].type->gather_forward || g->layers[i].type->gather_backward) return true;
    return false;
}

static double greatest(const float *values, size_t count, double most)
{
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)values[i]));
    return most;
}

// To the bit; to 1e-5 of the greatest where the network gathers.
static void check_equal(const trial *t, const char *what, const float *found, const float *expected, size_t count,
                        size_t n)
{
    double slack = gathers(t->g) ? 1e-5 * greatest(expected, count, 0) : 0;
    for (size_t i = 0; i < count; i++)
        if (slack > 0 ? !(fabs((double)found[i] - (double)expected[i]) <= slack)
                      : bits_of(found[i]) != bits_of(expected[i]))
            fail_msg("%s %zu of %zu (%zu images, batch %zu): %.9g, should be %.9g, in\n%s", what, i, count, n, t->batch,
                     (double)found[i], (double)expected[i], t->text);
}

// To 1e-5 of the greatest gradient of the layer: a bias before a batch normalisation has none but rounding errors.
static void check_layer_gradients(const trial *t, const layer *l, size_t n)
{
    double scale = 0;
    for (int p = 0; p < l->parameter_count; p++)
        if (l->parameters[p].trainable)
            scale = greatest(t->naive_gradients + l->parameters[p].offset, l->parameters[p].count, scale);
    for (int p = 0; p < l->parameter_count; p++) {
        const parameter *param = &l->parameters[p];
        for (size_t i = 0; param->trainable && i < param->count; i++) {
            double found = (double)t->plan_gradients[param->offset + i];
            double expected = (double)t->naive_gradients[param->offset + i];
            if (!(fabs(found - expected) <= 1e-5 * scale))
                fail_msg("gradient %zu of %s.%s (%zu images, batch %zu): %.9g, should be %.9g, in\n%s", i, l->name,
                         param->name, n, t->batch, found, expected, t->text);
        }
    }
}

// The gradients' norm is taken over the whole vector.
static void check_padding(const trial *t, size_t n)
{
    size_t end = 0;
    for (size_t i = 0; i < t->g->layer_count; i++) {
        for (int p = 0; p < t->g->layers[i].parameter_count; p++) {
            const parameter *param = &t->g->layers[i].parameters[p];
            for (; param->trainable && end < param->offset; end++)
                if (t->plan_gradients[end] != 0.0f)
                    fail_msg("padding before %s of layer %zu (%zu images, batch %zu) in\n%s", param->name, i, n,
                             t->batch, t->text);
            if (param->trainable) end = param->offset + param->count;
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

static plan_step step_of(const trial *t, size_t n, bool training, float *gradients, float *statistics)
{
    memcpy(statistics, t->statistics, t->g->statistic_count * sizeof *statistics);
    memset(gradients, 0, t->g->weight_count * sizeof *gradients);
    return (plan_step){.n = n,
                       .training = training,
                       .seed = t->seed,
                       .step = 7,
                       .weights = t->weights,
                       .gradients = gradients,
                       .statistics = statistics};
}

static void compare_backward(const trial *t, plan *p, const plan_step *step, naive_network *net)
{
    size_t outputs = step->n * shape_count(graph_output(t->g));
    size_t inputs = step->n * shape_count(graph_input(t->g));
    uint64_t state = t->seed + 1;
    fill(&state, plan_output_gradient(p), outputs);
    memcpy(naive_output_gradient(net), plan_output_gradient(p), outputs * sizeof(float));
    plan_backward(p, step);
    naive_backward(net);
    check_equal(t, "gradient of input", plan_input_gradient(p), naive_input_gradient(net), inputs, step->n);
    for (size_t i = 0; i < net->count; i++)
        check_layer_gradients(t, &t->g->layers[i], step->n);
    check_padding(t, step->n);
}

// `arena`: where it lies, if the plan is to find garbage there, or null.
static void compare_step(const trial *t, plan *p, void *arena, size_t n, plan_mode mode, bool training)
{
    plan_step step = step_of(t, n, training, t->plan_gradients, t->plan_statistics);
    step.same_weights = t->same_weights;
    plan_step naive_step = step_of(t, n, training, t->naive_gradients, t->naive_statistics);
    naive_network net;
    naive_create(&net, t->g, t->k, t->pool, &naive_step, mode == PLAN_TRAIN);
    if (arena) memset(arena, GARBAGE, plan_arena_bytes(p));
    uint64_t state = t->seed + t->same_weights;
    size_t inputs = n * shape_count(graph_input(t->g));
    fill(&state, plan_input(p), inputs);
    memcpy(naive_input(&net), plan_input(p), inputs * sizeof(float));
    plan_forward(p, &step);
    naive_forward(&net);
    check_equal(t, "output", plan_output(p), naive_output(&net), n * shape_count(graph_output(t->g)), n);
    check_equal(t, "moving average", t->plan_statistics, t->naive_statistics, t->g->statistic_count, n);
    if (training) compare_backward(t, p, &step, &net);
    naive_free(&net);
}

static void compare_plan(const trial *t, plan_mode mode)
{
    plan *p;
    assert_int_equal(plan_create(&p, t->g, t->k, t->pool, t->batch, mode, NULL), SILMA_OK);
    if (mode == PLAN_TRAIN) assert_int_equal(plan_want_input_gradient(p, NULL), SILMA_OK);
    void *arena = NULL;
    assert_int_equal(posix_memalign(&arena, ALIGNMENT, plan_arena_bytes(p)), 0);
    plan_bind(p, arena);
    const size_t counts[] = {t->batch, (t->batch + 1) / 2, 1};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        compare_step(t, p, arena, counts[i], mode, mode == PLAN_TRAIN);
        if (mode == PLAN_TRAIN) compare_step(t, p, arena, counts[i], mode, false);
    }
    free(arena);
    plan_free(p);
}

// What a plan keeps of its weights is of these weights: it is used for another batch, made anew where the step does not
// say that they are the same, and in another arena.
static void compare_kept(trial *t)
{
    plan *p;
    assert_int_equal(plan_create(&p, t->g, t->k, t->pool, t->batch, PLAN_INFER, NULL), SILMA_OK);
    uint64_t draws = t->seed;
    for (int round = 0; round < 2; round++) {
        void *arena = NULL;
        assert_int_equal(posix_memalign(&arena, ALIGNMENT, plan_arena_bytes(p)), 0);
        memset(arena, GARBAGE, plan_arena_bytes(p));
        plan_bind(p, arena);
        t->same_weights = true; // of the round before, in another arena
        compare_step(t, p, NULL, t->batch, PLAN_INFER, false);
        compare_step(t, p, NULL, 1, PLAN_INFER, false);
        disturb_parameters(t->g, &draws, t->weights);
        t->same_weights = false;
        compare_step(t, p, NULL, (t->batch + 1) / 2, PLAN_INFER, false);
        t->same_weights = true;
        compare_step(t, p, NULL, t->batch, PLAN_INFER, false);
        free(arena);
    }
    plan_free(p);
}

static void compare(const char *text, const char *table, unsigned threads, size_t batch, uint64_t seed)
{
    trial t;
    trial_begin(&t, text, table, threads, batch, seed);
    compare_plan(&t, PLAN_TRAIN);
    compare_plan(&t, PLAN_INFER);
    compare_kept(&t); // last: it changes the weights
    trial_end(&t);
}

// ---------------------------------------------------------------------------------------------------------------------
// Tests

static void networks_that_are_easily_wrong(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "input 3\nrelu",
        "input 3\nlinear",
        "input 4x4x3\nflatten",
        "input 5\ndense 3 softmax",
        "input 5\nsoftmax",
        "input 4x4x3 name=a\nadd a a",
        "input 4x4x3\nconv 2 3x3 name=a\nadd a a a",
        "input 4x4x3\nconv 2 3x3 name=a\nconcat a a name=b\nconcat b a a",
        "input 4x4x3\nconv 2 3x3 name=a\nlinear name=b\nadd a b",
        "input 4x4x3\nconv 2 3x3 name=a\nrelu\nadd a", // relu's input is read later
        "input 4x4x3\nconv 2 3x3 name=a\nflatten name=b\nrelu from=a\nflatten\nadd b",
        "input 4x4x3\nconv 2 3x3 relu name=a\nrelu\ndropout 0.5\nelu\nadd a",
        "input 4x4x3\nconv 2 3x3 name=a\nbatchnorm\nrelu name=b\nbatchnorm from=a\nadd b\nflatten\nlinear",
        "input 6x6x2\nmaxpool 2x2 name=a\nconv 2 1x1 pad=2 from=a\nglobalavgpool name=c\nflatten from=a\nconcat c",
        "input 8\ndense 8 relu name=a\ndense 8 gelu\nadd a name=b\nprelu name=c\nadd a b c\ndense 3",
        "input 5x5x1\ndropout 0.5\nconv 3 3x3\nflatten\ndense 2 sigmoid",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        compare(TEXTS[i], NULL, 2, 17, i);
}

static void small_random_networks(void **state)
{
    (void)state;
    static const char *const TABLES[] = {NULL, NULL, "scalar", "reference"};
    static const random_network_size SIZE = {.side = 7, .channels = 6, .layers = 14};
    enum { NETWORKS = 240, BATCH_MAX = 40 };
    for (uint64_t seed = 1; seed <= NETWORKS; seed++) {
        char text[RANDOM_NETWORK_TEXT];
        uint64_t draws = seed;
        random_network(&draws, SIZE, text);
        size_t batch = 1 + (size_t)random_draw(&draws, BATCH_MAX);
        compare(text, TABLES[random_draw(&draws, 4)], 1 + (unsigned)random_draw(&draws, 3), batch, seed);
    }
}

// A plan cuts a batch into slices where its images are larger than the caches.
static void large_random_networks(void **state)
{
    (void)state;
    static const random_network_size SIZE = {.side = 40, .channels = 20, .layers = 10};
    enum { NETWORKS = 24, BATCH_MAX = 40 };
    for (uint64_t seed = 1001; seed <= 1000 + NETWORKS; seed++) {
        char text[RANDOM_NETWORK_TEXT];
        uint64_t draws = seed;
        random_network(&draws, SIZE, text);
        size_t batch = 17 + (size_t)random_draw(&draws, BATCH_MAX);
        compare(text, NULL, 2, batch, seed);
    }
}

// A training step of the trial's network, and the bits of all that it leaves, joined into one number.
static uint64_t hash_of_step(const trial *t)
{
    plan *p;
    assert_int_equal(plan_create(&p, t->g, t->k, t->pool, t->batch, PLAN_TRAIN, NULL), SILMA_OK);
    void *arena = NULL;
    assert_int_equal(posix_memalign(&arena, ALIGNMENT, plan_arena_bytes(p)), 0);
    memset(arena, GARBAGE, plan_arena_bytes(p));
    plan_bind(p, arena);
    plan_step step = step_of(t, t->batch, true, t->plan_gradients, t->plan_statistics);
    size_t outputs = t->batch * shape_count(graph_output(t->g));
    uint64_t state = t->seed, hash = 0;
    fill(&state, plan_input(p), t->batch * shape_count(graph_input(t->g)));
    plan_forward(p, &step);
    for (size_t i = 0; i < outputs; i++)
        hash = hash * 31 + bits_of(plan_output(p)[i]);
    fill(&state, plan_output_gradient(p), outputs);
    plan_backward(p, &step);
    for (size_t i = 0; i < t->g->layer_count; i++) {
        const layer *l = &t->g->layers[i];
        for (int param = 0; param < l->parameter_count; param++) {
            const parameter *of = &l->parameters[param];
            const float *values = (of->trainable ? t->plan_gradients : t->plan_statistics) + of->offset;
            for (size_t k = 0; k < of->count; k++)
                hash = hash * 31 + bits_of(values[k]);
        }
    }
    free(arena);
    plan_free(p);
    return hash;
}

// Nine slices: with one thread and with three their kernels share each of them, two threads take one each.
static void the_same_bits_with_any_number_of_threads(void **state)
{
    (void)state;
    static const char *const TEXT = "input 32x32x3\nconv 32 3x3 same\nbatchnorm\nrelu name=short\n"
                                    "conv 32 3x3 same relu\nbatchnorm\nprelu\nconv 32 3x3 same\nadd short\nbatchnorm\n"
                                    "maxpool 2x2\ndropout 0.3\nglobalavgpool\ndense 10";
    uint64_t expected = 0;
    for (unsigned threads = 1; threads <= 3; threads++) {
        trial t;
        trial_begin(&t, TEXT, NULL, threads, 140, 7);
        uint64_t found = hash_of_step(&t);
        if (threads == 1) expected = found;
        assert_int_equal(found, expected);
        trial_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_that_are_easily_wrong),
        cmocka_unit_test(small_random_networks),
        cmocka_unit_test(large_random_networks),
        cmocka_unit_test(the_same_bits_with_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
