#define _GNU_SOURCE
#include "train/run.h"

#include "core/error.h"
#include "core/random.h"
#include "train/sampler.h"

#include <math.h>
#include <string.h>
#include <time.h>

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// ---------------------------------------------------------------------------------------------------------------------
// One step

typedef struct step_call {
    silma_run *run;
    plan *p;
    size_t n;
    double loss_sum;
} step_call;

static void load_images(silma_run *run, plan *p, size_t n, const uint32_t *indices)
{
    double begin = seconds_now();
    shape in = graph_input(run->model->g);
    const uint8_t *pixels = run->images->pixels;
    const uint32_t *gathered = indices;
    if (run->augmented && p == run->train_plan) {
        pixels = augmented_make(run->augmented, run->pool, run->settings.seed, run->at.epoch,
                                run->at.step * run->settings.batch, n, indices, pixels);
        gathered = run->augmented->identity;
    }
    run->k->gather_images(run->pool, n, gathered, pixels, shape_count(in), (size_t)in.c, run->model->scale,
                          run->model->shift, plan_input(p));
    for (size_t i = 0; i < n; i++)
        run->labels[i] = run->images->labels[indices[i]];
    if (pixels != run->images->pixels && augment_mixes(&run->settings.augment))
        augmented_targets(run->augmented, n, run->labels, run->class_weights);
    run->wait_seconds += seconds_now() - begin;
}

// The batch after the first `done` of `count` images is the next that will be loaded.
static void ask_ahead(silma_run *run, const uint32_t *indices, size_t done, size_t count)
{
    size_t left = done < count ? count - done : 0;
    prefetcher_ask(run->prefetcher, indices + done, left < run->settings.batch ? left : run->settings.batch);
}

static void compute_loss(void *argument)
{
    step_call *call = argument;
    silma_run *run = call->run;
    bool training = call->p == run->train_plan;
    loss_batch batch = {
        .head = run->model->g->head,
        .n = call->n,
        .outputs = (size_t)graph_output(run->model->g).c,
        .logits = plan_output(call->p),
        .probabilities = run->probabilities,
        .dlogits = training ? plan_output_gradient(call->p) : NULL,
    };
    const loss_function *loss = &run->settings.loss;
    if (training && augment_mixes(&run->settings.augment))
        call->loss_sum = loss_compute_targets(loss, &batch, run->augmented->targets, run->augmented->image_weights);
    else
        call->loss_sum = loss_compute(loss, &batch, run->labels, training ? run->class_weights : NULL);
}

// Parameters that are no longer finite would be saved as if they were good: the run ends with what the last epoch left.
static silma_status fail_diverged(silma_run *run, const plan_step *step, step_call *call, silma_error *error)
{
    const char *where;
    load_images(run, call->p, call->n, run->order + run->at.step * run->settings.batch); // their place was used again
    size_t index = plan_find_non_finite(run->train_plan, step, compute_loss, call, &where);
    if (index == SIZE_MAX)
        return silma_fail(
            error, SILMA_DIVERGED,
            "training diverged in epoch %u, step %zu: the loss or the gradient's norm is no finite number; "
            "try a lower learning rate or clip_norm",
            run->at.epoch + 1, run->at.step + 1);
    return silma_fail(
        error, SILMA_DIVERGED,
        "training diverged in epoch %u, step %zu: the %s of layer %s is the first that is not finite; try a "
        "lower learning rate or clip_norm",
        run->at.epoch + 1, run->at.step + 1, where, run->model->g->layers[index].name);
}

static void update_weights(silma_run *run, double norm)
{
    const settings *s = &run->settings;
    run->at.rate = schedule_rate(&s->schedule, s->optimizer.rate, run->at.total_steps, run_steps_per_epoch(run),
                                 s->epochs, &run->at.plateau);
    optimizer_update(&s->optimizer, run->k, run->pool, run->model->g->weight_count, run->model->weights, run->gradients,
                     run->slots[0], run->slots[1], gradient_clip_scale(norm, s->clip_norm), run->at.rate,
                     run->at.total_steps + 1);
}

