// What silma_check holds, and the parts that fill it:
//
//     check.c        the data sets, the order of the findings
//     check_files.c  every file of a folder of pictures: can it be read, its size, its colours
//     check_alike.c  the same picture twice
//     check_images.c pictures of one colour, small classes, labels that a model doubts
//     check_words.c  what to conclude
#ifndef SILMA_CHECK_CHECK_H
#define SILMA_CHECK_CHECK_H

#include "core/threads.h"
#include "data/dataset.h"
#include "silma/report.h"

enum { CHECK_SETS = 2, CHECK_SENTENCE_MAX = 512, CHECK_KINDS_MAX = 1024 };

struct silma_check {
    char *name;
    silma_dataset *sets[CHECK_SETS]; // by silma_split; null: there is none
    const silma_codecs *codecs;      // may be null
    size_t count;                    // images of all sets
    silma_finding *findings;         // (finding_count), each `reason` owned
    size_t finding_count, finding_capacity;
    size_t kind_counts[SILMA_FINDING_KINDS];
    silma_picture_kind *kinds; // (kind_count)
    size_t kind_count;
    char sentences[SILMA_FINDING_KINDS][CHECK_SENTENCE_MAX]; // "" where nothing was found
};

// Images are numbered through all sets.
const uint8_t *check_pixels(const silma_check *check, size_t image);
silma_checked_image check_image(const silma_check *check, size_t image);

// Of each image.
static inline size_t check_image_bytes(const silma_check *check)
{
    const silma_images *images = &check->sets[SILMA_SPLIT_TRAIN]->images;
    return (size_t)images->height * (size_t)images->width * (size_t)images->channels;
}

// Takes over `finding->reason`, also on failure.
silma_status check_add(silma_check *check, const silma_finding *finding, silma_error *error);

silma_status check_files(silma_check *check, thread_pool *pool, const char *folder, silma_split split,
                         const silma_codecs *codecs, silma_error *error);
silma_status check_alike(silma_check *check, thread_pool *pool, silma_error *error);
silma_status check_one_colour(silma_check *check, silma_error *error);
silma_status check_classes(silma_check *check, silma_error *error);
silma_status check_labels(silma_check *check, silma_context *context, silma_model *model, silma_error *error);
void check_conclude(silma_check *check);

#endif
