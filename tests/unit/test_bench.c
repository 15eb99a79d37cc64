// Benchmarks: the statistics, the peak, and what they rest on: a training or inference step allocates nothing.
//
// The program is linked with --wrap for the allocating functions (tests/CMakeLists.txt), so that every call that the
// library makes is counted here.
#define _GNU_SOURCE
#include "bench/conv_case.h"
#include "bench/measure.h"
#include "bench/peak.h"
#include "nn/layer.h"
#include "nn/network.h"
#include "train/run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---------------------------------------------------------------------------------------------------------------------
// Counting

static atomic_size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __real_posix_memalign(memory, alignment, size);
}

char *__wrap_strdup(const char *text)
{
    atomic_fetch_add(&allocations, 1);
    return __real_strdup(text);
}

// ---------------------------------------------------------------------------------------------------------------------
// A network of every layer type, with convolutions that take each way through the kernels

enum { SIDE = 12, CLASSES = 10, BATCH = 6, STEPS = 4, IMAGES = BATCH * STEPS };

static const char EVERYTHING[] = "input 12x12x3\n"
                                 "conv 32 3x3 same relu name=stem\n"
                                 "batchnorm\n"
                                 "conv 32 3x3 same gelu\n"
                                 "conv 32 3x3 same groups=32 silu\n"
                                 "conv 32 1x1 linear\n"
                                 "add stem\n"
                                 "relu\n"
                                 "maxpool 2x2 name=half\n"
                                 "conv 7 5x5 pad=2 stride=2 elu name=odd\n"
                                 "avgpool 3x3 from=half same stride=2\n"
                                 "concat odd\n"
                                 "prelu\n"
                                 "leaky_relu\n"
                                 "elu\n"
                                 "sigmoid\n"
                                 "tanh\n"
                                 "gelu\n"
                                 "silu\n"
                                 "linear\n"
                                 "dropout 0.25\n"
                                 "globalavgpool\n"
                                 "flatten\n"
                                 "dense 17 relu\n"
                                 "softmax\n"
                                 "batchnorm\n"
                                 "dense 10 softmax\n"
                                 "train:\n"
                                 "val_split 0\n"
                                 "seed 3\n";

static const char *const OPTIMIZERS[] = {"sgd momentum=0.9 nesterov=yes", "adagrad", "rmsprop", "adam", "adamw"};
enum { OPTIMIZERS_COUNT = sizeof OPTIMIZERS / sizeof *OPTIMIZERS };

static uint8_t pixels[IMAGES * SIDE * SIDE * 3];

static silma_dataset *make_dataset(void)
{
    static uint32_t labels[IMAGES];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i % 251);
    for (uint32_t i = 0; i < IMAGES; i++)
        labels[i] = i % CLASSES;
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = IMAGES,
                           .height = SIDE,
                           .width = SIDE,
                           .channels = 3,
                           .class_count = CLASSES};
    silma_dataset *dataset = NULL;
    assert_int_equal(silma_dataset_from_memory(&dataset, "squares", &images, NULL), SILMA_OK);
    return dataset;
}

static silma_network *make_network(const char *text)
{
    silma_network *network = NULL;
    silma_error error = {0};
    if (silma_network_parse(&network, text, "test.silma", NULL, &error) != SILMA_OK) fail_msg("%s", error.message);
    return network;
}

static silma_context *make_context(const char *isa, unsigned threads)
{
    silma_context *context = NULL;
    silma_context_options options = {.isa = isa, .threads = threads};
    assert_int_equal(silma_context_create(&context, &options, NULL), SILMA_OK);
    return context;
}

static void network_has_every_layer_type(void **state)
{
    (void)state;
    silma_network *network = make_network(EVERYTHING);
    for (const layer_type *const *type = layer_types; *type; type++) {
        bool found = false;
        for (size_t i = 0; i < network->g->layer_count; i++)
            found = found || network->g->layers[i].type == *type;
        if (!found) fail_msg("no layer '%s' in the network of this test", (*type)->name);
    }
    silma_network_free(network);
}

static void wrapping_counts(void **state)
{
    (void)state;
    size_t before = atomic_load(&allocations);
    silma_context *context = make_context("reference", 1);
    assert_true(atomic_load(&allocations) > before);
    silma_context_free(context);
}

// ---------------------------------------------------------------------------------------------------------------------
// Steps

static size_t allocations_of_steps(silma_run *run)
{
    run_begin_epoch(run);
    size_t before = atomic_load(&allocations);
    for (int i = 0; i < STEPS; i++) {
        silma_error error = {0};
        if (run_step(run, &error) != SILMA_OK) fail_msg("%s", error.message);
    }
    return atomic_load(&allocations) - before;
}

