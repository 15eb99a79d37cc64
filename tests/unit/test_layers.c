// What a layer's line means, and what the layer makes of its input's shape; and that the networks of the zoo have the
// thesis's numbers of parameters. Gradients: test_layer_gradients.c.
#include "nn/graph.h"
#include "one_layer.h"
#include "stored_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_LENGTH = 256 };

static shape shape_of(const char *text)
{
    char *end;
    int first = (int)strtol(text, &end, 10);
    if (*end == '\0') return (shape){.h = 1, .w = 1, .c = first, .flat = true};
    int second = (int)strtol(end + 1, &end, 10);
    return (shape){.h = first, .w = second, .c = (int)strtol(end + 1, &end, 10)};
}

static bool same_shape(shape a, shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c && a.flat == b.flat;
}

typedef struct resolved {
    const char *text;
    const char *in, *out; // "HxWxC", or "N" for a vector
    size_t trainable, others;
    uint64_t multiply_adds;
    const char *description;
} resolved;

static const resolved RESOLVED[] = {
    {"conv 32 3x3 same relu", "32x32x3", "32x32x32", 896, 0, 884736, "32 3x3 same relu"},
    {"conv 6 5x5 relu", "32x32x1", "28x28x6", 156, 0, 117600, "6 5x5 relu"},
    {"conv relu 6 5 valid", "32x32x1", "28x28x6", 156, 0, 117600, "6 5x5 relu"},
    {"conv 96 11x11 relu stride=4 pad=2", "224x224x3", "55x55x96", 34944, 0, 105415200, "96 11x11 stride=4 pad=2 relu"},
    {"conv 96 11x11 stride=4", "224x224x3", "54x54x96", 34944, 0, 101616768, "96 11x11 stride=4"},
    {"conv 256 5x5 pad=2 groups=2", "27x27x96", "27x27x256", 307456, 0, 223948800, "256 5x5 pad=2 groups=2"},
    {"conv 4 3x2 pad=1,0,2,1 bias=no init=he_normal", "5x7x2", "6x7x4", 48, 0, 2016,
     "4 3x2 pad=1,0,2,1 bias=no init=he_normal"},
    {"conv 4 3x2 same stride=2x3", "5x7x1", "3x3x4", 28, 0, 216, "4 3x2 same stride=2x3"},
    {"conv 4 3x3 pad=1x2 leaky_relu slope=0.2", "5x7x1", "5x9x4", 40, 0, 1620, "4 3x3 pad=1x2 leaky_relu slope=0.2"},
    {"conv 4 5x5 same elu alpha=0.5", "1x1x1", "1x1x4", 104, 0, 100, "4 5x5 same elu alpha=0.5"},
    {"conv 4 1x1 pad=2", "1x1x1", "5x5x4", 8, 0, 100, "4 1x1 pad=2"},
    {"dense 128 relu", "3072", "128", 393344, 0, 393216, "128 relu"},
    {"dense 10 softmax bias=no init=zeros", "1x1x64", "10", 640, 0, 640, "10 softmax bias=no init=zeros"},
    {"maxpool 2x2", "7x8x3", "3x4x3", 0, 0, 0, "2x2"},
    {"maxpool 2", "7x8x3", "3x4x3", 0, 0, 0, "2x2"},
    {"maxpool 3x3 stride=2", "55x55x96", "27x27x96", 0, 0, 0, "3x3 stride=2"},
    {"maxpool 2x2 same", "7x8x3", "4x4x3", 0, 0, 0, "2x2 same"},
    {"avgpool 3x2 stride=1x2 pad=1", "7x8x3", "7x5x3", 0, 0, 0, "3x2 stride=1x2 pad=1"},
    {"globalavgpool", "7x8x3", "3", 0, 0, 0, ""},
    {"batchnorm", "7x8x3", "7x8x3", 6, 6, 0, ""},
    {"batchnorm momentum=0.9 epsilon=1e-05", "3", "3", 6, 6, 0, "momentum=0.9 epsilon=1e-05"},
    {"dropout 0.25", "7x8x3", "7x8x3", 0, 0, 0, "0.25"},
    {"flatten", "7x8x3", "168", 0, 0, 0, ""},
    {"prelu", "7x8x3", "7x8x3", 3, 0, 0, ""},
    {"prelu slope=0.1", "3", "3", 3, 0, 0, "slope=0.1"},
    {"leaky_relu slope=0.3", "7x8x3", "7x8x3", 0, 0, 0, "slope=0.3"},
    {"softmax", "3", "3", 0, 0, 0, ""},
};

