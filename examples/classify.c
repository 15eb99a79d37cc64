// Classifies pictures with a trained model.
//
//   classify MODEL.safetensors PICTURE...
//
// A picture may be a PNG, JPEG, BMP or PNM file of any size: the model knows how its training images were prepared.
#include <silma/codecs.h>
#include <silma/silma.h>

#include <stdio.h>
#include <stdlib.h>

// One line: the file, then its class or "unknown" (if `silma calibrate` has taught the model to say so).
static void print_class(const silma_model *model, const char *path, const float *probabilities)
{
    int best = silma_model_choose(model, probabilities);
    if (best < 0)
        printf("%s: unknown\n", path);
    else
        printf("%s: %s %.1f%%\n", path, silma_model_class_name(model, best), 100.0 * (double)probabilities[best]);
}

// A file that cannot be read is named; the others are classified all the same.
static silma_status classify(silma_model *model, silma_context *context, char **paths, size_t count, silma_error *error)
{
    size_t classes = (size_t)silma_model_class_count(model);
    silma_picture_file *files = calloc(count, sizeof *files);
    silma_error *errors = calloc(count, sizeof *errors);
    float *probabilities = calloc(count * classes, sizeof *probabilities);
    silma_status status = SILMA_FAILURE;
    if (files && errors && probabilities) {
        for (size_t i = 0; i < count; i++)
            files[i].path = paths[i];
        status = silma_model_predict_files(model, context, silma_codecs_default(), files, count, probabilities, errors,
                                           error);
    } else {
        snprintf(error->message, sizeof error->message, "out of memory");
    }
    for (size_t i = 0; i < count && status == SILMA_OK; i++) {
        if (errors[i].status == SILMA_OK)
            print_class(model, paths[i], probabilities + i * classes);
        else
            fprintf(stderr, "%s\n", errors[i].message);
    }
    free(files);
    free(errors);
    free(probabilities);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: classify MODEL.safetensors PICTURE...\n");
        return SILMA_USAGE;
    }
    silma_error error = {0};
    silma_context *context = NULL;
    silma_model *model = NULL;
    silma_status status = silma_context_create(&context, NULL, &error);
    if (status == SILMA_OK) status = silma_model_load(&model, argv[1], &error);
    if (status == SILMA_OK) status = classify(model, context, argv + 2, (size_t)argc - 2, &error);
    if (error.message[0]) fprintf(stderr, "%s\n", error.message);
    silma_model_free(model);
    silma_context_free(context);
    return (int)status;
}
