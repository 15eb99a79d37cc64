// Folders of pictures, from the inside: near-duplicates, splits that keep them together, packs, any number of threads.
#define _GNU_SOURCE
#include "core/random.h"
#include "data/dataset.h"
#include "data/image_sketch.h"
#include "data/pack.h"
#include "data/prefetch.h"
#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// ---------------------------------------------------------------------------------------------------------------------
// Sketches

enum { SIDE = 24, PIXELS = SIDE * SIDE * 3 };

// Soft blobs, as photographs have: the mean of four neighbouring random values, drawn on a coarse grid.
static void draw(uint8_t pixels[PIXELS], uint64_t seed)
{
    enum { GRID = 7 };
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++) {
                double gy = (double)y * (GRID - 1) / SIDE, gx = (double)x * (GRID - 1) / SIDE;
                int row = (int)gy, column = (int)gx;
                double corner[2][2];
                for (int i = 0; i < 2; i++)
                    for (int j = 0; j < 2; j++)
                        corner[i][j] = (double)random_below(
                            seed, RANDOM_SAMPLE, 0, (uint64_t)((row + i) * GRID + column + j) * 3 + (uint64_t)c, 256);
                double dy = gy - row, dx = gx - column;
                double top = corner[0][0] * (1 - dx) + corner[0][1] * dx;
                double bottom = corner[1][0] * (1 - dx) + corner[1][1] * dx;
                pixels[(y * SIDE + x) * 3 + c] = (uint8_t)(top * (1 - dy) + bottom * dy);
            }
}

static image_sketch sketch(const uint8_t *pixels)
{
    return image_sketch_of(pixels, SIDE, SIDE, 3);
}

static void finds_what_is_nearly_the_same(void **state)
{
    (void)state;
    uint8_t image[PIXELS], other[PIXELS];
    for (uint64_t seed = 0; seed < 200; seed++) {
        draw(image, seed);
        image_sketch first = sketch(image);
        assert_int_equal(image_sketches_compare(&first, &first), IMAGES_SAME);
        for (size_t i = 0; i < PIXELS; i++) { // noise, as of saving again
            int noisy = image[i] + (int)random_below(seed, RANDOM_SAMPLE, 1, i, 7) - 3;
            other[i] = (uint8_t)(noisy < 0 ? 0 : noisy > 255 ? 255 : noisy);
        }
        image_sketch noisy = sketch(other);
        assert_int_equal(image_sketches_compare(&first, &noisy), IMAGES_SAME);
        for (size_t i = 0; i < PIXELS; i++)
            other[i] = (uint8_t)(image[i] < 251 ? image[i] + 4 : 255);
        image_sketch brighter = sketch(other);
        assert_int_equal(image_sketches_compare(&first, &brighter), IMAGES_NEAR);
        draw(other, seed + 1000);
        image_sketch different = sketch(other);
        assert_int_equal(image_sketches_compare(&first, &different), IMAGES_DIFFER);
    }
}

static void tells_colours_apart(void **state)
{
    (void)state;
    uint8_t red[PIXELS], green[PIXELS];
    for (size_t i = 0; i < PIXELS; i++) {
        red[i] = i % 3 == 0 ? 196 : 0;
        green[i] = i % 3 == 1 ? 100 : 0; // as bright
    }
    image_sketch a = sketch(red), b = sketch(green);
    assert_int_equal(image_sketches_compare(&a, &b), IMAGES_DIFFER);
}

// Images smaller than the sketch, of one channel, of many.
static void sketches_any_size(void **state)
{
    (void)state;
    static const int SIZES[][3] = {{1, 1, 1}, {1, 9, 3}, {3, 2, 1}, {8, 9, 4}, {17, 5, 2}};
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
        size_t count = (size_t)SIZES[s][0] * (size_t)SIZES[s][1] * (size_t)SIZES[s][2];
        uint8_t *pixels = malloc(count); // so that a read beyond is seen
        assert_non_null(pixels);
        for (size_t i = 0; i < count; i++)
            pixels[i] = (uint8_t)(37 * i);
        image_sketch sketch = image_sketch_of(pixels, SIZES[s][0], SIZES[s][1], SIZES[s][2]);
        assert_int_equal(image_sketches_compare(&sketch, &sketch), IMAGES_SAME);
        free(pixels);
    }
}