static void check_resolved(const resolved *row, const char *text)
{
    layer l;
    char description[TEXT_LENGTH];
    shape in = shape_of(row->in);
    layer_create_or_fail(&l, text, &in, 1);
    assert_true(same_shape(l.out, shape_of(row->out)));
    assert_int_equal(count_parameters(&l, true), row->trainable);
    assert_int_equal(count_parameters(&l, false), row->others);
    assert_int_equal(l.multiply_adds, row->multiply_adds);
    l.type->describe(&l, description, sizeof description);
    assert_string_equal(description, row->description);
    free(l.settings);
}

static void lines_mean_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RESOLVED / sizeof *RESOLVED; i++) {
        const resolved *row = &RESOLVED[i];
        check_resolved(row, row->text);
        char again[TEXT_LENGTH]; // a description is a line of the same meaning
        snprintf(again, sizeof again, "%.*s %s", (int)strcspn(row->text, " "), row->text, row->description);
        check_resolved(row, again);
    }
}

typedef struct wrong {
    const char *text;
    const char *in;
    const char *message; // its beginning
} wrong;

static const wrong WRONG[] = {
    {"conv", "8x8x4", "test:1: FILTERS is missing"},
    {"conv 32", "8x8x4", "test:1: the window's size KHxKW is missing"},
    {"conv 0 3x3", "8x8x4", "test:1: FILTERS must be a whole number from 1 to 65536, not '0'"},
    {"conv 4 3y3", "8x8x4", "test:1: the window must be a size such as 3x3"},
    {"conv 4 3x3 sam", "8x8x4", "test:1: unexpected 'sam'; did you mean 'same'?; expected: conv FILTERS KHxKW"},
    {"conv 4 3x3 rleu", "8x8x4", "test:1: unexpected 'rleu'; did you mean 'relu'?"},
    {"conv 4 3x3 strid=2", "8x8x4", "test:1: unexpected 'strid=2'; did you mean 'stride'?"},
    {"conv 4 3x3 stride=0", "8x8x4", "test:1: stride must be a size such as 3x3"},
    {"conv 4 3x3 same pad=1", "8x8x4", "test:1: only one of same, valid and pad= can hold"},
    {"conv 4 3x3 pad=1,2,3", "8x8x4", "test:1: pad must be P, PHxPW or TOP,LEFT,BOTTOM,RIGHT"},
    {"conv 4 3x3 pad=1,2,3,4,5", "8x8x4", "test:1: pad must be P, PHxPW or TOP,LEFT,BOTTOM,RIGHT"},
    {"conv 4 3x3 pad=1,2,,4", "8x8x4", "test:1: pad must be P, PHxPW or TOP,LEFT,BOTTOM,RIGHT"},
    {"conv 4 3x3 relu elu", "8x8x4", "test:1: two activations, relu and elu"},
    {"conv 4 3x3 relu slope=0.1", "8x8x4", "test:1: unexpected 'slope=0.1'"},
    {"conv 4 3x3 leaky_relu slope=-1", "8x8x4", "test:1: slope must be a number from 0 to"},
    {"conv 4 3x3 init=he", "8x8x4", "test:1: 'he' is no initialiser"},
    {"conv 4 3x3 bias=1", "8x8x4", "test:1: bias must be yes or no, not '1'"},
    {"conv 4 3x3 groups=3", "8x8x4", "groups=3 must divide the input's 4 channels and the 4 filters"},
    {"conv 4 9x3", "8x8x4", "a window of 9x3 does not fit into its input of 8x8; take a smaller one, or same"},
    {"conv 4 13x3 pad=2", "8x8x4", "a window of 13x3 does not fit into its input of 12x12, padding included"},
    {"conv 4 3x3", "4", "it needs an image (height, width, channels), but its input is a vector of 4"},
    {"conv 65536 1024x1024", "1048576x1048576x67108864", "its kernel is larger than memory can hold"},
    {"dense ten", "4", "test:1: UNITS must be a whole number from 1 to 16777216, not 'ten'"},
    {"dense 10", "8x8x4", "its input is an image of 8x8x4; put a line `flatten` before it"},
    {"maxpool 17x16", "99x99x4", "test:1: a window of 17x16 has more than 256 positions"},
    {"maxpool 2x2 pad=2", "8x8x4", "test:1: pad must be smaller than the window of 2x2"},
    {"avgpool 2x2", "4", "it needs an image"},
    {"globalavgpool", "4", "it needs an image"},
    {"globalavgpool 2x2", "8x8x4", "test:1: unexpected '2x2'; expected: globalavgpool"},
    {"batchnorm momentum=1.5", "8x8x4", "test:1: momentum must be a number from 0 to 1, not '1.5'"},
    {"dropout", "8x8x4", "test:1: RATE is missing"},
    {"dropout 1", "8x8x4", "test:1: RATE must be a number from 0 to 0.999, not '1'"},
    {"elu slope=1", "8x8x4", "test:1: unexpected 'slope=1'"},
};

