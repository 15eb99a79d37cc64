// From text to graph: shapes, names, branches, the head, what is stored, and what wrong lines are told.
#include "nn/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const silma_input DATA = {.height = 28, .width = 28, .channels = 1, .class_count = 10};

static graph *parse(const char *text)
{
    graph *g = NULL;
    silma_error error = {0};
    if (graph_parse(&g, text, "net.silma", &DATA, &error) != SILMA_OK) fail_msg("%s", error.message);
    return g;
}

static void assert_message(const char *text, const silma_input *input, const char *expected)
{
    graph *g = NULL;
    silma_error error = {0};
    assert_int_equal(graph_parse(&g, text, "net.silma", input, &error), SILMA_BAD_FILE);
    if (!strstr(error.message, expected)) fail_msg("'%s' lacks '%s'", error.message, expected);
}

static void resolves_shapes_names_and_parameters(void **state)
{
    (void)state;
    graph *g = parse("input auto\nconv 8 3x3 same relu\nmaxpool 2x2\nconv 4 3x3 relu name=top\nflatten\n"
                     "dense classes softmax\n");
    assert_int_equal(g->layer_count, 6);
    assert_string_equal(g->layers[1].name, "conv1");
    assert_string_equal(g->layers[3].name, "top");
    assert_int_equal(g->layers[3].out.h, 12);
    assert_int_equal(g->layers[4].out.c, 12 * 12 * 4);
    assert_int_equal(graph_output(g).c, 10);
    size_t trainable, fixed;
    uint64_t multiply_adds;
    graph_count(g, &trainable, &fixed, &multiply_adds);
    assert_int_equal(trainable, 9 * 8 + 8 + 9 * 8 * 4 + 4 + 576 * 10 + 10);
    assert_int_equal(fixed, 0);
    assert_int_equal(multiply_adds, 28 * 28 * 9 * 8 + 12 * 12 * 9 * 8 * 4 + 5760);
    graph_free(g);
}

static void stores_the_text_with_sizes_in_place(void **state)
{
    (void)state;
    graph *g = parse(
        "# A title\ninput auto   # the data's size\n\nflatten\n  dense classes softmax # last\n\ntrain:\nepochs 3\n");
    assert_string_equal(g->text,
                        "# A title\ninput 28x28x1\n\nflatten\n  dense 10 softmax # last\n\ntrain:\nepochs 3\n");
    assert_int_equal(g->recipe_count, 1);
    assert_string_equal(g->recipe[0].name, "epochs");
    assert_string_equal(g->recipe[0].value, "3");
    assert_int_equal(g->recipe[0].line, 8);
    graph *again = NULL;
    assert_int_equal(graph_parse(&again, g->text, "again", NULL, NULL), SILMA_OK);
    assert_string_equal(again->text, g->text);
    graph_free(again);
    graph_free(g);
}

// A model is read from this text, with nothing to fill it in.
static void assert_stored(const char *text, const char *stored)
{
    graph *g = parse(text), *again = NULL;
    assert_string_equal(g->text, stored);
    assert_int_equal(graph_parse(&again, g->text, "again", NULL, NULL), SILMA_OK);
    graph_free(again);
    graph_free(g);
}

static void stored_texts_keep_names(void **state)
{
    (void)state;
    assert_stored("input auto name=pixels\nconv 1 1x1\nadd pixels",
                  "input 28x28x1 name=pixels\nconv 1 1x1\nadd pixels");
    assert_stored("input auto\nflatten\ndense name=classes classes softmax",
                  "input 28x28x1\nflatten\ndense name=classes 10 softmax");
    assert_stored("input auto\nflatten\n dense classes# classes", "input 28x28x1\nflatten\n dense 10# classes");
}