silma_status run_step(silma_run *run, silma_error *error)
{
    size_t first = run->at.step * run->settings.batch;
    size_t left = run->parts.train_count - first;
    step_call call = {.run = run, .p = run->train_plan, .n = left < run->settings.batch ? left : run->settings.batch};
    plan_step step = {
        .n = call.n,
        .training = true,
        .seed = run->settings.seed,
        .step = (uint32_t)run->at.total_steps,
        .weights = run->model->weights,
        .gradients = run->gradients,
        .statistics = run->model->statistics,
    };
    load_images(run, call.p, call.n, run->order + first);
    if (left > call.n)
        ask_ahead(run, run->order, first + call.n, run->parts.train_count);
    else
        ask_ahead(run, run->parts.validation, 0, run->parts.validation_count);
    plan_forward(call.p, &step);
    compute_loss(&call);
    plan_backward(call.p, &step);
    double norm = sqrt(run->k->sum_of_squares(run->pool, run->model->g->weight_count, run->gradients));
    if (!isfinite(call.loss_sum) || !isfinite(norm)) return fail_diverged(run, &step, &call, error);
    update_weights(run, norm);
    metrics_add(&run->at.sums, call.loss_sum, call.n, (size_t)graph_output(run->model->g).c, run->probabilities,
                run->labels);
    run->at.step++;
    run->at.total_steps++;
    run->timed_images += call.n;
    return SILMA_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Validation: one look at each image, as training takes it, whatever the model does later (tta)

static metrics validate(silma_run *run)
{
    metrics sums = {0};
    const silma_partition *parts = &run->parts;
    for (size_t first = 0; first < parts->validation_count; first += run->settings.batch) {
        size_t left = parts->validation_count - first;
        step_call call = {
            .run = run, .p = run->eval_plan, .n = left < run->settings.batch ? left : run->settings.batch};
        plan_step step = {.n = call.n, .weights = run->model->weights, .statistics = run->model->statistics};
        load_images(run, call.p, call.n, parts->validation + first);
        ask_ahead(run, parts->validation, first + call.n, parts->validation_count);
        plan_forward(call.p, &step);
        compute_loss(&call);
        metrics_add(&sums, call.loss_sum, call.n, (size_t)graph_output(run->model->g).c, run->probabilities,
                    run->labels);
    }
    return sums;
}

// ---------------------------------------------------------------------------------------------------------------------
// What may become a checkpoint

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

// The first parameter that is not finite, and its layer's name; null where all are.
static const char *find_broken(const silma_run *run, const char **owner)
{
    const graph *g = run->model->g;
    for (size_t i = 0; i < g->layer_count; i++) {
        const layer *l = &g->layers[i];
        for (int p = 0; p < l->parameter_count; p++) {
            const parameter *param = &l->parameters[p];
            const float *values = param->trainable ? run->model->weights : run->model->statistics;
            *owner = l->name;
            if (!all_finite(values + param->offset, param->count)) return param->name;
        }
    }
    return NULL;
}

// The last update before a checkpoint is seen by no further step: what it has broken must not be saved. `validation` is
// null within an epoch.
static silma_status check_finite(const silma_run *run, const metrics *validation, silma_error *error)
{
    const char *owner, *what = find_broken(run, &owner);
    if (!what && validation && run->parts.validation_count > 0 && !isfinite(metrics_loss(validation))) {
        owner = "the validation images";
        what = "loss";
    }
    if (!what) return SILMA_OK;
    return silma_fail(
        error, SILMA_DIVERGED,
        "training diverged in epoch %u: after step %zu the %s of %s is no finite number; try a lower learning rate or "
        "clip_norm",
        run->at.epoch + 1, run->at.step, what, owner);
}

// ---------------------------------------------------------------------------------------------------------------------
// Epochs

void run_begin_epoch(silma_run *run)
{
    memcpy(run->order, run->parts.train, run->parts.train_count * sizeof *run->order);
    random_shuffle(run->settings.seed, RANDOM_SHUFFLE, run->at.epoch, run->order, run->parts.train_count);
    if (run->by_class) {
        sampler_balance(run->order, run->parts.train_count, run->images->labels, (size_t)run->images->class_count,
                        run->at.epoch, run->by_class, run->class_starts);
        random_shuffle(run->settings.seed, RANDOM_BALANCE, run->at.epoch, run->order, run->parts.train_count);
    }
    run->epoch_seconds = 0;
    run->wait_seconds = 0;
    run->timed_images = 0;
}

static silma_epoch record_epoch(const silma_run *run, const metrics *validation, double seconds)
{
    const metrics *train = &run->at.sums;
    double training_seconds = run->epoch_seconds > 0 ? run->epoch_seconds : seconds;
    return (silma_epoch){
        .epoch = run->at.epoch + 1,
        .loss = metrics_loss(train),
        .accuracy = metrics_accuracy(train),
        .true_positives = metrics_true_positives(train),
        .val_loss = metrics_loss(validation),
        .val_accuracy = metrics_accuracy(validation),
        .val_true_positives = metrics_true_positives(validation),
        .learning_rate = run->at.rate,
        .images_per_second = training_seconds > 0 ? (double)run->timed_images / training_seconds : 0,
        .seconds = seconds,
        .data_wait = seconds > 0 ? run->wait_seconds / seconds : 0,
    };
}

// History, then best, then last: whatever is killed in between is done again from `last`, to the same bits.
static silma_status save_epoch(silma_run *run, const silma_epoch *epoch, silma_error *error)
{
    silma_status status = history_append(&run->history, epoch, error);
    if (status == SILMA_OK) status = history_write(&run->history, run->folder, error);
    if (status == SILMA_OK && epoch->best) status = checkpoint_write_best(run, error);
    if (status == SILMA_OK) status = checkpoint_write_last(run, error);
    return status;
}

static silma_status finish_epoch(silma_run *run, silma_epoch *epoch, silma_error *error)
{
    double begin = seconds_now();
    metrics validation = validate(run);
    silma_status status = check_finite(run, &validation, error);
    if (status != SILMA_OK) return status;
    *epoch = record_epoch(run, &validation, run->epoch_seconds + seconds_now() - begin);
    double value = recorded_value(epoch, run->settings.best);
    epoch->best = recorded_improves(run->settings.best, value, run->at.best_value, 0);
    run->at.epoch++;
    run->at.step = 0;
    run->at.sums = (metrics){0};
    if (epoch->best) {
        run->at.best_value = value;
        run->at.best_epoch = run->at.epoch;
    }
    plateau_update(&run->at.plateau, &run->settings.schedule, epoch);
    run->at.stopped_early = early_stop_update(&run->at.stop, &run->settings.early_stop, epoch);
    return save_epoch(run, epoch, error);
}

// ---------------------------------------------------------------------------------------------------------------------
// The loop

typedef struct watcher {
    silma_progress_fn *function;
    void *user;
} watcher;

static bool report(const silma_run *run, const watcher *w, const silma_epoch *finished)
{
    if (!w->function) return true;
    size_t steps = run_steps_per_epoch(run);
    double rate = run->epoch_seconds > 0 ? (double)run->timed_images / run->epoch_seconds : 0;
    size_t done = run->at.step * run->settings.batch;
    size_t left = done < run->parts.train_count ? run->parts.train_count - done : 0;
    silma_progress progress = {
        .epoch = finished ? finished->epoch : run->at.epoch + 1,
        .epochs = run->settings.epochs,
        .step = finished ? steps : run->at.step,
        .steps = steps,
        .loss = finished ? finished->loss : metrics_loss(&run->at.sums),
        .accuracy = finished ? finished->accuracy : metrics_accuracy(&run->at.sums),
        .images_per_second = rate,
        .seconds_left = finished || rate <= 0 ? 0 : (double)left / rate,
        .data_wait = run->epoch_seconds > 0 ? run->wait_seconds / run->epoch_seconds : 0,
        .finished = finished,
    };
    return w->function(&progress, w->user);
}

static silma_status stop_here(const silma_run *run, silma_error *error)
{
    // Between epochs everything has been saved already.
    silma_status status = run->at.step > 0 ? check_finite(run, NULL, error) : SILMA_OK;
    if (status == SILMA_OK && run->at.step > 0) status = checkpoint_write_last(run, error);
    if (status != SILMA_OK) return status;
    return silma_fail(error, SILMA_INTERRUPTED, "stopped in epoch %u after step %zu; everything is saved in %s",
                      run->at.epoch + 1, run->at.step, run->folder);
}

static silma_status train_epoch(silma_run *run, const watcher *w, silma_error *error)
{
    size_t steps = run_steps_per_epoch(run);
    run_begin_epoch(run);
    while (run->at.step < steps) {
        double begin = seconds_now();
        silma_status status = run_step(run, error);
        run->epoch_seconds += seconds_now() - begin;
        if (status != SILMA_OK) return status;
        if (!report(run, w, NULL)) return stop_here(run, error);
    }
    silma_epoch epoch;
    silma_status status = finish_epoch(run, &epoch, error);
    if (status != SILMA_OK) return status;
    return report(run, w, &epoch) ? SILMA_OK : stop_here(run, error);
}

silma_status silma_run_train(silma_run *run, silma_progress_fn *progress, void *user, silma_error *error)
{
    watcher w = {.function = progress, .user = user};
    silma_status status = SILMA_OK;
    while (status == SILMA_OK && run->at.epoch < run->settings.epochs && !run->at.stopped_early)
        status = train_epoch(run, &w, error);
    return status;
}
