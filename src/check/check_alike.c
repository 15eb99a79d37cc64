// The same picture twice. Sketches tell which images may be alike (data/image_sketch.h); their pixels decide.
#include "check/check.h"
#include "core/error.h"
#include "data/image_sketch.h"

#include <stdlib.h>
#include <string.h>

enum {
    EARLIER_MOST = 256, // members of a group that an image is compared with
    // Mean difference of the pixels, 0..255: what was saved again or resized is surely the same; beyond, pictures of
    // one thing and pictures of very similar things cannot be told apart.
    SURELY_MOST = 6,
    NEARLY_MOST = 10,
};

typedef struct alike_job {
    const silma_check *check;
    image_sketch *sketches; // (count)
    uint32_t *groups;       // (count) the first image of its group
    uint32_t *previous;     // (count) the member of the group before it; itself: none
    silma_finding *found;   // (count) kind SILMA_FINDING_KINDS: nothing
} alike_job;

static void sketch_image(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const alike_job *job = argument;
    const silma_images *images = &job->check->sets[SILMA_SPLIT_TRAIN]->images;
    job->sketches[task] =
        image_sketch_of(check_pixels(job->check, task), images->height, images->width, images->channels);
}

static double mean_difference(const uint8_t *a, const uint8_t *b, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (uint64_t)abs((int)a[i] - (int)b[i]);
    return (double)sum / (double)count;
}

// What a pair of like images is; the worse, the smaller the kind.
static silma_finding judge_pair(const silma_check *check, size_t image, size_t other, double difference)
{
    silma_finding f = {
        .image = check_image(check, image),
        .other = check_image(check, other),
        .exact = difference == 0,
        .value = difference,
    };
    bool apart = strcmp(f.image.split, f.other.split) != 0;
    bool contradicts = f.image.class_index != f.other.class_index;
    f.kind = contradicts ? SILMA_FINDING_CONTRADICTION : SILMA_FINDING_DUPLICATE;
    if (apart) f.kind = SILMA_FINDING_LEAK;
    f.is_error = (apart || contradicts) && difference <= SURELY_MOST;
    return f;
}

static bool is_worse(const silma_finding *a, const silma_finding *b)
{
    return a->kind < b->kind || (a->kind == b->kind && a->value < b->value);
}

// Each image beside the earlier ones of its group: the worst pair counts.
static void compare_image(void *argument, size_t task, unsigned thread)
{
    (void)thread;
    const alike_job *job = argument;
    silma_finding *worst = &job->found[task];
    worst->kind = SILMA_FINDING_KINDS;
    size_t bytes = check_image_bytes(job->check);
    uint32_t other = (uint32_t)task;
    for (int i = 0; i < EARLIER_MOST && job->previous[other] != other; i++) {
        other = job->previous[other];
        double difference = mean_difference(check_pixels(job->check, task), check_pixels(job->check, other), bytes);
        if (difference > NEARLY_MOST) continue;
        silma_finding pair = judge_pair(job->check, task, other, difference);
        if (is_worse(&pair, worst)) *worst = pair;
    }
}

// `last` (count) is scratch.
static void link_groups(alike_job *job, uint32_t *last)
{
    for (size_t i = 0; i < job->check->count; i++)
        last[i] = (uint32_t)i;
    for (size_t i = 0; i < job->check->count; i++) {
        job->previous[i] = job->groups[i] == i ? (uint32_t)i : last[job->groups[i]];
        last[job->groups[i]] = (uint32_t)i;
    }
}

static silma_status find_pairs(silma_check *check, alike_job *job, thread_pool *pool, uint32_t *last,
                               silma_error *error)
{
    thread_pool_run(pool, check->count, sketch_image, job);
    silma_status status = image_sketch_groups(job->sketches, check->count, job->groups, error);
    if (status != SILMA_OK) return status;
    link_groups(job, last);
    thread_pool_run(pool, check->count, compare_image, job);
    for (size_t i = 0; i < check->count && status == SILMA_OK; i++)
        if (job->found[i].kind != SILMA_FINDING_KINDS) status = check_add(check, &job->found[i], error);
    return status;
}

silma_status check_alike(silma_check *check, thread_pool *pool, silma_error *error)
{
    size_t count = check->count;
    alike_job job = {
        .check = check,
        .sketches = calloc(count, sizeof *job.sketches),
        .groups = calloc(count, sizeof *job.groups),
        .previous = calloc(count, sizeof *job.previous),
        .found = calloc(count, sizeof *job.found),
    };
    uint32_t *last = calloc(count, sizeof *last);
    bool made = job.sketches && job.groups && job.previous && job.found && last;
    silma_status status =
        made ? find_pairs(check, &job, pool, last, error) : silma_fail_memory(error, count * sizeof *job.sketches);
    free(job.sketches);
    free(job.groups);
    free(job.previous);
    free(job.found);
    free(last);
    return status;
}