static void takes_the_head_off(void **state)
{
    (void)state;
    graph *g = parse("input auto\nflatten\ndense 10 softmax");
    assert_int_equal(g->head, ACTIVATION_SOFTMAX);
    assert_int_equal(g->output_layer, 2);
    assert_int_equal(g->layers[2].act.kind, ACTIVATION_LINEAR);
    graph_free(g);
    g = parse("input auto\nflatten\ndense 1\nsigmoid");
    assert_int_equal(g->head, ACTIVATION_SIGMOID);
    assert_int_equal(g->output_layer, 2);
    graph_free(g);
    g = parse("input auto\nflatten\ndense 10 relu");
    assert_int_equal(g->head, ACTIVATION_LINEAR);
    graph_free(g);
}

static void branches_join(void **state)
{
    (void)state;
    graph *g = parse("input 8x8x3\nconv 4 3x3 same name=stem\nconv 4 3x3 same relu\nadd stem\n"
                     "conv 2 1x1 from=stem name=side\nconcat add1 side\nglobalavgpool\ndense 3 softmax");
    assert_int_equal(g->layers[3].input_count, 2);
    assert_int_equal(g->layers[3].inputs[0], 2);
    assert_int_equal(g->layers[3].inputs[1], 1);
    assert_int_equal(g->layers[4].inputs[0], 1);
    assert_int_equal(g->layers[5].out.c, 6);
    graph_free(g);
}

static void wrong_lines_are_explained(void **state)
{
    (void)state;
    assert_message("", &DATA, "net.silma: holds no layer");
    assert_message("conv 3 3x3", &DATA, "net.silma:1: the first layer must be the input");
    assert_message("input auto\ncnov 3 3x3", &DATA, "net.silma:2: 'cnov' is no layer; did you mean 'conv'?");
    assert_message("input auto\n\nconv 3 3x3 smae", &DATA, "net.silma:3: ");
    assert_message("input auto\nconv 3 3x3 smae", &DATA, "did you mean 'same'?");
    assert_message("input auto\nconv 3 33x33", &DATA, "net.silma:2: conv1: ");
    assert_message("input auto\ndense 10", NULL, "'input auto' takes its size from the data");
    assert_message("input 4\ndense classes", NULL, "'classes' takes the number of classes from the data");
    assert_message("input auto\nflatten from=stem", &DATA, "no layer above is called 'stem'");
    assert_message("input auto\nconv 3 1x1 name=a\nconv 3 1x1 name=a", &DATA, "two layers are called 'a'");
    assert_message("input auto\nconv 3 1x1 name=a\nconv 3 1x1 from=input\nflatten", &DATA,
                   "net.silma:2: nothing takes the output of a");
    assert_message("input 65537x1x1\nflatten", &DATA, "is no size");
    assert_message("input 10x\nflatten", &DATA, "'10x' is no size");
    assert_message("input 10abc\nrelu", &DATA, "'10abc' is no size");
    assert_message("input 123456789\nrelu", &DATA, "'123456789' is no size");
    assert_message("input 60000x60000x60000\nflatten", &DATA, "no possible size");
    assert_message("input 0x3x3\nflatten", &DATA, "is no size");
    assert_message("input auto\ntrain:\ntrain:", &DATA, "net.silma:3: a second 'train:'");
    assert_message("input auto", &DATA, "holds no layer but its input");
    assert_message("input auto\nadd", &DATA, "the layers to join are missing");
    assert_message("input auto\nflatten\ndense 65000\ndense 1000000000", &DATA, "net.silma:4: ");
}

// Names of 63 bytes, many layers: nothing depends on luck with sizes.
static void many_layers_are_possible_but_not_endless(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    char *text = malloc(32 + COUNT * 6);
    assert_non_null(text);
    char *end = text + sprintf(text, "input 2x2x1\n");
    for (int i = 0; i < COUNT; i++)
        end += sprintf(end, "relu\n");
    assert_message(text, NULL, "at most 4096 layers");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_shapes_names_and_parameters),
        cmocka_unit_test(stores_the_text_with_sizes_in_place),
        cmocka_unit_test(stored_texts_keep_names),
        cmocka_unit_test(takes_the_head_off),
        cmocka_unit_test(branches_join),
        cmocka_unit_test(wrong_lines_are_explained),
        cmocka_unit_test(many_layers_are_possible_but_not_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
