// Settings: defaults, precedence, what wrong ones are told, their way to JSON and back, and what a resumed run may
// change.
#include "train/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set(settings *s, const char *name, const char *value)
{
    silma_error error = {0};
    if (settings_apply(s, name, value, NULL, 0, &error) != SILMA_OK) fail_msg("%s", error.message);
}

static void resolve(settings *s)
{
    silma_error error = {0};
    if (settings_resolve(s, ACTIVATION_SOFTMAX, 10, 10, &error) != SILMA_OK) fail_msg("%s", error.message);
}

static char *json_text(const settings *s)
{
    json_t *json = settings_to_json(s);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_REAL_PRECISION(15));
    assert_non_null(text);
    json_decref(json);
    return text;
}

static void defaults_resolve(void **state)
{
    (void)state;
    settings s;
    settings_default(&s);
    resolve(&s);
    char *text = json_text(&s);
    assert_string_equal(text,
                        "{\"epochs\": 10, \"batch\": 128, \"seed\": 0, \"val_split\": 0.2, \"lr\": 0.001, "
                        "\"optimizer\": \"adam lr=0.001 beta1=0.9 beta2=0.999 epsilon=1e-07 weight_decay=0\", "
                        "\"schedule\": \"constant warmup=0\", "
                        "\"loss\": \"categorical_crossentropy label_smoothing=0\", \"early_stop\": \"off\", "
                        "\"best\": \"val_accuracy\", \"clip_norm\": 0.0, \"class_weights\": \"none\", "
                        "\"augment\": \"none\", \"sampler\": \"shuffle\", \"normalize\": \"unit\", \"tta\": \"none\"}");
    free(text);
    settings_free(&s);
}

static void every_name_is_set(void **state)
{
    (void)state;
    settings s;
    settings_default(&s);
    set(&s, "epochs", "100");
    set(&s, "batch", "500");
    set(&s, "seed", "9223372036854775807");
    set(&s, "val_split", "0");
    set(&s, "optimizer", "sgd lr=0.1 momentum=0.9");
    set(&s, "lr", "3e-2");
    set(&s, "schedule", "cosine warmup=5");
    set(&s, "loss", "mean_squared_error");
    set(&s, "early_stop", "loss patience=7 min_delta=0.01");
    set(&s, "best", "loss");
    set(&s, "clip_norm", "1.5");
    set(&s, "class_weights", "1,2.5,0");
    assert_int_equal(s.epochs, 100);
    assert_int_equal(s.batch, 500);
    assert_true(s.seed == 9223372036854775807u);
    assert_true(s.val_split == 0 && s.optimizer.rate == 0.03 && s.optimizer.momentum == 0.9);
    assert_int_equal(s.schedule.kind, SCHEDULE_COSINE);
    assert_int_equal(s.loss.kind, LOSS_MEAN_SQUARED_ERROR);
    assert_true(s.early_stop.on && s.early_stop.patience == 7 && s.early_stop.min_delta == 0.01);
    assert_int_equal(s.best, RECORDED_LOSS);
    assert_true(s.clip_norm == 1.5);
    assert_int_equal(s.class_weights, CLASS_WEIGHTS_LIST);
    assert_int_equal(s.class_weight_count, 3);
    assert_true(s.class_weight_list[1] == 2.5);
    set(&s, "class_weights", "4,5");
    assert_int_equal(s.class_weight_count, 2);
    set(&s, "class_weights", "none");
    assert_null(s.class_weight_list);
    settings_free(&s);
}

// `lr` holds for whatever optimiser, unless the optimiser names its rate after it.
static void the_last_rate_wins(void **state)
{
    (void)state;
    settings s;
    settings_default(&s);
    set(&s, "lr", "0.5");
    assert_true(s.optimizer.rate == 0.5);
    set(&s, "optimizer", "sgd");
    assert_true(s.optimizer.rate == 0.5);
    set(&s, "optimizer", "sgd lr=0.25");
    assert_true(s.optimizer.rate == 0.25);
    set(&s, "optimizer", "adam");
    assert_true(s.optimizer.rate == 0.001);
    set(&s, "lr", "0.125");
    assert_true(s.optimizer.rate == 0.125);
    settings_free(&s);
}