// The search among neighbours finds the same groups as comparing each with each.
static void groups_are_those_of_all_pairs(void **state)
{
    (void)state;
    enum { COUNT = 600, PARTNERS = 4 };
    image_sketch *sketches = calloc(COUNT, sizeof *sketches);
    uint32_t groups[COUNT], expected[COUNT];
    size_t near[COUNT] = {0}, alone = 0, many = 0;
    assert_non_null(sketches);
    for (uint32_t i = 0; i < COUNT; i++) { // some images of a kind, which differ by noise
        uint64_t kind = i < 200 ? i / 20 : i / 3, noise = i < 200 ? 15 : 4 + i % 24;
        uint8_t pixels[SKETCH_SIDE * SKETCH_SIDE];
        for (size_t p = 0; p < sizeof pixels; p++)
            pixels[p] = (uint8_t)(random_below(kind, RANDOM_SAMPLE, 3, p, 200) +
                                  random_below(1, RANDOM_SAMPLE, 4, i * sizeof pixels + p, noise));
        sketches[i] = image_sketch_of(pixels, SKETCH_SIDE, SKETCH_SIDE, 1);
        expected[i] = i;
    }
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t j = 0; j < COUNT; j++)
            near[i] += i != j && image_sketches_compare(&sketches[i], &sketches[j]) == IMAGES_NEAR;
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t j = i + 1; j < COUNT; j++) {
            image_likeness likeness = image_sketches_compare(&sketches[i], &sketches[j]);
            bool joined =
                likeness == IMAGES_SAME || (likeness == IMAGES_NEAR && near[i] <= PARTNERS && near[j] <= PARTNERS);
            uint32_t a = expected[i], b = expected[j];
            for (uint32_t k = 0; joined && k < COUNT; k++)
                if (expected[k] == (a > b ? a : b)) expected[k] = a > b ? b : a;
        }
    assert_int_equal(image_sketch_groups(sketches, COUNT, groups, NULL), SILMA_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(groups[i], expected[i]);
        alone += groups[i] == i;
        many += near[i] > PARTNERS;
    }
    assert_in_range(alone, 100, COUNT - 100);
    assert_in_range(many, 20, COUNT - 100);
    free(sketches);
}

// ---------------------------------------------------------------------------------------------------------------------
// Splits

static silma_dataset *grouped_dataset(size_t count, int classes)
{
    uint32_t *labels = calloc(count, sizeof *labels);
    assert_non_null(labels);
    for (size_t i = 0; i < count; i++)
        labels[i] = (uint32_t)(i % (size_t)classes);
    silma_dataset *dataset = dataset_of_labels(labels, count, classes);
    free(labels);
    dataset->groups = calloc(count, sizeof *dataset->groups);
    assert_non_null(dataset->groups);
    for (size_t i = 0; i < count; i++)
        dataset->groups[i] = (uint32_t)i;
    return dataset;
}

static void groups_of_one_change_nothing(void **state)
{
    (void)state;
    silma_dataset *dataset = grouped_dataset(500, 3);
    silma_partition with, without;
    assert_int_equal(silma_dataset_partition(dataset, 0.2, 7, &with, NULL), SILMA_OK);
    free(dataset->groups);
    dataset->groups = NULL;
    assert_int_equal(silma_dataset_partition(dataset, 0.2, 7, &without, NULL), SILMA_OK);
    assert_int_equal(with.validation_count, without.validation_count);
    assert_memory_equal(with.validation, without.validation, with.validation_count * sizeof(uint32_t));
    silma_partition_free(&with);
    silma_partition_free(&without);
    silma_dataset_free(dataset);
}

static void groups_stay_together(void **state)
{
    (void)state;
    enum { COUNT = 900, CLASSES = 3 };
    silma_dataset *dataset = grouped_dataset(COUNT, CLASSES);
    for (size_t i = 0; i < COUNT; i++) // groups of 1 to 9 images of a class, and one of 60
        dataset->groups[i] = (uint32_t)(i < 180 ? i % CLASSES : i - i / CLASSES % (1 + i % 9) * CLASSES);
    for (size_t i = 0; i < COUNT; i++)
        dataset->groups[i] = dataset->groups[dataset->groups[i]];
    for (uint64_t seed = 0; seed < 20; seed++) {
        silma_partition p;
        bool in_validation[COUNT] = {false};
        assert_int_equal(silma_dataset_partition(dataset, 0.2, seed, &p, NULL), SILMA_OK);
        assert_int_equal(p.train_count + p.validation_count, COUNT);
        for (size_t i = 0; i < p.validation_count; i++)
            in_validation[p.validation[i]] = true;
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(in_validation[i], in_validation[dataset->groups[i]]);
        assert_in_range(p.validation_count, 180 - CLASSES * 5, 180 + CLASSES * 5);
        silma_partition_free(&p);
    }
    silma_dataset_free(dataset);
}

