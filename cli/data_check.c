#include "data_check.h"

#include "output.h"
#include "pictures.h"
#include "setup.h"
#include "terminal.h"
#include "text.h"

#include <silma/report.h>

#include <stdio.h>
#include <unistd.h>

enum { SPLITS = 3 };
static const char *const split_names[SPLITS] = {"train", "validation", "test"};

typedef struct session {
    const char *name;
    const char *out; // null: no page
    silma_context *context;
    silma_model *model; // null: none
    silma_check *check;
} session;

static void session_free(session *s)
{
    silma_check_free(s->check);
    silma_model_free(s->model);
    silma_context_free(s->context);
}

// With --json a page is written only where one is asked for.
static silma_status choose_page(const arguments *args, session *s, problem *why)
{
    s->out = option_text(args, "out");
    if (!s->out && !option_given(args, "json")) s->out = "check.html";
    if (s->out && !s->out[0]) return problem_set(why, SILMA_USAGE, "--out: the name of the page is empty");
    if (!s->out || option_given(args, "force") || access(s->out, F_OK) != 0) return SILMA_OK;
    problem_hint(why, "--force replaces it, --out names another file");
    return problem_set(why, SILMA_USAGE, "%s exists already", s->out);
}

static silma_status look(const arguments *args, session *s, problem *why)
{
    silma_dataset_options options = dataset_options(option_text(args, "data-dir"));
    const char *model = option_text(args, "model");
    silma_status status = open_context(args, &s->context, why);
    if (!status) status = read_threads(args, &options.threads, why);
    if (!status && model) status = silma_model_load(&s->model, model, &why->error);
    if (!status && model) silma_model_preparation(s->model, &options.preparation);
    if (!status) status = read_picture_options(args, &options, why);
    if (!status) status = silma_check_create(&s->check, s->context, s->name, &options, s->model, &why->error);
    return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Results

static json_t *image_json(const silma_checked_image *image)
{
    char name[CLASS_NAME_SIZE];
    if (!image->split) return json_null();
    class_name(name, image->class_name, image->class_index);
    return json_pack("{s:s, s:o, s:i, s:o, s:o}", "split", image->split, "index", output_integer(image->index), "class",
                     image->class_index, "name", output_string(name), "file", output_string(image->file));
}

static json_t *finding_json(const silma_finding *f)
{
    bool has_image = f->image.split != NULL;
    return json_pack("{s:s, s:b, s:o, s:o, s:b, s:o, s:o, s:o}", "kind", silma_finding_name(f->kind), "error",
                     (int)f->is_error, "image", image_json(&f->image), "other", image_json(&f->other), "exact",
                     (int)f->exact, "value", has_image ? output_number(f->value) : json_null(), "doubted_class",
                     f->kind == SILMA_FINDING_DOUBTED_LABEL ? json_integer(f->doubted_class) : json_null(), "reason",
                     output_string(f->reason));
}

static json_t *splits_json(const session *s)
{
    json_t *splits = json_object();
    for (size_t i = 0; i < SPLITS; i++)
        output_set(&splits, split_names[i], output_integer(silma_check_images_of(s->check, split_names[i])));
    return splits;
}

static silma_status print_json(const session *s, problem *why)
{
    json_t *results = json_array(), *counts = json_object();
    for (int kind = 0; kind < SILMA_FINDING_KINDS; kind++)
        output_set(&counts, silma_finding_name((silma_finding_kind)kind),
                   output_integer(silma_check_count(s->check, (silma_finding_kind)kind)));
    const silma_finding *f;
    for (size_t i = 0; (f = silma_check_finding(s->check, i)); i++)
        output_append(&results, finding_json(f));
    return output_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "data", output_string(s->name), "images",
                                 output_integer(silma_check_images(s->check)), "splits", splits_json(s), "errors",
                                 output_integer(silma_check_errors(s->check)), "counts", counts, "page",
                                 output_string(s->out), "results", results),
                       why);
}

static bool has_errors(const silma_check *check, silma_finding_kind kind)
{
    const silma_finding *f;
    for (size_t i = 0; (f = silma_check_finding(check, i)); i++)
        if (f->kind == kind && f->is_error) return true;
    return false;
}

static void print_image(const silma_checked_image *image)
{
    char name[CLASS_NAME_SIZE], printable[512];
    class_name(name, image->class_name, image->class_index);
    if (image->file) {
        text_printable(printable, sizeof printable, image->file);
        printf("%s (%s)", printable, image->split);
    } else {
        printf("%s %u (%s)", image->split, image->index, name);
    }
}