static void check_training(const char *isa, const char *method)
{
    silma_context *context = make_context(isa, 2);
    silma_network *network = make_network(EVERYTHING);
    silma_dataset *dataset = make_dataset();
    silma_settings *wanted = NULL;
    silma_run *run = NULL;
    silma_error error = {0};
    assert_int_equal(silma_settings_create(&wanted, NULL), SILMA_OK);
    assert_int_equal(silma_settings_set(wanted, "optimizer", method, NULL), SILMA_OK);
    assert_int_equal(silma_settings_set(wanted, "clip_norm", "1", NULL), SILMA_OK);
    assert_int_equal(silma_settings_set(wanted, "batch", "6", NULL), SILMA_OK);
    if (run_prepare(&run, context, network, dataset, wanted, "", &error) != SILMA_OK) fail_msg("%s", error.message);
    size_t count = allocations_of_steps(run);
    if (count > 0) fail_msg("%s, %s: %zu allocations in %d steps", isa, method, count, STEPS);
    silma_run_free(run);
    silma_settings_free(wanted);
    silma_dataset_free(dataset);
    silma_network_free(network);
    silma_context_free(context);
}

// From the very first step on, whatever the instruction set.
static void training_step_allocates_nothing(void **state)
{
    (void)state;
    const kernels *tables[8];
    size_t count = kernels_available(tables, 8);
    for (size_t i = 0; i < count; i++)
        check_training(tables[i]->name, "adam");
    for (size_t i = 0; i < OPTIMIZERS_COUNT; i++)
        check_training(tables[0]->name, OPTIMIZERS[i]);
}

static void check_inference(const char *isa)
{
    silma_context *context = make_context(isa, 2);
    silma_network *network = make_network(EVERYTHING);
    graph *g = NULL;
    silma_model *model = NULL;
    float probabilities[BATCH * CLASSES];
    assert_int_equal(graph_parse(&g, network->g->text, "test.silma", NULL, NULL), SILMA_OK);
    assert_int_equal(model_create(&model, g, NULL, CLASSES, NULL), SILMA_OK);
    graph_initialise(g, 1, model->weights, model->statistics);
    assert_int_equal(silma_model_predict(model, context, pixels, BATCH, probabilities, NULL), SILMA_OK);
    size_t before = atomic_load(&allocations);
    for (size_t n = BATCH; n > 0; n--)
        assert_int_equal(silma_model_predict(model, context, pixels, n, probabilities, NULL), SILMA_OK);
    size_t made = atomic_load(&allocations) - before;
    if (made > 0) fail_msg("%s: %zu allocations in %d predictions", isa, made, BATCH);
    silma_model_free(model);
    silma_network_free(network);
    silma_context_free(context);
}

// Once prepared, for batches no larger.
static void inference_step_allocates_nothing(void **state)
{
    (void)state;
    const kernels *tables[8];
    size_t count = kernels_available(tables, 8);
    for (size_t i = 0; i < count; i++)
        check_inference(tables[i]->name);
}

// ---------------------------------------------------------------------------------------------------------------------
// Figures

static void quantiles(void **state)
{
    (void)state;
    const double one[] = {3}, four[] = {1, 2, 4, 8};
    assert_true(bench_quantile(one, 1, 0.25) == 3 && bench_quantile(one, 1, 0.5) == 3);
    assert_true(bench_quantile(four, 4, 0.5) == 3);
    assert_true(bench_quantile(four, 4, 0.25) == 1.75);
    assert_true(bench_quantile(four, 4, 0) == 1 && bench_quantile(four, 4, 1) == 8);
}

static void peak_is_measured_for_every_table(void **state)
{
    (void)state;
    const kernels *tables[8];
    size_t count = kernels_available(tables, 8);
    for (size_t i = 0; i < count; i++) {
        double peak = peak_gflops(tables[i], NULL, 1e-3);
        assert_true(isfinite(peak) && peak > 0);
    }
}

static silma_status count_call(void *argument, silma_error *error)
{
    (void)error;
    ++*(int *)argument;
    double end = bench_clock() + 3e-3;
    while (bench_clock() < end)
        ;
    return SILMA_OK;
}

static silma_status fail_third_call(void *argument, silma_error *error)
{
    count_call(argument, error);
    return *(int *)argument < 3 ? SILMA_OK : SILMA_DIVERGED;
}

// A call of three milliseconds is a sample of its own; two calls warm up.
static void calls_are_timed(void **state)
{
    (void)state;
    silma_context *context = make_context(NULL, 1);
    int calls = 0;
    bench_subject subject = {.call = count_call, .argument = &calls, .flops = 6e9, .images = 30};
    silma_bench_result result = {0};
    assert_int_equal(bench_measure(context, &subject, 4, &result, NULL), SILMA_OK);
    assert_int_equal(calls, 2 + 4);
    assert_int_equal(result.repeats, 4);
    assert_int_equal(result.images, 30);
    assert_true(result.seconds_low >= 3e-3 && result.seconds_low <= result.seconds_median);
    assert_true(result.seconds_median <= result.seconds_high);
    assert_true(fabs(result.gflops * result.seconds_median - 6) < 1e-9);
    assert_true(fabs(result.images_per_second * result.seconds_median - 30) < 1e-9);
    assert_true(fabs(result.fraction_of_peak * result.peak_gflops / result.gflops - 1) < 1e-9);
    silma_context_free(context);
}