static void own_validation_images_are_the_split(void **state)
{
    (void)state;
    silma_dataset *dataset = grouped_dataset(50, 2);
    dataset->has_validation = true;
    dataset->validation_first = 40;
    for (int wanted = 0; wanted < 2; wanted++) {
        silma_partition p;
        assert_int_equal(silma_dataset_partition(dataset, wanted ? 0.5 : 0.0, 3, &p, NULL), SILMA_OK);
        assert_int_equal(p.train_count, 40);
        assert_int_equal(p.train[39], 39);
        assert_int_equal(p.validation_count, wanted ? 10 : 0);
        if (wanted) assert_int_equal(p.validation[0], 40);
        silma_partition_free(&p);
    }
    silma_dataset_free(dataset);
}

// ---------------------------------------------------------------------------------------------------------------------
// Folders, with a decoder of this test's own: a picture is "height width channels" as three bytes, and then its pixels

static silma_status decode(const char *path, const uint8_t *bytes, size_t size, int least_side, uint64_t most_pixels,
                           silma_picture *picture, silma_error *error)
{
    (void)least_side;
    (void)most_pixels;
    if (size < 3 || size != 3 + (size_t)bytes[0] * bytes[1] * bytes[2]) {
        if (error) snprintf(error->message, sizeof error->message, "%s: damaged", path);
        if (error) error->status = SILMA_BAD_FILE;
        return SILMA_BAD_FILE;
    }
    *picture = (silma_picture){.height = bytes[0], .width = bytes[1], .channels = bytes[2], .pixels = malloc(size - 3)};
    assert_non_null(picture->pixels);
    memcpy(picture->pixels, bytes + 3, size - 3);
    return SILMA_OK;
}

static const silma_codecs CODECS = {.decode_picture = decode};

// A program that knows fewer formats: no picture in colour.
static silma_status decode_grey(const char *path, const uint8_t *bytes, size_t size, int least_side,
                                uint64_t most_pixels, silma_picture *picture, silma_error *error)
{
    return decode(path, bytes, size >= 3 && bytes[2] == 3 ? 0 : size, least_side, most_pixels, picture, error);
}

static const silma_codecs GREY_CODECS = {.decode_picture = decode_grey};

static void write_picture(const scratch *space, const char *class, size_t number, uint8_t side, uint8_t channels)
{
    char name[64];
    uint8_t bytes[3 + 20 * 20 * 3] = {side, side, channels};
    size_t count = (size_t)side * side * channels;
    for (size_t i = 0; i < count; i++)
        bytes[3 + i] = (uint8_t)random_below(number, RANDOM_SAMPLE, (uint32_t) class[0], i, 256);
    snprintf(name, sizeof name, "%s/%zu", class, number);
    scratch_write(space, name, bytes, 3 + count);
}

static void make_class(const scratch *space, const char *class, size_t count, uint8_t side, uint8_t channels)
{
    char *path = scratch_path(space, class);
    assert_int_equal(mkdir(path, 0755), 0);
    free(path);
    for (size_t i = 0; i < count; i++)
        write_picture(space, class, i, side, channels);
}

typedef struct told {
    size_t count;
    char last[1024];
} told;

static void tell(const char *message, void *user)
{
    told *t = user;
    t->count++;
    snprintf(t->last, sizeof t->last, "%s", message);
}

static silma_dataset *open_folder(const char *folder, unsigned threads, bool no_cache, told *t)
{
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    silma_dataset_options options = {
        .codecs = &CODECS, .threads = threads, .no_cache = no_cache, .notice = tell, .notice_user = t};
    *t = (told){0};
    if (silma_dataset_open(&dataset, folder, SILMA_SPLIT_TRAIN, &options, &error) != SILMA_OK)
        fail_msg("%s", error.message);
    return dataset;
}