static void mistakes_name_the_line_and_change_nothing(void **state)
{
    (void)state;
    const struct {
        const char *name, *value, *message;
    } cases[] = {
        {"epoch", "3", "net.silma:7: unknown setting 'epoch'; did you mean 'epochs'?"},
        {"colour", "red", "net.silma:7: unknown setting 'colour'; expected: epochs, batch, seed"},
        {"epochs", "0",
         "net.silma:7: epochs must be a whole number from 1 to 1000000, not '0'; expected: epochs COUNT"},
        {"epochs", "", "epochs is missing"},
        {"epochs", "3 4", "unexpected '4'"},
        {"batch", "1e3", "batch must be a whole number"},
        {"seed", "-1", "seed must be a whole number from 0"},
        {"seed", "9223372036854775808", "seed must be a whole number from 0"},
        {"val_split", "1", "val_split must be a number from 0 to 0.99, not '1'"},
        {"val_split", "", "val_split must be a number"},
        {"lr", "fast", "lr must be a number from 0 up, not 'fast'"},
        {"optimizer", "adm", "did you mean 'adam'?; expected: optimizer sgd|adagrad|"},
        {"schedule", "cosine waermup=1", "unexpected 'waermup=1'; did you mean 'warmup'?"},
        {"loss", "mse", "unknown loss 'mse'"},
        {"early_stop", "val_los", "did you mean 'val_loss'?"},
        {"early_stop", "loss patience=x", "patience must be a whole number"},
        {"best", "", "the value to watch is missing"},
        {"clip_norm", "-1", "clip_norm must be a number from 0 up"},
        {"class_weights", "1,,2", "each class weight must be a number from 0 up, not ''"},
        {"class_weights", "1,-2", "each class weight must be a number from 0 up, not '-2'"},
        {"class_weights", "1,2 3", "unexpected '3'"},
        {"class_weights", "", "the weights are missing"},
        {"augment", "", "the augmentations are missing"},
        {"augment", "flp", "unknown augmentation 'flp'; did you mean 'flip'?"},
        {"augment", "flip,cutuot=3", "unexpected 'cutuot=3'; did you mean 'cutout'?"},
        {"augment", "crop", "crop needs a value: crop=..."},
        {"augment", "crop=101%", "crop must be a number from 0 to 100, not '101'"},
        {"augment", "crop=-1", "crop must be a number from 0 to 65536, not '-1'"},
        {"augment", "pad=grey", "pad must be zero or reflect, not 'grey'"},
        {"augment", "hue=0.6", "hue must be a number from 0 to 0.5"},
        {"augment", "flip=3", "flip"},
        {"sampler", "balancd", "did you mean 'balanced'?"},
        {"normalize", "mean", "unknown normalization 'mean'"},
        {"tta", "flp", "did you mean 'flip'?"},
    };
    settings s;
    settings_default(&s);
    set(&s, "class_weights", "1,2");
    char *before = json_text(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        silma_error error = {0};
        silma_status status = settings_apply(&s, cases[i].name, cases[i].value, "net.silma", 7, &error);
        assert_int_equal(status, SILMA_BAD_FILE);
        assert_int_equal(error.status, SILMA_BAD_FILE);
        if (!strstr(error.message, cases[i].message)) fail_msg("%s", error.message);
        assert_int_equal(strncmp(error.message, "net.silma:7: ", 13), 0);
    }
    char *after = json_text(&s);
    assert_string_equal(before, after);
    free(before);
    free(after);
    settings_free(&s);
}

static void assert_augments(const char *value, const char *expected)
{
    settings s;
    settings_default(&s);
    set(&s, "augment", "strong mixup=1"); // of which nothing may stay
    set(&s, "augment", value);
    json_t *json = settings_to_json(&s);
    assert_string_equal(json_string_value(json_object_get(json, "augment")), expected);
    json_decref(json);
    settings_free(&s);
}

static void augmentations_are_written_in_two_ways(void **state)
{
    (void)state;
    assert_augments("none", "none");
    assert_augments("flip,crop=4,cutout=8", "flip crop=4 cutout=8");
    assert_augments("cutout=8 crop=4 flip", "flip crop=4 cutout=8");
    assert_augments("light", "flip crop=6.25% pad=reflect");
    assert_augments("standard", "flip crop=12.5% pad=reflect");
    assert_augments("standard, flip=no, crop=2", "crop=2 pad=reflect");
    assert_augments("rotate=0", "none");
}

static void a_long_list_of_weights_fits(void **state)
{
    (void)state;
    enum { WEIGHTS = 1000 };
    char text[2 * WEIGHTS];
    for (size_t i = 0; i < WEIGHTS; i++) {
        text[2 * i] = (char)('1' + i % 9);
        text[2 * i + 1] = ',';
    }
    text[2 * WEIGHTS - 1] = '\0';
    settings s;
    settings_default(&s);
    set(&s, "class_weights", text);
    assert_int_equal(s.class_weight_count, WEIGHTS);
    assert_true(s.class_weight_list[999] == 1);
    char *json = json_text(&s);
    assert_non_null(strstr(json, text));
    free(json);
    settings_free(&s);
}

