// silma eval: how good a model is, on the images of a data set.
#include "commands.h"
#include "measured.h"
#include "output.h"
#include "setup.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MATRIX_CLASSES_MAX = 20 }; // a wider matrix is printed as lists

// Everything that one call of `silma eval` opens.
typedef struct session {
    measured on;
    silma_evaluation result;
} session;

static void session_free(session *s)
{
    silma_evaluation_free(&s->result);
    measured_free(&s->on);
}

// ---------------------------------------------------------------------------------------------------------------------
// Text

static int names_width(const silma_model *model, int class_count)
{
    int width = 5;
    for (int i = 0; i < class_count; i++) {
        char name[CLASS_NAME_SIZE];
        class_name(name, silma_model_class_name(model, i), i);
        if (text_columns(name) > width) width = text_columns(name);
    }
    return width;
}

static void print_totals(const session *s)
{
    const silma_evaluation *e = &s->result;
    printf("%s on %s %s, %s images\n\n", s->on.model_path, silma_dataset_name(s->on.dataset),
           measured_split_name(&s->on), text_count(e->count).text);
    printf("loss            %.4f\n", e->loss);
    printf("accuracy        %s  (95 %% interval: %s to %s)\n", text_percent(e->accuracy).text,
           text_percent(e->accuracy_low).text, text_percent(e->accuracy_high).text);
    printf("top-5           %s\n", text_percent(e->top5).text);
    printf("true positives  %s\n", text_percent(e->true_positives).text);
    silma_calibration calibration;
    silma_model_calibration(s->on.model, &calibration);
    if (calibration.count > 0)
        printf("calibrated      temperature %.3f; unknown below %s\n", calibration.temperature,
               text_percent(calibration.threshold).text);
}

static void print_classes(const session *s, int width)
{
    printf("\n%-*s  %9s  %9s  %10s  %10s  %10s\n", width, "Class", "Images", "Predicted", "Precision", "Recall", "F1");
    for (int i = 0; i < s->result.class_count; i++) {
        const silma_class_score *score = &s->result.classes[i];
        char name[CLASS_NAME_SIZE];
        class_name(name, silma_model_class_name(s->on.model, i), i);
        printf("%s%*s  %9s  %9s  %10s  %10s  %10s\n", name, text_padding(name, width), "",
               text_count(score->support).text, text_count(score->predicted).text, text_percent(score->precision).text,
               text_percent(score->recall).text, text_percent(score->f1).text);
    }
}

static size_t confused(const silma_evaluation *e, int truth, int predicted)
{
    return e->confusion[(size_t)truth * (size_t)e->class_count + (size_t)predicted];
}

// One cell: a count, or per cent of the row's images; a point for none.
static void print_cell(const silma_evaluation *e, int truth, int predicted, bool percent, int width)
{
    size_t count = confused(e, truth, predicted), support = e->classes[truth].support;
    if (count == 0)
        printf(" %*s", width, ".");
    else if (percent)
        printf(" %*.1f", width, 100.0 * (double)count / (double)support);
    else
        printf(" %*zu", width, count);
}

static void print_matrix(const session *s, bool percent, int width)
{
    const silma_evaluation *e = &s->result;
    int cell = 5;
    for (int i = 0; i < e->class_count && !percent; i++) {
        int digits = snprintf(NULL, 0, "%zu", e->classes[i].support);
        if (digits > cell) cell = digits;
    }
    printf("\nConfusion matrix, %s (row: true class, column: predicted class)\n",
           percent ? "per cent of the true class" : "images");
    printf("%*s", width + 4, "");
    for (int i = 0; i < e->class_count; i++)
        printf(" %*d", cell, i);
    printf("\n");
    for (int truth = 0; truth < e->class_count; truth++) {
        char name[CLASS_NAME_SIZE];
        class_name(name, silma_model_class_name(s->on.model, truth), truth);
        printf("%3d %s%*s", truth, name, text_padding(name, width), "");
        for (int predicted = 0; predicted < e->class_count; predicted++)
            print_cell(e, truth, predicted, percent, cell);
        printf("\n");
    }
}

// The class, apart from `truth` and those that `done` marks, for which most images of the class were taken; -1: none.
static int most_confused(const silma_evaluation *e, int truth, const bool *done)
{
    int most = -1;
    for (int i = 0; i < e->class_count; i++) {
        if (i == truth || done[i] || confused(e, truth, i) == 0) continue;
        if (most < 0 || confused(e, truth, i) > confused(e, truth, most)) most = i;
    }
    return most;
}

static void print_mistakes(const session *s, int truth, bool *done)
{
    enum { SHOWN = 5 };
    const silma_evaluation *e = &s->result;
    double support = (double)e->classes[truth].support;
    memset(done, 0, (size_t)e->class_count * sizeof *done);
    for (int i = 0, wrong; i < SHOWN && (wrong = most_confused(e, truth, done)) >= 0; i++) {
        char name[CLASS_NAME_SIZE];
        class_name(name, silma_model_class_name(s->on.model, wrong), wrong);
        size_t count = confused(e, truth, wrong);
        printf("%s %s %zu (%.1f %%)", i > 0 ? "," : "", name, count, 100.0 * (double)count / support);
        done[wrong] = true;
    }
    size_t others = 0;
    for (int wrong; (wrong = most_confused(e, truth, done)) >= 0; done[wrong] = true)
        others += confused(e, truth, wrong);
    if (others > 0) printf(", others %zu", others);
}