// In memory and from the cache, with one thread and with five; a colour picture at the end makes all of them coloured,
// another size makes all of them 64x64.
static void images_do_not_depend_on_threads_or_cache(void **state)
{
    (void)state;
    scratch space = scratch_make(), cache = scratch_make();
    assert_int_equal(setenv("SILMA_CACHE", cache.folder, 1), 0);
    make_class(&space, "cat", 700, 6, 1);
    make_class(&space, "dog", 30, 6, 1);
    for (int kind = 0; kind < 4; kind++) {
        if (kind == 1) write_picture(&space, "dog", 29, 6, 3);
        if (kind == 2) write_picture(&space, "dog", 28, 7, 1);
        if (kind == 3) scratch_write(&space, "dog/27", "x", 1);
        told t;
        silma_dataset *reference = open_folder(space.folder, 1, true, &t);
        const silma_images *images = silma_dataset_images(reference);
        assert_int_equal(images->channels, kind == 0 ? 1 : 3);
        assert_int_equal(images->height, kind < 2 ? 6 : 64);
        assert_int_equal(images->count, kind < 3 ? 730 : 729);
        assert_int_equal(t.count, kind < 2 ? 0 : kind < 3 ? 1 : 2); // size; a bad file
        assert_string_equal(silma_dataset_image_file(reference, 0), "cat/0");
        assert_string_equal(silma_dataset_image_file(reference, images->count - 1), "dog/9");
        for (int i = 0; i < 3; i++) { // decoded, then from the cache twice
            silma_dataset *other = open_folder(space.folder, i == 0 ? 5 : 1, false, &t);
            const silma_images *found = silma_dataset_images(other);
            assert_int_equal(t.count, kind < 2 ? 0 : kind < 3 ? 1 : 2);
            assert_int_equal(found->count, images->count);
            assert_memory_equal(found->pixels, images->pixels,
                                images->count * (size_t)images->height * (size_t)images->width *
                                    (size_t)images->channels);
            assert_memory_equal(found->labels, images->labels, images->count * sizeof(uint32_t));
            assert_memory_equal(other->groups, reference->groups, images->count * sizeof(uint32_t));
            assert_string_equal(silma_dataset_hash(other), silma_dataset_hash(reference));
            assert_string_equal(silma_dataset_image_file(other, 100), silma_dataset_image_file(reference, 100));
            silma_dataset_free(other);
        }
        silma_dataset_free(reference);
    }
    assert_int_equal(silma_cache_clean(NULL, NULL, NULL), SILMA_OK);
    assert_int_equal(rmdir(cache.folder), 0); // nothing is left in it
    unsetenv("SILMA_CACHE");
    scratch_remove(&space);
}

// What one program had to leave out of its pack is there for the next one that can read it.
static void packs_of_programs_that_read_less_are_outdated(void **state)
{
    (void)state;
    scratch space = scratch_make(), cache = scratch_make();
    assert_int_equal(setenv("SILMA_CACHE", cache.folder, 1), 0);
    make_class(&space, "cat", 20, 6, 1);
    write_picture(&space, "cat", 7, 6, 3);
    static const silma_codecs *const ORDER[] = {&GREY_CODECS, &GREY_CODECS, &CODECS, &CODECS};
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++) {
        silma_dataset *dataset = NULL;
        silma_dataset_options options = {.codecs = ORDER[i], .preparation = {.height = 6, .width = 6, .channels = 1}};
        assert_int_equal(silma_dataset_open(&dataset, space.folder, SILMA_SPLIT_TRAIN, &options, NULL), SILMA_OK);
        assert_int_equal(silma_dataset_images(dataset)->count, i < 2 ? 19 : 20);
        silma_dataset_free(dataset);
    }
    unsetenv("SILMA_CACHE");
    scratch_remove(&cache);
    scratch_remove(&space);
}

static void pictures_need_a_decoder(void **state)
{
    (void)state;
    scratch space = scratch_make();
    make_class(&space, "cat", 2, 6, 1);
    silma_dataset *dataset = NULL;
    silma_error error = {0};
    silma_dataset_options options = {.no_cache = true};
    assert_int_equal(silma_dataset_open(&dataset, space.folder, SILMA_SPLIT_TRAIN, &options, &error), SILMA_USAGE);
    assert_non_null(strstr(error.message, "no decoder for pictures"));
    scratch_remove(&space);
}

// ---------------------------------------------------------------------------------------------------------------------
// Packs

enum { PACK_IMAGES = 5, PACK_FILES = 7 };
static const char SCAN_HASH[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static char *write_pack(const scratch *space)
{
    char *path = scratch_path(space, "a.pack");
    pack_writer writer;
    bool busy;
    uint32_t files[PACK_IMAGES] = {0, 1, 3, 4, 6}, groups[PACK_IMAGES] = {0, 0, 2, 0, 4}, labels[PACK_IMAGES] = {0};
    uint8_t pixels[PACK_IMAGES * 7];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)i;
    decoded_folder decoded = {
        .facts = {.preparation = {.height = 7, .width = 1, .channels = 1},
                  .count = PACK_IMAGES,
                  .bad_count = 2,
                  .bad_files = {2, 5}},
        .files = files,
    };
    assert_int_equal(pack_writer_open(&writer, path, false, &busy, NULL), SILMA_OK);
    assert_false(busy);
    assert_int_equal(writer.sink.begin(&writer.sink, &decoded.facts.preparation, NULL), SILMA_OK);
    assert_int_equal(writer.sink.add(&writer.sink, pixels, sizeof pixels, NULL), SILMA_OK);
    pack_writer second;
    assert_int_equal(pack_writer_open(&second, path, false, &busy, NULL), SILMA_OK);
    assert_true(busy);
    assert_int_equal(pack_writer_commit(&writer, path, &decoded, groups, labels, "/pictures", SCAN_HASH, NULL),
                     SILMA_OK);
    return path;
}

