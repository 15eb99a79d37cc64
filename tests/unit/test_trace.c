// The page of `silma trace`: its numbers against the plain way of running a network, the gradients against their
// numerical derivatives, the optimiser's step against its formula, every formula against what mathml.h reads.
#include "core/random.h"
#include "kernels/context.h"
#include "naive_network.h"
#include "nn/model.h"
#include "nn/network.h"
#include "report/mathml.h"
#include "report/trace.h"
#include "scratch.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

enum { HEIGHT = 9, WIDTH = 7, CHANNELS = 3, CLASSES = 4, IMAGES = 8, PAGE_MOST = 1 << 24 };

static const char *const CLASS_NAMES[CLASSES] = {
    "cat",
    "<script>alert(1)</script>",
    "a \"dog\" & others </script><!-- <script>",
    ("äääääääääääääääääääääääääääääääääääääääääääääääääää"
     "äääääääääääääääääääääääääääääääääääääääääääääääääää"),
};

typedef struct fixture {
    silma_context *context;
    silma_dataset *dataset;
    scratch space;
    char *page;
} fixture;

static int open_fixture(void **state)
{
    static uint8_t pixels[IMAGES * HEIGHT * WIDTH * CHANNELS];
    static uint32_t labels[IMAGES];
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)random_below(7, RANDOM_SAMPLE, 0, i, 256);
    for (uint32_t i = 0; i < IMAGES; i++)
        labels[i] = i % CLASSES;
    silma_images images = {.pixels = pixels,
                           .labels = labels,
                           .count = IMAGES,
                           .height = HEIGHT,
                           .width = WIDTH,
                           .channels = CHANNELS,
                           .class_names = CLASS_NAMES,
                           .class_count = CLASSES};
    assert_int_equal(silma_dataset_from_memory(&f->dataset, "noise <b>", &images, NULL), SILMA_OK);
    assert_int_equal(silma_context_create(&f->context, NULL, NULL), SILMA_OK);
    f->space = scratch_make();
    f->page = scratch_path(&f->space, "page.html");
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    free(f->page);
    scratch_remove(&f->space);
    silma_dataset_free(f->dataset);
    silma_context_free(f->context);
    free(f);
    return 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading a page

static char *read_page(const fixture *f)
{
    FILE *file = fopen(f->page, "rb");
    assert_non_null(file);
    char *text = malloc(PAGE_MOST);
    assert_non_null(text);
    size_t count = fread(text, 1, PAGE_MOST - 1, file);
    text[count] = 0;
    fclose(file);
    return text;
}

static json_t *read_data(const char *page)
{
    const char *start = strstr(page, "id=\"trace\">");
    assert_non_null(start);
    start += strlen("id=\"trace\">");
    const char *end = strstr(start, "</script>");
    assert_non_null(end);
    json_error_t why;
    json_t *data = json_loadb(start, (size_t)(end - start), 0, &why);
    if (!data) fail_msg("%s", why.text);
    return data;
}

static float *decode(const json_t *string, size_t *count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *text = json_string_value(string);
    assert_non_null(text);
    uint8_t *bytes = malloc(strlen(text) + 1);
    assert_non_null(bytes);
    size_t used = 0;
    uint32_t bits = 0;
    int kept = 0;
    for (; *text && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        assert_non_null(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        kept += 6;
        if (kept < 8) continue;
        kept -= 8;
        bytes[used++] = (uint8_t)(bits >> kept);
    }
    *count = used / sizeof(float);
    return (float *)(void *)bytes;
}

static void assert_same_floats(const char *what, const json_t *string, const float *expected, size_t expected_count)
{
    size_t count;
    float *values = decode(string, &count);
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++)
        if (values[i] != expected[i])
            fail_msg("%s[%zu]: %.9g instead of %.9g", what, i, (double)values[i], (double)expected[i]);
    free(values);
}

// ---------------------------------------------------------------------------------------------------------------------
// The numbers

typedef struct subject {
    silma_network *network;
    silma_model *model;
} subject;

