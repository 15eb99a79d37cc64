// The history's files, and early stopping, which watches what the history records.
#include "train/history.h"

#include "scratch.h"
#include "train/early_stop.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 16 };

static scratch space;

static int make_folder(void **state)
{
    space = scratch_make();
    *state = space.folder;
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(&space);
    return 0;
}

static void read_text(const char *name, char text[TEXT_MAX])
{
    size_t count;
    char *bytes = (char *)scratch_read(&space, name, &count);
    assert_in_range(count, 0, TEXT_MAX - 1);
    memcpy(text, bytes, count + 1);
    free(bytes);
}

static silma_epoch record(unsigned epoch)
{
    return (silma_epoch){
        .epoch = epoch,
        .loss = 1.0 / (1 + epoch),
        .accuracy = 0.123456789012,
        .true_positives = 0.1,
        .val_loss = 0.25,
        .val_accuracy = 0.5,
        .val_true_positives = 0,
        .learning_rate = 0.001,
        .images_per_second = 12345.678,
        .seconds = 1.5,
        .data_wait = 1e-12,
        .best = epoch % 2 == 1,
    };
}

static void fill(history *h, unsigned epochs)
{
    for (unsigned i = 1; i <= epochs; i++) {
        silma_epoch r = record(i);
        assert_int_equal(history_append(h, &r, NULL), SILMA_OK);
    }
}

static void files_are_written(void **state)
{
    history h = {0};
    char text[TEXT_MAX];
    fill(&h, 1);
    silma_epoch second = record(2);
    second.val_loss = second.val_accuracy = second.val_true_positives = (double)NAN;
    assert_int_equal(history_append(&h, &second, NULL), SILMA_OK);
    assert_int_equal(history_write(&h, *state, NULL), SILMA_OK);
    read_text("history.csv", text);
    assert_string_equal(text, "epoch,loss,accuracy,true_positives,val_loss,val_accuracy,val_true_positives,"
                              "learning_rate,images_per_second,seconds,data_wait,best\n"
                              "1,0.5,0.123456789,0.1,0.25,0.5,0,0.001,12345.678,1.5,1e-12,1\n"
                              "2,0.333333333,0.123456789,0.1,,,,0.001,12345.678,1.5,1e-12,0\n");
    read_text("history.jsonl", text);
    assert_string_equal(text, "{\"epoch\": 1, \"loss\": 0.5, \"accuracy\": 0.123456789, \"true_positives\": 0.1, "
                              "\"val_loss\": 0.25, \"val_accuracy\": 0.5, \"val_true_positives\": 0, "
                              "\"learning_rate\": 0.001, \"images_per_second\": 12345.678, \"seconds\": 1.5, "
                              "\"data_wait\": 1e-12, \"best\": true}\n"
                              "{\"epoch\": 2, \"loss\": 0.333333333, \"accuracy\": 0.123456789, "
                              "\"true_positives\": 0.1, \"val_loss\": null, \"val_accuracy\": null, "
                              "\"val_true_positives\": null, \"learning_rate\": 0.001, "
                              "\"images_per_second\": 12345.678, \"seconds\": 1.5, \"data_wait\": 1e-12, "
                              "\"best\": false}\n");
    history_free(&h);
    assert_int_equal(h.count, 0);
}

// A resumed run reads what the checkpoint knows, appends, and writes the same files as a run that never stopped.
static void a_resumed_run_writes_the_same_files(void **state)
{
    history h = {0}, resumed = {0};
    char whole[TEXT_MAX], again[TEXT_MAX];
    fill(&h, 40);
    assert_int_equal(history_write(&h, *state, NULL), SILMA_OK);
    read_text("history.csv", whole);
    assert_int_equal(history_read(&resumed, *state, 25, NULL), SILMA_OK);
    assert_int_equal(resumed.count, 25);
    assert_true(resumed.epochs[24].best && resumed.epochs[24].epoch == 25);
    assert_true(fabs(resumed.epochs[24].loss - 1.0 / 26) < 1e-9);
    for (unsigned i = 26; i <= 40; i++) {
        silma_epoch r = record(i);
        assert_int_equal(history_append(&resumed, &r, NULL), SILMA_OK);
    }
    assert_int_equal(history_write(&resumed, *state, NULL), SILMA_OK);
    read_text("history.csv", again);
    assert_string_equal(whole, again);
    history_free(&h);
    history_free(&resumed);
}