static void the_public_list_is_checked_at_once(void **state)
{
    (void)state;
    silma_settings *list;
    silma_error error = {0};
    assert_int_equal(silma_settings_create(&list, &error), SILMA_OK);
    assert_int_equal(silma_settings_set(list, "epochs", "7", &error), SILMA_OK);
    assert_int_equal(silma_settings_set(list, "optimizer", "sgd", &error), SILMA_OK);
    assert_int_equal(silma_settings_set(list, "epochs", "9", &error), SILMA_OK);
    assert_int_equal(silma_settings_set(list, "epochs", "many", &error), SILMA_USAGE);
    assert_int_equal(error.status, SILMA_USAGE);
    assert_int_equal(strncmp(error.message, "epochs: epochs must be", 22), 0);
    assert_int_equal(silma_settings_set(list, "epohcs", "3", &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "did you mean 'epochs'?"));
    assert_int_equal(silma_settings_set(list, NULL, "3", &error), SILMA_USAGE);
    assert_int_equal(silma_settings_set(list, "epochs", NULL, NULL), SILMA_USAGE);

    settings s;
    settings_default(&s);
    assert_int_equal(settings_apply(&s, "batch", "32", "net.silma", 3, &error), SILMA_OK);
    assert_int_equal(settings_apply(&s, "epochs", "50", "net.silma", 4, &error), SILMA_OK);
    assert_int_equal(settings_apply_list(&s, list, &error), SILMA_OK);
    assert_int_equal(settings_apply_list(&s, NULL, &error), SILMA_OK);
    assert_int_equal(s.epochs, 9);
    assert_int_equal(s.batch, 32);
    assert_int_equal(s.optimizer.kind, OPTIMIZER_SGD);
    settings_free(&s);
    silma_settings_free(list);
    silma_settings_free(NULL);
}

static void what_was_not_named_is_chosen(void **state)
{
    (void)state;
    settings s;
    settings_default(&s);
    set(&s, "val_split", "0");
    set(&s, "schedule", "plateau");
    assert_int_equal(settings_resolve(&s, ACTIVATION_SIGMOID, 1, 2, NULL), SILMA_OK);
    assert_int_equal(s.loss.kind, LOSS_BINARY_CROSSENTROPY);
    assert_int_equal(s.best, RECORDED_ACCURACY);
    assert_int_equal(s.schedule.watch, RECORDED_LOSS);
    settings_free(&s);
}

static void settings_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *name, *value, *message;
    } cases[] = {
        {"best", "val_loss", "best watches val_loss, but val_split is 0"},
        {"early_stop", "val_accuracy", "early_stop watches val_accuracy, but val_split is 0"},
        {"schedule", "plateau watch=val_loss", "schedule plateau watches val_loss, but val_split is 0"},
        {"class_weights", "1,2", "class_weights has 2 weights, but the data has 10 classes"},
        {"loss", "binary_crossentropy", NULL},
        {"early_stop", "accuracy", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        settings s;
        silma_error error = {0};
        settings_default(&s);
        set(&s, "val_split", "0");
        set(&s, cases[i].name, cases[i].value);
        silma_status status = settings_resolve(&s, ACTIVATION_SOFTMAX, 10, 10, &error);
        assert_int_equal(status, cases[i].message ? SILMA_USAGE : SILMA_OK);
        if (cases[i].message && !strstr(error.message, cases[i].message)) fail_msg("%s", error.message);
        settings_free(&s);
    }
    settings s;
    settings_default(&s);
    assert_int_equal(settings_resolve(&s, ACTIVATION_LINEAR, 10, 10, NULL), SILMA_USAGE);
    settings_free(&s);
}

static void class_weights_are_worked_out(void **state)
{
    (void)state;
    const size_t counts[3] = {10, 30, 0};
    float weights[3];
    bool used;
    settings s;
    settings_default(&s);
    settings_class_weights(&s, counts, 3, weights, &used);
    assert_true(!used && weights[0] == 1 && weights[1] == 1);
    set(&s, "class_weights", "balanced"); // 40 / (3 * count)
    settings_class_weights(&s, counts, 3, weights, &used);
    assert_true(used && weights[2] == 1);
    assert_float_equal(weights[0], 40.0f / 30, 1e-6f);
    assert_float_equal(weights[1], 40.0f / 90, 1e-6f);
    set(&s, "class_weights", "3,0.5,2");
    settings_class_weights(&s, counts, 3, weights, &used);
    assert_true(used && weights[0] == 3 && weights[1] == 0.5f && weights[2] == 2);
    settings_free(&s);
}