static void open_subject(subject *s, const char *text, int classes)
{
    silma_input input = {HEIGHT, WIDTH, CHANNELS, CLASSES};
    silma_error error = {0};
    if (silma_network_parse(&s->network, text, "<i>net.silma", &input, &error) != SILMA_OK)
        fail_msg("%s", error.message);
    if (silma_model_create(&s->model, s->network, classes == CLASSES ? CLASS_NAMES : NULL, classes, 3, &error))
        fail_msg("%s", error.message);
    // Biases of zero put rectifiers on their kink.
    for (size_t i = 0; i < s->model->g->weight_count; i++)
        s->model->weights[i] += 0.05f * (random_uniform(5, RANDOM_SAMPLE, 1, i) - 0.3f);
}

static void close_subject(subject *s)
{
    silma_model_free(s->model);
    silma_network_free(s->network);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g instead of %.17g", value, expected);
}

static void check_layer(const subject *s, const naive_network *net, size_t i, const float *gradients, const json_t *l)
{
    const layer *of = &s->model->g->layers[i];
    const json_t *parameters = json_object_get(l, "parameters"), *y = json_object_get(l, "y");
    if (y) assert_same_floats("output", y, net->layers[i].y, shape_count(of->out));
    for (int p = 0; p < of->parameter_count; p++) {
        const parameter *param = &of->parameters[p];
        const json_t *kept = json_array_get(parameters, (size_t)p);
        if (!param->trainable) continue;
        assert_same_floats("values", json_object_get(kept, "values"), s->model->weights + param->offset, param->count);
        assert_same_floats("gradient", json_object_get(kept, "gradient"), gradients + param->offset, param->count);
    }
}

// The outputs and the parameters' gradients, to the bit.
static void check_engine(const subject *s, const json_t *data, uint32_t label)
{
    const graph *g = s->model->g;
    const kernels *reference;
    assert_int_equal(kernels_find(&reference, "reference", NULL), SILMA_OK);
    float *gradients = trace_floats(g->weight_count), *statistics = trace_floats(g->statistic_count);
    float probabilities[CLASSES];
    memcpy(statistics, s->model->statistics, g->statistic_count * sizeof *statistics);
    plan_step step = {
        .n = 1, .training = true, .weights = s->model->weights, .gradients = gradients, .statistics = statistics};
    naive_network net;
    naive_create(&net, g, reference, NULL, &step, true);
    const json_t *layers = json_object_get(data, "layers");
    size_t count;
    float *input = decode(json_object_get(json_array_get(layers, 0), "y"), &count);
    memcpy(naive_input(&net), input, count * sizeof *input);
    free(input);
    naive_forward(&net);
    loss_batch batch = {.head = g->head,
                        .n = 1,
                        .outputs = shape_count(graph_output(g)),
                        .logits = naive_output(&net),
                        .probabilities = probabilities,
                        .dlogits = naive_output_gradient(&net)};
    loss_function loss = loss_default(g->head, batch.outputs);
    uint32_t target = batch.outputs == 1 ? 1 : label;
    double value = loss_compute(&loss, &batch, &target, NULL);
    assert_near(value, json_number_value(json_object_get(json_object_get(data, "loss"), "value")), 1e-12);
    naive_backward(&net);
    for (size_t i = 0; i < net.count; i++)
        check_layer(s, &net, i, gradients, json_array_get(layers, i));
    const json_t *first = json_array_get(layers, 0);
    assert_same_floats("dy", json_object_get(first, "dy"), naive_input_gradient(&net), count);
    naive_free(&net);
    free(gradients);
    free(statistics);
}

static double member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

