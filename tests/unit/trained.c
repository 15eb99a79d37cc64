#include "trained.h"

#include "core/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

silma_model *train_model(silma_context *context, const char *text, const silma_dataset *dataset, const scratch *space,
                         const char *name, const char *file)
{
    const silma_images *images = silma_dataset_images(dataset);
    silma_input input = {images->height, images->width, images->channels, images->class_count};
    silma_network *network = NULL;
    silma_run *run = NULL;
    silma_model *model = NULL;
    silma_error error = {0};
    char *folder = scratch_path(space, name), *path = path_join(folder, file);
    assert_non_null(path);
    if (silma_network_parse(&network, text, "test.silma", &input, &error) ||
        silma_run_create(&run, context, network, dataset, NULL, folder, &error) ||
        silma_run_train(run, NULL, NULL, &error) || silma_model_load(&model, path, &error))
        fail_msg("%s", error.message);
    silma_run_free(run);
    silma_network_free(network);
    free(path);
    free(folder);
    return model;
}