static void absent_values_come_back_as_nan(void **state)
{
    history h = {0}, again = {0};
    silma_epoch r = record(1);
    r.val_loss = (double)NAN;
    assert_int_equal(history_append(&h, &r, NULL), SILMA_OK);
    assert_int_equal(history_write(&h, *state, NULL), SILMA_OK);
    assert_int_equal(history_read(&again, *state, 1, NULL), SILMA_OK);
    assert_true(isnan(again.epochs[0].val_loss));
    history_free(&h);
    history_free(&again);
}

static void missing_epochs_and_files_are_refused(void **state)
{
    history h = {0}, again = {0};
    silma_error error = {0};
    assert_int_equal(history_read(&again, *state, 0, &error), SILMA_OK);
    assert_int_equal(history_read(&again, *state, 1, &error), SILMA_IO);
    fill(&h, 3);
    assert_int_equal(history_write(&h, *state, NULL), SILMA_OK);
    assert_int_equal(history_read(&again, *state, 4, &error), SILMA_BAD_FILE);
    assert_non_null(strstr(error.message, "holds 3 epochs, but the checkpoint was saved after 4"));
    assert_int_equal(again.count, 0);
    assert_int_equal(history_write(&h, "/nonexistent/folder", &error), SILMA_IO);
    history_free(&h);
}

// Cut anywhere or with any byte changed, the file is read or refused, never more.
static void damaged_files_are_refused(void **state)
{
    history h = {0};
    char text[TEXT_MAX];
    fill(&h, 2);
    assert_int_equal(history_write(&h, *state, NULL), SILMA_OK);
    read_text("history.jsonl", text);
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        history again = {0};
        silma_error error = {0};
        scratch_write(&space, "history.jsonl", text, i);
        assert_int_equal(history_read(&again, *state, 2, &error), SILMA_BAD_FILE);
        assert_non_null(strstr(error.message, "history.jsonl"));
        assert_int_equal(again.count, 0);
    }
    const char bytes[] = {'\0', '\n', '"', '{', '9', '-', '\x80'};
    for (size_t i = 0; i < length; i++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            history again = {0};
            char kept = text[i];
            text[i] = bytes[b];
            scratch_write(&space, "history.jsonl", text, length);
            text[i] = kept;
            silma_status status = history_read(&again, *state, 2, NULL);
            assert_true(status == SILMA_BAD_FILE || (status == SILMA_OK && again.count == 2));
            history_free(&again);
        }
    }
    history_free(&h);
}

// ---------------------------------------------------------------------------------------------------------------------
// Early stopping

static silma_status parse(early_stop *e, const char *text, silma_error *error)
{
    char copy[256];
    words line;
    assert_true(strlen(text) < sizeof copy);
    memcpy(copy, text, strlen(text) + 1);
    assert_int_equal(words_split(&line, copy, "test", 0, error), SILMA_OK);
    silma_status status = early_stop_parse(e, &line, error);
    return status == SILMA_OK ? words_finish(&line, error) : status;
}

// The epoch, from 1, after which training stops; 0 for never. The values are losses and accuracies alike.
static unsigned stops_after(const char *text, const double *values, size_t count)
{
    early_stop e;
    silma_error error = {0};
    if (parse(&e, text, &error) != SILMA_OK) fail_msg("%s", error.message);
    early_stop_state s = early_stop_start();
    for (size_t i = 0; i < count; i++) {
        silma_epoch r = {.loss = values[i], .accuracy = values[i]};
        if (early_stop_update(&s, &e, &r)) return (unsigned)i + 1;
    }
    return 0;
}