// Every trainable tensor stands beside a numerical derivative, and agrees with it.
static void check_checks(const graph *g, const json_t *data)
{
    const json_t *checks = json_object_get(data, "checks");
    size_t tensors = 0, weights = 0, index;
    for (size_t i = 0; i <= g->output_layer; i++)
        for (int p = 0; p < g->layers[i].parameter_count; p++)
            tensors += g->layers[i].parameters[p].trainable;
    json_t *check;
    json_array_foreach(checks, index, check)
    {
        double analytic = member(check, "analytic"), numerical = member(check, "numerical");
        weights += json_object_get(check, "parameter") != NULL;
        double size = member(check, "size"), greater = fmax(fmax(fabs(analytic), fabs(numerical)), 1e-10);
        if (fabs(size - greater) > 1e-9 * greater) { // it is rounding alone
            assert_non_null(json_object_get(check, "parameter"));
            assert_true(greater < (double)FLT_EPSILON * size);
        }
        bool kink = json_is_true(json_object_get(check, "kink"));
        if (!kink) assert_near(fabs(analytic - numerical) / size, member(check, "error"), 1e-9);
        if (member(check, "error") > 2e-5)
            fail_msg("layer %d, %s: %.9g, numerically %.9g", (int)member(check, "layer"),
                     json_string_value(json_object_get(check, "what")), analytic, numerical);
    }
    assert_int_equal(weights, tensors);
    assert_true(json_array_size(checks) > tensors);
}

static void trace_and_check(const fixture *f, const char *text, int classes, size_t image)
{
    subject s;
    open_subject(&s, text, classes);
    silma_trace_options options = {.untrained = true};
    silma_trace_result result;
    silma_error error = {0};
    if (silma_trace_write(f->context, s.model, f->dataset, image, &options, f->page, &result, &error))
        fail_msg("%s\n%s", text, error.message);
    char *page = read_page(f);
    json_t *data = read_data(page);
    check_engine(&s, data, (uint32_t)(image % CLASSES));
    check_checks(s.model->g, data);
    assert_true(result.worst_error < 2e-5);
    assert_true(result.loss_after < result.loss);
    assert_int_equal(result.checks, json_array_size(json_object_get(data, "checks")));
    json_decref(data);
    free(page);
    close_subject(&s);
}

// Every layer type, every rule, strides and padding, groups, branches, activations of all kinds.
static void numbers_are_those_of_the_engine(void **state)
{
    static const char *const texts[] = {
        "input auto\nflatten\ndense classes softmax\n",
        "input auto\nconv 4 3x3 relu\nmaxpool 2x2\nflatten\ndense 9 tanh\ndense classes softmax\n",
        "input auto\nconv 6 3x3 same leaky_relu slope=0.1 groups=3 bias=no\nbatchnorm\navgpool 3x3 stride=2 pad=1\n"
        "conv 4 2x3 stride=2 pad=1,0,1,2 gelu\nprelu\nglobalavgpool\ndense classes softmax\n",
        "input auto\nconv 5 1x1 silu name=a\nconv 5 3x3 same elu name=b\nadd a\nrelu\nconcat b\nsigmoid\ndropout 0.4\n"
        "maxpool 3x3 same stride=2\nflatten\ndense 6 softmax\nlinear\ndense classes\nsoftmax\n",
        "input auto\nconv 4 3x3 same\nbatchnorm\nrelu\nflatten\ndense classes softmax\n", // a bias without effect
        "input auto\nconv 4 3x3 same softmax\nglobalavgpool\ntanh\nelu alpha=0.5\nleaky_relu\ngelu\nsilu\nsoftmax\n"
        "dense classes sigmoid\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        trace_and_check(*state, texts[i], CLASSES, i);
    trace_and_check(*state, "input auto\nflatten\ndense 1 sigmoid\n", 2, 2);
}

static double expected_step(const json_t *o, const char *kind, double w, double g)
{
    double rate = member(o, "rate"), momentum = member(o, "momentum"), epsilon = member(o, "epsilon");
    double start = w - rate * member(o, "weight_decay") * w;
    g *= member(o, "scale");
    if (strncmp(kind, "sgd", 3) == 0) {
        double v = -rate * g;
        return start + (json_is_true(json_object_get(o, "nesterov")) ? momentum * v - rate * g : v);
    }
    if (strncmp(kind, "adagrad", 7) == 0)
        return start - rate * g / sqrt(member(o, "initial_accumulator") + g * g + epsilon);
    if (strncmp(kind, "rmsprop", 7) == 0) return start - rate * g / sqrt((1 - member(o, "rho")) * g * g + epsilon);
    // eq. 52, 55 and 56, the first step, with epsilon in the uncorrected root as Keras has it
    double beta2 = member(o, "beta2");
    return start - rate * sqrt(1 - beta2) * g / (sqrt((1 - beta2) * g * g) + epsilon);
}

static void optimisers_step_by_their_formulas(void **state)
{
    static const char *const optimizers[][2] = {
        {"sgd lr=0.1 weight_decay=0.01", "0"},
        {"sgd momentum=0.9 nesterov=yes", "0"},
        {"sgd momentum=0.5", "0.01"},
        {"adagrad lr=0.01", "0"},
        {"rmsprop momentum=0.9", "0"},
        {"adam", "0.001"},
        {"adamw lr=0.01", "0"},
    };
    fixture *f = *state;
    subject s;
    open_subject(&s, "input auto\nconv 4 3x3 relu\nflatten\ndense classes softmax\n", CLASSES);
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
        silma_settings *wanted;
        assert_int_equal(silma_settings_create(&wanted, NULL), SILMA_OK);
        assert_int_equal(silma_settings_set(wanted, "optimizer", optimizers[i][0], NULL), SILMA_OK);
        assert_int_equal(silma_settings_set(wanted, "clip_norm", optimizers[i][1], NULL), SILMA_OK);
        silma_trace_options options = {.settings = wanted};
        assert_int_equal(silma_trace_write(f->context, s.model, f->dataset, 1, &options, f->page, NULL, NULL),
                         SILMA_OK);
        char *page = read_page(f);
        json_t *data = read_data(page);
        size_t index;
        json_t *check;
        json_array_foreach(json_object_get(data, "checks"), index, check)
        {
            if (!json_object_get(check, "parameter")) continue;
            double after = expected_step(json_object_get(data, "optimizer"), optimizers[i][0], member(check, "before"),
                                         member(check, "analytic"));
            assert_near(member(check, "after"), after, 1e-7 * fmax(1, fabs(after)));
            assert_true(member(check, "after") != member(check, "before"));
        }
        json_decref(data);
        free(page);
        silma_settings_free(wanted);
    }
    close_subject(&s);
}

