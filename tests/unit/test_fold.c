// Batch normalisation folded into filters: which ones are, and that the folded network computes what the one that is
// written does, to 1e-5, whatever the instruction set, and the same bits with any number of threads.
#include "nn/arena.h"
#include "nn/model.h"
#include "random_network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TABLES_MAX = 8, IMAGES = 5, THREADS_MOST = 3 };

typedef struct fold_case {
    const char *text;
    size_t left;   // layers of the folded network, its input among them; 0: nothing is folded
    bool any_sign; // of gamma; otherwise it is positive
} fold_case;

static const fold_case CASES[] = {
    {"conv 17 3x3 same bias=no init=he_normal\nbatchnorm\nrelu", 2, true},
    {"conv 16 3x3 valid groups=1\nbatchnorm epsilon=0.01\nleaky_relu slope=0.2", 2, true},
    {"conv 6 5x3 stride=2x1 groups=3\nbatchnorm\ngelu", 2, true},
    {"conv 7 3x3 pad=0,1,2,1\nbatchnorm\nelu alpha=0.5\nconv 5 1x1 bias=no\nbatchnorm", 3, true},
    {"conv 9 3x3 bias=no\nmaxpool 3x2 same\nbatchnorm\nrelu", 3, false},
    {"conv 9 3x3 bias=no\nmaxpool 3x2 same\nbatchnorm\nsilu", 4, false}, // silu falls: not before the maximum
    {"conv 9 3x3\nmaxpool 2x2\nbatchnorm\nrelu", 0, true},               // nor a negative scale
    {"conv 9 3x3\navgpool 2x2\nbatchnorm\nrelu", 0, false},
    {"flatten\ndense 33 bias=no\nbatchnorm\nrelu\ndense 10\nbatchnorm\ntanh\ndense 7 softmax", 5, true},
    {"conv 8 3x3 relu\nbatchnorm", 0, true},                              // the activation comes first
    {"conv 8 3x3 name=a\nbatchnorm name=b\nrelu from=a\nadd b", 0, true}, // somebody else reads what would be scaled
    {"conv 8 3x3\nbatchnorm name=b\nrelu\nadd b", 4, true},
    {"conv 8 3x3 same\nbatchnorm\nrelu name=a\nconv 8 3x3 same\nbatchnorm\nadd a\nrelu", 5, true},
    {"conv 8 3x3\nbatchnorm\nprelu\nglobalavgpool\nbatchnorm\nsoftmax\nsoftmax", 6, true},
    {"batchnorm\nflatten\ndense 4", 0, true},
    {"maxpool 2x2\nbatchnorm\nflatten\ndense 4", 0, true},
    {"dropout 0.5\nconv 4 3x3\ndropout 0.5\nbatchnorm\nflatten", 0, true},
};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

static silma_model *make_model(const char *text, uint64_t seed, bool any_sign)
{
    graph *g = NULL;
    silma_model *model = NULL;
    silma_error error = {0};
    if (graph_parse(&g, text, "fold", NULL, &error) != SILMA_OK) fail_msg("%s in\n%s", error.message, text);
    assert_int_equal(model_create(&model, g, NULL, 2, NULL), SILMA_OK);
    graph_initialise(g, seed, model->weights, model->statistics);
    for (size_t i = 0; i < g->layer_count; i++) {
        for (int p = 0; p < g->layers[i].parameter_count; p++) {
            const parameter *param = &g->layers[i].parameters[p];
            bool is_gamma = strcmp(param->name, "gamma") == 0, is_variance = strstr(param->name, "variance") != NULL;
            float *values = (param->trainable ? model->weights : model->statistics) + param->offset;
            for (size_t e = 0; param->rank == 1 && e < param->count; e++) {
                float draw = (float)random_draw(&seed, 2001) / 1000.0f - 1.0f;
                values[e] = is_variance || (is_gamma && (!any_sign || e % 3)) ? 0.3f + fabsf(draw) : draw;
            }
        }
    }
    return model;
}

static void fill_pixels(const graph *g, uint8_t **pixels, uint64_t seed)
{
    size_t count = IMAGES * shape_count(graph_input(g));
    *pixels = malloc(count);
    assert_non_null(*pixels);
    for (size_t i = 0; i < count; i++)
        (*pixels)[i] = (uint8_t)random_draw(&seed, 256);
}

// Logits of the network as it is written.
static float *run_written(const silma_model *model, const kernels *k, const uint8_t *pixels)
{
    const graph *g = model->g;
    size_t inputs = shape_count(graph_input(g)), outputs = IMAGES * shape_count(graph_output(g));
    plan *p = NULL;
    assert_int_equal(plan_create(&p, g, k, NULL, IMAGES, PLAN_INFER, NULL), SILMA_OK);
    void *arena = NULL;
    assert_int_equal(posix_memalign(&arena, ARENA_ALIGNMENT, plan_arena_bytes(p)), 0);
    plan_bind(p, arena);
    static const uint32_t indices[IMAGES] = {0, 1, 2, 3, 4};
    k->gather_images(NULL, IMAGES, indices, pixels, inputs, (size_t)graph_input(g).c, model->scale, model->shift,
                     plan_input(p));
    plan_step step = {.n = IMAGES, .weights = model->weights, .statistics = model->statistics};
    plan_forward(p, &step);
    float *logits = malloc(outputs * sizeof *logits);
    assert_non_null(logits);
    memcpy(logits, plan_output(p), outputs * sizeof *logits);
    plan_free(p);
    free(arena);
    return logits;
}