static void failed_call_ends_measuring(void **state)
{
    (void)state;
    silma_context *context = make_context(NULL, 1);
    int calls = 0;
    bench_subject subject = {.call = fail_third_call, .argument = &calls, .flops = 1, .images = 1};
    silma_bench_result result = {0};
    assert_int_equal(bench_measure(context, &subject, 0, &result, NULL), SILMA_DIVERGED);
    assert_int_equal(calls, 3);
    silma_context_free(context);
}

static bool stop_after_two(const silma_bench_result *result, void *user)
{
    (void)result;
    return ++*(int *)user < 2;
}

static void report_stops_kernels(void **state)
{
    (void)state;
    silma_context *context = make_context(NULL, 1);
    silma_bench_options options = {.repeats = 1, .filter = "dense 4096->64"};
    int reports = 0;
    assert_int_equal(silma_bench_kernels(context, &options, stop_after_two, &reports, NULL), SILMA_INTERRUPTED);
    assert_int_equal(reports, 2);
    silma_context_free(context);
}

// Winograd's transforms lose some digits; the bound holds for every instruction set and direction, and for images that
// are no whole number of tiles.
static void convolutions_are_exact_to_five_digits(void **state)
{
    (void)state;
    static const conv_shape shapes[] = {
        {64, 64, 16, 3, 1, 1, 1, false}, {32, 32, 32, 3, 1, 1, 1, false}, {17, 40, 13, 3, 1, 1, 1, false}};
    enum { SHAPES = sizeof shapes / sizeof *shapes, TABLES_MAX = 8, SHAPE_IMAGES = 8 };
    const kernels *tables[TABLES_MAX];
    size_t count = kernels_available(tables, TABLES_MAX);
    for (size_t i = 0; i < SHAPES * CONV_DIRECTIONS * count; i++) {
        const kernels *k = tables[i / (SHAPES * CONV_DIRECTIONS)];
        const conv_shape *conv = &shapes[i % SHAPES];
        conv_direction direction = (conv_direction)(i / SHAPES % CONV_DIRECTIONS);
        char name[CASE_NAME_SIZE];
        double by_table, by_sums;
        if (!k->direct) continue;
        assert_int_equal(conv_error(k, NULL, conv, SHAPE_IMAGES, direction, &by_table, NULL), SILMA_OK);
        assert_int_equal(conv_error(k->direct, NULL, conv, SHAPE_IMAGES, direction, &by_sums, NULL), SILMA_OK);
        conv_name(name, conv, direction, "");
        if (!(by_table < 1e-5 && by_sums < 1e-5))
            fail_msg("%s, %s: error %.1e, of direct sums %.1e", k->name, name, by_table, by_sums);
        if (by_table == by_sums) fail_msg("%s, %s: not by Winograd's transforms", k->name, name);
    }
}

static void training_refuses_more_than_there_is(void **state)
{
    (void)state;
    silma_context *context = make_context(NULL, 1);
    silma_network *network = make_network(EVERYTHING);
    silma_dataset *dataset = make_dataset();
    silma_bench_options options = {.repeats = 1};
    silma_bench_result result = {0};
    silma_error error = {0};
    assert_int_equal(silma_bench_train(context, network, dataset, IMAGES + 1, &options, &result, &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "only 24"));
    assert_int_equal(silma_bench_train(context, network, dataset, 0, &options, &result, &error), SILMA_USAGE);
    assert_int_equal(silma_bench_infer(context, network, SIZE_MAX, &options, &result, &error), SILMA_USAGE);
    assert_int_equal(silma_bench_train(context, network, dataset, IMAGES, &options, &result, &error), SILMA_OK);
    assert_string_equal(result.name, "train test 12x12x3 batch 24");
    silma_dataset_free(dataset);
    silma_network_free(network);
    silma_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_has_every_layer_type),
        cmocka_unit_test(wrapping_counts),
        cmocka_unit_test(training_step_allocates_nothing),
        cmocka_unit_test(inference_step_allocates_nothing),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(peak_is_measured_for_every_table),
        cmocka_unit_test(calls_are_timed),
        cmocka_unit_test(failed_call_ends_measuring),
        cmocka_unit_test(report_stops_kernels),
        cmocka_unit_test(convolutions_are_exact_to_five_digits),
        cmocka_unit_test(training_refuses_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