// ---------------------------------------------------------------------------------------------------------------------
// The page

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static void names_are_text(void **state)
{
    fixture *f = *state;
    subject s;
    open_subject(&s, "input auto\nflatten\ndense classes softmax\n", CLASSES);
    for (size_t i = 1; i < CLASSES; i++) {
        assert_int_equal(silma_trace_write(f->context, s.model, f->dataset, i, NULL, f->page, NULL, NULL), SILMA_OK);
        char *page = read_page(f);
        assert_int_equal(count_of(page, "<script"), 2);
        assert_int_equal(count_of(page, "</script>"), 2);
        assert_int_equal(count_of(page, "<!--"), 0);
        assert_null(strstr(page, "alert(1)</"));
        assert_null(strstr(page, "noise <b>"));
        assert_null(strstr(page, "<i>net"));
        assert_non_null(strstr(page, "&lt;script&gt;alert(1)"));
        json_decref(read_data(page));
        free(page);
    }
    close_subject(&s);
}

static void assert_refused(fixture *f, const char *text, int classes, size_t image, silma_status status,
                           const char *expected)
{
    subject s;
    silma_error error = {0};
    open_subject(&s, text, classes);
    assert_int_equal(silma_trace_write(f->context, s.model, f->dataset, image, NULL, f->page, NULL, &error), status);
    if (!strstr(error.message, expected)) fail_msg("'%s' lacks '%s'", error.message, expected);
    close_subject(&s);
}