static void json_leads_back_to_the_same_settings(void **state)
{
    (void)state;
    const char *const pairs[][2] = {
        {"epochs", "3"},
        {"val_split", "0.15"},
        {"optimizer", "rmsprop rho=0.123456789012345678 momentum=0.1"},
        {"schedule", "plateau factor=0.3 watch=loss"},
        {"loss", "binary_crossentropy label_smoothing=0.05"},
        {"early_stop", "val_loss patience=4"},
        {"best", "val_true_positives"},
        {"clip_norm", "0.1"},
        {"class_weights", "1,0.1,3,1,1,1,1,1,1,1"},
        {"augment", "strong,vflip,crop=3.5%,pad=zero,erase=0.25,mixup=0.3,cutmix=1"},
        {"sampler", "balanced"},
        {"normalize", "meanstd"},
        {"tta", "flip"},
    };
    settings s, again;
    settings_default(&s);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        set(&s, pairs[i][0], pairs[i][1]);
    assert_int_equal(settings_resolve(&s, ACTIVATION_SIGMOID, 10, 10, NULL), SILMA_OK);
    char *text = json_text(&s);
    json_t *json = json_loads(text, 0, NULL);
    settings_default(&again);
    silma_error error = {0};
    if (settings_from_json(&again, json, "config.json", &error) != SILMA_OK) fail_msg("%s", error.message);
    char *text_again = json_text(&again);
    assert_string_equal(text, text_again);
    assert_true(again.optimizer.rho == s.optimizer.rho);
    assert_int_equal(settings_check_resume(&s, &again, &error), SILMA_OK);
    json_decref(json);
    free(text);
    free(text_again);
    settings_free(&s);
    settings_free(&again);
}

static void damaged_json_is_refused(void **state)
{
    (void)state;
    const char *const texts[] = {
        "[]",
        "3",
        "{\"epochs\": null}",
        "{\"epochs\": [1]}",
        "{\"epochs\": 1.5}",
        "{\"epochs\": 0}",
        "{\"what\": 1}",
        "{\"optimizer\": \"adam lr=\"}",
        "{\"loss\": \"\"}",
        "{\"lr\": \"\\u00e4\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        settings s;
        silma_error error = {0};
        settings_default(&s);
        json_t *json = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        assert_non_null(json);
        assert_int_equal(settings_from_json(&s, json, "config.json", &error), SILMA_BAD_FILE);
        assert_int_equal(strncmp(error.message, "config.json: ", 13), 0);
        json_decref(json);
        settings_free(&s);
    }
}

static void only_what_keeps_the_bits_may_change_on_resume(void **state)
{
    (void)state;
    const struct {
        const char *name, *value;
        bool may;
    } cases[] = {
        {"epochs", "99", true},
        {"early_stop", "loss patience=9", true},
        {"batch", "64", false},
        {"seed", "1", false},
        {"val_split", "0.1", false},
        {"lr", "0.01", false},
        {"optimizer", "sgd", false},
        {"schedule", "cosine", false},
        {"loss", "categorical_crossentropy label_smoothing=0.1", false},
        {"best", "val_loss", false},
        {"clip_norm", "1", false},
        {"class_weights", "balanced", false},
        {"augment", "flip", false},
        {"sampler", "balanced", false},
        {"normalize", "meanstd", false},
        {"tta", "flip", false},
        {"batch", "128", true}, // the same
    };
    settings stored;
    settings_default(&stored);
    resolve(&stored);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        settings wanted;
        silma_error error = {0};
        settings_default(&wanted);
        set(&wanted, cases[i].name, cases[i].value);
        resolve(&wanted);
        silma_status status = settings_check_resume(&stored, &wanted, &error);
        assert_int_equal(status, cases[i].may ? SILMA_OK : SILMA_USAGE);
        const char *named = strcmp(cases[i].name, "lr") == 0 ? "optimizer" : cases[i].name;
        if (!cases[i].may && strncmp(error.message, named, strlen(named)) != 0) fail_msg("%s", error.message);
        settings_free(&wanted);
    }
    settings_free(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_resolve),
        cmocka_unit_test(every_name_is_set),
        cmocka_unit_test(the_last_rate_wins),
        cmocka_unit_test(mistakes_name_the_line_and_change_nothing),
        cmocka_unit_test(a_long_list_of_weights_fits),
        cmocka_unit_test(the_public_list_is_checked_at_once),
        cmocka_unit_test(what_was_not_named_is_chosen),
        cmocka_unit_test(settings_that_do_not_go_together_are_refused),
        cmocka_unit_test(augmentations_are_written_in_two_ways),
        cmocka_unit_test(class_weights_are_worked_out),
        cmocka_unit_test(json_leads_back_to_the_same_settings),
        cmocka_unit_test(damaged_json_is_refused),
        cmocka_unit_test(only_what_keeps_the_bits_may_change_on_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
