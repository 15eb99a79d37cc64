// Writes the page of a run, such as examples/train.c has made, with its figures beside it as SVG files.
//
//   write_report RUN_FOLDER
//
// A program that has the images passes them too (silma_dataset_open): the page then also shows predictions, mistakes
// and the confusion matrix.
#include <silma/report.h>

#include <stdio.h>

// Writes <folder>/<name>.svg; `user` is the folder.
static silma_status save_figure(const char *name, const char *svg, size_t size, void *user, silma_error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.svg", (const char *)user, name);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(svg, 1, size, file) == size;
    if (file && fclose(file) != 0) written = false;
    if (written) return SILMA_OK;
    error->status = SILMA_IO; // silma_report_figures was given one
    snprintf(error->message, sizeof error->message, "%s.svg: cannot be written", name);
    return SILMA_IO;
}

static silma_status write_report(char *folder, silma_error *error)
{
    static const silma_report_options options = {.data_problem = "this program has no images"};
    char path[4096];
    snprintf(path, sizeof path, "%s/report.html", folder);
    silma_context *context = NULL;
    silma_report *report = NULL;
    silma_status status = silma_context_create(&context, NULL, error);
    if (status == SILMA_OK) status = silma_report_create(&report, folder, context, NULL, &options, error);
    if (status == SILMA_OK) status = silma_report_write(report, path, error);
    if (status == SILMA_OK) status = silma_report_figures(report, save_figure, folder, error);
    if (status == SILMA_OK) {
        printf("wrote %s\n", path);
        const char *sentence;
        for (size_t i = 0; (sentence = silma_report_sentence(report, i)); i++)
            printf("  %s\n", sentence);
    }
    silma_report_free(report);
    silma_context_free(context);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: write_report RUN_FOLDER\n");
        return SILMA_USAGE;
    }
    silma_error error;
    silma_status status = write_report(argv[1], &error);
    if (status != SILMA_OK) fprintf(stderr, "%s\n", error.message);
    return (int)status;
}