static void what_cannot_be_traced_is_refused(void **state)
{
    fixture *f = *state;
    unlink(f->page);
    assert_refused(f, "input auto\nflatten\ndense classes softmax\n", CLASSES, IMAGES, SILMA_USAGE, "has 8");
    assert_refused(f, "input auto\nflatten\ndense 2 softmax\n", 2, 3, SILMA_USAGE, "only the first 2 classes");
    assert_refused(f, "input auto\nflatten\ndense 3000\ndense classes softmax\n", CLASSES, 0, SILMA_USAGE, "MB");
    assert_refused(f,
                   "input auto\nflatten\ndense classes softmax\ntrain:\nloss binary_crossentropy\nclip_norm 1\n"
                   "optimizer nothing\n",
                   CLASSES, 0, SILMA_BAD_FILE, "nothing");
    assert_int_not_equal(access(f->page, F_OK), 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// Formulas

static bool reads(const char *tex)
{
    text_buffer out = {0};
    bool read = mathml_add(&out, tex);
    assert_false(out.failed);
    buffer_free(&out);
    return read;
}

static void assert_mathml(const char *tex, const char *expected)
{
    text_buffer out = {0};
    assert_true(mathml_add(&out, tex));
    char wrapped[1024];
    snprintf(wrapped, sizeof wrapped, "<math display=\"block\"><mrow>%s</mrow></math>", expected);
    assert_string_equal(out.text, wrapped);
    buffer_free(&out);
}

static void formulas_become_mathml(void **state)
{
    (void)state;
    assert_mathml("x_{i,2}^t", "<msubsup><mi>x</mi><mrow><mi>i</mi><mo>,</mo><mn>2</mn></mrow><mi>t</mi></msubsup>");
    assert_mathml("a^2 - 0.5", "<msup><mi>a</mi><mn>2</mn></msup><mo>−</mo><mn>0.5</mn>");
    assert_mathml("f'(z)", "<msup><mi>f</mi><mo>'</mo></msup><mrow><mo stretchy=\"false\">(</mo><mi>z</mi><mo "
                           "stretchy=\"false\">)</mo></mrow>");
    // Only what is higher than a letter has brackets that grow.
    assert_mathml("(\\frac{a}{b})",
                  "<mrow><mo>(</mo><mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac><mo>)</mo></mrow>");
    assert_mathml("\\frac{1}{\\sqrt{x}}",
                  "<mfrac><mrow><mn>1</mn></mrow><mrow><msqrt><mrow><mi>x</mi></mrow></msqrt></mrow></mfrac>");
    assert_mathml("\\max_p x", "<munder><mo>max</mo><mi>p</mi></munder><mi>x</mi>");
    assert_mathml("z < 0", "<mi>z</mi><mo>&lt;</mo><mn>0</mn>");
    static const char *const wrong[] = {"\\nothing", "{x",         "(x", "x}", "x)", "x_",
                                        "\\frac{1}", "\\cases{x}", "$",  "&",  "x^", "\\mathrm{x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (reads(wrong[i])) fail_msg("'%s' was understood", wrong[i]);
}

static void assert_formulas(const formula *formulas)
{
    for (; formulas && formulas->tex; formulas++)
        if (!reads(formulas->tex)) fail_msg("'%s' is not understood", formulas->tex);
}

static void every_formula_is_understood(void **state)
{
    (void)state;
    for (int kind = ACTIVATION_RELU; kind <= ACTIVATION_SOFTMAX; kind++)
        for (int i = 0; i < 2; i++)
            assert_true(reads(activation_formulas((activation_kind)kind)[i].tex));
    for (int loss = LOSS_CATEGORICAL_CROSSENTROPY; loss <= LOSS_MEAN_SQUARED_ERROR; loss++)
        for (size_t outputs = 1; outputs < 3; outputs++)
            assert_formulas(trace_loss_formulas((loss_kind)loss, ACTIVATION_SIGMOID, outputs));
    for (int kind = OPTIMIZER_SGD; kind <= OPTIMIZER_ADAMW; kind++) {
        optimizer o = optimizer_default((optimizer_kind)kind);
        assert_formulas(trace_optimizer_formulas(&o));
        o.momentum = 0.9;
        assert_formulas(trace_optimizer_formulas(&o));
        o.nesterov = true;
        assert_formulas(trace_optimizer_formulas(&o));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_the_engine),
        cmocka_unit_test(optimisers_step_by_their_formulas),
        cmocka_unit_test(names_are_text),
        cmocka_unit_test(what_cannot_be_traced_is_refused),
        cmocka_unit_test(formulas_become_mathml),
        cmocka_unit_test(every_formula_is_understood),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