// The matrix as lists, for many classes: of each true class what is right, and what it is most often taken for.
static silma_status print_mistake_lists(const session *s, int width, problem *why)
{
    const silma_evaluation *e = &s->result;
    bool *done = malloc((size_t)e->class_count * sizeof *done);
    if (!done) return problem_set_memory(why);
    printf("\nConfusion matrix as lists (the whole matrix: --json): true class, images, right, taken for\n");
    for (int truth = 0; truth < e->class_count; truth++) {
        char name[CLASS_NAME_SIZE];
        class_name(name, silma_model_class_name(s->on.model, truth), truth);
        size_t right = confused(e, truth, truth);
        printf("%s%*s %6zu %6zu (%s) ", name, text_padding(name, width), "", e->classes[truth].support, right,
               text_percent(e->classes[truth].recall).text);
        print_mistakes(s, truth, done);
        printf("\n");
    }
    free(done);
    return SILMA_OK;
}

static silma_status print_text(const session *s, problem *why)
{
    int width = names_width(s->on.model, s->result.class_count);
    print_totals(s);
    print_classes(s, width);
    if (s->result.class_count > MATRIX_CLASSES_MAX) return print_mistake_lists(s, width, why);
    print_matrix(s, false, width);
    print_matrix(s, true, width);
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

static json_t *class_json(const session *s, int index)
{
    const silma_class_score *score = &s->result.classes[index];
    char name[CLASS_NAME_SIZE];
    class_name(name, silma_model_class_name(s->on.model, index), index);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", name, "support", output_integer(score->support),
                     "predicted", output_integer(score->predicted), "precision", output_number(score->precision),
                     "recall", output_number(score->recall), "f1", output_number(score->f1));
}

static json_t *row_json(const silma_evaluation *e, int truth)
{
    json_t *row = json_array();
    for (int i = 0; i < e->class_count; i++)
        output_append(&row, output_integer(confused(e, truth, i)));
    return row;
}

static silma_status print_json(const session *s, problem *why)
{
    const silma_evaluation *e = &s->result;
    json_t *classes = json_array(), *confusion = json_array();
    for (int i = 0; i < e->class_count; i++) {
        output_append(&classes, class_json(s, i));
        output_append(&confusion, row_json(e, i));
    }
    silma_calibration calibration;
    silma_model_calibration(s->on.model, &calibration);
    json_t *root =
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:[o, o], s:o, s:o, s:o, s:o, s:o, s:o}", "model",
                  output_string(s->on.model_path), "data", output_string(silma_dataset_name(s->on.dataset)), "split",
                  measured_split_name(&s->on), "count", output_integer(e->count), "loss", output_number(e->loss),
                  "accuracy", output_number(e->accuracy), "accuracy_interval", output_number(e->accuracy_low),
                  output_number(e->accuracy_high), "top5", output_number(e->top5), "true_positives",
                  output_number(e->true_positives), "per_class", classes, "confusion", confusion, "temperature",
                  output_number(calibration.temperature), "threshold", output_number(calibration.threshold));
    return output_json(root, why);
}

// ---------------------------------------------------------------------------------------------------------------------
// What to evaluate

static silma_status evaluate(const arguments *args, session *s, problem *why)
{
    silma_status status = measured_open(&s->on, args, why);
    if (status == SILMA_IO && s->on.split == MEASURED_TEST && strstr(why->error.message, "test set is missing"))
        problem_hint(why, "--split validation measures on the images that the model's run kept apart");
    if (!status)
        status = silma_evaluate(s->on.model, s->on.context, s->on.dataset, s->on.indices, s->on.index_count, &s->result,
                                &why->error);
    if (!status) status = option_given(args, "json") ? print_json(s, why) : print_text(s, why);
    return status;
}

static silma_status run(const arguments *args, problem *why)
{
    session s = {.on.split = MEASURED_TEST};
    silma_status status = measured_read(&s.on, args, why);
    if (!status) status = evaluate(args, &s, why);
    session_free(&s);
    return status;
}

static const option table[] = {
    {"data", "NAME|DIR", "the data set (default: the one that the model's run was trained on)"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"split", "train|test|validation",
     "which of its images (default: test); validation: those that the model's run kept apart"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command eval_command = {
    .name = "eval",
    .synopsis = "MODEL.safetensors [--data NAME|DIR] [options]",
    .summary = "measure a model on a data set",
    .details = "Prints loss, accuracy with its 95 % interval, top-5, true positives (images whose true class got\n"
               "more than 0.5), precision, recall and F1 of each class, and the confusion matrix.",
    .groups = {&options, &machine_options},
    .run = run,
};
