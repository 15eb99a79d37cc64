// What a report says of a run: scores worked out by hand, sentences, the network's layout.
#include "report/conclusions.h"
#include "report/drawing.h"
#include "report/scores.h"
#include "report/words.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void close_to(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-6)) fail_msg("%.12g instead of %.12g", value, expected);
}

// ---------------------------------------------------------------------------------------------------------------------
// Scores of eight images of three classes. Predicted: 0 0 1 1 | 1 0 | 2 2 (a tie between 0 and 2 is 0: image 5)

enum { IMAGES = 8, CLASSES = 3 };
static const uint32_t INDICES[IMAGES] = {10, 11, 12, 13, 14, 15, 16, 17};
static const uint32_t LABELS[IMAGES] = {0, 0, 0, 0, 1, 2, 2, 2};
static const float PROBABILITIES[IMAGES][CLASSES] = {
    {0.95f, 0.05f, 0.0f}, {0.85f, 0.1f, 0.05f}, {0.25f, 0.75f, 0.0f}, {0.02f, 0.98f, 0.0f},
    {0.3f, 0.4f, 0.3f},   {0.5f, 0.0f, 0.5f},   {0.0f, 0.08f, 0.92f}, {0.1f, 0.2f, 0.7f},
};

static scores computed(void)
{
    scores s;
    silma_error error;
    assert_int_equal(scores_compute(&s, IMAGES, CLASSES, INDICES, LABELS, PROBABILITIES[0], &error), SILMA_OK);
    return s;
}

static void predictions_are_counted(void **state)
{
    (void)state;
    static const size_t expected[CLASSES * CLASSES] = {2, 2, 0, 0, 1, 0, 1, 0, 2};
    scores s = computed();
    assert_memory_equal(s.confusion, expected, sizeof expected);
    assert_int_equal(s.hits, 5);
    close_to(s.accuracy.value, 0.625);
    close_to(s.mean_confidence, (0.95 + 0.85 + 0.75 + 0.98 + 0.4 + 0.5 + 0.92 + 0.7) / 8);
    scores_free(&s);
}

static void classes_have_intervals(void **state)
{
    (void)state;
    scores s = computed();
    const class_scores *first = &s.classes[0];
    assert_int_equal(first->support, 4);
    assert_int_equal(first->predicted, 3);
    close_to(first->precision.value, 2.0 / 3);
    close_to(first->recall.value, 0.5);
    close_to(first->f1.value, 4.0 / 7);
    // Wilson for 2 of 4, by hand: z^2 = 3.841459
    double z2 = 3.841458820694124, centre = (0.5 + z2 / 8) / (1 + z2 / 4);
    double reach = sqrt(z2) * sqrt(0.25 / 4 + z2 / 64) / (1 + z2 / 4);
    close_to(first->recall.low, centre - reach);
    close_to(first->recall.high, centre + reach);
    // J = 2 of 5, and F1 = 2J / (1 + J)
    interval j = share_interval(2, 5);
    close_to(first->f1.low, 2 * j.low / (1 + j.low));
    close_to(first->f1.high, 2 * j.high / (1 + j.high));
    assert_true(first->f1.low < first->f1.value && first->f1.value < first->f1.high);
    scores_free(&s);
}

static void mistakes_are_ranked(void **state)
{
    (void)state;
    scores s = computed();
    assert_int_equal(s.mistake_count, 3);
    assert_int_equal(s.mistakes[0], 3); // 0.98
    assert_int_equal(s.mistakes[1], 2); // 0.75
    assert_int_equal(s.mistakes[2], 5); // 0.5
    assert_int_equal(s.pair_count, 2);
    assert_int_equal(s.pairs[0].truth, 0);
    assert_int_equal(s.pairs[0].taken_for, 1);
    assert_int_equal(s.pairs[0].count, 2);
    close_to(s.pairs[0].share, 0.5);
    assert_int_equal(s.pairs[1].truth, 2);
    scores_free(&s);
}

static void calibration_is_measured(void **state)
{
    (void)state;
    scores s = computed();
    // Bins: 0.4 in 4 | 0.5 in 5 | 0.7 and 0.75 in 7 (0.7f is below 0.7: 6 or 7) | 0.85 in 8 | 0.92, 0.95, 0.98 in 9
    assert_int_equal(s.bins[9].count, 3);
    assert_int_equal(s.bins[9].hits, 2);
    close_to(s.bins[9].confidence, (0.92 + 0.95 + 0.98) / 3);
    assert_int_equal(s.bins[0].count, 0);
    assert_true(isnan(s.bins[0].confidence));
    double error = 0;
    for (int b = 0; b < RELIABILITY_BINS; b++)
        if (s.bins[b].count)
            error += (double)s.bins[b].count / 8 * fabs(s.bins[b].accuracy.value - s.bins[b].confidence);
    close_to(s.calibration_error, error);
    assert_true(error > 0.1);
    for (int t = 0; t < SELECTIVE_COUNT; t++) {
        if (s.selective[t].threshold != 0.9) continue;
        assert_int_equal(s.selective[t].count, 3);
        assert_int_equal(s.selective[t].hits, 2);
    }
    scores_free(&s);
}