static bool opens(const char *path)
{
    pack p;
    bool opened = pack_open(&p, path, SCAN_HASH, PACK_FILES);
    if (opened) {
        assert_int_equal(p.facts.count, PACK_IMAGES);
        for (size_t i = 0; i < (size_t)PACK_IMAGES * 7; i++)
            assert_int_equal(p.pixels[i], i);
    }
    pack_close(&p);
    return opened;
}

static void damaged_packs_are_refused(void **state)
{
    (void)state;
    enum { HEADER = 1384, PIXELS_BEGIN = 4096, PIXELS_END = PIXELS_BEGIN + PACK_IMAGES * 7, INDEX = 8192 };
    scratch space = scratch_make();
    char *path = write_pack(&space), folder[PACK_FOLDER_SIZE];
    assert_true(opens(path));
    assert_true(pack_read_folder(path, folder));
    assert_string_equal(folder, "/pictures");
    pack p;
    assert_false(pack_open(&p, path, "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", PACK_FILES));
    assert_false(pack_open(&p, path, SCAN_HASH, PACK_FILES + 1));
    size_t count;
    uint8_t *bytes = scratch_read(&space, "a.pack", &count);
    assert_int_equal(count, INDEX + 2 * PACK_IMAGES * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        if (i == HEADER) i = PIXELS_BEGIN; // before and behind the pixels lie bytes without meaning
        if (i == PIXELS_END) i = INDEX;
        bytes[i] ^= 0x10;
        scratch_write(&space, "a.pack", bytes, count);
        assert_false(opens(path));
        bytes[i] ^= 0x10;
    }
    for (size_t length = 0; length < count; length += length < PIXELS_BEGIN - 10 ? 97 : length < INDEX - 5 ? 1000 : 1) {
        scratch_write(&space, "a.pack", bytes, length);
        assert_false(opens(path));
    }
    scratch_write(&space, "a.pack", bytes, count);
    assert_true(opens(path));
    free(bytes);
    free(path);
    scratch_remove(&space);
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading ahead

static void reads_ahead_of_mapped_images(void **state)
{
    (void)state;
    enum { COUNT = 64, BYTES = 5000, MOST = 16 };
    uint8_t *memory = mmap(NULL, (size_t)COUNT * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    silma_dataset *dataset = grouped_dataset(COUNT, 2);
    prefetcher *none = NULL;
    assert_int_equal(prefetcher_create(&none, dataset, MOST, NULL), SILMA_OK);
    assert_null(none); // the images are in memory
    prefetcher_ask(none, NULL, 0);
    prefetcher_free(none);

    const uint8_t *pixels = dataset->images.pixels;
    dataset->images.pixels = memory;
    dataset->images.width = BYTES;
    dataset->pack = (file_view){.bytes = memory, .size = (size_t)COUNT * BYTES, .mapped = memory};
    uint32_t indices[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        indices[i] = (i * 7) % COUNT;
    for (int round = 0; round < 50; round++) { // freed with work begun, waiting, and done
        prefetcher *p = NULL;
        assert_int_equal(prefetcher_create(&p, dataset, MOST, NULL), SILMA_OK);
        assert_non_null(p);
        for (int i = 0; i < round % 5; i++)
            prefetcher_ask(p, indices + i * 8, i % 2 ? MOST : COUNT);
        prefetcher_free(p);
    }
    dataset->images.pixels = pixels;
    silma_dataset_free(dataset); // unmaps
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_nearly_the_same),
        cmocka_unit_test(tells_colours_apart),
        cmocka_unit_test(sketches_any_size),
        cmocka_unit_test(groups_are_those_of_all_pairs),
        cmocka_unit_test(groups_of_one_change_nothing),
        cmocka_unit_test(groups_stay_together),
        cmocka_unit_test(own_validation_images_are_the_split),
        cmocka_unit_test(images_do_not_depend_on_threads_or_cache),
        cmocka_unit_test(packs_of_programs_that_read_less_are_outdated),
        cmocka_unit_test(pictures_need_a_decoder),
        cmocka_unit_test(damaged_packs_are_refused),
        cmocka_unit_test(reads_ahead_of_mapped_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