static void early_stopping_waits(void **state)
{
    (void)state;
    const double falling[] = {5, 4, 3, 2, 1};
    const double valley[] = {5, 3, 4, 4, 2, 3, 3, 3, 3};
    const double undefined[] = {(double)NAN, (double)NAN, 5, 4, (double)NAN, (double)NAN, (double)NAN};
    const double slow[] = {1, 0.95, 0.9, 0.85, 0.8};
    assert_int_equal(stops_after("off", valley, 9), 0);
    assert_int_equal(stops_after("loss patience=3", falling, 5), 0);
    assert_int_equal(stops_after("accuracy patience=3", falling, 5), 4);
    assert_int_equal(stops_after("loss", valley, 9), 8); // patience 3; the wait starts anew at 2
    assert_int_equal(stops_after("loss patience=2", valley, 9), 4);
    assert_int_equal(stops_after("loss patience=3", undefined, 7), 7);
    assert_int_equal(stops_after("loss patience=2", undefined, 7), 2);
    assert_int_equal(stops_after("loss patience=2 min_delta=0.2", slow, 5), 3);
    assert_int_equal(stops_after("loss patience=2 min_delta=0.04", slow, 5), 0);
}

static void early_stopping_is_read_and_written(void **state)
{
    (void)state;
    early_stop e;
    silma_error error = {0};
    char text[EARLY_STOP_TEXT_MAX];
    assert_int_equal(parse(&e, "val_true_positives patience=12 min_delta=1e-3", &error), SILMA_OK);
    early_stop_describe(&e, text);
    assert_string_equal(text, "val_true_positives patience=12 min_delta=0.001");
    assert_int_equal(parse(&e, "off", &error), SILMA_OK);
    early_stop_describe(&e, text);
    assert_string_equal(text, "off");
    assert_int_equal(parse(&e, "valloss", &error), SILMA_BAD_FILE);
    assert_non_null(strstr(error.message, "unknown value to watch 'valloss'; did you mean 'val_loss'?"));
    assert_int_equal(parse(&e, "", &error), SILMA_BAD_FILE);
    assert_int_equal(parse(&e, "off loss", &error), SILMA_BAD_FILE);
    assert_int_equal(parse(&e, "loss min_delta=-1", &error), SILMA_BAD_FILE);
}

static void every_recorded_value_can_be_watched(void **state)
{
    (void)state;
    const silma_epoch r = {
        .loss = 1, .accuracy = 2, .true_positives = 3, .val_loss = 4, .val_accuracy = 5, .val_true_positives = 6};
    for (int i = 0; i < RECORDED_COUNT; i++) {
        bool falling = strstr(recorded_names[i], "loss") != NULL;
        assert_true(recorded_value(&r, (recorded)i) == i + 1);
        assert_true(recorded_is_validation((recorded)i) == (strncmp(recorded_names[i], "val_", 4) == 0));
        assert_true(recorded_improves((recorded)i, 1, 2, 0) == falling);
        assert_true(recorded_improves((recorded)i, 2, 1, 0) == !falling);
        assert_false(recorded_improves((recorded)i, 1, 1, 0));
        assert_false(recorded_improves((recorded)i, (double)NAN, (double)NAN, 0));
        assert_true(recorded_improves((recorded)i, 1, (double)NAN, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_written, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_resumed_run_writes_the_same_files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(absent_values_come_back_as_nan, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(missing_epochs_and_files_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damaged_files_are_refused, make_folder, remove_folder),
        cmocka_unit_test(early_stopping_waits),
        cmocka_unit_test(early_stopping_is_read_and_written),
        cmocka_unit_test(every_recorded_value_can_be_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