static void wrong_labels_are_refused(void **state)
{
    (void)state;
    scores s;
    silma_error error;
    uint32_t label = 3;
    assert_int_equal(scores_compute(&s, 1, CLASSES, INDICES, &label, PROBABILITIES[0], &error), SILMA_USAGE);
    assert_int_equal(scores_compute(&s, 0, CLASSES, INDICES, &label, PROBABILITIES[0], &error), SILMA_USAGE);
}

// ---------------------------------------------------------------------------------------------------------------------
// Sentences

static unsigned overfits(const double *loss, const double *val_loss, size_t count)
{
    silma_epoch epochs[16] = {0};
    for (size_t i = 0; i < count; i++)
        epochs[i] = (silma_epoch){.epoch = (unsigned)i + 1, .loss = loss[i], .val_loss = val_loss[i]};
    history h = {.count = count, .epochs = epochs};
    return overfit_since(&h);
}

static void overfitting_is_seen(void **state)
{
    (void)state;
    static const double falls[] = {1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1}, stays[] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const double rises[] = {1, 0.9, 0.7, 0.75, 0.8, 0.8, 0.9, 1},
                        shakes[] = {1, 0.9, 0.7, 0.9, 0.9, 0.9, 0.71, 0.9};
    static const double none[] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    assert_int_equal(overfits(falls, rises, 8), 3);
    assert_int_equal(overfits(falls, falls, 8), 0);
    assert_int_equal(overfits(falls, shakes, 8), 0); // the last three epochs reach the least value again
    assert_int_equal(overfits(stays, rises, 8), 0);  // nothing was learnt after it
    assert_int_equal(overfits(falls, rises, 4), 0);  // too early to say
    assert_int_equal(overfits(falls, none, 8), 0);
}

static void numbers_are_written_for_people(void **state)
{
    (void)state;
    assert_string_equal(count_text(60965224).text, "60,965,224");
    assert_string_equal(count_text(999).text, "999");
    assert_string_equal(fixed_text(-1.25, 1).text, "−1.3");
    assert_string_equal(fixed_text(0.05, 2).text, "0.05");
    assert_string_equal(fixed_text(NAN, 2).text, "–");
    assert_string_equal(share_text(0.9132).text, "91.3\u00a0%");
    assert_string_equal(share_text(NAN).text, "–");
    assert_string_equal(value_text(0.31391).text, "0.3139");
    assert_string_equal(value_text(1e-4).text, "1.00e-4");
    assert_string_equal(duration_text(723).text, "12 min 03 s");
    assert_string_equal(duration_text(1095.95).text, "18 min 16 s");
    assert_string_equal(duration_text(3599.6).text, "1 h 00 min");
    assert_string_equal(duration_text(9.96).text, "10 s");
}

// ---------------------------------------------------------------------------------------------------------------------
// The drawing

static drawing layout_of(const char *text)
{
    silma_network *network;
    silma_error error;
    drawing d;
    assert_int_equal(silma_network_parse(&network, text, "test", NULL, &error), SILMA_OK);
    assert_int_equal(drawing_layout(&d, network, &error), SILMA_OK);
    silma_network_free(network);
    return d;
}

static bool is_at(const drawing *d, size_t number, size_t row, size_t column)
{
    return d->places[number].row == row && d->places[number].column == column;
}

static void a_chain_is_one_column(void **state)
{
    (void)state;
    drawing d = layout_of("input 8x8x3\nconv 4 3x3 relu\nbatchnorm\nflatten\ndense 10 softmax\n");
    assert_int_equal(d.columns, 1);
    for (size_t i = 0; i < d.layer_count; i++)
        assert_true(is_at(&d, i, i, 0));
    assert_false(d.attached[1]);
    assert_true(d.attached[2] && d.attached[3]); // batchnorm and flatten touch what they follow
    drawing_free(&d);
}

static void a_short_way_passes_beside(void **state)
{
    (void)state;
    drawing d = layout_of("input 8x8x4 name=stem\nconv 4 3x3 same\nadd stem\nadd conv1\nflatten\ndense 10\n");
    assert_int_equal(d.columns, 1);
    size_t passing = 0;
    for (size_t i = 0; i < d.edge_count; i++)
        passing += d.edges[i].passes;
    assert_int_equal(passing, 2);
    assert_int_equal(d.track_count, 2); // both pass the first add's row
    drawing_free(&d);
}

static void branches_stand_beside_each_other(void **state)
{
    (void)state;
    drawing d = layout_of("input 8x8x4 name=stem\nconv 4 3x3 same name=long\nconv 4 3x3 same name=longer\n"
                          "conv 4 1x1 from=stem name=short\nadd longer short\nflatten\ndense 10\n");
    assert_true(is_at(&d, 1, 1, 0) && is_at(&d, 2, 2, 0) && is_at(&d, 3, 1, 1) && is_at(&d, 4, 3, 0));
    assert_int_equal(d.columns, 2);
    drawing_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_are_counted),
        cmocka_unit_test(classes_have_intervals),
        cmocka_unit_test(mistakes_are_ranked),
        cmocka_unit_test(calibration_is_measured),
        cmocka_unit_test(wrong_labels_are_refused),
        cmocka_unit_test(overfitting_is_seen),
        cmocka_unit_test(numbers_are_written_for_people),
        cmocka_unit_test(a_chain_is_one_column),
        cmocka_unit_test(a_short_way_passes_beside),
        cmocka_unit_test(branches_stand_beside_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