static void print_example(const silma_finding *f)
{
    char text[1024], name[CLASS_NAME_SIZE];
    printf("    ");
    if (f->reason) {
        text_printable(text, sizeof text, f->reason);
        printf("%s\n", text);
        return;
    }
    if (f->kind == SILMA_FINDING_SMALL_CLASS) {
        class_name(name, f->image.class_name, f->image.class_index);
        printf("%s: %s\n", name, text_count((uint64_t)f->value).text);
        return;
    }
    print_image(&f->image);
    if (f->other.split) {
        printf(f->exact ? " is " : " is nearly ");
        print_image(&f->other);
    }
    printf("\n");
}

static void print_kind(const session *s, silma_finding_kind kind, const terminal *screen)
{
    enum { EXAMPLES = 5 };
    const char *sentence = silma_check_sentence(s->check, kind);
    if (!sentence) return;
    bool error = has_errors(s->check, kind);
    printf("%s%s%s: %s\n", terminal_style(screen, error ? STYLE_ERROR : STYLE_BOLD), error ? "error" : "warning",
           terminal_style(screen, STYLE_PLAIN), sentence);
    if (kind == SILMA_FINDING_IMBALANCE || kind == SILMA_FINDING_ONE_CLASS) return;
    const silma_finding *f;
    for (size_t i = 0, shown = 0; shown < EXAMPLES && (f = silma_check_finding(s->check, i)); i++) {
        if (f->kind != kind) continue;
        print_example(f);
        shown++;
    }
    size_t count = silma_check_count(s->check, kind);
    if (count > EXAMPLES) printf("    and %s more\n", text_count(count - EXAMPLES).text);
}

static void print_files(const session *s)
{
    static const char *const colours[] = {"", "grey", "grey with transparency", "colour", "colour with transparency"};
    enum { KINDS_SHOWN = 3 };
    const silma_picture_kind *kind;
    for (size_t i = 0; i < KINDS_SHOWN && (kind = silma_check_picture_kind(s->check, i)); i++)
        printf("%s file%s of %dx%d, %s\n", text_count(kind->count).text, kind->count == 1 ? "" : "s", kind->height,
               kind->width, colours[kind->channels]);
    if (silma_check_picture_kind(s->check, KINDS_SHOWN)) printf("and files of other sizes or colours\n");
}

// "70,000 images: train 60,000, test 10,000"
static void print_splits(const session *s)
{
    const char *before = ": ";
    printf("%s images", text_count(silma_check_images(s->check)).text);
    for (size_t i = 0; i < SPLITS; i++) {
        size_t count = silma_check_images_of(s->check, split_names[i]);
        if (count == 0) continue;
        printf("%s%s %s", before, split_names[i], text_count(count).text);
        before = ", ";
    }
    printf("\n");
    if (silma_check_images_of(s->check, "test") == 0) printf("there is no test set to compare with\n");
}

static void print_text(const session *s)
{
    terminal screen = terminal_of(stdout);
    print_splits(s);
    print_files(s);
    for (int kind = 0; kind < SILMA_FINDING_KINDS; kind++)
        print_kind(s, (silma_finding_kind)kind, &screen);
    if (!silma_check_finding(s->check, 0)) printf("nothing was found\n");
    if (s->out) printf("page: %s\n", s->out);
}

static silma_status judge(const arguments *args, const session *s, problem *why)
{
    size_t errors = silma_check_errors(s->check);
    if (!option_given(args, "strict") || errors == 0) return SILMA_OK;
    return problem_set(why, SILMA_BAD_FILE, "%s: %zu error%s found", s->name, errors, errors == 1 ? " was" : "s were");
}

silma_status data_check(const arguments *args, problem *why)
{
    session s = {0};
    silma_status status = arguments_expect_words(args, 2, 2, "the name or folder of a data set", why);
    if (status) return status;
    s.name = args->words[1];
    status = choose_page(args, &s, why);
    if (!status) status = look(args, &s, why);
    if (!status && s.out) status = silma_check_write(s.check, s.out, &why->error);
    if (!status && option_given(args, "json")) {
        status = print_json(&s, why);
    } else if (!status) {
        print_text(&s);
    }
    if (!status) status = judge(args, &s, why);
    session_free(&s);
    return status;
}