static double relative_difference(const float *expected, const float *got, size_t count)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        double apart = (double)got[i] - (double)expected[i];
        difference += apart * apart;
        norm += (double)expected[i] * (double)expected[i];
    }
    return norm > 0 ? sqrt(difference / norm) : sqrt(difference);
}

static void check_model(silma_model *model, const kernels *k, const uint8_t *pixels, const char *text)
{
    static const uint32_t indices[IMAGES] = {0, 1, 2, 3, 4};
    size_t count = IMAGES * shape_count(graph_output(model->g));
    float *expected = run_written(model, k, pixels), *first = malloc(count * sizeof *first);
    assert_non_null(first);
    for (unsigned threads = 1; threads <= THREADS_MOST; threads++) {
        thread_pool *pool = NULL;
        assert_int_equal(thread_pool_create(&pool, threads, NULL), SILMA_OK);
        silma_error error = {0};
        if (model_prepare(model, k, pool, IMAGES, &error) != SILMA_OK) fail_msg("%s in\n%s", error.message, text);
        const float *logits = model_run(model, IMAGES, indices, pixels);
        if (threads == 1) memcpy(first, logits, count * sizeof *first);
        logits = model_run(model, IMAGES, indices, pixels); // with what the first run packed
        if (memcmp(first, logits, count * sizeof *first) != 0)
            fail_msg("%s: depends on the number of threads:\n%s", k->name, text);
        thread_pool_free(pool);
    }
    double apart = relative_difference(expected, first, count);
    if (!(apart < 1e-5)) fail_msg("%s: the folded network is %.1e off:\n%s", k->name, apart, text);
    free(expected);
    free(first);
}

static void check_tables(silma_model *model, size_t left, const char *text)
{
    const kernels *tables[TABLES_MAX];
    size_t count = kernels_available(tables, TABLES_MAX);
    uint8_t *pixels;
    fill_pixels(model->g, &pixels, 7);
    for (size_t i = 0; i < count; i++) {
        check_model(model, tables[i], pixels, text);
        bool oracle = strcmp(tables[i]->name, "reference") == 0;
        size_t found = model->folded.g ? model->folded.g->layer_count : 0;
        if (oracle && found > 0) fail_msg("the reference runs a folded network:\n%s", text);
        if (!oracle && left != SIZE_MAX && found != left)
            fail_msg("%zu layers are left instead of %zu:\n%s", found, left, text);
    }
    free(pixels);
}

static void folds_what_can_be_folded(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        char text[512];
        snprintf(text, sizeof text, "input 11x13x6\n%s\n", CASES[i].text);
        silma_model *model = make_model(text, i + 1, CASES[i].any_sign);
        check_tables(model, CASES[i].left, text);
        silma_model_free(model);
    }
}

static void folds_before_a_layer_that_joins_as_many_as_a_line_can_name(void **state)
{
    (void)state;
    char text[512] = "input 11x13x6\nconv 8 3x3 name=a\nbatchnorm name=b\nadd";
    for (int i = 0; i < 63; i++)
        strcat(text, " b");
    silma_model *model = make_model(text, 1, true);
    check_tables(model, 3, text);
    silma_model_free(model);
}

// Puts a batch normalisation behind every second convolution or dense layer: it takes over the layer's name.
static void normalise(const char *text, char normalised[2 * RANDOM_NETWORK_TEXT], uint64_t *draws)
{
    size_t used = 0;
    for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
        end = line + strcspn(line, "\n");
        const char *name = strstr(line, " name=n");
        bool linear = strncmp(line, "conv", 4) == 0 || strncmp(line, "dense", 5) == 0;
        int before = (int)((linear && random_draw(draws, 2) ? name : end) - line);
        used += (size_t)snprintf(normalised + used, 2 * RANDOM_NETWORK_TEXT - used, "%.*s", before, line);
        if (line + before != end)
            used += (size_t)snprintf(normalised + used, 2 * RANDOM_NETWORK_TEXT - used, " name=c%zu\nbatchnorm%.*s",
                                     used, (int)(end - name), name);
        used += (size_t)snprintf(normalised + used, 2 * RANDOM_NETWORK_TEXT - used, "\n");
    }
}

static void random_networks(void **state)
{
    (void)state;
    static const random_network_size SIZE = {.side = 12, .channels = 20, .layers = 12};
    enum { NETWORKS = 150 };
    size_t folded = 0;
    for (uint64_t seed = 1; seed <= NETWORKS; seed++) {
        char text[RANDOM_NETWORK_TEXT], normalised[2 * RANDOM_NETWORK_TEXT];
        uint64_t draws = seed;
        random_network(&draws, SIZE, text);
        normalise(text, normalised, &draws);
        silma_model *model = make_model(normalised, seed, true);
        check_tables(model, SIZE_MAX, normalised);
        folded_network all;
        assert_int_equal(fold_network(&all, model->g, model->weights, model->statistics, NULL), SILMA_OK);
        folded += all.g != NULL;
        folded_network_free(&all);
        silma_model_free(model);
    }
    assert_in_range(folded, NETWORKS / 10, NETWORKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_what_can_be_folded),
        cmocka_unit_test(folds_before_a_layer_that_joins_as_many_as_a_line_can_name),
        cmocka_unit_test(random_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