static void wrong_lines_are_told_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        layer l;
        silma_error error = {0};
        shape in = shape_of(WRONG[i].in);
        silma_status status = layer_create(&l, WRONG[i].text, &in, 1, &error);
        free(l.settings);
        if (status != SILMA_BAD_FILE || strncmp(error.message, WRONG[i].message, strlen(WRONG[i].message)) != 0) {
            fail_msg("%s: '%s', expected '%s...'", WRONG[i].text, error.message, WRONG[i].message);
        }
    }
}

static void joined_shapes_must_agree(void **state)
{
    (void)state;
    static const shape ALIKE[] = {{4, 5, 2, false}, {4, 5, 3, false}};
    static const shape UNLIKE[] = {{4, 5, 2, false}, {5, 4, 2, false}};
    layer l;
    silma_error error = {0};
    assert_int_equal(layer_create(&l, "add", ALIKE, 2, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "what it adds must have one shape, but it is given 4x5x2 and 4x5x3");
    free(l.settings);
    assert_int_equal(layer_create(&l, "concat", UNLIKE, 2, &error), SILMA_BAD_FILE);
    assert_string_equal(error.message, "what it joins must agree in height and width, but it is given 4x5x2 and 5x4x2");
    free(l.settings);
    layer_create_or_fail(&l, "concat", ALIKE, 2);
    assert_true(same_shape(l.out, (shape){4, 5, 5, false}));
    free(l.settings);
}

static void names_are_found(void **state)
{
    (void)state;
    activation_kind kind;
    for (int i = ACTIVATION_LINEAR; i <= ACTIVATION_SOFTMAX; i++) {
        assert_true(activation_find(activation_name((activation_kind)i), &kind));
        assert_int_equal(kind, i);
        assert_non_null(layer_type_find(activation_name((activation_kind)i)));
    }
    assert_false(activation_find("swish", &kind));
    assert_null(layer_type_find("convolution"));
}

static void same_bytes_are_never_called(void **state)
{
    (void)state;
    static const shape IN = {3, 4, 5, false};
    static const char *const TEXTS[] = {"flatten", "linear"};
    for (int i = 0; i < 2; i++) {
        layer l;
        layer_create_or_fail(&l, TEXTS[i], &IN, 1);
        assert_int_equal(l.contract, LAYER_SAME_BYTES);
        assert_int_equal(shape_count(l.out), shape_count(IN));
        free(l.settings);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The zoo

typedef struct zoo_row {
    const char *name;
    silma_input input;
    size_t trainable, others;
} zoo_row;

static const zoo_row ZOO[] = {
    {"lenet5", {32, 32, 1, 10}, 61706, 0},         // figure 13
    {"alexnet", {224, 224, 3, 1000}, 60965224, 0}, // figure 15
    {"ann", {32, 32, 3, 10}, 404010, 0},           // figure 18
    {"ann", {28, 28, 1, 10}, 111146, 0},           // figure 27
    {"cnn", {32, 32, 3, 10}, 328810, 384},         // figure 22
    {"cnn", {28, 28, 1, 10}, 266794, 384},         // figure 31
    {"perceptron", {28, 28, 1, 2}, 785, 0},        // section 2.1.2
    {"resnet", {32, 32, 3, 10}, 1646122, 2240},    {"tiny", {8, 8, 1, 3}, 923, 8},
};

static graph *read_model(const char *name, const silma_input *input)
{
    char path[128];
    size_t length;
    graph *g = NULL;
    silma_error error = {0};
    snprintf(path, sizeof path, "models/%s.silma", name);
    char *text = (char *)stored_read(path, &length);
    if (graph_parse(&g, text, name, input, &error) != SILMA_OK) fail_msg("%s", error.message);
    assert_int_equal(strncmp(text, "# ", 2), 0); // the title that `silma models` shows
    free(text);
    return g;
}

static void the_zoo_has_the_thesis_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ZOO / sizeof *ZOO; i++) {
        size_t trainable, others;
        uint64_t multiply_adds;
        graph *g = read_model(ZOO[i].name, &ZOO[i].input);
        graph_count(g, &trainable, &others, &multiply_adds);
        if (trainable != ZOO[i].trainable || others != ZOO[i].others)
            fail_msg("%s has %zu and %zu parameters, expected %zu and %zu", ZOO[i].name, trainable, others,
                     ZOO[i].trainable, ZOO[i].others);
        graph_free(g);
    }
}

// The parameters of each layer that has any, in order.
static void check_layer_counts(const char *name, const silma_input *input, const size_t *counts, size_t count)
{
    graph *g = read_model(name, input);
    size_t found = 0;
    for (size_t i = 0; i < g->layer_count; i++) {
        if (g->layers[i].parameter_count == 0) continue;
        assert_true(found < count);
        assert_int_equal(count_parameters(&g->layers[i], true), counts[found++]);
    }
    assert_int_equal(found, count);
    graph_free(g);
}

static void lenet_and_alexnet_layer_by_layer(void **state)
{
    (void)state;
    static const size_t LENET5[] = {156, 2416, 48120, 10164, 850};
    static const size_t ALEXNET[] = {34944, 307456, 885120, 663936, 442624, 37752832, 16781312, 4097000};
    static const silma_input DIGITS = {32, 32, 1, 10}, PICTURES = {224, 224, 3, 1000};
    check_layer_counts("lenet5", &DIGITS, LENET5, sizeof LENET5 / sizeof *LENET5);
    check_layer_counts("alexnet", &PICTURES, ALEXNET, sizeof ALEXNET / sizeof *ALEXNET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_mean_what_they_say),         cmocka_unit_test(wrong_lines_are_told_why),
        cmocka_unit_test(joined_shapes_must_agree),         cmocka_unit_test(names_are_found),
        cmocka_unit_test(same_bytes_are_never_called),      cmocka_unit_test(the_zoo_has_the_thesis_numbers),
        cmocka_unit_test(lenet_and_alexnet_layer_by_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
