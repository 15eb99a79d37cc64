// silma calibrate: probabilities that are as often right as they say, and "unknown" instead of a guess.
#include "commands.h"
#include "measured.h"
#include "output.h"
#include "run_folder.h"
#include "setup.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double ERROR_RATE_DEFAULT = 0.05;

typedef struct session {
    measured on;
    char *out;
    double error_rate;
    silma_calibration_report report;
} session;

static void session_free(session *s)
{
    free(s->out);
    measured_free(&s->on);
}

// ---------------------------------------------------------------------------------------------------------------------
// Where to

static bool is_checkpoint(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash ? slash + 1 : path, "last.safetensors") == 0;
}

// calibrated.safetensors beside the model, so that its run still tells which data it was trained on.
static silma_status choose_out(const arguments *args, session *s, problem *why)
{
    const char *named = option_text(args, "out");
    char *folder = folder_of_path(s->on.model_path);
    s->out = !folder ? NULL : named ? strdup(named) : join_path(folder, "calibrated.safetensors");
    free(folder);
    if (!s->out) return problem_set_memory(why);
    if (is_checkpoint(s->out))
        return problem_set(why, SILMA_USAGE,
                           "--out: '%s' is the name of the file that runs are continued from; a model would not do",
                           s->out);
    if (access(s->out, F_OK) != 0 || option_given(args, "force")) return SILMA_OK;
    problem_hint(why, "--force replaces it, --out names another file");
    return problem_set(why, SILMA_USAGE, "%s: is there already", s->out);
}

// ---------------------------------------------------------------------------------------------------------------------
// Results

static void print_text(const session *s)
{
    const silma_calibration_report *r = &s->report;
    char out[512];
    text_shell_quote(out, sizeof out, s->out);
    printf("%s on %s %s, %s images, accuracy %s\n\n", s->on.model_path, silma_dataset_name(s->on.dataset),
           measured_split_name(&s->on), text_count(r->count).text, text_percent(r->accuracy).text);
    printf("%-26s  %10s  %10s\n", "", "before", "after");
    printf("%-26s  %10.3f  %10.3f\n", "temperature", 1.0, r->calibration.temperature);
    printf("%-26s  %10.4f  %10.4f\n", "loss", r->loss_before, r->loss_after);
    printf("%-26s  %10s  %10s\n\n", "expected calibration error", text_percent(r->calibration_error_before).text,
           text_percent(r->calibration_error_after).text);
    double known = (double)r->known / (double)r->count;
    double wrong = 1 - (double)r->known_right / (double)r->known;
    if (r->known == r->count)
        printf("no image need be unknown: %s are wrong, at most %s were asked for\n", text_percent(wrong).text,
               text_percent(s->error_rate).text);
    else
        printf("unknown below %s: %s of the images are known, %s of these are wrong (at most %s were asked for)\n",
               text_percent(r->calibration.threshold).text, text_percent(known).text, text_percent(wrong).text,
               text_percent(s->error_rate).text);
    printf("model: %s\nnext:\n  silma predict %s photos/\n", s->out, out);
}

static silma_status print_json(const session *s, problem *why)
{
    const silma_calibration_report *r = &s->report;
    return output_json(json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model",
                                 output_string(s->on.model_path), "out", output_string(s->out), "data",
                                 output_string(silma_dataset_name(s->on.dataset)), "split", measured_split_name(&s->on),
                                 "count", output_integer(r->count), "accuracy", output_number(r->accuracy),
                                 "temperature", output_number(r->calibration.temperature), "threshold",
                                 output_number(r->calibration.threshold), "error_rate", output_number(s->error_rate),
                                 "loss_before", output_number(r->loss_before), "loss_after",
                                 output_number(r->loss_after), "calibration_error_before",
                                 output_number(r->calibration_error_before), "calibration_error_after",
                                 output_number(r->calibration_error_after), "known", output_integer(r->known),
                                 "known_right", output_integer(r->known_right)),
                       why);
}

// ---------------------------------------------------------------------------------------------------------------------

static silma_status calibrate(const arguments *args, session *s, problem *why)
{
    silma_status status = choose_out(args, s, why);
    if (!status) status = measured_open(&s->on, args, why);
    if (!status)
        status = silma_model_calibrate(s->on.model, s->on.context, s->on.dataset, s->on.indices, s->on.index_count,
                                       s->error_rate, &s->report, &why->error);
    if (!status) status = silma_model_save(s->on.model, s->out, &why->error);
    if (status) return status;
    if (option_given(args, "json")) return print_json(s, why);
    print_text(s);
    return SILMA_OK;
}

static silma_status read_error_rate(const arguments *args, double *rate, problem *why)
{
    const char *text = option_text(args, "error-rate");
    char *end = NULL;
    if (!text) return SILMA_OK;
    *rate = strtod(text, &end);
    bool decimal = !text[strspn(text, "0123456789.eE+-")]; // strtod knows hexadecimal, infinity and blanks too
    if (decimal && end != text && !*end && *rate >= 0 && *rate <= 1) return SILMA_OK;
    return problem_set(why, SILMA_USAGE, "--error-rate: expected a share from 0 to 1, found '%s'", text);
}

static silma_status run(const arguments *args, problem *why)
{
    session s = {.on.split = MEASURED_VALIDATION, .error_rate = ERROR_RATE_DEFAULT};
    silma_status status = measured_read(&s.on, args, why);
    if (!status) status = read_error_rate(args, &s.error_rate, why);
    if (!status) status = calibrate(args, &s, why);
    session_free(&s);
    return status;
}

static const option table[] = {
    {"data", "NAME|DIR", "the data set (default: the one that the model's run was trained on)"},
    {"data-dir", "DIR", "a folder of data sets, searched first"},
    {"split", "train|test|validation", "which of its images (default: validation, those that the run kept apart)"},
    {"error-rate", "SHARE", "how many of the images that are not unknown may be wrong (default: 0.05)"},
    {"out", "FILE", "the calibrated model (default: calibrated.safetensors beside the model)"},
    {"force", NULL, "replace the file that is there already, be it the model itself"},
    {"json", NULL, "one JSON object on standard output"},
    {0},
};
static const option_group options = {"Options", table};

const command calibrate_command = {
    .name = "calibrate",
    .synopsis = "MODEL.safetensors [--data NAME|DIR] [options]",
    .summary = "make a model say how sure it is, and when it does not know",
    .details =
        "Chooses, on images that the model was not trained on, the temperature with which its probabilities are as\n"
        "often right as they say, and the probability below which it says 'unknown' rather than make more mistakes\n"
        "than --error-rate. Both become part of a new model file; predict and eval use them from then on.",
    .groups = {&options, &machine_options},
    .run = run,
};
