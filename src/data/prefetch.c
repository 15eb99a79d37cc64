#define _GNU_SOURCE
#include "data/prefetch.h"

#include "core/error.h"
#include "data/dataset.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct prefetcher {
    const uint8_t *pixels;
    size_t image_bytes, page_bytes;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    bool stopping;
    size_t most;
    uint32_t *wanted; // (most) under the lock
    size_t wanted_count;
    uint32_t *working; // (most) the thread's own
};

// The pages that an image lies on.
static uint8_t *first_page(const prefetcher *p, uint32_t index, size_t *bytes)
{
    uintptr_t begin = (uintptr_t)(p->pixels + (size_t)index * p->image_bytes);
    uintptr_t end = begin + p->image_bytes;
    uintptr_t page = begin / p->page_bytes * p->page_bytes;
    *bytes = end - page;
    return (uint8_t *)page;
}

// First all are asked for, so that the disk may sort them; then each is touched, so that they are there.
static void bring(const prefetcher *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        uint8_t *page = first_page(p, p->working[i], &bytes);
        (void)madvise(page, bytes, MADV_WILLNEED); // a hint: without it the touching below waits longer
    }
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const volatile uint8_t *page = first_page(p, p->working[i], &bytes);
        for (size_t byte = 0; byte < bytes; byte += p->page_bytes)
            (void)page[byte];
    }
}

static void *prefetcher_main(void *argument)
{
    prefetcher *p = argument;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        size_t count = p->wanted_count;
        if (count == 0) {
            pthread_cond_wait(&p->asked, &p->lock);
            continue;
        }
        memcpy(p->working, p->wanted, count * sizeof *p->working);
        p->wanted_count = 0;
        pthread_mutex_unlock(&p->lock);
        bring(p, count);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void free_memory(prefetcher *p)
{
    pthread_cond_destroy(&p->asked);
    pthread_mutex_destroy(&p->lock);
    free(p->wanted);
    free(p->working);
    free(p);
}

silma_status prefetcher_create(prefetcher **result, const silma_dataset *dataset, size_t most, silma_error *error)
{
    *result = NULL;
    if (!dataset->pack.mapped) return SILMA_OK;
    const silma_images *images = &dataset->images;
    prefetcher *p = calloc(1, sizeof *p);
    if (!p) return silma_fail_memory(error, sizeof *p);
    p->pixels = images->pixels;
    p->image_bytes = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    p->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    p->most = most;
    p->wanted = reallocarray(NULL, most + 1, sizeof *p->wanted);
    p->working = reallocarray(NULL, most + 1, sizeof *p->working);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->asked, NULL);
    int failed = p->wanted && p->working ? pthread_create(&p->thread, NULL, prefetcher_main, p) : ENOMEM;
    if (failed) {
        free_memory(p);
        return silma_fail(error, SILMA_FAILURE, "the thread that reads images ahead could not be started: %s",
                          strerror(failed));
    }
    // Images are drawn at random: what lies beside one is of no use.
    (void)madvise(dataset->pack.mapped, dataset->pack.size, MADV_RANDOM);
    *result = p;
    return SILMA_OK;
}

void prefetcher_free(prefetcher *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->asked);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    free_memory(p);
}

void prefetcher_ask(prefetcher *p, const uint32_t *indices, size_t count)
{
    if (!p || count == 0) return;
    if (count > p->most) count = p->most;
    pthread_mutex_lock(&p->lock);
    memcpy(p->wanted, indices, count * sizeof *indices);
    p->wanted_count = count;
    pthread_cond_signal(&p->asked);
    pthread_mutex_unlock(&p->lock);
}
